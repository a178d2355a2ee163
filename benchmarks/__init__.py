"""What the bot costs: `python -m benchmarks` measures, and writes docs/performance.md and its plots."""
