"""The configuration: environment, secret files and YAML → one frozen Config, or every problem at once.

The fields below are the one list of keys: names, defaults and what is accepted. Each value arrives as the text that
somebody wrote; defaults are texts too and go the same way. Durations are seconds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from bot import values
from bot.errors import ConfigError
from bot.secret import read_secret
from bot.sources import Found, Raw, environment_name, gather

RUN_SECRETS = Path("/run/secrets")


def _from_text(parse: Callable[[str], Any]) -> BeforeValidator:
    def parse_text(raw: str | list[str]) -> Any:
        if isinstance(raw, list):
            raise ValueError("must be one value, not a list")  # noqa: TRY004 - pydantic collects ValueErrors only
        return parse(raw)

    return BeforeValidator(parse_text)


def _default(text: str) -> Any:
    return Field(default=text, validate_default=True)


_lower = _from_text(str.lower)
Secret = Annotated[SecretStr | None, _from_text(values.own)]
SecretUrl = Annotated[SecretStr | None, _from_text(values.url)]
SecretFile = Annotated[Path | None, _from_text(values.path)]
Channel = Annotated[str | None, _from_text(values.channel)]
BaseUrl = Annotated[str, _from_text(values.base_url)]
Seconds = Annotated[float, _from_text(values.seconds)]
Timeout = Annotated[Seconds, Field(gt=0)]
Interval = Annotated[Seconds, Field(ge=0.1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Chanjing(_Section):
    """Exactly one of `access_token`, `access_token_file`, and `app_id` with `secret_key` is set."""

    base_url: BaseUrl = _default("https://open-api.chanjing.cc")
    access_token: Secret = None
    access_token_file: SecretFile = None
    app_id: Annotated[str | None, _from_text(values.own)] = None
    secret_key: Secret = None
    secret_key_file: SecretFile = None
    page_size: Annotated[int, Field(ge=1, le=1000)] = _default("50")
    timeout: Timeout = _default("10s")
    max_requests_per_second: Annotated[float, Field(ge=0.01, le=1000, allow_inf_nan=False)] = _default("5")


class Poll(_Section):
    interval: Interval = _default("30s")
    active_interval: Interval = _default("5s")
    first_run: Annotated[Literal["baseline", "announce"], _lower] = _default("baseline")
    full_scan_interval: Interval = _default("1h")
    stuck_after: Timeout = _default("1h")


class Slack(_Section):
    """Exactly one of `bot_token` (then all three channels are set) and `webhook_url` (then none is)."""

    bot_token: Annotated[SecretStr | None, _from_text(values.bot_token)] = None
    bot_token_file: SecretFile = None
    webhook_url: SecretUrl = None
    webhook_url_file: SecretFile = None
    channel: Channel = None
    failure_channel: Channel = None
    alerts_channel: Channel = None
    mention_on_failure: Annotated[tuple[str, ...], BeforeValidator(values.mentions)] = ()
    language: Annotated[Literal["en", "zh"], _lower] = _default("en")
    digest_after: Annotated[int, Field(ge=0, le=1000)] = _default("5")
    board: bool = _default("false")
    daily_summary: Annotated[str | None, _from_text(values.clock_time)] = None
    pace: Seconds = _default("1s")
    settle: Timeout = _default("45s")
    base_url: Annotated[BaseUrl, AfterValidator(lambda url: f"{url}/")] = _default("https://slack.com/api/")
    timeout: Timeout = _default("10s")


class State(_Section):
    path: Annotated[Path, _from_text(values.path)] = _default("state.json")
    retention: Timeout = _default("7d")


class Monitor(_Section):
    listen: Annotated[tuple[str, int] | None, _from_text(values.listen)] = None
    ping_url: SecretUrl = None


class Log(_Section):
    """`format` is None where nobody chose: text on a terminal, else json."""

    level: Annotated[Literal["debug", "info", "warning", "error"], _lower] = _default("info")
    format: Annotated[Literal["text", "json"] | None, _lower] = None


class Config(_Section):
    chanjing: Chanjing = Chanjing()
    poll: Poll = Poll()
    slack: Slack = Slack()
    state: State = State()
    monitor: Monitor = Monitor()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class Key:
    """One key as manuals show it. `default` is empty where there is none."""

    name: str
    environment: str
    default: str
    secret: bool


def _keys() -> Iterator[Key]:
    for section, model in Config():
        for field, info in type(model).model_fields.items():
            name = f"{section}.{field}"
            secret = info.annotation == SecretStr | None
            yield Key(name, environment_name(name), info.default or "", secret)


KEYS = tuple(_keys())
_NAMES = tuple(key.name for key in KEYS)
_FILE_NAMES = tuple(name for name in _NAMES if name.endswith("_file"))

# For each of the two credentials the ways to it: the keys that belong together.
_PAIR = ("chanjing.app_id", "chanjing.secret_key", "chanjing.secret_key_file")
_WAYS = (
    (("chanjing.access_token",), ("chanjing.access_token_file",), _PAIR),
    (("slack.bot_token",), ("slack.bot_token_file",), ("slack.webhook_url",), ("slack.webhook_url_file",)),
)
_CHANNELS = ("slack.channel", "slack.failure_channel", "slack.alerts_channel")


def load(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> Config:
    """Return the configuration that the bot runs with.

    *path* None means `config.yaml` in the current directory where there is one. ConfigError lists every problem, one
    line each; no line holds a value.
    """
    found = gather(_NAMES, path, environ, secrets_dir)
    lines = [problem.text for problem in found.problems]
    lines += _credential_problems(found)
    lines += _channel_problems(found)
    config, refused = _validated(_with_secret_files(found.values))
    lines += refused.values()
    if lines:
        raise ConfigError("\n".join(lines))
    return _resolved(config)


def load_local(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> Config:
    """Return the configuration for a command that needs only the state: what cannot be used elsewhere is the default.

    ConfigError where the YAML cannot be read or its `state` section cannot be used.
    """
    found = gather(_NAMES, path, environ, secrets_dir)
    lines = [problem.text for problem in found.problems if problem.section in {"", "state"}]
    config, refused = _validated(found.values)
    lines += [line for key, line in refused.items() if key.startswith("state.")]
    if lines:
        raise ConfigError("\n".join(lines))
    return _resolved(config)


def _with_secret_files(found: Mapping[str, Raw]) -> dict[str, Raw]:
    """Return *found* with the content of each secret file under the key of its secret."""
    opened = dict(found)
    for name in _FILE_NAMES:
        secret = name.removesuffix("_file")
        if name not in found or secret in found or found[name].problem:
            continue
        raw = found[name]
        try:
            content = read_secret(values.path(str(raw.value))).get_secret_value()
        except (ConfigError, ValueError) as problem:
            opened[name] = replace(raw, problem=f"a path is wanted here; the file at it: {problem}")
        else:
            opened[secret] = Raw(content, f"file named by {name}, {raw.where}")
    return opened


def _validated(found: Mapping[str, Raw]) -> tuple[Config, dict[str, str]]:
    """Return the Config of all usable values, and for each key that is not usable a line that says why."""
    refused = {key: raw.problem for key, raw in found.items() if raw.problem}
    usable = {key: raw for key, raw in found.items() if not raw.problem}
    try:
        config = _built(usable)
    except ValidationError as problem:
        for error in problem.errors(include_url=False, include_input=False):
            refused[".".join(map(str, error["loc"][:2]))] = (
                str(error["ctx"]["error"])
                if error["type"] == "value_error"
                else error["msg"].replace("Input should be", "must be").partition(", unable")[0]
            )
        config = _built({key: raw for key, raw in usable.items() if key not in refused})
    return config, {key: f"{_place(key, found[key])}: {refused[key]}" for key in _NAMES if key in refused}


def _built(found: Mapping[str, Raw]) -> Config:
    tree: dict[str, dict[str, str | list[str]]] = {}
    for key, raw in found.items():
        section, _, field = key.partition(".")
        tree.setdefault(section, {})[field] = raw.value
    return Config.model_validate(tree)


def _resolved(config: Config) -> Config:
    """Return *config* with what one key takes from another."""
    slack, chanjing = config.slack, config.chanjing
    channels = {
        "failure_channel": slack.failure_channel or slack.channel,
        "alerts_channel": slack.alerts_channel or slack.channel,
    }
    # The token in a file was only looked at: whoever uses it reads it again.
    token = None if chanjing.access_token_file else chanjing.access_token
    return config.model_copy(
        update={
            "slack": slack.model_copy(update=channels),
            "chanjing": chanjing.model_copy(update={"access_token": token}),
        }
    )


def _credential_problems(found: Found) -> Iterator[str]:
    for ways in _WAYS:
        stood = [[key for key in way if key in found.values] for way in ways]
        chosen = [keys for keys in stood if keys]
        if not chosen and _readable(found):
            yield _missing(ways[0][0], f"needed. Set one of: {_spelled(ways)}", found)
        elif len(chosen) > 1:
            places = " and ".join(_place(keys[0], found.values[keys[0]]) for keys in chosen)
            yield f"{places}: two ways to one credential; keep one of them"
        elif chosen and chosen[0][0] in _PAIR:
            yield from _pair_problems(found, chosen[0])


def _pair_problems(found: Found, keys: list[str]) -> Iterator[str]:
    app_id, secret_key, secret_key_file = _PAIR
    if keys == [app_id]:
        yield _missing(secret_key, f"needed with {app_id}; or {secret_key_file}", found)
    if app_id not in keys:
        yield _missing(app_id, f"needed with {keys[0]}", found)
    if {secret_key, secret_key_file} <= set(keys):
        places = " and ".join(_place(key, found.values[key]) for key in (secret_key, secret_key_file))
        yield f"{places}: two ways to one credential; keep one of them"


def _channel_problems(found: Found) -> Iterator[str]:
    with_webhook = [key for key in ("slack.webhook_url", "slack.webhook_url_file") if key in found.values]
    with_token = [key for key in ("slack.bot_token", "slack.bot_token_file") if key in found.values]
    if with_webhook and not with_token:
        for key in _CHANNELS:
            if key in found.values:
                text = f"not with {with_webhook[0]}: a webhook posts to the channel it was made for; remove it"
                yield f"{_place(key, found.values[key])}: {text}"
    elif _CHANNELS[0] not in found.values and _readable(found):
        text = "needed: the id of the channel to tell (C… or G…). It is in Slack: channel name → About → bottom"
        yield _missing(_CHANNELS[0], text, found)


def _spelled(ways: tuple[tuple[str, ...], ...]) -> str:
    pair = f"{_PAIR[0]} with {_PAIR[1]} (or {_PAIR[2]})"
    return ", ".join(pair if way is _PAIR else way[0] for way in ways)


def _readable(found: Found) -> bool:
    # What is missing cannot be told while the YAML cannot be read.
    return all(problem.section for problem in found.problems)


def _missing(key: str, text: str, found: Found) -> str:
    return f"{key} ({environment_name(key)}; not set): {text}{f' ({found.note})' if found.note else ''}"


def _place(key: str, raw: Raw) -> str:
    environment = environment_name(key)
    return f"{key} ({raw.where if environment in raw.where else f'{environment}; {raw.where}'})"
