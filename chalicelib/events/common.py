"""Shared by both kinds of events: header fields, the body, the request's id, the base URL, and refused events."""

import base64
import os
import string
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from chalicelib.core.web.message import Request, is_plain
from chalicelib.core.web.times import Deadline

_HOST_CHARACTERS: Final = frozenset(".-:[]" + string.digits + string.ascii_letters)  # RFC 3986 §3.2.2
_ID_CHARACTERS: Final = frozenset("-_=" + string.digits + string.ascii_letters)


def header_fields(pairs: Iterable[tuple[str, Sequence[str]]]) -> dict[str, str]:
    """Return header fields by their names in lower case (FACTS 1.5), with the values of one name joined in order.

    A comma joins values (RFC 9110 §5.3). Cookie fields are joined by `; ` (RFC 6265 §5.4): a comma is part of a value.

    Args:
        pairs: names in any case, each with its values. Names that differ only in upper and lower case are one name.
    """
    fields: dict[str, str] = {}
    for name, values in pairs:
        name = name.lower()
        if name in fields:
            values = (fields[name], *values)
        fields[name] = values[0] if len(values) == 1 else ("; " if name == "cookie" else ",").join(values)
    return fields


def decode_body(text: str | None, is_base64: bool | None) -> bytes:
    """Return the body of an event. The body is empty where the event has none, or has broken base64."""
    if not text:
        return b""
    if not is_base64:
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def encode_body(body: bytes) -> str:
    """Return a body as base64, for a response with `isBase64Encoded`."""
    return base64.b64encode(body).decode() if body else ""


def request_id(platform_id: object) -> str:
    """Return the platform's id of a request, which the platform's own logs have too; a new id where there is none.

    Args:
        platform_id: `requestContext.requestId`. An emulator may leave it out.
    """
    if isinstance(platform_id, str) and platform_id and _ID_CHARACTERS.issuperset(platform_id):
        return platform_id
    return os.urandom(8).hex()


def base_url(headers: Mapping[str, str], prefix: str) -> str:
    """Return the beginning of every URL of the service, without a slash at its end.

    Args:
        headers: of the request, with names in lower case. Both platforms set `X-Forwarded-Proto` themselves.
        prefix: the part of a URL before the path: the stage or the base path of a REST API.
    """
    return _base_url(headers.get("x-forwarded-proto", ""), headers.get("host", ""), prefix)


@lru_cache(maxsize=64)
def _base_url(proto: str, host: str, prefix: str) -> str:
    scheme = "http" if proto == "http" else "https"
    if not host or not _HOST_CHARACTERS.issuperset(host):
        host = "localhost"
    default_port = ":80" if scheme == "http" else ":443"
    return f"{scheme}://{host.lower().removesuffix(default_port)}{prefix if is_plain(prefix) else ''}"


def unsupported(event: object, explanation: str, deadline: Deadline) -> Request:
    """Return the request for an event of another kind, which the service refuses with an explanation.

    Such an event must not be read as a supported event, because its key could be wrong: an HTTP API decodes the path
    and puts the stage into it (FACTS 1.8); a load balancer has other names for its fields.

    Args:
        event: any JSON. Only the platform's id is used.
        explanation: names the events that the entry point accepts, and tells what to change.
        deadline: the time by which the event must be answered.
    """
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    platform_id = context.get("requestId") if isinstance(context, Mapping) else None
    return Request("", "/", {}, {}, request_id(platform_id), "https://localhost", "", deadline, unsupported=explanation)
