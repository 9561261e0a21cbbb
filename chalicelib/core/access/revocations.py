"""Revocations: `[revoked]` in the settings ends what a principal holds: sessions, service tokens, links and JWTs."""

from collections.abc import Mapping
from typing import Final

Revoked = Mapping[str, float]
"""The revoked principals by name, each with the Unix time in seconds before which all is revoked."""

EVERYTHING: Final = float("inf")
"""The time for a principal from whom all is revoked, now and later."""


def is_revoked(revoked: Revoked, name: str, began_at: float) -> bool:
    """Whether a thing is revoked that a principal holds.

    Args:
        revoked: the revoked principals.
        name: the name of the principal, `user:ISSUER:ID` or `key:ID`.
        began_at: the time of the sign-in that the thing comes from; for a link of an API key, the time when the link
            was made.
    """
    return name in revoked and began_at < revoked[name]
