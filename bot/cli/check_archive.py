"""`check` and the archive: whether files can be written to its folder, and whether there is space for them."""

import os

from bot.archive.files import Files, must_stay_free
from bot.cli.finding import Finding, bad, good

_SUBJECT = "archive.path"
_GIB = 1024**3


def folder(files: Files) -> Finding:
    """Say whether files can be copied to the folder: do what a copy does."""
    name = f".check-{os.getpid()}.part"
    try:
        free, total = files.space()
        files.write(name, bytes(4096))
        files.sync(name)
        files.remove(name)
    except OSError as error:
        remedy = f"Give the bot's user write access to the folder. It runs as uid {os.geteuid()}."
        return bad(_SUBJECT, f"{files.root}: cannot be written: {error.strerror}. {remedy}")
    found = f"{files.root}: {free / _GIB:.1f} GiB are free"
    if free < must_stay_free(total):
        return bad(
            _SUBJECT, f"{found}, less than must stay free: {must_stay_free(total) / _GIB:.1f} GiB. Free some space."
        )
    return good(_SUBJECT, found)
