"""Commands → wiring → exit codes; nothing else."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bot.errors import (
    ConfigError,
    LipsyncBotError,
    StateError,
    StateHeldError,
    Stopped,
)

DONE, UNDONE, USAGE, HELD, STATE = 0, 1, 2, 3, 4

app = typer.Typer(
    name="lipsync-bot",
    help="Tells a Slack channel, exactly once, when a Chanjing lip-sync video is ready or has failed.",
    no_args_is_help=True,
    # They print local variables, tokens included.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="PATH", help="The YAML file. Default: config.yaml, where there is one."),
]


def main() -> None:
    """Run the program and end the process with its exit code."""
    try:
        app()
    except StateHeldError as error:
        _fail(error, HELD)
    except StateError as error:
        _fail(error, STATE)
    except ConfigError as error:
        _fail(error, USAGE)
    except Stopped:
        sys.exit(DONE)
    except LipsyncBotError as error:
        _fail(error, UNDONE)


def _fail(error: Exception, code: int) -> NoReturn:
    for line in str(error).splitlines():
        typer.echo(f"lipsync-bot: {line}", err=True)
    sys.exit(code)


@app.callback()
def _common(context: typer.Context, config: ConfigOption = None) -> None:
    context.obj = config


def _command(name: str, example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command with an example in its help. It takes --config, which may also stand before its name."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        epilog = f"Example:  {example}"
        return app.command(name, help=function.__doc__, epilog=epilog)(function)

    return register


@_command("run", "lipsync-bot run --config /etc/lipsync-bot.yaml")
def run(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Poll once, deliver what is due, and leave: for cron.")] = False,
) -> None:
    """Watch the list and post to Slack, until SIGTERM or Ctrl-C."""
    from bot import daemon, log, progress, wiring
    from bot.clock import SystemClock
    from bot.config import load

    settings = load(config or context.obj, os.environ)
    stop = threading.Event()
    daemon.end_on_signals(stop)
    clock = SystemClock(stop)
    logger = log.make(settings.log.level, settings.log.format)
    with wiring.polling(settings, clock, logger, progress=progress.shown(logger, clock)) as poll:
        if not once:
            logger.info("started", state=str(settings.state.path))
            daemon.Daemon(poll, clock, logger).run()
            return
        try:
            poll.once()
        except Stopped:
            return
        if poll.owing():
            raise LipsyncBotError("some notices could not be delivered yet; the next run goes on with them.")


@_command("demo", "lipsync-bot demo")
def demo() -> None:
    """See the whole job in 20 seconds, against a Chanjing and a Slack of its own: no account, no network."""
    from bot.demo import story

    if not story.tell():
        raise LipsyncBotError("the demo did not go as it should; please report it, with what was printed.")


@_command("check", "lipsync-bot check --send")
def check(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    send: Annotated[bool, typer.Option("--send", help="Post a test message too.")] = False,
) -> None:
    """Ask whether everything is in place: configuration, state, Chanjing, Slack."""
    from bot import check as questions
    from bot import state, wiring
    from bot.clock import SystemClock
    from bot.config import load
    from bot.message import Style, render
    from bot.outbox import Test
    from bot.slack import SlackBot

    settings = load(config or context.obj, os.environ)
    bad = []

    def tell(finding: questions.Finding) -> None:
        sign = {"good": "✓", "warning": "!", "bad": "✗"}[finding.severity]
        typer.echo(f"{sign} {finding.subject}: {finding.text}")
        if finding.severity == "bad":
            bad.append(finding)

    tell(questions.Finding("configuration", "good", "complete"))
    tell(questions.state_directory(state.resolve(settings.state.path)))
    with wiring.http() as client:
        clock = SystemClock(threading.Event())
        tell(questions.chanjing(wiring.chanjing(settings, client, clock), settings.chanjing.page_size))
        slack, route = wiring.slack(settings, client), wiring.routes(settings)
        if isinstance(slack, SlackBot):
            keys = {"success": "slack.channel", "failure": "slack.failure_channel", "alerts": "slack.alerts_channel"}
            for finding in questions.slack(slack, {keys[role]: channel for role, channel in route.items()}):
                tell(finding)
        else:
            text = "a webhook: a message may repeat after a lost reply. Only posting shows whether it works: --send"
            tell(questions.Finding("slack", "warning", text))
        if send:
            style = Style(settings.slack.language)
            message = render([Test()], style)
            for channel in dict.fromkeys(route.values()):
                tell(questions.send(slack, channel, message, lambda: str(time.time_ns())))
    if bad:
        raise typer.Exit(UNDONE if any(finding.needed_network for finding in bad) else STATE)


@_command("status", "lipsync-bot status --json | jq .owed")
def status(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what is watched, owed and delivered, and when the bot was last alive."""
    from bot import report, state
    from bot.config import load_local

    path = state.resolve(load_local(config or context.obj, os.environ).state.path)
    known = state.peek(path)
    if known is None:
        raise StateError(f"{path}: there is no state yet: no bot has run with it. Start one: lipsync-bot run")
    told = report.status(known, state.heartbeat(path))
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    Console(highlight=False).print(report.table(told))


@_command("health", "lipsync-bot health || echo unwell")
def health(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Exit with 0 when the loop lives and nothing is overdue, with 1 otherwise: for HEALTHCHECK."""
    from bot import report, state
    from bot.config import load_local

    settings = load_local(config or context.obj, os.environ)
    path = state.resolve(settings.state.path)
    found = report.ailments(state.peek(path), state.heartbeat(path), interval=settings.poll.interval, now=time.time())
    for code, detail in found:
        typer.echo(f"{code}: {detail}")
    if found:
        raise typer.Exit(UNDONE)
    typer.echo("ok")
