from dataclasses import replace

import pytest

from bot.cli.explain import explain
from bot.cli.status import guarantee, problems, report, text
from bot.domain.destination import Destination, Intent
from bot.domain.news import EndedTask, TaskRecord
from bot.domain.notice import Greeting, Notice, Role, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.state import VERSION, State
from bot.domain.task import Task
from bot.domain.trouble import Ongoing
from tests.fakes import NOON

CHANNEL = "C0123"
ROUTE: dict[Role, str] = {"success": CHANNEL, "failure": CHANNEL, "alerts": CHANNEL}


def ended(task_id):
    return TaskEnded(Task(task_id, 20))


NOTICE = Notice(ended("9499ed79"), NOON - 60)
STATE = State(
    baseline_at=NOON - 3600,
    tasks={
        "a": TaskRecord(0, 1, NOON),
        "b": TaskRecord(10, 1, NOON),
        "c": EndedTask(20, 1),
        "d": TaskRecord(10, 1, NOON, vanished=True),
    },
    outbox=Outbox((NOTICE,), {CHANNEL: Destination(checked=True)}),
    delivered_count=7,
)


def test_status_shows_everything_under_the_promised_keys():
    assert report(STATE, NOON, ROUTE) == {
        "version": VERSION,
        "baseline_at": "2025-02-04T11:00:00Z",
        "last_alive": "2025-02-04T12:00:00Z",
        "guarantee": "once",
        "watched": 2,
        "owed": [
            {
                "task_id": "9499ed79",
                "status": 20,
                "role": "success",
                "since": "2025-02-04T11:59:00Z",
                "attempts": 0,
                "next_attempt": None,
                "in_doubt": False,
                "last_error": None,
            }
        ],
        "delivered": 7,
        "to_archive": 0,
    }


def test_status_of_a_bot_that_was_never_alive_has_no_times():
    said = report(State(), None, ROUTE)
    assert (said["baseline_at"], said["last_alive"], said["owed"]) == (None, None, [])


def owed(outbox: Outbox) -> dict[str, object]:
    said: dict[str, object] = report(replace(STATE, outbox=outbox), NOON, ROUTE)["owed"][0]
    return said


@pytest.mark.parametrize("in_doubt", [False, True])
def test_a_notice_in_doubt_is_shown_as_such(in_doubt):
    intent = Intent((NOTICE.id,), NOON, "", in_doubt=in_doubt)
    said = owed(Outbox((replace(NOTICE, attempts=1, last_error="lost"),), {CHANNEL: Destination(intent=intent)}))
    assert (said["in_doubt"], said["attempts"], said["last_error"]) == (in_doubt, 1, "lost")


@pytest.mark.parametrize(
    ("outbox", "at"),
    [
        (Outbox((NOTICE,), {CHANNEL: Destination(until=NOON + 30)}), "2025-02-04T12:00:30Z"),
        (Outbox((replace(NOTICE, held_until=NOON + 300),)), "2025-02-04T12:05:00Z"),
    ],
    ids=["channel waits", "notice is held"],
)
def test_the_next_attempt_is_shown(outbox, at):
    assert owed(outbox)["next_attempt"] == at


@pytest.mark.parametrize(
    ("destinations", "promised"),
    [
        ({}, "at least once"),
        ({"C1": Destination()}, "at least once"),
        ({"C1": Destination(checked=True)}, "once"),
        ({"C1": Destination(checked=True, unreadable="missing_scope")}, "at least once"),
        ({"C1": Destination(checked=True), "C2": Destination(checked=True, unreadable="webhook")}, "at least once"),
        ({"C1": Destination(checked=True), "C2": Destination(checked=True)}, "once"),
    ],
)
def test_once_is_promised_only_where_every_history_was_read(destinations, promised):
    assert guarantee(State(outbox=Outbox((), destinations))) == promised


def printed(state: State) -> str:
    return text(report(state, NOON, ROUTE))


@pytest.mark.parametrize("error", ["x" * 300, "word " * 60 + "end"])
def test_each_line_is_printed_whole_and_without_spaces_at_its_end(error):
    owing = replace(NOTICE, content=ended("9" * 200), last_error=error)
    lines = printed(replace(STATE, outbox=Outbox((owing,)))).splitlines()
    assert {error, f"{'9' * 200}  20 (succeeded)", "last alive  2025-02-04T12:00:00Z"} <= set(lines)
    assert [line for line in lines if line != line.rstrip()] == []


def test_the_bots_own_problems_are_shown_with_what_happened_until_they_are_over():
    refused = Ongoing(NOON - 300, detail="list: HTTP 200, code 10400, 'AccessToken验证失败', trace_id 8d10.")
    over = Ongoing(NOON - 900, reported_at=NOON - 600, over=True, detail="old")
    state = replace(STATE, troubles={"chanjing_refused": refused, "slack_refused": over})
    assert list(problems(state)) == [
        "Chanjing refuses the bot's access token",
        "  since 2025-02-04T11:55:00Z: list: HTTP 200, code 10400, 'AccessToken验证失败', trace_id 8d10.",
    ]


def test_what_others_wrote_can_do_nothing_to_the_terminal():
    odd = replace(NOTICE, content=ended("94\x1b[31m\u202e99"), last_error="\x1b]0;title\x07 \U000e0041 refused")
    shown = printed(replace(STATE, outbox=Outbox((odd,))))
    assert "94[31m99" in shown
    assert not set(shown) & {"\x1b", "\x07", "\u202e", "\U000e0041"}


def test_a_webhook_cannot_look_for_a_message_in_doubt_so_the_next_post_is_shown():
    intent = Intent((NOTICE.id,), NOON, "", in_doubt=True)
    history_unreadable = Destination(intent=intent, until=NOON + 30, unreadable="webhook", checked=True)
    shown = printed(replace(STATE, outbox=Outbox((NOTICE,), {"webhook": history_unreadable})))
    assert "looks for" not in shown
    assert "next try 2025-02-04T12:00:30Z" in shown


def test_what_others_wrote_is_shown_as_they_wrote_it():
    odd = replace(
        NOTICE, content=ended("[red]9499[/]"), last_error="must be valid [/blocks/0] :smile: [json-pointer:/x]"
    )
    shown = printed(replace(STATE, outbox=Outbox((odd,))))
    assert "[red]9499[/]" in shown
    assert "must be valid [/blocks/0] :smile: [json-pointer:/x]" in shown


def test_a_time_that_no_calendar_has_is_shown_as_the_number_it_is():
    state = State(tasks={"a": EndedTask(20, 1_738_670_400_000)})
    assert ("created", "1738670400000") in explain(state, "a", ROUTE, lambda *_: "")


def test_it_has_no_status_for_what_is_not_a_task():
    greeting = Notice(Greeting(0, 0), NOON)
    shown = printed(replace(STATE, outbox=Outbox((greeting,))))
    assert "greeting" in shown
    assert "1738640400" not in shown


@pytest.mark.parametrize(("n", "words"), [(0, "0 notices"), (1, "1 notice"), (2, "2 notices")])
def test_it_counts_in_good_english(n, words):
    rows = [line.split(maxsplit=1) for line in printed(replace(STATE, delivered_count=n)).splitlines() if line]
    assert ["delivered", words] in [[cell.strip() for cell in row] for row in rows]


def test_an_error_that_several_have_in_common_is_shown_once():
    first, second = (replace(NOTICE, content=ended(name), last_error="not_in_channel") for name in "ab")
    assert printed(replace(STATE, outbox=Outbox((first, second)))).count("not_in_channel") == 1


@pytest.mark.parametrize("state", [STATE, State()], ids=["owing", "empty"])
def test_it_says_what_programs_are_given_without_escape_sequences(state):
    said = report(state, NOON, ROUTE)
    shown = printed(state)
    for word in (said["last_alive"], said["guarantee"], *(one["task_id"] for one in said["owed"])):
        assert word in shown
    assert "\x1b" not in shown


def test_the_next_attempt_is_that_of_the_channel_the_notice_goes_to():
    other = {"C9": Destination(until=NOON + 300, refused="is_archived", error="x"), CHANNEL: Destination()}
    assert owed(Outbox((NOTICE,), other))["next_attempt"] is None
    waiting = {CHANNEL: Destination(until=NOON + 300, intent=Intent((NOTICE.id,), NOON, ""))}
    assert owed(Outbox((NOTICE,), waiting))["next_attempt"] == "2025-02-04T12:05:00Z"
