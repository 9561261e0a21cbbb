"""Request and Reply: what comes in and what goes out, whichever door it uses."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from .times import Deadline

BLANKS: Final = " \t"
"""What may stand around the parts of a field's value (RFC 9110 §5.6.3). Python's `strip` takes Unicode's blanks too."""


def is_plain(text: str) -> bool:
    """Whether a text is printable ASCII: it can stand in a header, and no line ends in it (RFC 9110 §5.5)."""
    return text.isascii() and text.isprintable()


class Request(NamedTuple):
    """A request as it came, with nothing decided yet.

    Attributes:
        method: upper case.
        raw_path: the path, percent-encoded as the client sent it, from its leading slash.
        query: parameters, decoded; of a repeated one, the last.
        headers: names in lower case; repeated values joined by a comma, those of Cookie by `; `.
        request_id: the platform's id for this request.
        base_url: how the client calls us: scheme, host and what stands before the path, without a slash at its end.
        client_address: the address of the client, as the platform saw it.
        deadline: the time by which the request must be answered.
        body: of a POST; that of a PUT is for S3, and is not looked at here.
        length_arrives: whether the client gets to see a `Content-Length` that the service sets (FACTS 1.7).
        unsupported: why the entry point cannot serve an event of this kind; empty for all others.
    """

    method: str
    raw_path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    request_id: str
    base_url: str
    client_address: str
    deadline: Deadline
    body: bytes = b""
    length_arrives: bool = True
    unsupported: str = ""

    def __repr__(self) -> str:
        """Method, path and id only: query, headers and body hold secrets."""
        return f"Request({self.method} {self.raw_path!r} {self.request_id})"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, as `Origin` holds them (RFC 6454 §6.2)."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


class _Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Reply(_Reply):
    """An answer that no door can mangle: every header is checked at birth.

    Args:
        status: the HTTP status.
        headers: field names and values, ASCII.
        body: the bytes to send.

    Raises:
        ValueError: a header that would not arrive as one header.
    """

    __slots__ = ()

    def __new__(cls, status: int, headers: Mapping[str, str], body: bytes = b"") -> "Reply":
        if not is_plain("".join((*headers, *headers.values()))):
            raise ValueError("a header is not plain ASCII")  # which one is not said: it may be a secret
        return super().__new__(cls, status, headers, body)

    def __repr__(self) -> str:
        """The status only: Location is a presigned URL."""
        return f"Reply({self.status})"
