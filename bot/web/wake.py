"""`POST /wake/<token>`: who knows the token, such as Chanjing when a task ends, makes accounts poll now."""

import hmac
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from bot.secret import Secret
from bot.web.server import Request, Response

PATH = "/wake/"
_NOT_FOUND = Response(b"not found\n", status=HTTPStatus.NOT_FOUND)


class Wakes:
    """Answers below `/wake/`. *asks*: what asks for a poll of an account, by its name, and returns at once.

    `?account=NAME` limits it to one. The body is not looked at: Chanjing does not sign it, so all that it can bring
    about is a poll. Without a *token* nothing is there. For accounts that stand by, the answer is 503: a proxy that
    knows the other copy can turn to it.
    """

    def __init__(
        self,
        token: Secret | None,
        asks: Mapping[str, Callable[[], None]],
        standing_by: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._token = token
        self._asks = asks
        self._standing_by = standing_by

    def respond(self, request: Request) -> Response:
        if not self._is_token(request.path.removeprefix(PATH)):
            return _NOT_FOUND
        if request.method != "POST":
            return Response(b"POST\n", status=HTTPStatus.METHOD_NOT_ALLOWED, headers=[("Allow", "POST")])
        names = parse_qs(request.query, keep_blank_values=True).get("account", [*self._asks])
        if not self._asks.keys() >= set(names):
            return _NOT_FOUND
        for name in names:
            self._asks[name]()
        if not set(names).isdisjoint(self._standing_by()):
            return Response(b"standing by\n", status=HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(b"", status=HTTPStatus.NO_CONTENT)

    def _is_token(self, given: str) -> bool:
        # A path is bytes, which WSGI hands over as latin-1.
        return self._token is not None and hmac.compare_digest(given.encode("latin-1"), self._token.value.encode())
