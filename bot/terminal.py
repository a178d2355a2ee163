"""Draw a Slack message on a terminal about as Slack shows it: `preview` and `demo` use it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from html import unescape

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.emoji import Emoji
from rich.padding import Padding
from rich.panel import Panel
from rich.style import Style as Look
from rich.table import Table
from rich.text import Text

from bot.blocks import Block, Message

_NARROW = 36  # columns: below this the fields stand under each other
_MARKS = {"*": "bold", "_": "italic", "~": "strike", "`": "cyan"}
_TOKEN = re.compile(
    r"<(?P<inside>[^<>\n]*)>"
    r"|(?<![^\W_])(?P<mark>[*_~`])(?P<marked>\S|\S[^\n]*?\S)(?P=mark)(?![^\W_])"
    r"|(?P<emoji>:[a-z0-9_+'-]+:)"
)
_DATE = re.compile(r"!date\^(?P<when>\d+)\^[^|]*\|(?P<fallback>.*)")


class Drawn:
    """A message to print on a rich console. Dates are told in *zone*; None: the machine's own."""

    def __init__(self, message: Message, *, zone: tzinfo | None = None) -> None:
        self.message = message
        self.zone = zone

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the sender and, indented, the blocks, or the text where there are none."""
        yield Text.assemble(("lipsync-bot", "bold"), " ", (" APP ", "dim reverse"))
        body = Mrkdwn(self.zone, spell_links=console.color_system is None)
        parts = [_block(block, body, options.max_width - 2) for block in self.message.blocks]
        yield Padding(Group(*(parts or [body.draw(self.message.text)])), (0, 0, 0, 2))


class Mrkdwn:
    """Slack's markup as rich text. `spell_links`: write `label (url)`, for an output that cannot hide a link."""

    def __init__(self, zone: tzinfo | None = None, *, spell_links: bool = False) -> None:
        self.zone = zone
        self.spell_links = spell_links

    def draw(self, text: str, style: str = "") -> Text:
        """Return *text* drawn. Quoted lines get Slack's bar."""
        return Text("\n").join(Text.assemble(*self._line(line), style=style) for line in text.split("\n"))

    def _line(self, line: str) -> Iterator[Text]:
        if line.startswith("> "):
            yield Text("▌ ", "dim")
            line = line.removeprefix("> ")
        at = 0
        for token in _TOKEN.finditer(line):
            yield Text(unescape(line[at : token.start()]))
            yield self._token(token)
            at = token.end()
        yield Text(unescape(line[at:]))

    def _token(self, token: re.Match[str]) -> Text:
        if (inside := token["inside"]) is not None:
            return self._angle(inside)
        if token["mark"] == "`":
            return Text(unescape(token["marked"]), _MARKS["`"])
        if token["mark"]:
            return Text.assemble(*self._line(token["marked"]), style=_MARKS[token["mark"]])
        return Text(Emoji.replace(token["emoji"]))

    def _angle(self, inside: str) -> Text:
        if date := _DATE.fullmatch(inside):
            return Text(self._date(int(date["when"]), date["fallback"]))
        if inside.startswith(("!", "@", "#")):
            name = inside.lstrip("!@#").removeprefix("subteam^").rpartition("|")[2]
            return Text(f"@{name}", "bold yellow")
        url, _, label = unescape(inside).partition("|")
        if self.spell_links and label:
            return Text(f"{label} ({url})")
        return Text(label or url, Look(color="blue", underline=True, link=url))

    def _date(self, when: int, fallback: str) -> str:
        try:
            moment = datetime.fromtimestamp(when, UTC).astimezone(self.zone)
        except (OverflowError, OSError, ValueError):
            return fallback
        return f"{moment:%Y-%m-%d %H:%M}"


def _block(block: Block, body: Mrkdwn, width: int) -> RenderableType:
    match block:
        case {"type": "section", "fields": fields}:
            return _fields([body.draw(field["text"]) for field in fields], width)
        case {"type": "section", "text": {"text": text}}:
            return body.draw(text)
        case {"type": "image", "image_url": url, "alt_text": alt}:
            return _picture(url, alt, body)
        case {"type": "context", "elements": elements}:
            return Group(*(body.draw(element["text"], "dim") for element in elements))
        case _:
            return Text(f"[{block.get('type', '?')}]", "dim")


def _fields(texts: list[Text], width: int) -> RenderableType:
    per_row = 1 if width < _NARROW else 2
    grid = Table.grid(padding=(0, 3, 0, 0))
    for _ in range(per_row):
        grid.add_column(min_width=0 if per_row == 1 else min(24, width // 2 - 3), overflow="fold")
    for at in range(0, len(texts), per_row):
        grid.add_row(*texts[at : at + per_row])
    return grid


def _picture(url: str, alt: str, body: Mrkdwn) -> RenderableType:
    where = Text(url, "dim") if body.spell_links else Text("open picture", Look(dim=True, underline=True, link=url))
    inside = Text.assemble("▶  ", alt, "\n", where, justify="center", overflow="fold")
    return Panel(inside, box=box.ROUNDED, border_style="dim", padding=(1, 2), width=None)
