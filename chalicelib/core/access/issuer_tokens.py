"""Issuer tokens: verifies the tokens of the issuers, and remembers verified tokens."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from chalicelib.core.web.problems.access import CredentialsInvalid
from chalicelib.core.web.times import Deadline

from .issuer_claims import check_id_token, choose_issuer, display_name_of, principal_of, signed_in_at
from .issuers import Issuer, IssuerKey
from .jwt import Token, check_times, read_token
from .principals import Principal
from .revocations import Revoked, is_revoked

if TYPE_CHECKING:
    from .issuer_ports import IssuerKeys, TokenSignatures

MAX_REMEMBERED_TOKENS: Final = 128


class _Verified(NamedTuple):
    """A verified token. `expires_at` is Unix time in seconds, with the leeway."""

    issuer: Issuer
    key: IssuerKey
    principal: Principal
    expires_at: float


class IssuerTokens:
    """Verifies the tokens of issuers that clients send as Bearer, or as the password of Basic; and ID tokens.

    The SHA-256 of a verified token of a client is remembered as long as the key of the token is known. An ID token is
    never remembered.

    Args:
        issuers: the tables, in the order of the file.
        keys: the keys of the issuers.
        signatures: the verifier of signatures.
        groups: the groups that `[groups]` gives to principals of issuers, by `user:NAME:ID`.
        revoked: the revoked principals.
    """

    def __init__(
        self,
        *,
        issuers: Sequence[Issuer],
        keys: "IssuerKeys",
        signatures: "TokenSignatures",
        groups: Mapping[str, Sequence[str]],
        revoked: Revoked,
    ) -> None:
        self._issuers = issuers
        self._keys = keys
        self._signatures = signatures
        self._groups = groups
        self._revoked = revoked
        self._verified: dict[bytes, _Verified] = {}

    def principal(self, text: str, now: float, deadline: Deadline) -> Principal:
        """Return the principal of a token.

        Args:
            text: the token.
            now: Unix time in seconds.
            deadline: of the request.

        Raises:
            CredentialsInvalid: the token is not valid here; the reason is for the log alone.
            Unavailable: the keys of the issuer cannot be fetched.
        """
        digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
        verified = self._verified.get(digest)
        if verified is None or verified.key not in self._keys.known(verified.issuer, deadline):
            self._verified.pop(digest, None)
            token = read_token(text)
            verified = self._verify(choose_issuer(self._issuers, token.claims), token, now, deadline)
            self._remember(digest, verified)
        if now >= verified.expires_at:
            raise CredentialsInvalid("The token has expired.")
        principal = verified.principal
        if is_revoked(self._revoked, principal.name, principal.signed_in_at or 0):
            raise CredentialsInvalid("[revoked] ends the token.")
        return principal

    def id_token(self, issuer: Issuer, text: str, nonce: str, now: float, deadline: Deadline) -> Principal:
        """Return the principal of an ID token, with all groups of the token.

        Args:
            issuer: the table with which the person signs in.
            text: the token.
            nonce: of the sign-in.
            now: Unix time in seconds.
            deadline: of the request.

        Raises:
            CredentialsInvalid: the token is not valid, or is not for this sign-in; the reason is for the log alone.
            Unavailable: the keys of the issuer cannot be fetched.
        """
        token = read_token(text)
        check_id_token(issuer, token.claims, nonce)
        principal = self._verify(issuer, token, now, deadline).principal
        return principal._replace(display_name=display_name_of(token.claims))

    def _verify(self, issuer: Issuer, token: Token, now: float, deadline: Deadline) -> _Verified:
        """Check the claims first, so that only a token that is right in all else can cause a fetch of keys."""
        if token.algorithm not in issuer.algorithms:
            raise CredentialsInvalid(f"issuer {issuer.name}: `algorithms` of the table lacks the `alg` of the token.")
        expires_at = check_times(token.claims, now)
        principal = principal_of(issuer, token.claims, self._groups)
        principal = principal._replace(signed_in_at=signed_in_at(token.claims, now), ends_at=int(expires_at))
        key = self._key(issuer, token, deadline)
        if not self._signatures.verifies(key, token.algorithm, token.signed, token.signature):
            raise CredentialsInvalid(f"issuer {issuer.name}: the signature of the token is wrong.")
        return _Verified(issuer, key, principal, expires_at)

    def _key(self, issuer: Issuer, token: Token, deadline: Deadline) -> IssuerKey:
        """Return the only key that fits the token by `kid` and by type. A token without `kid` fits all ids."""
        keys = self._keys.known(issuer, deadline)
        if token.kid is not None and all(key.kid != token.kid for key in keys):
            keys = self._keys.after_unknown(issuer, deadline)
        fitting = [key for key in keys if token.kid in (None, key.kid) and token.algorithm in key.algorithms]
        if len(fitting) != 1:
            raise CredentialsInvalid(
                f"issuer {issuer.name}: {len(fitting)} keys fit the `kid` and the `alg` of the token, in place of one."
            )
        return fitting[0]

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        self._verified[digest] = verified
        if len(self._verified) > MAX_REMEMBERED_TOKENS:
            self._verified.pop(next(iter(self._verified)), None)  # the first entry is the oldest entry
