"""Issuer keys in the memory of a container: from the snapshot, and from fetches."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from chalicelib.core.access.issuers import Issuer, IssuerKey
from chalicelib.core.web.times import Deadline

from .fetched_value import FetchedValue, Warn
from .issuer_snapshot import read_snapshot, source_of

if TYPE_CHECKING:
    from chalicelib.core.ports import Clock

_UNAVAILABLE: Final = "The service has no key of the issuer that made the token."


class FetchedIssuerKeys:
    """`ports.IssuerKeys`: keeps the keys of an issuer until a fetch succeeds and no longer has them.

    Args:
        directory: of the settings; it has the snapshot, and the names of files are relative to it.
        clock: returns the Unix time in seconds.
        warn: gets the reason why old keys stay in use.

    Raises:
        ValueError: the snapshot cannot be read.
    """

    def __init__(self, directory: str | os.PathLike[str], clock: "Clock", warn: Warn) -> None:
        self._directory = directory
        self._clock = clock
        self._warn = warn
        self._sources = {
            source: FetchedValue(clock, warn, _UNAVAILABLE, *key_set)
            for source, key_set in read_snapshot(directory).items()
        }

    def known(self, issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Return the keys of an issuer; see `ports.IssuerKeys.known`."""
        return self._source(issuer).at_hand(lambda: self._fetch(issuer, deadline), deadline)

    def after_unknown(self, issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Return the keys of an issuer after an unknown key; see `ports.IssuerKeys.after_unknown`."""
        return self._source(issuer).newest(lambda: self._fetch(issuer, deadline), deadline)

    def _source(self, issuer: Issuer) -> FetchedValue[tuple[IssuerKey, ...]]:
        name = source_of(issuer)
        known = self._sources.get(name)
        return known or self._sources.setdefault(name, FetchedValue(self._clock, self._warn, _UNAVAILABLE))

    def _fetch(self, issuer: Issuer, deadline: Deadline) -> tuple[IssuerKey, ...]:
        from .issuer_fetch import fetch_keys  # keys at hand need no fetch

        return fetch_keys(issuer, self._directory, deadline)
