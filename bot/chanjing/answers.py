"""Chanjing's answers: bytes → a Page, a Task, or an error that says what to do. No I/O.

Facts and codes: https://doc.chanjing.cc/ , page 获取对口型视频列表.
"""

import email.utils
import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from bot.domain.task import Page, Task
from bot.errors import ChanjingError, ChanjingRefused, ChanjingRejected, ChanjingUnavailable
from bot.http.client import Answer
from bot.http.redaction import holds, plain, redacted

DOCUMENTED_PAGE_SIZE = 10  # what the list takes for sure; the largest it takes is not documented
_MAX_ITEMS = 1000  # on a page, as many as chanjing.page_size may ask for
_MAX_ID = 255
_MAX_INT = 2**53

OK, BAD_PARAMETERS = 0, 40000
_BAD_TOKEN, _TOO_FAST, _THEIR_FAULT = 10400, 40001, 50000
_ALSO_BAD_TOKEN = 10401  # not documented; Chanjing's own SDK takes it for the same
_KINDS: dict[int | None, type[ChanjingError]] = {
    _BAD_TOKEN: ChanjingRefused,
    _TOO_FAST: ChanjingUnavailable,
    _THEIR_FAULT: ChanjingUnavailable,
}
_REMEDIES = {
    OK: "Check chanjing.base_url.",  # also if there is no code: that is not Chanjing speaking
    _BAD_TOKEN: "Renew the token (chanjing.access_token, its file, or chanjing.app_id and its secret key). "
    "A token is valid for about a day, and requesting a new one invalidates the old one.",
    BAD_PARAMETERS: "Lower chanjing.page_size.",
    _TOO_FAST: "Lower chanjing.max_requests_per_second, or stop other programs that use this account.",
    _THEIR_FAULT: "The fault is on Chanjing's side; the bot keeps trying.",
}
_REMEDIES_OF_MINT = dict.fromkeys((_BAD_TOKEN, BAD_PARAMETERS), "Check chanjing.app_id and chanjing.secret_key.")
TOO_MUCH = "Lower chanjing.page_size, and check chanjing.base_url."
_ABSENT = {404, 405}  # HTTP statuses of a path that is not there


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that Chanjing can be asked for, by POST or *get*. *again*: a passing fault is worth another try."""

    name: str
    path: str
    get: bool = False
    again: bool = True


LIST = Operation("list", "/open/v1/video_lip_sync/list")
# Each poll asks for one task, so that the next poll is the other try.
DETAIL = Operation("detail", "/open/v1/video_lip_sync/detail", get=True, again=False)
# A new token ends the one before, which may just have been made.
MINT = Operation("access_token", "/open/v1/access_token", again=False)


class Answered(NamedTuple):
    """What an answer held: the envelope's `data`, and the time in its `Date` header (Unix seconds; None: not given)."""

    data: Any
    at: float | None


def may_be_page_size(error: ChanjingError, asked: int) -> bool:
    """Tell whether the documented page size might help after *error*, the answer to a page of *asked* tasks.

    40000 is all that Chanjing says of a page_size that is too large.
    """
    return error.code == BAD_PARAMETERS and asked > DOCUMENTED_PAGE_SIZE


def label(code: int | None) -> str:
    """Return *code* for the metrics, whose labels are kept for ever: what Chanjing makes up shares one."""
    if code is None:
        return "none"
    return str(code) if code in _REMEDIES else "other"


def opened(answer: Answer, operation: Operation, *, secrets: tuple[str, ...] = ()) -> Answered:
    """Return what *answer* holds if its `code` is 0. Raise ChanjingError for every other.

    HTTP 200 says nothing, and `code: null` is not success. The error names the operation, the code, Chanjing's msg and
    the trace_id; nothing else of the answer is quoted.
    """
    envelope = _json(answer.body, secrets)
    fields = envelope if isinstance(envelope, dict) else {}
    code = _code(fields.get("code"))
    if code == OK and httpx.codes.is_success(answer.status):
        return Answered(fields.get("data"), _time(answer.headers.get("date", "")))
    name = f"{operation.name}: HTTP {answer.status}"
    said = (
        f"{name}, code {plain(fields.get('code', 'missing'), secrets, 20)}, "
        f"{plain(fields.get('msg', ''), secrets)!r}, trace_id {plain(fields.get('trace_id', 'missing'), secrets)}."
    )
    if operation is DETAIL and answer.status in _ABSENT:
        raise ChanjingRejected(f"{name}.", "Tasks are found in the list only.", code=code)
    if httpx.codes.is_server_error(answer.status):
        raise ChanjingUnavailable(said, _REMEDIES[_THEIR_FAULT], code=code)
    if httpx.codes.is_redirect(answer.status):
        target = plain(_host(answer.headers.get("location", "")), secrets)
        said = f"{operation.name}: redirected to {target}, which the bot does not follow."
        raise ChanjingRejected(said, "Check chanjing.base_url.", code=code)
    if envelope is _NOT_JSON:
        kind = plain(answer.headers.get("content-type", "of unknown type").partition(";")[0], secrets, 40)
        said = f"{name}, and the answer is not JSON ({kind}, {len(answer.body)} bytes)."
        raise ChanjingUnavailable(said, "Check chanjing.base_url, and whether a proxy is in between.")
    remedies = _REMEDIES | (_REMEDIES_OF_MINT if operation is MINT else {})
    remedy = remedies.get(code or OK, "Chanjing does not document this code: ask its support, and quote the trace_id.")
    raise _KINDS.get(code, ChanjingRejected)(said, remedy, code=code)


def parse_page(data: Any, number: int, size: int) -> Page:
    """Return the page that *data* holds. What cannot be read is left out and named in `oddities`.

    Raise ChanjingRejected if it holds more items than a page can.
    """
    fields = data if isinstance(data, dict) else {}
    items = fields.get("list")
    oddities = []
    if not isinstance(items, list):
        oddities.append(f"page {number}: the list is {'null' if items is None else type(items).__name__}")
        items = []
    if len(items) > _MAX_ITEMS:
        said = f"list: page {number} holds {len(items)} items; more than {_MAX_ITEMS} are not read."
        raise ChanjingRejected(said, TOO_MUCH)
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
    """Return *value* as the nearest whole number; 0 if it is no number, negative, or out of all bounds."""
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
    """Return scheme and host of the target of a redirect: the rest may be anything."""
    match = re.match(r"(https?://)(?:[^/?#]*@)?([^/?#]+)", location)
    return match[1] + match[2] if match else "another path"


def _code(value: object) -> int | None:
    """Return the code as a number. None if it is missing, null, or not a number: `false` is not 0."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return _BAD_TOKEN if value == _ALSO_BAD_TOKEN else value
