"""Passthrough: the parameters and headers of a request that the service passes on to S3, ignores or refuses."""

import string
from typing import Final
from urllib.parse import quote

from chalicelib.core.access.rules import Grant
from chalicelib.core.web import multipart_parameters
from chalicelib.core.web.message import Request, is_plain
from chalicelib.core.web.paths import CONTROLS, Path
from chalicelib.core.web.problems.base import BadHeader, BadParameter, NotOffered

# S3 API Reference, GetObject: the parameters by which a signed request sets headers of the answer.
OVERRIDES: Final = (
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
)
"""The parameters of a read that set headers of the answer."""

# The characters of a header's name (RFC 9110 §5.6.2), and of a file name that is sent without an encoding.
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters)
_PLAIN: Final = frozenset(" !#$&'()+,-.;=@^_`{}~" + string.digits + string.ascii_letters)

MAX_PARAMETER_BYTES: Final = 1_024  # of a parameter's value: S3 User Guide, "Version IDs"; other parameters need less
MAX_FILE_NAME_BYTES: Final = 255  # of a download: the limit of file systems

# The headers that are signed if the client sends them (S3 API Reference: PutObject, GetObject, multipart calls).
_SIGNED: Final = ("x-amz-checksum-", "x-amz-meta-")
_SIGNED_NAMES: Final = frozenset(
    {
        "x-amz-expected-bucket-owner",
        "x-amz-mp-object-size",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-server-side-encryption",
    }
)

# The headers that are ignored: CloudFront adds the headers with these prefixes (FACTS 1.14), and the URL has the values
# of the other headers.
_IGNORED: Final = ("x-amz-cf-", "x-amz-source-")
_IGNORED_NAMES: Final = frozenset({"x-amz-content-sha256", "x-amz-date", "x-amz-security-token"})


def query(request: Request, path: Path, step: str | None = None) -> dict[str, str]:
    """Return the query parameters for S3: `versionId`, and for a GET or HEAD `response-*` and `?download`.

    For a call of an upload in parts, which `step_of` names, these are the parameters of the call.

    Raises:
        BadParameter: a value has characters that S3 does not take, or is too long; a file name has a slash.
    """
    reads = step is None and request.method in ("GET", "HEAD")
    if step is not None:
        names = multipart_parameters.PARAMETERS[step]
    elif reads:
        names = ("versionId", *OVERRIDES)
    else:
        names = ("versionId",) if request.method == "DELETE" else ()
    parameters = {name: request.query[name] for name in names if name in request.query}
    for name, value in parameters.items():
        _check(name, value)
    if reads and "download" in request.query:
        name = request.query["download"]
        _check_file_name(name)
        parameters["response-content-disposition"] = _attachment(name or path.rpartition("/")[2])
    return parameters


def _check_file_name(name: str) -> None:
    _check("download", name)
    if "/" in name or "\\" in name:
        raise BadParameter("download", "a file name has no slash. Leave the folders out.")
    if not is_file_name(name):
        raise BadParameter(
            "download", f"a file name has up to {MAX_FILE_NAME_BYTES} bytes of UTF-8. Use a shorter name."
        )


def is_file_name(name: str) -> bool:
    """Whether a name is short enough for a file."""
    return len(name.encode()) <= MAX_FILE_NAME_BYTES


def headers(request: Request, grant: Grant, step: str | None = None) -> dict[str, str]:
    """Return the headers to sign: the headers that S3 defines for the request and that the rule lets through.

    The client sends these headers to S3, which refuses any `x-amz-*` that is not signed (FACTS 3.1). A header that is
    not named here is refused, because AWS adds new headers, and some headers avoid the rules (FACTS 4.11).

    Args:
        request: the request of the client.
        grant: its rule can let more headers through, though never for a link.
        step: the call of an upload in parts, as `multipart_parameters.step_of` names the call.

    Raises:
        BadHeader: a header is not passed on, or is not plain ASCII.
        NotOffered: the rule demands a header that is not passed on for a link.
    """
    signed: dict[str, str] = {}
    demanded = _demanded(grant, step)
    for name, value in request.headers.items():
        if name.startswith("x-amz-"):
            if _is_signed(name) or (not grant.link and (name in demanded or name in grant.rule.pass_headers)):
                signed[name] = value
            elif name not in _IGNORED_NAMES and not name.startswith(_IGNORED):
                shown = name if _TOKEN.issuperset(name) else ascii(name)
                raise BadHeader(shown, "the access rules here do not pass this header on to S3. Leave it out.")
    # CreateMultipartUpload and UploadPart take neither condition (FACTS 4.11).
    if step == multipart_parameters.COMPLETE or (request.method == "PUT" and step is None):
        signed |= {name: request.headers[name] for name in ("if-match", "if-none-match") if name in request.headers}
    for name, value in signed.items():
        if not (_TOKEN.issuperset(name) and is_plain(value)):
            raise BadHeader(ascii(name), "only printable ASCII can be signed. Percent-encode all other characters.")
    return signed


def _is_signed(name: str) -> bool:
    return name in _SIGNED_NAMES or name.startswith(_SIGNED)


def _demanded(grant: Grant, step: str | None) -> tuple[str, ...]:
    """Return the names of the headers that the rule demands of an upload. `upload_limits` checks the values."""
    if not grant.rule.require_headers or grant.action != "write" or step not in (None, multipart_parameters.CREATE):
        return ()
    names = tuple(name for name, _ in grant.rule.require_headers)
    if grant.link and not all(_is_signed(name) for name in names if name.startswith("x-amz-")):
        raise NotOffered("Uploads here need a header that no link lets through. Upload with an API key.")
    return names


def _attachment(name: str) -> str:
    """Return the Content-Disposition for a file name (RFC 6266 §4.1, §5; RFC 8187 for names that are not plain ASCII).

    The name in a key can be too long for a file. Then the browser chooses and shortens the name.
    """
    if not is_file_name(name):
        return "attachment"
    if _PLAIN.issuperset(name):
        return f'attachment; filename="{name}"'
    fallback = "".join(char if char in _PLAIN else "_" for char in name)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='!#$&+^`|')}"


def _check(name: str, value: str) -> None:
    lone_surrogate = any("\ud800" <= char <= "\udfff" for char in value)  # JSON can hold it, UTF-8 cannot
    if lone_surrogate or not CONTROLS.isdisjoint(value):
        raise BadParameter(name, "it holds a character that cannot be sent. Leave it out.")
    if len(value.encode()) > MAX_PARAMETER_BYTES:
        raise BadParameter(name, f"it has more than {MAX_PARAMETER_BYTES:,} bytes of UTF-8. Use a shorter value.")
    # S3 answers 400: "Header value cannot be represented using ISO-8859-1."
    if name in OVERRIDES and max(value, default="") > "\xff":
        raise BadParameter(name, "S3 takes only characters of Latin-1 here. To name a file, use ?download=NAME.")
