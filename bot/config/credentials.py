"""Pure: what must be set together, and what must not: the ways to a credential, and channels with them."""

from collections.abc import Iterator, Mapping

from bot.config.texts import Found, Raw, environment_name, place

# For each of the two credentials the ways to it: the keys that belong together.
_PAIR = ("chanjing.app_id", "chanjing.secret_key", "chanjing.secret_key_file")
_WEBHOOK = ("slack.webhook_url",), ("slack.webhook_url_file",)
_WAYS = (
    (("chanjing.access_token",), ("chanjing.access_token_file",), _PAIR),
    (("slack.bot_token",), ("slack.bot_token_file",), *_WEBHOOK),
)
_DATABASE = (("state.url",), ("state.url_file",))  # or neither: then the state is a file
_WAKE = (("monitor.wake_token",), ("monitor.wake_token_file",))  # or neither: then nobody can
_PASSWORD = (("monitor.password",), ("monitor.password_file",))  # or neither
_NOT_SET = "; not set)"  # how each line about something missing begins
_CHANNEL = "slack.channel"
CHANNELS = (_CHANNEL, "slack.failure_channel", "slack.alerts_channel")


def credential_problems(found: Found) -> Iterator[str]:
    """Yield a line for each credential that is missing, halved or given twice, and for channels that do not fit it.

    If something is missing and there is no YAML to find it in, the last line says how to begin.
    """
    lines = [*_way_problems(found), *_channel_problems(found)]
    yield from lines
    if found.note and any(_NOT_SET in line for line in lines):
        yield f"{found.note}: write one with `lipsync-bot config init` and fill it in, or set these variables"


def inherited(shared: Mapping[str, list[Raw]], own: Mapping[str, list[Raw]]) -> dict[str, list[Raw]]:
    """Return what an account that has the keys *own* takes over of the keys *shared* by all.

    A way to a credential in an account takes the place of the shared one, a webhook that of the shared channels, and a
    state file that of a shared database.
    """
    replaced: set[str] = set()
    for ways in (*_WAYS, _DATABASE):
        keys = {key for way in ways for key in way}
        if not keys.isdisjoint(own) or (ways is _DATABASE and "state.path" in own):
            replaced |= keys
    if any(key in own for way in _WEBHOOK for key in way):
        replaced |= {*CHANNELS}
    return {key: raws for key, raws in shared.items() if key not in replaced}


def untrusted_base_urls(found: Found, defaults: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (key, problem) for each base URL from a YAML file that would be sent a credential from elsewhere.

    Meant for a file that nobody named: whoever can put one into the current directory could collect tokens with it.
    """
    slack = _WAYS[1][: -len(_WEBHOOK)]
    sent_to = (("chanjing.base_url", _WAYS[0]), ("slack.base_url", slack), ("monitor.public_url", _WAKE))
    for key, ways in sent_to:
        url = found.values.get(key)
        if url is None or url.file is None or _same(url.value, defaults[key]):
            continue
        credentials = [name for way in ways for name in way if name in found.values]
        elsewhere = [name for name in credentials if found.values[name].file is None or name.endswith("_file")]
        if elsewhere:
            sent = place(found.values[elsewhere[0]])
            text = f"{url.file} was found, not named, so it cannot choose where {sent} is sent. If you trust it, add "
            yield key, f"{text}--config {url.file}; or set {environment_name(url.name)}"


def _same(url: object, default: str) -> bool:
    return str(url).rstrip("/").lower() == default.rstrip("/")


def _way_problems(found: Found) -> Iterator[str]:
    optional = (_DATABASE, _WAKE, _PASSWORD)
    for ways in (*_WAYS, *optional):
        stood = [keys for way in ways if (keys := [key for key in way if key in found.values])]
        if not stood:
            if ways in optional:
                continue
            yield from _missing(ways[0][0], f"needed. Set one of: {_spelled(ways)}", found)
        elif len(stood) > 1:
            yield _twice([keys[0] for keys in stood], found)
        elif stood[0][0] in _PAIR:
            yield from _pair_problems(stood[0], found)


def _pair_problems(keys: list[str], found: Found) -> Iterator[str]:
    app_id, secret_key, secret_key_file = _PAIR
    if keys == [app_id]:
        yield from _missing(secret_key, f"needed with {app_id} (or {secret_key_file})", found)
    if app_id not in keys:
        yield from _missing(app_id, f"needed with {keys[0]}", found)
    if {secret_key, secret_key_file} <= set(keys):
        yield _twice([secret_key, secret_key_file], found)


def _channel_problems(found: Found) -> Iterator[str]:
    ways = [way[0] for way in _WAYS[1] if way[0] in found.values]
    if ways and all((way,) in _WEBHOOK for way in ways):
        for key in (key for key in CHANNELS if key in found.values):
            text = f"cannot be used with {ways[0]}: a webhook posts to the channel it was made for; remove this key"
            yield f"{place(found.values[key])}: {text}"
    elif _CHANNEL not in found.values:
        text = "needed: the id of a channel (C… or G…); in Slack: channel name → About → bottom"
        yield from _missing(_CHANNEL, text, found)


def _twice(keys: list[str], found: Found) -> str:
    places = " and ".join(place(found.values[key]) for key in keys)
    return f"{places}: different ways to one credential; keep one of them"


def _missing(key: str, text: str, found: Found) -> Iterator[str]:
    # What is missing cannot be known while the YAML as a whole cannot be read.
    if all(problem.section for problem in found.problems):
        name = found.name(key)
        yield f"{name} ({environment_name(name)}{_NOT_SET}: {text}"


def _spelled(ways: tuple[tuple[str, ...], ...]) -> str:
    pair = f"{_PAIR[0]} with {_PAIR[1]} (or {_PAIR[2]})"
    return ", ".join(pair if way is _PAIR else way[0] for way in ways)
