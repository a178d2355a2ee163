"""`run`: watch the lists and post to Slack, until a signal comes; or poll once, for cron."""

import os
import sys
from functools import partial

from bot import app, log, signals
from bot.cli import DONE, progress
from bot.cli.selection import Selection
from bot.clock import Clock, Stop, SystemClock
from bot.config.load import load
from bot.errors import LipsyncBotError, UsageError
from bot.events import Listeners
from bot.supervisor import Supervisor
from bot.watch.loop import Daemon


def main(selection: Selection, *, once: bool, standby: bool) -> int:
    """Run what is selected, and return the exit code. Raise LipsyncBotError."""
    if once and standby:
        raise UsageError("run: give --once or --standby, not both.")
    warnings: list[tuple[str, str]] = []
    configs = selection.of(load(selection.config, os.environ, warn=lambda *warning: warnings.append(warning)))
    settings = next(iter(configs.values())).log  # the process's own, so the same in each
    stop = Stop()
    signals.end_on_signals(stop)
    clock = SystemClock(stop)
    events = log.make(settings.level, settings.format)
    for subject, text in warnings:
        events.emit("configuration_doubtful", subject=subject, detail=text)
    listeners = Listeners(events, progress.shown(events, clock, sys.stderr, many=len(configs) > 1))
    with app.process(configs, clock, listeners, listen=not once) as process:
        if once:
            Supervisor(process, clock, stop, partial(_poll_once, process)).run_once()
        else:
            Supervisor(process, clock, stop, partial(_watch, process, clock)).run(standby=standby)
    return DONE


def _watch(process: app.Process, clock: Clock, name: str) -> None:
    with process.bot(name) as bot:
        clock.wait(0.0)  # asked to end already?
        bot.events.emit("started", state=bot.where)
        Daemon(bot.poll, clock, bot.events, bot.wake).run()


def _poll_once(process: app.Process, name: str) -> None:
    """Poll, deliver what is due, and raise LipsyncBotError when something is left undone."""
    well = False
    with process.bot(name) as bot:
        try:
            bot.poll.once()
            well = True
        finally:
            bot.events.emit("cycle_ended", well=well)
        if bot.poll.owing():
            count = len(bot.store.state.outbox.notices)
            owed = "1 message is" if count == 1 else f"{count} messages are"
            raise LipsyncBotError(f"{owed} still owed (lipsync-bot status says why); the next run tries again.")
