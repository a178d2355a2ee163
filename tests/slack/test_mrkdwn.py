"""Text from outside shows itself and does nothing."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.harmless import clean, safe_url
from bot.slack.mrkdwn import code, date, link, outside

ANYTHING = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("*bold* _it_ ~no~ `code`", "∗bold∗ ˍitˍ ∼no∼ ˋcodeˋ"),
        ("video_lip_sync", "video_lip_sync"),
        (":tada: at 12:30", ":\u200btada: at 12:30"),
        ("see http://evil.example", "see http:\u200b//evil.example"),
        ("one\r\ntwo\tthree\u2028four", "one two three four"),
        ("a\x00b\x1b[31mc", "ab[31mc"),
        ("pay\u202egpj.exe\u2066", "paygpj.exe"),
        ("שלום مرحبا 👩‍👧", "שלום مرحبا 👩‍👧"),
        ("half \ud83d", "half"),
        ("音频中没有人声，请检查是否为单声道", "音频中没有人声，请检查是否为单声道"),
    ],
)
def test_outside_text_is_shown_and_has_no_effect(text, shown):
    assert outside(text, 100) == shown


@given(ANYTHING, st.integers(1, 60))
def test_outside_text_keeps_to_its_limit_and_leaves_no_live_sign(text, limit):
    shown = outside(text, limit)
    assert len(shown) <= limit
    assert not set(shown) & set("<>*~`\n")
    assert html.unescape(shown).count("&") <= text.count("&")
    shown.encode()


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("ab&cd", 7, "ab…"),
        ("ab&cd", 4, "ab…"),
        ("ab 👍 cd", 5, "ab 👍…"),
    ],
)
def test_a_cut_parts_no_entity_and_no_code_point(text, limit, cut):
    assert outside(text, limit) == cut


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [
        ("9499ed79995c4bdb95f0d66ca84419fd", "`9499ed79995c4bdb95f0d66ca84419fd`"),
        ("a_b*c*:tada:", "`a_b*c*:tada:`"),
        ("<!here>`x`", "`&lt;!here&gt;ˋxˋ`"),
        ("", "`?`"),
        ("x" * 200, f"`{'x' * 200}`"),
        ("x" * 201, f"`{'x' * 199}…`"),
    ],
)
def test_an_id_can_be_copied_as_it_is(identifier, shown):
    assert code(identifier) == shown


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://res.example/a.mp4?x=1&y=%20#z", "https://res.example/a.mp4?x=1&y=%20#z"),
        ("HTTP://res.example/A", "http://res.example/A"),
        ("https://res.example/a|b<c>d e`f", "https://res.example/a%7Cb%3Cc%3Ed%20e%60f"),
        ("https://res.example/视频.mp4", "https://res.example/%E8%A7%86%E9%A2%91.mp4"),
        (" https://res.example/\n", "https://res.example/"),
        ("javascript:alert(1)", None),
        ("ftp://res.example/a.mp4", None),
        ("//res.example/a.mp4", None),
        ("https://", None),
        ("https://[::1", None),
        ("slack://channel?id=C1", None),
        ("", None),
    ],
)
def test_only_http_addresses_are_offered(url, safe):
    assert safe_url(url) == safe


def test_a_link_escapes_its_ampersands():
    assert link("https://res.example/?a=1&b=2", "Watch") == "<https://res.example/?a=1&amp;b=2|Watch>"


@given(ANYTHING)
def test_no_address_can_end_its_link(url):
    markup = link(f"https://res.example/{url}", "Watch")
    assert markup is not None
    assert (markup.count("<"), markup.count(">"), markup.count("|"), markup.count(" ")) == (1, 1, 1, 0)


@pytest.mark.parametrize("when", [0, -1, 10**30, float("nan"), float("inf")])
def test_a_time_that_no_calendar_has_is_not_shown(when):
    assert date(when) is None


def test_a_date_is_shown_in_the_readers_time_zone_with_a_fallback():
    assert date(1_738_636_800) == "<!date^1738636800^{date_short_pretty} {time}|2025-02-04 02:40 UTC>"


@given(ANYTHING)
def test_cleaned_text_is_one_line_that_can_be_sent(text):
    assert clean(clean(text)) == clean(text)
    assert "\n" not in clean(text)
    clean(text).encode()
