"""What a rule demands of an upload: refused here where the client does not promise it, signed where it does.

A promise is a header under the signature, so S3 refuses an upload that breaks it (FACTS 4.6).
"""

from .message import Request, is_plain
from .problems import (
    BadHeader,
    BadParameter,
    LengthRequired,
    PayloadTooLarge,
    PreconditionRequired,
    SizeRequired,
    UnsupportedMediaType,
)
from .rules import Rule


def promises(request: Request, rule: Rule) -> dict[str, str]:
    """Return the headers to sign, so that the upload is what the rule demands; none where it demands nothing.

    Args:
        request: a PUT.
        rule: what allows it. `overwrite = false` wants `If-None-Match: *`, which is signed as all such headers are.

    Raises:
        LengthRequired: the body is chunked, which S3 does not take (FACTS 3.2).
        SizeRequired, PayloadTooLarge: the size is not said, or over `max_bytes`.
        UnsupportedMediaType: the type is not said, or none of `content_types`.
        PreconditionRequired: what is there could be overwritten.
        BadParameter, BadHeader: what is said cannot be read.
    """
    if "chunked" in request.headers.get("transfer-encoding", "").lower():
        raise LengthRequired()
    promised = {}
    if rule.max_bytes is not None:
        promised["content-length"] = str(_size(request, rule.max_bytes))
    if rule.content_types:
        promised["content-type"] = _media_type(request, rule.content_types)
    if not rule.overwrite and request.headers.get("if-none-match", "").strip() != "*":
        raise PreconditionRequired()
    return promised


def _size(request: Request, limit: int) -> int:
    """The size of the upload: `?size=`, else `Content-Length`, which a REST API does not let through (FACTS 1.6).

    The parameter goes first: in two steps the first request is empty, and its Content-Length is its own.
    """
    said = request.query.get("size", request.headers.get("content-length"))
    if said is None:
        raise SizeRequired()
    if not (said.isascii() and said.isdigit() and len(said) < 20):
        raise BadParameter("size", "it is not a number of bytes.")
    if int(said) > limit:
        raise PayloadTooLarge(int(said), limit)
    return int(said)


def _media_type(request: Request, allowed: tuple[str, ...]) -> str:
    """The type of the upload, as the client said it; its parameters do not count (RFC 9110 §8.3.1)."""
    said = request.headers.get("content-type", "")
    if not is_plain(said):
        raise BadHeader("content-type", "only printable ASCII can be signed.")
    media_type = said.partition(";")[0].strip().lower()
    family = f"{media_type.partition('/')[0]}/*"
    if not {media_type, family} & {one.lower() for one in allowed} or not media_type.partition("/")[2]:
        raise UnsupportedMediaType(allowed)
    return said
