"""What the core needs from outside, as Protocols; `backends` makes them real.

Only types: the core imports this module for its annotations alone, which spares every cold start its loading.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from .credentials import Credentials
from .mounts import Target

Clock = Callable[[], float]
"""The time: Unix time in seconds."""

Log = Callable[[Mapping[str, object]], None]
"""Writes one record as one line."""


class CredentialSource(Protocol):
    """Where the credentials come from that URLs are signed with."""

    def current(self) -> Credentials:
        """Return credentials that are valid now; raise Unavailable where there are none."""
        ...


class Metadata(NamedTuple):
    """What S3 says of an object: 200, 206 or 304 and its header fields."""

    status: int
    headers: Mapping[str, str]


class ObjectStore(Protocol):
    """S3, asked by the service itself, off the redirect's path."""

    def head(self, target: Target, query: Mapping[str, str], headers: Mapping[str, str]) -> Metadata:
        """Return an object's metadata.

        Args:
            target: the object.
            query: `versionId` and `response-*`, as for a presigned URL.
            headers: the request's own: conditional ones and `Range` are honoured.

        Raises:
            NotFound: no such object.
            PreconditionFailed: a condition does not hold.
            Unavailable: S3 does not answer, or refuses the service itself.
        """
        ...
