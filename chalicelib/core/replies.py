"""Replies: redirects, JSON documents, pages, images and refusals. The headers for caching and the CSP are set here."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from .s3.presign import SignedUrl
from .web.message import Reply, Request, wants_page
from .web.problems.access import Unauthorized
from .web.problems.base import Problem
from .web.times import rfc3339

if TYPE_CHECKING:
    from .web.image_parameters import Image
    from .web.page_views import Asset

NO_STORE: Final = "no-store"

MAX_BODY_BYTES: Final = 4_500_000  # the base64 of a body must fit in the 6 MB that a Lambda answers (FACTS 1.9)

_FOREVER: Final = "public, max-age=31536000, immutable"


def redirect(signed: SignedUrl, cache_control: str, status: int = 307) -> Reply:
    """Return a redirect to a presigned URL.

    Args:
        signed: the URL.
        cache_control: the value of `Cache-Control`.
        status: 307, where the client repeats its method, headers and body at the URL (RFC 9110 §15.4.8); 303, where a
            client that sent a POST reads the result at the URL.
    """
    return Reply(status, {"Location": signed.url, "Cache-Control": cache_control})


def signed_url(request: Request, signed: SignedUrl, cache_control: str) -> Reply:
    """Return a redirect to a presigned URL; with `?presign`, return the URL as JSON, for a client with two steps."""
    if "presign" not in request.query:
        return redirect(signed, cache_control)
    expires_at = rfc3339(signed.expires_at)
    body = {"method": signed.method, "url": signed.url, "headers": dict(signed.headers), "expires_at": expires_at}
    return document(200, body)


def options(methods: Sequence[str]) -> Reply:
    """Return the answer to OPTIONS: the methods of a path."""
    return Reply(204, {"Allow": ", ".join(methods), "Cache-Control": NO_STORE})


def created_link(request: Request, query: str, token: str, expires_at: int, fields: Mapping[str, object]) -> Reply:
    """Return the answer to a request that made a link.

    Args:
        request: the request, whose URL is the URL of the link without its query.
        query: the query of the link's URL.
        token: the token of the link.
        expires_at: the end of the link, Unix time in seconds.
        fields: more fields of the answer.
    """
    url = f"{request.base_url}{request.raw_path}?{query}"
    return document(201, {"url": url, "token": token, "expires_at": rfc3339(expires_at), **fields})


def document(status: int, value: object) -> Reply:
    """Return a value as JSON, which no cache keeps."""
    return _document(status, "application/json", _json(value))


def page(
    status: int, html: bytes, store_origins: Iterable[str] = (), headers: Mapping[str, str] | None = None
) -> Reply:
    """Return a page, which runs and loads only files of the service (Content Security Policy Level 3).

    The referrer policy of a page differs from the policy of all other answers: with `no-referrer` a browser would hide
    the origin of a form (Fetch Standard, "append a request `Origin` header"). Other sites never get a referrer.

    Args:
        status: the HTTP status.
        html: the page.
        store_origins: the origins of the buckets: the script of the page sends files there, and images come from there.
        headers: more header fields.
    """
    stores = "".join(f" {origin}" for origin in sorted(set(store_origins)))
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; "
        f"img-src 'self' data:{stores}; connect-src 'self'{stores}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    fields = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin", **(headers or {})}
    return _document(status, "text/html; charset=utf-8", html, fields)


def asset(file: "Asset") -> Reply:
    """Return a file that pages load. Browsers keep the file for ever, because other bytes have another name."""
    return _document(200, file.media_type, file.body, {"Cache-Control": _FOREVER})


def image(result: "Image", cache_control: str) -> Reply:
    """Return an image of at most `MAX_BODY_BYTES`."""
    return _document(200, result.media_type, result.body, {"Cache-Control": cache_control})


def cache_control(seconds: int, *, shared: bool) -> str:
    """Return a `Cache-Control` for some seconds; a shared cache may keep the answer only where `shared` is true."""
    return f"{'public' if shared else 'private'}, max-age={seconds}"


def see_other(url: str, cookie: str | None) -> Reply:
    """Return a 303 to another page (RFC 9110 §15.4.4), with a `Set-Cookie`; without one for None."""
    cookies = {} if cookie is None else {"Set-Cookie": cookie}
    return Reply(303, {"Location": url, "Cache-Control": NO_STORE, **cookies})


def refusal(problem: Problem, request: Request, *, realm: str, sign_in: bool, html: Callable[[], bytes]) -> Reply:
    """Return a Problem as `application/problem+json` (RFC 9457), or as a page for a browser that navigates.

    Args:
        problem: the reason of the refusal.
        request: the request that is refused.
        realm: the name that browsers show when they ask for credentials (RFC 9110 §11.5).
        sign_in: whether people can sign in on a page.
        html: renders the page.
    """
    headers = dict(problem.headers)
    if isinstance(problem, Unauthorized):
        from .web.challenges import challenge_for  # a redirect needs no challenge

        headers["WWW-Authenticate"] = challenge_for(request, realm, sign_in=sign_in)
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


def _document(status: int, media_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    fields = {"Content-Type": media_type, "X-Content-Type-Options": "nosniff", "Cache-Control": NO_STORE}
    return Reply(status, {**fields, **(headers or {})}, body)


def _json(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"  # the prompt of a terminal then starts on a new line
