"""Three ways to a Chanjing access token, and when to ask for another.

A new token ends the old one for every program that uses the same app, and lives for about a day; so one is minted only
if the user chose that, kept in a file over restarts, and not again within a minute of one that Chanjing has answered.
"""

import contextlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from bot import disk
from bot.clock import Clock
from bot.errors import ChanjingError, ChanjingRefused, ChanjingUnavailable, ConfigError
from bot.secret import FileSecret, visible_ascii

_EVERY = 60.0  # seconds between two attempts to get another token
_UNANSWERED = 10.0  # seconds after one that had no answer: the token that it may have ended was nobody's yet
_MARGIN = 60.0  # seconds before its end at which a token counts as expired


class Minted(NamedTuple):
    """A token and its end in Unix seconds: `expire_in` is absolute, whatever its name says."""

    token: str
    expires_at: float


class TokenSource(Protocol):
    def current(self) -> str:
        """Return the token to use now. Raise ChanjingError if there is none."""

    def after_refusal(self, refused: str) -> str | None:
        """Return another token than *refused*, or None if there is none now."""

    def account_of(self, token: str) -> str:
        """Return what the account of *token* is known by: the app_id if there is one, else the token."""


def fingerprinting(salt: str) -> Callable[[str], str]:
    """Return a function that makes of a text what may be saved. A token is too long to be found by trying each."""
    return lambda text: hmac.digest(salt.encode(), text.encode(), "sha256")[:16].hex()


class GivenToken:
    """The token that the user gave. If it stands in a *file*, that is read again when the token is refused."""

    def __init__(self, token: str, file: FileSecret | None = None) -> None:
        self._token = token
        self._file = file

    def current(self) -> str:
        return self._token

    def after_refusal(self, refused: str) -> str | None:
        if self._file is None:
            return None
        try:
            changed = self._file.changed()
        except ConfigError as error:
            raise ChanjingRefused(
                f"token: Chanjing refuses it, and chanjing.access_token_file cannot be read again: {error}."
            ) from None
        self._token = self._file.secret
        return self._token if changed and self._token != refused else None

    def account_of(self, token: str) -> str:
        return token


class MintedToken:
    """The token is minted from app_id and secret_key, and kept in *path* (mode 0600) until it is refused or expires.

    *path* None: it is not kept.

    One that was kept for another *app_id* or *base_url* is not used: it would show another account's list, or be shown
    to another server.
    """

    def __init__(self, mint: Callable[[], Minted], app_id: str, base_url: str, path: Path | None, clock: Clock) -> None:
        self._mint = mint
        self._app_id = app_id
        self._owner = {"app_id": app_id, "base_url": base_url}
        self._path = path
        self._clock = clock
        self._kept = self._load()
        self._not_before = float("-inf")  # monotonic seconds
        self._trouble: ChanjingError | None = None

    @property
    def tried(self) -> bool:
        """True when it was tried to mint a token."""
        return self._not_before > float("-inf")

    def current(self) -> str:
        if self._kept is None or self._expired(self._kept):
            self._renew()
        if self._kept is None:
            # Soon after an attempt that failed: its error still says why.
            raise self._trouble or ChanjingError("token: none has been requested yet")
        return self._kept.token

    def after_refusal(self, refused: str) -> str | None:
        if self._kept is not None and self._kept.token == refused:
            self._renew()
        return self._kept.token if self._kept is not None and self._kept.token != refused else None

    def account_of(self, token: str) -> str:
        del token
        return self._app_id

    def _expired(self, kept: Minted) -> bool:
        return 0 < kept.expires_at < self._clock.now() + _MARGIN

    def _renew(self) -> None:
        if self._clock.monotonic() < self._not_before:
            return
        self._not_before = self._clock.monotonic() + _EVERY
        try:
            minted = self._mint()
        except ChanjingError as error:
            self._trouble = error
            if isinstance(error, ChanjingUnavailable):
                self._not_before = self._clock.monotonic() + _UNANSWERED
            raise
        # An end that has passed already says nothing; then only a refusal ends the token.
        self._kept = minted if not self._expired(minted) else Minted(minted.token, 0.0)
        self._trouble = None
        self._save(self._kept)

    def _load(self) -> Minted | None:
        if self._path is None:
            return None
        try:
            kept = json.loads(disk.read(self._path))
            minted = Minted(visible_ascii(kept["token"]), float(kept["expires_at"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None  # not there or damaged: the next request mints one
        return minted if self._owner.items() <= kept.items() else None

    def _save(self, kept: Minted) -> None:
        if self._path is None:
            return
        # The token works without the file; the next start then mints one more.
        with contextlib.suppress(OSError):
            disk.put(self._path, json.dumps({**self._owner, **kept._asdict()}).encode())
