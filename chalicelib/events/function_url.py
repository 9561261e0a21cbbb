"""Function URL events (payload v2) to Request, and Reply to a Function URL response.

Source: Lambda Developer Guide, "Invoking Lambda function URLs", request and response payloads; FACTS 1.8.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.times import Deadline

from .addressed import base_url
from .body import body, encoded
from .fields import fields
from .request_id import request_id
from .unsupported import refused

Event = Mapping[str, Any]

_ACCEPTED: Final = (
    "The handler app.function_url answers the events of a Function URL, and those of an HTTP API with payload version "
    "2.0 on the stage $default: the name of another stage would become a part of the key. It answers no others: none "
    "of a load balancer, and none of a REST API, which needs the handler app.app."
)


def accepts(event: Any) -> bool:
    """Whether an event is a Function URL's, or like it in all but its path's encoding."""
    if not (isinstance(event, Mapping) and event.get("version") == "2.0"):
        return False
    context = event.get("requestContext")
    return (
        isinstance(context, Mapping) and context.get("stage") == "$default" and isinstance(context.get("http"), Mapping)
    )


def to_request(event: Event, deadline: Deadline) -> Request:
    """Read an event. Nothing is checked but its kind: whatever came is judged by the pipeline.

    Args:
        event: the event.
        deadline: the time by which the event must be answered.
    """
    if not accepts(event):
        return refused(event, _ACCEPTED, deadline)
    context = event["requestContext"]
    single = ((name, (value,)) for name, value in (event.get("headers") or {}).items())
    cookies = event.get("cookies")
    headers = fields((*single, ("cookie", cookies)) if cookies else single)
    http = context["http"]
    method = str(http.get("method"))
    return Request(
        method=method,
        raw_path=_raw_path(str(event.get("rawPath") or "/"), str(context.get("domainName") or "")),
        query=dict(parse_qsl(str(event.get("rawQueryString") or ""), keep_blank_values=True)),
        headers=headers,
        request_id=request_id(context),
        base_url=base_url(headers, ""),
        client_address=str(http.get("sourceIp")),
        deadline=deadline,
        body=body(event) if method == "POST" else b"",
    )


def from_reply(reply: Reply) -> dict[str, Any]:
    """Return the response; the body is base64 always, so that no type of content is a special case.

    A cookie has a field of its own in this kind of response.
    """
    headers = dict(reply.headers)
    cookie = headers.pop("Set-Cookie", None)
    return {
        "statusCode": reply.status,
        "headers": headers,
        "body": encoded(reply.body),
        "isBase64Encoded": True,
        **({"cookies": [cookie]} if cookie else {}),
    }


def _raw_path(path: str, domain: str) -> str:
    """An HTTP API sends the same shape with the path already decoded (FACTS 1.8): encode it, to be decoded once."""
    of_http_api = domain and ".lambda-url." not in domain
    return quote(path, errors="surrogatepass") if of_http_api else path
