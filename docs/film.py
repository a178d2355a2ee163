"""Film the demo: docs/img/demo.en.svg and demo.zh.svg play what it printed, at the times when it did.

python -m docs.film
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from io import StringIO
from pathlib import Path
from typing import get_args

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from bot.language import Language

_IMG = Path(__file__).parent / "img"
_COLUMNS, _ROWS = 84, 24
_LINE, _CHARACTER = 24.4, 12.2  # pixels, as rich draws them
_MARGIN, _TITLE = 12, 40  # pixels
_SPEED = 1.5
_LAST = 6.0  # seconds for which the last picture stays
_AT_ONCE = 0.2  # seconds: lines that follow one another sooner appear together

# Braces are doubled for rich, which fills in the rest. Where people ask for no motion, the end is shown.
_SVG = """<svg class="rich-terminal" viewBox="0 0 {width} @height@" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: 20px/{line_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  "Liberation Mono", "Noto Sans Mono CJK SC", monospace; }}
.film {{ transform: translateY(@end@px); animation: film @seconds@s steps(1, end) infinite; }}
.cover {{ transform: translateY(@all@px); animation: cover @seconds@s steps(1, end) infinite; }}
@keyframes film {{ @film@ }}
@keyframes cover {{ @cover@ }}
@media (prefers-reduced-motion: reduce) {{ .film, .cover {{ animation: none; }} }}
{styles}
</style>
<defs><clipPath id="screen"><rect width="{width}" height="@screen@"/></clipPath></defs>
<rect width="{width}" height="@height@" rx="10" fill="#292929"/>
<g transform="translate(20,20)"><circle r="6" fill="#ff5f57"/><circle cx="20" r="6" fill="#febc2e"/>
<circle cx="40" r="6" fill="#28c840"/></g>
<g transform="translate(@margin@,@title@)" clip-path="url(#screen)"><g class="film">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g><rect class="cover" width="{width}" height="@all@" fill="#292929"/></g></g>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was printed, with the terminal's codes in it, and when: in seconds from the first."""

    at: float
    text: str


def record(language: Language) -> Iterator[Line]:
    """Run the demo in a terminal's colours, and yield what it prints."""
    command = [sys.executable, "-m", "bot", "demo", "--language", language]
    environ = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(_COLUMNS)}
    with subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as demo:  # noqa: S603 - ours
        began = 0.0
        for line in demo.stdout or ():
            began = began or time.monotonic()
            yield Line(time.monotonic() - began, line.removesuffix("\n"))


def film(lines: Sequence[Line]) -> str:
    """Return an SVG that plays *lines* as a terminal shows them."""
    console = Console(record=True, width=_COLUMNS, file=StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text.from_ansi(line.text), no_wrap=True, overflow="crop")
    seconds = lines[-1].at / _SPEED + _LAST
    printed = dict(_printed(lines, seconds))
    filled = {
        "film": _frames({at: _shift(number) for at, number in printed.items()}),
        "cover": _frames({at: number * _LINE for at, number in printed.items()}),
        "all": f"{len(lines) * _LINE:.1f}",
        "seconds": f"{seconds:.1f}",
        "end": f"{_shift(len(lines)):.1f}",
        "screen": f"{_ROWS * _LINE:.0f}",
        "height": f"{_TITLE + _ROWS * _LINE + _MARGIN:.0f}",
        "margin": str(_MARGIN),
        "title": str(_TITLE),
    }
    template = _SVG
    for name, value in filled.items():
        template = template.replace(f"@{name}@", value)
    svg = console.export_svg(code_format=template, unique_id="demo")
    # What is cut off, and what ends a line, does not show.
    svg = re.sub(r' clip-path="url\(#demo-line-\d+\)"|<text[^>]*>\n</text>', "", svg)
    return re.sub(r'textLength="[\d.]+">([^<]*)<', _measured, svg)


def _measured(text: re.Match[str]) -> str:
    """Return the length of a *text* in the terminal, where 中 is as wide as two letters; rich takes it for one."""
    return f'textLength="{cell_len(unescape(text[1])) * _CHARACTER:.1f}">{text[1]}<'


def _printed(lines: Sequence[Line], seconds: float) -> Iterator[tuple[float, int]]:
    """Yield at how many hundredths of the film how many lines have been printed: what comes together is one step."""
    began = 0.0
    for number, (line, after) in enumerate(zip(lines, [*lines[1:], None], strict=True), 1):
        if after is None or after.at - line.at >= _AT_ONCE:
            yield 100 * began / _SPEED / seconds, number
            began = after.at if after else 0.0


def _frames(shifts: Mapping[float, float]) -> str:
    return " ".join(f"{at:.2f}% {{{{ transform: translateY({shift:.1f}px); }}}}" for at, shift in shifts.items())


def _shift(lines: int) -> float:
    """Return where the film stands when so many *lines* have been printed: the last of them are seen."""
    return min(0.0, (_ROWS - lines) * _LINE)


def main() -> None:
    for language in get_args(Language):
        picture = _IMG / f"demo.{language}.svg"
        picture.write_text(film(list(record(language))), "utf-8")
        sys.stdout.write(f"{picture.relative_to(_IMG.parent)}  {picture.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    main()
