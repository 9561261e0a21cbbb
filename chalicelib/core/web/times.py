"""Time: the deadline of a request, and how a time is written."""

import time
from collections.abc import Callable

from .problems.base import Unavailable


class Deadline:
    """The time by which a request must be answered. All waits for backends share the seconds that are left.

    Args:
        timer: returns the seconds of a clock that never goes back.
        seconds: the seconds that are left now.
    """

    __slots__ = ("_ends_at", "_timer")

    def __init__(self, timer: Callable[[], float], seconds: float) -> None:
        self._timer = timer
        self._ends_at = timer() + seconds

    def left(self) -> float:
        """Return the seconds that are left, always more than 0.

        Raises:
            Unavailable: no time is left.
        """
        left = self._ends_at - self._timer()
        if left <= 0:
            raise Unavailable("The service could not answer in time.", reason="the deadline of the request has passed")
        return left

    def at_most(self, seconds: float) -> "Deadline":
        """Return a deadline in at most this many seconds, and never later than this one; raise as `left`."""
        return Deadline(self._timer, min(self.left(), seconds))


def rfc3339(seconds: float) -> str:
    """Return a Unix time as `2026-01-31T12:00:00Z` (RFC 3339 §5.6); the policy of a form has the same format."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
