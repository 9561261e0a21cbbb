"""Reads a REST API event (Lambda proxy, payload version 1.0) as a Request, and writes a Reply as the response.

Source: API Gateway Developer Guide, "Lambda proxy integrations in API Gateway"; FACTS 1.1 to 1.7.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeGuard

from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.times import Deadline

from .common import base_url, decode_body, encode_body, header_fields, request_id, unsupported

if TYPE_CHECKING:
    from .types import RestApiEvent

ROOT: Final = "/"
ALL_OTHERS: Final = "/{proxy+}"
"""The two resources of the REST API, which together match every path."""

METHODS: Final = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")
"""All methods that API Gateway has: the service refuses methods itself, with an explanation (FACTS 1.10)."""


_ACCEPTED: Final = (
    "The handler app.app answers only the events of a REST API with Lambda proxy integration, not the events of an "
    "HTTP API or of a load balancer. Put a REST API in front, or a Function URL in front of app.function_url."
)


def to_request(event: object, deadline: Deadline) -> Request:
    """Read an event. Only the kind of the event is checked here: the service judges the values.

    Args:
        event: the event.
        deadline: the time by which the event must be answered.
    """
    if not _is_rest_api_event(event):
        return unsupported(event, _ACCEPTED, deadline)
    context = event["requestContext"]
    method = event.get("httpMethod") or context.get("httpMethod") or ""
    raw_path = _raw_path(event)
    headers = _headers(event)
    return Request(
        method=method,
        raw_path=raw_path,
        query=_query(event),
        headers=headers,
        request_id=request_id(context.get("requestId")),
        base_url=base_url(headers, _prefix(context.get("path") or "", raw_path)),
        client_address=(context.get("identity") or {}).get("sourceIp") or "",
        deadline=deadline,
        body=decode_body(event.get("body"), event.get("isBase64Encoded")) if method == "POST" else b"",
        length_arrives=False,
    )


def from_reply(reply: Reply) -> dict[str, object]:
    """Return the response. The body is always base64: `*/*` is a binary type of the API, so any type arrives."""
    return {
        "statusCode": reply.status,
        "headers": dict(reply.headers),
        "multiValueHeaders": {"Set-Cookie": [*reply.cookies]} if reply.cookies else {},
        "body": encode_body(reply.body),
        "isBase64Encoded": True,
    }


def _is_rest_api_event(event: object) -> TypeGuard["RestApiEvent"]:
    """Whether an event is of a REST API.

    An HTTP API adds a version to the same shape. No other kind of event names a resource.
    """
    if not isinstance(event, dict) or "version" in event:
        return False
    context = event.get("requestContext")
    return isinstance(context, dict) and context.get("resourcePath") in (ROOT, ALL_OTHERS)


def _raw_path(event: "RestApiEvent") -> str:
    """Return the path without stage and base path, as the client encoded it (FACTS 1.2, 1.3).

    The parameter `proxy` never has a stage or a base path before it. It loses a last slash, which `path` keeps.
    """
    proxy = (event.get("pathParameters") or {}).get("proxy")
    if proxy is None:
        return "/"
    slash = "/" if (event.get("path") or "").endswith("/") else ""
    return f"/{proxy}{slash}"


def _prefix(context_path: str, raw_path: str) -> str:
    """Return the stage or the base path: the part of the context's path before the path of the request (FACTS 1.3).

    Each of the two paths may have lost its last slash: at the root, `raw_path` is `/` and `context_path` is `/prod`.
    """
    whole, own = context_path.rstrip("/"), raw_path.rstrip("/")
    return whole.removesuffix(own) if whole.endswith(own) else ""


def _query(event: "RestApiEvent") -> Mapping[str, str]:
    """Return the parameters, which arrive decoded (FACTS 1.4). The last value of a repeated parameter counts."""
    values_by_name = event.get("multiValueQueryStringParameters")
    if values_by_name:
        return {name: values[-1] for name, values in values_by_name.items()}
    return event.get("queryStringParameters") or {}


def _headers(event: "RestApiEvent") -> dict[str, str]:
    values_by_name = event.get("multiValueHeaders")
    if values_by_name:
        return header_fields(values_by_name.items())
    return header_fields((name, (value,)) for name, value in (event.get("headers") or {}).items())
