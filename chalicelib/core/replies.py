"""The answers: a redirect, JSON, a page, and a refusal for programs or for people."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from .s3.presign import SignedUrl
from .web.message import BLANKS, Reply, Request
from .web.problems import Problem, Unauthorized
from .web.times import rfc3339

if TYPE_CHECKING:
    from .web.image_parameters import Image
    from .web.page_views import Asset

NO_STORE: Final = "no-store"

MAX_BODY_BYTES: Final = 4_500_000  # of a body: as base64 it must fit in the 6 MB that a Lambda answers (FACTS 1.9)

_FOREVER: Final = "public, max-age=31536000, immutable"


def redirect(signed: SignedUrl, cache_control: str, status: int = 307) -> Reply:
    """307 to a presigned URL: the client repeats its method, headers and body there (RFC 9110 §15.4.8).

    303 is for what a POST made: the client reads it there.
    """
    return Reply(status, {"Location": signed.url, "Cache-Control": cache_control})


def description(signed: SignedUrl) -> Reply:
    """200 with the presigned URL as JSON, for a client that sends its body in a second step."""
    expires_at = rfc3339(signed.expires_at)
    body = {"method": signed.method, "url": signed.url, "headers": dict(signed.headers), "expires_at": expires_at}
    return document(200, body)


def document(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """A value as JSON, for this request alone."""
    return _document(status, "application/json", _json(value), headers)


def page(
    status: int, html: bytes, store_origins: Iterable[str] = (), headers: Mapping[str, str] | None = None
) -> Reply:
    """A page for people, which runs and loads nothing but our own (Content Security Policy Level 3).

    Its referrer policy is another than that of all other answers: with `no-referrer` a form would not say where it
    comes from (Fetch Standard, "append a request `Origin` header"). To other sites it says nothing, either.

    Args:
        status: the HTTP status.
        html: the page.
        store_origins: where the page's script sends files to, and where its images come from.
        headers: more of them.
    """
    stores = "".join(f" {origin}" for origin in sorted(set(store_origins)))
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; "
        f"img-src 'self' data:{stores}; connect-src 'self'{stores}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    dressed = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin", **(headers or {})}
    return _document(status, "text/html; charset=utf-8", html, dressed)


def asset(found: "Asset") -> Reply:
    """A file that pages load, to be kept for ever: other bytes have another name."""
    return _document(200, found.media_type, found.body, {"Cache-Control": _FOREVER})


def image(made: "Image", cache_control: str) -> Reply:
    """An image itself, of at most `MAX_BODY_BYTES`."""
    return _document(200, made.media_type, made.body, {"Cache-Control": cache_control})


def see_other(url: str, cookie: str) -> Reply:
    """303 to another page, with a cookie (RFC 9110 §15.4.4)."""
    return Reply(303, {"Location": url, "Set-Cookie": cookie, "Cache-Control": NO_STORE})


def refusal(problem: Problem, request: Request, *, realm: str, sign_in: bool, html: Callable[[], bytes]) -> Reply:
    """A Problem as `application/problem+json` (RFC 9457), or as a page for a browser that navigates.

    Args:
        problem: what is wrong.
        request: what it answers.
        realm: the name shown where credentials are asked for (RFC 9110 §11.5).
        sign_in: whether a page can sign its reader in.
        html: makes the page.
    """
    headers = dict(problem.headers)
    if isinstance(problem, Unauthorized):
        # Every request of a browser has this header (Fetch Metadata Request Headers §2.2). `Accept: text/html` alone is
        # also sent by programs, such as wget -r and lftp, which send a password only where Basic is offered.
        in_browser = "sec-fetch-mode" in request.headers
        headers["WWW-Authenticate"] = challenge(realm, basic=not (in_browser and sign_in))
    if wants_page(request):
        return page(problem.status, html(), headers=headers)
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request.request_id,
    }
    return _document(problem.status, "application/problem+json", _json(body), headers)


def challenge(realm: str, *, basic: bool) -> str:
    """What `WWW-Authenticate` says: how to send credentials.

    At `Basic` a browser asks for a password in a box of its own, before a page of ours can offer to sign in.
    """
    bearer = f'Bearer realm="{realm}"'
    return f'Basic realm="{realm}", charset="UTF-8", {bearer}' if basic else bearer


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for a page, not a program for data: `Accept` names HTML (RFC 9110 §12.5.1)."""
    return any(map(_is_html, request.headers.get("accept", "").lower().split(",")))


def _is_html(media_range: str) -> bool:
    """Whether a part of `Accept`, in lower case, is HTML and not refused by a weight of 0."""
    media_type, *parameters = (part.strip(BLANKS) for part in media_range.split(";"))
    return media_type == "text/html" and not any(
        parameter.startswith("q=") and not parameter.strip("q=.0") for parameter in parameters
    )


def _document(status: int, media_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    fields = {"Content-Type": media_type, "X-Content-Type-Options": "nosniff", "Cache-Control": NO_STORE}
    return Reply(status, {**fields, **(headers or {})}, body)


def _json(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"  # a terminal's prompt then starts on a line of its own
