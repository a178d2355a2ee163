"""The board, against the demo's Slack."""

import json

import httpx
import pytest

from bot.demo.slack import CHANNEL, Channel, SlackServer
from bot.domain.state import State
from bot.domain.task import Status, Task
from bot.events import NOBODY
from bot.slack.blocks import Style
from bot.slack.client import SlackBot
from bot.watch.board import Board
from tests.fakes import MemoryStore, SimulatedClock, exchange

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
        self.transport = httpx.HTTPTransport()
        self.restart()

    def restart(self, channel=CHANNEL):
        bot = SlackBot("xoxb-demo", self.slack.base_url, exchange(self.transport))
        self.board = Board(
            bot,
            self.store,
            self.clock,
            NOBODY,
            channel=channel,
            style=Style("en"),
        )

    def show(self, tasks, *, after=10):
        self.clock.wait(after)
        self.board.show(tasks)


@pytest.fixture
def room(slack):
    room = Room(slack)
    yield room
    room.transport.close()


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


# A board that Slack refuses to update


def refusing(method, error, status=200):
    """Return an interceptor that refuses *method*, without doing it."""

    def intercept(call):
        if not call.path.endswith(method):
            return False
        call.send(status, {}, json.dumps({"ok": False, "error": error}).encode())
        return True

    return intercept


@pytest.mark.parametrize("error", ["cant_update_message", "edit_window_closed", "block_mismatch", "something_new"])
def test_it_is_posted_anew_when_slack_never_updates_it_and_the_old_one_is_deleted(room, slack, error):
    room.show(RENDERING)
    slack.intercept = refusing("chat.update", error)
    room.show(FURTHER)
    (board,) = slack.messages
    assert "90%" in board.text


def test_where_no_board_can_be_updated_there_is_a_new_one_an_hour_at_most(room, slack):
    slack.intercept = refusing("chat.update", "edit_window_closed")
    for progress in range(36):
        room.restart()
        room.show([Task("a", Status.GENERATING, progress=progress)], after=300)
    assert calls(slack, "chat.postMessage") == 4


def test_a_new_board_whose_reply_was_lost_is_found(room, slack):
    room.show(RENDERING)
    refuse = refusing("chat.update", "cant_update_message")

    def intercept(call):
        if call.path.endswith("chat.postMessage"):
            call.process()
            return True
        return refuse(call)

    slack.intercept = intercept
    room.show(FURTHER)
    slack.intercept = None
    room.show(RENDERING, after=100)
    room.show(FURTHER)
    assert calls(slack, "chat.postMessage") == 2
    assert "90%" in slack.messages[-1].text


@pytest.mark.parametrize("error", ["ratelimited", "internal_error", "token_revoked", "unknown_method"])
def test_an_update_that_may_succeed_later_is_not_turned_into_a_post(room, slack, error):
    room.show(RENDERING)
    slack.intercept = refusing("chat.update", error)
    for _ in range(5):
        room.show(FURTHER, after=100)
    assert calls(slack, "chat.postMessage") == 1


def test_where_nothing_can_be_posted_the_board_that_stands_there_is_not_forgotten(room, slack):
    room.show(RENDERING)
    slack.channels[CHANNEL].is_archived = True
    room.show(FURTHER)
    slack.channels[CHANNEL].is_archived = False
    room.show(FURTHER, after=100)
    assert len(slack.messages) == 1
    assert "90%" in slack.messages[0].text


def test_an_update_sends_the_metadata_again(room, slack):
    room.show(RENDERING)
    room.show(FURTHER)
    update = next(call for call in slack.calls if call.path.endswith("chat.update"))
    assert update.json()["metadata"]["event_type"] == "lipsync_board"


def test_a_board_of_another_app_is_not_ours(room, slack):
    room.store = MemoryStore(State(instance="a"))
    room.restart()
    room.show(RENDERING)
    room.store = MemoryStore(State(instance="a"))
    room.restart()

    def intercept(call):
        if not call.path.endswith("conversations.history"):
            return False
        call.send(200, {}, call.process().body.replace(b'"bot_id": "B000"', b'"bot_id": "B666"'))
        return True

    slack.intercept = intercept
    room.show(FURTHER)
    assert len(slack.messages) == 2


# Without the history


@pytest.mark.parametrize("how", ["scope", "method"])
def test_it_is_posted_though_the_history_cannot_be_read(room, slack, how):
    if how == "scope":
        slack.scopes -= {"channels:history"}
    else:
        slack.intercept = refusing("conversations.history", "unknown_method")
    room.show(RENDERING)
    room.show(FURTHER)
    (board,) = slack.messages
    assert "90%" in board.text


def test_without_the_history_lost_replies_do_not_become_a_flood_of_boards(room, slack):
    slack.scopes -= {"channels:history"}

    def lose(call):
        if not call.path.endswith("chat.postMessage"):
            return False
        call.process()
        return True

    slack.intercept = lose
    for _ in range(180):
        room.show(RENDERING, after=60)
    assert len(slack.messages) <= 4


def test_a_history_of_which_one_page_a_minute_may_be_read_neither_delays_it_nor_repeats_it(room, slack):
    asked = []

    def intercept(call):
        if not call.path.endswith("conversations.history"):
            return False
        asked.append(call)
        more = {"ok": True, "messages": [], "has_more": True, "response_metadata": {"next_cursor": str(len(asked))}}
        limited = {"ok": False, "error": "ratelimited"}
        call.send(200, {}, json.dumps(limited if len(asked) % 2 == 0 else more).encode())
        return True

    slack.intercept = intercept
    room.show(RENDERING)
    room.show(FURTHER)
    assert "90%" in slack.messages[0].text
    assert len(asked) == 2


def test_a_post_that_was_refused_counts_for_nothing(room, slack):
    slack.scopes -= {"channels:history", "chat:write"}
    room.show(RENDERING)
    slack.scopes.add("chat:write")
    room.show(RENDERING, after=100)
    assert len(slack.messages) == 1


# In a channel that is no longer used


@pytest.mark.parametrize("channel", ["C0OTHER0001", ""], ids=["another channel", "no board"])
def test_a_board_that_is_no_longer_shown_is_deleted(room, slack, channel):
    slack.channels["C0OTHER0001"] = Channel("other")
    room.show(RENDERING)
    room.restart(channel)
    for _ in range(3):
        room.show([])
    assert slack.messages == []
    assert room.store.state.boards == {}
    assert calls(slack, "chat.delete") == 1


def test_a_board_that_may_not_be_deleted_says_that_it_is_no_longer_updated(room, slack):
    room.show(RENDERING)
    room.restart("")
    slack.intercept = refusing("chat.delete", "cant_delete_message")
    for _ in range(3):
        room.show(RENDERING)
    (board,) = slack.messages
    assert "This board is no longer updated" in board.text
    assert calls(slack, "chat.update") == 1


def test_a_board_that_can_neither_be_deleted_nor_updated_is_left_alone(room, slack):
    room.show(RENDERING)
    room.restart("")
    slack.channels[CHANNEL].is_archived = True
    slack.intercept = refusing("chat.delete", "cant_delete_message")
    for _ in range(3):
        room.show(RENDERING)
    assert calls(slack, "chat.delete") == 1


@pytest.mark.parametrize("error", ["ratelimited", "internal_error", "token_revoked"])
def test_a_board_that_could_not_be_taken_down_just_now_is_taken_down_later(room, slack, error):
    room.show(RENDERING)
    room.restart("")
    slack.intercept = refusing("chat.delete", error)
    room.show(RENDERING)
    slack.intercept = None
    room.show(RENDERING, after=100)
    assert slack.messages == []
