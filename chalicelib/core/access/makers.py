"""Makers: who made a link, as bytes that the token of the link carries. Each use makes the principal again.

    of an API key, and of anyone: fingerprint of the name 10 bytes · time 4 bytes
    of a person: the bytes of the person's sign-in (`sign_ins`), which are always longer

The fingerprint stands for no secret, so a new secret of a key ends no link. The time lets `[revoked]` end the links
that began before a time.
"""

from typing import Final

from .principals import ApiKeys, Principal
from .revocations import Revoked, is_revoked
from .sign_ins import SignIns, person_of
from .signing import FINGERPRINT_BYTES, fingerprint

_TIME_BYTES: Final = 4
MIN_MAKER_BYTES: Final = FINGERPRINT_BYTES + _TIME_BYTES


class Makers:
    """Writes the makers of links as bytes, and reads the bytes. The token of a link must sign the bytes.

    Args:
        keys: the API keys; a link ends with the key of its maker.
        sign_ins: the sign-ins of people; a link ends with the sign-in of its maker.
        revoked: the revoked principals.
    """

    def __init__(self, *, keys: ApiKeys, sign_ins: SignIns, revoked: Revoked) -> None:
        self._keys = keys
        self._sign_ins = sign_ins
        self._revoked = revoked

    def of(self, principal: Principal, now: float) -> bytes:
        """Return the maker of a new link: a principal, and the time of the principal's sign-in.

        An API key in the request itself has no sign-in. The time is then the time when the link is made.

        Args:
            principal: the caller.
            now: Unix time in seconds.
        """
        time = int(now) if principal.signed_in_at is None else principal.signed_in_at
        if principal.name.startswith("user:"):
            return self._sign_ins.of_person(principal, time)
        return fingerprint(principal.name) + time.to_bytes(_TIME_BYTES)

    def principal(self, maker: bytes) -> Principal | None:
        """Return the principal of a maker, by the settings of this moment.

        Returns:
            None where the links of the maker have ended: the key is removed; the maker is revoked, for ever or from
            before a time; or the sign-in of the person has ended.
        """
        if _is_person(maker):
            return self._sign_ins.read(maker).principal
        principal = self._keys.maker(maker[:FINGERPRINT_BYTES])
        time = int.from_bytes(maker[FINGERPRINT_BYTES:])
        return None if principal is None or is_revoked(self._revoked, principal.name, time) else principal


def is_maker(principal: Principal, maker: bytes) -> bool:
    """Whether a principal made a link, even where the sign-in of the link has ended."""
    if _is_person(maker):
        return principal.name == person_of(maker)
    return maker[:FINGERPRINT_BYTES] == fingerprint(principal.name)


def _is_person(maker: bytes) -> bool:
    return len(maker) > MIN_MAKER_BYTES
