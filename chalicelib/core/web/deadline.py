"""Deadline: the time by which a request must be answered. All waits for backends share the time that is left."""

from collections.abc import Callable

from .problems import Unavailable


class Deadline:
    """The end of the time that a request has.

    Args:
        timer: returns the seconds of a clock that never goes back.
        seconds: the time that is left now.
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
