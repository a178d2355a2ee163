"""Each trouble of the bot has words."""

import pytest

from bot.wording.troubles import TROUBLES, UNKNOWN_TROUBLE, words_for


@pytest.mark.parametrize(
    "code",
    [
        "chanjing_unreachable",
        "chanjing_refused",
        "slack_refused",
        "task_stuck",
        "task_vanished",
        "foreign_state",
        "page_size_refused",
        "unknown_status",
        "malformed_items",
    ],
)
def test_a_trouble_has_words_of_its_own(code):
    assert words_for(code) is TROUBLES[code]


def test_an_unknown_trouble_has_general_words():
    assert words_for("brand_new") is UNKNOWN_TROUBLE
