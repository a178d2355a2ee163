"""`run`: watch the list and post to Slack, until a signal comes; or poll once, for cron."""

import os
import sys
import threading
from pathlib import Path

from bot import app, log, signals
from bot.cli import DONE, progress
from bot.cli.known import known_state
from bot.clock import SystemClock
from bot.config.load import load
from bot.errors import LipsyncBotError, Stopped
from bot.events import Listeners
from bot.watch.loop import Daemon


def main(path: Path | None, *, once: bool) -> int:
    """Run with the configuration in *path*, and return the exit code. Raise LipsyncBotError."""
    warnings: list[tuple[str, str]] = []
    config = load(path, os.environ, warn=lambda *warning: warnings.append(warning))
    stop = threading.Event()
    signals.end_on_signals(stop)
    clock = SystemClock(stop)
    events = log.make(config.log.level, config.log.format)
    for subject, text in warnings:
        events.emit("configuration_doubtful", subject=subject, detail=text)
    listeners = Listeners(events, progress.shown(events, clock, sys.stderr))
    with app.assembled(config, clock, listeners, listen=not once) as bot:
        clock.wait(0.0)  # asked to end already?
        if once:
            _poll_once(bot, config.state.path)
        else:
            events.emit("started", state=str(config.state.path))
            Daemon(bot.poll, clock, bot.events).run()
    return DONE


def _poll_once(bot: app.Bot, state: Path) -> None:
    """Poll, deliver what is due, and raise LipsyncBotError when something is left undone."""
    well = False
    try:
        bot.poll.once()
        well = True
    except Stopped:
        return
    finally:
        bot.events.emit("cycle_ended", well=well)
    if bot.poll.owing():
        count = len(known_state(state).outbox.notices)
        owed = "1 message is" if count == 1 else f"{count} messages are"
        raise LipsyncBotError(f"{owed} still owed (lipsync-bot status says why); the next run tries again.")
