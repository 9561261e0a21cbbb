"""Uploads in parts: the multipart call of S3 that a request makes, the parameters of the call, and the sizes of parts.

Source: S3 API Reference, CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload, ListParts.
"""

from collections.abc import Mapping
from typing import Final

from .numbers import whole_number
from .problems.base import BadParameter

CREATE, PART, COMPLETE, ABORT, LIST = "create", "part", "complete", "abort", "list"

MAX_PARTS: Final = 10_000  # S3 User Guide, "Amazon S3 multipart upload limits", also for the next limit
MIN_PART_BYTES: Final = 5 * 1024**2  # of every part except the last

PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    CREATE: ("uploads",),
    PART: ("partNumber", "uploadId"),
    COMPLETE: ("uploadId",),
    ABORT: ("uploadId",),
    LIST: ("uploadId", "max-parts", "part-number-marker"),
}
"""The query parameters that S3 must get, signed, for each call."""

_CALL_PARAMETERS: Final = frozenset({"uploads", "uploadId", "partNumber"})
_STEPS: Final = {"PUT": PART, "POST": COMPLETE, "DELETE": ABORT, "GET": LIST}


def step_of(method: str, query: Mapping[str, str]) -> str | None:
    """Return the multipart call that a request makes; None for any other request.

    Raises:
        BadParameter: the query has parameters of multipart calls, but names no call of S3. Without these parameters the
            request would replace or delete the whole object.
    """
    if _CALL_PARAMETERS.isdisjoint(query) or method == "OPTIONS":
        return None
    given = _CALL_PARAMETERS & query.keys()
    if "uploads" in given:
        if method != "POST" or len(given) > 1:
            raise BadParameter(
                "uploads", "it begins an upload in parts: send it by POST, without uploadId and partNumber."
            )
        return CREATE
    if method not in _STEPS or not query.get("uploadId"):
        raise BadParameter("uploadId", "it names the upload of a part: send it by PUT, POST, GET or DELETE.")
    if (method == "PUT") != ("partNumber" in given):
        raise BadParameter(
            "partNumber",
            "it is the number of the part that a PUT uploads: send it with every such PUT, and with no other method.",
        )
    if method == "PUT":
        part_number(query)
    return _STEPS[method]


def part_number(query: Mapping[str, str]) -> int:
    """Return the number of a part, 1 to `MAX_PARTS`; raise BadParameter for anything else."""
    number = whole_number(query["partNumber"], 1, MAX_PARTS)
    if number is None:
        raise BadParameter("partNumber", f"it must be a whole number from 1 to {MAX_PARTS:,}.")
    return number


def part_bytes(max_bytes: int) -> int:
    """Return the exact size of every part except the last, for an upload with a limit.

    The number and the size of each part are signed, and the service remembers no part. So the size of the whole upload
    is limited by one fixed size of all parts, and by the number of parts.
    """
    return max(MIN_PART_BYTES, -(-max_bytes // MAX_PARTS))


def max_part_bytes(max_bytes: int, number: int) -> int:
    """Return the limit of a part, so that this part and all parts before are not larger than `max_bytes`."""
    size = part_bytes(max_bytes)
    return max(0, min(size, max_bytes - (number - 1) * size))
