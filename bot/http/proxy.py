"""Pure: the environment's variables about proxies and an address → the proxy that leads there. curl and requests agree.

httpx's own reading of NO_PROXY knows no networks and fails at IPv6, and a bad proxy that is not needed stops it.
"""

import ipaddress
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import httpx

from bot.errors import ConfigError
from bot.host import is_host, is_ip

_PORTS = range(1, 65536)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_AND_PORT = re.compile(r"(\[[^]]+\]|[^:]+):([0-9]+)")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it. Its text is without user name and password."""

    variable: str
    url: httpx.URL = field(repr=False)

    def __str__(self) -> str:
        return f"the proxy {self.url.netloc.decode()} ({self.variable})"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be printed: the password, and how HTTP spells it."""
        if not self.url.password:
            return ()
        return self.url.password, b64encode(f"{self.url.username}:{self.url.password}".encode()).decode()


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that leads to *url*; None: no proxy. Raise ConfigError if it cannot be used.

    The variable for the scheme of *url* comes before ALL_PROXY, and lower case before upper case.
    """
    address = urlsplit(url)
    variables = (_set(environ, f"{address.scheme}_proxy"), _set(environ, "all_proxy"))
    variable = next((one for one in variables if environ.get(one, "").strip()), None)
    if variable is None or _is_exempt(address, environ.get(_set(environ, "no_proxy"), "")):
        return None
    return Proxy(variable, _parsed(variable, environ[variable].strip()))


def _set(environ: Mapping[str, str], name: str) -> str:
    return name if name in environ else name.upper()


def _parsed(variable: str, text: str) -> httpx.URL:
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
        if url.scheme == "socks":  # as GNOME writes it
            url = url.copy_with(scheme="socks5")
        httpx.Proxy(url)
        usable = (
            is_host(url.raw_host.decode())
            and (url.port is None or url.port in _PORTS)
            and url.raw_path == b"/"
            and not url.fragment
        )
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        # What is wrong with it is not said: it may hold a password.
        raise ConfigError(
            f"{variable}: cannot be used. A proxy is written like http://proxy.example.com:8080 or socks5://127.0.0.1:1080"
            ", and in its user name and password characters such as @ : / # % as %40 %3A %2F %23 %25"
        ) from None
    return url


def _is_exempt(address: SplitResult, no_proxy: str) -> bool:
    host = (address.hostname or "").rstrip(".")
    port = address.port or _DEFAULT_PORTS[address.scheme]
    return any(_covers(entry, host, port) for entry in re.split(r"[,\s]+", no_proxy.lower()) if entry)


def _covers(entry: str, host: str, port: int) -> bool:
    """Tell whether an entry of NO_PROXY means *host*: `*`, or a name, address or network, perhaps with a port."""
    if entry == "*":
        return True
    entry = entry.rpartition("://")[2]
    if match := _HOST_AND_PORT.fullmatch(entry):
        entry = match[1]
        if int(match[2]) != port:
            return False
    if is_ip(host):
        try:
            network = ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False)
        except ValueError:
            return False
        return ipaddress.ip_address(host) in network
    name = entry.lstrip("*").strip("./")
    return bool(name) and (host == name or host.endswith(f".{name}"))
