"""Draw a Slack message on a terminal about as Slack shows it: `preview` and `demo` use it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from html import unescape

from rich.console import Console, Group, RenderableType
from rich.emoji import Emoji
from rich.panel import Panel
from rich.style import Style as Look
from rich.table import Table
from rich.text import Text

from bot.slack.blocks import Block, Message

_MARKS = {"*": "bold", "_": "italic", "~": "strike", "`": "cyan"}
_TOKEN = re.compile(
    r"<(?P<inside>[^<>\n]*)>"
    r"|(?<![^\W_])(?P<mark>[*_~`])(?P<marked>\S|\S[^\n]*?\S)(?P=mark)(?![^\W_])"
    r"|(?P<emoji>:[a-z0-9_+'-]+:)"
)
_DATE = re.compile(r"!date\^(?P<when>\d+)\^(?P<day>\{date_[a-z_]+\} )?[^|]*\|(?P<fallback>.*)")
_GAP = 3  # columns between two fields


def draw(message: Message, console: Console, *, zone: tzinfo | None = None) -> None:
    """Print *message*, with dates in *zone* (None: the machine's own). In a pipe no line is broken or filled up."""
    # Without a colour system rich writes no escape sequences at all: the address has to be spelled out.
    markup = Mrkdwn(zone, spell_links=console.color_system is None)
    drawn = Group(*_parts(message, markup, console.width))
    if console.is_terminal:
        console.print(drawn)
        return
    with console.capture() as lines:
        console.print(drawn, soft_wrap=True)
    console.file.writelines(f"{line.rstrip()}\n" for line in lines.get().splitlines())


def _parts(message: Message, markup: "Mrkdwn", width: int) -> Iterator[RenderableType]:
    """Yield the sender, then the blocks, or the text if there are none."""
    yield Text.assemble(("lipsync-bot", "bold"), " ", ("APP", "dim"))
    if not message.blocks:
        yield markup.draw(message.text)
    for block, before in zip(message.blocks, (None, *message.blocks), strict=False):
        if before and "text" in before and "text" in block:
            yield Text()  # Slack leaves a gap between two paragraphs
        yield _block(block, markup, width)


@dataclass(frozen=True, slots=True)
class Mrkdwn:
    """Slack's markup as rich text. `spell_links`: write `label (url)`, for an output that cannot hide an address."""

    zone: tzinfo | None
    spell_links: bool

    def draw(self, text: str, style: str = "") -> Text:
        """Return *text* drawn. Quoted lines get Slack's bar."""
        return Text("\n", style).join(Text.assemble(*self._line(line), style=style) for line in text.split("\n"))

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
        """Return what stands between `<` and `>`: a date, a mention or a link."""
        if date := _DATE.fullmatch(inside):
            return Text(self._date(int(date["when"]), date["fallback"], with_day=bool(date["day"])))
        if inside.startswith(("!", "@", "#")):
            name = inside.lstrip("!@#").removeprefix("subteam^").rpartition("|")[2]
            return Text(f"{'#' if inside[0] == '#' else '@'}{name}", "bold yellow")
        url, _, label = unescape(inside).partition("|")
        if self.spell_links and label:
            return Text(f"{label} ({url})")
        return Text(label or url, Look(color="blue", underline=True, link=url))

    def _date(self, when: int, fallback: str, *, with_day: bool) -> str:
        try:
            moment = datetime.fromtimestamp(when, UTC).astimezone(self.zone)
        except (OverflowError, OSError, ValueError):
            return fallback
        return f"{moment:%Y-%m-%d %H:%M}" if with_day else f"{moment:%H:%M}"


def _block(block: Block, markup: Mrkdwn, width: int) -> RenderableType:
    match block:
        case {"type": "section", "fields": fields}:
            return _fields([markup.draw(field["text"]) for field in fields], width)
        case {"type": "section", "text": {"text": text}}:
            return markup.draw(text)
        case {"type": "image", "image_url": url, "alt_text": alt}:
            return _picture(url, alt, markup, width)
        case {"type": "context", "elements": elements}:
            return markup.draw("  ".join(element["text"] for element in elements), "dim")
        case _:
            return Text(f"[{block.get('type', '?')}]", "dim")


def _fields(texts: list[Text], width: int) -> RenderableType:
    """Return *texts* in two columns, row by row as Slack fills them."""
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    for _ in range(2):
        grid.add_column(min_width=min(24, width // 2 - _GAP))
    for at in range(0, len(texts), 2):
        grid.add_row(*texts[at : at + 2])
    return grid


def _picture(url: str, alt: str, markup: Mrkdwn, width: int) -> RenderableType:
    """Return a frame in the shape of a picture. Its address is behind the words, or under it if that cannot be."""
    words = Text(alt, Look(link=None if markup.spell_links else url), justify="center")
    frame = Panel(words, border_style="dim", padding=(1, 2), width=min(48, width))
    return Group(frame, Text(url, "dim", overflow="fold")) if markup.spell_links else frame
