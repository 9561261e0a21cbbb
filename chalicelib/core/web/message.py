"""Request and Reply: the messages of the service, the same for both entry points."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from .paths import TOKEN_PATHS
from .times import Deadline

BLANKS: Final = " \t"
"""The blanks around the parts of a field's value (RFC 9110 §5.6.3). (`str.strip` also removes blanks of Unicode.)"""

GIT_LFS: Final = "application/vnd.git-lfs+json"
"""The media type of requests and answers of git-lfs (git-lfs, docs/api/batch.md)."""

_PAGE_PARAMETERS: Final = (
    *("cursor", "recursive", "limit", "links", "download", "presign", "versionId", "w", "h", "fit", "format", "q"),
    *("path", "sort", "view", "versions", "list"),
)
"""The parameters of pages and files that a person opens in a browser. None of them is a secret."""


_PLAIN: Final = bytes(range(0x20, 0x7F))


def is_plain(text: str) -> bool:
    """Whether a text is printable ASCII, so that it can be the value of a header (RFC 9110 §5.5)."""
    return text.isascii() and not text.encode().translate(None, _PLAIN)  # half the time of `str.isprintable`


# Values are NamedTuples, not frozen dataclasses: the module `dataclasses` takes 7 ms of a cold start.
class Request(NamedTuple):
    """A request as the client sent it, before any check.

    Attributes:
        method: upper case.
        raw_path: the path, percent-encoded as the client sent it, from its leading slash.
        query: the decoded parameters; for a repeated parameter, its last value.
        headers: names in lower case; repeated values joined by a comma, or by `; ` for Cookie.
        request_id: the id that the platform gave the request.
        base_url: the URL of the service as the client calls it: scheme, host and prefix, without a last slash.
        client_address: the address of the client, as the platform saw it.
        deadline: the time by which the request must be answered.
        body: the body of a POST. (The service never reads the body of a PUT, which is for S3.)
        length_arrives: whether the client sees a `Content-Length` that the service sets (FACTS 1.7).
        unsupported: why the entry point cannot serve an event of this kind; empty for an event that it can serve.
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
        """Show method and id only, because query, headers and body hold secrets, and a path can hold a secret."""
        return f"Request({self.method} {self.request_id})"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, as `Origin` holds them (RFC 6454 §6.2)."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


class _Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...]


class Reply(_Reply):
    """An answer that every entry point can send: each header is checked when the reply is made.

    Args:
        status: the HTTP status.
        headers: field names and values, ASCII.
        body: the bytes to send.
        cookies: the values of `Set-Cookie`, one for each cookie (RFC 6265 §3); no header has this name.

    Raises:
        ValueError: a header or a cookie is not printable ASCII, so it could not be sent as one header.
    """

    __slots__ = ()

    def __new__(
        cls, status: int, headers: Mapping[str, str], body: bytes = b"", cookies: tuple[str, ...] = ()
    ) -> "Reply":
        if not is_plain("".join((*headers, *headers.values(), *cookies))):
            raise ValueError("a header is not plain ASCII")  # the text names no header: its value may be a secret
        return super().__new__(cls, status, headers, body, cookies)

    def with_headers(self, headers: Mapping[str, str]) -> "Reply":
        """Return the reply with other headers, which are not checked again: constants, settings and checked values."""
        return _Reply.__new__(Reply, self.status, headers, self.body, self.cookies)

    def __repr__(self) -> str:
        """Show the status only, because Location is a presigned URL."""
        return f"Reply({self.status})"


def wants_page(request: Request) -> bool:
    """Whether the client is a browser that asks for a page: `Accept` names HTML (RFC 9110 §12.5.1)."""
    return any(map(_is_html, request.headers.get("accept", "").lower().split(",")))


def is_git_lfs(request: Request) -> bool:
    """Whether git-lfs sends a request of its API: `Accept` is the media type of git-lfs, with or without parameters."""
    return request.headers.get("accept", "").partition(";")[0].strip(BLANKS).lower() == GIT_LFS


def wants_preview(request: Request) -> bool:
    """Whether a browser asks for the page of a file: `?view`. For a program, `?view` has no meaning."""
    return "view" in request.query and request.method in ("GET", "HEAD") and wants_page(request)


def navigates(request: Request) -> bool:
    """Whether a person opens a page in a tab of a browser (Fetch Metadata Request Headers §2.1 and §2.2).

    Old browsers send no such header. A script sends another mode, and a frame is no tab.
    """
    mode, destination = request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest")
    is_tab = mode in (None, "navigate") and destination in (None, "document")
    return request.method == "GET" and is_tab and wants_page(request)


def asked_path(request: Request) -> str:
    """Return the path of a request with the parameters of a page, percent-encoded, so that a browser can ask again.

    Other parameters, and values that no page has, are left out: the text goes into pages and to issuers, and a
    parameter can hold a secret.
    """
    parameters = request.query.items()
    query = {name: value for name, value in parameters if name in _PAGE_PARAMETERS and value.isprintable()}
    return f"{request.raw_path}?{urlencode(query, quote_via=quote)}" if query else request.raw_path


def with_token_in_query(request: Request) -> Request:
    """Turn a request for `/-/t/TOKEN/key` into the request for `/key?token=TOKEN`, so that no log has the token.

    Every other request stays as it is. The service answers 404 where the token is empty, or no slash follows.
    """
    if not request.raw_path.startswith(TOKEN_PATHS):
        return request
    token, slash, key = request.raw_path.removeprefix(TOKEN_PATHS).partition("/")
    return request._replace(raw_path=f"/{key}", query={**request.query, "token": token}) if token and slash else request


def _is_html(media_range: str) -> bool:
    """Whether a part of `Accept`, in lower case, is HTML, and a weight of 0 does not refuse HTML."""
    media_type, *parameters = (part.strip(BLANKS) for part in media_range.split(";"))
    return media_type == "text/html" and not any(
        parameter.startswith("q=") and not parameter.strip("q=.0") for parameter in parameters
    )
