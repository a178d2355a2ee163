"""Draw the pictures in docs/img: messages of bot.samples about as Slack shows them, and the app's icon.

    python -m docs.draw                     all of them
    python -m docs.draw failure.zh icon     some of them

Needs `chromium` and `pngquant` on the PATH and the fonts Lato, Noto Sans CJK and Noto Color Emoji. On Debian:
apt-get install chromium pngquant fonts-lato fonts-noto-cjk fonts-noto-color-emoji. The bot itself needs none of them.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from functools import partial
from html import escape
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bot.language import Language
from bot.slack.blocks import Block, Message, Style
from bot.slack.board import render_board
from bot.slack.message import render
from bot.slack.terminal import Mrkdwn
from bot.wording.samples import BOARD, NOW, SAMPLES

NAMES = (
    "success",
    "failure",
    "digest-success",
    "digest-failure",
    "board",
    "summary",
    "trouble",
    "trouble-over",
    "greeting",
)
LANGUAGES: tuple[Language, ...] = ("en", "zh")
ICON = "icon"

_HERE = Path(__file__).parent
_WIDTH = 720  # CSS pixels
_SCALE = 2
_TALLEST = 2_000  # CSS pixels
_LOWEST = 150  # of a lower window chromium draws the top only
_ICON_SIZE = 512  # pixels: the least that Slack takes
_QUOTE = "▌ "  # how bot.terminal begins a quoted line

# What Slack would fetch from Chanjing; the samples' links lead nowhere.
_COVER = """
<svg class="cover" viewBox="0 0 360 202" xmlns="http://www.w3.org/2000/svg">
  <rect width="360" height="202" fill="#3d5a80"/>
  <rect y="150" width="360" height="52" fill="#293f5c"/>
  <path d="M96 202 q0 -62 84 -62 t84 62 z" fill="#ee6c4d"/>
  <rect x="163" y="118" width="34" height="38" rx="14" fill="#e0b99a"/>
  <ellipse cx="180" cy="86" rx="42" ry="50" fill="#f2cfb3"/>
  <path d="M136 80 q2 -54 46 -52 q44 0 42 54 q-16 -8 -20 -26 q-22 18 -68 24 z" fill="#3b2f2f"/>
  <circle cx="163" cy="86" r="4.5" fill="#3b2f2f"/><circle cx="197" cy="86" r="4.5" fill="#3b2f2f"/>
  <ellipse cx="180" cy="112" rx="11" ry="6.5" fill="#9b3d3d"/>
  <path d="M240 96 v20 M252 86 v40 M264 76 v60 M276 90 v32 M288 98 v16"
        stroke="#98c1d9" stroke-width="5" stroke-linecap="round"/>
</svg>"""

_LIPS = "👄"
_ICON = f"""<!DOCTYPE html><meta charset="utf-8"><style>* {{ margin: 0; }}
body {{ background: #4a154b; font: 280px/{_ICON_SIZE}px "Noto Color Emoji"; text-align: center; }}</style>{_LIPS}"""

_CSS = f"""
* {{ box-sizing: border-box; margin: 0; }}
body {{ width: {_WIDTH}px; min-height: {_LOWEST}px; padding: 14px 20px 16px; border: 1px solid #ddd;
       background: #fff; color: #1d1c1d; overflow-wrap: anywhere;
       font: 15px/22px Lato, "Noto Sans CJK SC", "Noto Color Emoji", sans-serif; }}
.message {{ display: flex; gap: 8px; }}
.avatar {{ flex: none; width: 36px; height: 36px; border-radius: 8px; background: #4a154b; color: #fff;
          font: 20px/36px "Noto Color Emoji"; text-align: center; }}
.body {{ flex: 1; min-width: 0; }}
.sender b {{ font-weight: 900; }}
.app {{ padding: 1px 3px; border-radius: 2px; background: #eee; color: #616061; font-size: 10px; font-weight: 700; }}
.when {{ color: #616061; font-size: 12px; margin-left: 4px; }}
.section, .fields {{ margin-bottom: 8px; }}
.fields {{ display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; }}
.context {{ display: flex; flex-wrap: wrap; column-gap: 8px; color: #616061; font-size: 13px; line-height: 18px; }}
.cover {{ display: block; width: 360px; margin-bottom: 8px; border-radius: 8px; overflow: hidden; }}
blockquote {{ border-left: 4px solid #ddd; padding-left: 12px; margin: 4px 0; }}
a {{ color: #1264a3; text-decoration: none; }}
code {{ padding: 1px 3px; border: 1px solid #ddd; border-radius: 3px; background: #f8f8f8; color: #c01343;
       font: 12px/18px "DejaVu Sans Mono", monospace; }}
.mention {{ padding: 0 2px 1px; border-radius: 3px; background: #fff2d4; color: #1264a3; }}
"""


def page(message: Message) -> str:
    """Return a whole HTML page with *message* on it."""
    blocks = "".join(_block(block) for block in message.blocks)
    return f"""<!DOCTYPE html><meta charset="utf-8"><title></title><style>{_CSS}</style>
<div class="message"><div class="avatar">{_LIPS}</div><div class="body">
<div class="sender"><b>lipsync-bot</b> <span class="app">APP</span><span class="when">3:40</span></div>
{blocks}</div></div>
<script>document.title = document.documentElement.getBoundingClientRect().height</script>"""


def _block(block: Block) -> str:
    match block:
        case {"type": "section", "fields": fields}:
            return _div("fields", *(_div("field", _lines(field["text"])) for field in fields))
        case {"type": "section", "text": {"text": text}}:
            return _div("section", _lines(text))
        case {"type": "image"}:
            return _COVER
        case {"type": "context", "elements": elements}:
            return _div("context", *(_div("element", _lines(element["text"])) for element in elements))
        case _:
            raise ValueError(f"no picture of a block of type {block.get('type')!r} yet")


def _div(name: str, *content: str) -> str:
    return f'<div class="{name}">{"".join(content)}</div>'


def _lines(mrkdwn: str) -> str:
    """Return Slack's markup as HTML. bot.terminal reads it; here its looks become tags."""
    pieces = []
    for line in Mrkdwn(UTC, spell_links=False).draw(mrkdwn).split("\n"):
        html = "".join(_tags(line))
        quoted = line.plain.startswith(_QUOTE)
        pieces.append(f"<blockquote>{html.removeprefix(_QUOTE)}</blockquote>" if quoted else f"<div>{html}</div>")
    return "".join(pieces)


def _tags(line: Text) -> Iterator[str]:
    console = Console(color_system="truecolor")
    for text, style, _ in line.render(console):
        # Without the selector behind it, this sign would be drawn as a letter is.
        html = escape(text).replace("⚠", "⚠\ufe0f")
        if style is None:
            yield html
            continue
        color = style.color.name if style.color else ""
        if style.link:
            html = f"<a>{html}</a>"
        elif color == "cyan":
            html = f"<code>{html}</code>"
        elif color == "yellow":
            html = f'<span class="mention">{html}</span>'
        yield f"<b>{html}</b>" if style.bold and color != "yellow" else html


def draw(name: str, language: Language, directory: Path = _HERE / "img") -> Path:
    """Write the picture of one sample, and return its path."""
    style = Style(language, ("<!here>",))
    message = render_board(BOARD, NOW, style) if name == "board" else render(SAMPLES[name], style)
    picture = directory / f"{name}.{language}.png"
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "page.html"
        source.write_text(page(message), encoding="utf-8")
        dom = _chromium(scratch, f"--window-size={_WIDTH},{_TALLEST}", "--dump-dom", source.as_uri())
        height = round(float(dom.partition("<title>")[2].partition("</title>")[0]))
        shot = Path(scratch) / "shot.png"
        _chromium(scratch, f"--window-size={_WIDTH},{height}", f"--screenshot={shot}", source.as_uri(), scale=_SCALE)
        _run("pngquant", "--force", "--strip", "--output", str(picture), "64", str(shot))
    return picture


def draw_icon(directory: Path = _HERE / "img") -> Path:
    """Write the picture for the Slack app, and return its path."""
    picture = directory / f"{ICON}.png"
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "page.html"
        source.write_text(_ICON, encoding="utf-8")
        _chromium(scratch, f"--window-size={_ICON_SIZE},{_ICON_SIZE}", f"--screenshot={picture}", source.as_uri())
    return picture


def _chromium(scratch: str, *arguments: str, scale: int = 1) -> str:
    # No sandbox: it is not to be had in most containers, and the page is ours.
    fixed = ("--headless", "--no-sandbox", "--hide-scrollbars", f"--force-device-scale-factor={scale}")
    return _run("chromium", *fixed, f"--user-data-dir={scratch}/profile", *arguments)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout  # noqa: S603 - ours


def main(wanted: Sequence[str]) -> int:
    """Draw the pictures *wanted* (`failure.zh`), or all. Return an exit code."""
    missing = [tool for tool in ("chromium", "pngquant") if shutil.which(tool) is None]
    pictures: dict[str, Callable[[], Path]] = {
        f"{name}.{language}": partial(draw, name, language) for name in NAMES for language in LANGUAGES
    }
    pictures[ICON] = draw_icon
    unknown = set(wanted) - set(pictures)
    if missing or unknown:
        for tool in missing:
            sys.stderr.write(f"docs.draw needs {tool}; on Debian: apt-get install {tool}\n")
        for name in sorted(unknown):
            sys.stderr.write(f"docs.draw knows no picture {name}\n")
        return 2
    for name, draw_one in pictures.items():
        if not wanted or name in wanted:
            picture = draw_one()
            sys.stdout.write(f"{picture.relative_to(_HERE.parent)}  {picture.stat().st_size // 1024} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
