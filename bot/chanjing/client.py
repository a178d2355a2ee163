"""One request to Chanjing; envelope → Page, Task or an error. Parsing is pure; `Transport._once` does the I/O.

Facts and codes: https://doc.chanjing.cc/ , page 获取对口型视频列表.
"""

import email.utils
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx
import tenacity

from bot.chanjing.tokens import Minted, MintedToken, TokenSource
from bot.clock import Clock
from bot.domain.task import Page, Task
from bot.errors import NO_THREAD, ChanjingError, ChanjingRefused, ChanjingRejected, ChanjingUnavailable
from bot.events import NOBODY, Events
from bot.http.client import Answer, Exchange, TooLargeError
from bot.http.redaction import holds, plain, redacted
from bot.secret import visible

ATTEMPTS = 4  # at one request
DOCUMENTED_PAGE_SIZE = 10  # what the list takes for sure; the largest it takes is not documented
MAX_BODY = 2 * 1024 * 1024  # bytes of an answer: a page of a hundred tasks with long links has a tenth of that
_MAX_ITEMS = 1000  # on a page, as many as chanjing.page_size may ask for

_LIST = "/open/v1/video_lip_sync/list"
_DETAIL = "/open/v1/video_lip_sync/detail"
_TOKEN = "/open/v1/access_token"  # noqa: S105 - a path
_MINT = "access_token"
_ONE_TASK = "detail"
_ABSENT = {404, 405}  # HTTP statuses of a path that is not there
_MAX_ID = 255
_MAX_INT = 2**53

BAD_PARAMETERS = 40000
_OK, _BAD_TOKEN, _TOO_FAST, _THEIR_FAULT = 0, 10400, 40001, 50000
_ALSO_BAD_TOKEN = 10401  # not documented; Chanjing's own SDK takes it for the same
_REMEDIES = {
    _OK: "Check chanjing.base_url.",  # also where there is no code: that is not Chanjing speaking
    _BAD_TOKEN: "Renew the token (chanjing.access_token, its file, or chanjing.app_id and its secret key). "
    "A token is valid for about a day, and requesting a new one invalidates the old one.",
    BAD_PARAMETERS: "Lower chanjing.page_size.",
    _TOO_FAST: "Lower chanjing.max_requests_per_second, or stop other programs that use this account.",
    _THEIR_FAULT: "The fault is on Chanjing's side; the bot keeps trying.",
}
_TOO_MUCH = "Lower chanjing.page_size, and check chanjing.base_url."
_REMEDIES_OF_MINT = dict.fromkeys((_BAD_TOKEN, BAD_PARAMETERS), "Check chanjing.app_id and chanjing.secret_key.")


def may_be_page_size(error: ChanjingError, asked: int) -> bool:
    """Tell whether the documented page size might cure *error*, which was the answer to a page of *asked* tasks.

    40000 is all that Chanjing says of a page_size that is too large.
    """
    return error.code == BAD_PARAMETERS and asked > DOCUMENTED_PAGE_SIZE


class Answered(NamedTuple):
    """What an answer held: the envelope's `data`, and the time in its `Date` header (Unix seconds; None: not told)."""

    data: Any
    at: float | None


class Chanjing:
    """The lip-sync list of one account. *fingerprint* makes what may be saved of that which tells accounts apart."""

    def __init__(
        self,
        base_url: str,
        tokens: TokenSource,
        transport: "Transport",
        *,
        fingerprint: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._tokens = tokens
        self._transport = transport
        self._fingerprint = fingerprint

    @property
    def uses_kept_token(self) -> bool:
        """True where the token was minted by an earlier copy: then nobody knows yet whether the secret key is right."""
        return isinstance(self._tokens, MintedToken) and not self._tokens.tried

    def page(self, number: int, size: int) -> Page:
        """Return page *number* (from 1) of at most *size* tasks. Raise ChanjingError."""
        token = self._tokens.current()
        try:
            answered = self._list(token, number, size)
        except ChanjingRefused:
            another = self._tokens.after_refusal(token)
            if another is None:
                raise
            # Once: Chanjing also says 10400 for a disabled app, which no token cures.
            token, answered = another, self._list(another, number, size)
        account = self._fingerprint(f"{self._base_url}\n{self._tokens.account_of(token)}")
        return replace(parse_page(answered.data, number, size), account=account, answered_at=answered.at)

    def task(self, task_id: str) -> Task | None:
        """Return the task with that id. None: Chanjing answers without one. Raise ChanjingError.

        ChanjingUnavailable may pass. Any other error says that it cannot be asked for by its id, or not this one. One
        request, with the token as it is: what Chanjing answers for an unknown id is not documented, and might be 10400.
        """
        token = self._tokens.current()
        url = f"{self._base_url}{_DETAIL}?{urlencode({'id': task_id})}"
        answered = self._transport.call(_ONE_TASK, url, None, {"access_token": token}, secrets=(token,), again=False)
        if not answered.data:
            return None
        match parse_task(answered.data):
            case Task(id=given) as task if given == task_id:
                return task
            case Task():
                raise ChanjingRejected("detail: Chanjing answered with another task.")
            case odd:
                raise ChanjingRejected(f"detail: the task cannot be read: {odd}.")

    def _list(self, token: str, number: int, size: int) -> Answered:
        body = {"page": number, "page_size": size}
        url = self._base_url + _LIST
        return self._transport.call("list", url, body, {"access_token": token}, secrets=(token,))


def mint(base_url: str, app_id: str, secret_key: str, transport: "Transport") -> Minted:
    """Ask once for a new access token, which ends the one before. Raise ChanjingError."""
    url = base_url.rstrip("/") + _TOKEN
    data = transport.call(
        _MINT, url, {"app_id": app_id, "secret_key": secret_key}, {}, secrets=(secret_key,), again=False
    ).data
    try:
        return Minted(visible(data["access_token"]), float(data.get("expire_in") or 0))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise ChanjingRejected("access_token: Chanjing answered without a token.", "Check chanjing.app_id.") from None


class Transport:
    """Sends one operation, at the pace, again after a passing fault, and opens the envelope."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        max_requests_per_second: float,
        clock: Clock,
        events: Events = NOBODY,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._exchange = exchange
        self._events = events
        self._pace = SlidingWindow(max_requests_per_second, clock)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(ChanjingUnavailable),
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_exponential(multiplier=0.5, max=8) + tenacity.wait_random(0, 0.5),
            sleep=clock.wait,
            reraise=True,
        )

    def call(
        self,
        operation: str,
        url: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        *,
        secrets: tuple[str, ...],
        again: bool = True,
    ) -> Answered:
        """Return what the answer held. Raise ChanjingError; its text never holds one of *secrets*.

        *body* None: GET. *again*: try again after a passing fault.
        """
        content = None if body is None else json.dumps(body).encode()
        if not again:
            return self._once(operation, url, content, headers, secrets)
        return self._retrying(self._once, operation, url, content, headers, secrets)

    def _once(
        self, operation: str, url: str, content: bytes | None, headers: Mapping[str, str], secrets: tuple[str, ...]
    ) -> Answered:
        self._pace.wait()
        try:
            headers = {"Content-Type": "application/json", **headers}
            answer = self._exchange.send(url, headers=headers, content=content, max_body=MAX_BODY)
        except httpx.RequestError as error:
            self._events.emit("chanjing_answered", operation=operation, code="none")
            host = urlsplit(url).hostname
            if isinstance(error, TooLargeError):
                raise ChanjingRejected(
                    f"{operation}: the answer from {host} is not read: {error}.", _TOO_MUCH
                ) from None
            raise ChanjingUnavailable(
                f"{operation}: no answer from {host}: {error}.",
                "" if NO_THREAD in str(error) else "Check chanjing.base_url and the network.",
            ) from None
        try:
            data = open_envelope(answer, operation, secrets=(*secrets, *self._exchange.secrets))
        except ChanjingError as error:
            self._events.emit("chanjing_answered", operation=operation, code=_label(error.code))
            raise
        self._events.emit("chanjing_answered", operation=operation, code=str(_OK))
        return Answered(data, _time(answer.headers.get("date", "")))


def _label(code: int | None) -> str:
    # What Chanjing makes up shares one: each label is a series of its own in the metrics, kept for ever.
    if code is None:
        return "none"
    return str(code) if code in _REMEDIES else "other"


class SlidingWindow:
    """At most so many starts in any second, rounded down; where that is none, one in the longer span it takes."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._starts = deque[float](maxlen=max(1, int(per_second)))
        self._span = max(1.0, 1 / per_second)
        self._clock = clock

    def wait(self) -> None:
        """Return when the next request may start, and count it."""
        if len(self._starts) == self._starts.maxlen:
            early = self._starts[0] + self._span - self._clock.monotonic()
            if early > 0:
                self._clock.wait(early)
        self._starts.append(self._clock.monotonic())


def open_envelope(answer: Answer, operation: str, *, secrets: tuple[str, ...] = ()) -> Any:
    """Return `data` of an answer whose `code` is 0. Raise ChanjingError for every other.

    HTTP 200 says nothing, and `code: null` is not success. The error names the operation, the code, Chanjing's msg and
    the trace_id; nothing else of the answer is quoted.
    """
    envelope = _json(answer.body, secrets)
    fields = envelope if isinstance(envelope, dict) else {}
    code = _code(fields.get("code"))
    said = (
        f"{operation}: HTTP {answer.status}, code {plain(fields.get('code', 'missing'), secrets, 20)}, "
        f"{plain(fields.get('msg', ''), secrets)!r}, trace_id {plain(fields.get('trace_id', 'missing'), secrets)}."
    )
    if operation == _ONE_TASK and answer.status in _ABSENT:
        raise ChanjingRejected(f"{operation}: HTTP {answer.status}.", "Tasks are found in the list only.", code=code)
    if httpx.codes.is_server_error(answer.status):
        raise ChanjingUnavailable(said, _REMEDIES[_THEIR_FAULT], code=code)
    if httpx.codes.is_redirect(answer.status):
        where = plain(_host(answer.headers.get("location", "")), secrets)
        raise ChanjingRejected(
            f"{operation}: redirected to {where}, which the bot does not follow.",
            "Check chanjing.base_url.",
            code=code,
        )
    if envelope is _NOT_JSON:
        kind = plain(answer.headers.get("content-type", "of unknown type").partition(";")[0], secrets, 40)
        raise ChanjingUnavailable(
            f"{operation}: HTTP {answer.status}, and the answer is not JSON ({kind}, {len(answer.body)} bytes).",
            "Check chanjing.base_url, and whether a proxy is in between.",
        )
    if code == _OK and httpx.codes.is_success(answer.status):
        return fields.get("data")
    remedies = _REMEDIES | (_REMEDIES_OF_MINT if operation == _MINT else {})
    remedy = remedies.get(code or _OK, "Chanjing does not document this code: ask its support, and quote the trace_id.")
    if code == _BAD_TOKEN:
        raise ChanjingRefused(said, remedy, code=code)
    if code in {_TOO_FAST, _THEIR_FAULT}:
        raise ChanjingUnavailable(said, remedy, code=code)
    raise ChanjingRejected(said, remedy, code=code)


def parse_page(data: Any, number: int, size: int) -> Page:
    """Return the page that *data* holds. What cannot be read is left out and named in `oddities`.

    Raise ChanjingRejected where it holds more items than a page can.
    """
    fields = data if isinstance(data, dict) else {}
    items = fields.get("list")
    oddities = []
    if not isinstance(items, list):
        oddities.append(f"page {number}: the list is {'null' if items is None else type(items).__name__}")
        items = []
    if len(items) > _MAX_ITEMS:
        said = f"list: page {number} holds {len(items)} items; more than {_MAX_ITEMS} are not read."
        raise ChanjingRejected(said, _TOO_MUCH)
    tasks = []
    for item in items:
        match parse_task(item):
            case Task() as task:
                tasks.append(task)
            case odd:
                oddities.append(f"page {number}: an item cannot be read: {odd}")
    info = fields.get("page_info")
    info = info if isinstance(info, dict) else {}
    count = _whole(info.get("total_count"))
    return Page(
        number=number,
        tasks=tuple(tasks),
        listed=len(items),
        size=_rounded(info.get("size")) or size,
        total_count=count if count is not None and count >= 0 else None,
        oddities=tuple(oddities),
    )


def parse_task(item: Any) -> Task | str:
    """Return the task that *item* describes, or what about it cannot be read.

    Only `id` and `status` are needed; anything odd in the others counts as not given.
    """
    if not isinstance(item, dict):
        return f"item: {'null' if item is None else type(item).__name__}"
    given, status = item.get("id"), _whole(item.get("status"))
    task_id = str(given) if isinstance(given, int | float) and not isinstance(given, bool) else given
    if not isinstance(task_id, str) or not 0 < len(task_id) <= _MAX_ID or task_id != _text(task_id):
        return "id: missing, or not an id"
    if status is None:
        return "status: missing, or not a whole number"
    return Task(
        task_id,
        status,
        progress=_rounded(item.get("progress")),
        msg=_text(item.get("msg")),
        video_url=_text(item.get("video_url")),
        preview_url=_text(item.get("preview_url")),
        duration=_rounded(item.get("duration")),
        create_time=_rounded(item.get("create_time")),
    )


def _text(value: object) -> str:
    # Half a surrogate pair is valid JSON and cannot be saved or sent.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    """Return *value* as a whole number; None if it is no number, or out of all bounds."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,16}", value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) <= _MAX_INT else None


def _rounded(value: object) -> int:
    """Return *value* as the nearest whole number; 0 where it is no number, negative, or out of all bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        number = round(float(value))
    except (OverflowError, ValueError):
        return 0
    return number if 0 <= number <= _MAX_INT else 0


def _time(date: str) -> float | None:
    """Return the time in a Date header as Unix seconds."""
    try:
        parsed = email.utils.parsedate_tz(date)
        return float(email.utils.mktime_tz((*parsed[:9], parsed[9] or 0))) if parsed else None
    except (OverflowError, ValueError):
        return None


_NOT_JSON = object()


def _json(body: bytes, secrets: tuple[str, ...]) -> Any:
    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text)
        return redacted(document, secrets) if holds(text, secrets) else document
    except (ValueError, RecursionError):
        return _NOT_JSON


def _host(location: str) -> str:
    """Return scheme and host of where a redirect leads: the rest may be anything."""
    match = re.match(r"(https?://)(?:[^/?#]*@)?([^/?#]+)", location)
    return match[1] + match[2] if match else "another path"


def _code(value: object) -> int | None:
    """Return the code as a number. None where it is missing, null, or not a number: `false` is not 0."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return _BAD_TOKEN if value == _ALSO_BAD_TOKEN else value
