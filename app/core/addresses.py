"""Which addresses outside may be called, and which URLs may be given for it.

A webhook endpoint's or a provider's URL comes from outside, so without a guard it would let a tenant make this service
call its own network: databases, cloud metadata, its neighbours. Everything here is pure: names are resolved, and their
addresses checked, by the transport at the moment of each connection.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, Literal
from urllib.parse import urlsplit

import idna

MAX_URL_LENGTH: Final = 2048

# IANA's special-purpose registry, plus one address that a cloud answers on from inside only. 224.0.0.0/3 is multicast,
# the reserved block and broadcast.
_V4_REFUSED: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent: looks public, is the machine's own control plane
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)

# Global unicast is the only block from which anything is allowed; that alone refuses loopback, mapped and compatible
# addresses, NAT64, discard-only, unique-local, link-local, site-local and multicast.
_V6_ALLOWED: Final = IPv6Network("2000::/3")
_V6_REFUSED: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID, drone ids
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3ffe::/16",
        "3fff::/20",
    )
)
# An ISATAP interface id carries a v4 address behind any prefix, so only the middle of the address gives it away.
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)

_V4_LOOPBACK: Final = IPv4Network("127.0.0.0/8")
_V6_LOOPBACK: Final = IPv6Address("::1")

# Names that only ever mean something inside a network.
_INNER_NAMES: Final = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"}
)

_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
_AUTHORITY: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[^:]*))?")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

UrlProblemReason = Literal[
    "too_long",
    "malformed",
    "scheme_not_allowed",
    "credentials_not_allowed",
    "fragment_not_allowed",
    "port_invalid",
    "host_invalid",
    "address_not_canonical",
    "address_not_public",
]


@dataclass(frozen=True, slots=True)
class UrlProblem:
    """Why a URL cannot be used, with a message that tells the remedy and never repeats the URL."""

    reason: UrlProblemReason
    message: str


class _RefusedError(Exception):
    def __init__(self, reason: UrlProblemReason, message: str) -> None:
        super().__init__(reason)
        self.problem = UrlProblem(reason, message)


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address belongs to the public internet and carries no other address inside.

    `ip.is_global` is not used: it passes NAT64, 6to4, ISATAP, multicast and more, each a way to an inner address.
    """
    if isinstance(ip, IPv4Address):
        return not any(ip in block for block in _V4_REFUSED)
    if ip.scope_id is not None or ip not in _V6_ALLOWED:
        return False
    if (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return not any(ip in block for block in _V6_REFUSED)


def is_loopback(ip: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is this very machine, in a plain spelling: `::ffff:127.0.0.1` is not."""
    if isinstance(ip, IPv4Address):
        return ip in _V4_LOOPBACK
    return ip == _V6_LOOPBACK


def may_connect(ip: IPv4Address | IPv6Address, *, allow_loopback: bool) -> bool:
    """Tell whether a connection may be opened to an address."""
    return is_public(ip) or (allow_loopback and is_loopback(ip))


@lru_cache(maxsize=4096)  # also asked before every attempt, for the same few URLs
def check_url(url: str, *, allow_http: bool, allow_loopback: bool) -> UrlProblem | None:
    """Check a URL that is to be called, without resolving its name.

    Args:
        url: The URL as it was given.
        allow_http: Accept plain http to any host; meant for installations where TLS ends elsewhere.
        allow_loopback: Accept localhost and loopback addresses, and http to them.

    Returns:
        The first problem found, or None when the URL may be used.
    """
    try:
        scheme, v6, name, port = _split(url)
        _check_port(port)
        loopback = _is_loopback_host(v6, name)
    except _RefusedError as refused:
        return refused.problem
    if loopback and not allow_loopback:
        return _not_public().problem
    if scheme == "http" and not (allow_http or loopback):
        return _bad_scheme().problem
    return None


def _split(url: str) -> tuple[str, str | None, str | None, str | None]:
    if len(url) > MAX_URL_LENGTH:
        raise _RefusedError("too_long", f"Use a URL of at most {MAX_URL_LENGTH} characters.")
    # urlsplit drops some of these silently, which would check another URL than the one that is called.
    if _UNSAFE.search(url):
        raise _malformed()
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _malformed() from None
    if parts.scheme not in {"http", "https"}:
        raise _bad_scheme()
    if "@" in parts.netloc:
        raise _RefusedError("credentials_not_allowed", "Leave user name and password out of the URL.")
    if "#" in url:
        raise _RefusedError("fragment_not_allowed", "Leave the part from # on out of the URL.")
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None:
        raise _malformed()
    return parts.scheme, authority["v6"], authority["name"], authority["port"]


def _check_port(port: str | None) -> None:
    if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise _RefusedError("port_invalid", "Use a port from 1 to 65535, or leave it out.")


def _is_loopback_host(v6: str | None, name: str | None) -> bool:
    """Refuse a host that may never be used, and tell whether it is loopback, which is for the caller to judge."""
    if v6 is not None:
        return _is_loopback_literal(v6.lower(), IPv6Address)
    if not name:
        raise _bad_host()
    host = name.lower()
    if not host.isascii():
        # The same conversion as the HTTP client's, so that both see one host; it also refuses the wide digits that
        # other conversions turn into an address.
        try:
            host = idna.encode(host).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise _bad_host() from None
    labels = host.split(".")
    if (labels[-1] or labels[-2])[:1].isdigit():
        # No top-level domain begins with a digit, but to some parser 0x7f.1 and 2130706433 are addresses. Compared as
        # it was given: ideographic full stops must not pass as dots.
        return _is_loopback_literal(name, IPv4Address)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad_host()
    if labels[-1] == "localhost":
        return True
    # A name of one label is looked up in the machine's own search domains.
    if len(labels) == 1 or labels[-1] in _INNER_NAMES or ".".join(labels[-2:]) in _INNER_NAMES:
        raise _not_public()
    return False


def _is_loopback_literal(text: str, kind: type[IPv4Address] | type[IPv6Address]) -> bool:
    try:
        ip = kind(text)
    except ValueError:
        raise _bad_spelling() from None
    loopback = is_loopback(ip)
    if not (loopback or is_public(ip)):
        raise _not_public()
    if str(ip) != text:
        raise _bad_spelling()
    return loopback


def _malformed() -> _RefusedError:
    return _RefusedError("malformed", "Use an absolute URL such as https://hooks.example.com/puntual.")


def _bad_scheme() -> _RefusedError:
    return _RefusedError("scheme_not_allowed", "Use https.")


def _bad_host() -> _RefusedError:
    return _RefusedError("host_invalid", "Use a complete host name such as hooks.example.com.")


def _bad_spelling() -> _RefusedError:
    return _RefusedError(
        "address_not_canonical", "Use a host name, or write the IP address in its usual form, such as 8.8.8.8."
    )


def _not_public() -> _RefusedError:
    return _RefusedError("address_not_public", "Use a host that is reachable on the public internet.")
