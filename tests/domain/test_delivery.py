"""What comes next for a channel: a table of what is known of it, and the step."""

from dataclasses import replace

import pytest

from bot.domain.delivery import Times, next_step
from bot.domain.destination import Destination, Intent

NOW = 1_000.0  # monotonic
UNIX = 1_750_000_000.0
PACED = NOW + 1
POSTED = NOW - 10
SETTLE = 45.0
INTENT = Intent(("a",), UNIX - 10, after="", in_doubt=True)
ABSENT = Intent(("a",), UNIX - 10, after="", in_doubt=True, looks=3)
UNREADABLE = Destination(unreadable="missing_scope", checked=True)
NEVER = float("inf")


def step(destination, *, owed=True, used=True, unread=False, unreadable=NOW - 1):
    times = Times(NOW, UNIX, PACED, POSTED, unreadable)
    found = next_step(destination, times, owed=owed, used=used, unread=unread, settle=SETTLE)
    return found and (found.act, found.at, found.wait)


@pytest.mark.parametrize(
    ("why", "destination", "known", "expected"),
    [
        ("nothing is owed", Destination(), {"owed": False}, None),
        ("what was intended is no longer owed", Destination(intent=INTENT), {"owed": False}, ("forget", NOW, "none")),
        ("owed", Destination(), {}, ("post", PACED, "none")),
        ("Slack asked to wait", Destination(until=UNIX + 30), {}, ("wait", NOW + 30, "long")),
        ("the clock was set back", Destination(until=UNIX + 3_000), {}, ("post", PACED, "none")),
        ("the history has not been read", Destination(), {"unread": True}, ("read", NOW, "none")),
        ("in doubt", Destination(intent=INTENT), {}, ("look", POSTED + 5, "short")),
        ("not in the history", Destination(intent=ABSENT), {}, ("post", PACED, "none")),
        ("no longer used", Destination(intent=ABSENT), {"used": False}, ("forget", NOW, "none")),
        ("unreadable", UNREADABLE, {"owed": False}, ("read", NOW + 299, "long")),
        ("a webhook", UNREADABLE, {"owed": False, "unreadable": NEVER}, ("read", NEVER, "long")),
        ("unreadable, and to be tried", UNREADABLE, {"unreadable": NOW - 300}, ("read", NOW, "long")),
        ("unreadable, and tried", UNREADABLE, {}, ("post", PACED, "none")),
        ("in doubt, unreadable", replace(UNREADABLE, intent=INTENT), {}, ("look", PACED, "long")),
        ("a webhook in doubt", replace(UNREADABLE, intent=INTENT), {"unreadable": NEVER}, ("post", PACED, "long")),
    ],
)  # fmt: skip
def test_what_comes_next_for_a_channel(why, destination, known, expected):
    assert step(destination, **known) == expected, why


def test_a_message_that_the_history_never_shows_is_posted_again_more_and_more_rarely():
    posts = [step(Destination(intent=Intent(("a",), UNIX, "", looks=3, rounds=rounds))) for rounds in (1, 2, 3)]
    assert posts == [("post", POSTED + SETTLE + wait, "long") for wait in (1.0, 2.0, 4.0)]
