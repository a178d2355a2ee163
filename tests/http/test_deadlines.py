"""What is not done in time is cut off; what is done is left alone."""

import threading
from contextlib import ExitStack

import pytest

from bot.http.deadlines import Deadlines

PATIENCE = 30.0  # seconds
LONG = 3600.0


@pytest.fixture
def deadlines():
    with Deadlines() as deadlines:
        yield deadlines


def test_what_takes_too_long_is_cut_and_only_that(deadlines):
    cut, others = threading.Event(), threading.Event()
    with deadlines.after(LONG, others.set), deadlines.after(0.01, cut.set):
        assert cut.wait(PATIENCE)
    assert not others.is_set()


def test_a_nearer_deadline_is_heeded_while_the_thread_sleeps_until_a_far_one(deadlines):
    for _ in range(3):
        cut = threading.Event()
        with deadlines.after(LONG, threading.Event().set), deadlines.after(0.01, cut.set):
            assert cut.wait(PATIENCE)


def test_what_has_ended_is_cut_no_more(deadlines):
    cut, later = threading.Event(), threading.Event()
    with ExitStack() as stack:
        stack.enter_context(deadlines.after(0.05, later.set))
        with deadlines.after(0.0, lambda: None), deadlines.after(0.02, cut.set):
            pass
        late = cut.is_set()  # on a busy machine the block itself may have taken too long
        assert later.wait(PATIENCE)
        assert cut.is_set() == late


def test_each_of_many_threads_gets_its_own(deadlines):
    cuts = [threading.Event() for _ in range(50)]

    def work(cut):
        with deadlines.after(0.01, cut.set):
            cut.wait(PATIENCE)

    threads = [threading.Thread(target=work, args=(cut,)) for cut in cuts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(cut.is_set() for cut in cuts)


def test_its_thread_ends_with_the_block():
    before = threading.active_count()
    with Deadlines() as deadlines, deadlines.after(LONG, lambda: None):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_where_no_thread_can_be_started_nothing_is_left_behind(deadlines, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError), deadlines.after(LONG, lambda: None):
        pass
    monkeypatch.undo()
    cut = threading.Event()
    with deadlines.after(0.01, cut.set):
        assert cut.wait(PATIENCE)
