"""Pure: the messages that have not been posted yet, and why."""

from dataclasses import dataclass

from bot.domain.notice import Content, Greeting, Notice, Summary, TaskEnded, Trouble
from bot.domain.state import State
from bot.domain.task import Status
from bot.harmless import clean
from bot.web.view.reader import Reader
from bot.wording import page as wording
from bot.wording import phrases
from bot.wording.phrases import duration
from bot.wording.slack_remedies import slack_remedy


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that has not been posted yet."""

    what: str
    account: str
    age: str
    why: str
    remedy: str


def waiting(account: str, state: State, notice: Notice, reader: Reader) -> Waiting:
    destinations = state.outbox.destinations.values()
    under_way = next((one for one in destinations if one.intent and notice.id in one.intent.ids), None)
    error = notice.last_error or next((one.error for one in destinations if one.error), "")
    if under_way and under_way.intent and under_way.intent.in_doubt:
        why = reader.say(wording.OWED_DOUBT)
    elif error:
        why = reader.say(wording.OWED_ERROR, error=reader.cut(error))
    else:
        why = reader.say(wording.OWED_NEXT)
    remedy = slack_remedy(error) if error else None
    age = reader.say(wording.OWED_SINCE, time=duration(reader.now - notice.since, reader.language))
    return Waiting(_what(notice.content, reader), account, age, why, reader.say(remedy) if remedy else "")


def _what(content: Content, reader: Reader) -> str:
    match content:
        case TaskEnded():
            outcome = wording.READY if content.task.status == Status.SUCCEEDED else wording.FAILED
            return f"{reader.say(phrases.TASK, id=clean(content.task.id))} · {reader.say(outcome)}"
        case Greeting():
            return reader.say(wording.OWED_GREETING)
        case Trouble():
            return reader.say(wording.OWED_TROUBLE)
        case Summary():
            return reader.say(wording.OWED_SUMMARY)
        case _:
            return reader.say(wording.OWED_TEST)
