"""What `check` has found out: an answer to one of its questions."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer, with a remedy if it is not good. `severity` "warning": it works, but less well."""

    severity: Literal["good", "warning", "bad"]
    subject: str
    text: str


def good(subject: str, text: str) -> Finding:
    return Finding("good", subject, text)


def warning(subject: str, text: str) -> Finding:
    return Finding("warning", subject, text)


def bad(subject: str, text: str) -> Finding:
    return Finding("bad", subject, text)
