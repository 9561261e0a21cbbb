"""An identity provider of the tests: its keys, and tokens whose header and claims can be anything."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from chalicelib.core.access.issuer_keys import keys_of
from chalicelib.core.access.issuers import Issuer, IssuerKey
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .builders import NOW

ISSUER = "https://id.example.com"
AUDIENCE = "https://files.example.com"
CLAIMS: Mapping[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 300}

# The id of each key is also its type; the keys of one type differ.
KIDS = ("rsa", "p256", "p384", "ed25519")
SIGNED = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "none")
ALGORITHMS = {"rsa": "RS256", "p256": "ES256", "p384": "ES384", "ed25519": "EdDSA"}

_HASHES = {"256": SHA256(), "384": SHA384(), "512": SHA512()}


@cache
def private_key(kid: str) -> Any:
    """The private key with an id; `rsa 2` is another key of the type of `rsa`."""
    match kid.split()[0]:
        case "rsa":
            return rsa.generate_private_key(65_537, 2_048)
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
    return ed25519.Ed25519PrivateKey.generate()


def base64url(data: bytes) -> str:
    """The text of bytes in a token."""
    return urlsafe_b64encode(data).decode().rstrip("=")


@cache
def jwk(kid: str) -> dict[str, str]:
    """The public key with an id, as a JSON Web Key."""

    def number(value: int, length: int) -> str:
        return base64url(value.to_bytes(length))

    public = private_key(kid).public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return {"kid": kid, "kty": "RSA", "n": number(public.public_numbers().n, 256), "e": "AQAB"}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": base64url(public.public_bytes_raw())}
    numbers, length = public.public_numbers(), public.key_size // 8
    coordinates = {"x": number(numbers.x, length), "y": number(numbers.y, length)}
    return {"kid": kid, "kty": "EC", "crv": f"P-{public.key_size}", **coordinates}


def keys(*kids: str) -> tuple[IssuerKey, ...]:
    """The public keys with some ids, as the service knows keys."""
    return keys_of({"keys": [jwk(kid) for kid in kids]})


def signature(kid: str, algorithm: str, data: bytes) -> bytes:
    """A signature by any algorithm; HS256 takes the key's public part as its secret, and none has no signature."""
    if algorithm == "none":
        return b""
    if algorithm == "HS256":
        return hmac.digest(json.dumps(jwk(kid)).encode(), data, "sha256")
    key = private_key(kid)
    if algorithm == "EdDSA":
        return bytes(key.sign(data))
    family, hashed = algorithm[:2], _HASHES[algorithm[2:]]
    if family == "ES":
        length = (key.key_size + 7) // 8
        numbers = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashed)))
        return b"".join(number.to_bytes(length) for number in numbers)
    mgf = padding.MGF1(hashed)
    scheme = padding.PSS(mgf, hashed.digest_size) if family == "PS" else padding.PKCS1v15()
    return bytes(key.sign(data, scheme, hashed))


def sign(header: bytes, content: bytes, kid: str = "rsa", algorithm: str = "RS256") -> str:
    """A token of a header and a content that need not be JSON."""
    signed = f"{base64url(header)}.{base64url(content)}"
    return f"{signed}.{base64url(signature(kid, algorithm, signed.encode()))}"


def token(claims: Mapping[str, Any] = CLAIMS, key: str = "rsa", /, **header: Any) -> str:
    """A token, signed by the `alg` of its header, or by the first algorithm of the key's type.

    A member of the header that is `...` is left out.
    """
    algorithm = header.get("alg") if header.get("alg") in SIGNED else ALGORITHMS[key.split()[0]]
    members = {"alg": algorithm, "kid": key, **header}
    members = {name: value for name, value in members.items() if value is not ...}
    return sign(json.dumps(members).encode(), json.dumps(claims).encode(), key, str(algorithm))


class MemoryIssuerKeys:
    """`ports.IssuerKeys`: the keys of all issuers, and the keys that a fetch would find; None for a failing fetch."""

    def __init__(self, known: Sequence[IssuerKey], fetched: Sequence[IssuerKey] | None = ()) -> None:
        self.keys = known
        self.fetched = fetched
        self.fetches = 0

    def known(self, issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Return the keys at hand."""
        assert issuer.issuer == ISSUER
        return self.keys

    def after_unknown(self, issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Fetch the other keys."""
        self.fetches += 1
        if self.fetched is None:
            raise Unavailable("The keys cannot be fetched.")
        self.keys = self.fetched
        return self.keys
