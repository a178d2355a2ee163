import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from bot import clients
from bot.chanjing.client import Chanjing, mint
from bot.chanjing.tokens import GivenToken, MintedToken
from bot.chanjing.transport import Transport
from bot.cli import check, check_slack
from bot.cli.finding import Finding
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, Channel, SlackServer
from bot.domain import notice
from bot.http.client import Exchange
from bot.slack.blocks import Style
from bot.slack.client import SlackBot, SlackWebhook
from bot.slack.message import render
from tests.fakes import SimulatedClock

MESSAGE = render([notice.Test()], Style("en"))
PAUSES: list[float] = []  # that nobody waits for


@pytest.fixture(scope="module")
def exchange():
    with clients.connections(trust_env=False) as exchange:
        yield exchange("http://127.0.0.1", 5, keep_alive=False)


@pytest.fixture
def chanjing():
    with ChanjingServer() as server:
        yield server


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


@pytest.fixture
def asked(slack, exchange):
    """Return a function: → (severity, subject, text) of each finding about Slack."""

    def asked(channels=None, token=None, **more):
        bot = SlackBot(token or slack.token, slack.base_url, exchange)
        findings = check_slack.account(bot, channels or {"slack.channel": CHANNEL}, **more)
        return [(finding.severity, finding.subject, finding.text) for finding in findings]

    return asked


# The state


def test_a_state_that_can_be_written_is_good_and_leaves_nothing(tmp_path):
    finding = check.state_directory(tmp_path / "state.json")
    assert finding.severity == "good"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/state.json", "No such file or directory. Create the directory, or set state.path"),
        (".", "it is a directory, not a file. Set state.path"),
    ],
)
def test_a_state_that_cannot_be_written_is_reported_with_a_remedy(tmp_path, name, words):
    finding = check.state_directory(tmp_path / name)
    assert finding.severity == "bad"
    assert words in finding.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_another_user_is_reported_with_ours(tmp_path):
    tmp_path.chmod(0o500)
    remedy = f"write access to the directory. It runs as uid {os.getuid()}."
    assert remedy in check.state_directory(tmp_path / "state.json").text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_may_not_be_read_is_not_blamed_on_the_file_system(tmp_path):
    tmp_path.chmod(0o300)
    finding = check.state_directory(tmp_path / "state.json")
    assert finding.severity == "warning"
    assert "the bot's user may not read its directory, so it cannot be synced" in finding.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_state_that_is_mounted_alone_is_bad_as_it_cannot_be_replaced(tmp_path):
    path = tmp_path / "state.json"
    path.touch()
    if subprocess.run(["mount", "--bind", path, path], check=False, capture_output=True).returncode:  # noqa: S607
        pytest.skip("not here")
    try:
        assert "mount its directory" in check.state_directory(path).text
    finally:
        subprocess.run(["umount", path], check=True)  # noqa: S607 - wherever it is


# Chanjing


def minting(server: ChanjingServer, exchange: Exchange, secret_key: str, path: Path) -> Finding:
    clock = SimulatedClock(time.time())
    transport = Transport(exchange, server.url, max_requests_per_second=5, clock=clock)
    tokens = MintedToken(lambda: mint(server.app_id, secret_key, transport), server.app_id, server.url, path, clock)
    return check.chanjing(Chanjing(tokens, transport), page_size=50)


def test_a_kept_token_says_nothing_about_the_secret_key(chanjing, exchange, tmp_path):
    first = minting(chanjing, exchange, chanjing.secret_key, tmp_path / "token")
    assert first.text == "the token is accepted; the list holds 0 tasks"
    later = minting(chanjing, exchange, "wr0ng", tmp_path / "token")
    assert later.text.endswith("This token was kept from an earlier run, so the secret key has not been tried")


def listing(server: ChanjingServer, exchange: Exchange, token: str) -> Finding:
    transport = Transport(exchange, server.url, max_requests_per_second=5, clock=SimulatedClock())
    return check.chanjing(Chanjing(GivenToken(token), transport), page_size=50)


def test_a_token_that_chanjing_accepts_is_good(chanjing, exchange):
    chanjing.add()
    finding = listing(chanjing, exchange, chanjing.token)
    assert (finding.severity, finding.text) == ("good", "the token is accepted; the list holds 1 task")


def test_a_token_that_chanjing_refuses_is_bad_with_a_remedy(chanjing, exchange):
    finding = listing(chanjing, exchange, "s3cret")
    assert finding.severity == "bad"
    assert "Renew the token" in finding.text
    assert "s3cret" not in finding.text


def test_a_page_size_that_chanjing_refuses_is_a_warning_as_the_bot_copes(chanjing, exchange):
    chanjing.max_page_size, chanjing.oversize = 10, "refuse"
    finding = listing(chanjing, exchange, chanjing.token)
    assert finding.severity == "warning"
    assert "It refuses pages of 50, so the bot reads pages of 10" in finding.text


# Slack


def test_what_was_tried_is_said_and_no_more(asked):
    assert asked() == [
        ("good", "slack", "the token is accepted, as lipsync-bot in Demo"),
        ("good", "slack.channel", f"#lip-sync ({CHANNEL}): the bot is in it and can read its history"),
    ]


def test_asking_posts_nothing(asked, slack):
    asked()
    assert slack.messages == []


def test_a_slack_that_does_not_answer_is_reported_with_a_remedy(slack):
    slack.intercept = lambda call: slack.closing.wait(20)
    with clients.connections(trust_env=False) as exchange:
        bot = SlackBot(slack.token, slack.base_url, exchange(slack.base_url, 0.2))
        (found,) = check_slack.account(bot, {"slack.channel": CHANNEL})
        sent = check_slack.send(bot, CHANNEL, MESSAGE, PAUSES.append)
    for finding in (found, sent):
        assert finding.severity == "bad"
        assert finding.text.endswith("no whole answer within 0.2 s. Check the network, the proxy and slack.base_url.")


def answering(method, status, body):
    """Return what makes a Slack answer one method in another way, and all others as it does."""

    def intercept(call):
        if not call.path.endswith(method):
            return False
        call.send(status, {"Retry-After": "7"} if status == 429 else {}, body)
        return True

    return intercept


WORDS = ["ratelimited", "not_allowed_token_type", "missing_scope", "org_login_required", "quite_new", "internal_error",
         "invalid_blocks", "is_archived", "not_in_channel", "ekm_access_denied", "team_added_to_org"]  # fmt: skip
ANSWERS = [(200, b'{"ok": false, "error": "%s"}' % word.encode()) for word in WORDS]
ANSWERS += [(429, b""), (429, b'{"ok": false, "error": "ratelimited"}'), (502, b"<html>"), (403, b"no."), (200, b"{}")]
DOES = re.compile(
    "[Cc]heck|Copy|try again in|Ask|manual|Add|administrator|report it|Unarchive|/invite|give it|Set it|tries"
)


@pytest.mark.parametrize(("status", "body"), ANSWERS)
def test_whatever_slack_says_is_reported_in_whole_sentences_with_what_to_do(slack, exchange, status, body):
    bot = SlackBot(slack.token, slack.base_url, exchange)
    for method in ("auth.test", "conversations.info", "conversations.history", "chat.postMessage"):
        slack.intercept = answering(method, status, body)
        findings = check_slack.account(bot, {"slack.channel": CHANNEL})
        for finding in (*findings, check_slack.send(bot, CHANNEL, MESSAGE, PAUSES.append)):
            assert not re.search(r"\.\.|None|lipsync-bot check", finding.text)
            assert finding.severity == "good" or DOES.search(finding.text), finding.text
            assert finding.subject == "send" or "it is not known" not in finding.text


@pytest.mark.parametrize(
    ("body", "whose"),
    [(b"{}", ""), (b'{"user": "bot"}', ", as bot"), (b'{"team": "Acme", "user": null}', ", in Acme")],
)
def test_a_token_whose_owner_slack_does_not_tell_is_accepted_all_the_same(asked, slack, body, whose):
    slack.intercept = answering("auth.test", 200, body.replace(b"{", b'{"ok": true, ').replace(b", }", b"}"))
    assert asked()[0][2] == f"the token is accepted{whose}"


def test_a_token_that_slack_refuses_ends_the_questions(asked):
    found = asked(token="xoxb-s3cret")
    assert [(severity, subject) for severity, subject, _ in found] == [("bad", "slack")]
    assert "invalid_auth. Slack does not accept the bot's token. Copy" in found[0][2]
    assert "s3cret" not in found[0][2]


@pytest.mark.parametrize(
    ("scope", "severity", "words"),
    [
        ("chat:write", "bad", "chat:write is missing: without it nothing can be posted"),
        ("channels:history", "warning", "channels:history is missing: without it a message may be repeated"),
        ("groups:history", "warning", "groups:history is missing: without it a message may be repeated"),
        ("channels:read", "warning", "channels:read is missing: without it `check` cannot show the name of a public"),
        ("groups:read", "warning", "groups:read is missing: without it `check` cannot show the name of a private"),
    ],
)
def test_a_scope_that_is_missing_is_reported_with_what_it_costs(asked, slack, scope, severity, words):
    slack.scopes.remove(scope)
    found = [(how, text) for how, subject, text in asked() if subject == "scopes"]
    assert [how for how, _ in found] == [severity]
    assert words in found[0][1]


def test_scopes_that_slack_does_not_tell_are_not_missed(asked, slack):
    slack.scopes.clear()
    assert "scopes" not in [subject for _, subject, _ in asked()]


@pytest.mark.parametrize(
    ("channel", "severity", "words"),
    [
        (Channel("lip-sync", is_member=False), "bad", "the bot is not in #lip-sync"),
        (Channel("lip-sync", is_archived=True), "bad", "is archived. Unarchive it"),
        (
            Channel("lip-sync", is_member=False, is_private=True),
            "bad",
            "channel_not_found. Slack cannot find the channel",
        ),
        (Channel("lip-sync", is_private=True), "good", "the bot is in it"),
        (None, "bad", "channel_not_found. Slack cannot find the channel"),
    ],
    ids=["not in it", "archived", "private and not in it", "private", "none"],
)
def test_what_is_wrong_with_a_channel_is_reported(asked, slack, channel, severity, words):
    slack.channels = {CHANNEL: channel} if channel else {}
    how, subject, text = asked()[-1]
    assert (how, subject) == (severity, "slack.channel")
    assert words in text


def test_a_history_that_cannot_be_read_is_a_warning(asked, slack):
    slack.scopes -= {"channels:history"}
    how, _, text = asked()[-1]
    assert how == "warning"
    assert "its history cannot be read, so a message may be repeated" in text


def test_without_the_history_a_board_is_weaker_too(asked, slack):
    slack.scopes -= {"channels:history"}
    assert "and the board may be posted twice" in asked(board=True)[-1][2]
    assert "board" not in asked()[-1][2]


def test_a_history_that_the_running_bot_could_not_read_is_a_warning_though_it_can_be_read_now(asked):
    how, _, text = asked(unread=[CHANNEL])[-1]
    assert how == "warning"
    assert "until it can, a message may be repeated after a lost reply" in text


def test_a_channel_that_may_not_be_described_is_judged_by_its_history(asked, slack):
    slack.scopes -= {"channels:read", "groups:read"}
    assert asked()[-1][0] == "good"


@pytest.mark.parametrize("described", [b"null", b"[]", b"{}", b'"channel"'])
def test_a_channel_that_is_described_oddly_is_judged_by_its_history(asked, slack, described):
    def intercept(call):
        if not call.path.endswith("conversations.info"):
            return False
        call.send(200, {}, b'{"ok": true, "channel": %s}' % described)
        return True

    slack.intercept = intercept
    assert asked()[-1][0] == "good"


@pytest.mark.parametrize(
    ("member", "how"), [(b"", "good"), (b', "is_member": null', "good"), (b', "is_member": false', "bad")]
)
def test_only_a_bot_that_is_said_not_to_be_in_a_channel_is_not_in_it(asked, slack, member, how):
    def intercept(call):
        if not call.path.endswith("conversations.info"):
            return False
        call.send(200, {}, b'{"ok": true, "channel": {"id": "C0", "name": "lip-sync"%s}}' % member)
        return True

    slack.intercept = intercept
    assert asked()[-1][0] == how


@pytest.mark.parametrize(
    ("failures", "alerts", "subjects"),
    [
        (CHANNEL, CHANNEL, ["slack.channel"]),
        ("C0OTHER", CHANNEL, ["slack.channel", "slack.failure_channel"]),
        ("C0OTHER", "C0OTHER", ["slack.channel", "slack.failure_channel, slack.alerts_channel"]),
    ],
)
def test_each_channel_is_asked_for_once_and_told_with_the_keys_that_lead_to_it(
    asked, slack, failures, alerts, subjects
):
    slack.channels["C0OTHER"] = Channel("other")
    found = asked({"slack.channel": CHANNEL, "slack.failure_channel": failures, "slack.alerts_channel": alerts})
    assert [subject for _, subject, _ in found[1:]] == subjects


def test_a_channel_that_may_not_be_described_and_that_the_bot_is_not_in_is_bad(asked, slack):
    slack.scopes -= {"channels:read", "groups:read"}
    slack.channels[CHANNEL].is_member = False
    how, _, text = asked()[-1]
    assert how == "bad"
    assert text.endswith("In the channel, write: /invite @lipsync-bot")


# A channel's name


@pytest.mark.parametrize(
    ("name", "taken_away", "found"),
    [
        ("#videos", set(), "C0VIDEOS001"),
        ("Videos", set(), "C0VIDEOS001"),
        ("secret", set(), "G0SECRET001"),
        ("secret", {"channels:read"}, "G0SECRET001"),
        ("secret", {"channels:read", "groups:read"}, None),
        ("old", set(), None),
        ("", set(), None),
    ],
)
def test_the_id_of_a_channel_is_found_by_its_name_as_far_as_the_bot_can_see(slack, exchange, name, taken_away, found):
    slack.channels = {
        "C0OLD000001": Channel("old", is_archived=True),
        "C0VIDEOS001": Channel("videos"),
        "G0SECRET001": Channel("secret", is_private=True),
    }
    slack.scopes -= taken_away
    assert check_slack.channel_id(SlackBot(slack.token, slack.base_url, exchange), name) == found


# A test message


class Sender:
    """Posts test messages. `waits` are the spans waited for, each cut to *longest* seconds."""

    def __init__(self, bot: SlackBot) -> None:
        self.bot = bot
        self.waits: list[float] = []
        self.longest = 0.0

    def __call__(self) -> Finding:
        return check_slack.send(self.bot, CHANNEL, MESSAGE, self.wait)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        time.sleep(min(seconds, self.longest))


@pytest.fixture
def send(slack, exchange):
    return Sender(SlackBot(slack.token, slack.base_url, exchange))


def test_a_test_message_that_is_found_with_its_metadata_shows_that_each_is_posted_once(slack, send):
    finding = send()
    assert finding.severity == "good"
    assert finding.text == (
        f"a test message was posted to {CHANNEL}, ts {slack.messages[-1].ts}; "
        "it was found there: each message will be posted exactly once"
    )


def test_each_test_message_has_an_id_of_its_own_and_is_no_notice(slack, send):
    send()
    send()
    described = [message.metadata for message in slack.messages]
    assert described[0] != described[1]
    assert {one["event_type"] for one in described} == {"lipsync_outside"}


def test_a_history_that_lags_is_looked_at_again(slack, send):
    slack.history_lag = send.longest = 0.2
    assert send().severity == "good"
    assert len(send.waits) > 1


def without_metadata(call):
    if not call.path.endswith("conversations.history"):
        return False
    answer = call.process()
    history = json.loads(answer.body)
    for message in history["messages"]:
        message.pop("metadata", None)
    call.send(200, {}, json.dumps(history).encode())
    return True


def of_another_app(call):
    if not call.path.endswith("conversations.history"):
        return False
    call.send(200, {}, call.process().body.replace(b'"bot_id": "B000"', b'"bot_id": "B666"'))
    return True


@pytest.mark.parametrize("fault", [without_metadata, of_another_app])
def test_a_test_message_that_is_not_found_as_ours_is_a_warning(slack, send, fault):
    slack.intercept = fault
    finding = send()
    assert finding.severity == "warning"
    assert "so a message may be repeated after a lost reply" in finding.text
    assert "exactly once" not in finding.text
    assert 5 <= sum(send.waits) <= 15


def test_a_test_message_that_may_not_be_looked_for_is_a_warning(slack, send):
    slack.scopes -= {"channels:history"}
    finding = send()
    assert finding.severity == "warning"
    assert "It could not be looked for" in finding.text
    assert "missing_scope" in finding.text


def test_a_channel_that_slack_knows_by_another_id_is_named(slack, send):
    def renamed(call):
        if not call.path.endswith("chat.postMessage"):
            return False
        call.send(200, {}, call.process().body.replace(CHANNEL.encode(), b"C0ANOTHER01"))
        return True

    slack.intercept = renamed
    finding = send()
    assert finding.severity == "warning"
    assert "Slack now has this channel as C0ANOTHER01" in finding.text


def test_a_test_message_may_go_through_a_webhook(slack, exchange):
    finding = check_slack.send(SlackWebhook(slack.webhook_url, exchange), "webhook", MESSAGE, PAUSES.append)
    assert (finding.severity, finding.text) == ("good", "a test message was posted to webhook")


@pytest.mark.parametrize(
    ("status", "word", "words"),
    [
        (403, "invalid_token", "Create a new one and set `slack.webhook_url`"),
        (404, "no_service", "Create a new one and set `slack.webhook_url`"),
        (404, "channel_not_found", "If you use a webhook, create a new one"),
        (410, "channel_is_archived", "Unarchive it"),
        (403, "action_prohibited", "Ask an administrator"),
        (403, "quite_new", "This answer is not Slack's: check slack.base_url, and whether a proxy is in between."),
    ],
)
def test_a_webhook_that_is_refused_is_bad_with_a_remedy(slack, exchange, status, word, words):
    slack.webhook_error = status, word
    finding = check_slack.send(SlackWebhook(slack.webhook_url, exchange), "webhook", MESSAGE, PAUSES.append)
    assert finding.severity == "bad"
    assert words in finding.text


def test_a_test_message_that_is_refused_is_bad_with_a_remedy(slack, exchange):
    slack.channels[CHANNEL].is_member = False
    finding = check_slack.send(SlackBot(slack.token, slack.base_url, exchange), CHANNEL, MESSAGE, PAUSES.append)
    assert finding.severity == "bad"
    assert "/invite @lipsync-bot" in finding.text
