"""Principals: who makes a request. Authenticators are tried in order, and the first with credentials decides."""

import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from chalicelib.core.web.message import BLANKS, Request
from chalicelib.core.web.paths import SERVICE_PATHS
from chalicelib.core.web.principal_names import kind_and_id
from chalicelib.core.web.problems.access import AwsSignature, CredentialsInvalid, UrlKeyInvalid

from .signing import fingerprint

if TYPE_CHECKING:
    from .issuer_tokens import IssuerTokens
    from .service_tokens import ServiceTokens

SERVICE_TOKEN_PREFIX: Final = "spt_"  # noqa: S105 - a prefix, no secret
"""The first characters of every service token, by which people and programs that search for secrets know it."""

# The schemes of SigV4, SigV4A and SigV2 (S3 API Reference, "Authenticating Requests").
_AWS_SCHEMES: Final = frozenset({"aws4-hmac-sha256", "aws4-ecdsa-p256-sha256", "aws"})

_AWS_PARAMETERS: Final = frozenset({"X-Amz-Signature", "AWSAccessKeyId"})
"""The parameters of a URL that an SDK presigned, by SigV4 and by SigV2."""


class Scope(NamedTuple):
    """The bounds of a service token, which are narrower than the rights of its maker.

    Attributes:
        path: the path that the token opens; a path that ends in a slash also opens everything below.
        actions: the actions of the token.
        ends_at: the end of the token, Unix time in whole seconds.
    """

    path: str
    actions: tuple[str, ...]
    ends_at: int

    def covers(self, action: str, path: str) -> bool:
        """Whether the token may be used for an action at a path. No token opens a path of the service itself."""
        below = self.path.endswith("/") and path.startswith(self.path) and not path.startswith(SERVICE_PATHS)
        return action in self.actions and (path == self.path or below)


class Principal(NamedTuple):
    """The person or program that makes a request.

    Attributes:
        id: the text that `{user}` in a rule stands for: the id of the API key, or `NAME:ID` of an issuer's token; empty
            for anyone, and for an id that no segment of a path can be.
        tags: all names that a rule's `to` can have for the principal: `anyone`, `authenticated`, `group:NAME`, and
            `key:ID`; for a principal of an issuer also `group:NAME:GROUP`, and `user:NAME:ID` in place of `key:ID`.
        signed_in_at: the time of the sign-in, Unix time in whole seconds; for the token of an issuer, the time when the
            person signed in with the issuer; None for an API key in the request itself.
        scope: the bounds of the service token in the request; None without a service token.
        display_name: how pages name a person who signed in with an issuer; empty for the id. No rule knows this name.
        ends_at: the end of the session, of the service token or of the token of an issuer, Unix time in whole seconds;
            None without one of them.
    """

    id: str
    tags: tuple[str, ...]
    signed_in_at: int | None = None
    scope: Scope | None = None
    display_name: str = ""
    ends_at: int | None = None

    @property
    def name(self) -> str:
        """The name of the principal in the log and in refusals."""
        return self.tags[-1]

    @property
    def shown_name(self) -> str:
        """How pages name the principal: by the display name, else by the id; empty for anyone."""
        return self.display_name or kind_and_id(self.name)[1]


ANYONE = Principal("", ("anyone",))

Authenticator = Callable[[Request, float], Principal | None]
"""Takes a request and the time. Returns None where the request has no credentials of this kind, and raises a Problem
where its credentials are bad."""


def identify(request: Request, authenticators: Iterable[Authenticator], now: float) -> Principal:
    """Return the principal of a request, ANYONE for a request without credentials.

    Raises:
        Unauthorized, CrossSite: the credentials are bad.
    """
    for authenticate in authenticators:
        principal = authenticate(request, now)
        if principal is not None:
            return principal
    return ANYONE


class ApiKey(NamedTuple):
    """An API key, as the settings hold it.

    Attributes:
        id: the name of the key.
        sha256: the SHA-256 of its secret, in hex; the secret itself is stored nowhere. The key has two of them while a
            new secret replaces an old secret.
        groups: the groups of the key, which rules can name.
        in_urls: whether the key is publishable: the key stands in the URLs of images on pages, and works only there.
    """

    id: str
    sha256: tuple[str, ...]
    groups: tuple[str, ...]
    in_urls: bool = False

    def principal(self) -> Principal:
        """Return the principal of this key. Every reader of a page has a publishable key: it authenticates nobody."""
        groups = (f"group:{name}" for name in self.groups)
        authenticated = () if self.in_urls else ("authenticated",)
        return Principal(self.id, ("anyone", *authenticated, *groups, f"key:{self.id}"))


def sha256_of(secret: str) -> str:
    """Return the SHA-256 of a secret, in hex, as `ApiKey.sha256` holds it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class ApiKeys:
    """All API keys of the service.

    A key is looked up by the SHA-256 of the secret in the request. So a wrong secret and an unknown id take the same
    steps, and the time of a look-up tells nothing about the stored hashes.

    Only `publishable` returns publishable keys: they open no session, and make no link.
    """

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = keys
        self._by_digest = {digest: key for key in keys for digest in key.sha256}
        self._principals = {key.id: key.principal() for key in keys}

    def with_secret(self, secret: str, key_id: str | None = None) -> ApiKey | None:
        """Return the key that has this secret; where an id is given, the key must have that id, too."""
        key = self._look_up(secret)
        known_id = key.id.encode() if key else b""
        same_id = key_id is None or hmac.compare_digest(known_id, key_id.encode("utf-8", "surrogatepass"))
        return key if same_id and key and not key.in_urls else None

    def publishable(self, secret: str) -> ApiKey | None:
        """Return the publishable key that has this secret."""
        key = self._look_up(secret)
        return key if key and key.in_urls else None

    def _look_up(self, secret: str) -> ApiKey | None:
        return self._by_digest.get(sha256_of(secret))

    def with_id(self, key_id: str) -> ApiKey | None:
        """Return the key that has this id."""
        return self._by_id.get(key_id)

    def principal(self, key: ApiKey) -> Principal:
        """Return the principal of a key; each principal is made once."""
        return self._principals[key.id]

    def maker(self, maker_fingerprint: bytes) -> Principal | None:
        """Return the maker of a link, by its fingerprint; None after the key of the maker is removed."""
        return self._by_fingerprint.get(maker_fingerprint)

    @cached_property
    def _by_id(self) -> dict[str, ApiKey]:
        return {key.id: key for key in self._keys if not key.in_urls}

    @cached_property
    def _by_fingerprint(self) -> dict[bytes, Principal]:
        principals = (ANYONE, *(self._principals[key_id] for key_id in self._by_id))
        return {fingerprint(principal.name): principal for principal in principals}


class AuthorizationHeader:
    """Authenticates `Authorization: Basic` with id:secret (RFC 7617), and `Bearer` with id:secret or the secret alone.

    RFC 6750 defines `Bearer`. Where the service has issuers, a token of an issuer can stand in place of `Bearer`'s
    value and of `Basic`'s secret, with any id: git, pip and wget send nothing else. So can a service token, where the
    service has a signing secret.

    Args:
        keys: the API keys.
        tokens: the tokens of issuers; None for a service without issuers.
        service_tokens: factory of the reader of service tokens; None for a service without a signing secret.
    """

    def __init__(
        self,
        keys: ApiKeys,
        tokens: "IssuerTokens | None" = None,
        service_tokens: "Callable[[], ServiceTokens] | None" = None,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._service_tokens = service_tokens

    def __call__(self, request: Request, now: float) -> Principal | None:
        """Return the principal of the key or token, None without a header.

        Raises:
            CredentialsInvalid: the header is bad.
            AwsSignature: an SDK of AWS signed the request for S3.
            Unavailable: the keys of the issuer of the token, or the signing secret, cannot be fetched.
        """
        header = request.headers.get("authorization")
        if header is None:
            if not _AWS_PARAMETERS.isdisjoint(request.query):
                raise AwsSignature()
            return None
        scheme, _, value = header.strip(BLANKS).partition(" ")
        if scheme.lower() == "basic":
            value = _decode_basic(value)
        elif scheme.lower() in _AWS_SCHEMES:
            raise AwsSignature()
        elif scheme.lower() != "bearer":
            raise CredentialsInvalid()
        before, colon, after = value.strip(BLANKS).partition(":")
        key = self._keys.with_secret(after, before) if colon else self._keys.with_secret(before)
        if key is not None:
            return self._keys.principal(key)
        secret = after if colon else before
        if self._service_tokens is not None and secret.startswith(SERVICE_TOKEN_PREFIX):
            return self._service_tokens().principal(secret, now, request.deadline)
        if self._tokens is None or secret.count(".") < 2:  # a JWT has two dots, and the secret of a new API key none
            raise CredentialsInvalid()
        return self._tokens.principal(secret, now, request.deadline)


class UrlKeys:
    """Authenticates `?k=SECRET`, a publishable key, at the image endpoints."""

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    def __call__(self, request: Request, now: float) -> Principal | None:
        """Return the key's principal, None without `k`; raise UrlKeyInvalid unless `k` is a publishable key."""
        secret = request.query.get("k")
        if secret is None:
            return None
        key = self._keys.publishable(secret)
        if key is None:
            raise UrlKeyInvalid()
        return self._keys.principal(key)


def _decode_basic(value: str) -> str:
    """Decode Basic credentials (RFC 7617 §2: base64 of `id:secret`, here UTF-8)."""
    try:
        decoded = binascii.a2b_base64(value.strip(BLANKS), strict_mode=True).decode("utf-8")
    except ValueError:  # binascii.Error and UnicodeError are subclasses
        raise CredentialsInvalid() from None
    if ":" not in decoded:
        raise CredentialsInvalid()
    return decoded
