"""The lip-sync tasks of one account of Chanjing: a page of its list, or one task."""

from collections.abc import Callable
from dataclasses import replace

from bot.chanjing.answers import DETAIL, LIST, MINT, Answered, parse_page, parse_task
from bot.chanjing.tokens import Minted, MintedToken, TokenSource
from bot.chanjing.transport import Transport
from bot.domain.task import Page, Task
from bot.errors import ChanjingRefused, ChanjingRejected
from bot.secret import visible_ascii


class Chanjing:
    """One account. *fingerprint* makes what may be saved of what an account is known by."""

    def __init__(
        self, tokens: TokenSource, transport: Transport, *, fingerprint: Callable[[str], str] = lambda _: ""
    ) -> None:
        self._tokens = tokens
        self._transport = transport
        self._fingerprint = fingerprint

    @property
    def uses_kept_token(self) -> bool:
        """True if the token was minted by an earlier copy: then nobody knows yet whether the secret key is right."""
        return isinstance(self._tokens, MintedToken) and not self._tokens.tried

    def page(self, number: int, size: int) -> Page:
        """Return page *number* (from 1) of at most *size* tasks. Raise ChanjingError."""
        token = self._tokens.current()
        try:
            answered = self._list(token, number, size)
        except ChanjingRefused:
            another = self._tokens.after_refusal(token)
            if another is None:
                raise
            # Once: Chanjing also says 10400 for a disabled app, which no token changes.
            token, answered = another, self._list(another, number, size)
        account = self._fingerprint(f"{self._transport.base_url}\n{self._tokens.account_of(token)}")
        return replace(parse_page(answered.data, number, size), account=account, answered_at=answered.at)

    def task(self, task_id: str) -> Task | None:
        """Return the task with that id. None: Chanjing answers without one. Raise ChanjingError.

        ChanjingUnavailable and ChanjingRefused may pass. Any other error says that it cannot be asked for by its id, or
        not this one. One request, with the token as it is: what Chanjing answers for an unknown id is not documented,
        and might be 10400.
        """
        data = self._transport.call(DETAIL, {"id": task_id}, token=self._tokens.current()).data
        if not data:
            return None
        task = parse_task(data)
        if not isinstance(task, Task):
            raise ChanjingRejected(f"detail: the task cannot be read: {task}.")
        if task.id != task_id:
            raise ChanjingRejected("detail: Chanjing answered with another task.")
        return task

    def _list(self, token: str, number: int, size: int) -> Answered:
        return self._transport.call(LIST, {"page": number, "page_size": size}, token=token)


def mint(app_id: str, secret_key: str, transport: Transport) -> Minted:
    """Ask once for a new access token, which ends the one before. Raise ChanjingError."""
    data = transport.call(MINT, {"app_id": app_id, "secret_key": secret_key}, secret=secret_key).data
    try:
        return Minted(visible_ascii(data["access_token"]), float(data.get("expire_in") or 0))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise ChanjingRejected("access_token: Chanjing answered without a token.", "Check chanjing.app_id.") from None
