"""A counter of link uses in memory, which keeps the contract of `ports.LinkUseCounter`, without a limit of ranges."""

import threading
from typing import NamedTuple

from chalicelib.core.access.link_tokens import Link, Reading
from chalicelib.core.link_uses import FREE_SECONDS
from chalicelib.core.web.problems.access import LinkRevoked, LinkUsedUp
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline


class _Read(NamedTuple):
    """When a file last took a use, the ranges that were sent since then, and the attempts that got the ranges."""

    at: float
    ranges: set[str]
    attempts: set[str]


class MemoryLinkUseCounter:
    """Counts uses and revocations.

    Attributes:
        reachable: False for a table that does not answer.
    """

    def __init__(self) -> None:
        self.reachable = True
        self._lock = threading.Lock()
        self._attempts: dict[str, set[str]] = {}
        self._reads: dict[tuple[str, str], _Read] = {}
        self._revoked: set[str] = set()

    def redeem(self, link: Link, *, attempt: str, reading: Reading | None, now: float, deadline: Deadline) -> None:
        """See `ports.LinkUseCounter.redeem`."""
        with self._lock:
            self._check_not_revoked(link)
            if reading and reading.resumes and self._is_free(link, attempt, reading, now):
                return
            attempts = self._attempts.setdefault(link.id, set())
            if attempt not in attempts and len(attempts) >= link.uses:
                raise LinkUsedUp()
            attempts.add(attempt)
            if reading:
                self._reads[link.id, reading.file] = _Read(now, {reading.part}, set())

    def check(self, link: Link, deadline: Deadline) -> int:
        """See `ports.LinkUseCounter.check`."""
        with self._lock:
            self._check_not_revoked(link)
            if self.used(link) >= link.uses:
                raise LinkUsedUp()
            return link.uses - self.used(link)

    def revoke(self, link: Link, deadline: Deadline) -> None:
        """See `ports.LinkUseCounter.revoke`."""
        self._check_reachable()
        self._revoked.add(link.id)

    def used(self, link: Link) -> int:
        """How many uses of a link were taken."""
        return len(self._attempts.get(link.id, ()))

    def _is_free(self, link: Link, attempt: str, reading: Reading, now: float) -> bool:
        read = self._reads.get((link.id, reading.file))
        if read is None or read.at <= now - FREE_SECONDS:
            return False
        if attempt not in read.attempts and reading.part in read.ranges:
            return False
        read.ranges.add(reading.part)
        read.attempts.add(attempt)
        return True

    def _check_not_revoked(self, link: Link) -> None:
        self._check_reachable()
        if link.id in self._revoked:
            raise LinkRevoked()

    def _check_reachable(self) -> None:
        if not self.reachable:
            raise Unavailable("The table does not answer.")
