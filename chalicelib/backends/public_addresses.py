"""Public addresses: the addresses of a host name, if all of them are on the public internet."""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Any, Final, NamedTuple

from chalicelib.core.web.times import Deadline

from .bounded import within

# From the IANA IPv4 and IPv6 Special-Purpose Address Registries: networks that are not public or have no web sites, but
# are global for `is_global` of some Python 3.11.
_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments (RFC 6890 §2.1)
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
    )
)
# IANA IPv6 Address Space: all unicast addresses are assigned from this network. Outside are the IPv4-mapped and
# -compatible addresses, both prefixes of NAT64, and the addresses that are local to a machine, a link or a site.
_UNICAST_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments; among them Teredo, which holds an IPv4 address (RFC 4380 §4)
        "2002::/16",  # 6to4, which holds an IPv4 address (RFC 3056 §2)
        "2620:4f:8000::/48",  # AS112 (RFC 7534)
        "3ffe::/16",  # 6bone, returned (RFC 3701)
        "3fff::/20",  # documentation (RFC 9637)
    )
)


class NotPublic(Exception):
    """A host has an address that is not on the public internet."""


class SocketAddress(NamedTuple):
    """An address that a socket can connect to.

    Attributes:
        family: of the socket.
        address: the argument of the socket's `connect`.
    """

    family: int
    address: tuple[Any, ...]


def resolve(host: str, port: int, deadline: Deadline, *, inner: bool, otherwise: str) -> Sequence[SocketAddress]:
    """Ask once for the addresses of a host.

    Args:
        host: a name or an address.
        port: for the addresses.
        deadline: of the request.
        inner: whether the addresses may be others than public addresses.
        otherwise: the detail for the client where the resolver does not answer in time.

    Raises:
        NotPublic: one of the addresses is not public.
        OSError: the host has no address.
        Unavailable: the resolver does not answer in time.
    """
    answers = within(
        deadline,
        lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
        otherwise=otherwise,
    )
    addresses = [SocketAddress(family, address) for family, _, _, _, address in answers]
    if not inner and not all(is_public(each.address[0]) for each in addresses):
        raise NotPublic()
    return addresses


def is_public(text: str) -> bool:
    """Whether an address belongs to one machine, or one service, on the public internet.

    An IPv6 address that contains an IPv4 address is never public.
    """
    address = ip_address(text)
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _UNICAST_6 and not any(address in network for network in _NOT_PUBLIC_6)
