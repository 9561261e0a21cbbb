"""The answers: a redirect, the same as JSON, and a refusal for programs or for people."""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from string import Template
from typing import Final

from .message import Reply, Request
from .presign import SignedUrl
from .problems import Problem, Unauthorized

NO_STORE: Final = "no-store"

_STYLE = """
:root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 15vh auto; padding: 0 1.5rem }
small { opacity: .7 }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = Template(
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$status $title</title>
<style>$style</style>
<h1>$title</h1>
<p>$detail</p>
<p><small>$status $code, request $request_id</small></p>
</html>
"""
)


def redirect(signed: SignedUrl, cache_control: str) -> Reply:
    """307 to a presigned URL: the client repeats its method, headers and body there (RFC 9110 §15.4.8)."""
    return Reply(307, {"Location": signed.url, "Cache-Control": cache_control})


def description(signed: SignedUrl) -> Reply:
    """200 with the presigned URL as JSON, for a client that sends its body in a second step."""
    expires_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(signed.expires_at))
    body = {"method": signed.method, "url": signed.url, "headers": dict(signed.headers), "expires_at": expires_at}
    return _document(200, "application/json", _json(body))


def refusal(problem: Problem, request: Request, realm: str) -> Reply:
    """A Problem as `application/problem+json` (RFC 9457), or as a small page for a browser that navigates.

    Args:
        problem: what is wrong.
        request: what it answers.
        realm: the name shown where credentials are asked for (RFC 9110 §11.5).
    """
    headers = dict(problem.headers)
    if isinstance(problem, Unauthorized):
        headers["WWW-Authenticate"] = f'Basic realm="{realm}", charset="UTF-8", Bearer realm="{realm}"'
    if "text/html" in request.headers.get("accept", ""):
        headers["Content-Security-Policy"] = _PAGE_POLICY
        return _document(problem.status, "text/html; charset=utf-8", _page(problem, request), headers)
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request.request_id,
    }
    return _document(problem.status, "application/problem+json", _json(body), headers)


def _document(status: int, media_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    fields = {"Content-Type": media_type, "X-Content-Type-Options": "nosniff", "Cache-Control": NO_STORE}
    return Reply(status, {**fields, **(headers or {})}, body)


def _json(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"  # a terminal's prompt then starts on a line of its own


def _page(problem: Problem, request: Request) -> bytes:
    from html import escape  # its table of entities takes a millisecond to load, and few answers are pages

    return _PAGE.substitute(
        status=problem.status,
        title=escape(problem.title),
        style=_STYLE,
        detail=escape(problem.detail),
        code=escape(problem.code),
        request_id=escape(request.request_id),
    ).encode("utf-8", "backslashreplace")
