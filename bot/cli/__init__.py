"""The command line: exit codes, and the way from the arguments to a command.

Each command has a file of its own, which is loaded when it is asked for. `program` declares them all with typer.
"""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot import signals
from bot.cli.selection import Selection, shard
from bot.errors import NO_THREAD, LipsyncBotError
from bot.harmless import visible

DONE, UNDONE, INTERRUPTED = 0, 1, 130  # those of errors stand in bot.errors


def main() -> None:
    """Run the command that the process was given, and end the process with its exit code."""
    text = ""
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except LipsyncBotError as error:
        code, text = error.exit_code, str(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = UNDONE  # whoever read the output has seen enough
    except OSError as error:
        # What the bot reads and sends has its own errors: this is the output, or a file of --install-completion.
        code, text = UNDONE, f"{error.filename or 'the output'} cannot be written: {error.strerror}."
    except UnicodeDecodeError:
        # Likewise: this is a file that --install-completion wants to add to.
        text = "your shell's start-up file is not in UTF-8. Add what --show-completion prints to it by hand."
        code = UNDONE
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        code, text = UNDONE, f"{NO_THREAD}."
    with contextlib.suppress(OSError):  # the exit code says it too
        sys.stderr.write("".join(f"lipsync-bot: {visible(line)}\n" for line in text.splitlines()))
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code. typer, which takes longer to load than these two, is spared them."""
    words, options = _split(arguments)
    match words:
        case ["health"] if options.keys() <= {"--config", "--account"}:
            from bot.cli import health

            signals.let_through()
            return health.main(_selection(options))
        case ["run", *flags] if set(flags) <= {"--once", "--standby"}:
            from bot.cli import run

            return run.main(_selection(options), once="--once" in flags, standby="--standby" in flags)
        case _:
            from bot.cli.program import app

            try:
                app()
            except SystemExit as ended:
                return int(ended.code or DONE)
            return DONE


def _split(arguments: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return *arguments* without the options that take a value, and their values. If one has none: typer says so."""
    words: list[str] = []
    options: dict[str, list[str]] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name not in {"--config", "--account", "--shard"}:
            words.append(argument)
            continue
        value = value if equals else next(rest, "")
        if not value.strip():
            return list(arguments), {}
        options.setdefault(name, []).append(value)
    return words, options


def _selection(options: Mapping[str, list[str]]) -> Selection:
    config = Path(options["--config"][-1]) if "--config" in options else None
    chosen = shard(options["--shard"][-1]) if "--shard" in options else None
    return Selection(config, options.get("--account"), chosen)
