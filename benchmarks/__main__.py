"""`python -m benchmarks [SECTION] …`: measure, and write the figures into docs/performance.md."""

import importlib
import sys

SECTIONS = ("listing", "latency", "wakes", "footprint", "accounts", "takeovers", "script")


def main() -> None:
    """Run the benchmarks named, or all."""
    for name in sys.argv[1:] or SECTIONS:
        if name not in SECTIONS:
            sys.exit(f"no benchmark {name!r}; there are: {', '.join(SECTIONS)}")
        importlib.import_module(f"benchmarks.{name}").main()


main()
