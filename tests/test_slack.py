import itertools
import json
import logging
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from slack_sdk import WebClient

from bot import wiring
from bot.blocks import Message
from bot.demo.server import Call
from bot.demo.slack import CHANNEL, SlackServer
from bot.errors import ConfigError, DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.slack import SlackBot, SlackWebhook
from bot.slack_call import WEBHOOK, require, stops_every_call

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
    with wiring.http(trust_env=False) as exchange:
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


def posting(client: SlackBot | SlackWebhook) -> Callable[[], str]:
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
    ts = bot.post(CHANNEL, MESSAGE, IDS)
    message = server.messages[0]
    assert (message.ts, message.text, message.blocks) == (ts, MESSAGE.text, list(MESSAGE.blocks))
    assert message.metadata == {"event_type": "lipsync_notice", "event_payload": {"ids": list(IDS)}}
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
        {"ok": True, "ts": "1.5"},
        {"ok": True, "channel": CHANNEL, "ts": ""},
        {"ok": True, "channel": CHANNEL, "ts": None},
        {"ok": True, "channel": CHANNEL, "ts": 1738640400.5},
        {"ok": True, "channel": "C0ANOTHER01", "ts": "1.5"},
        {"ok": True, "channel": None, "ts": "1.5"},
    ],
    ids=str,
)
def test_ok_without_our_channel_and_a_ts_is_in_doubt(bot, server, answer):
    server.intercept = says(answer)
    assert type(error_of(posting(bot))) is OutcomeUnknown


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


@pytest.mark.parametrize("body", [HTML, b"", {"ok": False, "error": "not_in_channel"}], ids=["html", "empty", "json"])
@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 408, 500, 502, 503, 504])
def test_no_http_status_but_200_and_4xx_is_certain(bot, server, status, body):
    server.intercept = says(b"" if status == 204 else body, status)
    assert type(error_of(posting(bot))) is OutcomeUnknown


@pytest.mark.parametrize("body", [HTML, b"", b"\xff\xfe", []], ids=["html", "empty", "no text", "list"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 410, 413, 451])
def test_an_http_4xx_is_refused_with_a_remedy(bot, server, status, body):
    server.intercept = says(body, status)
    error = error_of(posting(bot))
    assert (type(error), error.reason) == (DestinationRefused, f"http_{status}")
    assert "check slack.base_url" in str(error)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("word", PAYLOAD)
def test_a_message_that_is_refused_for_what_it_holds_is_told_with_the_details(bot, server, word, status):
    detail = "downloading image failed [json-pointer:/blocks/1/image_url]"
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


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize(("word", "remedy"), CONFIGURATION.items(), ids=CONFIGURATION)
def test_a_refusal_for_any_other_reason_is_told_with_its_remedy(bot, server, word, remedy, status):
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
    [("token_revoked", True), ("no_connection", True), ("not_in_channel", False), ("missing_scope", False)],
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
@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
def test_a_rate_limit_waits_as_slack_asks_within_reason(bot, server, name, value, seconds):
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


# Looking for a message


def test_what_was_posted_is_found_with_its_ts(bot, server):
    first = bot.post(CHANNEL, MESSAGE, IDS[:1])
    assert bot.look(CHANNEL, "0") == {IDS[0]: first}
    second = bot.post(CHANNEL, MESSAGE, IDS[1:])
    assert bot.look(CHANNEL, first) == {IDS[1]: second}


def pages(*found: dict[str, Any]) -> Callable[[Call], bool]:
    """Return an interceptor that answers with one page after another."""
    left = iter(found)

    def intercept(call: Call) -> bool:
        call.send(200, {}, json.dumps({"ok": True, **next(left)}).encode())
        return True

    return intercept


def stamped(id_: str, ts: str) -> dict[str, Any]:
    return {"ts": ts, "metadata": {"event_type": "lipsync_notice", "event_payload": {"ids": [id_]}}}


def arguments(call: Call) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in (call.body.decode() or call.query).split("&"))


def test_a_history_of_several_pages_is_read_to_its_end(bot, server):
    server.intercept = pages(
        {"messages": [stamped("a", "5.0")], "has_more": True, "response_metadata": {"next_cursor": "to-2"}},
        {"messages": [], "has_more": True, "response_metadata": {"next_cursor": "to-3"}},
        {"messages": [stamped("b", "3.0")], "has_more": False, "response_metadata": {"next_cursor": ""}},
    )
    assert bot.look(CHANNEL, "1.5") == {"a": "5.0", "b": "3.0"}
    asked = [arguments(call) for call in server.calls]
    assert [one.get("cursor") for one in asked] == [None, "to-2", "to-3"]
    assert {(one["oldest"], one["include_all_metadata"]) for one in asked} == {("1.5", "1")}


def test_the_newest_message_needs_no_way_to_the_others(bot, server):
    server.intercept = pages({"messages": [{"ts": "5.0"}], "has_more": True})
    assert bot.newest(CHANNEL) == "5.0"


FIRST = {"messages": [stamped("a", "5.0")], "has_more": True, "response_metadata": {"next_cursor": "to-2"}}
LAST = {"messages": [stamped("b", "3.0")], "has_more": False}
LIMITED = {"ok": False, "error": "ratelimited"}


@pytest.mark.parametrize("cut_short", [LIMITED, {"messages": None}], ids=["rate limit", "half an answer"])
@pytest.mark.parametrize("since", ["1.5", "2.5"])
def test_a_look_that_was_cut_short_goes_on_where_it_stood(bot, server, cut_short, since):
    server.intercept = pages(FIRST, cut_short, LAST, FIRST, LAST)
    error_of(lambda: bot.look(CHANNEL, "1.5"))
    assert bot.look(CHANNEL, since) == {"a": "5.0", "b": "3.0"}
    assert [arguments(call).get("cursor") for call in server.calls] == [None, "to-2", "to-2"]
    assert bot.look(CHANNEL, since) == {"a": "5.0", "b": "3.0"}


def test_a_look_begins_anew_after_a_post_further_back_or_where_its_cursor_has_expired(bot, server):
    server.intercept = pages(
        *(FIRST, LIMITED, {"channel": CHANNEL, "ts": "6.0"}),
        *(FIRST, LIMITED),
        *(FIRST, {"ok": False, "error": "invalid_cursor"}),
        *(FIRST, LAST),
    )
    error_of(lambda: bot.look(CHANNEL, "1.5"))
    bot.post(CHANNEL, MESSAGE, IDS)
    assert type(error_of(lambda: bot.look(CHANNEL, "1.5"))) is RateLimited
    assert type(error_of(lambda: bot.look(CHANNEL, "0.5"))) is OutcomeUnknown
    assert bot.look(CHANNEL, "1.5") == {"a": "5.0", "b": "3.0"}
    looks = [arguments(call) for call in server.calls if call.path.endswith("conversations.history")]
    assert [one.get("cursor") for one in looks] == [None, "to-2"] * 4


@pytest.mark.parametrize(
    "last",
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
def test_a_history_that_is_not_whole_is_no_look(bot, server, last):
    server.intercept = pages(last)
    assert type(error_of(lambda: bot.look(CHANNEL, "0"))) is OutcomeUnknown


@pytest.mark.parametrize("circle", [["same"], ["one", "other"]], ids=["the same", "in turn"])
def test_cursors_that_lead_in_a_circle_are_no_look(bot, server, circle):
    more = [{"messages": [], "has_more": True, "response_metadata": {"next_cursor": cursor}} for cursor in circle]
    server.intercept = pages(*itertools.islice(itertools.cycle(more), 20))
    assert type(error_of(lambda: bot.look(CHANNEL, "0"))) is OutcomeUnknown
    assert len(server.calls) == len(circle) + 1


@pytest.mark.parametrize(
    "message",
    [
        None,
        "text",
        {},
        {"ts": "5.0"},
        {"ts": "5.0", "metadata": None},
        {"ts": "5.0", "metadata": []},
        {"ts": "5.0", "metadata": {"event_type": "task_created", "event_payload": {"ids": ["a"]}}},
        {"ts": "5.0", "metadata": {"event_type": "lipsync_notice"}},
        {"ts": "5.0", "metadata": {"event_type": "lipsync_notice", "event_payload": []}},
        {"ts": "5.0", "metadata": {"event_type": "lipsync_notice", "event_payload": {"ids": "a"}}},
        {"ts": "5.0", "metadata": {"event_type": "lipsync_notice", "event_payload": {"ids": [5, None]}}},
        {"ts": None, "metadata": {"event_type": "lipsync_notice", "event_payload": {"ids": ["a"]}}},
    ],
    ids=str,
)
def test_what_others_wrote_is_passed_over(bot, server, message):
    server.intercept = pages({"messages": [message, stamped("ours", "4.0")]})
    assert bot.look(CHANNEL, "0") == {"ours": "4.0"}


def test_a_history_that_may_not_be_read_is_told_with_a_remedy(bot, server):
    server.channels[CHANNEL].is_member = False
    error = error_of(lambda: bot.look(CHANNEL, "0"))
    assert (type(error), error.reason) == (DestinationRefused, "not_in_channel")
    assert str(error).startswith("conversations.history: not_in_channel. ")


def test_a_token_tells_who_it_is_and_its_scopes(bot, server):
    answer, scopes = bot.identify()
    assert answer["user"] == "lipsync-bot"
    assert scopes == server.scopes


# The webhook


def test_a_webhook_gives_no_ts_and_has_no_history(webhook, server):
    assert webhook.post(WEBHOOK, MESSAGE, IDS) == ""
    assert server.messages[0].text == MESSAGE.text
    assert server.messages[0].blocks == list(MESSAGE.blocks)
    error = error_of(lambda: webhook.look(WEBHOOK, "0"))
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
        (404, HTML, DestinationRefused, "http_404"),
        (403, b"\xff", DestinationRefused, "http_403"),
        (429, b"", RateLimited, "http_429"),
        (429, b"rate_limited", RateLimited, "rate_limited"),
        (408, b"", OutcomeUnknown, "http_408"),
        (500, b"rollup_error", OutcomeUnknown, "rollup_error"),
        (502, HTML, OutcomeUnknown, "http_502"),
        (302, b"", OutcomeUnknown, "http_302"),
        (200, HTML, OutcomeUnknown, "http_200"),
        (200, b"", OutcomeUnknown, "http_200"),
        (200, b"invalid_payload", OutcomeUnknown, "invalid_payload"),
    ],
)
def test_what_a_webhooks_answer_means(webhook, server, status, text, kind, reason):
    server.intercept = says(text, status)
    error = error_of(posting(webhook))
    assert (type(error), error.reason) == (kind, reason)
    assert not isinstance(error, RateLimited) or error.retry_after == 30


@pytest.mark.parametrize(
    "fault", [drops(b""), drops(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\no"), drops(b"?\r\n\r\n")]
)
def test_a_webhook_without_a_whole_answer_is_in_doubt(webhook, server, fault):
    server.intercept = fault
    assert type(error_of(posting(webhook))) is OutcomeUnknown
    assert len(server.calls) == 1


# What must not be told

ECHOES = {
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


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("kind", ["bot", "webhook"])
def test_a_secret_that_is_echoed_is_neither_told_nor_logged(request, server, caplog, kind, echo):
    client = request.getfixturevalue(kind)
    path = server.webhook_url.removeprefix(server.url)
    server.intercept = echo(TOKEN if kind == "bot" else path)
    with caplog.at_level(logging.DEBUG, "slack_sdk"):
        error = error_of(posting(client))
    for piece in ("s3cret", "XXXX", "B000"):
        assert piece not in str(error) + error.reason
        assert piece not in "".join(record.getMessage() for record in caplog.records if "slack" in record.name)


def test_what_slack_says_is_told_on_one_printable_line_that_can_be_saved(bot, server):
    server.intercept = says(b'{"ok": false, "error": "invalid_blocks", "errors": ["a\\nb\\u001b[0m\\ud800", {"c": 1}]}')
    error = error_of(posting(bot))
    assert str(error).isprintable()
    str(error).encode()


def test_a_server_that_is_not_there_is_told_without_the_webhooks_url(exchange):
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
    own = {"CHANJING_ACCESS_TOKEN": "tok", "SLACK_BOT_TOKEN": "xoxb-1-a", "SLACK_CHANNEL": CHANNEL, "PATH": ""}
    ran = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("lipsync-bot: slack_sdk ")
    assert len(ran.stderr.splitlines()) == 1
