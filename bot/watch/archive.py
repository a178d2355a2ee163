"""The archive: hands over what is to be copied, and saves what became of it. The copying itself waits for nobody."""

from collections.abc import Callable
from dataclasses import replace

from bot.archive.background import Copies
from bot.clock import Clock
from bot.domain import archiving
from bot.domain.archiving import Archiving
from bot.domain.recent import Archived
from bot.domain.task import Task
from bot.errors import ArchiveError, ChanjingError, ChanjingRejected
from bot.events import Events
from bot.store.places import Store
from bot.watch.lasting import LastingLinks

_ONCE = 30.0  # seconds that copies get in one `run --once`: the next, which goes on where they stopped, must not wait


class Archive:
    """What is to be archived of one account. What saves raises StateError; then nothing has changed.

    *ask* returns a task as it is now, and raises ChanjingError. *lasting* updates messages afterwards.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        events: Events,
        copies: Copies,
        *,
        ask: Callable[[str], Task | None],
        lasting: LastingLinks | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._copies = copies
        self._ask = ask
        self._lasting = lasting
        self._begun: set[str] = set()
        self._swept = False

    def step(self, *, quiet: bool = True, reachable: bool = True) -> None:
        """Save what has been copied, ask for fresh links of one task at most, and hand over what is due.

        *quiet*: no message waits to be posted, so messages may be updated. *reachable*: Chanjing has just answered.
        """
        self._save_finished()
        if quiet and self._lasting:
            self._lasting.show()
        if reachable:
            self._refresh()
        before, now = self._archiving(), self._clock.now()
        if not self._swept:
            self._swept = True
            waiting = {one.task_id for one in before.to_archive}
            self._copies.sweep([task for task in before.ended if task.id in waiting], now)
        for task, attempts in archiving.due(before, self._begun, now):
            self._begun.add(task.id)
            self._copies.begin(task, attempts)

    def run_once(self, *, reachable: bool = True) -> None:
        """Do all that is due, for half a minute at most. Raise Stopped."""
        self.step(reachable=reachable)
        self._clock.wait(_ONCE, self._copies.ended())
        self._save_finished()
        if self._lasting:
            self._lasting.show()

    def _save_finished(self) -> None:
        finished = self._copies.finished()
        if not finished:
            return
        before = after = self._archiving()
        now = self._clock.now()
        for task_id, outcome in finished:
            after = archiving.after(after, task_id, outcome, now, update=self._lasting is not None)
        self._begun -= {task_id for task_id, _ in finished}
        self._save(after)
        given_up = {task.id for task in before.ended if not task.given_up}
        for task in after.ended:
            if task.given_up and task.id in given_up:
                self._copies.forget(task)
                self._events.emit("archive_given_up", task_id=task.id, error=task.given_up)
        for task_id, outcome in finished:
            match outcome:
                case Archived(video=video):
                    self._events.emit("task_archived", task_id=task_id, name=video)
                case ArchiveError():
                    self._events.emit("archive_failed", task_id=task_id, error=str(outcome))

    def _refresh(self) -> None:
        before = self._archiving()
        task = archiving.expired(before)
        if task is None:
            return
        try:
            answered = self._ask(task.id)
        except ChanjingRejected:
            answered = None
        except ChanjingError:
            return  # at the next poll
        self._save(archiving.with_links(before, task.id, answered, self._clock.now()))

    def _archiving(self) -> Archiving:
        return Archiving(self._store.state.ended, self._store.state.to_archive)

    def _save(self, archiving: Archiving) -> None:
        self._store.save(replace(self._store.state, ended=archiving.ended, to_archive=archiving.to_archive))
