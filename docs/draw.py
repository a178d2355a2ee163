"""Draw the pictures in docs/img: messages about as Slack shows them, the page, and the app's icon, all from samples.

    python -m docs.draw                     all of them
    python -m docs.draw failure.zh icon     some of them

Needs `chromium` and `pngquant` on the PATH and the fonts Lato, Noto Sans CJK and Noto Color Emoji. On Debian:
apt-get install chromium pngquant fonts-lato fonts-noto-cjk fonts-noto-color-emoji. The bot itself needs none of them.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bot.demo import channel
from bot.language import Language
from bot.slack.blocks import Message, Style
from bot.slack.board import render_board
from bot.slack.message import render
from bot.wording.samples import BOARD, NOW, SAMPLES
from docs.page import SampleServer, well

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
_PAGE = (1_160, 760)  # CSS pixels: wide enough for two columns
_ICON_SIZE = 512  # pixels: the least that Slack takes

_ICON = f"""<!DOCTYPE html><meta charset="utf-8"><style>* {{ margin: 0; }}
body {{ background: #4a154b; font: 280px/{_ICON_SIZE}px "Noto Color Emoji"; text-align: center; }}</style>
{channel.LIPS}"""

_CSS = f"""{channel.CSS}
body {{ width: {_WIDTH}px; min-height: {_LOWEST}px; padding: 14px 20px 16px; border: 1px solid #ddd; }}
"""


def page(message: Message) -> str:
    """Return a whole HTML page with *message* on it."""
    # The samples' links lead nowhere.
    shown = channel.message(message.blocks, "3:40", lambda _url: channel.cover(0))
    return f"""<!DOCTYPE html><meta charset="utf-8"><title></title><style>{_CSS}</style>
{shown}<script>document.title = document.documentElement.getBoundingClientRect().height</script>"""


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


def draw_page(language: Language, directory: Path = _HERE / "img") -> Path:
    """Write the picture of the page that the monitor serves, and return its path."""
    picture = directory / f"page.{language}.png"
    with SampleServer(well, language) as server, tempfile.TemporaryDirectory() as scratch:
        shot = Path(scratch) / "shot.png"
        _chromium(scratch, f"--window-size={_PAGE[0]},{_PAGE[1]}", f"--screenshot={shot}", f"{server.url}/")
        _run("pngquant", "--force", "--strip", "--output", str(picture), "48", str(shot))
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
    pictures |= {f"page.{language}": partial(draw_page, language) for language in LANGUAGES}
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
