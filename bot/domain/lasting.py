"""Pure: which message is to be updated with lasting links, once all that it announces is in the archive."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.domain.archiving import Archiving
from bot.domain.notice import Receipt, TaskEnded
from bot.domain.outbox import Outbox
from bot.domain.recent import RecentTask

_Message = tuple[str, str]  # channel and ts


@dataclass(frozen=True, slots=True)
class Update:
    """What is to be put in the place of one message: the notices it delivers, as they are now.

    Without *contents* there is nothing to update: the tasks only need not wait any longer.
    """

    task_ids: frozenset[str]
    channel: str = ""
    ts: str = ""
    ids: tuple[str, ...] = ()
    contents: tuple[TaskEnded, ...] = ()


def next_update(archiving: Archiving, outbox: Outbox, delivered: Iterable[Receipt], public_url: str) -> Update | None:
    """Return what is to be updated next. None: nothing, or a message is not posted, or not all of it archived yet."""
    waiting = {one.task_id for one in archiving.to_archive}
    tasks = {task.content.key.id: task for task in archiving.ended}
    ready = [(id_, task) for id_, task in tasks.items() if task.id in waiting and task.archived]
    if not ready:
        return None
    owed = {notice.id for notice in outbox.notices}
    places: dict[str, _Message] = {receipt.id: (receipt.channel, receipt.ts) for receipt in delivered}
    messages: dict[_Message, list[str]] = {}
    for id_, place in places.items():
        messages.setdefault(place, []).append(id_)
    for id_, task in ready:
        if id_ in owed:
            continue
        place = places.get(id_, ("", ""))
        ids = messages[place] if place[1] else [id_]
        found = [tasks[one] for one in ids if one in tasks]
        if any(one.id in waiting and not one.archived for one in found):
            continue
        done = frozenset({task.id, *(one.id for one in found)})
        if not place[1] or len(found) < len(ids):
            return Update(done)  # a message that is not known, or of which not all is known
        return Update(done, *place, tuple(ids), tuple(_lasting(one, public_url) for one in found))
    return None


def updated(archiving: Archiving, update: Update) -> Archiving:
    """Return what is to be remembered after *update*."""
    left = tuple(one for one in archiving.to_archive if one.task_id not in update.task_ids)
    return replace(archiving, to_archive=left)


def _lasting(task: RecentTask, public_url: str) -> TaskEnded:
    """Return what is announced of *task*, with the archive's links where there are any."""
    content, archived = task.content, task.archived
    if archived is None:
        return content
    cover = f"{public_url}/{archived.cover}" if archived.cover else ""
    task_now = replace(content.task, video_url=f"{public_url}/{archived.video}", preview_url=cover)
    return TaskEnded(task_now, content.ready_after, content.away)
