"""Replies: redirects, JSON documents, pages, images and refusals. The headers for caching and the CSP are set here."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from .s3.presign import SignedUrl
from .web.message import GIT_LFS, Reply, Request, is_git_lfs, wants_page
from .web.problems.access import AwsSignature, Unauthorized
from .web.problems.base import Problem
from .web.times import rfc3339

if TYPE_CHECKING:
    from .ports import Metadata
    from .web.image_parameters import Image
    from .web.page_views import Asset

NO_STORE: Final = "no-store"

MAX_BODY_BYTES: Final = 4_500_000  # the base64 of a body must fit in the 6 MB that a Lambda answers (FACTS 1.9)

_FOREVER: Final = "public, max-age=31536000, immutable"
_SOURCES: Final = {"img-src": "'self' data:", "connect-src": "'self'"}  # of all pages


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


def document(status: int, value: object, media_type: str = "application/json") -> Reply:
    """Return a value as JSON, which no cache keeps."""
    return _document(status, media_type, _json(value))


def text(value: str) -> Reply:
    """Return a plain text, which no cache keeps."""
    return _document(200, "text/plain; charset=utf-8", value.encode())


def page(
    status: int,
    html: bytes,
    store_origins: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
    store_directives: Iterable[str] = tuple(_SOURCES),
    form_url: str = "",
) -> Reply:
    """Return a page, which runs and loads only files of the service (Content Security Policy Level 3).

    The referrer policy of a page differs from the policy of all other answers: with `no-referrer` a browser would hide
    the origin of a form (Fetch Standard, "append a request `Origin` header"). Other sites never get a referrer.

    A page is in the language of its reader. `application` adds the fields of `Vary` that all replies have.

    Args:
        status: the HTTP status.
        html: the page.
        store_origins: the origins of the buckets: the script of the page sends files there, and images come from there.
        headers: more header fields.
        store_directives: the directives of the policy that allow the origins of the buckets.
        form_url: the URL of a bucket, to which a form of the page sends files; empty for no such form.
    """
    form = f" {form_url}" if form_url else ""
    stores = "".join(f" {origin}" for origin in sorted(set(store_origins)))
    sources = _SOURCES | {name: _SOURCES.get(name, "'self'") + stores for name in store_directives}
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; "
        + "".join(f"{name} {allowed}; " for name, allowed in sources.items())
        + f"form-action 'self'{form}; base-uri 'none'; frame-ancestors 'none'"
    )
    fields = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "Vary": "Accept-Language"}
    return _document(status, "text/html; charset=utf-8", html, {**fields, **(headers or {})})


def asset(file: "Asset") -> Reply:
    """Return a file that pages load. Browsers keep the file for ever, because other bytes have another name."""
    return _document(200, file.media_type, file.body, {"Cache-Control": _FOREVER})


def playlist(metadata: "Metadata", media_type: str, body: bytes | None) -> Reply:
    """Return a playlist with the headers that S3 gave it. No browser shows the playlist as another type, or runs it.

    Args:
        metadata: the status and the header fields of S3's answer.
        media_type: takes the place of the media type of the object.
        body: None for HEAD, which alone keeps the length: the entry points set the length of a body.
    """
    replaced = ("content-type",) if body is None else ("content-type", "content-length")
    fields = {name: value for name, value in metadata.headers.items() if name not in replaced}
    policy = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    return _document(metadata.status, media_type, body or b"", fields | policy)


def image(result: "Image", cache_control: str) -> Reply:
    """Return an image of at most `MAX_BODY_BYTES`."""
    return _document(200, result.media_type, result.body, {"Cache-Control": cache_control})


def cache_control(seconds: int, *, shared: bool) -> str:
    """Return a `Cache-Control` for some seconds; a shared cache may keep the answer only where `shared` is true."""
    return f"{'public' if shared else 'private'}, max-age={seconds}"


def see_other(url: str, *cookies: str) -> Reply:
    """Return a 303 to another page (RFC 9110 §15.4.4), with values of `Set-Cookie`."""
    return Reply(303, {"Location": url, "Cache-Control": NO_STORE}, cookies=cookies)


def refusal(problem: Problem, request: Request, *, realm: str, sign_in: bool, html: Callable[[], bytes]) -> Reply:
    """Return a Problem as `application/problem+json` (RFC 9457), or as a page for a browser that navigates.

    git-lfs gets its own media type, and shows the member `message` to its user (git-lfs, docs/api/batch.md). An SDK of
    AWS gets an error of S3.

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
        return page(problem.status, html(), headers=headers)._replace(cookies=problem.cookies)
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "request_id": request.request_id,
    }
    if isinstance(problem, AwsSignature) and "application/json" not in request.headers.get("accept", ""):
        return _document(problem.status, "application/xml", _error_of_s3(problem, request), headers)
    if is_git_lfs(request):
        return _document(problem.status, GIT_LFS, _json({**body, "message": problem.detail}), headers)
    reply = _document(problem.status, "application/problem+json", _json(body), headers)
    return reply._replace(cookies=problem.cookies)


def _document(status: int, media_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    fields = {"Content-Type": media_type, "X-Content-Type-Options": "nosniff", "Cache-Control": NO_STORE}
    return Reply(status, {**fields, **(headers or {})}, body)


def _error_of_s3(problem: Problem, request: Request) -> bytes:
    """Return a Problem as an error of S3, because an SDK shows its user the message of no other body.

    Source: S3 API Reference, "Error responses".
    """
    from xml.sax.saxutils import escape  # only an SDK at the wrong address needs it

    fields = {"Code": problem.code, "Message": problem.detail, "RequestId": request.request_id}
    elements = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{elements}</Error>\n'.encode()


def _json(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"  # the prompt of a terminal then starts on a new line
