"""A Chanjing that misbehaves: an end is announced once, when it can be read, and nothing is made up meanwhile."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bot.demo.server import Call, LoopbackServer
from tests.faults import wire
from tests.faults.bot_in_thread import Scene, scene, wait_for
from tests.faults.test_slack_faults import check_log, greeted
from tests.faults.wire import Fault


def code(value: Any, msg: str = "x") -> Fault:
    return wire.says_json({"trace_id": "t", "code": value, "msg": msg, "data": None})


def data(**changes: Any) -> Fault:
    """Answer with `data` changed: `list=None`, say."""
    return wire.changed(lambda answer: {**answer, "data": {**answer["data"], **changes}})


def items(change: Any) -> Fault:
    """Answer with each item of the list changed."""

    def changed(answer: dict[str, Any]) -> dict[str, Any]:
        listed = [change(dict(item)) for item in answer["data"]["list"]]
        return {**answer, "data": {**answer["data"], "list": listed}}

    return wire.changed(changed)


def numbers_as_strings(answer: dict[str, Any]) -> dict[str, Any]:
    def strings(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: strings(item) for name, item in value.items()}
        if isinstance(value, list):
            return [strings(item) for item in value]
        return str(value) if isinstance(value, int) else value

    return {**answer, "data": strings(answer["data"])}


def one_malformed(answer: dict[str, Any]) -> dict[str, Any]:
    odd: list[Any] = [None, 7, [], {"id": None, "status": 20}, {"id": "x"}, {"id": "y", "status": "soon"}]
    return {**answer, "data": {**answer["data"], "list": [*odd, *answer["data"]["list"]]}}


_CODES: tuple[Any, ...] = (
    *(10400, 400, 40000, 40001, 40002, 50000, 50011, 51000, 12345),
    *(None, False, "", "soon", 0.5, [], {}),
)

# What the first answers meet while the task ends. It is announced once afterwards.
ANSWERS: dict[str, Fault] = {
    **{f"code {value!r}": code(value) for value in _CODES},
    "no code": wire.says_json({}),
    "hang": wire.hang,
    "slow drip": wire.drip,
    "closed": wire.closed,
    "reset": wire.reset,
    **{f"HTTP {status}": wire.says(wire.HTML, status) for status in (400, 404, 429, 500, 502, 503, 504)},
    "HTML with 200": wire.says(wire.HTML),
    "truncated JSON": wire.half_a_json,
    "nothing": wire.says(""),
    "a list": wire.says("[]"),
    "deep nesting": wire.says("[" * 100_000),
    "not UTF-8": wire.says(b"\xff\xfe\x00"),
    "200 MB": wire.endless_body,
    "gzip bomb": wire.gzip_bomb,
    "data null": wire.changed(lambda answer: {**answer, "data": None}),
    "data a list": wire.changed(lambda answer: {**answer, "data": []}),
    "list null": data(list=None),
    "list an object": data(list={}),
    "page_info null": data(page_info=None),
    "page_info a list": data(page_info=[]),
    "total_count null": data(page_info={"page": 1, "size": 50, "total_count": None}),
    "total_count a list": data(page_info={"page": [], "size": {}, "total_count": []}),
    "total_count a lie": data(page_info={"page": 1, "size": 50, "total_count": 10**30}),
    "every field null": items(lambda item: dict.fromkeys(item, None) | {"id": item["id"], "status": item["status"]}),
    "numbers as strings": wire.changed(numbers_as_strings),
    "malformed items": wire.changed(one_malformed),
    "unknown status": items(lambda item: {**item, "status": 77}),
    "older answers": items(lambda item: {**item, "status": 10, "video_url": ""}),
    "an empty list": data(list=[], page_info={"page": 1, "size": 50, "total_count": 0}),
}  # fmt: skip


def tell_through(directory: Path, fault: Fault) -> tuple[list[int], str]:
    """Let one task end while the next answers are faulty, and then two more; return how often each was announced."""
    with scene(directory) as here, here.running():
        greeted(here)
        waiting = here.chanjing.add("w" * 32, 10)
        wait_for(lambda: waiting in here.state.tasks, "the task to be watched")
        here.chanjing.intercept = wire.first(3, fault)
        here.chanjing.finish(waiting)
        ids = [waiting, *here.end("a")]
        here.wait_until_told(ids)
        # And once more when all has been announced: nothing is announced again.
        here.chanjing.intercept = wire.first(2, fault)
        ids += here.end("b")
        here.wait_until_told(ids)
        return here.announced(ids), here.log.getvalue()


Outcomes = dict[str, Future[tuple[list[int], str]]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """Run all rows, several at a time: they mostly wait."""
    directory = tmp_path_factory.mktemp("chanjing")
    with ThreadPoolExecutor(16) as pool:
        yield {name: pool.submit(tell_through, directory, fault) for name, fault in ANSWERS.items()}


@pytest.mark.parametrize("name", ANSWERS)
def test_each_end_is_announced_once_whatever_chanjing_answers_meanwhile(outcomes: Outcomes, name: str) -> None:
    announced, log = outcomes[name].result()
    assert announced == [1, 1, 1]
    check_log(log)


def test_the_token_does_not_travel_to_another_host(tmp_path: Path) -> None:
    with scene(tmp_path) as here, LoopbackServer() as other, here.running():
        greeted(here)
        here.chanjing.intercept = wire.first(2, wire.redirect(other.url.replace("127.0.0.1", "localhost")))
        here.wait_until_told(here.end("a"))
        assert other.calls == []


def test_stale_answers_make_no_news(tmp_path: Path) -> None:
    with scene(tmp_path) as here, here.running():
        greeted(here)
        ids = here.end("a")
        here.wait_until_told(ids)
        for status in (10, 20, 0, 30, 20):
            here.chanjing.update(ids[0], status=status)
            polled = here.lists()
            wait_for(lambda before=polled: here.lists() > before + 1, "two polls")  # type: ignore[misc]
        here.wait_until_told(here.end("b"))
        assert here.announced(ids) == [1]


def test_a_token_that_another_program_renews_in_the_middle_of_a_read_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret-chanjing")
    with scene(tmp_path) as here:
        for number in range(6):
            here.chanjing.add(f"old{number}", 20)

        def renew_before_page_2(call: Call) -> bool:
            if call.path.endswith("/list") and call.json()["page"] == 2 and here.chanjing.token == "secret-chanjing":
                here.chanjing.token = "secret-chanjing-2"
                file.write_text("")  # just being written
                file.write_text("secret-chanjing-2\n")
            return False

        here.chanjing.intercept = renew_before_page_2
        with here.running(CHANJING_ACCESS_TOKEN="", CHANJING_ACCESS_TOKEN_FILE=str(file), CHANJING_PAGE_SIZE="2"):
            greeted(here)
            ids = here.end("a")
            here.wait_until_told(ids)
        assert here.announced(ids) == [1]
        check_log(here.log.getvalue())


def test_a_token_file_that_cannot_be_read_just_now_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret-chanjing")
    with scene(tmp_path) as here:
        with here.running(CHANJING_ACCESS_TOKEN="", CHANJING_ACCESS_TOKEN_FILE=str(file)):
            greeted(here)
            here.chanjing.token = "secret-chanjing-2"
            file.unlink()
            polled = here.lists()
            wait_for(lambda: here.lists() > polled + 2, "refused polls")
            file.write_text("secret-chanjing-2")
            ids = here.end("a")
            here.wait_until_told(ids)
        assert here.announced(ids) == [1]
        check_log(here.log.getvalue())


def reports(here: Scene) -> list[str]:
    lines = map(json.loads, here.log.getvalue().splitlines())
    return [line["error"] for line in lines if line["event"] == "poll_failed" and line["level"] == "error"]


def test_a_token_that_is_never_valid_again_is_reported_once(tmp_path: Path) -> None:
    with scene(tmp_path) as here, here.running():
        greeted(here)
        here.chanjing.token = "another"
        polled = here.lists()
        wait_for(lambda: here.lists() > polled + 5, "refused polls")
        assert len(reports(here)) == 1
        assert "chanjing.access_token" in reports(here)[0]


def test_an_app_that_is_disabled_mints_no_tokens_over_and_over(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        app = {
            "CHANJING_ACCESS_TOKEN": "",
            "CHANJING_APP_ID": here.chanjing.app_id,
            "CHANJING_SECRET_KEY": "secret-key",
        }
        here.chanjing.secret_key = "secret-key"
        with here.running(**app):
            greeted(here)
            here.chanjing.intercept = wire.first(99, code(10400), at="/list")
            polled = here.lists()
            wait_for(lambda: here.lists() > polled + 5, "refused polls")
            assert sum(call.path.endswith("/access_token") for call in here.chanjing.calls) <= 2
            assert len(reports(here)) == 1
            here.chanjing.intercept = None
            here.wait_until_told(here.end("a"))
        check_log(here.log.getvalue())
