"""The port of limits, which `core/ports.py` has too: a layer below needs it. Types only, as there."""

from typing import NamedTuple, Protocol

from chalicelib.core.web.times import Deadline


class Lease(NamedTuple):
    """A part of the requests of a window, which one container may let through.

    Attributes:
        requests: the number of requests; 0 where the window is used up.
        is_last: whether nothing is left in the window after this lease.
    """

    requests: int
    is_last: bool


class LeaseTable(Protocol):
    """Leases the requests of a window to containers, and never more requests than the window has."""

    def lease(self, window_id: str, *, size: int, requests: int, ends_at: int, deadline: Deadline) -> Lease:
        """Lease requests of a window, by one conditional write.

        A lease whose answer is lost stays used up, so fewer requests get through, and never more.

        Args:
            window_id: names the window of one limit and one caller.
            size: the wanted number of requests. The last lease of a window can be smaller.
            requests: all requests of the window.
            ends_at: the end of the window, Unix time in whole seconds.
            deadline: the time by which the table must answer.

        Raises:
            Unavailable: the table does not answer, does not exist, or does not confirm the lease.
        """
        ...
