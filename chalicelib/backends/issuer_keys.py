"""Issuer keys in the memory of a container: from the snapshot, and from as few fetches as possible."""

import os
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Final

from chalicelib.core.access.issuers import Issuer, IssuerKey
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .issuer_snapshot import KeySet, read_snapshot, source_of

if TYPE_CHECKING:
    from chalicelib.core.ports import Clock

_FRESH_SECONDS: Final = 24 * 60 * 60
_PAUSE_SECONDS: Final = 60  # between two fetches, because anyone can send tokens with unknown keys

_NEVER: Final = float("-inf")
_UNAVAILABLE: Final = "The service has no key of the issuer that made the token."


class FetchedIssuerKeys:
    """`ports.IssuerKeys`: keeps the keys of an issuer until a fetch succeeds and no longer has them.

    Args:
        directory: of the settings; it has the snapshot, and the names of files are relative to it.
        clock: returns the Unix time in seconds.

    Raises:
        ValueError: the snapshot cannot be read.
    """

    def __init__(self, directory: str | os.PathLike[str], clock: "Clock") -> None:
        self._directory = directory
        self._clock = clock
        self._sources = {source: _Source(key_set) for source, key_set in read_snapshot(directory).items()}

    def known(self, issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Return the keys of an issuer; see `ports.IssuerKeys.known`."""
        source = self._source(issuer)
        if source.key_set.keys:
            if not source.is_fresh(self._clock()):
                with suppress(Unavailable):  # the old keys still verify
                    self._fetch(source, issuer, deadline)
            return source.key_set.keys
        return self._fetch(source, issuer, deadline)

    def after_unknown(self, issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Return the keys of an issuer after an unknown key; see `ports.IssuerKeys.after_unknown`."""
        return self._fetch(self._source(issuer), issuer, deadline)

    def _source(self, issuer: Issuer) -> "_Source":
        name = source_of(issuer)
        return self._sources.get(name) or self._sources.setdefault(name, _Source(KeySet((), _NEVER)))

    def _fetch(self, source: "_Source", issuer: Issuer, deadline: Deadline) -> Sequence[IssuerKey]:
        """Return the keys after a fetch. A fetch that began in the last 60 seconds counts, and so does its failure."""
        from .issuer_fetch import fetch_keys  # keys at hand need no fetch

        if not source.lock.acquire(timeout=deadline.left()):
            raise Unavailable(_UNAVAILABLE, reason="another request fetches the keys")
        try:
            now = self._clock()
            if abs(now - source.tried_at) >= _PAUSE_SECONDS:
                source.tried_at, source.failure = now, "the fetch did not end"
                source.key_set = KeySet(fetch_keys(issuer, self._directory, deadline), now)
                source.failure = ""
        except Unavailable as problem:
            source.failure = problem.reason
            raise
        finally:
            source.lock.release()
        if source.failure:
            raise Unavailable(_UNAVAILABLE, reason=source.failure)
        return source.key_set.keys


class _Source:
    """The keys of one source, and the last fetch that this container tried: its time, and why it failed."""

    def __init__(self, key_set: KeySet) -> None:
        self.key_set = key_set
        self.tried_at = _NEVER
        self.failure = ""
        self.lock = Lock()

    def is_fresh(self, now: float) -> bool:
        """Whether the keys need no fetch: they are young, or this container tried to fetch them."""
        return any(abs(now - then) <= _FRESH_SECONDS for then in (self.key_set.fetched_at, self.tried_at))
