"""REST API events (Lambda proxy integration, payload v1) to Request, and Reply to a Chalice response.

Source: API Gateway Developer Guide, "Lambda proxy integrations in API Gateway"; FACTS 1.1 to 1.7.
"""

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.times import Deadline

from .addressed import base_url
from .body import body
from .fields import fields
from .request_id import request_id
from .unsupported import refused

Event = Mapping[str, Any]

_ACCEPTED: Final = (
    "The handler app.app answers the events of a REST API with Lambda proxy integration, and no others: none of an "
    "HTTP API, none of a load balancer. Put a REST API in front, or a Function URL in front of app.function_url."
)


def accepts(event: Any) -> bool:
    """Whether an event is a REST API's: an HTTP API adds a version to the same shape, all others name no resource."""
    return (
        isinstance(event, dict)
        and "version" not in event
        and isinstance(event.get("requestContext"), dict)
        and isinstance(event["requestContext"].get("resourcePath"), str)
    )


def to_refusal(event: Any, deadline: Deadline) -> Request:
    """Return a request that is refused with an explanation, for an event of another kind."""
    return refused(event, _ACCEPTED, deadline)


def to_request(event: Event, deadline: Deadline) -> Request:
    """Read an event that `accepts` accepts. Nothing is checked here: whatever came is judged by the pipeline.

    Args:
        event: the event.
        deadline: the time by which the event must be answered.
    """
    context = event["requestContext"]
    method = str(event.get("httpMethod") or context.get("httpMethod"))
    raw_path = _raw_path(event)
    headers = _headers(event)
    return Request(
        method=method,
        raw_path=raw_path,
        query=_query(event),
        headers=headers,
        request_id=request_id(context),
        base_url=base_url(headers, _prefix(context, raw_path)),
        client_address=str((context.get("identity") or {}).get("sourceIp")),
        deadline=deadline,
        body=body(event) if method == "POST" else b"",
        length_arrives=False,
    )


def from_reply(reply: Reply) -> dict[str, Any]:
    """Return the arguments of a `chalice.app.Response`.

    The body is always bytes: Chalice encodes it for `*/*` binary types, and fails outside its own error handler on a
    str with a content type other than JSON (FACTS 2.5); None would become `null` (FACTS 2.6).
    """
    return {"status_code": reply.status, "headers": dict(reply.headers), "body": reply.body}


def _raw_path(event: Event) -> str:
    """`proxy` never has a stage or base path before it, and loses a last slash, which `path` keeps (FACTS 1.2, 1.3)."""
    proxy = (event.get("pathParameters") or {}).get("proxy")
    if proxy is None:
        return "/"
    slash = "/" if str(event.get("path") or "").endswith("/") else ""
    return f"/{proxy}{slash}"


def _prefix(context: Event, raw_path: str) -> str:
    """The stage or the base path: what the context's path has before ours (FACTS 1.3).

    Each of both may have lost its last slash: at the root the one is `/` where the other is `/prod`.
    """
    whole, own = str(context.get("path") or "").rstrip("/"), raw_path.rstrip("/")
    return whole.removesuffix(own) if whole.endswith(own) else ""


def _query(event: Event) -> Mapping[str, str]:
    """Parameters arrive decoded (FACTS 1.4). Of a repeated one the last counts, as in the single-value map."""
    many = event.get("multiValueQueryStringParameters")
    if many:
        return {name: values[-1] for name, values in many.items()}
    return event.get("queryStringParameters") or {}


def _headers(event: Event) -> dict[str, str]:
    many = event.get("multiValueHeaders")
    if many:
        return fields(many.items())
    return fields((name, (value,)) for name, value in (event.get("headers") or {}).items())
