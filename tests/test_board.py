"""The board, against the demo's Slack."""

import httpx
import pytest
import structlog

from bot.blocks import Style
from bot.board import Board
from bot.demo.slack import CHANNEL, SlackServer
from bot.digest import render_board
from bot.exchange import Exchange
from bot.slack import SlackBot
from bot.state import State
from bot.task import Status, Task
from tests.simulated import SimulatedClock
from tests.worlds import MemoryStore

RENDERING = [Task("a", Status.GENERATING, progress=75), Task("b", Status.QUEUED)]
FURTHER = [Task("a", Status.GENERATING, progress=90), Task("b", Status.QUEUED)]


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


class Room:
    """A board with all it needs. `show` lets ten seconds pass first, as the board is updated no more often."""

    def __init__(self, slack):
        self.slack = slack
        self.clock = SimulatedClock()
        self.store = MemoryStore()
        self.client = httpx.Client(trust_env=False)
        self.restart()

    def restart(self):
        bot = SlackBot("xoxb-demo", self.slack.base_url, Exchange(self.client, timeout=5))
        log = structlog.wrap_logger(structlog.ReturnLogger())
        style = Style("en")
        self.board = Board(
            bot, self.store, self.clock, log, channel=CHANNEL, render=lambda rows, now: render_board(rows, now, style)
        )

    def show(self, tasks, *, after=10):
        self.clock.wait(after)
        self.board.show(tasks)


@pytest.fixture
def room(slack):
    room = Room(slack)
    yield room
    room.client.close()


def calls(slack, method):
    return sum(call.path.endswith(method) for call in slack.calls)


def test_it_is_posted_when_there_is_something_to_show(room, slack):
    room.show([])
    assert slack.messages == []
    room.show(RENDERING)
    assert "2 lip-sync videos rendering" in slack.messages[0].text


def test_it_is_updated_in_place_and_says_at_the_end_that_nothing_is_rendering(room, slack):
    room.show(RENDERING)
    room.show(FURTHER)
    room.show([])
    (board,) = slack.messages
    assert "Nothing is rendering" in board.text
    assert board.edited


def test_it_is_not_updated_when_nothing_changed(room, slack):
    for _ in range(5):
        room.show(RENDERING)
    assert calls(slack, "chat.update") == 0


def test_it_is_updated_at_most_every_ten_seconds(room, slack):
    room.show(RENDERING)
    for progress in range(20):
        room.show([Task("a", Status.GENERATING, progress=progress)], after=1)
    assert calls(slack, "chat.update") == 2


def test_it_survives_a_restart(room, slack):
    room.show(RENDERING)
    room.restart()
    room.show(FURTHER)
    assert len(slack.messages) == 1


@pytest.mark.parametrize(("instance", "boards"), [("a", 1), ("b", 2)])
def test_it_is_found_again_with_an_older_state_and_not_taken_for_that_of_another_bot(room, slack, instance, boards):
    room.store = MemoryStore(State(instance="a"))
    room.restart()
    room.show(RENDERING)
    room.store = MemoryStore(State(instance=instance))
    room.restart()
    room.show(FURTHER)
    assert len(slack.messages) == boards
    assert "90%" in slack.messages[-1].text


def test_it_is_posted_anew_when_somebody_deleted_it(room, slack):
    room.show(RENDERING)
    slack.delete(slack.messages[0].ts)
    room.show(FURTHER)
    (board,) = slack.messages
    assert "90%" in board.text


def test_a_failed_update_is_not_turned_into_a_post(room, slack):
    room.show(RENDERING)
    slack.intercept = lambda call: call.path.endswith("chat.update") and (call.send(500, {}, b"no") or True)
    room.show(FURTHER)
    room.show(FURTHER, after=100)
    assert len(slack.messages) == 1
    slack.intercept = None
    room.show(FURTHER, after=100)
    assert "90%" in slack.messages[0].text


def test_a_post_whose_reply_was_lost_is_found_and_not_repeated(room, slack):
    def lose(call):
        if not call.path.endswith("chat.postMessage"):
            return False
        call.process()
        return True  # and no reply

    slack.intercept = lose
    room.show(RENDERING)
    slack.intercept = None
    room.show(FURTHER, after=100)
    assert len(slack.messages) == 1


def test_after_trouble_it_is_left_alone_for_a_minute(room, slack):
    slack.revoked = True
    for _ in range(5):
        room.show(RENDERING)
    assert len(slack.calls) == 1
