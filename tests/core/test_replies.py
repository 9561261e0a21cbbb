"""The answers: a redirect, its description, and refusals for programs and for people."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from chalicelib.core import problems, replies
from chalicelib.core.presign import SignedUrl
from chalicelib.core.problems import Problem
from tests.builders import request

SIGNED = SignedUrl("PUT", "https://b.s3.amazonaws.com/a?X-Amz-Signature=f", {"x-amz-meta-a": "1"}, 1_700_000_300)
PROBLEMS = [
    problems.BadPath("It is bad."),
    problems.BadParameter("download", "It is bad."),
    problems.BadHeader("x-amz-acl", "It is bad."),
    problems.CredentialsMissing(),
    problems.CredentialsInvalid(),
    problems.Forbidden("key:ci", "read", 3),
    problems.LinkInvalid(),
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


def test_a_redirect_is_an_empty_307() -> None:
    reply = replies.redirect(SIGNED, "private, max-age=5")
    assert (reply.status, reply.body) == (307, b"")
    assert reply.headers == {"Location": SIGNED.url, "Cache-Control": "private, max-age=5"}


def test_a_description_says_all_that_a_client_needs_for_the_second_step() -> None:
    reply = replies.description(SIGNED)
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
    reply = replies.refusal(problem, request(), "Acme files")
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

    assert problem.title == {414: "URI Too Long"}.get(problem.status, HTTPStatus(problem.status).phrase)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.code)
    assert problem.detail.endswith(".")


def test_codes_are_stable_and_each_means_one_thing() -> None:
    assert sorted(problem.code for problem in PROBLEMS) == [
        *("bad-header", "bad-parameter", "bad-path", "credentials-invalid", "credentials-missing", "forbidden"),
        *("internal-error", "key-too-long", "length-required", "link-invalid", "method-not-allowed", "misconfigured"),
        *("not-found", "not-offered", "precondition-failed", "unavailable"),
    ]


def test_a_refusal_carries_the_headers_of_its_problem() -> None:
    headers = [replies.refusal(problem, request(), "Acme").headers for problem in PROBLEMS]
    assert [each["Allow"] for each in headers if "Allow" in each] == ["GET, PUT"]
    assert [each["Retry-After"] for each in headers if "Retry-After" in each] == ["5"]


def test_a_challenge_offers_basic_and_bearer_in_the_realm() -> None:
    challenge = replies.refusal(problems.CredentialsMissing(), request(), "Acme files").headers["WWW-Authenticate"]
    assert challenge == 'Basic realm="Acme files", charset="UTF-8", Bearer realm="Acme files"'


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(body.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


def page_of(problem: Problem, **rest: Any) -> tuple[Page, str, bytes]:
    reply = replies.refusal(problem, request(headers=BROWSER, **rest), "Acme files")
    assert reply.status == problem.status
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"
    return Page(reply.body), reply.headers["Content-Security-Policy"], reply.body


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_a_browser_gets_the_same_as_a_page(problem: Problem) -> None:
    page, _, _ = page_of(problem)
    for told in (problem.title, problem.detail, problem.code, str(problem.status), "req-1"):
        assert told in page.text
    assert "canary" not in page.text


EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>$title${status}\ud800"


@pytest.mark.parametrize("evil", [EVIL, "</style></title><b>", "&lt;b&gt;"])
def test_nothing_in_a_page_becomes_markup(evil: str) -> None:
    plain, _, _ = page_of(problems.NotFound("plain"))
    page, _, body = page_of(problems.MethodNotAllowed(evil, ()), request_id=evil)
    assert page.elements == plain.elements
    assert page.attributes == plain.attributes
    shown = evil.encode("utf-8", "backslashreplace").decode()
    assert page.text.count(shown) == 2
    assert body.decode("utf-8")


def test_a_page_may_load_and_run_nothing_but_its_own_style() -> None:
    _, policy, body = page_of(problems.CredentialsMissing())
    style = re.search(rb"<style>(.*?)</style>", body, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["style-src"] == f"'sha256-{digest}'"
    assert {directives[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert b"<script" not in body
    assert b"style=" not in body


@pytest.mark.parametrize("accept", ["*/*", "application/json", "", "image/*", "text/plain"])
def test_a_program_gets_no_page(accept: str) -> None:
    reply = replies.refusal(problems.LinkInvalid(), request(headers={"accept": accept}), "Acme")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert "Content-Security-Policy" not in reply.headers
