"""Who is asking: authenticators, tried in order; the first that finds something to judge decides."""

import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from chalicelib.core.web.message import BLANKS, Request
from chalicelib.core.web.problems import CredentialsInvalid, UrlKeyInvalid

from .signing import fingerprint


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

Authenticator = Callable[[Request, float], Principal | None]
"""Takes a request and the time. Returns None where the request holds nothing of its kind, and raises where what it
holds is bad."""


def identify(request: Request, authenticators: Iterable[Authenticator], now: float) -> Principal:
    """Return who is asking, ANYONE where nothing says so.

    Raises:
        Unauthorized, CrossSite: what came is bad.
    """
    for authenticate in authenticators:
        principal = authenticate(request, now)
        if principal is not None:
            return principal
    return ANYONE


class ApiKey(NamedTuple):
    """An API key as the settings hold it.

    Attributes:
        id: its name.
        sha256: of its secret, in hex; the secret itself is kept nowhere.
        groups: those that rules may speak to.
        in_urls: whether the key is publishable: it stands in URLs of images on pages, and is good for nothing else.
    """

    id: str
    sha256: str
    groups: tuple[str, ...]
    in_urls: bool = False

    def principal(self) -> Principal:
        """Whom this key speaks for; a publishable key, which every reader of a page has, authenticates no one."""
        groups = (f"group:{name}" for name in self.groups)
        authenticated = () if self.in_urls else ("authenticated",)
        return Principal(self.id, ("anyone", *authenticated, *groups, f"key:{self.id}"))


class ApiKeys:
    """The keys there are.

    A key is found by the SHA-256 of the secret that came. So a wrong secret and an unknown id take the same steps, and
    the time of a look-up by the hash of a guess tells nothing about any stored hash.

    Publishable keys are found by `publishable` alone: they open no session, and make no link.
    """

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = keys
        self._by_digest = {key.sha256: key for key in keys}
        self._principals = {key.id: key.principal() for key in keys}

    def with_secret(self, secret: str, key_id: str | None = None) -> ApiKey | None:
        """Return the key that has this secret, and this id where one is given."""
        found = self._find(secret)
        known_id = found.id.encode() if found else b""
        same_id = key_id is None or hmac.compare_digest(known_id, key_id.encode("utf-8", "surrogatepass"))
        return found if same_id and found and not found.in_urls else None

    def publishable(self, secret: str) -> ApiKey | None:
        """Return the publishable key that has this secret."""
        found = self._find(secret)
        return found if found and found.in_urls else None

    def _find(self, secret: str) -> ApiKey | None:
        return self._by_digest.get(hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest())

    def with_id(self, key_id: str) -> ApiKey | None:
        """Return the key that has this id."""
        return self._by_id.get(key_id)

    def principal(self, key: ApiKey) -> Principal:
        """Return whom a key speaks for, made once."""
        return self._principals[key.id]

    def issuer(self, of: bytes) -> Principal | None:
        """Return the principal that has this fingerprint: whoever made a link, while they still have their key."""
        return self._by_fingerprint.get(of)

    @cached_property
    def _by_id(self) -> dict[str, ApiKey]:
        return {key.id: key for key in self._keys if not key.in_urls}

    @cached_property
    def _by_fingerprint(self) -> dict[bytes, Principal]:
        principals = (self._principals[key_id] for key_id in self._by_id)
        return {fingerprint(one.name): one for one in (ANYONE, *principals)}


class AuthorizationHeader:
    """Authenticates `Authorization: Basic` with id:secret (RFC 7617), `Bearer` with that or the secret (RFC 6750)."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    def __call__(self, request: Request, now: float) -> Principal | None:
        """Return the key's principal, None without an Authorization header; raise CredentialsInvalid for a bad one."""
        header = request.headers.get("authorization")
        if header is None:
            return None
        scheme, _, value = header.strip(BLANKS).partition(" ")
        if scheme.lower() == "basic":
            value = _basic(value)
        elif scheme.lower() != "bearer":
            raise CredentialsInvalid()
        before, colon, after = value.strip(BLANKS).partition(":")
        key = self._keys.with_secret(after, before) if colon else self._keys.with_secret(before)
        if key is None:
            raise CredentialsInvalid()
        return self._keys.principal(key)


class UrlKeys:
    """Authenticates `?k=SECRET`, a publishable key, where images are rendered."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    def __call__(self, request: Request, now: float) -> Principal | None:
        """Return the key's principal, None without `k`; raise UrlKeyInvalid for anything but a publishable key."""
        secret = request.query.get("k")
        if secret is None:
            return None
        key = self._keys.publishable(secret)
        if key is None:
            raise UrlKeyInvalid()
        return self._keys.principal(key)


def _basic(value: str) -> str:
    """Decode Basic credentials (RFC 7617 §2: base64 of `id:secret`, here UTF-8)."""
    try:
        decoded = binascii.a2b_base64(value.strip(BLANKS), strict_mode=True).decode("utf-8")
    except ValueError:  # binascii.Error and UnicodeError are two of its kinds
        raise CredentialsInvalid() from None
    if ":" not in decoded:
        raise CredentialsInvalid()
    return decoded
