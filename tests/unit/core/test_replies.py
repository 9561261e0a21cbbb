"""Replies: redirects, images, and refusals for programs and for people."""

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus

from chalicelib.core import replies
from chalicelib.core.s3.presign import SignedUrl
from chalicelib.core.web.image_parameters import Image
from chalicelib.core.web.message import Reply
from chalicelib.core.web.problems import access, base, images, uploads
from chalicelib.core.web.problems.base import Problem
from tests.support.builders import request

SIGNED = SignedUrl("PUT", "https://b.s3.amazonaws.com/a?X-Amz-Signature=f", {"x-amz-meta-a": "1"}, 1_700_000_300)
PROBLEMS = [
    base.BadPath("It is bad."),
    base.BadParameter("download", "It is bad."),
    base.BadHeader("x-amz-acl", "It is bad."),
    access.CredentialsMissing(),
    access.CredentialsInvalid(),
    access.UrlKeyInvalid(),
    access.Forbidden("key:ci", "read", 3),
    access.LinkInvalid(),
    access.LinkExpired(),
    access.LinkUsedUp(),
    access.LinkRevoked(),
    access.NotRevocable(),
    access.TooManyLinks(300),
    access.Prefetched(),
    images.SizeNotAllowed(["320x", "96x96"]),
    images.SourceNotAllowed(),
    images.SourceFailed("It says 500."),
    images.NotAnImage(),
    images.ImageBroken(),
    images.ImageTooLarge("It has too many pixels."),
    access.CrossSite(),
    access.CookieInvalid("a=b"),
    base.NotFound("There is nothing."),
    base.MethodNotAllowed("BREW", ("GET", "PUT")),
    uploads.LengthRequired(),
    base.PreconditionFailed(),
    base.KeyTooLong(1025, 1024),
    base.Misconfigured(["signpost.toml:3: canary"]),
    base.InternalError(),
    base.NotOffered("Not yet."),
    base.Unavailable("S3 does not answer."),
]


# RFC 9110 §15.5 has new names for these statuses; Python has the old names.
TITLES = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}


BROWSER = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "sec-fetch-mode": "navigate",
}


def refusal(problem: Problem, headers: Mapping[str, str] | None = None, *, sign_in: bool = True) -> Reply:
    return replies.refusal(
        problem, request(headers=headers), realm="Acme files", sign_in=sign_in, html=lambda: b"<html>"
    )


def test_a_redirect_is_empty() -> None:
    for status in (307, 303):
        reply = replies.redirect(SIGNED, "private, max-age=5", status)
        assert reply == Reply(status, {"Location": SIGNED.url, "Cache-Control": "private, max-age=5"}, b"")


def test_an_image_is_its_bytes_with_a_type_that_browsers_must_not_guess() -> None:
    body = bytes(range(256))
    reply = replies.image(Image("image/webp", body), "private, max-age=5")
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers == {
        "Content-Type": "image/webp",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=5",
    }


def test_the_largest_image_fits_into_what_a_lambda_answers() -> None:
    """A Lambda answers 6 MB of JSON, with the body in base64 (FACTS 1.9). The headers need the rest."""
    assert len(base64.b64encode(bytes(replies.MAX_BODY_BYTES))) + 200_000 < 6 * 1024**2


def test_a_refusal_is_a_problem_document_and_for_a_browser_a_page() -> None:
    for problem in PROBLEMS:
        reply = refusal(problem)
        assert reply.status == problem.status
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Cache-Control"] == "no-store"
        assert json.loads(reply.body) == {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.detail,
            "request_id": "req-1",
        }
        assert problem.title == TITLES.get(problem.status, HTTPStatus(problem.status).phrase)
        assert problem.detail.endswith(".")
        assert "canary" not in reply.body.decode()
        assert ("WWW-Authenticate" in reply.headers) == (problem.status == 401)
        assert problem.headers.items() <= reply.headers.items()
        page = refusal(problem, BROWSER)
        assert (page.status, page.body) == (problem.status, b"<html>")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert problem.headers.items() <= page.headers.items()
    assert base.PreconditionFailed().code == "precondition-failed"


def test_a_challenge_offers_basic_to_every_client_except_browsers_that_can_sign_in() -> None:
    """`wget -r` and lftp send `Accept: text/html`, and send a password only after this offer."""
    both = 'Basic realm="Acme files", charset="UTF-8", Bearer realm="Acme files"'
    script = {"accept": "*/*", "sec-fetch-mode": "cors"}
    for headers, sign_in, challenge in (
        *((headers, True, both) for headers in ({}, {"accept": "text/html"}, {"accept": BROWSER["accept"]})),
        *((headers, True, 'Bearer realm="Acme files"') for headers in (BROWSER, script)),
        *((headers, False, both) for headers in (BROWSER, script)),
    ):
        reply = refusal(access.CredentialsMissing(), headers, sign_in=sign_in)
        assert reply.headers["WWW-Authenticate"] == challenge, (headers, sign_in)


def test_a_page_loads_and_runs_only_files_of_the_service() -> None:
    reply = replies.page(200, b"<html>", ["https://b.example.com", "https://a.example.com", "https://a.example.com"])
    assert reply.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; "
        "img-src 'self' data: https://a.example.com https://b.example.com; "
        "connect-src 'self' https://a.example.com https://b.example.com; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert reply.headers["Referrer-Policy"] == "same-origin"


def test_a_program_gets_no_page() -> None:
    """A weight of 0 refuses a type (RFC 9110 §12.5.1). A media type may have capitals and parameters."""
    for accept in [
        *("*/*", "application/json", "", "image/*", "text/plain", ",", ";", "text/html-x", "xtext/html"),
        *("text/html;q=0", "text/html ; q=0.0, */*", "TEXT/HTML;Q=0.000", 'a/b;c="text/html"', "text/html\u00a0"),
    ]:
        reply = refusal(access.LinkInvalid(), {"accept": accept})
        assert reply.headers["Content-Type"] == "application/problem+json", accept
        assert "Content-Security-Policy" not in reply.headers
    for accept in ("Text/HTML", "a/b,text/html;level=1;q=0.1", "*/* , \ttext/html ;q=1.0"):
        assert refusal(access.LinkInvalid(), {"accept": accept}).body == b"<html>", accept
