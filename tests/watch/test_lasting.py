"""Messages with lasting links, and a Slack that does not let them be updated now, or ever."""

import pytest

from bot.domain.notice import Receipt, TaskEnded
from bot.domain.recent import Archived, RecentTask, ToArchive
from bot.domain.state import State
from bot.domain.task import Task
from bot.errors import DestinationRefused, OutcomeUnknown, PayloadRefused, RateLimited, SlackError
from bot.slack.blocks import Message, Style
from bot.watch.lasting import LastingLinks
from tests.fakes import NOON, MemoryStore, RecordedEvents, SimulatedClock

TASK = RecentTask(TaskEnded(Task("a", 20, preview_url="https://x/c.jpg")), NOON, Archived("a.mp4", "a.jpg"))
STATE = State(
    ended=(TASK,),
    to_archive=(ToArchive("a", NOON),),
    delivered=(Receipt(TASK.content.key.id, "C1", "1.5", NOON, TASK.content.key),),
)


class Slack:
    """A Slack that meets updates with `faults` in turn."""

    def __init__(self, *faults: SlackError) -> None:
        self.faults = [*faults]
        self.updates: list[Message] = []

    def update(self, channel: str, ts: str, message: Message, ids: tuple[str, ...]) -> None:
        assert (channel, ts, ids) == ("C1", "1.5", (TASK.content.key.id,))
        self.updates.append(message)
        if self.faults:
            raise self.faults.pop(0)


class Room:
    def __init__(self, *faults: SlackError) -> None:
        self.slack, self.store, self.clock = Slack(*faults), MemoryStore(STATE), SimulatedClock()
        self.events = RecordedEvents()
        self.links = LastingLinks(
            self.slack,  # type: ignore[arg-type]
            self.store,
            self.clock,
            self.events,
            style=Style(),
            public_url="https://v",
        )

    def tries(self) -> int:
        before = len(self.slack.updates)
        self.links.show()
        return len(self.slack.updates) - before

    @property
    def done(self) -> bool:
        return not self.store.state.to_archive


def test_a_message_is_updated_once():
    room = Room()
    assert [room.tries(), room.tries()] == [1, 0]
    assert room.done
    assert "<https://v/a.mp4|" in room.slack.updates[0].text


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("wait", reason="ratelimited", retry_after=30.0), 30.0),
        (OutcomeUnknown("no answer", reason="lost"), 60.0),
        (DestinationRefused("token", reason="invalid_auth"), 60.0),
    ],
)
def test_what_may_pass_is_tried_again_later(error, seconds):
    room = Room(error)
    assert room.tries() == 1
    room.clock.pass_by(seconds - 1)
    assert room.tries() == 0
    assert not room.done
    room.clock.pass_by(1)
    assert room.tries() == 1
    assert room.done


def test_what_slack_refuses_becomes_simpler_and_is_then_left_as_it_is():
    room = Room(*(PayloadRefused("invalid_blocks", reason="invalid_blocks") for _ in range(3)))
    assert room.tries() == 3
    assert [bool(message.blocks) for message in room.slack.updates] == [True, True, False]
    assert room.done


@pytest.mark.parametrize("reason", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_message_that_can_never_be_updated_is_left_as_it_is(reason):
    room = Room(DestinationRefused(reason, reason=reason))
    assert room.tries() == 1
    assert room.done
    assert [fields["error"] for fields in room.events.of("message_not_updated")] == [reason]
