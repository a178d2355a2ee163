"""`config init`: write a configuration file to fill in."""

import shlex
from pathlib import Path

from bot.config.sections import example, write_example


def main(path: Path | None) -> None:
    """Write the example to *path* (None: config.yaml), or to stdout for `-`, and print what comes next."""
    if str(path) == "-":
        print(example(), end="")
        return
    written = write_example(path) if path else write_example()
    option = f" --config {shlex.quote(str(path))}" if path else ""
    print(f"{written} was written, and only you can read it. Fill in the values that are not commented out; then:")
    print(f"  lipsync-bot check{option}")
