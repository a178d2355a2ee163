"""A Slack that misbehaves: each end is announced in exactly one message, whatever Slack does with the first post."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.demo.server import LoopbackServer
from tests.faults import wire
from tests.faults.bot_in_thread import Scene, scene, wait_for
from tests.faults.wire import SECRETS, Fault

POST, HISTORY, WEBHOOK = "/chat.postMessage", "/conversations.history", "/XXXX"


def says_error(error: str, *, processed: bool = False) -> Fault:
    return wire.says_json({"ok": False, "error": error}, processed=processed)


def without_ts(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name != "ts"}


def elsewhere(answer: dict[str, object]) -> dict[str, object]:
    return {**answer, "channel": "C0ELSEWHERE"}


# What the first post meets, and how many posts it takes until the task is announced: one where it had arrived.
FIRST_POST: dict[str, tuple[Fault, int]] = {
    "reply lost after processing": (wire.reply_lost, 1),
    "closed before processing": (wire.closed, 2),
    "reset before processing": (wire.reset, 2),
    "hang before processing": (wire.hang, 2),
    "hang after processing": (wire.hang_after_processing, 1),
    "dripping reply": (wire.drip, 1),
    "429 with Retry-After": (wire.says("", 429, Retry_After="1"), 2),
    "429 with Retry-After in lower case": (wire.says("", 429, retry_after="1"), 2),
    "429 with ratelimited in JSON": (wire.says_json({"ok": False, "error": "ratelimited"}, 429, Retry_After="1"), 2),
    "200 with ratelimited": (wire.says_json({"ok": False, "error": "ratelimited"}, Retry_After="1"), 2),
    **{f"{n} before processing": (wire.says(wire.HTML, n), 2) for n in (500, 502, 503, 504)},
    **{f"{n} after processing": (wire.says(wire.HTML, n, processed=True), 1) for n in (500, 502, 503, 504)},
    "HTML with 200, not processed": (wire.says(wire.HTML), 2),
    "HTML with 200, processed": (wire.says(wire.HTML, processed=True), 1),
    "half a JSON": (wire.half_a_json, 1),
    "a list": (wire.says("[]", processed=True), 1),
    "nothing": (wire.says("", processed=True), 1),
    "not UTF-8": (wire.says(b"\xff\xfe\x00{", processed=True), 1),
    "ok without ts": (wire.changed(without_ts), 1),
    "ok with another channel": (wire.changed(elsewhere), 1),
    "ok that is not true": (wire.says_json({"ok": "true"}, processed=True), 1),
    "fatal_error after processing": (says_error("fatal_error", processed=True), 1),
    "internal_error before processing": (says_error("internal_error"), 2),
    "request_timeout after processing": (says_error("request_timeout", processed=True), 1),
    "an error never heard of": (says_error("something_new"), 2),
    **{f"{n} from a proxy, not processed": (wire.says(wire.HTML, n), 2) for n in (403, 404, 407)},
    **{f"{n} from a proxy, processed": (wire.says(wire.HTML, n, processed=True), 1) for n in (400, 403, 404, 413)},
    "408": (wire.says("", 408, processed=True), 1),
    "gzip bomb": (wire.gzip_bomb, 2),
    "endless body": (wire.endless_body, 2),
}

# What looks meet after a reply was lost. It is posted once all the same.
LOOKS: dict[str, Fault] = {
    "history fails twice": wire.first(2, wire.says(wire.HTML, 500), at=HISTORY),
    "history is half a JSON": wire.first(3, wire.half_a_json, at=HISTORY),
    "history hangs": wire.first(1, wire.hang, at=HISTORY),
    "history is limited": wire.first(1, wire.says("", 429, Retry_After="1"), at=HISTORY),
    "history is compressed by a proxy": wire.first(1_000, wire.compressed, at=HISTORY),
    "history without messages": wire.first(2, wire.says_json({"ok": True}), at=HISTORY),
    "history with more and no way to it": wire.first(
        2, wire.says_json({"ok": True, "messages": [], "has_more": True}), at=HISTORY
    ),
    "history of odd things": wire.first(
        1, wire.says_json({"ok": True, "messages": [None, 7, {"metadata": []}, {"metadata": {"event_payload": 1}}]}),
        at=HISTORY,
    ),
}  # fmt: skip

# What the webhook meets: how many messages may name the task at the end. Two where the first outcome was in doubt.
WEBHOOKS: dict[str, tuple[Fault, int]] = {
    "reply lost": (wire.reply_lost, 2),
    "closed": (wire.closed, 1),
    "hang": (wire.hang, 1),
    "500": (wire.says("", 500), 1),
    "404 no_service": (wire.says("no_service", 404), 1),
    "429": (wire.says("", 429, Retry_After="1"), 1),
    "403 from a proxy, not processed": (wire.says(wire.HTML, 403), 1),
    "403 from a proxy, processed": (wire.says(wire.HTML, 403, processed=True), 2),
    "somebody else's page with 200": (wire.says(wire.HTML, processed=True), 1),
    "JSON with 200": (wire.says_json({"ok": True}, processed=True), 1),
    "204": (wire.says("", 204, processed=True), 1),
    "ok, compressed by a proxy": (wire.compressed, 1),
    "200 with a word of refusal": (wire.says("invalid_payload"), 1),
    "ok": (wire.first(0, wire.closed), 1),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was to be seen at the end of one row."""

    announced: list[int]
    posts: int
    polls: int
    log: str


def tell_one(directory: Path, fault: Fault, at: str, **settings: str) -> Outcome:
    """Let one task end while Slack has *fault*, and return what came of it."""
    with scene(directory) as here:
        if at == WEBHOOK:
            settings |= {"SLACK_WEBHOOK_URL": here.slack.webhook_url, "SLACK_BOT_TOKEN": "", "SLACK_CHANNEL": ""}
        with here.running(**settings):
            greeted(here)
            before, polls = here.posts(), here.lists()
            here.slack.intercept = fault
            ids = here.end("a")
            here.wait_until_told(ids)
            polled = here.lists()
            wait_for(lambda: here.lists() > polled + 1, "polls to go on")
        return Outcome(here.announced(ids), here.posts() - before, here.lists() - polls, here.log.getvalue())


def greeted(here: Scene) -> None:
    wait_for(lambda: here.slack.messages and not here.state.outbox.notices and here.state.baseline_at, "greeting")


def lost_reply_and(fault: Fault) -> Fault:
    lose = wire.first(1, wire.reply_lost, at=POST)
    return lambda call: lose(call) or fault(call)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Future[Outcome]]]:
    """Run all rows, several at a time: they mostly wait."""
    directory = tmp_path_factory.mktemp("slack")
    with ThreadPoolExecutor(16) as pool:
        yield {
            **{("post", n): pool.submit(tell_one, directory, wire.first(1, f, at=POST), POST)
               for n, (f, _) in FIRST_POST.items()},
            **{("look", n): pool.submit(tell_one, directory, lost_reply_and(f), HISTORY) for n, f in LOOKS.items()},
            **{("webhook", n): pool.submit(tell_one, directory, wire.first(1, f), WEBHOOK)
               for n, (f, _) in WEBHOOKS.items()},
        }  # fmt: skip


Outcomes = dict[tuple[str, str], Future[Outcome]]


def check_log(log: str) -> None:
    assert "Traceback" not in log
    assert "cycle_failed" not in log
    assert not [secret for secret in SECRETS if secret in log]


@pytest.mark.parametrize("name", FIRST_POST)
def test_a_task_is_announced_once_whatever_its_first_post_meets(outcomes: Outcomes, name: str) -> None:
    outcome = outcomes["post", name].result()
    assert (outcome.announced, outcome.posts) == ([1], FIRST_POST[name][1])
    check_log(outcome.log)


@pytest.mark.parametrize("name", LOOKS)
def test_a_task_whose_reply_was_lost_is_announced_once_whatever_the_looks_meet(outcomes: Outcomes, name: str) -> None:
    outcome = outcomes["look", name].result()
    assert (outcome.announced, outcome.posts) == ([1], 1)
    check_log(outcome.log)


@pytest.mark.parametrize("name", WEBHOOKS)
def test_by_a_webhook_a_task_is_announced_and_again_only_after_a_doubt(outcomes: Outcomes, name: str) -> None:
    outcome = outcomes["webhook", name].result()
    assert outcome.announced == [WEBHOOKS[name][1]]
    assert outcome.announced[0] - 1 <= outcome.log.count("notice_in_doubt")
    check_log(outcome.log)


@pytest.mark.parametrize("announced", ["", "soon", "-3", "0", "nan", "1e30", "9" * 400])
def test_an_odd_retry_after_postpones_and_polls_go_on(tmp_path: Path, announced: str) -> None:
    with scene(tmp_path) as here, here.running():
        greeted(here)
        here.slack.intercept = wire.first(1, wire.says("", 429, Retry_After=announced), at=POST)
        here.end("a")
        wait_for(lambda: here.state.outbox.to("C0LIPSYNC01").until, "a pause")
        polled = here.lists()
        wait_for(lambda: here.lists() > polled + 1, "polls to go on")
        destination = here.state.outbox.to("C0LIPSYNC01")
        now = here.state.outbox.notices[0].since
        assert 1 < destination.until - now <= 301
    check_log(here.log.getvalue())


def _archive(here: Scene, *, broken: bool) -> None:
    here.slack.channels["C0LIPSYNC01"].is_archived = broken


def _leave(here: Scene, *, broken: bool) -> None:
    here.slack.channels["C0LIPSYNC01"].is_member = not broken


def _take_scope(here: Scene, *, broken: bool) -> None:
    (here.slack.scopes.discard if broken else here.slack.scopes.add)("chat:write")


def _answering(error: str) -> Callable[..., None]:
    def break_or_mend(here: Scene, *, broken: bool) -> None:
        here.slack.revoked = error if broken else False

    return break_or_mend


REFUSALS = ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "ekm_access_denied",
            "access_denied", "no_permission", "team_access_not_granted", "restricted_action")  # fmt: skip
CONFIGURATION: dict[str, Callable[..., None]] = {
    "is_archived": _archive,
    "not_in_channel": _leave,
    "missing_scope": _take_scope,
    **{reason: _answering(reason) for reason in REFUSALS},
}


def break_and_mend(directory: Path, break_or_mend: Callable[..., None]) -> tuple[list[str], list[int], str]:
    with scene(directory) as here, here.running(SLACK_DIGEST_AFTER="0"):
        greeted(here)
        break_or_mend(here, broken=True)
        ids = []
        for number, name in enumerate("abc", start=1):
            ids += here.end(name)
            wait_for(lambda wanted=number: len(here.state.outbox.notices) == wanted, "notices")  # type: ignore[misc]
        wait_for(lambda: here.state.outbox.to("C0LIPSYNC01").until, "a refusal")
        polled = here.lists()
        wait_for(lambda: here.lists() > polled + 4, "polls to go on")
        break_or_mend(here, broken=False)
        here.wait_until_told(ids)
        order = [task_id[0] for message in here.slack.messages for task_id in ids if task_id in message.text]
        return order, here.announced(ids), here.log.getvalue()


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[tuple[list[str], list[int], str]]]]:
    directory = tmp_path_factory.mktemp("configuration")
    with ThreadPoolExecutor(16) as pool:
        yield {name: pool.submit(break_and_mend, directory, fault) for name, fault in CONFIGURATION.items()}


@pytest.mark.parametrize("name", CONFIGURATION)
def test_what_a_mistake_in_the_configuration_held_up_is_announced_in_order_when_it_is_mended(
    mended: dict[str, Future[tuple[list[str], list[int], str]]], name: str
) -> None:
    order, announced, log = mended[name].result()
    assert announced == [1, 1, 1]
    assert order == sorted(order)
    loud = [line for line in map(json.loads, log.splitlines()) if line["event"] == "notice_postponed"]
    assert sum(line["level"] == "warning" for line in loud) in {1, 2}  # what it refuses, history and post, once each
    assert name in loud[0]["error"]
    check_log(log)


def test_the_token_does_not_travel_to_another_host(tmp_path: Path) -> None:
    with scene(tmp_path) as here, LoopbackServer() as other:
        with here.running():
            greeted(here)
            here.slack.intercept = wire.first(2, wire.redirect(other.url.replace("127.0.0.1", "localhost")), at=POST)
            ids = here.end("a")
            here.wait_until_told(ids)
        assert other.calls == []
        assert here.announced(ids) == [1]


def test_a_token_that_was_renewed_in_its_file_needs_no_restart(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        file = here.directory / "token"
        file.write_text(here.slack.token)
        with here.running(SLACK_BOT_TOKEN="", SLACK_BOT_TOKEN_FILE=str(file)):
            greeted(here)
            file.write_text("xoxb-renewed")
            here.slack.token = "xoxb-renewed"
            ids = here.end("a")
            here.wait_until_told(ids)
        assert here.announced(ids) == [1]
    check_log(here.log.getvalue())


def test_a_webhook_that_was_renewed_in_its_file_needs_no_restart(tmp_path: Path) -> None:
    with scene(tmp_path) as here:
        file = here.directory / "webhook"
        file.write_text(here.slack.webhook_url)
        with here.running(SLACK_BOT_TOKEN="", SLACK_CHANNEL="", SLACK_WEBHOOK_URL_FILE=str(file)):
            greeted(here)
            file.write_text(f"{here.slack.webhook_url}?renewed")
            here.slack.intercept = lambda call: not call.query and wire.says("no_service", 404)(call)
            ids = here.end("a")
            here.wait_until_told(ids)
        assert here.announced(ids) == [1]
    check_log(here.log.getvalue())


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_a_history_is_posted_to_at_once(tmp_path: Path, status: int) -> None:
    with scene(tmp_path) as here:
        here.slack.intercept = wire.first(-1, wire.says(wire.HTML, status), at=HISTORY)
        with here.running():
            greeted(here)
            ids = here.end("a")
            here.wait_until_told(ids)
        assert here.announced(ids) == [1]
        assert here.state.outbox.to("C0LIPSYNC01").unreadable == f"http_{status}"


@pytest.mark.parametrize(("times", "with_image"), [(1, True), (99, False)])
def test_a_cover_that_slack_cannot_fetch_costs_the_cover_not_the_message(
    tmp_path: Path, times: int, *, with_image: bool
) -> None:
    left = [times]

    def unfetchable(url: str) -> bool:
        left[0] -= 1
        return left[0] >= 0

    with scene(tmp_path) as here:
        with here.running():
            greeted(here)
            here.slack.image_unfetchable = unfetchable
            ids = here.end("a")
            here.wait_until_told(ids)
        message = here.slack.messages[-1]
        assert here.announced(ids) == [1]
        assert any(block["type"] == "image" for block in message.blocks) == with_image


def test_a_history_that_lags_does_not_make_a_message_twice(tmp_path: Path) -> None:
    with scene(tmp_path) as here, here.running():
        greeted(here)
        here.slack.history_lag = 0.8
        here.slack.intercept = wire.first(1, wire.reply_lost, at=POST)
        ids = here.end("a")
        here.wait_until_told(ids)
        assert here.announced(ids) == [1]
