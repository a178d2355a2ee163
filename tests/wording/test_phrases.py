"""Every language says the same things."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from bot.config.load import read
from bot.language import Language
from bot.wording import page, phrases, reasons, slack_remedies, troubles
from bot.wording.phrases import Phrase, duration


def _phrases(value: object, name: str) -> Iterator[tuple[str, Phrase]]:
    """Find every sentence in a value, however deep."""
    if isinstance(value, Phrase):
        yield name, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _phrases(item, f"{name}.{index}")
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _phrases(getattr(value, field.name), f"{name}.{field.name}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _phrases(item, f"{name}.{key}")


SENTENCES = {
    found: phrase
    for module in (page, phrases, reasons, slack_remedies, troubles)
    for name, value in vars(module).items()
    if not name.startswith("__")
    for found, phrase in _phrases(value, name)
}


def _placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("language", get_args(Language))
def test_every_language_has_the_sentence_with_the_same_placeholders(language):
    for name, phrase in SENTENCES.items():
        assert phrase.template(language).strip(), name
        assert _placeholders(phrase.template(language)) == _placeholders(phrase.en), name


def test_every_language_can_be_chosen():
    secrets = Path("none")
    for language in get_args(Language):
        settings = {"SLACK_LANGUAGE": language, "STATE_PATH": "state.json"}
        assert (
            read(Path(os.devnull), settings, secrets_dir=secrets).accounts["default"].config.slack.language == language
        )


@pytest.mark.parametrize("language", get_args(Language))
def test_a_sentence_is_plain_text_without_markup_of_slacks(language):
    markup = re.compile(r"&\w+;|\*\S.*\S\*|<[@#!h]|:[a-z_]+:")
    assert [name for name, phrase in SENTENCES.items() if markup.search(phrase.template(language))] == []


@pytest.mark.parametrize("phrase", [phrase for phrase in SENTENCES.values() if phrase.one])
def test_the_english_for_one_needs_no_number_but_what_the_plural_has(phrase):
    assert _placeholders(phrase.one) <= _placeholders(phrase.en)
    assert phrase.say("en", n=1) == phrase.one
    assert "2" in phrase.say("en", n=2)


def test_chinese_sentences_use_chinese_punctuation():
    english = re.compile(r"[\u4e00-\u9fff] ?[,.;:?!(]")
    assert [name for name, phrase in SENTENCES.items() if english.search(phrase.zh)] == []


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0.004, "0.1 s", "0.1 秒"),
        (0.8, "0.8 s", "0.8 秒"),
        (5.0, "5 s", "5 秒"),
        (9.97, "10 s", "10 秒"),
        (42, "42 s", "42 秒"),
        (59.5, "1 min", "1 分钟"),
        (65, "1 min 5 s", "1 分钟 5 秒"),
        (3_600, "1 h", "1 小时"),
        (7_859, "2 h 10 min", "2 小时 10 分钟"),
        (90_061, "1 d 1 h", "1 天 1 小时"),
        (-3, "0.1 s", "0.1 秒"),
    ],
)
def test_a_length_of_time_reads_as_people_write_it(seconds, english, chinese):
    assert (duration(seconds, "en"), duration(seconds, "zh")) == (english, chinese)
