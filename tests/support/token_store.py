"""A token store in memory: what the tests of the core count uses with, under the contract of the real one."""

import threading

from chalicelib.core.access.link_tokens import MAX_FREE_RANGES, Link, Reading
from chalicelib.core.web.problems import LinkRevoked, LinkUsedUp, Unavailable
from chalicelib.core.web.times import Deadline


class Tokens:
    """Uses and revocations, kept as long as this is; `reachable` may be set to False, as a table can be."""

    def __init__(self) -> None:
        self.reachable = True
        self._lock = threading.Lock()
        self._attempts: dict[str, set[str]] = {}
        self._read: dict[tuple[str, str], tuple[float, set[str]]] = {}
        self._revoked: set[str] = set()

    def redeem(self, link: Link, *, attempt: str, reading: Reading | None, now: float, deadline: Deadline) -> None:
        """Take one use of a link, or give a part; see `ports.TokenStore.redeem`."""
        self._reach()
        with self._lock:
            attempts = self._attempts.setdefault(link.id, set())
            if link.id in self._revoked:
                raise LinkRevoked()
            taken, given = self._read.get((link.id, reading.file if reading else ""), (float("-inf"), set()))
            resumes = reading is not None and reading.resumes and taken > now - 60
            if (
                reading
                and resumes
                and (attempt in given or not (reading.part in given or len(given) >= 2 * MAX_FREE_RANGES))
            ):
                given |= {attempt, reading.part}
                return
            if attempt not in attempts and len(attempts) >= link.uses:
                raise LinkUsedUp()
            attempts.add(attempt)
            if reading:
                self._read[link.id, reading.file] = (now, {reading.part})

    def check(self, link: Link, deadline: Deadline) -> None:
        """Raise what `redeem` would of a new client; see `ports.TokenStore.check`."""
        self._reach()
        with self._lock:
            if link.id in self._revoked:
                raise LinkRevoked()
            if len(self._attempts.get(link.id, ())) >= link.uses:
                raise LinkUsedUp()

    def revoke(self, link: Link, deadline: Deadline) -> None:
        """Let a link never be used again; see `ports.TokenStore.revoke`."""
        self._reach()
        with self._lock:
            self._revoked.add(link.id)

    def used(self, link: Link) -> int:
        """How many uses of a link were taken."""
        return len(self._attempts.get(link.id, ()))

    def _reach(self) -> None:
        if not self.reachable:
            raise Unavailable("The table does not answer.")
