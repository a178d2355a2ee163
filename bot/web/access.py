"""Who may see the page."""

import hmac
from base64 import b64decode
from http import HTTPStatus

from bot.host import is_loopback
from bot.secret import Secret
from bot.web.server import Request, Response
from bot.wording.page import CLOSED, PASSWORD

_ASK = ("WWW-Authenticate", 'Basic realm="lipsync-bot", charset="UTF-8"')


class Access:
    """Asks for the *password*; without one, only this machine may see the page, and only if *host* is its own."""

    def __init__(self, host: str, password: Secret | None) -> None:
        self._local = is_loopback(host)
        self._password = password

    def refused(self, request: Request) -> Response | None:
        """Return the answer to a request that may not see the page; None: it may."""
        if self._password is not None:
            if hmac.compare_digest(_given(request), self._password.value.encode()):
                return None
            return Response(PASSWORD.encode(), status=HTTPStatus.UNAUTHORIZED, headers=[_ASK])
        # The name of the host too: a web site can give a name of its own the address of this machine, and read on.
        if self._local and is_loopback(_host(request)):
            return None
        return Response(CLOSED.encode(), status=HTTPStatus.FORBIDDEN)


def _given(request: Request) -> bytes:
    """Return the password of HTTP Basic; the user's name does not matter."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        return b64decode(encoded.strip()).partition(b":")[2] if scheme.lower() == "basic" else b""
    except ValueError:
        return b""


def _host(request: Request) -> str:
    host = request.headers.get("host", "")
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
