"""Pure: what is wrong with an account → what the page says of it, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.health import POLLS_FAIL
from bot.domain.standing import Standing
from bot.domain.trouble import REPORTED_WHEN_OVER
from bot.harmless import clean
from bot.language import Language
from bot.wording.page import REASONS
from bot.wording.phrases import duration
from bot.wording.slack_remedies import slack_remedy
from bot.wording.troubles import words_for

_AFTER = 60.0  # seconds for which a trouble is in force before it is shown: most are over sooner
_LONGEST = 400  # characters of a detail


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, what that means, and what to do. `detail` is what a server or the system said of it."""

    account: str
    title: str
    sentence: str
    remedy: str
    detail: str
    age: str


def problems(standing: Standing, language: Language, now: float) -> Iterator[Problem]:
    """Yield what is wrong with an account: the bot's own trouble, and what /readyz says beyond it."""
    troubles = standing.state.troubles if standing.state else {}
    shown = set()
    for code, one in troubles.items():
        if code not in REPORTED_WHEN_OVER or one.over or not (one.reported or now - one.since >= _AFTER):
            continue
        shown.add(code)
        detail = ": ".join(filter(None, (", ".join(one.subjects), one.detail)))
        yield _problem(standing.account, code, detail, language, duration(now - one.since, language))
    for code, detail in standing.reasons:
        implied = {"polls_failing": POLLS_FAIL, "notices_overdue": ("slack_refused",)}.get(code, (code,))
        if shown.isdisjoint(implied):
            shown.add(code)
            yield _problem(standing.account, code, detail, language, "")


def _problem(account: str, code: str, detail: str, language: Language, age: str) -> Problem:
    words = words_for(code)
    title, sentence, remedy = REASONS.get(code, (words.title, words.sentence, words.remedy))
    if "slack" in code or "notices" in code:
        remedy = slack_remedy(detail) or remedy
    said = clean(detail)[:_LONGEST]
    return Problem(account, title.say(language), sentence.say(language), remedy.say(language), said, age)
