"""The bot's own polls, as wired for `run`, as fast as they go: `resident.py CONFIG POLLS`.

Prints resident MiB after the first poll, after a tenth of them and after all, and CPU seconds a poll.
"""

import json
import os
import sys
import time
from pathlib import Path

from benchmarks.clients import resident
from bot import app as wiring
from bot import log
from bot.clock import Stop, SystemClock
from bot.config.accounts import DEFAULT
from bot.config.load import load


def main() -> None:
    """Poll as often as asked, and print the figures as JSON."""
    path, polls = Path(sys.argv[1]), int(sys.argv[2])
    clock, events = SystemClock(Stop()), log.make("error", "json")
    with wiring.assembled(load(path, os.environ)[DEFAULT], clock, events, trust_env=False) as bot:
        memory = []
        for number in range(polls + 1):
            if number == 1:
                began = time.process_time()
            bot.poll.cycle()
            if number in {1, polls // 10, polls}:
                memory.append(resident())
        print(json.dumps({"memory": memory, "poll": (time.process_time() - began) / polls}))


if __name__ == "__main__":
    main()
