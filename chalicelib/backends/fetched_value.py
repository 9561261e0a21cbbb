"""Fetched values: what a container keeps of other sites, with few fetches: the keys and the endpoints of issuers."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from chalicelib.core.ports import Clock

T = TypeVar("T")

Warn = Callable[[str], object]
"""Writes a line for the administrator into the log."""

_FRESH_SECONDS: Final = 24 * 60 * 60
_PAUSE_SECONDS: Final = 60  # between two fetches, because anyone can send requests that cause a fetch
_NEVER: Final = float("-inf")


class FetchedValue(Generic[T]):
    """A value, and the last fetch that this container tried: its time, and why it failed.

    Args:
        clock: returns the Unix time in seconds.
        warn: gets the reason why an old value stays in use.
        unavailable: the detail for the client where there is no value.
        value: the value of an earlier container; None for no value.
        fetched_at: the Unix time in seconds when that value was fetched.
    """

    def __init__(
        self, clock: "Clock", warn: Warn, unavailable: str, value: T | None = None, fetched_at: float = _NEVER
    ) -> None:
        self._clock = clock
        self._warn = warn
        self._unavailable = unavailable
        self._value = value
        self._fetched_at = fetched_at
        self._tried_at = _NEVER
        self._failure = ""
        self._lock = Lock()

    def at_hand(self, fetch: Callable[[], T], deadline: Deadline) -> T:
        """Return the value at hand. Where it is over 24 hours old, this container fetches a new value once.

        When that fetch fails, the old value is returned, and the log says why.

        Args:
            fetch: returns a new value; raises Unavailable.
            deadline: of the request.

        Raises:
            Unavailable: there is no value at hand, and the fetch fails.
        """
        if self._value is None:
            return self.newest(fetch, deadline)
        if not self._is_fresh():
            try:
                return self.newest(fetch, deadline)
            except Unavailable as problem:
                self._warn(f"{problem.reason}; the service continues with the answer of an earlier fetch")
        return self._value

    def newest(self, fetch: Callable[[], T], deadline: Deadline) -> T:
        """Return the value after a fetch. A fetch that began in the last 60 seconds counts, and so does its failure.

        Raises:
            Unavailable: the fetch fails or has failed, or the fetch of another request does not end in time.
        """
        if not self._lock.acquire(timeout=deadline.left()):
            raise Unavailable(self._unavailable, reason="the fetch of another request does not end in time")
        try:
            now = self._clock()
            if abs(now - self._tried_at) >= _PAUSE_SECONDS:
                self._tried_at, self._failure = now, "the fetch did not end"
                self._value, self._fetched_at = fetch(), now
                self._failure = ""
        except Unavailable as problem:
            self._failure = problem.reason
            raise
        finally:
            self._lock.release()
        if self._value is None or self._failure:
            raise Unavailable(self._unavailable, reason=self._failure)
        return self._value

    def _is_fresh(self) -> bool:
        """Whether the value needs no fetch: it is young, or this container tried to fetch it."""
        now = self._clock()
        return any(abs(now - then) <= _FRESH_SECONDS for then in (self._fetched_at, self._tried_at))
