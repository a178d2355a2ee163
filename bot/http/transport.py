"""How an address is reached: its name resolved, each of its IP addresses tried, within one deadline; and why it is not.

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

from bot.errors import NO_THREAD
from bot.host import is_ip
from bot.http.proxy import Proxy

_QUICK = 0.3  # seconds for each address at first; RFC 8305 recommends a quarter of a second
_CLOSED = ("Server disconnected", "peer closed connection")  # how h11 and httpcore begin to say it
# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/#error-codes
_UNKNOWN_ISSUER = {2, 18, 19, 20, 21}
_OUT_OF_DATE = {9, 10}
_ANOTHER_HOST = {62, 64}


class Resolver:
    """Names → IP addresses. An answer that comes after the deadline serves who asks next."""

    def __init__(self, getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        self._getaddrinfo = getaddrinfo
        self._lock = threading.Lock()
        # One at most for each name: a resolver that hangs must not fill the process with threads.
        self._pending: dict[str, Future[list[str]]] = {}

    def addresses(self, host: str, timeout: float) -> list[str]:
        """Return the addresses of *host*, in the order to try them. Raise OSError, or TimeoutError after *timeout*."""
        if is_ip(host):
            return [host]
        with self._lock:
            pending = self._pending.get(host) or self._ask(host)
        try:
            return pending.result(timeout)
        finally:
            with self._lock:
                if pending.done() and self._pending.get(host) is pending:
                    del self._pending[host]

    def _ask(self, host: str) -> Future[list[str]]:
        asked: Future[list[str]] = Future()

        def resolve() -> None:
            try:
                found = self._getaddrinfo(host, None, type=socket.SOCK_STREAM)
                asked.set_result(list(dict.fromkeys(address[4][0] for address in found)))
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                asked.set_exception(error)

        threading.Thread(target=resolve, name="resolver", daemon=True).start()
        self._pending[host] = asked
        return asked


class _Backend(httpcore.SyncBackend):
    """Opens connections: to the first address that answers, whatever the others do."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

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
            untried = self._resolver.addresses(host, given)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except Exception as error:
            raise httpcore.ConnectError(error) from error
        failure: Exception = httpcore.ConnectError("no address")
        quick = min(_QUICK, given / 2 / max(1, len(untried)))
        # Twice: a slow network needs more time than an address that is dead may take from one that is not.
        for most in (quick, given) if len(untried) > 1 else (given,):
            slow = []
            for n, address in enumerate(untried):
                share = min(most, (end - time.monotonic()) / (len(untried) - n))
                try:
                    return super().connect_tcp(address, port, max(share, 0.001), local_address, socket_options)
                except httpcore.ConnectTimeout as error:
                    failure = error
                    slow.append(address)
                except httpcore.ConnectError as error:
                    failure = error
            untried = slow
        raise failure


def client(context: ssl.SSLContext, resolver: Resolver, proxy: Proxy | None, timeout: float) -> httpx.Client:
    """Return an httpx client that takes nothing from the environment."""
    own = context if proxy and proxy.url.scheme == "https" else None  # httpx: not for any other
    through = httpx.Proxy(proxy.url, ssl_context=own) if proxy else None
    transport = httpx.HTTPTransport(verify=context, trust_env=False, proxy=through)
    transport._pool._network_backend = _Backend(resolver)  # noqa: SLF001 - httpx has no other way to hand it on
    return httpx.Client(transport=transport, trust_env=False, timeout=timeout, follow_redirects=False)


def why(error: Exception, host: str, proxy: Proxy | None) -> str:
    """Return what kept a request to *host* from its answer. Nothing is quoted that the other side sent."""
    if isinstance(error, httpx.DecodingError):
        return str(error)  # our own words
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate(cause, host)
    if isinstance(error, httpx.ProxyError) and proxy:
        text = _proxy_error(str(error), host, proxy)
    elif isinstance(error, httpx.RemoteProtocolError):
        closed = str(error).startswith(_CLOSED)
        text = "the connection was closed before the answer was whole" if closed else "the answer is not HTTP"
    else:
        text = _said(cause)
    return f"{proxy}: {text}" if proxy else text


def _root(error: BaseException) -> BaseException:
    # httpcore keeps what it translates as an argument, and cuts it off as the cause.
    inner = error.__cause__ or next(iter(error.args), None)
    return _root(inner) if isinstance(inner, BaseException) else error


def _said(cause: BaseException) -> str:
    match cause:
        case OSError():
            return _of_system(cause)
        case RuntimeError():
            return NO_THREAD
        case httpx.InvalidURL() | UnicodeError():
            return "there can be no such host"
    return type(cause).__name__


def _of_system(cause: OSError) -> str:
    match cause:
        case socket.gaierror():
            return f"the name cannot be resolved: {cause.strerror}"
        case ssl.SSLError():
            return f"no TLS connection: {cause.reason or cause.strerror}"
        case TimeoutError():
            return "timed out"
    return cause.strerror or type(cause).__name__


def _proxy_error(text: str, host: str, proxy: Proxy) -> str:
    """Return *text* of a ProxyError in our own words where a status begins it: the proxy's own follow there."""
    status = text.partition(" ")[0]
    if status == "407" and proxy.secrets:
        return f"it does not accept the user name and password in {proxy.variable}"
    if status == "407":
        return f"it wants a user name and a password: write {proxy.variable} as http://user:password@host:port"
    if status.isdigit():
        return f"it refuses to connect to {host}: HTTP {status}. Ask who runs it, or add {host} to NO_PROXY"
    return text.rstrip(".")


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    """Return what is wrong with the certificate of *host*, and what helps."""
    if error.verify_code in _UNKNOWN_ISSUER:
        cure = "If your company's CA issued it, let SSL_CERT_FILE name a PEM file with the certificate of that CA"
    elif error.verify_code in _OUT_OF_DATE:
        cure = "If this machine's clock is right, it has to be renewed: SSL_CERT_FILE does not help"
    elif error.verify_code in _ANOTHER_HOST:
        cure = "Check the address. If it is right, the server needs another certificate: SSL_CERT_FILE does not help"
    else:
        # Python 3.13 and later check strictly; but not what is trusted itself.
        cure = (
            "The server needs a certificate that keeps to RFC 5280, which Python 3.13 and later insist on. Until then, "
            "let SSL_CERT_FILE name a PEM file with the server's own certificate"
        )
    return f"the certificate of {host} is refused: {error.verify_message.rstrip('.')}. {cure}"
