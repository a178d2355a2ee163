"""Answers of Chanjing, each with the request it answers, to be replayed without a server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

TOKEN, APP_ID, SECRET_KEY = "recorded-token", "recorded-app", "recorded-secret"


def load(name: str) -> dict[str, Any]:
    """Return what was recorded: `about`, `request` and `answer`, whose body is under `json` or `text`."""
    record: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text("utf-8"))
    return record


def replay(name: str) -> httpx.MockTransport:
    """Return a transport that takes the request recorded, and no other, and gives its answer."""
    record = load(name)
    asked, answer = record["request"], record["answer"]

    def handle(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == (asked["method"], asked["path"])
        assert asked["headers"].items() <= dict(request.headers).items()
        assert json.loads(request.content) == asked["json"]
        content = answer["text"] if "text" in answer else json.dumps(answer["json"], ensure_ascii=False)
        return response(answer["status"], content.encode(), answer["headers"])

    return httpx.MockTransport(handle)


def response(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Return a response as it comes from the network: not read yet."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))
