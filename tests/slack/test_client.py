import json
import logging
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from slack_sdk import WebClient

from bot import clients
from bot.demo.server import Call
from bot.demo.slack import CHANNEL, SlackServer
from bot.domain.history import HistoryPage
from bot.errors import ConfigError, DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.secret import FileSecret
from bot.slack.blocks import Message
from bot.slack.client import Posted, SlackBot, SlackWebhook
from bot.slack.outcome import WEBHOOK, stops_every_call
from bot.slack.sdk import require
from tests.fakes import SimulatedClock

TOKEN = "xoxb-1-T0p/s3cret+="
MESSAGE = Message(":white_check_mark: ready", ({"type": "section", "text": {"type": "mrkdwn", "text": "ready"}},))
IDS = ("0123456789abcdef", "fedcba9876543210")
TIMEOUT = 0.4


@pytest.fixture
def server():
    with SlackServer(TOKEN) as server:
        yield server


@pytest.fixture(scope="module")
def exchange():
    """Return a function: → an Exchange as the bot makes one for Slack."""
    with clients.connections(trust_env=False) as exchange:
        yield lambda timeout=5.0: exchange("http://127.0.0.1", timeout, keep_alive=False)


@pytest.fixture
def bot(server, exchange):
    return SlackBot(TOKEN, server.base_url, exchange())


@pytest.fixture
def webhook(server, exchange):
    return SlackWebhook(server.webhook_url, exchange())


def error_of(act: Callable[[], object]) -> SlackError:
    with pytest.raises(SlackError) as caught:
        act()
    assert caught.value.__cause__ is None
    return caught.value


def posting(client: SlackBot | SlackWebhook) -> Callable[[], Posted]:
    return lambda: client.post(CHANNEL, MESSAGE, IDS)


def says(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Callable[[Call], bool]:
    """Return an interceptor that answers *body*: bytes, or what becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def intercept(call: Call) -> bool:
        call.send(status, headers or {}, content)
        return True

    return intercept


def refuses(error: str, **more: object) -> Callable[[Call], bool]:
    return says({"ok": False, "error": error, **more})


# A post that succeeds


def test_a_message_is_posted_with_its_notices_ids_and_unfurls_nothing(bot, server):
    ts = bot.post(CHANNEL, MESSAGE, IDS).ts
    message = server.messages[0]
    assert (message.ts, message.text, message.blocks) == (ts, MESSAGE.text, list(MESSAGE.blocks))
    assert message.metadata == {"event_type": "lipsync_notice", "event_payload": {"ids": " ".join(IDS)}}
    sent = server.calls[0].json()
    assert (sent["unfurl_links"], sent["unfurl_media"]) == (False, False)


def test_a_message_without_blocks_is_its_text(bot, server):
    bot.post(CHANNEL, Message("only text", ()), IDS)
    assert (server.messages[0].text, server.messages[0].blocks) == ("only text", [])


def test_each_call_has_a_connection_of_its_own(bot, server):
    for _ in range(2):
        bot.post(CHANNEL, MESSAGE, IDS)
    assert len({id(call.connection) for call in server.calls}) == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"ok": True},
        {"ok": True, "channel": CHANNEL},
        {"ok": True, "channel": CHANNEL, "ts": ""},
        {"ok": True, "channel": CHANNEL, "ts": None},
        {"ok": True, "channel": CHANNEL, "ts": 1738640400.5},
        {"ok": None, "channel": CHANNEL, "ts": "1.5"},
    ],
    ids=str,
)
def test_ok_without_a_ts_is_in_doubt(bot, server, answer):
    server.intercept = says(answer)
    assert type(error_of(posting(bot))) is OutcomeUnknown


@pytest.mark.parametrize("status", [200, 201, 202])
def test_ok_and_a_ts_is_posted_whichever_channel_is_named(bot, server, status):
    channels: list[object] = [CHANNEL, "C0ANOTHER01", "#videos", None, 5, {}]
    for channel in channels:
        server.intercept = says({"ok": True, "channel": channel, "ts": "1.5"}, status)
        assert bot.post(CHANNEL, MESSAGE, IDS).ts == "1.5"


@pytest.mark.parametrize("ts", ["soon", "1.5.2", "NaN", "\ud800", "-1.5"])
def test_a_ts_that_slack_would_not_give_is_posted_all_the_same_and_not_remembered(bot, server, ts):
    server.intercept = says({"ok": True, "channel": CHANNEL, "ts": ts})
    assert bot.post(CHANNEL, MESSAGE, IDS).ts == ""


@pytest.mark.parametrize(
    ("channel", "moved_to"),
    [("C0ANOTHER01", "C0ANOTHER01"), ("G0ANOTHER01", "G0ANOTHER01"), (CHANNEL, ""), ("#videos", ""), (None, "")],
)
def test_the_id_of_another_channel_is_returned_and_no_other_name(bot, server, channel, moved_to):
    server.intercept = says({"ok": True, "channel": channel, "ts": "1.5"})
    assert bot.post(CHANNEL, MESSAGE, IDS).moved_to == moved_to


# What an answer means

HTML = b"<html><body>hello</body></html>"
OK_BUT_ODD = {
    "html": HTML,
    "nothing": b"",
    "half": b'{"ok": tr',
    "no text": b"\xff\xfe\xfa",
    "list": [],
    "list of ok": [{"ok": True}],
    "null": None,
    "number": 5,
    "empty object": {},
    "ok null": {"ok": None, "error": "not_in_channel"},
    "ok 0": {"ok": 0, "error": "not_in_channel"},
    "no error": {"ok": False},
    "error null": {"ok": False, "error": None},
    "error a sentence": {"ok": False, "error": "Something went wrong."},
    "error in capitals": {"ok": False, "error": "NOT_IN_CHANNEL"},
    "error a list": {"ok": False, "error": ["not_in_channel"]},
    "deep": b"[" * 100_000,
}
DOUBTFUL = ["fatal_error", "internal_error", "service_unavailable", "request_timeout"]
PAYLOAD = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "metadata_too_large",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_must_be_sent_from_app",
]
CONFIGURATION = {
    "invalid_auth": "slack.bot_token",
    "not_authed": "slack.bot_token",
    "account_inactive": "slack.bot_token",
    "token_revoked": "slack.bot_token",
    "token_expired": "slack.bot_token",
    "missing_scope": "OAuth & Permissions",
    "channel_not_found": "Check the channel id",
    "not_in_channel": "/invite @lipsync-bot",
    "is_archived": "Unarchive",
    "restricted_action": "A workspace rule",
    "restricted_action_read_only_channel": "A workspace rule",
    "ekm_access_denied": "administrator",
    "access_denied": "administrator",
    "no_permission": "administrator",
    "team_access_not_granted": "administrator",
    "something_quite_new": "https://docs.slack.dev/reference/methods/chat.postMessage#errors",
}


@pytest.mark.parametrize("body", OK_BUT_ODD.values(), ids=OK_BUT_ODD)
def test_an_answer_that_is_not_slacks_own_words_is_in_doubt(bot, server, body):
    server.intercept = says(body)
    assert type(error_of(posting(bot))) is OutcomeUnknown


@pytest.mark.parametrize("word", DOUBTFUL)
def test_an_error_on_slacks_side_is_in_doubt(bot, server, word):
    server.intercept = refuses(word)
    error = error_of(posting(bot))
    assert (type(error), error.reason) == (OutcomeUnknown, word)


@pytest.mark.parametrize("status", [301, 302, 307, 408, 500, 502, 503, 504])
def test_no_http_status_but_2xx_and_4xx_is_certain(bot, server, status):
    for body in (HTML, b"", {"ok": False, "error": "not_in_channel"}):
        server.intercept = says(body, status)
        assert type(error_of(posting(bot))) is OutcomeUnknown


FOREIGN: dict[str, object] = {
    "html": HTML,
    "empty": b"",
    "no text": b"\xff\xfe",
    "list": [],
    "null": None,
    "a gateway's JSON": {"error": "forbidden", "message": "Access denied"},
    "a word": b"forbidden",
    "a word of Slack's": b"channel_not_found",
    "ok false": {"ok": False},
    "a sentence": {"ok": False, "error": "Access denied."},
}


@pytest.mark.parametrize("body", FOREIGN.values(), ids=FOREIGN)
def test_an_http_4xx_that_is_not_in_slacks_words_is_in_doubt_as_it_may_follow_a_post(bot, server, body):
    for status in (400, 401, 403, 404, 405, 410, 413, 451):
        server.intercept = says(body, status)
        error = error_of(posting(bot))
        assert (type(error), error.reason) == (OutcomeUnknown, f"http_{status}")
        assert "check slack.base_url, and whether a proxy is in between" in str(error)


@pytest.mark.parametrize("kind", ["bot", "webhook"])
def test_a_proxy_that_asks_for_a_password_has_passed_nothing_on(request, server, kind):
    server.intercept = says(HTML, 407)
    error = error_of(posting(request.getfixturevalue(kind)))
    assert (type(error), error.reason) == (DestinationRefused, "http_407")
    assert "HTTPS_PROXY" in str(error)


@pytest.mark.parametrize("word", PAYLOAD)
def test_a_message_that_is_refused_for_what_it_holds_is_reported_with_the_details(bot, server, word):
    detail = "downloading image failed [json-pointer:/blocks/1/image_url]"
    for status in (200, 400):
        server.intercept = says({"ok": False, "error": word, "errors": [detail]}, status)
        error = error_of(posting(bot))
        assert (type(error), error.reason) == (PayloadRefused, word)
        assert str(error) == f"chat.postMessage: {word}: {detail}"


@pytest.mark.parametrize("errors", [None, "text", {}, 5])
def test_details_may_be_missing(bot, server, errors):
    server.intercept = refuses("invalid_blocks", errors=errors)
    assert (
        str(error_of(posting(bot))) == "chat.postMessage: invalid_blocks: Slack does not accept what is in the message"
    )


@pytest.mark.parametrize(("word", "remedy"), CONFIGURATION.items(), ids=CONFIGURATION)
def test_a_refusal_for_any_other_reason_is_reported_with_its_remedy(bot, server, word, remedy):
    for status in (200, 403):
        server.intercept = says({"ok": False, "error": word}, status)
        error = error_of(posting(bot))
        assert (type(error), error.reason) == (DestinationRefused, word)
        assert str(error).startswith(f"chat.postMessage: {word}. ")
        assert remedy in str(error)


def test_the_scope_that_is_needed_is_named(bot, server):
    server.scopes.remove("chat:write")
    assert "missing_scope (needed: chat:write)." in str(error_of(posting(bot)))


@pytest.mark.parametrize(
    ("reason", "all_calls"),
    [
        ("token_revoked", True),
        ("no_connection", True),
        ("http_407", True),
        ("not_in_channel", False),
        ("missing_scope", False),
    ],
)
def test_a_token_or_a_network_stops_every_call_and_a_channel_does_not(reason, all_calls):
    assert stops_every_call(reason) is all_calls


@pytest.mark.parametrize(
    "answer",
    [
        says(HTML, 429),
        says(b"", 429),
        says(b"\xff\xfe", 429),
        says([], 429),
        says({"ok": False, "error": "ratelimited"}, 429),
        refuses("ratelimited"),
        refuses("rate_limited"),
        refuses("message_limit_exceeded"),
    ],
    ids=["html", "empty", "no text", "list", "json", "ratelimited", "rate_limited", "message_limit_exceeded"],
)
def test_a_rate_limit_without_a_time_is_half_a_minute(bot, server, answer):
    server.intercept = answer
    error = error_of(posting(bot))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 30


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1", 1),
        (" 7 ", 7),
        ("2.5", 2.5),
        ("300", 300),
        ("301", 300),
        ("86400", 300),
        ("1e999", 300),
        ("0", 30),
        ("-5", 30),
        ("", 30),
        ("soon", 30),
        ("nan", 30),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 30),
    ],
)
def test_a_rate_limit_waits_as_slack_asks_within_reason(bot, server, value, seconds):
    for name in ("Retry-After", "retry-after", "RETRY-AFTER"):
        server.intercept = says({"ok": False, "error": "ratelimited"}, 429, {name: value})
        error = error_of(posting(bot))
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds


# Connections


def drops(sent: bytes, *, reset: bool = False) -> Callable[[Call], bool]:
    """Return an interceptor that writes *sent* and ends the connection."""

    def intercept(call: Call) -> bool:
        call.connection.sendall(sent)
        if reset:
            call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return True

    return intercept


def hangs(call: Call) -> bool:
    call.connection.recv(1)  # nothing comes but the end
    return True


@pytest.mark.parametrize(
    "fault",
    [
        drops(b""),
        drops(b"", reset=True),
        drops(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
        drops(b"garbage\r\n\r\n"),
        says(b"plain", headers={"Content-Encoding": "gzip"}),
        says(b"plain", headers={"Content-Encoding": "br"}),
    ],
    ids=["no answer", "reset", "half", "garbage", "no gzip", "unknown encoding"],
)
def test_a_post_without_a_whole_answer_is_in_doubt_and_not_sent_again(bot, server, fault):
    server.intercept = fault
    assert type(error_of(posting(bot))) is OutcomeUnknown
    assert len(server.calls) == 1


def test_a_post_that_hangs_is_in_doubt_at_the_deadline(server, exchange):
    server.intercept = hangs
    error = error_of(posting(SlackBot(TOKEN, server.base_url, exchange(TIMEOUT))))
    assert (type(error), error.reason) == (OutcomeUnknown, "ReadTimeout")


@pytest.fixture
def listener():
    """Return a socket that listens, for a test that answers itself or not at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def address(listener: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/api/"


def test_a_connection_that_is_reset_while_sending_is_in_doubt(listener, exchange):
    def reset() -> None:
        connection, _ = listener.accept()
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    thread = threading.Thread(target=reset)
    thread.start()
    long = Message("x" * 8_000_000, ())
    error = error_of(lambda: SlackBot(TOKEN, address(listener), exchange()).post(CHANNEL, long, IDS))
    thread.join()
    assert type(error) is OutcomeUnknown


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:1/api/", "http://nowhere.invalid/api/"], ids=["refused", "no such host"]
)
def test_a_connection_that_cannot_be_made_is_certain_and_has_a_remedy(exchange, base_url):
    error = error_of(posting(SlackBot(TOKEN, base_url, exchange())))
    assert (type(error), error.reason) == (DestinationRefused, "no_connection")
    assert "Check the network and slack.base_url" in str(error)


def test_a_connection_that_is_not_made_by_the_deadline_is_certain(listener, exchange):
    error = error_of(posting(SlackBot(TOKEN, address(listener, "https"), exchange(TIMEOUT))))
    assert (type(error), error.reason) == (DestinationRefused, "no_connection")


def test_a_redirect_is_not_followed_and_the_token_does_not_travel(bot, server):
    with SlackServer(TOKEN) as other:
        server.intercept = says(b"", 307, {"Location": f"{other.url}/api/chat.postMessage"})
        assert type(error_of(posting(bot))) is OutcomeUnknown
        assert other.calls == []


# A page of the history


def test_what_was_posted_is_found_with_its_ts(bot, server):
    first = bot.post(CHANNEL, MESSAGE, IDS[:1]).ts
    second = bot.post(CHANNEL, MESSAGE, IDS[1:]).ts
    assert bot.page(CHANNEL, "", "") == HistoryPage({IDS[0]: first, IDS[1]: second}, newest=second, oldest=first)
    assert bot.page(CHANNEL, first, "").found == {IDS[1]: second}


def pages(*found: dict[str, Any]) -> Callable[[Call], bool]:
    """Return an interceptor that answers requests for the history with one page after another."""
    left = iter(found)

    def intercept(call: Call) -> bool:
        if not call.path.endswith("conversations.history"):
            return False
        call.send(200, {}, json.dumps({"ok": True, **next(left)}).encode())
        return True

    return intercept


OURS = {"bot_id": "B000", "user": "U0LIPSYNC01"}


def described(ids: object, ts: object = "5.0", **more: object) -> dict[str, Any]:
    return {"ts": ts, "metadata": {"event_type": "lipsync_notice", "event_payload": {"ids": ids}}, **OURS, **more}


def arguments(call: Call) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in (call.body.decode() or call.query).split("&"))


def test_a_page_has_a_cursor_if_there_are_more_and_is_asked_for_by_it(bot, server):
    server.intercept = pages(
        {"messages": [described("a")], "has_more": True, "response_metadata": {"next_cursor": "to-2"}},
        {"messages": [], "has_more": False, "response_metadata": {"next_cursor": ""}},
    )
    assert bot.page(CHANNEL, "1.5", "") == HistoryPage({"a": "5.0"}, newest="5.0", oldest="5.0", cursor="to-2")
    assert bot.page(CHANNEL, "1.5", "to-2") == HistoryPage({})
    asked = [arguments(call) for call in server.calls if call.path.endswith("history")]
    assert [one.get("cursor") for one in asked] == [None, "to-2"]
    assert {(one["oldest"], one["include_all_metadata"]) for one in asked} == {("1.5", "1")}


def test_a_cursor_with_half_a_character_can_be_saved(bot, server):
    server.intercept = pages({"messages": [], "has_more": True, "response_metadata": {"next_cursor": "to\udc00-2"}})
    assert bot.page(CHANNEL, "", "").cursor.encode() == b"to?-2"


@pytest.mark.parametrize("oldest", ["", "0"])
def test_the_beginning_of_a_channel_is_no_ts(bot, server, oldest):
    bot.page(CHANNEL, oldest, "")
    assert "oldest" not in arguments(server.calls[0])


def test_a_cursor_that_has_expired_is_reported_as_that(bot, server):
    error = error_of(lambda: bot.page(CHANNEL, "", "expired"))
    assert (type(error), error.reason) == (DestinationRefused, "invalid_cursor")


@pytest.mark.parametrize("ids", ["a b", ["a", "b"], " a  b "], ids=["a string", "a list", "spaces"])
def test_ids_are_read_from_a_string_and_from_the_list_of_earlier_versions(bot, server, ids):
    server.intercept = pages({"messages": [described(ids)]})
    assert bot.page(CHANNEL, "", "").found == {"a": "5.0", "b": "5.0"}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"messages": None},
        {"messages": {}},
        {"messages": [], "has_more": True},
        {"messages": [], "has_more": True, "response_metadata": {"next_cursor": ""}},
        {"messages": [], "has_more": True, "response_metadata": None},
    ],
    ids=str,
)
def test_a_page_that_is_not_whole_is_none(bot, server, answer):
    server.intercept = pages(answer)
    assert type(error_of(lambda: bot.page(CHANNEL, "", ""))) is OutcomeUnknown


@pytest.mark.parametrize(
    "message",
    [
        None,
        "text",
        {},
        {"ts": "5.0"},
        {"ts": "5.0", "metadata": None},
        {"ts": "5.0", "metadata": []},
        {"ts": "5.0", "metadata": {"event_type": "task_created", "event_payload": {"ids": "a"}}},
        {"ts": "5.0", "metadata": {"event_type": "lipsync_outside", "event_payload": {"ids": "a"}}},
        {"ts": "5.0", "metadata": {"event_type": "lipsync_notice"}},
        {"ts": "5.0", "metadata": {"event_type": "lipsync_notice", "event_payload": []}},
        described(5),
        described(""),
        described([5, None]),
        described("a", ts=None),
        described("a", ts="yesterday"),
    ],
    ids=str,
)
def test_what_others_wrote_is_passed_over(bot, server, message):
    server.intercept = pages({"messages": [message, described("ours", "4.0")]})
    assert bot.page(CHANNEL, "", "").found == {"ours": "4.0"}


# Whose message it is


@pytest.mark.parametrize(
    ("whose", "counts"),
    [
        ({"bot_id": "B000"}, True),
        ({"bot_id": "B666"}, False),
        ({"bot_id": "B666", "user": "U0LIPSYNC01"}, False),
        ({"bot_id": "B666", "app_id": "A000"}, False),
        ({"app_id": "A666", "user": "U666"}, False),
        ({"user": "U666"}, False),
        ({"user": "U0LIPSYNC01"}, True),
        ({}, True),
    ],
    ids=str,
)
def test_only_a_message_of_our_own_app_counts_if_it_is_said_whose_it_is(bot, server, whose, counts):
    message = {key: value for key, value in described("a").items() if key not in OURS}
    server.intercept = pages({"messages": [{**message, **whose}]})
    assert bool(bot.page(CHANNEL, "", "").found) is counts


def identity(answer: dict[str, Any]) -> Callable[[Call], bool]:
    """Return an interceptor that answers auth.test with *answer*, and the history with a message of bot B666."""

    def intercept(call: Call) -> bool:
        messages = [described(id_, bot_id="B666", app_id="A1") for id_ in "ab"]
        history = {"ok": True, "messages": messages}
        call.send(200, {}, json.dumps(answer if call.path.endswith("auth.test") else history).encode())
        return True

    return intercept


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        ({"ok": True, "app_id": "A1"}, True),
        ({"ok": True, "app_id": "A2"}, False),
        ({"ok": True, "bot_id": "B1", "app_id": "A1"}, True),
        ({"ok": True}, True),
        ({"ok": False, "error": "unknown_method"}, True),
        ({"ok": False, "error": "ratelimited"}, True),
        ({"ok": False, "error": "fatal_error"}, True),
    ],
    ids=str,
)
def test_whose_message_it_is_matters_only_if_slack_says_who_we_are(bot, server, answer, counts):
    server.intercept = identity(answer)
    assert bool(bot.page(CHANNEL, "", "").found) is counts


@pytest.mark.parametrize(("error", "times"), [("unknown_method", 1), ("ratelimited", 2)])
def test_who_we_are_is_asked_once_and_again_only_if_there_was_no_answer(bot, server, error, times):
    server.intercept = identity({"ok": False, "error": error})
    for _ in range(2):
        assert len(bot.page(CHANNEL, "", "").found) == 2
    assert sum(call.path.endswith("auth.test") for call in server.calls) == times


# A secret that stands in a file


class Renewed:
    """A file's secret, as a clock goes by; `problem` is why it cannot be read."""

    def __init__(self, secret: str) -> None:
        self.clock = SimulatedClock()
        self.content, self.problem = secret, ""
        self.reads = 0
        self.file = FileSecret(secret, self.read, self.clock)

    def read(self) -> str:
        self.reads += 1
        if self.problem:
            raise ConfigError(self.problem)
        return self.content


@pytest.mark.parametrize("word", ["invalid_auth", "token_revoked", "account_inactive", "missing_scope"])
def test_a_token_that_was_renewed_in_its_file_is_used_when_slack_refuses_the_old_one(server, exchange, word):
    renewed = Renewed("xoxb-old")
    bot = SlackBot("xoxb-old", server.base_url, exchange(), renewed.file)
    renewed.content = TOKEN

    def refuse_the_old(call: Call) -> bool:
        old = "xoxb-old" in str(call.headers["Authorization"])
        return old and refuses(word)(call)

    server.intercept = refuse_the_old
    assert bot.post(CHANNEL, MESSAGE, IDS).ts == server.messages[0].ts
    assert len(server.messages) == 1


def test_a_webhook_that_was_renewed_in_its_file_is_used_when_slack_refuses_the_old_one(server, exchange):
    renewed = Renewed(f"{server.url}/services/T000/B000/OLD")
    webhook = SlackWebhook(renewed.content, exchange(), renewed.file)
    renewed.content = server.webhook_url
    webhook.post(WEBHOOK, MESSAGE, IDS)
    assert len(server.messages) == 1


def test_a_file_is_read_again_at_most_once_a_minute_and_only_when_slack_refuses(server, exchange):
    renewed = Renewed(TOKEN)
    bot = SlackBot(TOKEN, server.base_url, exchange(), renewed.file)
    bot.post(CHANNEL, MESSAGE, IDS)
    server.intercept = says(HTML, 502)
    error_of(posting(bot))
    assert renewed.reads == 0
    server.intercept = refuses("token_expired")
    for _ in range(8):
        error_of(posting(bot))
        renewed.clock.pass_by(20)
    assert renewed.reads == 3


@pytest.mark.parametrize("kind", ["bot", "webhook"])
def test_the_advice_names_the_key_of_the_file(server, exchange, kind):
    renewed = Renewed(TOKEN if kind == "bot" else server.webhook_url)
    renewed.problem = "there is no such file"
    if kind == "bot":
        server.intercept = refuses("invalid_auth")
        error = error_of(posting(SlackBot(TOKEN, server.base_url, exchange(), renewed.file)))
    else:
        server.intercept = says(b"no_service", 404)
        error = error_of(posting(SlackWebhook(server.webhook_url, exchange(), renewed.file)))
    key = "slack.bot_token_file" if kind == "bot" else "slack.webhook_url_file"
    assert f"`{key}`" in str(error)
    assert str(error).endswith(f"{key} cannot be read again: there is no such file.")


def test_neither_the_old_nor_the_new_secret_is_in_an_error(server, exchange):
    renewed = Renewed("xoxb-old")
    bot = SlackBot("xoxb-old", server.base_url, exchange(), renewed.file)
    renewed.content = TOKEN
    server.intercept = refuses("invalid_auth", needed=f"{TOKEN} xoxb-old")
    assert TOKEN not in str(error_of(posting(bot)))


def test_a_history_that_may_not_be_read_is_reported_with_a_remedy(bot, server):
    server.channels[CHANNEL].is_member = False
    error = error_of(lambda: bot.page(CHANNEL, "", ""))
    assert (type(error), error.reason) == (DestinationRefused, "not_in_channel")
    assert str(error).startswith("conversations.history: not_in_channel. ")


def test_a_token_says_who_it_is_and_its_scopes(bot, server):
    answer, scopes = bot.identify()
    assert answer["user"] == "lipsync-bot"
    assert scopes == server.scopes


# The webhook


def test_a_webhook_gives_no_ts_and_has_no_history(webhook, server):
    assert webhook.post(WEBHOOK, MESSAGE, IDS) == Posted()
    assert server.messages[0].text == MESSAGE.text
    assert server.messages[0].blocks == list(MESSAGE.blocks)
    error = error_of(lambda: webhook.page(WEBHOOK, "", ""))
    assert (type(error), error.reason) == (DestinationRefused, WEBHOOK)


@pytest.mark.parametrize(
    ("status", "text", "kind", "reason"),
    [
        (400, b"invalid_payload", DestinationRefused, "invalid_payload"),
        (400, b"invalid_blocks", PayloadRefused, "invalid_blocks"),
        (400, b"no_text\n", PayloadRefused, "no_text"),
        (403, b"action_prohibited", DestinationRefused, "action_prohibited"),
        (403, b"invalid_token", DestinationRefused, "invalid_token"),
        (404, b"no_service", DestinationRefused, "no_service"),
        (404, b"channel_not_found", DestinationRefused, "channel_not_found"),
        (410, b"channel_is_archived", DestinationRefused, "channel_is_archived"),
        (404, HTML, OutcomeUnknown, "http_404"),
        (403, b"\xff", OutcomeUnknown, "http_403"),
        (403, b"forbidden", OutcomeUnknown, "http_403"),
        (403, b'{"error": "forbidden"}', OutcomeUnknown, "http_403"),
        (400, b'{"ok": false, "error": "invalid_blocks"}', PayloadRefused, "invalid_blocks"),
        (200, b'{"ok": false, "error": "channel_not_found"}', DestinationRefused, "channel_not_found"),
        (200, b"invalid_payload", DestinationRefused, "invalid_payload"),
        (200, b"rate_limited", RateLimited, "rate_limited"),
        (200, b"fatal_error", OutcomeUnknown, "fatal_error"),
        (200, b'{"ok": false}', OutcomeUnknown, "http_200"),
        (429, b"", RateLimited, "http_429"),
        (429, b"rate_limited", RateLimited, "rate_limited"),
        (408, b"", OutcomeUnknown, "http_408"),
        (500, b"rollup_error", OutcomeUnknown, "rollup_error"),
        (502, HTML, OutcomeUnknown, "http_502"),
        (302, b"", OutcomeUnknown, "http_302"),
    ],
)
def test_what_a_webhooks_answer_means(webhook, server, status, text, kind, reason):
    server.intercept = says(text, status)
    error = error_of(posting(webhook))
    assert (type(error), error.reason) == (kind, reason)
    assert not isinstance(error, RateLimited) or error.retry_after == 30


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"ok"),
        (200, b"OK\n"),
        (200, b""),
        (200, b'{"ok":true}'),
        (200, HTML),
        (201, b"created"),
        (202, b"accepted"),
        (204, b""),
        pytest.param(200, b"[" * 100_000, id="deep"),
    ],
)
def test_whatever_a_webhook_says_with_2xx_it_has_posted(webhook, server, status, body):
    server.intercept = says(body, status)
    assert webhook.post(WEBHOOK, MESSAGE, IDS).ts == ""


@pytest.mark.parametrize(
    "fault", [drops(b""), drops(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\no"), drops(b"?\r\n\r\n")]
)
def test_a_webhook_without_a_whole_answer_is_in_doubt(webhook, server, fault):
    server.intercept = fault
    assert type(error_of(posting(webhook))) is OutcomeUnknown
    assert len(server.calls) == 1


# What must not get out

ECHOES: dict[str, Callable[[str], Callable[[Call], bool]]] = {
    "error": refuses,
    "details": lambda secret: refuses("invalid_blocks", errors=[secret]),
    "cut details": lambda secret: refuses("invalid_blocks", errors=["x" * 190 + secret]),
    "needed": lambda secret: refuses("missing_scope", needed=secret),
    "html": lambda secret: says(secret.encode()),
    "4xx": lambda secret: says(secret.encode(), 403),
    "5xx": lambda secret: says(secret.encode(), 500),
    "redirect": lambda secret: says(b"", 302, {"Location": f"https://elsewhere.test/{secret}"}),
    "status line": lambda secret: drops(f"HTTP {secret}\r\n\r\n".encode()),
    "header": lambda secret: drops(f"HTTP/1.1 200 OK\r\n{secret} : x\r\n\r\n".encode()),
    "encoding": lambda secret: says(b"", headers={"Content-Encoding": secret}),
}


@pytest.mark.parametrize(
    ("kind", "echo"),
    [(kind, echo) for kind in ("bot", "webhook") for echo in ECHOES if (kind, echo) != ("webhook", "html")],
)
def test_a_secret_that_is_echoed_is_neither_in_an_error_nor_logged(request, server, caplog, kind, echo):
    client = request.getfixturevalue(kind)
    path = server.webhook_url.removeprefix(server.url)
    server.intercept = ECHOES[echo](TOKEN if kind == "bot" else path)
    with caplog.at_level(logging.DEBUG, "slack_sdk"):
        error = error_of(posting(client))
    for piece in ("s3cret", "XXXX", "B000"):
        assert piece not in str(error) + error.reason
        assert piece not in "".join(record.getMessage() for record in caplog.records if "slack" in record.name)


def test_what_slack_says_is_quoted_on_one_printable_line_that_can_be_saved(bot, server):
    server.intercept = says(b'{"ok": false, "error": "invalid_blocks", "errors": ["a\\nb\\u001b[0m\\ud800", {"c": 1}]}')
    error = error_of(posting(bot))
    assert str(error).isprintable()
    str(error).encode()


def test_a_server_that_is_not_there_is_named_without_the_webhooks_url(exchange):
    error = error_of(posting(SlackWebhook("http://127.0.0.1:1/services/T1/B1/s3cret", exchange())))
    assert type(error) is DestinationRefused
    assert "s3cret" not in str(error)


def test_a_slack_sdk_without_the_method_that_is_replaced_is_refused():
    with pytest.raises(ConfigError, match=r"slack_sdk .*: WebClient has no _gone, .*requirements\.txt"):
        require(WebClient, "_gone")


def test_the_program_says_so_instead_of_a_traceback():
    code = (
        "import sys, slack_sdk.web.base_client as base, bot.cli\n"
        "del base.BaseClient._perform_urllib_http_request_internal\n"
        "sys.argv = ['lipsync-bot', 'replay', 'a']\n"
        "bot.cli.main()"
    )
    own = {"CHANJING_ACCESS_TOKEN": "tok", "SLACK_BOT_TOKEN": "xoxb-1-a", "SLACK_CHANNEL": CHANNEL}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | own, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("lipsync-bot: slack_sdk ")
    assert len(ran.stderr.splitlines()) == 1
