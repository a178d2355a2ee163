"""The page and the plots: docs/performance.md between its marks, docs/img/*.png."""

import datetime as dt
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

mpl.use("agg")
mpl.rcParams.update({"font.size": 10, "axes.grid": True, "grid.alpha": 0.3})

_DOCS = Path(__file__).parent.parent / "docs"
PAGE = _DOCS / "performance.md"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is words, the others are figures."""
    align = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, align, *rows))


def write(section: str, text: str) -> None:
    """Put *text* between the marks of *section* on the page, with the command, the date and the machine."""
    page = PAGE.read_text("utf-8")
    pattern = rf"(<!-- generated: {section} -->\n).*?(<!-- end: {section} -->)"
    stamp = f"`python -m benchmarks {section}`, {dt.datetime.now(dt.UTC).date()}, {_machine()}"
    written, marks = re.subn(pattern, lambda m: f"{m[1]}\n_{stamp}_\n\n{text}\n\n{m[2]}", page, flags=re.DOTALL)
    if marks != 1:
        raise SystemExit(f"{PAGE}: wants one pair of marks for {section}, has {marks}")
    PAGE.write_text(written, "utf-8")


def save(figure: Figure, name: str) -> None:
    """Save a plot as docs/img/<name>.png."""
    figure.savefig(_DOCS / "img" / f"{name}.png", dpi=110, bbox_inches="tight")


def span(seconds: float) -> str:
    """Return seconds in words short enough for a table."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _machine() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
