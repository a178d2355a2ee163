"""Slack's messages as HTML, about as Slack shows them: for the demo's channel in a browser, and for the pictures."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from html import escape

from rich.console import Console
from rich.text import Text

from bot.slack.blocks import Block
from bot.slack.terminal import Mrkdwn

LIPS = "👄"
_QUOTE = "▌ "  # how bot.slack.terminal begins a quoted line
_COLORS = (("#3d5a80", "#293f5c", "#ee6c4d"), ("#5b7553", "#3f5439", "#e3b23c"), ("#7d4f73", "#573650", "#58a4b0"))
_COVER = """<svg viewBox="0 0 360 202" xmlns="http://www.w3.org/2000/svg">
  <rect width="360" height="202" fill="{wall}"/>
  <rect y="150" width="360" height="52" fill="{floor}"/>
  <path d="M96 202 q0 -62 84 -62 t84 62 z" fill="{dress}"/>
  <rect x="163" y="118" width="34" height="38" rx="14" fill="#e0b99a"/>
  <ellipse cx="180" cy="86" rx="42" ry="50" fill="#f2cfb3"/>
  <path d="M136 80 q2 -54 46 -52 q44 0 42 54 q-16 -8 -20 -26 q-22 18 -68 24 z" fill="#3b2f2f"/>
  <circle cx="163" cy="86" r="4.5" fill="#3b2f2f"/><circle cx="197" cy="86" r="4.5" fill="#3b2f2f"/>
  <ellipse cx="180" cy="112" rx="11" ry="6.5" fill="#9b3d3d"/>
  <path d="M240 96 v20 M252 86 v40 M264 76 v60 M276 90 v32 M288 98 v16"
        stroke="#98c1d9" stroke-width="5" stroke-linecap="round"/>
</svg>"""

CSS = """
* { box-sizing: border-box; margin: 0; }
body { background: #fff; color: #1d1c1d; overflow-wrap: anywhere;
       font: 15px/22px Lato, "Noto Sans CJK SC", "Noto Color Emoji", sans-serif; }
.message { display: flex; gap: 8px; }
.avatar { flex: none; width: 36px; height: 36px; border-radius: 8px; background: #4a154b; color: #fff;
          font: 20px/36px "Noto Color Emoji"; text-align: center; }
.body { flex: 1; min-width: 0; }
.sender b { font-weight: 900; }
.app { padding: 1px 3px; border-radius: 2px; background: #eee; color: #616061; font-size: 10px; font-weight: 700; }
.when { color: #616061; font-size: 12px; margin-left: 4px; }
.section, .fields { margin-bottom: 8px; }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; }
.context { display: flex; flex-wrap: wrap; column-gap: 8px; color: #616061; font-size: 13px; line-height: 18px; }
.cover { display: block; width: 360px; margin-bottom: 8px; border-radius: 8px; overflow: hidden; }
blockquote { border-left: 4px solid #ddd; padding-left: 12px; margin: 4px 0; }
a { color: #1264a3; text-decoration: none; }
code { padding: 1px 3px; border: 1px solid #ddd; border-radius: 3px; background: #f8f8f8; color: #c01343;
       font: 12px/18px "DejaVu Sans Mono", monospace; }
.mention { padding: 0 2px 1px; border-radius: 3px; background: #fff2d4; color: #1264a3; }
"""


def cover(number: int) -> str:
    """Return a cover picture such as Chanjing would make, as SVG: one of a few."""
    wall, floor, dress = _COLORS[number % len(_COLORS)]
    return _COVER.format(wall=wall, floor=floor, dress=dress)


def message(blocks: Iterable[Block], when: str, picture: Callable[[str], str]) -> str:
    """Return a message of the bot. *picture* returns what stands for the picture at an address, as HTML."""
    return f"""<div class="message"><div class="avatar">{LIPS}</div><div class="body">
<div class="sender"><b>lipsync-bot</b> <span class="app">APP</span><span class="when">{when}</span></div>
{"".join(_block(block, picture) for block in blocks)}</div></div>"""


def _block(block: Block, picture: Callable[[str], str]) -> str:
    match block:
        case {"type": "section", "fields": fields}:
            return _div("fields", *(_div("field", _lines(field["text"])) for field in fields))
        case {"type": "section", "text": {"text": text}}:
            return _div("section", _lines(text))
        case {"type": "image", "image_url": url}:
            return _div("cover", picture(url))
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
            html = f'<a href="{escape(style.link)}">{html}</a>'
        elif color == "cyan":
            html = f"<code>{html}</code>"
        elif color == "yellow":
            html = f'<span class="mention">{html}</span>'
        yield f"<b>{html}</b>" if style.bold and color != "yellow" else html
