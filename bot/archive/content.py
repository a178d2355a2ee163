"""Pure: what the first bytes of a file say it is, and whether a video is all there."""

from collections.abc import Callable

HEAD = 64  # bytes that tell what a file is
_PICTURES = (
    (b"\xff\xd8\xff", 0, "jpg"),
    (b"\x89PNG\r\n\x1a\n", 0, "png"),
    (b"GIF8", 0, "gif"),
    (b"WEBP", 8, "webp"),
    (b"ftypavif", 4, "avif"),
)
COVERS = tuple(kind for *_, kind in _PICTURES)
_TEXT = ("text/", "application/json", "application/xml", "application/xhtml")
_MARKUP = (b"<", b"{")
_BOX = 8  # bytes at which a box begins: its size and its type
_BOM = b"\xef\xbb\xbf"


def is_text(content_type: str, head: bytes) -> bool:
    """Tell whether a body is a page or an error in words rather than a video or a picture."""
    beginning = head.removeprefix(_BOM).lstrip()
    return content_type.strip().lower().startswith(_TEXT) or beginning.startswith(_MARKUP)


def picture(head: bytes) -> str | None:
    """Return what kind of picture *head* begins, as file names end. None: it is none that is known."""
    return next((kind for magic, at, kind in _PICTURES if head[at:].startswith(magic)), None)


def is_cut(size: int, read: Callable[[int, int], bytes]) -> bool:
    """Tell whether an MP4 file of *size* bytes ends within one of its boxes; *read* returns (from, how many) bytes.

    False for anything else than MP4. Source: ISO/IEC 14496-12, 4.2: each box begins with its size and its type.
    """
    if read(4, 4) != b"ftyp":
        return False
    at = 0
    while at + _BOX <= size:
        length = int.from_bytes(read(at, 4))
        if length == 0:  # to the end of the file
            return False
        if length == 1:
            length = int.from_bytes(read(at + _BOX, 8))
        if length < _BOX:
            return False  # no box: whatever follows the last one
        at += length
    return at > size
