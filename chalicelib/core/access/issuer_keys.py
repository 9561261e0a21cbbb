"""Issuer keys: reads the JSON Web Key Set of an issuer (RFC 7517), and writes keys as such a set.

A set may have keys for other purposes and of other kinds. The service ignores each key that it cannot use, as RFC 7517
§5 advises.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from . import signing
from .issuers import IssuerKey
from .strict_json import read_object

_MIN_RSA_BITS: Final = 2_048  # RFC 7518 §3.3
_MAX_RSA_BITS: Final = 4_096  # a larger key takes milliseconds for each signature
_MAX_EXPONENT_BITS: Final = 32  # a large exponent is as slow; nearly every key has 65,537

# RFC 7518 §6.2.2 and §6.3.2, RFC 8037 §2.
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


class _Kind(NamedTuple):
    """A kind of key: its values of `alg`, the members of its public part, and the bytes of each coordinate."""

    algorithms: tuple[str, ...]
    members: tuple[str, ...]
    coordinate_bytes: int = 0


# By `kty` and `crv`: RFC 7518 §3.1 and §6, RFC 8037 §2.
_KINDS: Final[Mapping[tuple[object, object], _Kind]] = {
    ("RSA", None): _Kind(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("n", "e")),
    ("EC", "P-256"): _Kind(("ES256",), ("x", "y"), 32),
    ("EC", "P-384"): _Kind(("ES384",), ("x", "y"), 48),
    ("OKP", "Ed25519"): _Kind(("EdDSA",), ("x",), 32),
}


def read_jwks(text: bytes) -> tuple[IssuerKey, ...]:
    """Return the keys of a set that can verify the signatures of tokens.

    Args:
        text: the set as JSON.

    Raises:
        ValueError: the text is not a set, has the private part of a key, or has no key that the service can use. The
            message repeats nothing of the text.
    """
    return keys_of(read_object(text))


def keys_of(jwks: Mapping[str, Any]) -> tuple[IssuerKey, ...]:
    """Return the keys of a set that is read already; raise as `read_jwks`."""
    members = jwks.get("keys")
    if not isinstance(members, list) or not all(isinstance(jwk, dict) for jwk in members):
        raise ValueError('is not a JSON Web Key Set: {"keys": [{…}]}')
    keys = tuple(key for jwk in members if (key := _key(jwk)))
    if not keys:
        raise ValueError(
            "has no key for signatures that the service can use: RSA of 2,048 to 4,096 bits, P-256, P-384 or Ed25519"
        )
    return keys


def as_jwks(keys: Iterable[IssuerKey]) -> dict[str, Any]:
    """Return a set, from which `keys_of` returns the same keys."""
    return {"keys": [_jwk(key) for key in keys]}


def _key(jwk: Mapping[str, Any]) -> IssuerKey | None:
    """Return the key of one JSON Web Key; None where the service cannot use the key."""
    named = jwk.get("kty"), jwk.get("crv")
    kind = _KINDS.get(named) if all(isinstance(name, str | None) for name in named) else None
    if kind is None:
        return None
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise ValueError("has the private part of a key: remove it, and never use this key again")
    values = [jwk.get(name) for name in kind.members]
    if not _is_usable(kind, [signing.decode(value) if isinstance(value, str) else None for value in values]):
        return None
    kid, algorithm, operations = jwk.get("kid"), jwk.get("alg"), jwk.get("key_ops", ["verify"])
    algorithms = kind.algorithms if algorithm is None else tuple(each for each in kind.algorithms if each == algorithm)
    is_for_signatures = jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    if not algorithms or not is_for_signatures or not isinstance(kid, str | None):
        return None
    return IssuerKey(kid, algorithms, {name: jwk[name] for name in ("kty", "crv", *kind.members) if name in jwk})


def _is_usable(kind: _Kind, values: Sequence[bytes | None]) -> bool:
    """Whether the numbers of a key have the right size. The verifier checks whether a point is on its curve."""
    if kind.coordinate_bytes:  # coordinates have leading zeros (RFC 7518 §6.2.1.2)
        return all(value is not None and len(value) == kind.coordinate_bytes for value in values)
    modulus, exponent = (int.from_bytes(value or b"") for value in values)
    return (
        _MIN_RSA_BITS <= modulus.bit_length() <= _MAX_RSA_BITS
        and 1 < exponent.bit_length() <= _MAX_EXPONENT_BITS
        and modulus & exponent & 1 == 1  # both are odd
    )


def _jwk(key: IssuerKey) -> dict[str, str]:
    kid = {} if key.kid is None else {"kid": key.kid}
    algorithm = {"alg": key.algorithms[0]} if len(key.algorithms) == 1 else {}
    return {**kid, **algorithm, **key.jwk}
