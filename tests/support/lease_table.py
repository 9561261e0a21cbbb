"""A table of leases in memory, which keeps the contract of `ports.LeaseTable`, and a count of the calls to a table."""

import threading
from collections import Counter, defaultdict

from chalicelib.core.ports import Lease, LeaseTable
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline


class MemoryLeaseTable:
    """Leases requests as DynamoDB does: a write adds a whole lease where the condition is true.

    Attributes:
        reachable: False for a table that does not answer.
    """

    def __init__(self) -> None:
        self.reachable = True
        self._lock = threading.Lock()
        self._used: dict[str, int] = defaultdict(int)

    def lease(self, window_id: str, *, size: int, requests: int, ends_at: int, deadline: Deadline) -> Lease:
        """See `ports.LeaseTable.lease`."""
        if not self.reachable:
            raise Unavailable("The table does not answer.", reason="the wire is cut")
        with self._lock:
            left = requests - self._used[window_id]
            if left <= 0:
                return Lease(0, is_last=True)
            self._used[window_id] += size
        return Lease(min(size, left), is_last=size >= left)


class CountingLeaseTable:
    """Counts the calls to a table of leases.

    Attributes:
        leases: the leases of each window that have requests.
        refusals: the calls for each window that got no request.
    """

    def __init__(self, table: LeaseTable) -> None:
        self._table = table
        self.leases = Counter[str]()
        self.refusals = Counter[str]()

    @property
    def calls(self) -> int:
        """The number of all calls."""
        return self.leases.total() + self.refusals.total()

    def lease(self, window_id: str, *, size: int, requests: int, ends_at: int, deadline: Deadline) -> Lease:
        """See `ports.LeaseTable.lease`."""
        lease = self._table.lease(window_id, size=size, requests=requests, ends_at=ends_at, deadline=deadline)
        (self.leases if lease.requests else self.refusals)[window_id] += 1
        return lease
