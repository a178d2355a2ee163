"""A Chanjing and a Slack outside of the container, and what is needed to run the bot against them."""

import contextlib
import os
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from bot.demo.chanjing import ChanjingServer
from bot.demo.slack import CHANNEL, SlackServer
from tests.image.engine import IMAGE, ROOT, Container, Engine, find

Run = Callable[..., Container]


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine, with the image built."""
    found = find(os.environ)
    found.build_image(ROOT, IMAGE)
    return found


@pytest.fixture
def chanjing() -> Iterator[ChanjingServer]:
    with ChanjingServer() as server:
        yield server


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


@pytest.fixture
def five(chanjing: ChanjingServer, slack: SlackServer) -> dict[str, str]:
    """The five environment variables that are all it takes; for an account of one's own, three and no addresses."""
    return {
        "CHANJING_BASE_URL": chanjing.url,
        "CHANJING_ACCESS_TOKEN": chanjing.token,
        "SLACK_BASE_URL": slack.base_url,
        "SLACK_BOT_TOKEN": slack.token,
        "SLACK_CHANNEL": CHANNEL,
    }


@pytest.fixture
def quick(five: dict[str, str]) -> dict[str, str]:
    """The same, for a test that cannot wait."""
    return five | {"POLL_INTERVAL": "200ms", "POLL_ACTIVE_INTERVAL": "200ms", "SLACK_PACE": "0", "SLACK_SETTLE": "3s"}


@pytest.fixture
def volume(engine: Engine) -> Iterator[str]:
    """A named volume, such as `docker run -v lipsync-bot:/data` makes."""
    name = f"lipsync-bot-{uuid4().hex[:12]}"
    engine("volume", "create", name)
    yield name
    engine("volume", "rm", "--force", name)


@pytest.fixture
def run(engine: Engine, volume: str) -> Iterator[Run]:
    """Start a container with /data in the volume: run(*command, environment=…)."""
    with contextlib.ExitStack() as stack:

        def start(*command: str, environment: dict[str, str], data: str = volume) -> Container:
            container = Container(engine, *command, environment=environment, volume=data)
            stack.callback(container.remove)
            return container

        yield start
