"""Public addresses: the registries of IANA, and every way to hide an IPv4 address in an IPv6 address."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.backends.public_addresses import is_public

PUBLIC = """1.1.1.1 93.184.216.34 52.218.0.1 99.255.255.255 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1
    192.0.1.1 192.169.0.1 223.255.255.254 2001:200::1 2001:4860:4860::8888 2003::1 2606:2800:220:1:248:1893:25c8:1946
    2a05:d018::1"""
# Among them the metadata of clouds (169.254.169.254, 100.100.100.200, fd00:ec2::254), the credentials of a container
# and of a pod (169.254.170.2, fd00:ec2::23), and the resolver of a VPC (169.254.169.253, fd00:ec2::253).
NOT_PUBLIC_4 = """0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1
    127.255.255.254 169.254.169.253 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8
    192.0.0.9 192.0.0.10 192.0.0.170 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255
    198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255"""
NOT_PUBLIC_6 = """:: ::1 100::1 100:0:0:1::1 2001::1 2001:1::1 2001:2::1 2001:3::1 2001:4:112::1 2001:10::1 2001:20::1
    2001:30::1 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8::1 2002::1 2620:4f:8000::1 3ffe::1 3fff::1 4000::1
    5f00::1 fc00::1 fd00:ec2::23 fd00:ec2::253 fd00:ec2::254 fe80::1 fe80::1%2 fec0::1 ff02::1 ff0e::1"""


def hidden(address: str) -> list[str]:
    """The IPv6 addresses that contain an IPv4 address."""
    number = int(ipaddress.IPv4Address(address))
    prefixes = ("::", "::ffff:", "::ffff:0:", "64:ff9b::", "64:ff9b:1::")  # RFC 4291, 2765, 6052, 8215
    six_to_four = 0x2002 << 112 | number << 80 | 1  # RFC 3056 §2
    teredo = 0x20010000 << 96 | number ^ 0xFFFFFFFF  # RFC 4380 §4
    return [
        *(f"{prefix}{address}" for prefix in prefixes),
        *(str(ipaddress.IPv6Address(each)) for each in (six_to_four, teredo)),
    ]


def test_only_addresses_on_the_public_internet_are_public() -> None:
    """A public IPv4 address in an IPv6 address is not public either: nobody knows which machine translates it."""
    for address in PUBLIC.split():
        assert is_public(address), address
    for address in [*NOT_PUBLIC_4.split(), *NOT_PUBLIC_6.split()]:
        assert not is_public(address), address
    for address in [*NOT_PUBLIC_4.split(), "1.1.1.1"]:
        for ipv6 in hidden(address):
            assert not is_public(ipv6), ipv6


@given(st.ip_addresses())
def test_an_address_that_is_private_for_python_is_not_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    kinds = ("private", "multicast", "reserved", "link_local", "loopback", "unspecified")
    if any(getattr(address, f"is_{kind}") for kind in kinds) or not address.is_global:
        assert not is_public(str(address))
