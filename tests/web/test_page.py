"""The page: what it shows, to whom, how fast, and what it never does."""

import re
from base64 import b64encode
from datetime import UTC
from hashlib import sha256
from html.parser import HTMLParser
from time import process_time

import pytest

from bot.domain.chart import DayCount
from bot.domain.destination import Destination
from bot.domain.news import EndedTask, TaskRecord
from bot.domain.notice import Greeting, Notice, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.recent import Archived, RecentTask
from bot.domain.standing import Standing
from bot.domain.state import State
from bot.domain.task import Status, Task
from bot.domain.trouble import Ongoing
from bot.secret import Secret
from bot.web.access import Access
from bot.web.page import Page
from bot.web.server import Request
from tests.fakes import NOON, SimulatedClock

HERE = {"host": "127.0.0.1:8080"}
SHELF = "https://res.chanjing.cc/sample/lip-sync"
EVIL = "\"><script>alert(1)</script>' onload=x \u202e"


def ended(number, *, at=NOON - 60, **task):
    name = f"{number:032x}"
    good = Task(name, Status.SUCCEEDED, 100, "success", f"{SHELF}/{name}.mp4", f"{SHELF}/{name}.jpg", 65_000, 1)
    changed = {field: getattr(good, field) for field in Task.__slots__} | task
    return RecentTask(TaskEnded(Task(**changed), ready_after=142), at)


def failed(number, msg, **more):
    return ended(number, status=Status.FAILED, msg=msg, video_url="", preview_url="", **more)


def page(*standings, language="en", access=None):
    clock = SimulatedClock()
    return Page(lambda: standings, clock, language, access or Access("127.0.0.1", None), zone=UTC)


def get(one, query="", headers=HERE):
    return one.respond(Request("GET", "/", query, headers))


def shown(*standings, query="", **more):
    answer = get(page(*standings, **more), query)
    assert answer.status == 200
    return answer.body.decode()


def text(html):
    """Return what a reader sees of the body, on one line."""
    body = html[html.index("<header>") :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def standing(state, name="", **more):
    return Standing(name, state, last_read=NOON - 3, **more)


def test_a_video_that_is_ready_is_there_with_its_links_and_facts():
    html = shown(standing(State(ended=(ended(1),))))
    assert f'href="{SHELF}/{1:032x}.mp4"' in html
    assert f'<img src="{SHELF}/{1:032x}.jpg" alt="" loading=lazy>' in html
    assert "Ready Watch the video 11:59" in text(html)
    assert "length 1 min 5 s · ready after 2 min 22 s" in html
    found = shown(standing(State(ended=(ended(1),))), query=f"id={1:032x}")
    assert f'<a href="{SHELF}/{1:032x}.jpg">Cover</a>' in found


def test_the_archives_links_come_first_where_there_are_any():
    kept = RecentTask(ended(1).content, NOON, Archived("2025/02/a.mp4", "2025/02/a.jpg"))
    html = shown(standing(State(ended=(kept,)), public_url="https://videos.example/"))
    assert 'href="https://videos.example/2025/02/a.mp4"' in html
    assert "chanjing.cc" not in html


def test_a_failure_says_why_and_what_to_do():
    assert "Failed The Chanjing account has run out of credit (蝉豆). 11:59 Top up the account" in text(
        shown(standing(State(ended=(failed(1, "蝉豆不足扣费失败"),))))
    )
    assert "失败 蝉镜账户的蝉豆不足。 11:59 请先为账户充值蝉豆" in text(
        shown(standing(State(ended=(failed(1, "蝉豆不足扣费失败"),))), language="zh")
    )


def test_what_renders_is_there_with_its_progress_and_age():
    tasks = {"a": TaskRecord(10, int(NOON) - 200, NOON), "b": TaskRecord(0, int(NOON) - 8, NOON)}
    html = shown(standing(State(tasks=tasks), progress={"a": Task("a", 10, 75, create_time=int(NOON) - 200)}))
    assert "75% a 3 min 20 s elapsed queued b 8 s elapsed" in text(html)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("id=0000000000000000000000000000001", "16 tasks found"),
        (f"id=+{7:032x}+", "1 task found"),
        ("id=old", "It failed. Why is no longer kept here"),
        ("id=vanished", "It disappeared from Chanjing"),
        ("id=rendering", "12%"),
        ("id=nobody", "The bot does not know it"),
        ("id=%3Cb%3E", "No task whose id begins with &lt;b&gt;"),
    ],
)
def test_a_task_is_found_by_how_its_id_begins(query, found):
    tasks: dict[str, TaskRecord | EndedTask] = {
        "old-1": EndedTask(30, 5),
        "vanished": TaskRecord(10, 5, NOON, vanished=True),
        "rendering": TaskRecord(10, 5, NOON),
    }
    state = State(ended=tuple(ended(number) for number in range(0x20)), tasks=tasks)
    answer = get(page(standing(state, progress={"rendering": Task("rendering", 10, 12)})), query)
    assert found in answer.body.decode()
    assert "Refresh" not in dict(answer.headers)


def test_the_days_are_counted_by_outcome_with_the_median_time_as_a_table():
    chart = {"2025-02-03": DayCount(41, 5, 96.0), "2025-01-28": DayCount(20, 0, 60.0)}
    seen = text(shown(standing(State(chart=chart))))
    assert "Day Ready Failed Median Today 0 0 – Yesterday 41 5 1 min 36 s Sun 2 Feb 0 0 –" in seen
    assert "Tue 28 Jan 20 0 1 min" in seen


def test_what_waits_to_be_posted_says_why_and_what_to_do():
    waiting = Notice(ended(1).content, NOON - 700, last_error="chat.postMessage: not_in_channel")
    doubtful = Destination(intent=None, error="")
    seen = text(shown(standing(State(outbox=Outbox((waiting, Notice(Greeting(1, 2), NOON - 5)), {"C1": doubtful})))))
    assert "Waiting to be posted 2" in seen
    assert f"Task {1:032x} · Ready waiting for 11 min 40 s Slack did not accept it: chat.postMessage: not_in" in seen
    assert "/invite @lipsync-bot" in seen
    assert "The greeting waiting for 5 s It is about to be posted." in seen


def test_an_account_in_trouble_is_named_with_what_to_do_and_the_others_are_well():
    troubles = {"chanjing_refused": Ongoing(NOON - 400, NOON - 90, detail="code 10400")}
    seen = text(
        shown(
            standing(State(), "shop"),
            standing(State(troubles=troubles), "school", reasons=[("chanjing_refused", "no")]),
            Standing("lab", reasons=[("state_unavailable", "state.lab.json: Input/output error.")]),
            Standing("night", standing_by=True),
        )
    )
    assert "! 2 problems" not in seen  # the sign is drawn by the style
    assert "2 problems" in seen
    assert "Chanjing refuses the bot&#39;s access token school 6 min 40 s" in seen
    assert "Give the bot a new token." in seen
    assert "code 10400" in seen
    assert "The account does not run lab" in seen
    assert "shop All is well" in seen
    assert "night Standing by" in seen


def test_a_trouble_that_has_just_begun_alarms_nobody():
    state = State(troubles={"chanjing_unreachable": Ongoing(NOON - 20)})
    assert "All is well" in text(shown(standing(state)))


class Markup(HTMLParser):
    """Keeps every tag and attribute of a document."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


def test_whatever_a_task_says_stays_text_and_only_web_addresses_become_links():
    hostile = State(
        ended=(
            ended(1, id=EVIL, video_url="javascript:alert(1)", preview_url="data:text/html,x"),
            ended(2, video_url='https://e.example/"><script>', preview_url="http://e.example/<x>"),
            failed(3, f"</style>{EVIL}{'长' * 5_000}"),
        ),
        tasks={EVIL: TaskRecord(10, 1, NOON)},
        outbox=Outbox((Notice(ended(1, id=EVIL).content, NOON, last_error=EVIL),)),
    )
    for query in ("", "id=%22%3E%3Cscript%3E"):
        html = shown(standing(hostile, "shop", reasons=[("state_unavailable", EVIL)]), query=query)
        markup = Markup(html)
        assert "script" not in markup.tags
        assert not [name for name, _ in markup.attributes if name.startswith("on")]
        links = [value for name, value in markup.attributes if name in {"href", "src"}]
        assert all(re.match(r"https?://|/$|#d|data:image/svg", link) for link in links), links
        assert "\u202e" not in html


def test_nothing_from_outside_but_pictures_may_be_loaded_and_the_style_is_allowed():
    answer = get(page(standing(State())))
    headers = dict(answer.headers)
    (style,) = re.findall(r"<style>(.*?)</style>", answer.body.decode(), re.DOTALL)
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    policy = headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{allowed}'; img-src https: http: data:;")
    assert "form-action 'self'; frame-ancestors 'none'" in policy
    assert (headers["Referrer-Policy"], headers["X-Content-Type-Options"]) == ("no-referrer", "nosniff")
    assert 'style="' not in answer.body.decode()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_200_tasks_are_less_than_100_kib_and_made_once_between_two_polls(language):
    long = f"https://res.chanjing.cc/chanjing/res/{'a' * 30}"
    tasks = {f"{n:032x}": TaskRecord(10, 1, NOON) for n in range(200, 300)}
    state = State(
        ended=tuple(
            ended(n, video_url=f"{long}/{n:032x}.mp4", preview_url=f"{long}/{n:032x}.jpg")
            if n % 6
            else failed(n, "蝉豆不足")
            for n in range(200)
        ),
        tasks=tasks,
    )
    one = page(standing(state), language=language)
    answer = get(one)
    assert answer.body.decode().count("<li") > 200
    assert len(answer.body) < 100 * 1024
    assert get(one).body is answer.body
    began = process_time()
    one._make([standing(state)])
    assert process_time() - began < 1  # it takes 10 ms; this is for what grows without limit


def test_a_page_is_made_anew_when_something_has_changed_or_time_has_passed_but_once_a_second_at_most():
    clock, states = SimulatedClock(), [State()]
    progress: dict[str, Task] = {}
    one = Page(lambda: [standing(states[-1], progress=progress)], clock, "en", Access("127.0.0.1", None), zone=UTC)
    bodies = []
    for seconds, changed in ((0, False), (0.5, True), (0.6, False), (5, False), (5.1, False)):
        clock.pass_by(seconds)
        if changed:
            states.append(State(ended=(ended(1),)))
        bodies.append(get(one).body)
    first, still_first, changed, kept, later = bodies
    assert still_first is first
    assert changed != first
    assert kept is changed
    assert later is not kept


PASSWORD = Secret("geheim!")


def basic(credentials):
    return {**HERE, "authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


@pytest.mark.parametrize(
    ("host", "password", "headers", "status"),
    [
        ("127.0.0.1", None, HERE, 200),
        ("::1", None, {"host": "[::1]:8080"}, 200),
        ("127.0.0.1", None, {"host": "localhost:8080"}, 200),
        ("127.0.0.1", None, {"host": "evil.example:8080"}, 403),
        ("127.0.0.1", None, {}, 403),
        ("0.0.0.0", None, HERE, 403),  # noqa: S104 - not listened on
        ("0.0.0.0", PASSWORD, HERE, 401),  # noqa: S104
        ("0.0.0.0", PASSWORD, basic("anyone:wrong"), 401),  # noqa: S104
        ("0.0.0.0", PASSWORD, basic("anyone"), 401),  # noqa: S104
        ("0.0.0.0", PASSWORD, {"authorization": "Basic ü"}, 401),  # noqa: S104
        ("0.0.0.0", PASSWORD, basic("anyone:geheim!"), 200),  # noqa: S104
        ("127.0.0.1", PASSWORD, HERE, 401),
    ],
)
def test_the_page_is_for_this_machine_or_for_who_knows_the_password(host, password, headers, status):
    answer = get(page(standing(State(ended=(ended(1),))), access=Access(host, password)), headers=headers)
    assert answer.status == status
    assert ("Watch" in answer.body.decode()) == (status == 200)
    if status == 403:
        assert b"monitor.password" in answer.body
    if status == 401:
        assert dict(answer.headers)["WWW-Authenticate"].startswith("Basic ")
