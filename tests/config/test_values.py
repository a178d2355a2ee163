from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config import values


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30", 30), ("0.5", 0.5), ("500ms", 0.5), ("30s", 30), ("5m", 300), ("2h", 7200), ("7d", 604800), ("5 m", 300)],
)
def test_a_duration_is_seconds_or_a_number_with_a_unit(text, expected):
    assert values.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "-1s", "nan", "inf", "1e3", "1:30", "5M", "1h30m", "s", "５s", "1_0", "4000d"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match=r"^must be (a duration|at most)"):
        values.seconds(text)


@pytest.mark.parametrize("text", ["0", "99ms", "0.099"])
def test_an_interval_is_at_least_a_tenth_of_a_second(text):
    assert values.interval("100ms") == 0.1
    with pytest.raises(ValueError, match="must be at least 100ms"):
        values.interval(text)


def test_a_positive_duration_is_more_than_nothing():
    assert values.positive("1ms") == 0.001
    with pytest.raises(ValueError, match="must be more than 0"):
        values.positive("0s")


@pytest.mark.parametrize(
    "text",
    [
        "your-access-token",
        "YOUR_TOKEN",
        "xxxxxxxx",
        "change-me",
        "<token>",
        "tok...",
        "placeholder",
        "$TOKEN",
        "${TOKEN}",
    ],
)
def test_a_placeholder_is_not_a_value_of_ones_own(text):
    with pytest.raises(ValueError, match="still a placeholder"):
        values.own(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("xoxp-123", "user token"),
        ("xapp-1-A", "app-level token"),
        ("xoxe.xoxb-1", "token rotation"),
        ("https://hooks.slack.com/services/T/B/a", r"slack\.webhook_url"),
        ("abc", "must be a bot token"),
        ("xoxb-your-token", "still a placeholder"),
        ("xoxb-1\n2", "visible ASCII"),
    ],
)
def test_what_is_no_bot_token_is_called_by_its_name(text, words):
    with pytest.raises(ValueError, match=words):
        values.bot_token(text)


@pytest.mark.parametrize("text", ["C0AB12CD3", "G0AB12CD3", "C0123"])
def test_a_channel_is_an_id(text):
    assert values.channel(text) == text


@pytest.mark.parametrize("text", ["#videos", "videos", "c0ab12cd3", "D0AB12CD3", "U0AB12CD3", "C", "C0AB 12"])
def test_what_is_no_channel_id_is_refused_with_where_to_find_it(text):
    with pytest.raises(ValueError, match="channel name → About → bottom"):
        values.channel(text)


@pytest.mark.parametrize("text", ["C0XXXXXXXXX", "GXXXXXXXX"])
def test_the_channel_of_a_manual_is_not_taken_for_a_real_one(text):
    with pytest.raises(ValueError, match="still the one from the example"):
        values.channel(text)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<!here>", ("<!here>",)),
        ("<!here>, <@U123>,", ("<!here>", "<@U123>")),
        (["<!channel>", "<!subteam^S123>"], ("<!channel>", "<!subteam^S123>")),
        ([], ()),
    ],
)
def test_mentions_are_a_list_or_one_text_with_commas(raw, expected):
    assert values.mentions(raw) == expected


@pytest.mark.parametrize("raw", ["@here", "U123", ["<!here>", "here"], "<!here> <@U1>", "<@C123>", "everyone"])
def test_a_mention_in_another_form_is_shown_the_right_one(raw):
    with pytest.raises(ValueError, match="<!here>, <!channel>, <@U0AB12CD3> or <!subteam"):
        values.mentions(raw)


@pytest.mark.parametrize(
    "text",
    [
        "https://h.example/services/T1/B1/k?x=1",
        "http://127.0.0.1:8080/hook",
        "http://[::1]/",
        "http://a_b.c-d.e:65535",
        "http://xn--fsq.example./",
        f"http://{'a' * 63}.1a",
        "http://[::ffff:1.2.3.4]",
    ],
)
def test_a_url_is_kept_as_it_is(text):
    assert values.url(text) == text


@pytest.mark.parametrize(
    "text",
    ["ftp://h/x", "h.example/x", "https://", "https:///x", "http://h:99999", "http://h:x", "http://h:0", "http://[::1",
     "http://a b/", "http://h\\x", "xoxb-1", "http://h:-1", "http://h:+80", "http://h:65536",
     "http://999.1.1.1", "http://1.2.3", "http://1.2.3.4.5", "http://2130706433", "http://a.0x7f", "http://01.2.3.4",
     "http://a..b", "http://.a", "http://a..", "http://-a", "http://a-.b", f"http://{'a' * 64}",
     f"http://{'a.' * 127}a",
     "http://[fe80::1%eth0]/", "http://[fe80::1%25eth0]/", "http://[v1.x]/", "http://[h]/", "http://::1/",
     "http://[1.2.3.4]/", "http://[:::]/", "http://h%41/", "http://蝉镜.cc", "http://a*b/",
     "http://xn--zzzzzzzz", "http://a.XN--zzzzzzzz.b", "http://xn--"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(text):
    with pytest.raises(ValueError, match="must be a whole http"):
        values.url(text)


@pytest.mark.parametrize("text", ["https://user:password@h/", "https://user@h/"])
def test_an_address_with_a_password_is_refused(text):
    with pytest.raises(ValueError, match="without user name and password"):
        values.base_url(text)


def test_a_base_url_has_no_slash_at_its_end():
    assert values.base_url("https://h/api//") == "https://h/api"


@pytest.mark.parametrize("text", ["https://h/?", "https://h/?a=1", "https://h/#a"])
def test_a_base_url_ends_with_its_path(text):
    with pytest.raises(ValueError, match="nothing after"):
        values.base_url(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_to_listen_on_is_host_and_port(text, expected):
    assert values.listen(text) == expected


@pytest.mark.parametrize(
    "text",
    ["8080", ":8080", "h:", "h:0", "h:65536", "h:x", "h h:1", "[127.0.0.1]:80", "http://h:1", "a..b:1", "999.1.1.1:1"],
)
def test_what_is_no_address_to_listen_on_is_refused(text):
    with pytest.raises(ValueError, match="must be host:port"):
        values.listen(text)


@pytest.mark.parametrize(("text", "expected"), [("09:00", "09:00"), ("9:05", "09:05"), ("23:59", "23:59")])
def test_a_time_of_day_has_two_digits_each(text, expected):
    assert values.clock_time(text) == expected


@pytest.mark.parametrize("text", ["540", "24:00", "9:60", "9", "9am", "09:00:00", "09.00"])
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ValueError, match="must be a time of day"):
        values.clock_time(text)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_path_that_no_file_can_have_is_refused(text):
    with pytest.raises(ValueError, match="must be a path"):
        values.path(text)


def refusal(parse: Callable[[str], object], text: str) -> str:
    try:
        parse(text)
    except ValueError as problem:
        return f"{problem} {problem.__cause__}"
    return ""


PARSERS: tuple[Callable[[str], object], ...] = (
    values.seconds, values.own, values.bot_token, values.channel, values.mentions, values.url, values.base_url,
    values.listen, values.clock_time, values.path,
)  # fmt: skip


@settings(deadline=None)  # a busy machine is not a defect
@given(text=st.text() | st.from_regex(r"https?://[^/]*[/?#:@\[\]]?.*"))
def test_a_refusal_never_quotes_the_text(text):
    for parse in PARSERS:
        assert "kanarie" not in refusal(parse, f"{text}kanarie{text}"), parse
