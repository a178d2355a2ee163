"""Write share/: completions for three shells and a manual page, from what the program declares.

python -m docs.manual
"""

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from typer._completion_shared import get_completion_script

from bot.cli.program import app

SHARE = Path(__file__).parents[1] / "share"
_EXIT_CODES = Path(__file__).parents[1] / "docs" / "reference.md"
_NAME = "lipsync-bot"
# Where each shell looks for what a package brings, below share/.
_COMPLETIONS = {
    "bash": f"bash-completion/completions/{_NAME}",
    "zsh": f"zsh/site-functions/_{_NAME}",
    "fish": f"fish/vendor_completions.d/{_NAME}.fish",
}
_FILES = {
    "config.yaml": "In the current directory: the configuration, unless --config names another file.",
    "/run/secrets/": "A file for each key that is set there, as Docker and Kubernetes mount them: slack_bot_token.",
}


def files() -> dict[str, str]:
    """Return what share/ has: the content of each path."""
    scripts = {path: _script(shell) for shell, path in _COMPLETIONS.items()}
    return scripts | {f"man/man1/{_NAME}.1": "\n".join(_page()) + "\n"}


def _script(shell: str) -> str:
    script = get_completion_script(prog_name=_NAME, complete_var="_LIPSYNC_BOT_COMPLETE", shell=shell)
    # zsh loads the file when somebody first presses Tab, and takes it for what answers that.
    first = '\n\n[[ $zsh_eval_context[-1] == loadautofunc ]] && _lipsync_bot_completion "$@"'
    return f"{script}{first if shell == 'zsh' else ''}\n"


def _page() -> Iterator[str]:
    """Yield the lines of the manual page."""
    program: Any = typer.main.get_command(app)
    context = program.make_context(_NAME, ["run"])
    of_all = _options(program, context)
    summary = program.help.partition(":")[0]
    yield f'.TH {_NAME.upper()} 1 "" "{_NAME}" "User Commands"'
    yield from (".SH NAME", f"{_NAME} \\- {_roff(summary[0].lower() + summary[1:])}")
    yield from (".SH SYNOPSIS", rf"\fB{_roff(_NAME)}\fR [\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]")
    yield from (".SH DESCRIPTION", _roff(program.help))
    yield from (".SH OPTIONS", *_terms(of_all))
    yield ".SH COMMANDS"
    yield from _commands(program, context, of_all)
    yield from (".SH EXIT STATUS", *_terms(_exit_codes()))
    yield from (".SH FILES", *_terms(_FILES))
    yield from (".SH SEE ALSO", _roff("https://github.com/lipsync-bot/lipsync-bot"))


def _commands(group: Any, context: Any, of_all: Collection[str], path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        inner = command.context_class(command, info_name=name, parent=context)
        usage = " ".join(piece.strip("{}") for piece in command.collect_usage_pieces(inner) if piece != "[OPTIONS]")
        yield f".SS {_roff(f'{path}{name} {usage}'.strip())}"
        yield _roff(" ".join((command.help or "").split()))
        yield from _terms({option: text for option, text in _options(command, inner).items() if option not in of_all})
        if command.epilog:
            yield from (".PP", _roff(" ".join(command.epilog.split())))
        if hasattr(command, "commands"):
            yield from _commands(command, inner, of_all, f"{path}{name} ")


def _options(command: Any, context: Any) -> dict[str, str]:
    records = (option.get_help_record(context) for option in command.params if option.param_type_name == "option")
    return dict(record for record in records if record)


def _exit_codes() -> dict[str, str]:
    """Return the exit codes and what they mean, from the table that explains them to people."""
    table = _EXIT_CODES.read_text("utf-8").partition("### Exit codes\n")[2]
    return {code: text.replace("`", "") for code, text in re.findall(r"^\| (\d+) \| (.*) \|$", table, re.MULTILINE)}


def _terms(terms: Mapping[str, str]) -> Iterator[str]:
    for term, text in terms.items():
        yield from (".TP", rf"\fB{_roff(term)}\fR", _roff(text))


def _roff(text: str) -> str:
    """Return *text* so that roff shows it as it is: a hyphen can be copied, and no line is a request."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def main() -> None:
    for path, content in files().items():
        (SHARE / path).parent.mkdir(parents=True, exist_ok=True)
        (SHARE / path).write_text(content, "utf-8")
        sys.stdout.write(f"share/{path}\n")


if __name__ == "__main__":
    main()
