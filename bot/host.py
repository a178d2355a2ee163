"""Pure: what a host can be called. What is refused here could not be looked up, or makes a library fail."""

import ipaddress
import re

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LONGEST_NAME = 253
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # an IPv4 address in its last 32 bits: RFC 6052


def is_ip(text: str) -> bool:
    """Tell whether *text* is an IP address, without brackets and without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to *host* stays on this machine."""
    return ipaddress.ip_address(host).is_loopback if is_ip(host) else f".{host}".endswith(".localhost")


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the internet, rather than of this machine or of a network of its own."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = inner or found
    return found.is_global and not found.is_multicast


def is_host(text: str) -> bool:
    """Tell whether *text*, in ASCII and without brackets, is an IP address or can be the name of a host."""
    if is_ip(text):
        return True
    labels = text.removesuffix(".").split(".")
    # A name that ends in a number is an IP address that somebody mistyped: https://url.spec.whatwg.org/#ends-in-a-number-checker
    return len(text) <= _LONGEST_NAME and all(map(_is_label, labels)) and not _NUMBER.fullmatch(labels[-1])


def _is_label(text: str) -> bool:
    if not _LABEL.fullmatch(text):
        return False
    try:
        # Other letters than ASCII's: xn--fsq is 例.
        return not text.lower().startswith("xn--") or bool(text[4:].encode().decode("punycode"))
    except UnicodeError:
        return False
