"""What can be used but is hardly meant."""

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from bot import clock
from bot.config.sections import KEYS, Config
from bot.config.texts import Found
from bot.host import is_loopback
from bot.secret import Secret


def doubts(config: Config, found: Found, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what each warning is about, and a sentence. *config* is what was made of *found*."""
    yield from _other_states(found)
    yield from _plain_http(config, found)
    yield from _readers(found)
    if config.monitor.wake_token and not config.monitor.listen:
        yield "monitor.wake_token", "without monitor.listen no wake-up can arrive."
    if config.slack.daily_summary is not None and (problem := clock.zone_problem(environ)):
        yield "TZ", f"{problem} slack.daily_summary depends on it."


def forgotten_state(found: Found, configs: Collection[Config]) -> Iterator[tuple[str, str]]:
    """Warn of a state file that nobody goes on with, since there are accounts, or a database, in its place."""
    given = found.values.get("state.path")
    path = str(given.value) if given else str(Config().state.path)
    used = {os.path.realpath(config.state.path) for config in configs if config.state.url is None}
    if os.path.lexists(path) and os.path.realpath(path) not in used:
        way = "`lipsync-bot state export` and `import`" if not used else "accounts.NAME.state.path of one account"
        text = f"{path} is not used any more, and what it still owes is never announced"
        yield "state.path", f"{text}. Go on with it by {way}, or remove it."


def _other_states(found: Found) -> Iterator[tuple[str, str]]:
    """Warn of another state.path than the one in use that is set in a second place.

    Of this key only: for others, an environment that overrides a shared file is meant, or soon noticed. This one is set
    by the image, so nobody thinks of it; and the volume at the other path stays empty until the state is lost.
    """
    for raw in found.places.get("state.path", [])[1:]:
        used = found.values["state.path"]
        if os.path.realpath(str(raw.value)) != os.path.realpath(str(used.value)):
            text = f"{used.value} ({used.where}) is used, not {raw.value} ({raw.where}). Remove one of the two."
            yield used.name, text


def _plain_http(config: Config, found: Found) -> Iterator[tuple[str, str]]:
    urls: dict[str, str | Secret | None] = {
        "chanjing.base_url": config.chanjing.base_url,
        "slack.base_url": config.slack.base_url if config.slack.bot_token else None,
        "slack.webhook_url": config.slack.webhook_url,
        "monitor.ping_url": config.monitor.ping_url,
        "monitor.public_url": config.monitor.public_url if config.monitor.wake_token else None,
    }
    for key, url in urls.items():
        parts = urlsplit(url.value if isinstance(url, Secret) else url or "")
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            name = found.values[key].name if key in found.values else found.name(key)
            yield name, "with http:// others can read the secrets on the way. Use https:// if the server offers it."


def _readers(found: Found) -> Iterator[tuple[str, str]]:
    """Warn of a YAML file with secrets, in use or not, that other users can read."""
    for key in (key.name for key in KEYS if key.secret):
        for raw in found.places.get(key, ()):
            if raw.file and _everybody_reads(raw.file):
                text = (
                    f"every user of this machine can read it, and {raw.name} is in it. Make the bot's user its owner, "
                )
                yield str(raw.file), f"{text}with mode 400."
                return


def _everybody_reads(file: Path) -> bool:
    try:
        mode = file.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)
