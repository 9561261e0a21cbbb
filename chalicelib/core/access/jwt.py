"""JWT: the strict reader of a JSON Web Token that is signed, in its compact form (RFC 7515 §7.1, RFC 7519).

The reader verifies no signature, and does not know the issuers: it reads only what every issuer writes in the same way.
The reader is stricter than libraries are, so that no two readers of one token can understand different things.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from chalicelib.core.web.problems.access import CredentialsInvalid

from .issuers import FEWER_GROUPS, LEEWAY_SECONDS, MAX_TOKEN_BYTES
from .signing import decode
from .strict_json import read_object

MAX_NESTING: Final = 32  # objects and lists inside each other; the tokens of issuers have at most four
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")  # NUL, and the halves of surrogate pairs
_TYPES: Final = ("jwt", "at+jwt")  # RFC 7519 §5.1, RFC 9068 §2.1: media types, which have any case
_TEXTS: Final = ("iss", "sub", "jti")  # RFC 7519 §4.1: claims that are texts


class Token(NamedTuple):
    """A token whose form is right, and whose signature and claims nobody has checked.

    Attributes:
        algorithm: the value of `alg`.
        kid: the id of the key that signed the token; None where the token names no key.
        claims: the claims, whose texts have no NUL and no half of a surrogate pair.
        signed: the bytes that the signature is about.
        signature: the signature.
    """

    algorithm: str
    kid: str | None
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        """Show the algorithm only, because a token is a secret."""
        return f"Token({self.algorithm!a})"


def read_token(text: str) -> Token:
    """Return a token.

    Args:
        text: the token in its compact form.

    Raises:
        CredentialsInvalid: the text is no token, or is a token that the service does not accept from any issuer. The
            reason holds no part of the token.
    """
    if len(text) > MAX_TOKEN_BYTES:
        raise CredentialsInvalid(f"The token has more than {MAX_TOKEN_BYTES:,} bytes. {FEWER_GROUPS}")
    parts = text.split(".")
    if len(parts) != 3:
        raise CredentialsInvalid("The token does not have three parts. (An encrypted token has five.)")
    header = _read_object(parts[0], "header")
    claims = _read_object(parts[1], "content")
    if not all(isinstance(claims.get(name, ""), str) for name in _TEXTS):
        raise CredentialsInvalid(f"One of {', '.join(_TEXTS)} in the token is not a text.")
    signature = decode(parts[2])
    if not signature:
        raise CredentialsInvalid("The signature of the token is missing, or is not base64url.")
    algorithm, kid = _read_header(header)
    return Token(algorithm, kid, claims, f"{parts[0]}.{parts[1]}".encode(), signature)


def _read_header(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return `alg` and `kid`. No key and no address of a key is taken from a token: `jwk`, `jku` and `x5…` are ignored.

    So a key that came inside the token is never trusted (CVE-2025-24976).
    """
    algorithm, kid, media_type = header.get("alg"), header.get("kid", ""), header.get("typ", "JWT")
    if not isinstance(algorithm, str):
        raise CredentialsInvalid("The header of the token has no `alg`.")
    if "crit" in header:  # RFC 7515 §4.1.11
        raise CredentialsInvalid("The header of the token has `crit`, and the service supports no extension.")
    if header.get("b64", True) is not True:  # RFC 7797 §3
        raise CredentialsInvalid("The `b64` of the token is not true.")
    if not isinstance(media_type, str) or media_type.lower().removeprefix("application/") not in _TYPES:
        raise CredentialsInvalid("The `typ` of the token is neither `JWT` nor `at+jwt`.")
    if not isinstance(kid, str):
        raise CredentialsInvalid("The `kid` of the token is not a text.")
    return algorithm, kid if "kid" in header else None


def check_times(claims: Mapping[str, Any], now: float) -> float:
    """Return the time until which a token is valid, with the leeway, as Unix time in seconds.

    Raises:
        CredentialsInvalid: the token has ended, or begins later, or has no end, or a time is not a number.
    """
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    for name, time in times.items():
        if isinstance(time, bool) or not isinstance(time, int | float):
            raise CredentialsInvalid(f"`{name}` of the token is not a number.")
    if "exp" not in times:
        raise CredentialsInvalid("The token has no `exp`.")
    for name in ("nbf", "iat"):
        if times.get(name, now) > now + LEEWAY_SECONDS:
            raise CredentialsInvalid(f"`{name}` of the token is in the future.")
    end: float = times["exp"] + LEEWAY_SECONDS
    if now >= end:
        raise CredentialsInvalid("The token has expired.")
    return end


def _read_object(part: str, name: str) -> Mapping[str, Any]:
    try:
        value = read_object(decode(part) or b"")
    except ValueError:
        raise CredentialsInvalid(f"The {name} of the token is not base64url of an object in strict JSON.") from None
    _check_values(value, MAX_NESTING)
    return value


def _check_values(value: object, depth: int) -> None:
    """Check all texts and the nesting of a value: NUL and surrogates could make one name look like another name."""
    if isinstance(value, str):
        if _NOT_TEXT.search(value):
            raise CredentialsInvalid("A text in the token has NUL, or is not Unicode.")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise CredentialsInvalid(f"The token has more than {MAX_NESTING} values inside each other.")
        for child in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_values(child, depth - 1)
