"""Slack's words for why it refuses have a remedy."""

from bot.wording.slack_remedies import SLACK_REMEDIES, slack_remedy


def test_slacks_word_is_found_in_the_text_of_an_error():
    for word, remedy in SLACK_REMEDIES.items():
        assert slack_remedy(f"C0123: {word}, see the manual") is remedy


def test_slacks_variants_of_a_restriction_have_its_remedy():
    assert slack_remedy("restricted_action_read_only_channel") is SLACK_REMEDIES["restricted_action"]


def test_an_error_that_slack_does_not_name_has_no_remedy_of_its_own():
    assert slack_remedy("something else") is None
