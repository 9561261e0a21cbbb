"""The ports of issuers, which `core/ports.py` has too: a layer below needs them. Types only, as there."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from chalicelib.core.web.times import Deadline

from .issuers import Issuer, IssuerKey


class IssuerKeys(Protocol):
    """Has the public keys of the issuers."""

    def known(self, issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Return the keys of an issuer, without a network call where the keys at hand are fresh.

        Where the keys at hand are over 24 hours old, this container fetches new keys once; when the fetch fails, the
        old keys are returned. Raises Unavailable where there are no keys at all.
        """
        ...

    def after_unknown(self, issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Return the keys after a token named a key that `known` does not have; at most one fetch in 60 seconds.

        Raises Unavailable where the fetch fails. Within the 60 seconds after a fetch, the keys at hand are returned;
        within the 60 seconds after a fetch that failed, Unavailable is raised.
        """
        ...


class TokenSignatures(Protocol):
    """Verifies the signatures of tokens."""

    def verifies(self, key: IssuerKey, algorithm: str, data: bytes, signature: bytes) -> bool:
        """Whether the key made the signature of the data. `algorithm` is one of `key.algorithms`. Never raises."""
        ...


class Provider(NamedTuple):
    """The endpoints of an issuer with which people sign in (OpenID Connect Discovery 1.0 §3): https URLs.

    Attributes:
        authorization_endpoint: where the browser signs in.
        end_session_endpoint: where the browser ends the session of the issuer (OpenID Connect RP-Initiated Logout
            §2.1); empty where the issuer has no such page.
        names_itself: whether each answer of the authorization endpoint has the parameter `iss` (RFC 9207 §3).
    """

    authorization_endpoint: str
    end_session_endpoint: str
    names_itself: bool


class Providers(Protocol):
    """Asks the issuers with which people sign in."""

    def provider(self, issuer: Issuer, deadline: Deadline) -> Provider:
        """Return the endpoints of an issuer, which discovery finds. A container keeps them for 24 hours.

        Raises Unavailable where the issuer does not answer, or its answer makes no sense.
        """
        ...

    def redeem_code(
        self, issuer: Issuer, code: str, verifier: str, redirect_uri: str, deadline: Deadline
    ) -> str | None:
        """Return the ID token for the code of a sign-in (RFC 6749 §4.1.3, RFC 7636 §4.5); nobody has checked it.

        Returns None where the issuer refuses the code: the code is used, or has expired, or is for another verifier.

        Raises Unavailable where the issuer does not answer in time, refuses the service itself (its id or its secret is
        wrong), or gives an answer that has no ID token. The reason never holds the code, the secret or a token.
        """
        ...
