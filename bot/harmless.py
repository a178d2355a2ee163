"""Pure: text from outside as a person may see it: on one line, and without what is there but does not show.

Every way out uses it: Slack's text, the terminal, the log, and what the commands print. A control turns a terminal's
colours, a mark of writing direction turns the line around, and invisible characters hide text from whoever reads it.
"""

import json
import unicodedata
from urllib.parse import quote, urlsplit

# Letters, marks and signs by their category, and yet blank:
# https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt (Default_Ignorable_Code_Point)
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U00016fe4\U0001d159"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_PICTURE_STYLE = frozenset("\ufe0e\ufe0f")  # ❤ as text or as a picture
_JOINERS = frozenset("\u200c\u200d")  # 👩‍👧 and Persian need them
_IN_A_URL = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '|<>"`')


def visible(text: str) -> str:
    """Return *text* without line breaks, controls and characters that do not show. Spaces stay as many as they are."""
    if text.isascii() and text.isprintable():
        return text  # as most are
    kept = [" "]
    for char, after in zip(text, f"{text[1:]} ", strict=False):
        if char.isspace():
            kept.append(" ")
        elif _shows(char, kept[-1], after):
            kept.append(char)
    return "".join(kept[1:])


def clean(text: str) -> str:
    """Return *text* on one line, without the characters that do not show. Nothing is escaped yet."""
    return " ".join(visible(text).split())


def safe_url(url: str) -> str | None:
    """Return *url* with what could end a link percent-encoded, or None for anything but http and https."""
    encoded = quote(url.strip(), safe=_IN_A_URL, errors="replace")
    try:
        parts = urlsplit(encoded)
    except ValueError:  # e.g. half an IPv6 address
        return None
    # Slack compares the scheme as it stands; urlsplit has it in small letters.
    small = parts.scheme + encoded[len(parts.scheme) :]
    return small if parts.scheme in {"http", "https"} and parts.hostname else None


def in_json(document: str) -> str:
    """Return a JSON *document* that says the same, with what does not show in it escaped."""
    plain = (char if char == "\n" or _shows(char, " ", " ") else json.dumps(char)[1:-1] for char in document)
    return "".join(plain)


def _shows(char: str, before: str, after: str) -> bool:
    if char in _JOINERS:
        return (before in _PICTURE_STYLE or _joins(before)) and _joins(after)
    if char in _PICTURE_STYLE:
        return unicodedata.category(before)[0] in "SPN"
    return char not in _BLANK and unicodedata.category(char) not in _HIDDEN


def _joins(char: str) -> bool:
    """Tell whether *char* may stand beside a joiner: an emoji, or a letter or mark of a script that joins letters."""
    kind = unicodedata.category(char)
    is_chinese = kind == "Lo" and unicodedata.east_asian_width(char) in {"W", "F", "H"}
    return kind in {"So", "Sk", "Mn", "Mc", "Lo"} and char not in _BLANK and not is_chinese
