"""Pure: why a request has no answer, in words that say what helps."""

import socket
import ssl
import zlib

import httpx

from bot.errors import NO_THREAD
from bot.http.proxy import Proxy

_CLOSED = ("Server disconnected", "peer closed connection")  # how h11 and httpcore begin to say it
# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/#error-codes
_UNKNOWN_ISSUER = {2, 18, 19, 20, 21}
_OUT_OF_DATE = {9, 10}
_ANOTHER_HOST = {62, 64}


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
        case zlib.error():
            return "the answer cannot be decompressed"
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
    """Return *text* of a ProxyError in our own words if a status begins it: the proxy's own follow there."""
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
        remedy = "If your company's CA issued it, let SSL_CERT_FILE name a PEM file with the certificate of that CA"
    elif error.verify_code in _OUT_OF_DATE:
        remedy = "If this machine's clock is right, it has to be renewed: SSL_CERT_FILE does not help"
    elif error.verify_code in _ANOTHER_HOST:
        remedy = "Check the address. If it is right, the server needs another certificate: SSL_CERT_FILE does not help"
    else:
        # Python 3.13 and later check strictly; but not what is trusted itself.
        remedy = (
            "The server needs a certificate that keeps to RFC 5280, which Python 3.13 and later insist on. Until then, "
            "let SSL_CERT_FILE name a PEM file with the server's own certificate"
        )
    return f"the certificate of {host} is refused: {error.verify_message.rstrip('.')}. {remedy}"
