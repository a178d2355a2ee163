"""How an address is reached: its name resolved, each of its IP addresses tried, within one deadline.

getaddrinfo() knows no deadline, and httpx waits for the first address with all the time there is.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

import httpcore
import httpx

from bot.host import is_ip
from bot.http.proxy import Proxy

_SERVES = 30.0  # seconds: an address may belong to somebody else later on
_QUICK = 0.3  # seconds for each address at first; RFC 8305 recommends a quarter of a second


class _Lookup(Future[list[str]]):
    """What a name was asked for. `ended` is when the answer came, in monotonic seconds."""

    ended = float("inf")


class Resolver:
    """Names → IP addresses. An answer that comes after the deadline serves who asks soon after."""

    def __init__(
        self,
        getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._getaddrinfo = getaddrinfo
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # One at most for each name: a resolver that hangs must not fill the process with threads.
        self._pending: dict[str, _Lookup] = {}

    def addresses(self, host: str, timeout: float) -> list[str]:
        """Return the addresses of *host*, in the order to try them. Raise OSError, or TimeoutError after *timeout*."""
        if is_ip(host):
            return [host]
        with self._lock:
            pending = self._pending.get(host)
            if pending is None or self._monotonic() - pending.ended > _SERVES:
                pending = self._ask(host)
        try:
            return pending.result(timeout)
        finally:
            with self._lock:
                if pending.done() and self._pending.get(host) is pending:
                    del self._pending[host]

    def _ask(self, host: str) -> _Lookup:
        asked = _Lookup()

        def resolve() -> None:
            try:
                found = self._getaddrinfo(host, None, type=socket.SOCK_STREAM)
                asked.set_result(list(dict.fromkeys(address[4][0] for address in found)))
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                asked.set_exception(error)
            finally:
                asked.ended = self._monotonic()

        threading.Thread(target=resolve, name="resolver", daemon=True).start()
        self._pending[host] = asked
        return asked


class _Backend(httpcore.SyncBackend):
    """Opens connections: to the first address that answers, of those that are *allowed*, whatever the others do."""

    def __init__(self, resolver: Resolver, allowed: Callable[[str], bool]) -> None:
        self._resolver = resolver
        self._allowed = allowed

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        given = timeout or 0.0
        end = time.monotonic() + given
        try:
            addresses = self._resolver.addresses(host, given)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except Exception as error:
            raise httpcore.ConnectError(error) from error
        if not (addresses := [address for address in addresses if self._allowed(address)]):
            raise httpcore.ConnectError(OSError(0, "its address is not a public one"))
        failure: Exception = httpcore.ConnectError("no address")
        quick = min(_QUICK, given / 2 / max(1, len(addresses)))
        # Twice: a slow network needs more time than an address that is dead may take from one that is not.
        for most in (quick, given) if len(addresses) > 1 else (given,):
            for n, address in enumerate(addresses):
                share = min(most, (end - time.monotonic()) / (len(addresses) - n))
                try:
                    return super().connect_tcp(address, port, max(share, 0.001), local_address, socket_options)
                except (httpcore.ConnectTimeout, httpcore.ConnectError) as error:
                    failure = error
        raise failure


def transport(
    context: ssl.SSLContext, resolver: Resolver, proxy: Proxy | None, allowed: Callable[[str], bool] = lambda _: True
) -> httpx.HTTPTransport:
    """Return an httpx transport that takes nothing from the environment and connects to *allowed* IP addresses only."""
    own = context if proxy and proxy.url.scheme == "https" else None  # httpx: not for any other
    through = httpx.Proxy(proxy.url, ssl_context=own) if proxy else None
    made = httpx.HTTPTransport(verify=context, trust_env=False, proxy=through)
    made._pool._network_backend = _Backend(resolver, allowed)  # noqa: SLF001 - httpx has no other way to hand it on
    return made
