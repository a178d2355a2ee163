"""The commands as typer declares them: names, options and help. What each does is in the file that it loads."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bot import __version__, signals
from bot.cli.archive_program import archives
from bot.cli.options import (
    AccountOption,
    ConfigOption,
    PathArgument,
    ShardOption,
    TaskArgument,
    choice,
    given_id,
    given_path,
)
from bot.cli.selection import Selection
from bot.cli.selection import shard as shard_of
from bot.language import Language

Kind = Literal["success", "failure", "digest", "board", "summary", "alert", "greeting"]

_NAME = "lipsync-bot"
_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name=_NAME,
    help="Announces in Slack when a Chanjing lip-sync video is ready or has failed: exactly once with a bot token, "
    "at least once with a webhook.",
    no_args_is_help=True,
    # They print local variables, tokens included.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_HELP,
    # A shell completes a program by its name: from `python -m bot` it would run `python` for this.
    add_completion=Path(sys.argv[0]).name == _NAME,
)
configuration = typer.Typer(context_settings=_HELP)
app.add_typer(configuration, name="config")
states = typer.Typer(help="Move what the bot remembers.", no_args_is_help=True, context_settings=_HELP)
app.add_typer(states, name="state")
app.add_typer(archives, name="archive")


def _print_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        typer.echo(f"lipsync-bot {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    account: AccountOption = None,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    del version  # printed already
    context.obj = Selection(config, account)
    if context.invoked_subcommand != "run":
        # Only `run` waits for them; the others end as any program does.
        signals.let_through()


@app.command("run", epilog="Example:  lipsync-bot run --config /etc/lipsync-bot.yaml")
def run(
    *,
    config: ConfigOption = None,
    account: AccountOption = None,
    shard: ShardOption = None,
    once: Annotated[bool, typer.Option("--once", help="Poll once, deliver what is due, and exit: for cron.")] = False,
    standby: Annotated[bool, typer.Option("--standby", help="Wait while another copy holds the state.")] = False,
) -> None:
    """Watch the list and post to Slack, until SIGTERM or Ctrl-C."""
    from bot.cli.run import main

    raise typer.Exit(main(Selection(config, account, shard_of(shard)), once=once, standby=standby))


@app.command("demo", epilog="Example:  lipsync-bot demo")
def demo(
    *,
    language: Annotated[Language, choice(Language, "The language of the messages. Default: en.")] = "en",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="On a terminal, keep the page up until Enter.")] = True,
) -> None:
    """See the bot at work for half a minute, here and in a browser. It needs no account and no network."""
    from bot.cli.demo import main

    main(language, wait=wait)


@app.command("check", epilog="Example:  lipsync-bot check --send")
def check(
    *,
    config: ConfigOption = None,
    account: AccountOption = None,
    send: Annotated[bool, typer.Option("--send", help="Also post a test message.")] = False,
) -> None:
    """Check that everything is in place. That is configuration, state, Chanjing and Slack."""
    from bot.cli.check import main

    raise typer.Exit(main(Selection(config, account), send=send))


@app.command("status", epilog="Example:  lipsync-bot status --json | jq .owed")
def status(
    *,
    config: ConfigOption = None,
    account: AccountOption = None,
    shard: ShardOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show what is watched, owed and delivered. Also shows when the bot was last alive."""
    from bot.cli.status import main

    main(Selection(config, account, shard_of(shard)), as_json=as_json)


@app.command("health", epilog="Example:  lipsync-bot health || echo unwell")
def health(*, config: ConfigOption = None, account: AccountOption = None) -> None:
    """Exit with 0 when the bot is well, else with 1. For HEALTHCHECK: well is what runs and has nothing overdue."""
    from bot.cli.health import main

    raise typer.Exit(main(Selection(config, account)))


@app.command("preview", epilog="Example:  lipsync-bot preview --kind failure --language zh")
def preview(
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", callback=given_id, help="A task whose message is still owed, instead of a sample."
        ),
    ] = None,
    *,
    config: ConfigOption = None,
    account: AccountOption = None,
    kind: Annotated[Kind | None, choice(Kind, "Which message; default: all of them.")] = None,
    language: Annotated[
        Language | None, choice(Language, "The language of the messages. Default: slack.language.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the message as Slack gets it.")] = False,
    as_link: Annotated[
        bool, typer.Option("--link", help="Print a link that shows it in Slack's Block Kit Builder.")
    ] = False,
) -> None:
    """Show the messages as they will look."""
    from bot.cli.preview import main

    main(Selection(config, account), task, kind=kind, language=language, as_json=as_json, as_link=as_link)


@app.command("explain", epilog="Example:  lipsync-bot explain 9499ed79")
def explain(task: TaskArgument, *, config: ConfigOption = None, account: AccountOption = None) -> None:
    """Explain why a task was or was not announced. Also says when, and with which ts."""
    from bot.cli.explain import main

    main(Selection(config, account), task)


@app.command("replay", epilog="Example:  lipsync-bot replay 9499ed79 --yes")
def replay(
    task: TaskArgument,
    *,
    config: ConfigOption = None,
    account: AccountOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Announce a task again, on purpose. It is one more message, whatever was announced before."""
    from bot.cli.replay import main

    raise typer.Exit(main(Selection(config, account), task, ask=not yes))


@configuration.callback(invoke_without_command=True, epilog="Example:  lipsync-bot config")
def show(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    account: AccountOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the configuration in force. Says where each value stands; hides secrets."""
    context.obj = Selection(config, account)
    if context.invoked_subcommand is None:
        from bot.cli import config as command

        command.show(context.obj, as_json=as_json)


@configuration.command("init", epilog="Example:  lipsync-bot config init")
def init(
    path: Annotated[
        Path | None,
        typer.Argument(parser=given_path, metavar="PATH", help="The file to write. Default: config.yaml; -: stdout."),
    ] = None,
    *,
    config: ConfigOption = None,
) -> None:
    """Write a configuration file to fill in. Has every key with its default, explained. Nothing is overwritten."""
    from bot.cli.config import main

    main(path or config)


@configuration.command("schema", epilog="Example:  lipsync-bot config schema > config.schema.json")
def schema() -> None:
    """Print the JSON Schema of the file. With it, editors complete and check what you write."""
    from bot.cli.config import print_schema

    print_schema()


@states.command("export", epilog="Example:  lipsync-bot state export bot.json")
def export(path: PathArgument, *, config: ConfigOption = None, account: AccountOption = None) -> None:
    """Write the state as one JSON document. For another place, such as PostgreSQL; stop the bot first."""
    from bot.cli.state import write

    write(Selection(config, account), path)


@states.command("import", epilog="Example:  lipsync-bot state import bot.json")
def import_(path: PathArgument, *, config: ConfigOption = None, account: AccountOption = None) -> None:
    """Make a document of `state export` the state. Nothing is overwritten."""
    from bot.cli.state import read

    read(Selection(config, account), path)
