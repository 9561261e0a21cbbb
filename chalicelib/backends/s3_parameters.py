"""The parameters of calls to S3: of HeadObject and GetObject for a client's request, and of listings of one level.

Source: S3 API Reference, HeadObject and GetObject.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from chalicelib.core.web.message import is_plain
from chalicelib.core.web.paths import AFTER_ALL
from chalicelib.core.web.problems.base import BadHeader, BadParameter

_OVERRIDES: Final = {
    "response-cache-control": "ResponseCacheControl",
    "response-content-disposition": "ResponseContentDisposition",
    "response-content-encoding": "ResponseContentEncoding",
    "response-content-language": "ResponseContentLanguage",
    "response-content-type": "ResponseContentType",
}
_EXPIRES: Final = "response-expires"
_CONDITIONS: Final = {"if-match": "IfMatch", "if-none-match": "IfNoneMatch", "range": "Range"}
_DATES: Final = {"if-modified-since": "IfModifiedSince", "if-unmodified-since": "IfUnmodifiedSince"}


def version_and_conditions(query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that S3 may refuse because the client made a mistake.

    Args:
        query: of the client's request; only `versionId` is read.
        headers: of the client's request, names in lower case; only conditions and `range` are read.

    Raises:
        BadHeader: a condition has characters that cannot be sent.
    """
    parameters: dict[str, Any] = {"VersionId": query["versionId"]} if "versionId" in query else {}
    names = _CONDITIONS.keys() & headers.keys()
    if "if-range" in headers:  # boto3 cannot send it; without the range, the answer is whole (RFC 9110 §13.1.5)
        names.discard("range")
    for name in names:
        if not is_plain(headers[name]):
            raise BadHeader(name, "only printable ASCII can be sent.")
        parameters[_CONDITIONS[name]] = headers[name]
    for name in _DATES.keys() & headers.keys():
        date = _date(headers[name])
        if date is not None:  # RFC 9110 §13.1.3: a recipient ignores an invalid date
            parameters[_DATES[name]] = date
    return parameters


def response_overrides(query: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that replace header fields of the answer.

    Raises:
        BadParameter: `response-expires` is not a date.
    """
    parameters: dict[str, Any] = {_OVERRIDES[name]: value for name, value in query.items() if name in _OVERRIDES}
    if _EXPIRES in query:
        date = _date(query[_EXPIRES])
        if date is None:
            raise BadParameter(_EXPIRES, "it must be a date of HTTP: Thu, 01 Jan 2026 00:00:00 GMT.")
        parameters["ResponseExpires"] = date
    return parameters


def _date(text: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110 §5.6.7); None for a date that is invalid, or is not in UTC's calendar."""
    from email.utils import parsedate_to_datetime  # loading it takes longer than a redirect

    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def start_of_level(prefix: str, after: str) -> str:
    """Return the key after which a listing of one level continues: after all keys of a directory, if `after` is one.

    Args:
        prefix: of the listing.
        after: the last key or directory of the listing before; empty for the beginning.
    """
    return after + AFTER_ALL if after.endswith("/") and after != prefix else after
