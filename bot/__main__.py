"""The process around a command: its signals and its standard streams. `python -m bot` is `lipsync-bot`."""

import contextlib
import gc
import os
import resource
import sys

from bot import signals, stderr


def main() -> None:
    """Run the program and end the process with its exit code."""
    # The imports take a second. A signal that comes meanwhile waits until the command knows what to do about it. Else
    # it would end the process with a traceback; or be lost: process 1 of a container gets only those it waits for.
    signals.hold_back()
    # A core dump would hold the tokens. The hard limit too: nothing that runs in the process may raise it again.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.set_threshold(20_000)  # nothing that the imports make is garbage, and 700 would look for some all the time
    _open_closed_streams()
    sys.stderr = stderr.without_waiting(sys.stderr)
    # If its encoding has no Chinese, a message with question marks is better than none.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    from bot import cli

    try:
        cli.main()
    finally:
        _flush_or_drop()


def _open_closed_streams() -> None:
    """Open /dev/null for each standard stream that is closed: else the next file that is opened takes its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _flush_or_drop() -> None:
    """Write what stdout still holds. If that cannot be done, drop it: else Python exits with 120."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
