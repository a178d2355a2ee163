"""The film of the demo in the README."""

import re
from xml.etree import ElementTree as ET

from docs.film import Line, film

LINES = [
    Line(0.0, "\x1b[1mlipsync-bot\x1b[0m"),
    Line(0.1, "✅ 视频已生成"),
    Line(3.0, "\x1b]8;;https://h/v\x1b\\a & b\x1b]8;;\x1b\\"),
]


def test_the_film_shows_each_line_and_what_came_together_at_once():
    svg = film(LINES)
    shown = "".join(ET.fromstring(svg).itertext())  # noqa: S314 - ours
    assert all(text in shown.replace("\xa0", " ") for text in ("lipsync-bot", "视频已生成", "a & b"))
    steps = dict(re.findall(r"@keyframes (\w+) { (.*) }", svg))
    assert steps.keys() == {"film", "cover"}
    assert all(len(re.findall(r"% { transform", step)) == 2 for step in steps.values())


def test_in_the_film_a_chinese_character_is_as_wide_as_two_letters():
    length = re.search(r'textLength="([\d.]+)">✅', film(LINES))
    assert length
    assert float(length[1]) == 13 * 12.2
