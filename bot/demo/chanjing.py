"""A Chanjing on loopback: the lip-sync list, one task of it, and the token endpoint, as its open API documents them.

The pages are 获取对口型视频列表 (POST /open/v1/video_lip_sync/list), GET /open/v1/video_lip_sync/detail?id= and
POST /open/v1/access_token. Where they say nothing (the order of the list, the largest page), an attribute chooses, and
may be changed at any time.
"""

import email.utils
import time
import zlib
from collections.abc import Callable, Mapping
from enum import IntEnum
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import uuid4

from bot.demo.callback import call
from bot.demo.server import Answer, Call, LoopbackServer, RateLimit, json_answer, text_answer
from bot.domain.task import Status, is_final

LIST = "/open/v1/video_lip_sync/list"
DETAIL = "/open/v1/video_lip_sync/detail"
ACCESS_TOKEN = "/open/v1/access_token"  # noqa: S105 - a path
TOKEN_LIFETIME = 86_400
MOST_PER_SECOND = 10
"""The documented limit of the list."""

DEFAULT_PAGE = 1
DEFAULT_PAGE_SIZE = 10


class Code(IntEnum):
    """响应状态码: what `code` in the envelope says."""

    SUCCESS = 0
    BAD_TOKEN = 10400
    BAD_PARAMETERS = 40000
    TOO_FAST = 40001


_WORDS = {
    Code.SUCCESS: "success",
    Code.BAD_TOKEN: "AccessToken验证失败",
    Code.BAD_PARAMETERS: "参数错误",
    Code.TOO_FAST: "超出QPS限制",
}


class ChanjingServer(LoopbackServer):
    """One account. Tasks are kept in the order in which they were added, which is taken for their age.

    `token` is the one accepted now, until `token_expires` (Unix seconds by `clock`). `max_page_size` None means any; a
    larger page is cut to it in silence ("cap") or refused with 40000 ("refuse"). `ignore_page` answers page 1 always,
    `clamp_page` answers a page past the end with the last. `count` makes of the number of tasks the one that is given.
    `has_detail` False answers the path of one task with a 404.
    `limit_rate` answers 40001 to more than ten lists a second. `order` "shuffled" is random, but stays as it is.
    """

    def __init__(
        self,
        token: str = "chanjing-token",  # noqa: S107 - made up
        *,
        app_id: str = "demo-app",
        secret_key: str = "demo-secret",  # noqa: S107 - made up
        limit_rate: bool = False,
        clock: Callable[[], float] = time.time,
        port: int = 0,
    ) -> None:
        self.token = token
        self.token_expires = clock() + TOKEN_LIFETIME
        self.app_id = app_id
        self.secret_key = secret_key
        self.limit_rate = limit_rate
        self.clock = clock
        self.order: Literal["newest_first", "oldest_first", "shuffled"] = "newest_first"
        self.max_page_size: int | None = None
        self.oversize: Literal["cap", "refuse"] = "cap"
        self.ignore_page = False
        self.clamp_page = False
        self.has_detail = True
        self.count: Callable[[int], Any] = lambda true: true
        self._fields: dict[str, dict[str, Any]] = {}
        self._ids: list[str] = []
        self._callbacks: dict[str, str] = {}
        self._shuffled: list[str] | None = None
        self._rate = RateLimit()
        super().__init__(port=port)

    # What the account does

    def add(
        self,
        task_id: str | None = None,
        status: int = 0,
        create_time: int | None = None,
        *,
        callback: str = "",
        **fields: Any,
    ) -> str:
        """Add a task and return its id. *fields* are served as they are, whatever their type; `...` leaves one out.

        *callback* is an address that is called when the task ends.
        """
        task_id = task_id or uuid4().hex
        created = int(self.clock()) if create_time is None else create_time
        with self.lock:
            if task_id in self._fields:
                raise ValueError(f"there is a task {task_id} already")
            self._fields[task_id] = {"status": status, "create_time": created, **fields}
            self._ids.append(task_id)
            if callback:
                self._callbacks[task_id] = callback
            self._shuffled = None
        return task_id

    def update(self, task_id: str, **fields: Any) -> None:
        """Change some fields of a task. Raise KeyError if there is none of that id."""
        with self.lock:
            task = self._fields[task_id]
            task.update(fields)
            if task_id in self._callbacks and is_final(task["status"]):
                call(self._callbacks.pop(task_id), _shown(task_id, task))

    def finish(self, task_id: str, **fields: Any) -> None:
        """Let a task succeed, with links and a duration unless *fields* say otherwise."""
        self.update(task_id, **{"status": Status.SUCCEEDED.value, **fields})

    def fail(self, task_id: str, msg: str = "任务失败，请重试") -> None:
        """Let a task fail, for the reason *msg*."""
        self.update(task_id, status=Status.FAILED.value, msg=msg)

    def remove(self, task_id: str) -> None:
        """Take a task off the list. Raise KeyError if there is none of that id."""
        with self.lock:
            del self._fields[task_id]
            self._ids.remove(task_id)
            self._shuffled = None

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """All tasks as the list shows them, in order of age."""
        with self.lock:
            return [_shown(task_id, self._fields[task_id]) for task_id in self._ids]

    # What it answers

    def answer(self, call: Call) -> Answer:
        """Answer as Chanjing: HTTP 200 with an envelope, whatever the code; a plain-text 404 if there is nothing."""
        endpoints = {
            ("POST", LIST): self._list,
            ("POST", ACCESS_TOKEN): self._access_token,
            **({("GET", DETAIL): self._detail} if self.has_detail else {}),
        }
        endpoint = endpoints.get((call.method, call.path))
        if endpoint is None:
            return text_answer("404 page not found", HTTPStatus.NOT_FOUND)
        try:
            asked = call.json() if call.body else {}
        except ValueError:
            asked = None
        with self.lock:
            code, data = endpoint(call, asked) if isinstance(asked, dict) else (Code.BAD_PARAMETERS, None)
        envelope = {"trace_id": uuid4().hex, "code": code, "msg": _WORDS[code], "data": data}
        return json_answer(envelope, headers={"Date": email.utils.formatdate(self.clock(), usegmt=True)})

    def _access_token(self, _call: Call, asked: Mapping[str, Any]) -> tuple[Code, Any]:
        given = asked.get("app_id"), asked.get("secret_key")
        if not all(isinstance(value, str) and value for value in given):
            return Code.BAD_PARAMETERS, None
        if given != (self.app_id, self.secret_key):
            return Code.BAD_TOKEN, None
        self.token = uuid4().hex
        self.token_expires = int(self.clock()) + TOKEN_LIFETIME
        # An absolute time in Unix seconds, in spite of its name.
        return Code.SUCCESS, {"access_token": self.token, "expire_in": self.token_expires}

    def _refusal(self, call: Call) -> Code | None:
        if call.headers.get("access_token") != self.token or self.clock() >= self.token_expires:
            return Code.BAD_TOKEN
        if self.limit_rate and not self._rate.allows(call.path, MOST_PER_SECOND):
            return Code.TOO_FAST
        return None

    def _detail(self, call: Call, _asked: Mapping[str, Any]) -> tuple[Code, Any]:
        if refusal := self._refusal(call):
            return refusal, None
        task_id = dict(parse_qsl(call.query)).get("id", "")
        # What Chanjing answers for an id that is not there is not documented.
        fields = self._fields.get(task_id)
        return (Code.BAD_PARAMETERS, None) if fields is None else (Code.SUCCESS, _shown(task_id, fields))

    def _list(self, call: Call, asked: Mapping[str, Any]) -> tuple[Code, Any]:
        if refusal := self._refusal(call):
            return refusal, None
        page, size = asked.get("page", DEFAULT_PAGE), asked.get("page_size", DEFAULT_PAGE_SIZE)
        if not (_is_positive(page) and _is_positive(size)):
            return Code.BAD_PARAMETERS, None
        if self.max_page_size is not None and size > self.max_page_size:
            if self.oversize == "refuse":
                return Code.BAD_PARAMETERS, None
            size = self.max_page_size
        return Code.SUCCESS, self._page(1 if self.ignore_page else page, size)

    def _page(self, page: int, size: int) -> dict[str, Any]:
        total, pages = self.count(len(self._ids)), -(-len(self._ids) // size)
        page = min(page, max(1, pages)) if self.clamp_page else page
        ids = self._slice((page - 1) * size, page * size)
        return {
            "list": [_shown(task_id, self._fields[task_id]) for task_id in ids],
            "page_info": {"page": page, "size": size, "total_count": total, "total_page": pages},
        }

    def _slice(self, start: int, stop: int) -> list[str]:
        if self.order == "oldest_first":
            return self._ids[start:stop]
        if self.order == "newest_first":
            last = len(self._ids)
            return self._ids[max(0, last - stop) : max(0, last - start)][::-1]
        if self._shuffled is None:
            self._shuffled = sorted(self._ids, key=lambda task_id: zlib.crc32(task_id.encode()))
        return self._shuffled[start:stop]


def _is_positive(value: object) -> bool:
    return type(value) is int and value > 0


def _shown(task_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task as the list shows it: what its status implies, overridden by what was set."""
    status = fields["status"]
    shown: dict[str, Any] = {
        "id": task_id,
        "status": status,
        "progress": 75 if status == Status.GENERATING else 0,
        "msg": "",
        "video_url": "",
        "preview_url": "",
    }
    if status == Status.SUCCEEDED:
        link = f"https://res.chanjing.cc/demo/lip-sync/{task_id}"
        shown |= {"progress": 100, "msg": "success", "video_url": f"{link}.mp4", "preview_url": f"{link}.jpg"}
        shown["duration"] = 12_000
    return {name: value for name, value in {**shown, **fields}.items() if value is not ...}
