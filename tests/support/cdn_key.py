"""Private keys of CDNs in PEM, and a check of their signatures that shares no code with the service."""

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from chalicelib.core.s3.stores import Cdn


@cache
def private_key(kind: str) -> PrivateKeyTypes:
    """A private key: `rsa2048`, `P-256`, or of a kind that CloudFront refuses."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65_537, int(kind.removeprefix("rsa")))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if kind == "P-256" else ec.SECP384R1())


def pem(kind: str, *, passphrase: str = "", traditional: bool = False) -> str:
    """A private key as PEM."""
    form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return private_key(kind).private_bytes(Encoding.PEM, form, encryption).decode()


def decoded(text: str) -> bytes:
    """The bytes that CloudFront reads in a parameter or in a cookie."""
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)


def verify(private_pem: str, signature: bytes, text: bytes, hashed: HashAlgorithm = SHA256()) -> None:  # noqa: B008
    """Raise InvalidSignature unless the key made the signature of the text, with SHA-256 or another hash."""
    key = load_pem_private_key(private_pem.encode(), None)
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signature, text, padding.PKCS1v15(), hashed)
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        key.public_key().verify(signature, text, ec.ECDSA(hashed))


def cdn(kind: str = "P-256", *, cookie_domain: str | None = None) -> Cdn:
    """A distribution whose private key is in the settings' variables."""
    return Cdn("cdn.example.com", "K2JCJMDEHXQW5F", pem(kind), cookie_domain)
