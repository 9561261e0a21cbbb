"""What a rule demands of an upload: refused here where the client does not promise it, signed where it does.

A promise is a header under the signature, so S3 refuses an upload that breaks it (FACTS 4.6).
"""

import binascii
import re
from collections.abc import Mapping
from typing import Final

from chalicelib.core.access.rules import Grant, Rule
from chalicelib.core.web import multipart_parameters
from chalicelib.core.web.message import Request
from chalicelib.core.web.numbers import whole_number
from chalicelib.core.web.problems import (
    BadHeader,
    BadParameter,
    ChecksumRequired,
    HeaderRequired,
    LengthRequired,
    PartTooLarge,
    PayloadTooLarge,
    PreconditionRequired,
    SizeRequired,
    UnsupportedMediaType,
)

# S3 User Guide, "Checking object integrity": what S3 verifies of a body, and how many bytes each digest has. Parts have
# the one that their upload began with.
_SHA256: Final = {"x-amz-checksum-sha256": 32}
_CHECKSUMS: Final = {**_SHA256, "content-md5": 16}
_MAX_READABLE_BYTES: Final = 10**19 - 1  # bytes; a size above `max_bytes` must be readable, to be refused as too large
_ALGORITHM: Final = (("x-amz-checksum-algorithm", "SHA256"),)

# RFC 9110 §8.3.1, "media-type", and §5.6.6, "parameters", as far as they are printable ASCII.
_TCHARS: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[ !#-\[\]-~]|\\[ -~])*+"'
MEDIA_TYPE: Final = rf"({_TCHARS})/({_TCHARS})(?: *+; *+(?:{_TCHARS}=(?:{_TCHARS}|{_QUOTED}))?+)*+"


def required_headers(request: Request, grant: Grant, step: str | None) -> dict[str, str]:
    """Return the headers to sign, so that the upload is what the rule demands; none where it demands nothing.

    Args:
        request: a PUT, or a call of an upload in parts.
        grant: to write the file.
        step: the call, as `multipart_parameters.step_of` names it; None for a whole file in one.

    Raises:
        LengthRequired: the body is chunked, which S3 does not take (FACTS 3.2).
        SizeRequired, PayloadTooLarge, PartTooLarge: the size is not said, or over `max_bytes`.
        UnsupportedMediaType: the type is not one media type, or none of `content_types`.
        PreconditionRequired: what is there could be overwritten.
        ChecksumRequired: S3 could not tell whether the body arrived whole.
        HeaderRequired: one of `require_headers` is not said, or otherwise.
        BadParameter, BadHeader: what is said cannot be read.
    """
    rule = grant.rule
    if "chunked" in request.headers.get("transfer-encoding", "").lower():
        raise LengthRequired()
    promised: dict[str, str] = {}
    if step in (None, multipart_parameters.CREATE):
        promised |= _kind(request, rule, step)
    if step in (None, multipart_parameters.PART):
        promised |= _body(request, rule, step)
    if step in (None, multipart_parameters.COMPLETE):
        _check_keeps(request, grant, step)
    return promised


def _check_keeps(request: Request, grant: Grant, step: str | None) -> None:
    """Raise PreconditionRequired where what is there could be overwritten; the condition is signed like all such."""
    if not grant.may_replace and request.headers.get("if-none-match", "").strip() != "*":
        raise PreconditionRequired(in_parts=step is not None)


def _kind(request: Request, rule: Rule, step: str | None) -> dict[str, str]:
    """What the object is to be: its type and the headers that are kept with it, and how its parts are verified."""
    promised: dict[str, str] = {}
    content_type = request.headers.get("content-type")
    if content_type is not None or rule.content_types:
        check_media_type(content_type or "", rule.content_types)
    if content_type is not None and rule.content_types:
        promised["content-type"] = content_type
    algorithm = _ALGORITHM if rule.checksum and step is not None else ()
    for name, value in (*rule.require_headers, *algorithm):
        # In two steps the answer tells the client what to send; through a redirect it sends what it sent to us.
        if "presign" not in request.query and request.headers.get(name) != value:
            raise HeaderRequired(name, value)
        promised[name] = value
    return promised


def _body(request: Request, rule: Rule, step: str | None) -> dict[str, str]:
    """What is sent: its size and its checksum."""
    promised = _checksum(request, _CHECKSUMS if step is None else _SHA256) if rule.checksum else {}
    if rule.max_bytes is not None:
        promised["content-length"] = str(_size(request, rule.max_bytes, step))
    return promised


def _size(request: Request, max_bytes: int, step: str | None) -> int:
    """The size of the body: `?size=`, else `Content-Length`, which a REST API does not let through (FACTS 1.6).

    The parameter goes first: in two steps the first request is empty, and its Content-Length is its own.
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
        limit = multipart_parameters.most_of_part(max_bytes, multipart_parameters.part_number(request.query))
        if size > limit:
            raise PartTooLarge(size, limit, multipart_parameters.part_bytes(max_bytes), max_bytes)
    return size


def check_media_type(text: str, allowed: tuple[str, ...], **said: str) -> None:
    """Raise UnsupportedMediaType unless a text is one media type, and one of those allowed where there are any.

    A browser takes the last type of several (FACTS 8.12). The parameters do not decide.

    Args:
        text: as the client said it.
        allowed: `image/*` or whole types.
        said: how to say the type, where not as a header: `say`, as in UnsupportedMediaType.
    """
    found = re.fullmatch(MEDIA_TYPE, text)
    family, kind = found.groups() if found else ("", "")
    types = {f"{family}/{kind}".lower(), f"{family}/*".lower()}
    if found is None or (allowed and types.isdisjoint(one.lower() for one in allowed)):
        raise UnsupportedMediaType(allowed, **said)


def _checksum(request: Request, accepted: Mapping[str, int]) -> dict[str, str]:
    """The digest of the body, which S3 verifies: SHA-256, or MD5 where the event carries it (FACTS 1.6)."""
    for name, size in accepted.items():
        said = request.headers.get(name)
        if said is not None:
            try:
                whole = len(binascii.a2b_base64(said, strict_mode=True)) == size
            except ValueError:
                whole = False
            if not whole:
                raise BadHeader(name, f"it must be the base64 of {size} bytes.")
            return {name: said}
    raise ChecksumRequired()
