"""Commands → wiring → exit codes; nothing else."""

import contextlib
import itertools
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from bot import __version__, signals
from bot.errors import (
    NO_THREAD,
    ConfigError,
    LipsyncBotError,
    StateError,
    StateHeldError,
    Stopped,
    UsageError,
)
from bot.harmless import in_json, visible

if TYPE_CHECKING:
    from bot.domain.state import State

DONE, UNDONE, USAGE, HELD, STATE = 0, 1, 2, 3, 4
_NAME = "lipsync-bot"
_SHOWN = 3  # ids in a message
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
configuration = typer.Typer(help="Write a configuration file.", no_args_is_help=True, context_settings=_HELP)
app.add_typer(configuration, name="config")


def _path(text: str) -> Path:
    """Return the path. An empty one would be the current directory."""
    if not text.strip():
        raise UsageError("PATH: it is empty. Is a variable unset?")
    return Path(text)


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", parser=_path, metavar="PATH", help="The YAML file. Default: config.yaml, if there is one."
    ),
]

_Choice = TypeVar("_Choice", bound=StrEnum)


class Kind(StrEnum):
    """What `preview` shows."""

    SUCCESS = "success"
    FAILURE = "failure"
    DIGEST = "digest"
    BOARD = "board"
    SUMMARY = "summary"
    ALERT = "alert"
    GREETING = "greeting"


class Language(StrEnum):
    """What the bot speaks."""

    EN = "en"
    ZH = "zh"


def main() -> None:
    """Run the program and end the process with its exit code."""
    try:
        app()
    except StateHeldError as error:
        _fail(error, HELD)
    except StateError as error:
        _fail(error, STATE)
    except (ConfigError, UsageError) as error:
        _fail(error, USAGE)
    except Stopped:
        sys.exit(DONE)
    except LipsyncBotError as error:
        _fail(error, UNDONE)
    except OSError as error:
        # What the bot reads and sends has its own errors: this is the output, or a file of --install-completion.
        # A broken pipe has been dealt with.
        _fail(LipsyncBotError(f"{error.filename or 'the output'} cannot be written: {error.strerror}."), UNDONE)
    except RuntimeError as error:
        if "start new thread" not in str(error):
            raise
        _fail(LipsyncBotError(f"{NO_THREAD}."), UNDONE)
    except UnicodeDecodeError:
        # What the bot reads has its own errors: this is a file that --install-completion wants to add to.
        text = "your shell's start-up file is not in UTF-8. Add what --show-completion prints to it by hand."
        _fail(LipsyncBotError(text), UNDONE)


def _fail(error: Exception, code: int) -> NoReturn:
    with contextlib.suppress(OSError):  # the exit code says it too
        for line in str(error).splitlines():
            typer.echo(f"lipsync-bot: {visible(line)}", err=True)
    sys.exit(code)


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        typer.echo(f"lipsync-bot {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_tell_version)] = False,
) -> None:
    del version  # told already
    context.obj = config
    if context.invoked_subcommand != "run":
        # Only `run` waits for them; the others end as any program does.
        signals.let_through()


def _not_empty(task: str | None) -> str | None:
    """Refuse an empty id: every id begins with it."""
    if task is not None and not task.strip():
        raise UsageError("ID: it is empty. Is a variable unset?")
    return task


TaskArgument = Annotated[
    str, typer.Argument(metavar="ID", callback=_not_empty, help="A task's id, or its first characters.")
]


def _one_of(choices: type[_Choice]) -> Callable[[str], _Choice]:
    """Return what parses one of *choices*. typer's own error for it speaks of a "Value error"."""

    def parse(text: str) -> _Choice:
        if text.lower() not in list(choices):
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(choices)}.")
        return choices(text.lower())

    return parse


def _language(default: str) -> Any:
    text = f"The language of the messages. Default: {default}."
    return typer.Option(parser=_one_of(Language), metavar="|".join(Language), help=text)


def _command(
    name: str, example: str, short: str | None = None, *, group: typer.Typer = app
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command with an example in its help. It takes --config, which may also stand before its name.

    *short* stands in the list of commands, where the first sentence of its help would be cut.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        epilog = f"Example:  {example}"
        return group.command(name, help=function.__doc__, short_help=short, epilog=epilog)(function)

    return register


@_command("run", "lipsync-bot run --config /etc/lipsync-bot.yaml")
def run(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    once: Annotated[bool, typer.Option("--once", help="Poll once, deliver what is due, and exit: for cron.")] = False,
) -> None:
    """Watch the list and post to Slack, until SIGTERM or Ctrl-C."""
    from bot import app as wiring
    from bot import log
    from bot.cli import progress
    from bot.clock import SystemClock
    from bot.config.sections import load
    from bot.watch import loop as daemon

    warnings: list[tuple[str, str]] = []
    settings = load(config or context.obj, os.environ, warn=lambda *warning: warnings.append(warning))
    stop = threading.Event()
    signals.end_on_signals(stop)
    clock = SystemClock(stop)
    events = log.make(settings.log.level, settings.log.format)
    for subject, text in warnings:
        events.emit("configuration_doubtful", subject=subject, detail=text)
    with wiring.bot(
        settings, clock, events, progress=progress.shown(events, clock, sys.stderr), listen=not once
    ) as bot:
        clock.wait(0.0)  # asked to end already?
        if not once:
            events.emit("started", state=str(settings.state.path))
            daemon.Daemon(bot.poll, clock, events, cycle_ended=bot.cycle_ended).run()
            return
        well = False
        try:
            bot.poll.once()
            well = True
        except Stopped:
            return
        finally:
            bot.cycle_ended(well)
        if bot.poll.owing():
            raise LipsyncBotError(_still_owed(_known_state(settings.state.path)))


@_command("demo", "lipsync-bot demo", "See the bot at work for half a minute: no account needed.")
def demo(language: Annotated[Language | None, _language("en")] = None) -> None:
    """See the bot at work for half a minute, with a Chanjing and a Slack of its own: no account, no network."""
    from bot.demo import story

    if not story.tell(language.value if language else "en"):
        raise LipsyncBotError("the demo failed; please report it, and quote what it printed.")


@_command("check", "lipsync-bot check --send", "Check that everything is in place.")
def check(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    send: Annotated[bool, typer.Option("--send", help="Also post a test message.")] = False,
) -> None:
    """Check that everything is in place: configuration, state, Chanjing, Slack."""
    from bot import app as wiring
    from bot.cli import checks as questions
    from bot.clock import SystemClock
    from bot.config.sections import load
    from bot.domain.outbox import Test
    from bot.slack.blocks import Style
    from bot.slack.message import render

    warnings: list[questions.Finding] = []
    try:
        settings = load(
            config or context.obj,
            os.environ,
            warn=lambda subject, text: warnings.append(questions.Finding(subject, "warning", text)),
        )
    except ConfigError as error:
        raise ConfigError("\n".join((str(error), *_ids_of_names(config or context.obj)))) from None
    bad: list[questions.Finding] = []
    signs = {"good": "+" if _ascii_only() else "✓", "warning": "!", "bad": "x" if _ascii_only() else "✗"}

    def tell(finding: questions.Finding) -> None:
        typer.echo(visible(f"{signs[finding.severity]} {finding.subject}: {finding.text}"))
        if finding.severity == "bad":
            bad.append(finding)

    tell(questions.Finding("configuration", "good", "complete"))
    for warning in warnings:
        tell(warning)
    if settings.slack.daily_summary is not None:
        tell(questions.daily_summary(settings.slack.daily_summary, time.localtime()))
    tell(questions.state_directory(settings.state.path))
    with wiring.http() as client:
        # One attempt: somebody waits for the answer.
        clock = SystemClock(threading.Event())
        chanjing = wiring.chanjing(settings, client, clock, attempts=1)
        slack, route = wiring.slack(settings, client, clock), wiring.routes(settings)
        keys = {"success": "slack.channel", "failure": "slack.failure_channel", "alerts": "slack.alerts_channel"}
        accounts = questions.accounts(
            chanjing,
            settings.chanjing.page_size,
            slack,
            {keys[role]: channel for role, channel in route.items()},
            token_given=settings.chanjing.access_token is not None,
            board=settings.slack.board,
            unread=_unread_channels(settings.state.path),
        )
        for finding in itertools.chain(accounts, questions.ping(client, settings.monitor.ping_url)):
            tell(finding)
        if send and not any(finding.subject == "slack" for finding in bad):  # else each post would fail as that did
            message = render([Test()], Style(settings.slack.language))
            for channel in dict.fromkeys(route.values()):
                tell(questions.send(slack, channel, message, lambda: str(time.time_ns()), clock.wait))
    if bad:
        raise typer.Exit(UNDONE if any(finding.needed_network for finding in bad) else STATE)


@_command("status", "lipsync-bot status --json | jq .owed", "Show what is watched, owed and delivered.")
def status(
    context: typer.Context,
    *,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show what is watched, owed and delivered, and when the bot was last alive."""
    from bot import app as wiring
    from bot import disk
    from bot.cli import report
    from bot.config.sections import load_local
    from bot.store import lock

    settings = load_local(config or context.obj, os.environ)
    path = disk.resolve(settings.state.path)
    last_alive, _ = lock.left(path) or (None, {})
    known = _known_state(path)
    told = report.status(known, last_alive, wiring.routes(settings))
    if as_json:
        typer.echo(in_json(json.dumps(told, indent=2, ensure_ascii=_ascii_only())))
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(report.table(told, report.troubles(known)), soft_wrap=not console.is_terminal)


@_command("health", "lipsync-bot health || echo unwell", "Exit with 0 when the bot is well, else with 1.")
def health(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Exit with 0 when the bot is running and nothing is overdue, else with 1: for HEALTHCHECK."""
    from bot.cli import health as healthcheck

    raise typer.Exit(healthcheck.main(config or context.obj, os.environ))


@_command("preview", "lipsync-bot preview --kind failure --language zh")
def preview(
    context: typer.Context,
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", callback=_not_empty, help="A task whose message is still owed, instead of a sample."
        ),
    ] = None,
    *,
    config: ConfigOption = None,
    kind: Annotated[
        Kind | None,
        typer.Option(parser=_one_of(Kind), metavar="|".join(Kind), help="Which message; default: all of them."),
    ] = None,
    language: Annotated[Language | None, _language("slack.language")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the message as Slack gets it.")] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Print a link that shows it in Slack's Block Kit Builder.")
    ] = False,
) -> None:
    """Show the messages as they will look."""
    from rich.console import Console

    from bot.cli import preview as show
    from bot.config.sections import load_local
    from bot.slack.blocks import Style

    if (as_json and link) or (task and kind):
        raise UsageError("preview: give --json or --link, and an ID or --kind, not both.")
    settings = load_local(config or context.obj, os.environ)
    style = Style(language.value if language else settings.slack.language, settings.slack.mention_on_failure)
    if task:
        known = _known_state(settings.state.path)
        messages = [show.of_task(known, _only(task, show.owed(known, task), "is owed"), style)]
    else:
        messages = list(show.samples(kind.value if kind else None, style))
    if as_json:
        typer.echo(show.as_json(messages, ascii_only=_ascii_only()))
        return
    for message in messages:
        if link:
            typer.echo(show.link(message))
        else:
            show.draw(message, Console(highlight=False))


@_command("explain", "lipsync-bot explain 9499ed79", "Explain why a task was or was not announced.")
def explain(
    context: typer.Context,
    task: TaskArgument,
    *,
    config: ConfigOption = None,
) -> None:
    """Explain why a task was or was not announced, when, and with which ts."""
    from bot import app as wiring
    from bot.cli import report
    from bot.config.sections import load_local, load_usable
    from bot.slack.client import SlackBot

    local = load_local(config or context.obj, os.environ)
    known = _known_state(local.state.path)
    task_id = _only(task, report.matching(known, task), "is known to the state")

    def permalink(channel: str, ts: str) -> str:
        try:
            settings = load_usable(config or context.obj, os.environ)
            with wiring.http() as client:
                bot = wiring.slack(settings, client)
                if not isinstance(bot, SlackBot) or settings.slack.bot_token is None:
                    return "not known: asking for it needs slack.bot_token"
                return str(
                    bot.call("chat.getPermalink", channel=channel, message_ts=ts).get("permalink", "not given by Slack")
                )
        except LipsyncBotError as error:
            return f"not known: {str(error).splitlines()[0]}"

    for what, how in report.explain(known, task_id, wiring.routes(local), permalink):
        typer.echo(visible(f"{what + ':':<12} {how}"))


@_command("replay", "lipsync-bot replay 9499ed79 --yes", "Announce a task again, on purpose.")
def replay(
    context: typer.Context,
    task: TaskArgument,
    *,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
) -> None:
    """Announce a task again, on purpose: one more message, whatever was announced before."""
    from bot import app as wiring
    from bot import log
    from bot.cli import replay as again
    from bot.clock import SystemClock
    from bot.config.sections import load
    from bot.domain.task import is_final
    from bot.slack.blocks import Style
    from bot.slack.message import render

    settings = load(config or context.obj, os.environ)
    with wiring.http() as client:
        clock = SystemClock(threading.Event())
        events = log.make(settings.log.level, settings.log.format)
        listed = again.find(wiring.pages(settings, client, clock, events), task, now=clock.now())
        task_id = _only(task, [one.id for one in listed], "is in Chanjing's list")
        chosen = next(one for one in listed if one.id == task_id)
        if not is_final(chosen.status):
            raise UsageError(f"{visible(task_id)} has not ended yet: the bot will announce it.")
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("there is no terminal on which to ask for confirmation: add --yes.")
            typer.confirm(f"Announce {visible(task_id)} once more?", abort=True)
        style = Style(settings.slack.language, settings.slack.mention_on_failure)
        channel, ts = again.post(
            wiring.slack(settings, client, clock),
            wiring.routes(settings),
            chosen,
            lambda content: render([content], style),
        )
    typer.echo(visible(f"announced again in {channel}, ts {ts}" if ts else f"announced again through the {channel}"))


@_command("init", "lipsync-bot config init", "Write a configuration file to fill in.", group=configuration)
def init(
    context: typer.Context,
    path: Annotated[
        Path | None,
        typer.Argument(parser=_path, metavar="PATH", help="The file to write. Default: config.yaml; -: stdout."),
    ] = None,
    *,
    config: ConfigOption = None,
) -> None:
    """Write a configuration file to fill in: every key with its default and an explanation. Nothing is overwritten."""
    from bot.config.sections import example, write_example

    target = path or config or context.obj
    if str(target) == "-":
        typer.echo(example(), nl=False)
        return
    written = write_example(target) if target else write_example()
    named = f" --config {shlex.quote(str(target))}" if target else ""
    typer.echo(f"{written} was written, and only you can read it. Fill in the values that are not commented out; then:")
    typer.echo(f"  lipsync-bot check{named}")


def _ids_of_names(path: Path | None) -> list[str]:
    """Return a line with the id of each channel that is configured by its name, as far as Slack tells."""
    from bot import app as wiring
    from bot.cli import checks as questions
    from bot.config.sections import channels_by_name
    from bot.slack.client import SlackBot

    settings, names = channels_by_name(path, os.environ)
    if not names or settings.slack.bot_token is None:
        return []
    try:
        with wiring.http() as client:
            bot = wiring.slack(settings, client)
            found = {key: questions.channel_id(bot, name) for key, name in names.items() if isinstance(bot, SlackBot)}
    except ConfigError as error:
        return [str(error)]  # one mistake more
    return [f"{key}: the id of {names[key]} is {channel}" for key, channel in found.items() if channel]


def _still_owed(state: "State") -> str:
    n = len(state.outbox.notices)
    owed = "1 message is" if n == 1 else f"{n} messages are"
    return f"{owed} still owed (lipsync-bot status says why); the next run tries again."


def _ascii_only() -> bool:
    """Tell whether the encoding of stdout may lack characters that we print: then JSON escapes them."""
    return not sys.stdout.encoding.lower().startswith("utf")


def _unread_channels(path: Path) -> list[str]:
    """Return the channels whose history the bot could not read when it last tried."""
    from bot.disk import resolve
    from bot.store import file as state

    try:
        known = state.peek(resolve(path))
    except StateError:
        return []  # reported already
    return [channel for channel, one in known.outbox.destinations.items() if one.history_unreadable] if known else []


def _known_state(path: Path) -> "State":
    from bot import disk
    from bot.store import file as state

    path = disk.resolve(path)
    known = state.peek(path)
    if known is None:
        raise StateError(f"{path}: there is no state yet, as no bot has run with it. Start one with `lipsync-bot run`.")
    return known


def _only(prefix: str, ids: list[str], what: str) -> str:
    """Return the one id that *prefix* stands for. Raise a usage error that helps where there is none, or several."""
    if not ids:
        raise UsageError(f"no task whose id begins with {prefix!r} {what}.")
    if len(ids) > 1 and prefix not in ids:
        some = ", ".join(ids[:_SHOWN]) + (" …" if len(ids) > _SHOWN else ".")
        raise UsageError(visible(f"{len(ids)} ids begin with {prefix!r}: {some} Type more characters."))
    return prefix if prefix in ids else ids[0]
