"""Signatures of tokens, verified by the primitives of `cryptography`."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from chalicelib.core.access.issuers import IssuerKey
from chalicelib.core.access.signing import decode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

Verify = Callable[[bytes, bytes], None]
"""Takes a signature and the data; raises InvalidSignature where the key did not make the signature."""

MAX_VERIFIERS: Final = 64  # kept, one for each key and algorithm: to build the key takes as long as to verify


class CryptographySignatures:
    """`ports.TokenSignatures`. The constructor loads `cryptography`, so that no request has to wait for it.

    Args:
        algorithms: the values of `alg` whose modules are loaded now. Other modules are loaded by their first token.
    """

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

        self._failures = (InvalidSignature, ValueError, KeyError)  # KeyError: a member of the JWK is missing
        self._hashes = {"256": SHA256(), "384": SHA384(), "512": SHA512()}
        self._verifier = lru_cache(MAX_VERIFIERS)(self._new_verifier)
        families = {algorithm[:2] for algorithm in algorithms}
        if families & {"RS", "PS"}:
            from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: F401
        if families & {"ES", "Ed"}:
            from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils  # noqa: F401

    def verifies(self, key: IssuerKey, algorithm: str, data: bytes, signature: bytes) -> bool:
        """Whether the key made the signature; False also for a key that cannot be built."""
        if algorithm not in key.algorithms:
            return False
        try:
            self._verifier(algorithm, *key.jwk.items())(signature, data)
        except self._failures:
            return False
        return True

    def _new_verifier(self, algorithm: str, *members: tuple[str, str]) -> Verify:
        """Return the verifier of RFC 7518 §3.3 to §3.5 or RFC 8037 §3.1; raise ValueError or KeyError for a bad key."""
        jwk = dict(members)
        if algorithm == "EdDSA":
            from cryptography.hazmat.primitives.asymmetric import ed25519

            return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"])).verify
        family, hashed = algorithm[:2], self._hashes[algorithm[2:]]
        if family == "ES":
            return self._ecdsa(jwk, hashed)
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        key = rsa.RSAPublicNumbers(e=_number(jwk["e"]), n=_number(jwk["n"])).public_key()
        scheme = padding.PSS(padding.MGF1(hashed), hashed.digest_size) if family == "PS" else padding.PKCS1v15()
        return lambda signature, data: key.verify(signature, data, scheme, hashed)

    def _ecdsa(self, jwk: Mapping[str, str], hashed: "HashAlgorithm") -> Verify:
        """Return the verifier of signatures that hold R and S as numbers of a fixed length (RFC 7518 §3.4)."""
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        length = hashed.digest_size
        curve = ec.SECP256R1() if length == 32 else ec.SECP384R1()
        key = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), curve).public_key()

        def verify(signature: bytes, data: bytes) -> None:
            if len(signature) != 2 * length:
                raise ValueError("the signature has a wrong length")
            numbers = int.from_bytes(signature[:length]), int.from_bytes(signature[length:])
            key.verify(utils.encode_dss_signature(*numbers), data, ec.ECDSA(hashed))

        return verify


def _bytes(text: str) -> bytes:
    data = decode(text)
    if data is None:
        raise ValueError("a member of the JWK is not base64url")
    return data


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text))
