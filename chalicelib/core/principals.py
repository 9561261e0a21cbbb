"""Who is asking: authenticators, tried in order; the first that finds something to judge decides."""

import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from .message import Request
from .problems import CredentialsInvalid, LinkInvalid


class Principal(NamedTuple):
    """Someone who asks.

    Attributes:
        id: their own id, which `{user}` in a rule stands for; empty for anyone.
        tags: all that a rule's `to` can call them: `anyone`, `authenticated`, `key:ID`, `group:NAME`.
    """

    id: str
    tags: tuple[str, ...]

    @property
    def name(self) -> str:
        """How the log and the refusals call them."""
        return self.tags[-1]


ANYONE = Principal("", ("anyone",))

Authenticator = Callable[[Request], Principal | None]
"""Returns None where the request holds nothing of its kind, and raises where what it holds is bad."""


def identify(request: Request, authenticators: Iterable[Authenticator]) -> Principal:
    """Return who is asking, ANYONE where nothing says so.

    Raises:
        LinkInvalid, CredentialsInvalid: what came is bad.
    """
    for authenticate in authenticators:
        principal = authenticate(request)
        if principal is not None:
            return principal
    return ANYONE


def refuse_token(request: Request) -> None:
    """Refuse `?token=`: no links are made yet, so every token is forged, and one that is present is never ignored."""
    if "token" in request.query:
        raise LinkInvalid()


class Key(NamedTuple):
    """An API key as the settings hold it: the SHA-256 of its secret, in hex, never the secret."""

    id: str
    sha256: str
    groups: tuple[str, ...]

    def principal(self) -> Principal:
        """Whom this key speaks for."""
        groups = (f"group:{name}" for name in self.groups)
        return Principal(self.id, ("anyone", "authenticated", *groups, f"key:{self.id}"))


class ApiKeys:
    """Authenticates `Authorization: Basic` with id:secret (RFC 7617), and `Bearer` with that or the secret (RFC 6750).

    A key is found by the SHA-256 of the secret that came. So a wrong secret and an unknown id take the same steps, and
    the time of a look-up by the hash of a guess tells nothing about any stored hash.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._by_digest = {key.sha256: (key.id.encode(), key.principal()) for key in keys}

    def __call__(self, request: Request) -> Principal | None:
        """Return the key's principal, None without an Authorization header; raise CredentialsInvalid for a bad one."""
        header = request.headers.get("authorization")
        if header is None:
            return None
        scheme, _, value = header.strip().partition(" ")
        if scheme.lower() == "basic":
            value = _basic(value)
        elif scheme.lower() != "bearer":
            raise CredentialsInvalid()
        before, colon, after = value.strip().partition(":")
        secret = after if colon else before
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
        known_id, principal = self._by_digest.get(digest, (b"", None))
        same_id = not colon or hmac.compare_digest(known_id, before.encode("utf-8", "surrogatepass"))
        if principal is None or not same_id:
            raise CredentialsInvalid()
        return principal


def _basic(value: str) -> str:
    """Decode Basic credentials (RFC 7617 §2: base64 of `id:secret`, here UTF-8)."""
    try:
        decoded = binascii.a2b_base64(value.strip(), strict_mode=True).decode("utf-8")
    except ValueError:  # binascii.Error and UnicodeError are two of its kinds
        raise CredentialsInvalid() from None
    if ":" not in decoded:
        raise CredentialsInvalid()
    return decoded
