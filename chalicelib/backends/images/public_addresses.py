"""The addresses of a name, where all of them are on the public internet."""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Any, Final, NamedTuple

from chalicelib.backends.bounded import within
from chalicelib.core.web.problems import SourceNotAllowed
from chalicelib.core.web.times import Deadline

# IANA IPv4 and IPv6 Special-Purpose Address Registries: what `is_global` of one Python 3.11 or another takes for
# public, and is not, or is but has no web sites.
_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890 §2.1)
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
    )
)
# IANA IPv6 Address Space: unicast is given out of this alone. Outside are the IPv4-mapped and -compatible addresses,
# both prefixes of NAT64, and what is local to a machine, a link or a site.
_UNICAST_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments, Teredo among them, which holds an IPv4 address (RFC 4380 §4)
        "2002::/16",  # 6to4, which holds an IPv4 address (RFC 3056 §2)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3ffe::/16",  # 6bone, given back (RFC 3701)
        "3fff::/20",  # documentation (RFC 9637)
    )
)


class Address(NamedTuple):
    """Where a socket connects to.

    Attributes:
        family: the socket's.
        place: what its `connect` takes.
    """

    family: int
    place: tuple[Any, ...]


def resolve(host: str, port: int, deadline: Deadline) -> Sequence[Address]:
    """Ask for the addresses of a name, once.

    Args:
        host: a name, no address.
        port: it goes into the places.
        deadline: of the request.

    Raises:
        SourceNotAllowed: one of the addresses is not public.
        OSError: there are none.
        Unavailable: there is no answer in time.
    """
    found = within(
        deadline,
        lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
        otherwise="The site of the image does not answer.",
    )
    addresses = [Address(family, place) for family, _, _, _, place in found]
    if not all(is_public(address.place[0]) for address in addresses):
        raise SourceNotAllowed()
    return addresses


def is_public(text: str) -> bool:
    """Whether an address is of one machine, or one service, on the public internet.

    An IPv6 address that stands for an IPv4 address is not, whichever that is.
    """
    address = ip_address(text)
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _UNICAST_6 and not any(address in network for network in _NOT_PUBLIC_6)
