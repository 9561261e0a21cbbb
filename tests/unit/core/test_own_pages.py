"""Below `/-/`: signing in and out from our own pages only, never to another site, and what pages load."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from chalicelib.core.access.actions import METHODS
from chalicelib.core.web.message import Reply
from tests.support.builders import BASE_URL, NOW, basic, secret_of
from tests.support.fakes import ask, code, signpost

OURS = {"origin": BASE_URL}
FORM = {"id": "ann", "secret": secret_of("ann"), "next": "/users/ann/"}


def post(path: str, form: Mapping[str, str], headers: Mapping[str, str] = OURS, now: float = NOW) -> Reply:
    return ask("POST", path, headers=headers, body=urlencode(form).encode(), now=now)


def cookie_of(reply: Reply) -> dict[str, str]:
    return {"cookie": reply.headers["Set-Cookie"].partition(";")[0]}


def test_a_good_key_opens_a_session_and_leads_on() -> None:
    reply = post("/-/login", FORM)
    assert (reply.status, reply.headers["Location"], reply.body) == (303, f"{BASE_URL}/users/ann/", b"")
    assert reply.headers["Cache-Control"] == "no-store"
    assert ask("GET", "/users/ann/x", headers=cookie_of(reply)).status == 307
    assert ask("GET", "/users/ci/x", headers=cookie_of(reply)).status == 403
    assert ask("GET", "/users/ann/x", headers=cookie_of(reply), now=NOW + 12 * 3600).status == 401


def test_a_session_writes_from_our_own_pages_alone() -> None:
    cookie = cookie_of(post("/-/login", FORM))
    for method in ("PUT", "DELETE"):
        assert ask(method, "/users/ann/x", headers=cookie | OURS).status == 307
        for elsewhere in ({}, {"origin": "null"}, {"origin": "https://evil.example.com"}):
            reply = ask(method, "/users/ann/x", headers=cookie | elsewhere)
            assert (reply.status, code(reply)) == (403, "cross-site")


def test_a_key_in_the_header_goes_before_the_session() -> None:
    cookie = cookie_of(post("/-/login", FORM))
    assert ask("GET", "/builds/x", headers=cookie | basic("ci")).status == 307
    assert ask("GET", "/users/ann/x", headers=cookie | basic("ci")).status == 403


def test_a_forged_session_is_refused_and_taken_away() -> None:
    reply = ask("GET", "/public/a", headers={"cookie": "__Host-signpost=forged"})
    assert (reply.status, code(reply)) == (401, "cookie-invalid")
    assert reply.headers["Set-Cookie"].startswith("__Host-signpost=; Max-Age=0;")


@pytest.mark.parametrize(
    "change", [{"secret": "wrong"}, {"secret": ""}, {"id": "ci"}, {"id": ""}, {"id": "nobody", "secret": "x"}], ids=str
)
def test_a_wrong_key_opens_nothing(change: dict[str, str]) -> None:
    reply = post("/-/login", FORM | change)
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="Acme files"')
    assert "Set-Cookie" not in reply.headers
    assert b"failed=True" in reply.body
    assert secret_of("ann").encode() not in reply.body


@pytest.mark.parametrize("path", ["/-/login", "/-/logout"])
@pytest.mark.parametrize(
    "headers", [{}, {"origin": "null"}, {"origin": "https://evil.example.com"}, {"origin": BASE_URL + ".evil.com"}]
)
def test_a_page_of_another_site_signs_nobody_in_or_out(path: str, headers: dict[str, str]) -> None:
    reply = post(path, FORM, headers)
    assert (reply.status, code(reply)) == (403, "cross-site")
    assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize(
    ("given", "location"),
    [
        ("/a%20b/?x=1", "/a%20b/?x=1"),
        ("", "/"),
        ("a", "/"),
        ("https://evil.example.com/", "/"),
        ("//evil.example.com/", "//evil.example.com/"),
        ("/\\evil.example.com", "/\\evil.example.com"),
        ("/a\r\nSet-Cookie: b=c", "/"),
        ("/ü", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_signing_in_leads_to_our_own_site_and_no_other(given: str, location: str) -> None:
    """Our own address stands before it, so whatever follows the host is a path."""
    assert post("/-/login", FORM | {"next": given}).headers["Location"] == BASE_URL + location


def test_signing_out_takes_the_session_away() -> None:
    reply = post("/-/logout", {})
    assert (reply.status, reply.headers["Location"]) == (303, f"{BASE_URL}/-/login")
    assert reply.headers["Set-Cookie"] == "__Host-signpost=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"


def test_the_page_to_sign_in_knows_where_it_leads() -> None:
    reply = ask("GET", "/-/login", query={"next": "/reports/"})
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"next_path='/reports/'" in reply.body
    assert b"next_path='/'" in ask("GET", "/-/login", query={"next": "//evil"[1:] + "\n"}).body


@pytest.mark.parametrize("body", [b"\xff=\xff&&&=", b"%zz", b"id=" + b"a" * 9_000, b"id", b"&" * 8_000])
def test_a_form_that_is_none_opens_nothing(body: bytes) -> None:
    assert ask("POST", "/-/login", headers=OURS, body=body).status in (400, 401)


def test_what_pages_load_is_kept_for_ever() -> None:
    reply = ask("GET", "/-/assets/page.css")
    assert (reply.status, reply.body) == (200, b"a {}")
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert ask("GET", "/-/assets/other.css").status == 404


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/-/login", "GET, HEAD, POST, OPTIONS"),
        ("/-/logout", "POST, OPTIONS"),
        ("/-/assets/page.css", "GET, HEAD, OPTIONS"),
    ],
)
def test_each_page_has_its_methods(path: str, allowed: str) -> None:
    assert (ask("OPTIONS", path).status, ask("OPTIONS", path).headers["Allow"]) == (204, allowed)
    for method in set(METHODS) - set(allowed.split(", ")):
        reply = ask(method, path)
        assert (reply.status, reply.headers["Allow"]) == (405, allowed)


def test_where_nothing_can_be_signed_nobody_signs_in() -> None:
    by = signpost(sign_in=False)
    for method in ("GET", "POST"):
        reply = ask(method, "/-/login", by=by, headers=OURS)
        assert (reply.status, code(reply)) == (501, "not-offered")
    assert ask("GET", "/public/a", by=by, headers={"cookie": "__Host-signpost=old"}).status == 307
    assert ask("GET", "/-/assets/page.css", by=by).status == 200
