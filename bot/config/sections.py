"""The configuration: environment, secret files and YAML → one frozen Config, or every problem at once.

The fields below are the one list of keys: names, defaults and what is accepted. Each value arrives as the text that
somebody wrote; defaults are texts too and go the same way. Durations are seconds.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from bot import clock
from bot.config import values
from bot.config.credentials import credential_problems, untrusted_base_urls
from bot.config.texts import RUN_SECRETS, Found, Raw, environment_name, place
from bot.config.yaml import DEFAULT_PATH, gather
from bot.errors import ConfigError
from bot.host import is_loopback
from bot.secret import read_secret

_EXAMPLE = "config.example.yaml"


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
Positive = Annotated[float, _from_text(values.positive)]
Interval = Annotated[float, _from_text(values.interval)]


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
    timeout: Positive = _default("10s")
    max_requests_per_second: Annotated[float, Field(ge=0.01, le=1000, allow_inf_nan=False)] = _default("5")


class Poll(_Section):
    interval: Interval = _default("30s")
    active_interval: Interval = _default("5s")
    first_run: Annotated[Literal["baseline", "announce"], _lower] = _default("baseline")
    full_scan_interval: Interval = _default("1h")
    stuck_after: Positive = _default("1h")


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
    settle: Positive = _default("45s")
    base_url: Annotated[BaseUrl, AfterValidator(lambda url: f"{url}/")] = _default("https://slack.com/api/")
    timeout: Positive = _default("10s")


class State(_Section):
    path: Annotated[Path, _from_text(values.path)] = _default("state.json")
    retention: Positive = _default("7d")


class Monitor(_Section):
    listen: Annotated[tuple[str, int] | None, _from_text(values.listen)] = None
    ping_url: SecretUrl = None


class Log(_Section):
    """`format` is None where nobody chose: text on a terminal, else json."""

    level: Annotated[Literal["debug", "info", "warning", "error"], _from_text(values.log_level)] = _default("info")
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
_CHANNELS = ("slack.channel", "slack.failure_channel", "slack.alerts_channel")
_FILE_NAMES = tuple(name for name in _NAMES if name.endswith("_file"))

Warn = Callable[[str, str], None]  # given what the warning is about, and a sentence


def _ignore(subject: str, text: str) -> None:
    del subject, text


def load(
    path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS, warn: Warn = _ignore
) -> Config:
    """Return the configuration that the bot runs with. *warn* is called for what can be used but is hardly meant.

    *path* None means `config.yaml` in the current directory where there is one. ConfigError lists every problem, one
    line each; no line holds a value.
    """
    found = _gather(path, environ, secrets_dir)
    lines = [problem.text for problem in found.problems]
    lines += credential_problems(found)
    config, refused = _validated(_with_secret_files(found.values))
    lines += refused.values()
    if lines:
        raise ConfigError("\n".join(lines))
    _warn_of_other_states(config, found, warn)
    _warn_of_plain_http(config, warn)
    _warn_of_readers(found, warn)
    if config.slack.daily_summary is not None and (problem := clock.zone_problem(environ)):
        warn("TZ", f"{problem} slack.daily_summary depends on it.")
    return _without_token_of_file(config)


def _warn_of_other_states(config: Config, found: Found, warn: Warn) -> None:
    """Warn where another state.path than the one in use is set in a second place.

    Of this key only: for others, an environment that overrides a shared file is meant, or soon noticed. This one is set
    by the image, so nobody thinks of it; and the volume at the other path stays empty until the state is lost.
    """
    for raw in found.overridden.get("state.path", ()):
        if os.path.realpath(str(raw.value)) != os.path.realpath(config.state.path):
            used = f"{config.state.path} ({found.values['state.path'].where}) is used"
            warn("state.path", f"{used}, not {raw.value} ({raw.where}). Remove one of the two.")


def _warn_of_plain_http(config: Config, warn: Warn) -> None:
    urls: dict[str, str | SecretStr | None] = {
        "chanjing.base_url": config.chanjing.base_url,
        "slack.base_url": config.slack.base_url if config.slack.bot_token else None,
        "slack.webhook_url": config.slack.webhook_url,
        "monitor.ping_url": config.monitor.ping_url,
    }
    for key, url in urls.items():
        parts = urlsplit(url.get_secret_value() if isinstance(url, SecretStr) else url or "")
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            warn(key, "with http:// others can read the secrets on the way. Use https:// if the server offers it.")


def _warn_of_readers(found: Found, warn: Warn) -> None:
    """Warn of a YAML file with secrets, in use or not, that other users can read."""
    everywhere = {key: [raw] for key, raw in found.values.items()} | found.overridden
    for key in (key.name for key in KEYS if key.secret):
        for raw in everywhere.get(key, ()):
            if raw.file and _everybody_reads(raw.file):
                text = f"every user of this machine can read it, and {key} is in it. Make the bot's user its owner, "
                warn(str(raw.file), f"{text}with mode 400.")
                return


def _everybody_reads(file: Path) -> bool:
    try:
        mode = file.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IROTH)


def example() -> str:
    """Return an example of the YAML file, with every key: it is in the wheel, and in a checkout above the package."""
    installed = resources.files("bot") / _EXAMPLE
    return (installed if installed.is_file() else Path(__file__).parents[2] / _EXAMPLE).read_text("utf-8")


def write_example(path: Path = DEFAULT_PATH) -> Path:
    """Write the example to *path*, and return it. Only its owner may read it: secrets come into it. Or ConfigError."""
    content = example()
    try:
        # O_EXCL: no file is overwritten, and no symbolic link followed.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
        except OSError:
            path.unlink()
            raise
    except FileExistsError:
        what = "is a directory" if path.is_dir() else "already exists and is not overwritten"
        raise ConfigError(f"{path}: {what}. Name another file: lipsync-bot config init PATH") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}.") from None
    return path


def load_local(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> Config:
    """Return the configuration for a command that needs only the state: what cannot be used elsewhere is the default.

    ConfigError where the YAML cannot be read or its `state` section cannot be used.
    """
    found = _gather(path, environ, secrets_dir)
    lines = [problem.text for problem in found.problems if problem.section in {"", "state"}]
    config, refused = _validated(found.values)
    lines += [line for key, line in refused.items() if key.startswith("state.")]
    if lines:
        raise ConfigError("\n".join(lines))
    return _without_token_of_file(config)


def load_usable(path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS) -> Config:
    """Return the configuration as far as it can be used, with the secrets that stand in files."""
    return channels_by_name(path, environ, secrets_dir=secrets_dir)[0]


def channels_by_name(
    path: Path | None, environ: Mapping[str, str], *, secrets_dir: Path = RUN_SECRETS
) -> tuple[Config, dict[str, str]]:
    """Return the configuration as far as it can be used, and what stands where a channel's id should: key → text."""
    found = _gather(path, environ, secrets_dir).values
    config, refused = _validated(_with_secret_files(found))
    return config, {key: str(found[key].value) for key in _CHANNELS if key in refused}


def read_again(section: Slack, name: str) -> str:
    """Return the secret *name* as its file holds it now. ConfigError, without the path, where it cannot be used."""
    text = read_secret(getattr(section, f"{name}_file")).get_secret_value()
    try:
        secret = getattr(Slack.model_validate({name: text}), name)
    except ValidationError as problem:
        raise ConfigError(_sentence(problem.errors(include_url=False, include_input=False)[0])) from None
    return str(secret.get_secret_value())


def _gather(path: Path | None, environ: Mapping[str, str], secrets_dir: Path) -> Found:
    found = gather(_NAMES, path, environ, secrets_dir)
    if path is None:
        defaults = {key.name: key.default for key in KEYS}
        for name, problem in untrusted_base_urls(found, defaults):
            found.values[name] = replace(found.values[name], problem=problem)
    return found


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
            opened[name] = replace(raw, problem=f"must be the path of a file with the secret: {problem}")
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
        errors = problem.errors(include_url=False, include_input=False)
        refused |= {".".join(map(str, error["loc"][:2])): _sentence(error) for error in errors}
        config = _built({key: raw for key, raw in usable.items() if key not in refused})
    return config, {key: f"{place(key, found[key])}: {refused[key]}" for key in _NAMES if key in refused}


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    words = error["msg"].replace("Input should be", "must be").replace("a valid boolean", "true or false")
    return words.partition(", unable")[0]


def _built(found: Mapping[str, Raw]) -> Config:
    tree: dict[str, dict[str, str | list[str]]] = {}
    for key, raw in found.items():
        section, _, field = key.partition(".")
        tree.setdefault(section, {})[field] = raw.value
    return Config.model_validate(tree)


def _without_token_of_file(config: Config) -> Config:
    """Return *config* without a token that stands in a file: it was only looked at, and who uses it reads it again."""
    if config.chanjing.access_token_file is None:
        return config
    return config.model_copy(update={"chanjing": config.chanjing.model_copy(update={"access_token": None})})
