"""Limits: which limits a caller has, under which name a caller is counted, and the windows of a limit."""

import hashlib
import ipaddress
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple

from .authorization import Caller
from .principals import ANYONE
from .signing import encode

MAX_LEASES: Final = 50  # of one window: all containers together write so often to the table
_NETWORK_BITS: Final = 64  # the network of one client: RFC 6177 §2 gives a client a whole /64 of IPv6, or more


class Limit(NamedTuple):
    """One `[[limits]]` table of the settings.

    Attributes:
        to: the callers, as `Principal.tags` names them.
        requests: how many requests of one caller get through in a window.
        per_seconds: the length of a window. Windows follow each other from the Unix time 0.
    """

    to: tuple[str, ...]
    requests: int
    per_seconds: int

    @property
    def lease_size(self) -> int:
        """The requests of a lease, rounded up, so that `MAX_LEASES` leases hold all requests of a window."""
        return -(-self.requests // MAX_LEASES)

    def window_start(self, now: float) -> int:
        """Return the Unix time in whole seconds at which the window of `now` began."""
        return int(now // self.per_seconds) * self.per_seconds

    def window_id(self, caller_name: str, start: int) -> str:
        """Return the name of a caller's window, which shows neither the caller nor an address.

        A window keeps its name when the number of requests changes, so containers with older settings count in the
        same window.
        """
        text = "\0".join((*self.to, str(self.per_seconds), caller_name))
        return f"limit:{start}:{encode(hashlib.sha256(text.encode('utf-8', 'surrogatepass')).digest())}"


def limits_of(limits: Iterable[Limit], tags: Collection[str]) -> list[Limit]:
    """Return the limits of a caller, the shortest window first.

    Of the limits with windows of one length, the first that names the caller counts, as with rules. Limits with other
    windows count beside it.
    """
    by_length: dict[int, Limit] = {}
    for limit in limits:
        if any(tag in tags for tag in limit.to):
            by_length.setdefault(limit.per_seconds, limit)
    return [by_length[seconds] for seconds in sorted(by_length)]


def tags_of(caller: Caller | None) -> Collection[str]:
    """Return the tags by which limits name a caller. The holder of a link is anyone, whoever made the link.

    Args:
        caller: None for a caller without valid credentials.
    """
    return ANYONE.tags if caller is None or caller.link else caller.principal.tags


def name_of(caller: Caller | None, address: Callable[[], str]) -> str:
    """Return the name under which a caller is counted: the principal, or the network of an unknown client.

    Many clients share a link, or a publishable key. So each of these clients is counted by its own network, and no
    client uses up the requests of the others or of the maker of the link.

    Args:
        caller: None for a caller without valid credentials.
        address: returns the IP address of the client.
    """
    principal, link = (caller.principal, caller.link) if caller else (ANYONE, None)
    if "authenticated" in principal.tags and not link:
        return principal.name
    shared = f"link:{link.id}" if link else principal.name
    return f"{shared} {network_of(address())}"


def network_of(address: str) -> str:
    """Return an IPv4 address as it is, and the /64 network of an IPv6 address; a text of another form as it is."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(ip) >> _NETWORK_BITS << _NETWORK_BITS))
