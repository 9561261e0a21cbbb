"""What of a request is passed on to S3, signed: some query parameters and some headers, and what may never be."""

import string
from typing import Final
from urllib.parse import quote

from chalicelib.core.access.rules import Grant
from chalicelib.core.web import multipart_parameters
from chalicelib.core.web.message import Request, is_plain
from chalicelib.core.web.paths import CONTROLS, Path
from chalicelib.core.web.problems import BadHeader, BadParameter, NotOffered

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

MAX_PARAMETER_BYTES: Final = 1_024  # of a parameter's value: S3 User Guide, "Version IDs"; the others need no more
MAX_FILE_NAME_BYTES: Final = 255  # of a download: as long as file systems let the name of a file be

# The headers that are signed where the client sends them (S3 API Reference: PutObject, GetObject, multipart calls).
_SIGNED: Final = ("x-amz-checksum-", "x-amz-meta-")
_SIGNED_NAMES: Final = frozenset(
    {
        "x-amz-expected-bucket-owner",
        "x-amz-mp-object-size",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-server-side-encryption",
    }
)

# The headers that never go on to S3: CloudFront adds the first two kinds (FACTS 8.14); the URL itself says the others.
_IGNORED: Final = ("x-amz-cf-", "x-amz-source-")
_IGNORED_NAMES: Final = frozenset({"x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})


def query(request: Request, path: Path, step: str | None = None) -> dict[str, str]:
    """Return the parameters for S3: `versionId`, and for a GET or HEAD `response-*` and `?download`.

    For a call of an upload in parts, as `step_of` names the call, these are the parameters of that call instead.

    Raises:
        BadParameter: a value with characters that S3 does not take; a file name with a slash, or a long one.
    """
    names: tuple[str, ...] = ()
    if request.method in ("GET", "HEAD"):
        names = ("versionId", *_OVERRIDES)
    elif request.method == "DELETE":
        names = ("versionId",)
    found = {name: request.query[name] for name in names if name in request.query}
    if step is not None:
        found = multipart_parameters.parameters(step, request.query)
    for name, value in found.items():
        _check(name, value)
    if step is None and request.method in ("GET", "HEAD") and "download" in request.query:
        name = request.query["download"]
        _check("download", name)
        if "/" in name or "\\" in name:
            raise BadParameter("download", "a file name has no slash in it. Leave the folders out.")
        if not is_file_name(name):
            raise BadParameter(
                "download", f"a file name has up to {MAX_FILE_NAME_BYTES} bytes of UTF-8. Use a shorter one."
            )
        found["response-content-disposition"] = _attachment(name or path.rpartition("/")[2])
    return found


def is_file_name(name: str) -> bool:
    """Whether a file can be saved under a name as long as this."""
    return len(name.encode()) <= MAX_FILE_NAME_BYTES


def headers(request: Request, grant: Grant, step: str | None = None) -> dict[str, str]:
    """Return the headers to sign: those that S3 defines for the request and that the rule lets through.

    The client sends them on to S3, which refuses any `x-amz-*` that is not signed (FACTS 3.1). What is not named here
    is refused, since S3 grows headers, and some of them go past the rules (FACTS 8.22).

    Args:
        request: the client's.
        grant: whose rule can let more headers through, though never for a link.
        step: the call of an upload in parts, as `multipart_parameters.step_of` names it.

    Raises:
        BadHeader: a header that is not passed on, or that is not plain ASCII.
        NotOffered: the rule demands a header that is not passed on for a link.
    """
    found: dict[str, str] = {}
    demanded = _demanded(grant, step)
    for name, value in request.headers.items():
        if name.startswith("x-amz-"):
            if _is_signed(name) or (not grant.link and (name in demanded or name in grant.rule.pass_headers)):
                found[name] = value
            elif name not in _IGNORED_NAMES and not name.startswith(_IGNORED):
                shown = name if _TOKEN.issuperset(name) else ascii(name)
                raise BadHeader(shown, "the access rules here do not let it through to S3. Leave it out.")
    # The call that begins an upload in parts takes neither condition, nor does a part (FACTS 8.22).
    if step == multipart_parameters.COMPLETE or (request.method == "PUT" and step is None):
        found |= {name: request.headers[name] for name in ("if-match", "if-none-match") if name in request.headers}
    for name, value in found.items():
        if not (_TOKEN.issuperset(name) and is_plain(value)):
            raise BadHeader(ascii(name), "only printable ASCII can be signed. Percent-encode the rest.")
    return found


def _is_signed(name: str) -> bool:
    return name in _SIGNED_NAMES or name.startswith(_SIGNED)


def _demanded(grant: Grant, step: str | None) -> tuple[str, ...]:
    """The headers that the rule demands of an upload, whose values `uploads.promises` checks."""
    if not grant.rule.require_headers or grant.action != "write" or step not in (None, multipart_parameters.CREATE):
        return ()
    names = tuple(name for name, _ in grant.rule.require_headers)
    if grant.link and not all(_is_signed(name) for name in names if name.startswith("x-amz-")):
        raise NotOffered("Uploads here need a header that no link lets through. Upload with an API key.")
    return names


def _attachment(name: str) -> str:
    """Make a Content-Disposition that saves under `name` (RFC 6266 §4.1, §5; RFC 8187 for what is not plain ASCII).

    The name of a key can be too long for a file. Such a name is left to the browser, which shortens it.
    """
    if not is_file_name(name):
        return "attachment"
    if _PLAIN.issuperset(name):
        return f'attachment; filename="{name}"'
    fallback = "".join(char if char in _PLAIN else "_" for char in name)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='!#$&+^`|')}"


def _check(name: str, value: str) -> None:
    lone_surrogate = any("\ud800" <= char <= "\udfff" for char in value)  # JSON can spell it, UTF-8 cannot
    if lone_surrogate or not CONTROLS.isdisjoint(value):
        raise BadParameter(name, "it holds a character that cannot be sent. Leave it out.")
    if len(value.encode()) > MAX_PARAMETER_BYTES:
        raise BadParameter(name, f"it has more than {MAX_PARAMETER_BYTES:,} bytes of UTF-8. Use a shorter one.")
    # S3 answers 400: "Header value cannot be represented using ISO-8859-1."
    if name in _OVERRIDES and max(value, default="") > "\xff":
        raise BadParameter(name, "S3 takes no character here but those of Latin-1. To name a file, use ?download=NAME.")
