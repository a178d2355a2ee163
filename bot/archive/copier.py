"""One task's files in the archive: its video, its cover, and last a JSON file with what they are and their sums.

<yyyy>/<mm>/<id>.mp4      .jpg, or what the cover is      .json      as whole files, on the medium
<yyyy>/<mm>/.<id>.….part                                              what is not all there
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from bot.archive import content
from bot.archive.download import Downloads, Limits, Open, Received
from bot.archive.files import Files, translated
from bot.archive.sums import Described, described, summed
from bot.domain.recent import Archived, RecentTask
from bot.errors import ArchiveError, ArchiveUnusable, NotArchivable
from bot.events import NOBODY, Events

_COVER_MATTERS = 5  # attempts after which the video alone will do
_DAY = 86_400
_STALE = 25 * 3600.0  # seconds: no attempt comes later than a day after the first
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


def stem(task: RecentTask) -> str:
    """Return where the files of *task* are, without their suffixes, such as `2025/02/9499ed79`: safe for any id."""
    created = task.content.task.create_time
    when = datetime.fromtimestamp(created if 0 < created <= task.seen_at + _DAY else task.seen_at, UTC)
    id_ = task.id
    if not _SAFE.fullmatch(id_):
        # Two ids that differ stay two names.
        digest = hashlib.sha256(id_.encode(errors="surrogatepass")).hexdigest()[:16]
        id_ = f"{re.sub('[^A-Za-z0-9_-]', '_', id_)[:80]}-{digest}"
    return f"{when:%Y/%m}/{id_}"


class Copier:
    """Copies the files of tasks into *files*, one task at a time."""

    def __init__(self, files: Files, open_: Open, limits: Limits, events: Events = NOBODY) -> None:
        self._files = files
        self._events = events
        self._downloads = Downloads(open_, files, limits)

    def copy(self, task: RecentTask, *, attempts: int = 0) -> Archived:
        """Return the names under which the files of *task* are, all of them there. *attempts* have failed before.

        What an earlier attempt has finished is not fetched again. Raise ArchiveError.
        """
        with translated():
            place = stem(task)
            if (done := self._done(place)) is not None:
                return done
            video = self._video(task, place)
            cover = self._cover(task, place, must=attempts < _COVER_MATTERS)
            files = {"video": video} | ({"cover": cover} if cover else {})
            written = {"task": asdict(task.content.task), "files": {what: asdict(one) for what, one in files.items()}}
            part, name = f"{_hidden(place)}.json.part", f"{place}.json"
            self._files.write(part, json.dumps(written, indent=1).encode())
            self._finish(part, name)
            for folder in (place[:4], "."):  # which may be new themselves
                self._files.sync(folder)
            return _archived(place, files)

    def forget(self, task: RecentTask) -> None:
        """Remove what is not all there of *task*, which is given up. Raise ArchiveUnusable."""
        for name in (f"{_hidden(stem(task))}.{kind}.part" for kind in ("mp4", "cover")):
            self._downloads.forget(name)

    def sweep(self, waited_for: Collection[RecentTask], now: float) -> None:
        """Remove what is left of downloads that nobody goes on with. Raise ArchiveUnusable."""
        with translated():
            kept = {_hidden(stem(task)) for task in waited_for}
            for name, changed in [*self._files.names(".*.part")]:
                whose = name[: name.index(".", name.index("/.") + 2)]
                if whose not in kept and now - changed > _STALE:
                    self._files.remove(name)

    def _done(self, place: str) -> Archived | None:
        files = described(self._files, f"{place}.json")
        folder = place.rpartition("/")[0]
        if not files or any(self._files.size(f"{folder}/{one.name}") != one.size for one in files.values()):
            return None
        return _archived(place, files)

    def _video(self, task: RecentTask, place: str) -> Described:
        name, part = f"{place}.mp4", f"{_hidden(place)}.mp4.part"
        if self._files.size(name) is not None:
            self._downloads.forget(part)
            return summed(self._files, name)
        return self._finished(self._downloads.fetch(task.content.task.video_url, part), part, name)

    def _cover(self, task: RecentTask, place: str, *, must: bool) -> Described | None:
        part, url = f"{_hidden(place)}.cover.part", task.content.task.preview_url
        for name in (f"{place}.{kind}" for kind in content.COVERS):
            if self._files.size(name) is not None:
                self._downloads.forget(part)
                return summed(self._files, name)
        try:
            received = self._downloads.fetch(url, part) if url else None
            kind = content.picture(received.head) if received else None
            if received and kind:
                return self._finished(received, part, f"{place}.{kind}")
            self._downloads.forget(part)
            if url and must:
                raise ArchiveError("the cover is no picture of a known kind")  # noqa: TRY301 - as any other
        except ArchiveUnusable:
            raise
        except ArchiveError as error:
            if must and not isinstance(error, NotArchivable):
                raise
            self._downloads.forget(part)
        return None

    def _finished(self, received: Received, part: str, name: str) -> Described:
        """Return what the *part* that was *received* is, under its *name* from now on."""
        self._finish(part, name)
        self._downloads.forget(part)
        found = summed(self._files, name)
        if (found.size, found.sha256) != (received.size, received.sha256):
            self._files.remove(name)
            raise ArchiveUnusable("archive.path: what was read back is not what was written")
        self._events.emit("file_archived", size=found.size)
        return found

    def _finish(self, part: str, name: str) -> None:
        """Give the *part*, once it is on the medium, its *name*, and see that it keeps it."""
        self._files.sync(part)
        self._files.rename(part, name)
        self._files.sync(name.rpartition("/")[0])


def _hidden(place: str) -> str:
    folder, _, name = place.rpartition("/")
    return f"{folder}/.{name}"


def _archived(place: str, files: Mapping[str, Described]) -> Archived:
    folder = place.rpartition("/")[0]
    cover = files.get("cover")
    return Archived(f"{folder}/{files['video'].name}", f"{folder}/{cover.name}" if cover else "")
