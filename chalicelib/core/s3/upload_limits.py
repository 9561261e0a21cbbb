"""Upload limits: the headers by which a client promises to obey a rule. Without the promise an upload is refused here.

A promised header is signed, so S3 refuses an upload that breaks the promise (FACTS 4.6).
"""

import binascii
import re
from collections.abc import Mapping
from typing import Final

from chalicelib.core.access.rules import Grant, Rule
from chalicelib.core.web import multipart_parameters
from chalicelib.core.web.message import Request
from chalicelib.core.web.numbers import whole_number
from chalicelib.core.web.problems.base import BadHeader, BadParameter
from chalicelib.core.web.problems.uploads import (
    ChecksumRequired,
    HeaderRequired,
    LengthRequired,
    PartTooLarge,
    PayloadTooLarge,
    PreconditionRequired,
    SizeRequired,
    UnsupportedMediaType,
)

MAX_PUT_BYTES: Final = 5 * 1024**3
"""The largest file of one request, a PUT or a form (S3 User Guide, "Uploading objects")."""

# S3 User Guide, "Checking object integrity": the checksums that S3 verifies, and the bytes of each. All parts of an
# upload use the algorithm of its CreateMultipartUpload.
_SHA256: Final = {"x-amz-checksum-sha256": 32}
_CHECKSUMS: Final = {**_SHA256, "content-md5": 16}
_MAX_READABLE_BYTES: Final = 10**19 - 1  # bytes; a size above `max_bytes` is read, and refused as too large
_ALGORITHM_HEADERS: Final = (("x-amz-checksum-algorithm", "SHA256"),)

# RFC 9110 §8.3.1, "media-type", and §5.6.6, "parameters", as far as they are printable ASCII.
_TCHARS: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[ !#-\[\]-~]|\\[ -~])*+"'
MEDIA_TYPE: Final = rf"({_TCHARS})/({_TCHARS})(?: *+; *+(?:{_TCHARS}=(?:{_TCHARS}|{_QUOTED}))?+)*+"


def required_headers(request: Request, grant: Grant, step: str | None) -> dict[str, str]:
    """Return the headers to sign, so that the upload obeys the rule; no headers for a rule without demands.

    Args:
        request: a PUT, or a call of an upload in parts.
        grant: the grant to write the file.
        step: the call, as `multipart_parameters.step_of` names the call; None for a single PUT of the whole file.

    Raises:
        LengthRequired: the body is chunked, which S3 does not take (FACTS 3.2).
        SizeRequired, PayloadTooLarge, PartTooLarge: the size is missing, or above `max_bytes`.
        UnsupportedMediaType: the type is not one media type, or none of `content_types`.
        PreconditionRequired: the upload could replace a file.
        ChecksumRequired: the request has no checksum.
        HeaderRequired: a header of `require_headers` is missing, or has another value.
        BadParameter, BadHeader: the size or the checksum cannot be read.
    """
    rule = grant.rule
    if "chunked" in request.headers.get("transfer-encoding", "").lower():
        raise LengthRequired()
    promised: dict[str, str] = {}
    if step in (None, multipart_parameters.CREATE):
        promised |= _object_headers(request, rule, step)
    if step in (None, multipart_parameters.PART):
        promised |= _body_headers(request, rule, step)
    if step in (None, multipart_parameters.COMPLETE):
        _check_no_overwrite(request, grant, step)
    return promised


def describe(rule: Rule) -> list[str]:
    """Return the limits of a rule in words, for `explain`: "uploads …"."""
    return [
        *([f"at most {rule.max_bytes:,} bytes"] if rule.max_bytes is not None else []),
        *([f"of type {' or '.join(rule.content_types)}"] if rule.content_types else []),
        *([] if rule.overwrite else ["that overwrite nothing (If-None-Match: *)"]),
        *(["with x-amz-checksum-sha256"] if rule.checksum else []),
        *(f"with {name}: {value}" for name, value in rule.require_headers),
    ]


def _check_no_overwrite(request: Request, grant: Grant, step: str | None) -> None:
    """Raise PreconditionRequired if the upload could replace a file. `passthrough.headers` signs the condition."""
    if not grant.may_replace and request.headers.get("if-none-match", "").strip() != "*":
        raise PreconditionRequired(in_parts=step is not None)


def _object_headers(request: Request, rule: Rule, step: str | None) -> dict[str, str]:
    """Return the headers of the object: its type, the headers of the rule, and the checksum algorithm of its parts."""
    promised: dict[str, str] = {}
    content_type = request.headers.get("content-type")
    if content_type is not None or rule.content_types:
        check_media_type(content_type or "", rule.content_types)
    if content_type is not None and rule.content_types:
        promised["content-type"] = content_type
    algorithm_headers = _ALGORITHM_HEADERS if rule.checksum and step is not None else ()
    for name, value in (*rule.require_headers, *algorithm_headers):
        # The answer to ?presign names these headers; after a redirect the client repeats its own headers.
        if "presign" not in request.query and request.headers.get(name) != value:
            raise HeaderRequired(name, value)
        promised[name] = value
    return promised


def _body_headers(request: Request, rule: Rule, step: str | None) -> dict[str, str]:
    """Return the headers of the body: its size and its checksum."""
    promised = _checksum(request, _CHECKSUMS if step is None else _SHA256) if rule.checksum else {}
    if rule.max_bytes is not None:
        promised["content-length"] = str(_size(request, rule.max_bytes, step))
    return promised


def _size(request: Request, max_bytes: int, step: str | None) -> int:
    """Return the size of the body: `?size=`, or `Content-Length`, which a REST API does not pass on (FACTS 1.6).

    The parameter decides: a request with ?presign is empty, so its Content-Length is not the size of the upload.
    """
    size_text = request.query.get("size", request.headers.get("content-length"))
    if size_text is None:
        raise SizeRequired()
    size = whole_number(size_text, 0, _MAX_READABLE_BYTES)
    if size is None:
        raise BadParameter("size", "it is not a number of bytes.")
    if step is None and size > max_bytes:
        raise PayloadTooLarge(size, max_bytes)
    if step is not None:
        limit = multipart_parameters.max_part_bytes(max_bytes, multipart_parameters.part_number(request.query))
        if size > limit:
            raise PartTooLarge(size, limit, multipart_parameters.part_bytes(max_bytes), max_bytes)
    return size


def check_media_type(text: str, allowed: tuple[str, ...], **texts: str) -> None:
    """Raise UnsupportedMediaType unless a text is exactly one media type that the rule allows.

    Of several types a browser uses the last (FACTS 3.6). The parameters of the type are not compared.

    Args:
        text: the type as the client sent it.
        allowed: `image/*` or whole types; empty where every type is allowed.
        texts: the argument `example` of UnsupportedMediaType, if the client sends the type in an unusual place.
    """
    match = re.fullmatch(MEDIA_TYPE, text)
    family, subtype = match.groups() if match else ("", "")
    types = {f"{family}/{subtype}".lower(), f"{family}/*".lower()}
    if match is None or (allowed and types.isdisjoint(media_type.lower() for media_type in allowed)):
        raise UnsupportedMediaType(allowed, **texts)


def _checksum(request: Request, accepted: Mapping[str, int]) -> dict[str, str]:
    """Return the checksum of the body: SHA-256, or MD5 where the event has the header (FACTS 1.6)."""
    for name, size in accepted.items():
        checksum = request.headers.get(name)
        if checksum is not None:
            if not _is_base64_of(checksum, size):
                raise BadHeader(name, f"it must be the base64 of {size} bytes.")
            return {name: checksum}
    raise ChecksumRequired()


def _is_base64_of(text: str, size: int) -> bool:
    try:
        return len(binascii.a2b_base64(text, strict_mode=True)) == size
    except ValueError:
        return False
