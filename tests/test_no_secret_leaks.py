"""Every secret is pushed through every way in which things go wrong, and looked for in all that comes out."""

import html
import itertools
import json
import os
import signal
import socket
import time
from urllib.parse import quote

import httpx
import pytest

from bot import clients
from bot.chanjing.client import Chanjing
from bot.chanjing.tokens import GivenToken
from bot.chanjing.transport import Transport
from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from bot.errors import LipsyncBotError
from bot.slack.blocks import Message
from bot.slack.client import SlackBot, SlackWebhook
from tests.fakes import SimulatedClock

CHANJING, SLACK, PING = "secret-of/chanjing+1", "xoxb-secret/of+slack&1", "secret-of-the-switch"
HOOK = "T000/B000/XXXX"


def spellings(secret):
    """Return *secret* as programs write it into pages, JSON and addresses."""
    return (
        secret,
        quote(secret, safe=""),
        quote(secret, safe="").lower(),
        quote(quote(secret, safe=""), safe=""),
        html.escape(secret),
        "".join(f"&#{ord(letter)};" for letter in secret),
        "".join(f"&#x{ord(letter):x};" for letter in secret),
        "".join(f"&#{ord(letter)}" for letter in secret),
        "".join(f"&#{ord(letter)}" if letter.islower() else letter for letter in secret),
        quote(quote(quote(quote(html.escape(secret), safe=""), safe=""), safe=""), safe=""),
        "".join(f"\\u{ord(letter):04x}" for letter in secret),
        secret.replace("/", r"\/"),
        secret.upper(),
        "\u200b".join(secret),
    )


def answers_with(secret):
    """Yield answers that hold *secret* wherever an answer can."""
    for status in (200, 400, 403, 500, 502):
        yield status, {}, f"<html>{secret}</html>"
        yield status, {}, json.dumps({"code": 10400, "msg": secret, "trace_id": secret, "data": secret})
        yield status, {}, json.dumps({"code": secret, "msg": None, "ok": False, "error": secret})
        yield status, {}, json.dumps({"ok": False, "error": "missing_scope", "needed": secret, "provided": secret})
        yield status, {}, json.dumps({"ok": False, "error": "invalid_blocks", "errors": [secret]})
    yield 302, {"Location": f"http://{secret}.example.com/{secret}"}, ""
    yield 200, {"Content-Encoding": secret}, "x"
    yield 200, {"Retry-After": secret}, secret
    yield 429, {"Retry-After": secret}, secret
    yield 200, {}, '{"code": 0, "data": {"list": [{"id": "' + secret + '", "status": "' + secret + '"}]}}'
    yield 200, {}, '{"code": 0, "data": {"list": [{"id": "' + secret + '", "status": 10}]}}'


def echo(secret):
    """Return an interceptor that goes through all answers, again and again."""
    rounds = itertools.cycle(answers_with(secret))

    def intercept(call):
        status, headers, body = next(rounds)
        call.send(status, headers, body.encode())
        return True

    return intercept


def what_comes_of(act):
    try:
        return repr(act())
    except LipsyncBotError as error:
        return str(error)


@pytest.mark.parametrize("number", range(len(spellings(""))))
def test_no_spelling_of_a_secret_comes_out_of_an_answer(number):
    with (
        ChanjingServer(CHANJING) as chanjing,
        SlackServer(SLACK) as slack,
        clients.connections(trust_env=False) as exchange,
    ):
        sender = exchange(chanjing.url, 10)
        transport = Transport(sender, chanjing.url, max_requests_per_second=1000, clock=SimulatedClock(), attempts=1)
        listing = Chanjing(GivenToken(CHANJING), transport)
        bot = SlackBot(SLACK, slack.base_url, exchange(slack.base_url, 10, keep_alive=False))
        hook = SlackWebhook(slack.webhook_url, exchange(slack.webhook_url, 10, keep_alive=False))
        for server, secret, act in (
            (chanjing, CHANJING, lambda: listing.page(1, 10)),
            (slack, SLACK, bot.identify),
            (slack, SLACK, lambda: bot.call("conversations.info", channel=CHANNEL)),
            (slack, HOOK, lambda: hook.post(CHANNEL, Message("x", ()), ())),
        ):
            for answer in answers_with(spellings(secret)[number]):
                server.intercept = lambda call, answer=answer: call.send(*answer[:2], answer[2].encode()) or True
                said = what_comes_of(act)
                assert not [spelling for spelling in spellings(secret) if spelling in said], answer


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize("webhook", [False, True], ids=["bot token", "webhook"])
def test_no_secret_comes_out_whatever_goes_wrong(tmp_path, webhook, program):
    port = free_port()
    with ChanjingServer(CHANJING) as chanjing, SlackServer(SLACK) as slack:
        chanjing.add(status=20)
        environment = {
            **os.environ,
            "CHANJING_BASE_URL": chanjing.url,
            "CHANJING_ACCESS_TOKEN": CHANJING,
            "CHANJING_MAX_REQUESTS_PER_SECOND": "1000",
            "STATE_PATH": str(tmp_path / "state.json"),
            "POLL_INTERVAL": "100ms",
            "POLL_ACTIVE_INTERVAL": "100ms",
            "SLACK_PACE": "10ms",
            "SLACK_SETTLE": "100ms",
            "SLACK_DIGEST_AFTER": "0",
            "LOG_LEVEL": "debug",
            "MONITOR_LISTEN": f"127.0.0.1:{port}",
            "MONITOR_PING_URL": f"http://127.0.0.1:{port}/{PING}",
            "NO_PROXY": "*",
        }
        if webhook:
            environment["SLACK_WEBHOOK_URL"] = slack.webhook_url
        else:
            environment |= {"SLACK_BASE_URL": slack.base_url, "SLACK_BOT_TOKEN": SLACK, "SLACK_CHANNEL": CHANNEL}
        log = tmp_path / "log"
        with log.open("w") as stderr:
            streams = {"out": stderr.fileno(), "err": stderr.fileno()}
            bot = program.start("run", directory=tmp_path, environ=environment, **streams)
        with bot:
            wait_for(lambda: slack.messages)
            slack.intercept = echo(HOOK if webhook else SLACK)
            for _ in range(30):  # a webhook that answers 200 has posted, so one would not meet all answers
                chanjing.add(status=20)
            wait_for(lambda: "notice_in_doubt" in log.read_text("utf-8"))
            chanjing.intercept = echo(CHANJING)
            asked = len(chanjing.calls), len(slack.calls)
            wait_for(lambda: len(chanjing.calls) > asked[0] + 12 and len(slack.calls) > asked[1] + 1)
            wait_for(lambda: "poll_failed" in log.read_text("utf-8"))
            served = [httpx.get(f"http://127.0.0.1:{port}/{path}").text for path in ("readyz", "metrics")]
            bot.send_signal(signal.SIGTERM)
            bot.wait()
        commands = [["status", "--json"], ["status"], ["health"], ["check", "--send"], ["config"], ["config", "--json"]]
        ended = [program(*arguments, directory=tmp_path, environ=environment) for arguments in commands]
        printed = [text for one in ended for text in (one.out, one.err)]
        kept = [path.read_text("utf-8") for path in tmp_path.iterdir()]
        posted = [json.dumps([message.text, message.blocks], ensure_ascii=False) for message in slack.messages]
    for text in [*served, *printed, *kept, *posted]:
        for secret in (CHANJING, SLACK, PING, HOOK):
            for spelling in spellings(secret):
                assert spelling not in text


def wait_for(happened):
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)
