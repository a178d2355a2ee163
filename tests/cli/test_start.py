"""Which arguments need no typer, and which libraries each command loads."""

from pathlib import Path

import pytest

from bot.cli import _words


@pytest.mark.parametrize(
    ("arguments", "words", "config"),
    [
        ("health", ["health"], None),
        ("health --config a", ["health"], "a"),
        ("--config a health", ["health"], "a"),
        ("--config=a health", ["health"], "a"),
        ("--config a health --config=b", ["health"], "b"),
        ("run --once --config a", ["run", "--once"], "a"),
        ("health --help", ["health", "--help"], None),
        ("health x", ["health", "x"], None),
        ("--config health", [], "health"),
        ("health --config", ["health", "--config"], None),
        ("health --config=", ["health", "--config="], None),
        ("", [], None),
    ],
)
def test_what_is_more_than_a_command_and_its_configuration_is_left_to_typer(arguments, words, config):
    assert _words(arguments.split()) == (words, config and Path(config))
