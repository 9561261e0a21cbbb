"""The answers: a redirect, its description, and refusals for programs and for people."""

import base64
import json
import re
from collections.abc import Mapping

import pytest

from chalicelib.core import replies
from chalicelib.core.s3.presign import SignedUrl
from chalicelib.core.web import problems
from chalicelib.core.web.image_parameters import Image
from chalicelib.core.web.message import Reply
from chalicelib.core.web.problems import Problem
from tests.support.builders import request

SIGNED = SignedUrl("PUT", "https://b.s3.amazonaws.com/a?X-Amz-Signature=f", {"x-amz-meta-a": "1"}, 1_700_000_300)
PROBLEMS = [
    problems.BadPath("It is bad."),
    problems.BadParameter("download", "It is bad."),
    problems.BadHeader("x-amz-acl", "It is bad."),
    problems.CredentialsMissing(),
    problems.CredentialsInvalid(),
    problems.UrlKeyInvalid(),
    problems.Forbidden("key:ci", "read", 3),
    problems.LinkInvalid(),
    problems.LinkExpired(),
    problems.LinkUsedUp(),
    problems.LinkRevoked(),
    problems.NotRevocable(),
    problems.Prefetched(),
    problems.SizeNotAllowed(["320x", "96x96"]),
    problems.SourceNotAllowed(),
    problems.SourceFailed("It says 500."),
    problems.NotAnImage(),
    problems.ImageBroken(),
    problems.ImageTooLarge("It has too many pixels."),
    problems.CrossSite(),
    problems.CookieInvalid("a=b"),
    problems.NotFound("There is nothing."),
    problems.MethodNotAllowed("BREW", ("GET", "PUT")),
    problems.LengthRequired(),
    problems.PreconditionFailed(),
    problems.KeyTooLong(1025, 1024),
    problems.Misconfigured(["signpost.toml:3: canary"]),
    problems.InternalError(),
    problems.NotOffered("Not yet."),
    problems.Unavailable("S3 does not answer."),
]


# RFC 9110 §15.5 renamed some that Python calls by their old names.
TITLES = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}


def refusal(problem: Problem, headers: Mapping[str, str] | None = None, *, sign_in: bool = True) -> Reply:
    asked = request(headers=headers)
    return replies.refusal(problem, asked, realm="Acme files", sign_in=sign_in, html=lambda: b"<html>")


def test_a_redirect_is_an_empty_307() -> None:
    reply = replies.redirect(SIGNED, "private, max-age=5")
    assert (reply.status, reply.body) == (307, b"")
    assert reply.headers == {"Location": SIGNED.url, "Cache-Control": "private, max-age=5"}


def test_what_a_post_made_is_read_elsewhere() -> None:
    assert replies.redirect(SIGNED, "no-store", 303).status == 303


def test_an_image_is_its_bytes_and_no_browser_takes_it_for_something_else() -> None:
    body = bytes(range(256))
    reply = replies.image(Image("image/webp", body), "private, max-age=5")
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers == {
        "Content-Type": "image/webp",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=5",
    }


def test_the_largest_image_fits_into_what_a_lambda_answers() -> None:
    """6 MB of JSON, in which the body is base64 (FACTS 1.9); the headers have the rest."""
    assert len(base64.b64encode(bytes(replies.MAX_BODY_BYTES))) + 200_000 < 6 * 1024**2


def test_a_description_says_all_that_a_client_needs_for_the_second_step() -> None:
    reply = replies.signed_url(request(query={"presign": ""}), SIGNED, "private, max-age=9")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.headers["Cache-Control"] == "no-store"
    assert json.loads(reply.body) == {
        "method": "PUT",
        "url": SIGNED.url,
        "headers": {"x-amz-meta-a": "1"},
        "expires_at": "2023-11-14T22:18:20Z",
    }


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_a_refusal_is_a_problem_document(problem: Problem) -> None:
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
    assert "canary" not in reply.body.decode()
    assert ("WWW-Authenticate" in reply.headers) == (problem.status == 401)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_a_problem_has_a_status_in_words_and_says_what_to_do(problem: Problem) -> None:
    from http import HTTPStatus

    assert problem.title == TITLES.get(problem.status, HTTPStatus(problem.status).phrase)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.code)
    assert problem.detail.endswith(".")


def test_codes_are_stable_and_each_means_one_thing() -> None:
    assert sorted(problem.code for problem in PROBLEMS) == [
        *("bad-header", "bad-parameter", "bad-path", "cookie-invalid", "credentials-invalid", "credentials-missing"),
        *("cross-site", "forbidden", "image-broken", "image-too-large", "internal-error", "key-too-long"),
        *("length-required",),
        *("link-expired", "link-invalid", "link-revoked", "link-used-up", "method-not-allowed", "misconfigured"),
        *("not-an-image", "not-found", "not-offered", "not-revocable", "precondition-failed", "prefetch-refused"),
        *("size-not-allowed", "source-failed", "source-not-allowed", "unavailable", "url-key-invalid"),
    ]


def test_a_refusal_carries_the_headers_of_its_problem() -> None:
    headers = [refusal(problem).headers for problem in PROBLEMS]
    assert [each["Allow"] for each in headers if "Allow" in each] == ["GET, PUT"]
    assert [each["Retry-After"] for each in headers if "Retry-After" in each] == ["5"]


def test_a_challenge_offers_basic_and_bearer_in_the_realm() -> None:
    challenge = refusal(problems.CredentialsMissing()).headers["WWW-Authenticate"]
    assert challenge == 'Basic realm="Acme files", charset="UTF-8", Bearer realm="Acme files"'


BROWSER = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "sec-fetch-mode": "navigate",
}


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_a_browser_gets_a_page(problem: Problem) -> None:
    reply = refusal(problem, BROWSER)
    assert (reply.status, reply.body) == (problem.status, b"<html>")
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert problem.headers.items() <= reply.headers.items()


def test_a_page_that_can_sign_in_does_not_let_the_browser_ask_first() -> None:
    assert refusal(problems.CredentialsMissing(), BROWSER).headers["WWW-Authenticate"] == 'Bearer realm="Acme files"'
    assert (
        refusal(problems.CredentialsMissing(), BROWSER, sign_in=False).headers["WWW-Authenticate"].startswith("Basic")
    )


def test_a_client_that_takes_html_and_is_no_browser_is_offered_basic() -> None:
    """`wget -r` and lftp send a password only after this offer."""
    for accept in ("text/html", BROWSER["accept"]):
        headers = refusal(problems.CredentialsMissing(), {"accept": accept}).headers
        assert headers["WWW-Authenticate"].startswith("Basic")
        assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_neither_does_a_page_that_asks_by_a_script() -> None:
    script = {"accept": "*/*", "sec-fetch-mode": "cors"}
    assert refusal(problems.CredentialsMissing(), script).headers["WWW-Authenticate"] == 'Bearer realm="Acme files"'
    assert refusal(problems.CredentialsMissing(), script, sign_in=False).headers["WWW-Authenticate"].startswith("Basic")


def test_a_page_may_load_and_run_nothing_but_our_own() -> None:
    reply = replies.page(200, b"<html>", ["https://b.example.com", "https://a.example.com", "https://a.example.com"])
    assert reply.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; "
        "img-src 'self' data: https://a.example.com https://b.example.com; "
        "connect-src 'self' https://a.example.com https://b.example.com; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert reply.headers["Referrer-Policy"] == "same-origin"


def test_a_program_gets_no_page() -> None:
    """RFC 9110 §12.5.1: a weight of 0 refuses a type, and another type may have "text/html" in its name."""
    for accept in [
        *("*/*", "application/json", "", "image/*", "text/plain", ",", ";", "text/html-x", "xtext/html"),
        *("text/html;q=0", "text/html ; q=0.0, */*", "TEXT/HTML;Q=0.000", 'a/b;c="text/html"', "text/html\u00a0"),
    ]:
        reply = refusal(problems.LinkInvalid(), {"accept": accept})
        assert reply.headers["Content-Type"] == "application/problem+json", accept
        assert "Content-Security-Policy" not in reply.headers


def test_a_page_may_be_asked_for_in_capitals_and_with_parameters() -> None:
    for accept in ("Text/HTML", "a/b,text/html;level=1;q=0.1", "*/* , \ttext/html ;q=1.0"):
        assert refusal(problems.LinkInvalid(), {"accept": accept}).body == b"<html>", accept
