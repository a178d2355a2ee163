"""`demo`: the bot at work, with a Chanjing and a Slack of its own."""

from bot.demo import story
from bot.errors import LipsyncBotError
from bot.language import Language


def main(language: Language) -> None:
    """Tell the story. Raise LipsyncBotError when a task was not announced exactly once."""
    if not story.play(language):
        raise LipsyncBotError("the demo failed; please report it, and quote what it printed.")
