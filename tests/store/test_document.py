"""What two documents differ in, and a document in two parts."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.news import EndedTask, TaskRecord
from bot.domain.state import State
from bot.store import document
from tests.store.states import IDS, every_state, record, text

A, B = EndedTask(20, 1), TaskRecord(10, 1, 1.0)
every_tasks = st.dictionaries(text, record, max_size=5)


@pytest.mark.parametrize(
    ("old", "new", "changed", "gone"),
    [
        ({}, {}, {}, []),
        ({}, {"a": A}, {"a": A}, []),
        ({"a": A}, {}, {}, ["a"]),
        ({"a": A, "b": B}, {"a": A, "b": B}, {}, []),
        ({"a": A, "b": B}, {"b": B, "a": A}, {}, []),
        ({"a": A, "b": B}, {"a": B, "b": B}, {"a": B}, []),
        ({"a": A, "b": B}, {"a": A, "b": B, "c": A}, {"c": A}, []),
        ({"a": A, "b": B}, {"b": B, "c": A}, {"c": A}, ["a"]),
        ({"a": A, "b": B}, {"c": A, "d": A, "e": A}, {"c": A, "d": A, "e": A}, ["a", "b"]),
        ({"a": A}, {"a": EndedTask(20, 1)}, {}, []),
    ],
)
def test_only_what_differs_is_different(old, new, changed, gone):
    assert document.difference(old, new) == (changed, gone)


@given(every_tasks, every_tasks, every_tasks)
def test_what_differs_makes_the_one_of_the_other(kept, old, new):
    old, new = {**kept, **old}, {**kept, **new}
    changed, gone = document.difference(old, new)
    result = {**old, **changed}
    for task_id in gone:
        del result[task_id]
    assert result == new


@given(every_state)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_a_document_in_two_parts_is_the_same_document(state):
    tasks = ",".join(
        f'"{name}":{json.dumps(record)}' for name, record in json.loads(document.encode_by_name(state.tasks)).items()
    )
    assert document.decode(document.join(document.encode_rest(state).decode(), tasks)) == state


@pytest.mark.parametrize("task_id", IDS)
def test_a_name_is_what_stands_between_quotation_marks_and_holds_no_nul(task_id):
    name = document.name(task_id)
    assert json.loads(f'"{name}"') == task_id
    assert "\0" not in name


def test_ids_that_need_no_spelling_are_their_own_names():
    assert document.name("9499ab-状态") == "9499ab-状态"
    assert json.loads(document.encode_by_name(State(tasks={"a": A}).tasks)) == {"a": [20, 1, False, 0]}
