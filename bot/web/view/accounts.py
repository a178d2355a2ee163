"""Pure: how each account is, in a few words, and all of them in one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.domain.standing import Standing
from bot.web.view.reader import Reader
from bot.wording import page as wording

Kind = Literal["well", "unwell", "idle"]
_WORST_FIRST: tuple[Kind, ...] = ("unwell", "well", "idle")


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    kind: Kind
    verdict: str
    line: str


def health(standings: Sequence[Standing], wrong: Sequence[int], reader: Reader) -> tuple[Kind, str, Sequence[Account]]:
    """Return how all accounts are, in a word and in a sentence, and how each is; *wrong* counts its problems."""
    accounts = [_account(one, count, reader) for one, count in zip(standings, wrong, strict=True)]
    if any(wrong):
        return "unwell", reader.say(wording.UNWELL, n=sum(wrong)), accounts
    first = min(accounts, key=lambda one: _WORST_FIRST.index(one.kind))
    return first.kind, first.verdict, accounts


def _account(standing: Standing, wrong: int, reader: Reader) -> Account:
    state, read, name = standing.state, standing.last_read, standing.account
    if standing.standing_by:
        return Account(name, "idle", reader.say(wording.IDLE), reader.say(wording.STANDS_BY))
    facts = []
    if state is not None:
        when = wording.LAST_READ if read else wording.NEVER_READ
        facts = [
            reader.say(when, time=reader.clock(read or 0.0, "%H:%M:%S")),
            reader.say(wording.DELIVERED, n=state.delivered_count),
        ]
    if wrong:
        return Account(name, "unwell", reader.say(wording.UNWELL, n=wrong), " · ".join(facts))
    if state is None:
        return Account(name, "idle", reader.say(wording.STARTING), "")
    return Account(name, "well", reader.say(wording.WELL), " · ".join(facts))
