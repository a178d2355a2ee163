"""The Slack on loopback answers the real slack_sdk as Slack does."""

import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.demo.block_kit import problems
from bot.demo.slack import CHANNEL, Channel, Message, SlackServer

NOTICE = {"event_type": "lipsync_notice", "event_payload": {"ids": "0123456789abcdef"}}
OTHER, PRIVATE, ARCHIVED, HIDDEN = "C0OTHER0001", "G0PRIVATE01", "C0ARCHIVED1", "G0HIDDEN001"


def section(text: str = "hello") -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def image(url: str = "https://res.example/cover.jpg", **more: Any) -> dict[str, Any]:
    return {"type": "image", "image_url": url, "alt_text": "the cover", **more}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Watch"), **more}


@pytest.fixture
def server():
    channels = {
        CHANNEL: Channel("lip-sync"),
        OTHER: Channel("other", is_member=False),
        PRIVATE: Channel("private", is_private=True),
        ARCHIVED: Channel("archived", is_archived=True),
        HIDDEN: Channel("hidden", is_member=False, is_private=True),
    }
    with SlackServer("xoxb-1", channels=channels) as server:
        yield server


@pytest.fixture(scope="session")
def tls():
    # Unused on loopback, but slack_sdk would make one for each request, 40 ms each.
    return ssl.create_default_context()


@pytest.fixture
def client(server, tls):
    client = WebClient("xoxb-1", base_url=server.base_url, retry_handlers=[], timeout=30, ssl=tls)
    client.proxy = None
    return client


def refusal(call: Any, **arguments: Any) -> Any:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return caught.value.response


def texts(answer: Any) -> list[str]:
    return [message["text"] for message in answer["messages"]]


def test_auth_test_says_who_the_bot_is_and_what_it_may(server, client):
    answer = client.auth_test()
    assert (answer["user"], answer["team"]) == ("lipsync-bot", "Demo")
    assert set(answer.headers["x-oauth-scopes"].split(",")) == server.scopes


def test_a_posted_message_is_kept_with_blocks_and_metadata(server, client):
    answer = client.chat_postMessage(channel=CHANNEL, text="hi", blocks=[section()], metadata=NOTICE)
    (kept,) = server.messages
    assert (kept.channel, kept.ts) == (answer["channel"], answer["ts"])
    assert (kept.text, kept.blocks, kept.metadata, kept.edited) == ("hi", [section()], NOTICE, None)


def test_a_form_is_read_as_json_is(server):
    form = {"channel": CHANNEL, "blocks": '[{"type": "divider"}]', "metadata": "{}"}
    bearer = {"Authorization": "Bearer xoxb-1"}
    answer = httpx.post(f"{server.base_url}chat.postMessage", data=form, headers=bearer)
    assert answer.json()["ok"]
    assert server.messages[0].blocks == [{"type": "divider"}]


def test_a_ts_is_unique_and_rising_even_when_the_clock_steps_back(server, client):
    stamps = []
    for now in (1763800000.0, 1763800000.0, 1763700000.0, 1763800001.0):
        server.clock = lambda now=now: now
        stamps.append(client.chat_postMessage(channel=CHANNEL, text="hi")["ts"])
    assert stamps == ["1763800000.000000", "1763800000.000100", "1763800000.000200", "1763800001.000000"]


def test_many_may_post_at_once(server, client):
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: client.chat_postMessage(channel=CHANNEL, text=str(n))["ts"], range(64))
        assert sorted(answers) == [message.ts for message in server.messages]
    assert len({message.ts for message in server.messages}) == 64


@pytest.mark.parametrize(
    ("token", "revoked", "error"),
    [
        ("xoxb-2", False, "invalid_auth"),
        ("", False, "not_authed"),
        ("xoxb-1", True, "token_revoked"),
        ("xoxb-1", "account_inactive", "account_inactive"),
    ],
)
def test_a_token_that_is_not_good_is_refused(server, client, token, revoked, error):
    client.token, server.revoked = token, revoked
    assert refusal(client.auth_test)["error"] == error


def test_a_missing_scope_is_named(server, client):
    server.scopes = {"channels:read"}
    answer = refusal(client.chat_postMessage, channel=CHANNEL, text="hi")
    assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", "chat:write", "channels:read")


def test_a_private_channel_needs_the_scope_for_groups(server, client):
    server.scopes.remove("groups:history")
    assert refusal(client.conversations_history, channel=PRIVATE)["needed"] == "groups:history"


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        (OTHER, "not_in_channel"),
        (ARCHIVED, "is_archived"),
        (HIDDEN, "channel_not_found"),
        ("C0NOWHERE01", "channel_not_found"),
    ],
)
def test_a_channel_where_the_bot_may_not_write_is_refused(client, channel, error):
    assert refusal(client.chat_postMessage, channel=channel, text="hi")["error"] == error


def test_chat_write_public_can_post_but_not_read_back(server, client):
    server.scopes.add("chat:write.public")
    client.chat_postMessage(channel=OTHER, text="hi")
    assert refusal(client.conversations_history, channel=OTHER)["error"] == "not_in_channel"


def test_the_list_of_channels_comes_in_pages(client):
    pages = client.conversations_list(types="public_channel,private_channel", limit=2, exclude_archived=True)
    assert [[channel["id"] for channel in page["channels"]] for page in pages] == [[CHANNEL, OTHER], [PRIVATE]]


def test_an_unknown_method_is_said_to_be_unknown(client):
    assert refusal(client.api_call, api_method="chat.shout")["error"] == "unknown_method"


def test_history_is_newest_first_and_holds_metadata_only_when_asked(client):
    client.chat_postMessage(channel=CHANNEL, text="one", metadata=NOTICE)
    client.chat_postMessage(channel=CHANNEL, text="two")
    client.chat_postMessage(channel=PRIVATE, text="elsewhere")
    bare = client.conversations_history(channel=CHANNEL)
    assert texts(bare) == ["two", "one"]
    assert "metadata" not in bare["messages"][1]
    full = client.conversations_history(channel=CHANNEL, include_all_metadata=True)
    assert full["messages"][1]["metadata"] == NOTICE


def test_history_pages_lead_through_all_messages(client):
    for number in range(5):
        client.chat_postMessage(channel=CHANNEL, text=str(number))
    # Turning the page changes the response object itself, so keep what it held.
    pages = [page.data for page in client.conversations_history(channel=CHANNEL, limit=2)]
    assert [texts(page) for page in pages] == [["4", "3"], ["2", "1"], ["0"]]
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert "response_metadata" not in pages[-1]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"oldest": 0}, ["2", "1"]),
        ({"oldest": 0, "inclusive": True}, ["2", "1", "0"]),
        ({"latest": 2}, ["1", "0"]),
        ({"oldest": 0, "latest": 2}, ["1"]),
        ({"oldest": 1, "latest": 1, "inclusive": True}, ["1"]),
        ({"oldest": 2}, []),
    ],
)
def test_history_bounds_are_exclusive_unless_inclusive(client, bounds, expected):
    stamps = [client.chat_postMessage(channel=CHANNEL, text=str(number))["ts"] for number in range(3)]
    asked = {name: value if name == "inclusive" else stamps[value] for name, value in bounds.items()}
    assert texts(client.conversations_history(channel=CHANNEL, **asked)) == expected


@pytest.mark.parametrize(
    ("asked", "error"), [({"cursor": "nonsense"}, "invalid_cursor"), ({"oldest": "then"}, "invalid_ts_oldest")]
)
def test_history_refuses_what_it_does_not_understand(client, asked, error):
    assert refusal(client.conversations_history, channel=CHANNEL, **asked)["error"] == error


def test_a_reply_in_a_thread_is_not_in_the_history(client):
    parent = client.chat_postMessage(channel=CHANNEL, text="parent")
    client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=parent["ts"])
    assert texts(client.conversations_history(channel=CHANNEL)) == ["parent"]


def test_a_deleted_message_is_gone_and_cannot_be_updated(server, client):
    ts = client.chat_postMessage(channel=CHANNEL, text="hi")["ts"]
    server.delete(ts)
    assert client.conversations_history(channel=CHANNEL)["messages"] == []
    assert refusal(client.chat_update, channel=CHANNEL, ts=ts, text="ho")["error"] == "message_not_found"


def test_an_update_changes_the_message_in_place(server, client):
    ts = client.chat_postMessage(channel=CHANNEL, text="hi", metadata=NOTICE)["ts"]
    client.chat_postMessage(channel=CHANNEL, text="later")
    client.chat_update(channel=CHANNEL, ts=ts, text="ho", blocks=[section()])
    updated = server.messages[0]
    assert (updated.ts, updated.text, updated.blocks, updated.metadata) == (ts, "ho", [section()], NOTICE)
    assert updated.edited > ts


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("text", True),
        (5, True),
        (True, True),
        ({"a": {"b": "c"}}, True),
        ([{"a": "b"}], True),
        ([], True),
        (["text"], False),
        ([["text"]], False),
        ([{"a": ["text"]}], False),
        (None, False),
    ],
    ids=str,
)
def test_metadata_of_types_that_slack_does_not_know_is_dropped_without_a_word(server, client, value, kept):
    client.chat_postMessage(
        channel=CHANNEL, text="hi", metadata={"event_type": "x", "event_payload": {"good": "text", "value": value}}
    )
    assert (server.messages[0].metadata is not None) is kept


def test_a_message_can_be_deleted_by_its_app(server, client):
    ts = client.chat_postMessage(channel=CHANNEL, text="hi")["ts"]
    client.chat_delete(channel=CHANNEL, ts=ts)
    assert server.messages == []
    assert refusal(client.chat_delete, channel=CHANNEL, ts=ts)["error"] == "message_not_found"


def test_an_update_refuses_the_text_that_a_post_would_take(client):
    ts = client.chat_postMessage(channel=CHANNEL, text="长" * 1400)["ts"]
    assert refusal(client.chat_update, channel=CHANNEL, ts=ts, text="长" * 1400)["error"] == "msg_too_long"


def test_a_permalink_leads_to_the_message(client):
    ts = client.chat_postMessage(channel=CHANNEL, text="hi")["ts"]
    link = client.chat_getPermalink(channel=CHANNEL, message_ts=ts)["permalink"]
    assert link.endswith(f"/archives/{CHANNEL}/p{ts.replace('.', '')}")


def test_too_many_messages_to_one_channel_have_to_wait(server, client):
    server.max_per_second = 1
    client.chat_postMessage(channel=CHANNEL, text="one")
    answer = refusal(client.chat_postMessage, channel=CHANNEL, text="two")
    assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (429, "ratelimited", "1")
    client.chat_postMessage(channel=PRIVATE, text="elsewhere")
    assert [message.text for message in server.messages] == ["one", "elsewhere"]


def test_a_picture_that_cannot_be_fetched_fails_the_whole_message(server, client):
    server.image_unfetchable = lambda url: "cover" in url
    answer = refusal(client.chat_postMessage, channel=CHANNEL, text="hi", blocks=[section(), image()])
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == ["downloading image failed [json-pointer:/blocks/1/image_url]"]
    assert server.messages == []


def test_a_long_text_is_cut(server, client):
    answer = client.chat_postMessage(channel=CHANNEL, text="x" * 40_001)
    assert len(server.messages[0].text) == 40_000
    assert answer["response_metadata"]["warnings"] == ["message_truncated"]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"text": "hi", "blocks": "[{"}, "invalid_blocks_format"),
        ({"text": "hi", "blocks": [section("")]}, "invalid_blocks"),
        ({"text": "hi", "blocks": [section("x" * 2700)] * 5}, "msg_blocks_too_long"),
        ({"text": "hi", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"text": "hi", "metadata": {"event_type": "x", "event_payload": {"x": "x" * 1024}}}, "metadata_too_large"),
    ],
)
def test_a_message_that_breaks_a_rule_is_refused_with_slacks_word(client, message, error):
    assert refusal(client.chat_postMessage, channel=CHANNEL, **message)["error"] == error


def test_a_message_of_nothing_is_refused(client):
    # Not by chat_postMessage(), which warns of it before it asks.
    answer = refusal(client.api_call, api_method="chat.postMessage", json={"channel": CHANNEL, "text": " "})
    assert answer["error"] == "no_text"


def test_on_message_is_called_for_posts_and_updates(server, client):
    shown: list[Message] = []
    server.on_message = shown.append
    ts = client.chat_postMessage(channel=CHANNEL, text="hi")["ts"]
    client.chat_update(channel=CHANNEL, ts=ts, text="ho")
    assert [message.text for message in shown] == ["hi", "ho"]


def test_a_webhook_answers_a_plain_ok_and_no_ts(server):
    answer = WebhookClient(server.webhook_url, retry_handlers=[]).send(text="hi")
    assert (answer.status_code, answer.body) == (200, "ok")
    assert [(message.channel, message.text) for message in server.messages] == [(CHANNEL, "hi")]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("{", 400, "invalid_payload"),
        ('{"text": ""}', 400, "no_text"),
        ('{"blocks": [{"type": "video"}]}', 400, "invalid_blocks"),
        ("payload=%7B%22text%22%3A+%22hi%22%7D", 200, "ok"),
    ],
)
def test_a_webhook_says_what_is_wrong_in_plain_text(server, body, status, error):
    answer = httpx.post(server.webhook_url, content=body)
    assert (answer.status_code, answer.text) == (status, error)


def test_a_webhook_may_be_gone_forbidden_or_broken(server):
    hook = WebhookClient(server.webhook_url, retry_handlers=[])
    server.channels[CHANNEL].is_archived = True
    assert (hook.send(text="hi").status_code, hook.send(text="hi").body) == (410, "channel_is_archived")
    del server.channels[CHANNEL]
    assert hook.send(text="hi").status_code == 404
    server.webhook_error = (500, "rollup_error")
    assert (hook.send(text="hi").status_code, hook.send(text="hi").body) == (500, "rollup_error")
    server.webhook_error = None
    hook.url = server.webhook_url.replace("XXXX", "YYYY")
    assert (hook.send(text="hi").status_code, hook.send(text="hi").body) == (403, "invalid_token")
    hook.url = f"{server.url}/services/T/B/X"
    assert (hook.send(text="hi").status_code, hook.send(text="hi").body) == (404, "no_service")


GOOD = [
    {"type": "header", "text": plain("x" * 150), "block_id": "b" * 255},
    section("x" * 3000),
    {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 100}] * 10},
    {**section(), "accessory": button(action_id="watch", style="primary")},
    {"type": "divider"},
    image(title=plain("x" * 2000)),
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "id"}, image()]},
    {"type": "actions", "elements": [button(url="https://res.example/v.mp4", action_id="open", value="1")]},
]


def test_a_message_at_the_limits_has_no_problems():
    assert problems({"text": "x" * 40_000, "blocks": GOOD, "metadata": NOTICE}) == []


@pytest.mark.parametrize(
    ("block", "detail", "at"),
    [
        ({"type": "video"}, "unsupported type: video", ""),
        ("section", "unsupported type: None", ""),
        ({"type": "header", "text": plain("x" * 151)}, "must be less than 151 characters", "/text/text"),
        ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "unsupported type: mrkdwn", "/text"),
        ({"type": "section"}, "missing one of: fields, text", ""),
        (section("x" * 3001), "must be less than 3001 characters", "/text/text"),
        (section(" "), "must be more than 0 characters", "/text/text"),
        ({"type": "section", "fields": [plain("x")] * 11}, "no more than 10 items allowed", "/fields"),
        ({"type": "section", "fields": [plain("x" * 2001)]}, "must be less than 2001 characters", "/fields/0/text"),
        ({"type": "section", "fields": []}, "no fewer than 1 items allowed", "/fields"),
        ({"type": "image", "image_url": "https://x.example"}, "missing required field: alt_text", ""),
        (image("ftp://x.example"), "does not match the format", "/image_url"),
        (image("https://" + "x" * 3000), "must be less than 3001 characters", "/image_url"),
        (image(alt_text=""), "must be more than 0 characters", "/alt_text"),
        (image(alt_text=None), "must be a string", "/alt_text"),
        (image(title="cover"), "unsupported type: None", "/title"),
        (image(width=3), "invalid additional property: width", ""),
        ({"type": "context", "elements": [plain("x")] * 11}, "no more than 10 items allowed", "/elements"),
        ({"type": "context", "elements": [button()]}, "unsupported type: button", "/elements/0"),
        ({"type": "actions", "elements": {}}, "must be an array", "/elements"),
        (
            {"type": "actions", "elements": [button(text=plain("x" * 76))]},
            "must be less than 76 characters",
            "/elements/0/text/text",
        ),
        (
            {"type": "actions", "elements": [button(url="x" * 3001)]},
            "must be less than 3001 characters",
            "/elements/0/url",
        ),
        ({"type": "actions", "elements": [button(style="red")]}, "does not match the format", "/elements/0/style"),
        ({"type": "divider", "block_id": "b" * 256}, "must be less than 256 characters", "/block_id"),
        ({**section(), "expand": "yes"}, "must be a boolean", "/expand"),
    ],
)
def test_a_block_that_breaks_a_rule_is_pointed_at(block, detail, at):
    assert problems({"text": "hi", "blocks": [block]}) == [f"invalid_blocks: {detail} [json-pointer:/blocks/0{at}]"]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"text": " "}, "no_text: neither text nor blocks"),
        ({"text": "x" * 40_001}, "msg_too_long: 40001 characters of text"),
        (
            {"blocks": [{"type": "divider"}] * 51},
            "invalid_blocks: no more than 50 items allowed [json-pointer:/blocks]",
        ),
        (
            {"blocks": [{"type": "divider", "block_id": "b"}] * 2},
            "invalid_blocks: block_id already exists: b [json-pointer:/blocks/1/block_id]",
        ),
        ({"blocks": [section("x" * 2601)] * 5}, "msg_blocks_too_long: 13005 characters in the blocks"),
    ],
)
def test_a_message_that_breaks_a_rule_as_a_whole_is_named(message, problem):
    assert problems(message) == [problem]
