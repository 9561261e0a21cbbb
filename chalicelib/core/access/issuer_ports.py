"""The ports of issuers, which `core/ports.py` has too: a layer below needs them. Types only, as there."""

from collections.abc import Sequence
from typing import Protocol

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
