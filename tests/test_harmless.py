"""What comes from outside is shown as it is, and nothing in it is hidden from whoever reads it."""

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.harmless import clean, in_json, safe_url, visible
from bot.slack.mrkdwn import code, outside

# Default_Ignorable_Code_Point beyond the controls and format characters, and signs that are blank all the same.
BLANKS = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2065\u2800\u3164\uffa0\ufff0\ufe00\ufe0f\U000e0100\U000e01ef\U000e0fff"
)


@pytest.mark.parametrize("way_out", [clean, visible, lambda text: outside(text, 9), lambda text: code(text).strip("`")])
def test_no_character_that_does_not_show_gets_out(way_out):
    controls = {char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) in {"Cc", "Cf"}}
    assert len(controls) > 200
    hidden = [char for char in [*controls, *BLANKS] if not char.isspace()]
    assert [hex(ord(char)) for char in hidden if way_out(f"a{char}b") != "ab"] == []


@pytest.mark.parametrize(
    "hiding",
    [
        "人\u200d\u200c\u200d物",
        "".join(chr(0xE0000 + ord(letter)) for letter in "ignore the rest"),
        "👍" + "\ufe0f\ufe0e" * 20,
        "😀" + "".join(chr(0xE0100 + byte) for byte in b"secret"),
        "👩\u200d\ufe0f\u200d",
    ],
)
def test_no_text_can_be_hidden_in_another(hiding):
    shown = clean(f"a{hiding}b")
    assert len([char for char in shown if unicodedata.category(char) in {"Cf", "Mn"}]) <= 1


@pytest.mark.parametrize(
    "text",
    ["👩‍👩‍👧‍👦 👍🏽 ❤️‍🔥 1️⃣ ☎️ 🏳️‍🌈", "می‌خواهم", "क्‍ष", "音频中没有人声，请检查！", "naïve café 10 €", "שלום مرحبا"],
)
def test_what_people_write_stays_as_it_is(text):
    assert clean(text) == text


@given(st.text(st.characters(exclude_categories=())))
def test_cleaning_twice_changes_nothing_more(text):
    assert clean(clean(text)) == clean(text)
    assert visible(visible(text)) == visible(text)


def test_json_says_the_same_and_hides_nothing():
    value = {"id": "94\x1b[31m\u202e\u200d\U000e0041\ufe0f", "said": "音频中没有人声 👍", "line": "\u2028"}
    document = in_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(document) == value
    assert "音频中没有人声 👍" in document
    assert not set(document) & set("\x1b\u202e\u200d\U000e0041\ufe0f\u2028")


def test_a_table_keeps_its_columns():
    assert visible("task:    a\x1b[31m\tb\nc") == "task:    a[31m b c"


def test_an_address_keeps_every_character():
    assert safe_url("https://res.example/葛\U000e0100.mp4") == "https://res.example/%E8%91%9B%F3%A0%84%80.mp4"
