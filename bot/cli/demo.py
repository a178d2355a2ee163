"""`demo`: the bot at work, with a Chanjing and a Slack of its own."""

import sys

from bot.demo import story
from bot.errors import LipsyncBotError
from bot.language import Language


def main(language: Language, *, wait: bool) -> None:
    """Tell the story. Raise LipsyncBotError when a task was not announced exactly once.

    *wait*: go on until somebody presses Enter, if there is a terminal to press it at.
    """
    someone = wait and sys.stdin.isatty() and sys.stdout.isatty()
    if not story.play(language, wait=sys.stdin.readline if someone else None):
        raise LipsyncBotError("the demo failed; please report it, and quote what it printed.")
