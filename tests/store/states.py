"""States of all kinds, for Hypothesis, and two that follow one another."""

from dataclasses import replace

from hypothesis import strategies as st

from bot.domain import notice as notices
from bot.domain.chart import DayCount
from bot.domain.destination import Destination, Intent
from bot.domain.listing import ListProfile
from bot.domain.news import EndedTask, TaskRecord
from bot.domain.notice import Content, Greeting, Key, Notice, Receipt, Summary, TaskEnded, Trouble
from bot.domain.outbox import Outbox
from bot.domain.state import State
from bot.domain.summary import Day, Diary
from bot.domain.task import Task
from bot.domain.trouble import Ongoing
from tests.fakes import NOON

SMALL = State(baseline_at=NOON, tasks={"a": TaskRecord(10, 1, NOON)}, delivered_count=1)
LATER = replace(SMALL, tasks={"a": EndedTask(20, 1)}, delivered_count=2)
IDS = ["a", "b],", 'c],":', "d},", 'e},":', '":f', "g\n", '"', "", "\0", "\\", "\\u0000", "状态’\x7f", "%s"]

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
seconds = st.floats(0, 4e9)
number = st.integers(0, 2**53)
task = st.builds(Task, text, st.integers(-5, 60), number, text, text, text, number, number)
content: st.SearchStrategy[Content] = st.one_of(
    st.builds(TaskEnded, task, st.none() | seconds, st.none() | st.tuples(seconds, seconds)),
    st.builds(Greeting, number, number, number, text),
    st.builds(Trouble, text, text, seconds, st.none() | seconds, seconds, text),
    st.builds(Summary, text, number, st.lists(st.tuples(text, number), max_size=2).map(tuple), number),
    st.builds(notices.Test),
)
key = st.builds(Key, text, number, st.sampled_from(["success", "failure", "alerts"]))
notice = st.builds(Notice, content, seconds, number, st.integers(0, 3), seconds, text)
intent = st.builds(Intent, st.lists(text, max_size=2).map(tuple), seconds, text, st.booleans(), number)
destination = st.builds(Destination, text, st.none() | intent, seconds, number, text, text, text, st.booleans())
profile = st.builds(
    ListProfile, st.none() | st.sampled_from(["newest_first", "neither"]), st.none() | number, st.booleans()
)
record = st.builds(TaskRecord, number, number, seconds, number) | st.builds(
    EndedTask, number, number, st.booleans(), number
)
day = st.builds(Day, number, st.dictionaries(text, number), st.tuples(seconds))
every_state = st.builds(
    State,
    profile=profile,
    baseline_at=st.none() | seconds,
    tasks=st.dictionaries(text, record, max_size=3),
    outbox=st.builds(Outbox, st.lists(notice, max_size=3).map(tuple), st.dictionaries(text, destination, max_size=2)),
    delivered=st.lists(st.builds(Receipt, text, text, text, seconds, st.none() | key), max_size=3).map(tuple),
    delivered_count=number,
    troubles=st.dictionaries(text, st.builds(Ongoing, seconds, seconds, st.lists(text, max_size=2).map(tuple))),
    diary=st.builds(Diary, st.dictionaries(text, day, max_size=2), st.lists(text, max_size=2).map(tuple)),
    boards=st.dictionaries(text, text, max_size=2),
    chart=st.dictionaries(
        text, st.builds(DayCount, number, number, st.none() | seconds, st.tuples(seconds)), max_size=2
    ),
)
