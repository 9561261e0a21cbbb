"""Which addresses are public: the registries of IANA, and what may hide an address in another."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.backends.images.public_addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.216.34",
        "52.218.0.1",
        "99.255.255.255",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.169.0.1",
        "223.255.255.254",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:2800:220:1:248:1893:25c8:1946",
        "2a05:d018::1",
    ],
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",  # the metadata of another cloud
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.253",  # the resolver of a VPC
        "169.254.169.254",  # the metadata of an instance
        "169.254.170.2",  # the credentials of a container
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.8",
        "192.0.0.9",
        "192.0.0.10",
        "192.0.0.170",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_not_public_and_neither_in_ipv6(address: str) -> None:
    number = int(ipaddress.IPv4Address(address))
    assert not is_public(address)
    assert not is_public(f"::{address}")  # IPv4-compatible, RFC 4291 §2.5.5.1
    assert not is_public(f"::ffff:{address}")  # IPv4-mapped, RFC 4291 §2.5.5.2
    assert not is_public(f"::ffff:0:{address}")  # IPv4-translated, RFC 2765 §2.1
    assert not is_public(f"64:ff9b::{address}")  # NAT64, RFC 6052 §2.1
    assert not is_public(f"64:ff9b:1::{address}")  # NAT64, RFC 8215
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1)))  # 6to4, RFC 3056 §2
    assert not is_public(str(ipaddress.IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))))  # Teredo, RFC 4380 §4


@pytest.mark.parametrize("address", ["::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1", "2001:0:101:101::1"])
def test_a_public_address_in_another_is_not_public(address: str) -> None:
    """Who translates it is not known, nor what to."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::1",
        "100::1",
        "100:0:0:1::1",
        "2001::1",
        "2001:1::1",
        "2001:2::1",
        "2001:3::1",
        "2001:4:112::1",
        "2001:10::1",
        "2001:20::1",
        "2001:30::1",
        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::1",
        "2002::1",
        "2620:4f:8000::1",
        "3ffe::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::23",  # the credentials of a pod
        "fd00:ec2::253",  # the resolver of a VPC
        "fd00:ec2::254",  # the metadata of an instance
        "fe80::1",
        "fe80::1%2",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses())
def test_what_python_takes_for_private_is_not_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    kinds = ("private", "multicast", "reserved", "link_local", "loopback", "unspecified")
    if any(getattr(address, f"is_{kind}") for kind in kinds) or not address.is_global:
        assert not is_public(str(address))
