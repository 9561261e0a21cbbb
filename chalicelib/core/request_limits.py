"""The limits of requests: a request takes a unit of each limit of its caller, or is refused."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from .access.authorization import Caller
from .access.client_address import ClientAddresses
from .access.limits import Limit, limits_of, name_of, tags_of
from .s3.mounts import PLAYLIST_ENDINGS
from .web.access_log import AccessLogEntry
from .web.byte_ranges import byte_ranges
from .web.image_parameters import are_in
from .web.message import Request, wants_preview
from .web.paths import IMAGE_ENDPOINTS, Path
from .web.problems.access import TooManyRequests
from .web.problems.base import Unavailable
from .web.times import Deadline, rfc3339

if TYPE_CHECKING:
    from .access.limit_ports import LeaseTable

MAX_REMEMBERED: Final = 10_000  # windows, and files that are read in ranges, in the memory of a container: a few MB
MAX_LEASE_SECONDS: Final = 4  # a call to the table takes milliseconds, and the first call also loads boto3
PAUSE_SECONDS: Final = 5  # after a call that failed, a container does not call the table: no request waits for it

NOT_COUNTED: Final = "limits: not counted"
"""The first words of `error` in the log line of a request that gets through without being counted, for an alarm."""

_UNCOUNTABLE: Final = "The requests cannot be counted now."

Value = TypeVar("Value")


class _Permits(NamedTuple):
    """A lease in the memory of a container.

    Attributes:
        left: has an item for each request that is left. Two threads never take the same item.
        is_last: whether nothing is left in the window after this lease.
    """

    left: Iterator[int]
    is_last: bool

    def take(self) -> bool:
        """Take one request; return whether one was left."""
        return next(self.left, None) is not None


class RequestLimits:
    """Counts requests against the limits of their callers.

    A container leases requests of a window from the table, and lets so many requests through without the table. When
    the lease is used up, the container leases again. A container that knows that a window is used up asks no more.

    Args:
        limits: the limits, in the order of the file.
        leases: the table.
        client_addresses: names the address of a client.
        url_seconds: returns the life of the URLs of a path for a caller, in seconds.
        admit_without_table: whether requests get through while the table is out of reach.
    """

    def __init__(
        self,
        *,
        limits: Sequence[Limit],
        leases: "LeaseTable",
        client_addresses: ClientAddresses,
        url_seconds: Callable[[Caller, Path], int],
        admit_without_table: bool,
    ) -> None:
        self._limits = limits
        self._leases = leases
        self._client_addresses = client_addresses
        self._url_seconds = url_seconds
        self._admit_without_table = admit_without_table
        self._permits = _Memory[_Permits]()
        self._ranged_files = _Memory[bool]()
        self._paused_until = 0.0

    def admit(
        self, request: Request, caller: Caller | None, path: Path | None, now: float, log_entry: AccessLogEntry
    ) -> None:
        """Take a unit of each limit of the caller. More ranges of a file, within the life of its URL, take none.

        Args:
            request: the request.
            caller: the caller; None for a request without valid credentials, and for a page below `/-/`.
            path: the path of the request; None where there is no caller.
            now: Unix time in seconds.
            log_entry: receives the reason where the request gets through without being counted.

        Raises:
            TooManyRequests: a limit is used up.
            Unavailable: the table is out of reach, and the settings refuse requests then.
        """
        limits = limits_of(self._limits, tags_of(caller))
        if not limits:
            return
        try:
            name = name_of(caller, lambda: self._client_addresses.address_of(request))
            file = _ranged_file(request, caller, path, name)
            if file and self._ranged_files.get(file, now):
                return
            for limit in limits:
                self._take(limit, name, request.deadline, now)
        except Unavailable as error:
            if not self._admit_without_table:
                raise
            log_entry.error = f"{NOT_COUNTED}: {error.reason or error.detail}"
            return
        if file and caller and path is not None:
            self._ranged_files.put(file, True, until=now + self._url_seconds(caller, path), now=now)

    def _take(self, limit: Limit, name: str, deadline: Deadline, now: float) -> None:
        start = limit.window_start(now)
        window_id, ends_at = limit.window_id(name, start), start + limit.per_seconds
        permits = self._permits.get(window_id, now)
        if permits and permits.take():
            return
        if permits is None or not permits.is_last:
            permits = self._lease(limit, window_id, ends_at, deadline, now)
            self._permits.put(window_id, permits, until=ends_at, now=now)
            if permits.take():
                return
        raise TooManyRequests(limit.requests, limit.per_seconds, ends_at - now, rfc3339(ends_at))

    def _lease(self, limit: Limit, window_id: str, ends_at: int, deadline: Deadline, now: float) -> _Permits:
        if now < self._paused_until:
            raise Unavailable(_UNCOUNTABLE, reason="the table failed a few seconds ago")
        try:
            lease = self._leases.lease(
                window_id,
                size=limit.lease_size,
                requests=limit.requests,
                ends_at=ends_at,
                deadline=deadline.at_most(MAX_LEASE_SECONDS),
            )
        except Unavailable:
            self._paused_until = now + PAUSE_SECONDS
            raise
        return _Permits(iter(range(lease.requests)), lease.is_last)


class _Memory(Generic[Value]):
    """Values by their names, each until a time, and at most `MAX_REMEMBERED`. The oldest values are forgotten first."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, Value]] = {}

    def get(self, name: str, now: float) -> Value | None:
        until, value = self._values.get(name, (now, None))
        return value if now < until else None

    def put(self, name: str, value: Value, *, until: float, now: float) -> None:
        self._values.pop(name, None)
        if len(self._values) >= MAX_REMEMBERED:
            left = [(name, old) for name, old in list(self._values.items()) if now < old[0]]
            self._values = dict(left[-MAX_REMEMBERED * 3 // 4 :])  # a part, so that not every request does this
        self._values[name] = (until, value)


def _ranged_file(request: Request, caller: Caller | None, path: Path | None, name: str) -> str | None:
    """Return the name of the file of which a GET asks for a range, for this caller; None for every other request."""
    is_file = caller is not None and caller.action == "read" and path not in IMAGE_ENDPOINTS
    if not is_file or request.method != "GET" or _asks_s3(request, path):
        return None
    if byte_ranges(request.headers.get("range", "")) is None:
        return None
    text = "\0".join((name, str(path), request.query.get("versionId", "")))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _asks_s3(request: Request, path: Path | None) -> bool:
    """Whether the service itself may read the file: for an image, for the page of a file, or for a playlist."""
    return are_in(request.query) or wants_preview(request) or str(path).endswith(PLAYLIST_ENDINGS)
