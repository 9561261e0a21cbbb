"""Uploads in parts: which of S3's multipart calls a request is, and what of its query is passed on.

Source: S3 API Reference, CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload, ListParts.
"""

from collections.abc import Mapping
from typing import Final

from .numbers import whole_number
from .problems import BadParameter

CREATE, PART, COMPLETE, ABORT, LIST = "create", "part", "complete", "abort", "list"

MAX_PARTS: Final = 10_000  # S3 User Guide, "Amazon S3 multipart upload limits", as is the next
MIN_PART_BYTES: Final = 5 * 1024**2  # of all parts but the last

_PARAMETERS: Final = frozenset({"uploads", "uploadId", "partNumber"})
_STEPS: Final = {"PUT": PART, "POST": COMPLETE, "DELETE": ABORT, "GET": LIST}
_LIST_PARAMETERS: Final = ("max-parts", "part-number-marker")


def step_of(method: str, query: Mapping[str, str]) -> str | None:
    """Name the multipart call that a request is, None for a request that is none.

    Raises:
        BadParameter: the parameters are those of a multipart call, and it is none that there is. Passed over as unknown
            they would make a part replace a whole object, or delete it.
    """
    if _PARAMETERS.isdisjoint(query) or method == "OPTIONS":
        return None
    given = _PARAMETERS & query.keys()
    if "uploads" in given:
        if method != "POST" or len(given) > 1:
            raise BadParameter("uploads", "it begins an upload in parts, by POST, and goes with no other of its kind.")
        return CREATE
    if method not in _STEPS or not query.get("uploadId"):
        raise BadParameter("uploadId", "it names the upload that a PUT, POST, GET or DELETE of parts belongs to.")
    if (method == "PUT") != ("partNumber" in given):
        raise BadParameter("partNumber", "it numbers the part that a PUT uploads, and goes with no other method.")
    if method == "PUT":
        part_number(query)
    return _STEPS[method]


def part_number(query: Mapping[str, str]) -> int:
    """Return the number of a part, 1 to `MAX_PARTS`; raise BadParameter for anything else."""
    number = whole_number(query["partNumber"], 1, MAX_PARTS)
    if number is None:
        raise BadParameter("partNumber", f"it must be a whole number from 1 to {MAX_PARTS:,}.")
    return number


def parameters(step: str, query: Mapping[str, str]) -> dict[str, str]:
    """Return what of the query S3 must get, signed."""
    names = {CREATE: ("uploads",), PART: ("partNumber", "uploadId"), LIST: ("uploadId", *_LIST_PARAMETERS)}
    return {name: query[name] for name in names.get(step, ("uploadId",)) if name in query}


def part_bytes(max_bytes: int) -> int:
    """Return how large the parts of an upload are whose size is bounded: of all but the last, no more and no less.

    Each part's number and size are signed, and nothing remembers the others, so what bounds them all together is that
    there are only so many of one size.
    """
    return max(MIN_PART_BYTES, -(-max_bytes // MAX_PARTS))


def most_of_part(max_bytes: int, number: int) -> int:
    """Return how large a part may be, so that with those before it the upload is not larger than `max_bytes`."""
    size = part_bytes(max_bytes)
    return max(0, min(size, max_bytes - (number - 1) * size))
