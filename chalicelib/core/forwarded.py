"""What of a request is passed on to S3, signed: some query parameters and some headers, and what may never be."""

import string
from typing import Final
from urllib.parse import quote

from .message import Request, is_plain
from .paths import CONTROLS, Path
from .problems import BadHeader, BadParameter

# S3 API Reference, GetObject: the headers of its answer that a signed request may set.
_OVERRIDES: Final = (
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
)

# RFC 9110 §5.6.2: what the name of a header may hold; and what a file name may, to be sent as it is.
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters)
_PLAIN: Final = frozenset(" !#$&'()+,-.;=@^_`{}~" + string.digits + string.ascii_letters)

# Not what the client sends to S3: the first three are ours to say, in the URL itself; the last are CloudFront's, which
# stands in front of every edge-optimised API.
_NOT_SIGNED: Final = ("x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "x-amz-cf-")

# A copy source reads an object that no rule was asked about; the others change who may read or remove one.
_REFUSED: Final = (
    "x-amz-copy-source",
    "x-amz-rename-source",
    "x-amz-acl",
    "x-amz-grant-",
    "x-amz-bypass-governance-retention",
)


def query(request: Request, path: Path) -> dict[str, str]:
    """Return the parameters for S3: `versionId`, and for a GET or HEAD `response-*` and `?download`.

    Raises:
        BadParameter: a value with control characters, or a file name with a slash.
    """
    names: tuple[str, ...] = ()
    if request.method in ("GET", "HEAD"):
        names = ("versionId", *_OVERRIDES)
    elif request.method == "DELETE":
        names = ("versionId",)
    found = {name: request.query[name] for name in names if name in request.query}
    for name, value in found.items():
        _check(name, value)
    if request.method in ("GET", "HEAD") and "download" in request.query:
        name = request.query["download"]
        _check("download", name)
        if "/" in name or "\\" in name:
            raise BadParameter("download", "a file name has no slash in it. Leave the folders out.")
        found["response-content-disposition"] = _attachment(name or path.rpartition("/")[2])
    return found


def headers(request: Request) -> dict[str, str]:
    """Return the headers to sign: every `x-amz-*` that is the client's, and of an upload its two conditions.

    The client sends them on to S3, which refuses any `x-amz-*` that is not signed (FACTS 3.1).

    Raises:
        BadHeader: one that may not be passed on, or that is not plain ASCII.
    """
    amazon = {name: value for name, value in request.headers.items() if name.startswith("x-amz-")}
    found = {name: value for name, value in amazon.items() if not name.startswith(_NOT_SIGNED)}
    if request.method in ("PUT", "POST"):
        found |= {name: request.headers[name] for name in ("if-match", "if-none-match") if name in request.headers}
    for name, value in found.items():
        if name.startswith(_REFUSED):
            raise BadHeader(name, "it would go past the access rules, so it is not passed on. Leave it out.")
        if not (_TOKEN.issuperset(name) and is_plain(value)):
            raise BadHeader(ascii(name), "only printable ASCII can be signed. Percent-encode the rest.")
    return found


def _attachment(name: str) -> str:
    """Make a Content-Disposition that saves under `name` (RFC 6266 §4.1, §5; RFC 8187 for what is not plain ASCII)."""
    if _PLAIN.issuperset(name):
        return f'attachment; filename="{name}"'
    fallback = "".join(char if char in _PLAIN else "_" for char in name)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='!#$&+^`|')}"


def _check(name: str, value: str) -> None:
    lone_surrogate = any("\ud800" <= char <= "\udfff" for char in value)  # JSON can spell it, UTF-8 cannot
    if lone_surrogate or not CONTROLS.isdisjoint(value):
        raise BadParameter(name, "it holds a character that cannot be sent. Leave it out.")
