"""The options and arguments that several commands take, and how what is given is read."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from bot.errors import UsageError


def given_path(text: str) -> Path:
    """Return the path. An empty one would be the current directory."""
    if not text.strip():
        raise UsageError("PATH: it is empty. Is a variable unset?")
    return Path(text)


def given_id(text: str | None) -> str | None:
    """Refuse an empty id: every id begins with it."""
    if text is not None and not text.strip():
        raise UsageError("ID: it is empty. Is a variable unset?")
    return text


def choice(choices: Any, text: str) -> Any:
    """Return an option for one of *choices*, a Literal. typer's own error for it speaks of a "Value error"."""
    names = get_args(choices)

    def parse(given: str) -> str:
        if given.lower() not in names:
            raise typer.BadParameter(f"{given!r} is not one of {', '.join(names)}.")
        return given.lower()

    return typer.Option(parser=parse, metavar="|".join(names), help=text)


def _config(context: typer.Context, path: Path | None) -> Path | None:
    """Return what stands behind the command, else what stands before it."""
    return path or (context.obj and context.obj.config)


def _accounts(context: typer.Context, names: list[str] | None) -> list[str] | None:
    """Return those behind the command, else those before it."""
    return names or (context.obj and context.obj.accounts)


_CONFIG = "The YAML file. Default: config.yaml, if there is one."
ConfigOption = Annotated[
    Path | None, typer.Option("--config", parser=given_path, callback=_config, metavar="PATH", help=_CONFIG)
]
AccountOption = Annotated[
    list[str] | None,
    typer.Option(
        "--account", callback=_accounts, metavar="NAME", help="Only this account; more than one can be given."
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Only the accounts of part I of N, counted from 0."),
]
TaskArgument = Annotated[
    str, typer.Argument(metavar="ID", callback=given_id, help="A task's id, or its first characters.")
]
PathArgument = Annotated[Path, typer.Argument(parser=given_path, metavar="PATH", help="The JSON document; -: a pipe.")]
