"""Every key of the configuration: its name, its default, and what is accepted. Durations are in seconds.

Each value arrives as the text that somebody wrote; defaults are texts too and go the same way.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from bot.config import values
from bot.language import Language
from bot.secret import Secret


def _key(parse: Callable[[Any], Any], default: str = "", *, many: bool = False) -> Any:
    """Declare a key: what makes a value of its text, or, if it may be *many*, of a list of texts."""
    return field(
        default=parse(default) if default or many else None, metadata={"parse": parse, "default": default, "many": many}
    )


_path = values.path
_secret = values.Hidden(values.own)
_secret_url = values.Hidden(values.url)
_level = values.OneOf(
    ("debug", "info", "warning", "error"),
    {"trace": "debug", "warn": "warning", "err": "error", "critical": "error", "fatal": "error"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chanjing:
    """Either `access_token` is set, or `app_id` with `secret_key`. What a file holds is set too, beside its path."""

    base_url: str = _key(values.base_url, "https://open-api.chanjing.cc")
    access_token: Secret | None = _key(_secret)
    access_token_file: Path | None = _key(_path)
    app_id: str | None = _key(values.own)
    secret_key: Secret | None = _key(_secret)
    secret_key_file: Path | None = _key(_path)
    page_size: int = _key(values.Number(1, 1000, whole=True), "50")
    timeout: float = _key(values.positive, "10s")
    max_requests_per_second: float = _key(values.Number(0.01, 1000), "5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    interval: float = _key(values.interval, "30s")
    active_interval: float = _key(values.interval, "5s")
    first_run: Literal["baseline", "announce"] = _key(values.OneOf(("baseline", "announce")), "baseline")
    full_scan_interval: float = _key(values.interval, "1h")
    stuck_after: float = _key(values.positive, "1h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """Exactly one of `bot_token` (then `channel` is set) and `webhook_url` (then no channel is)."""

    bot_token: Secret | None = _key(values.Hidden(values.bot_token))
    bot_token_file: Path | None = _key(_path)
    webhook_url: Secret | None = _key(_secret_url)
    webhook_url_file: Path | None = _key(_path)
    channel: str | None = _key(values.channel)
    failure_channel: str | None = _key(values.channel)
    alerts_channel: str | None = _key(values.channel)
    mention_on_failure: tuple[str, ...] = _key(values.mentions, many=True)
    language: Language = _key(values.OneOf(get_args(Language)), "en")
    digest_after: int = _key(values.Number(0, 1000, whole=True), "5")
    board: bool = _key(values.yes_or_no, "false")
    daily_summary: str | None = _key(values.clock_time)
    pace: float = _key(values.seconds, "1s")
    settle: float = _key(values.positive, "45s")
    base_url: str = _key(values.base_url_with_slash, "https://slack.com/api/")
    timeout: float = _key(values.positive, "10s")

    @property
    def routes(self) -> dict[Literal["success", "failure", "alerts"], str]:
        """The channel of each role. A webhook has only one, which is called "webhook"."""
        channel = self.channel or ("webhook" if self.webhook_url or self.webhook_url_file else "")
        failures, alerts = self.failure_channel or channel, self.alerts_channel or channel
        return {"success": channel, "failure": failures, "alerts": alerts}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`url` is set if the state is in PostgreSQL; else it is the file at `path`."""

    path: Path = _key(_path, "state.json")
    url: Secret | None = _key(values.Hidden(values.database))
    url_file: Path | None = _key(_path)
    retention: float = _key(values.positive, "7d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Nothing is archived unless `path` is set. `max_size` is in bytes, of one file."""

    path: Path | None = _key(values.folder)
    public_url: str | None = _key(values.base_url)
    max_size: int = _key(values.size, "2GiB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    listen: tuple[str, int] | None = _key(values.listen)
    ping_url: Secret | None = _key(_secret_url)
    wake_token: Secret | None = _key(_secret)
    wake_token_file: Path | None = _key(_path)
    public_url: str | None = _key(values.base_url)
    password: Secret | None = _key(_secret)
    password_file: Path | None = _key(_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """`format` is None if nobody chose: text on a terminal, else json."""

    level: Literal["debug", "info", "warning", "error"] = _key(_level, "info")
    format: Literal["text", "json"] | None = _key(values.OneOf(("text", "json")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    chanjing: Chanjing = Chanjing()
    poll: Poll = Poll()
    slack: Slack = Slack()
    state: State = State()
    archive: Archive = Archive()
    monitor: Monitor = Monitor()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class Key:
    """One key, such as `slack.channel`. `default` is its text, empty if there is none."""

    name: str
    field: Field[Any]

    @property
    def default(self) -> str:
        return str(self.field.metadata["default"])

    @property
    def secret(self) -> bool:
        return bool(self.field.type == Secret | None)

    @property
    def written(self) -> Callable[[Any], Any]:
        """What makes a value of the text, as it was declared: it says how the text is written."""
        return self.field.metadata["parse"]  # type: ignore[no-any-return]

    def parse(self, text: str | list[str]) -> Any:
        """Return the value that *text* stands for. Raise ValueError, without the text, if it stands for none."""
        if isinstance(text, list) and not self.field.metadata["many"]:
            raise ValueError("must be one value, not a list")
        return self.written(text)


_SECTIONS: Mapping[str, Any] = {section.name: section.default for section in fields(Config)}
KEYS = tuple(Key(f"{name}.{field.name}", field) for name, section in _SECTIONS.items() for field in fields(section))


def config_of(parsed: Mapping[str, Any]) -> Config:
    """Return the configuration with the values of *parsed*, which has keys such as `slack.channel`."""
    given: dict[str, dict[str, Any]] = {name: {} for name in _SECTIONS}
    for key, value in parsed.items():
        section, _, name = key.partition(".")
        given[section][name] = value
    return Config(**{name: replace(section, **given[name]) for name, section in _SECTIONS.items()})
