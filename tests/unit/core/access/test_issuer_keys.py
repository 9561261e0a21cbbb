"""Issuer keys: which keys of a set the service uses, which keys it ignores, and which sets it refuses."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.issuer_keys import as_jwks, keys_of, read_jwks
from chalicelib.core.access.issuers import IssuerKey
from chalicelib.core.access.signing import encode

RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


def number(bits: int) -> str:
    """An odd number of so many bits."""
    return encode((1 << bits - 1 | 1).to_bytes((bits + 7) // 8))


def rsa(bits: int = 2048, **members: Any) -> dict[str, Any]:
    return {"kty": "RSA", "kid": "a", "n": number(bits), "e": "AQAB"} | members


def point(curve: str, size: int, **members: Any) -> dict[str, Any]:
    return {"kty": "EC", "crv": curve, "x": encode(bytes(size)), "y": encode(bytes(size))} | members


def jwks(*keys: object) -> bytes:
    return json.dumps({"keys": keys, "other": 1}).encode()


ED25519 = {"kty": "OKP", "crv": "Ed25519", "x": encode(bytes(32))}


def test_the_type_of_a_key_and_its_alg_pin_the_algorithms() -> None:
    for jwk, algorithms, members in (
        (rsa(), RSA, "kty n e"),
        (rsa(4096, alg="PS384", use="sig", key_ops=["verify"], x5c=["…"]), ("PS384",), "kty n e"),
        (rsa(e=number(32)), RSA, "kty n e"),
        (rsa(e="Aw"), RSA, "kty n e"),
        (point("P-256", 32), ("ES256",), "kty crv x y"),
        (point("P-384", 48, kid="b"), ("ES384",), "kty crv x y"),
        (ED25519 | {"alg": "EdDSA"}, ("EdDSA",), "kty crv x"),
    ):
        expected = IssuerKey(jwk.get("kid"), algorithms, {name: jwk[name] for name in members.split()})
        assert read_jwks(jwks(jwk)) == (expected,)
        assert keys_of(as_jwks([expected])) == (expected,)


def test_a_key_that_the_service_cannot_use_is_ignored() -> None:
    """Also a key that signs HS256, so that no public text is ever a secret (CVE-2026-48526)."""
    unusable: tuple[dict[str, Any], ...] = (
        *(rsa(2047), rsa(4097), rsa(e="AQ"), rsa(e="Ag"), rsa(e=number(33)), rsa(n=encode(b"\x80" + bytes(255)))),
        *(rsa(n=number(2048) + "=="), rsa(n="+" + number(2048)), rsa(n=None), rsa(e=65537), rsa(crv="P-256")),
        *(rsa(use="enc"), rsa(use=["sig"]), rsa(key_ops=["sign"]), rsa(key_ops="verify"), rsa(kid=1)),
        *(rsa(alg="RSA-OAEP"), rsa(alg="HS256"), rsa(alg="ES256"), rsa(alg="none"), rsa(alg=["RS256"])),
        *(point("P-256", 31), point("P-256", 33), point("P-384", 32), point("P-521", 66), point("secp256k1", 32)),
        *(point("P-256", 32, y=None), point("P-256", 32, alg="ES384"), point("P-256", 32, crv=["P-256"])),
        *(ED25519 | {"x": encode(bytes(31))}, ED25519 | {"crv": "Ed448"}, ED25519 | {"kty": "EC"}),
        *({"kty": "oct", "k": encode(bytes(32)), "alg": "HS256"}, {"kty": {}}, {}),
    )
    for jwk in unusable:
        with pytest.raises(ValueError, match=r"^has no key for signatures"):
            pytest.fail(f"{read_jwks(jwks(jwk))} was read from {jwk}")
    assert len(read_jwks(jwks(*unusable, rsa(), rsa()))) == 2


def test_a_set_with_a_private_key_or_with_two_meanings_is_refused() -> None:
    for member in ("d", "p", "q", "dp", "dq", "qi", "oth"):
        with pytest.raises(ValueError, match=r"^has the private part of a key"):
            read_jwks(jwks(rsa(), rsa(1024, **{member: "AQAB"})))
    good = jwks(rsa())
    for text in (
        *(b"", b"[]", b"null", b"{}", b"\xff", b'{"keys": {}}', b'{"keys": [1]}', good[:-1], good + b"x"),
        *(b"\xef\xbb\xbf" + good, good.decode().encode("utf-16"), good.replace(b'"kid"', b'"e": "Aw", "kid"')),
        *(good.replace(b"1}", value + b"}") for value in (b"NaN", b"-Infinity", b"1e400", b"[" * 9999, b"9" * 9999)),
    ):
        with pytest.raises(ValueError, match=r"^is not (an object in strict JSON|a JSON Web Key Set)"):
            pytest.fail(f"{read_jwks(text)} was read from {text[:99]!r}")


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=3)
NAMES = st.sampled_from(["kty", "crv", "alg", "use", "key_ops", "kid", "n", "e", "x", "y"])


@given(st.sampled_from([rsa(), point("P-256", 32), ED25519]), st.dictionaries(NAMES, JSON))
def test_every_set_is_read_or_refused(jwk: dict[str, Any], changes: dict[str, Any]) -> None:
    try:
        keys = read_jwks(jwks(jwk | changes))
    except ValueError:
        return
    assert keys_of(as_jwks(keys)) == keys
