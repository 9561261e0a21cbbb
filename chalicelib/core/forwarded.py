"""What of a request is passed on to S3, signed: some query parameters and some headers, and what may never be."""

import re
from typing import Final
from urllib.parse import quote

from .message import Request
from .paths import Path
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

# RFC 9110 §5.6.2 and §5.5, narrowed to what S3 and every client spell alike.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PLAIN_FILE_NAME = re.compile(r"[A-Za-z0-9 !#$&'()+,.;=@^_`{}~-]+")

# Ours to say: they are in the URL's own query, or not signed at all in a presigned URL.
_OURS: Final = frozenset({"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})

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
        found["response-content-disposition"] = _attachment(request.query["download"] or path.rpartition("/")[2])
    return found


def headers(request: Request) -> dict[str, str]:
    """Return the header fields to sign: every `x-amz-*` but ours, and on PUT `If-Match` and `If-None-Match`.

    The client sends them on to S3, which refuses any `x-amz-*` that is not signed (FACTS 3.1).

    Raises:
        BadHeader: one that may not be passed on, or that is not plain ASCII.
    """
    found = {name: value for name, value in request.headers.items() if name.startswith("x-amz-") and name not in _OURS}
    if request.method == "PUT":
        found |= {name: request.headers[name] for name in ("if-match", "if-none-match") if name in request.headers}
    for name, value in found.items():
        if name.startswith(_REFUSED):
            raise BadHeader(name, "it would go past the access rules, so it is not passed on. Leave it out.")
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise BadHeader(ascii(name), "only printable ASCII can be signed. Percent-encode the rest.")
    return found


def _attachment(name: str) -> str:
    """Make a Content-Disposition that saves under `name` (RFC 6266 §4.1, §5; RFC 8187 for what is not plain ASCII)."""
    _check("download", name)
    if "/" in name or "\\" in name:
        raise BadParameter("download", "a file name has no slash in it. Leave the folders out.")
    if _PLAIN_FILE_NAME.fullmatch(name):
        return f'attachment; filename="{name}"'
    fallback = "".join(char if _PLAIN_FILE_NAME.fullmatch(char) else "_" for char in name)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='!#$&+^`|')}"


def _check(name: str, value: str) -> None:
    if _CONTROL.search(value):
        raise BadParameter(name, "it holds a control character. Leave it out.")
