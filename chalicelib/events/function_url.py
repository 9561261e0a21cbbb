"""Function URL events (payload v2) to Request, and Reply to a Function URL response.

Source: Lambda Developer Guide, "Invoking Lambda function URLs", request and response payloads; FACTS 1.8.
"""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from chalicelib.core.message import Reply, Request

from .addressed import base_url
from .body import body
from .fields import fields
from .request_id import request_id

Event = Mapping[str, Any]


def to_request(event: Event) -> Request:
    """Read an event. Nothing is checked here: whatever came is judged by the pipeline."""
    context = event.get("requestContext") or {}
    cookies = (("cookie", cookie) for cookie in event.get("cookies") or ())
    headers = fields((*(event.get("headers") or {}).items(), *cookies))
    http = context.get("http") or {}
    method = str(http.get("method"))
    return Request(
        method=method,
        raw_path=_raw_path(str(event.get("rawPath") or "/"), str(context.get("domainName") or "")),
        query=dict(parse_qsl(str(event.get("rawQueryString") or ""), keep_blank_values=True)),
        headers=headers,
        request_id=request_id(context),
        base_url=base_url(headers, ""),
        address=str(http.get("sourceIp")),
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
        "body": base64.b64encode(reply.body).decode(),
        "isBase64Encoded": True,
        **({"cookies": [cookie]} if cookie else {}),
    }


def _raw_path(path: str, domain: str) -> str:
    """An HTTP API sends the same shape with the path already decoded (FACTS 1.8): encode it, to be decoded once."""
    of_http_api = domain and ".lambda-url." not in domain
    return quote(path, errors="surrogatepass") if of_http_api else path
