"""The private keys that sign for CDNs: from a PEM file, from the text of a variable, or from AWS."""

import os
from collections.abc import Callable, Iterable
from typing import Final

from chalicelib.core.s3.stores import Cdn
from chalicelib.core.web.times import Deadline

from .secrets import is_arn, source_of

Sign = Callable[[bytes], bytes]
"""Returns the signature of a text."""

_PEM: Final = "-----BEGIN "  # RFC 7468 §2
_RSA_BITS: Final = 2_048  # CloudFront Developer Guide, "Create key pairs for your signers": RSA 2048 or ECDSA 256


class PrivateKeys:
    """`ports.CdnKeys`. The constructor loads `cryptography` and the keys, so that no request waits for both.

    A key that AWS keeps is fetched by the first request that needs the key.

    Args:
        cdns: the CDNs.
        directory: of the settings, for PEM files.

    Raises:
        ValueError: a key cannot be read or used. The message names the CDN, and never holds a part of a key.
    """

    def __init__(self, cdns: Iterable[Cdn], directory: str) -> None:
        self._sources: dict[str, Callable[[Deadline], Sign]] = {}
        for cdn in cdns:
            try:
                self._sources[cdn.private_key] = key_source(cdn.private_key, directory)
            except ValueError as error:
                raise ValueError(f"the private_key of the cdn {cdn.domain} {error}") from None

    def sign(self, cdn: Cdn, text: bytes, deadline: Deadline) -> bytes:
        """Return the signature of a text with the private key of a CDN; raise Unavailable."""
        return self._sources[cdn.private_key](deadline)(text)


def is_file(reference: str) -> bool:
    """Whether a reference of a private key is the path of a file."""
    return not is_arn(reference) and _PEM not in reference


def key_source(reference: str, directory: str) -> Callable[[Deadline], Sign]:
    """Return a function that returns the signing function of a private key; raise ValueError.

    Args:
        reference: the path of a PEM file, the PEM itself, or an ARN as for `secrets.secret_source`.
        directory: the directory of a path that is not absolute.
    """
    return source_of(_read(os.path.join(directory, reference)) if is_file(reference) else reference, _signing_function)


def _read(file: str) -> str:
    try:
        with open(file, encoding="ascii") as stream:
            return stream.read()
    except (OSError, ValueError) as error:  # the path is not shown: a variable can hold a key in another form
        reason = getattr(error, "strerror", None) or "it is not a PEM file"
        raise ValueError(f"cannot be read as a file: {reason}") from None


def _signing_function(pem: str) -> Sign:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise ValueError("is not a private key in PEM without a passphrase") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size == _RSA_BITS:
        return lambda text: key.sign(text, padding.PKCS1v15(), SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        # RFC 6979: the same URL throughout `stable_seconds` needs the same signature.
        algorithm = ec.ECDSA(SHA256(), deterministic_signing=True)
        return lambda text: key.sign(text, algorithm)
    raise ValueError("is a key that CloudFront refuses: make an ECDSA key on P-256, or an RSA key of 2,048 bits")
