"""The commands about the archive as typer declares them. What each does is in bot.cli.archive."""

from typing import Annotated

import typer

from bot.cli.options import AccountOption, ConfigOption, given_id
from bot.cli.selection import Selection

archives = typer.Typer(
    help="Look after the copies of videos and covers.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@archives.command("verify", epilog="Example:  lipsync-bot archive verify")
def verify(*, config: ConfigOption = None, account: AccountOption = None) -> None:
    """Compare the archive with its sums. Lists what is missing or wrong, and exits with 1 if anything is."""
    from bot.cli.archive import verify as main

    raise typer.Exit(main(Selection(config, account)))


@archives.command("fetch", epilog="Example:  lipsync-bot archive fetch --since 7d")
def fetch(
    task: Annotated[
        str | None,
        typer.Argument(metavar="ID", callback=given_id, help="A task's id, or its first characters."),
    ] = None,
    *,
    config: ConfigOption = None,
    account: AccountOption = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="All tasks created since so long, such as 7d.")
    ] = None,
) -> None:
    """Copy what Chanjing still lists. For who has set archive.path late; the bot may be running."""
    from bot.cli.archive import fetch as main

    raise typer.Exit(main(Selection(config, account), task, since=since))
