"""The bot's own trouble, and the summary of the day: what there is to say of them is saved as notices."""

from collections.abc import Iterable
from dataclasses import replace

from bot.clock import Clock
from bot.config.sections import Config
from bot.domain import outbox, summary, trouble
from bot.domain.archiving import Archiving
from bot.domain.news import Watched
from bot.domain.notice import Content, Notice, Summary
from bot.errors import ChanjingError, ForeignStateError
from bot.store.places import Store


class Upkeep:
    """Looks after one bot. Raises StateError."""

    def __init__(self, store: Store, clock: Clock, settings: Config) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    def observe(
        self, failure: ChanjingError | ForeignStateError | None, watched: Watched, odd: Iterable[tuple[str, str]]
    ) -> None:
        """Save what there is to say after a poll: how it failed, what is *watched*, and what of the answers was odd."""
        state, now = self._store.state, self._clock.now()
        unfinished, stuck_after = watched.unfinished, self._settings.poll.stuck_after
        problems = trouble.problems(
            failure,
            stuck=(task_id for task_id, record in unfinished.items() if record.age(now) > stuck_after),
            vanished=watched.vanished,
            destinations=state.outbox.destinations,
            alerts_channel=self._settings.slack.routes["alerts"],
            page_size=state.profile.page_size,
            archiving=Archiving(state.ended, state.to_archive),
            odd=odd,
        )
        troubles, reports = trouble.observe(state.troubles, problems, now, instance=state.instance)
        diary, summaries = state.diary, tuple[Summary, ...]()
        if at := self._settings.slack.daily_summary:
            diary, summaries = summary.summarise(
                diary, at=at, rendering=len(unfinished), now=now, zone=None, instance=state.instance
            )
        contents: tuple[Content, ...] = (*reports, *summaries)
        owed = outbox.enqueue(state.outbox, [Notice(content, now) for content in contents], state.delivered)
        self._store.save(replace(state, troubles=troubles, diary=diary, outbox=owed))
