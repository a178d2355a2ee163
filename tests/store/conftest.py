"""What the tests of the store share."""

from tests.store.postgres_server import server as server  # noqa: PLC0414 - a fixture, for every file here
