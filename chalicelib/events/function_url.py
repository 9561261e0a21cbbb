"""Reads a Function URL event (payload version 2.0) as a Request, and writes a Reply as the response.

Source: Lambda Developer Guide, "Invoking Lambda function URLs", request and response payloads; FACTS 1.8.
"""

from typing import TYPE_CHECKING, Final, TypeGuard
from urllib.parse import parse_qsl, quote

from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.times import Deadline

from .common import base_url, decode_body, encode_body, header_fields, request_id, unsupported

if TYPE_CHECKING:
    from .types import FunctionUrlEvent


_ACCEPTED: Final = (
    "The handler app.function_url answers the events of a Function URL, and the events of an HTTP API with payload "
    "version 2.0 on the stage $default: the name of another stage would become a part of the key. It does not answer "
    "the events of a load balancer, or of a REST API, which needs the handler app.app."
)


def to_request(event: object, deadline: Deadline) -> Request:
    """Read an event. Only the kind of the event is checked here: the service judges the values.

    Args:
        event: the event.
        deadline: the time by which the event must be answered.
    """
    if not _is_function_url_event(event):
        return unsupported(event, _ACCEPTED, deadline)
    context = event["requestContext"]
    http = context["http"]
    fields = ((name, (value,)) for name, value in (event.get("headers") or {}).items())
    cookies = event.get("cookies")
    headers = header_fields((*fields, ("cookie", cookies)) if cookies else fields)
    method = http.get("method") or ""
    return Request(
        method=method,
        raw_path=_raw_path(event.get("rawPath") or "/", context.get("domainName") or ""),
        query=dict(parse_qsl(event.get("rawQueryString") or "", keep_blank_values=True)),
        headers=headers,
        request_id=request_id(context.get("requestId")),
        base_url=base_url(headers, ""),
        client_address=http.get("sourceIp") or "",
        deadline=deadline,
        body=decode_body(event.get("body"), event.get("isBase64Encoded")) if method == "POST" else b"",
    )


def from_reply(reply: Reply) -> dict[str, object]:
    """Return the response.

    The body is always base64, so that no content type is a special case. Cookies have a field of their own.
    """
    response: dict[str, object] = {
        "statusCode": reply.status,
        "headers": dict(reply.headers),
        "body": encode_body(reply.body),
        "isBase64Encoded": True,
    }
    if reply.cookies:
        response["cookies"] = [*reply.cookies]
    return response


def _is_function_url_event(event: object) -> TypeGuard["FunctionUrlEvent"]:
    """Whether an event is of a Function URL, or of an HTTP API that differs only in the encoding of the path."""
    if not (isinstance(event, dict) and event.get("version") == "2.0"):
        return False
    context = event.get("requestContext")
    return isinstance(context, dict) and context.get("stage") == "$default" and isinstance(context.get("http"), dict)


def _raw_path(path: str, domain: str) -> str:
    """Return the path as the client encoded it: an HTTP API sends the path decoded (FACTS 1.8), so encode it again."""
    is_http_api = domain and ".lambda-url." not in domain
    return quote(path, errors="surrogatepass") if is_http_api else path
