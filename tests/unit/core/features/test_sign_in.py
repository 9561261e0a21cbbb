"""Below `/-/`: signing in and out from the service's own pages only, and the files that the pages load."""

from collections.abc import Mapping
from urllib.parse import urlencode

from chalicelib.core.access.actions import METHODS
from chalicelib.core.web.message import Reply
from tests.support.builders import BASE_URL, NOW, basic, secret_of
from tests.support.fakes import ask, code, signpost

OUR_ORIGIN = {"origin": BASE_URL}
OTHER_ORIGINS: tuple[dict[str, str], ...] = (
    {},
    {"origin": "null"},
    {"origin": "https://evil.example.com"},
    {"origin": BASE_URL + ".evil.com"},
)
FORM = {"id": "ann", "secret": secret_of("ann"), "next": "/users/ann/"}


def post(path: str, form: Mapping[str, str], headers: Mapping[str, str] = OUR_ORIGIN) -> Reply:
    return ask("POST", path, headers=headers, body=urlencode(form).encode())


def cookie_of(reply: Reply) -> dict[str, str]:
    return {"cookie": reply.cookies[0].partition(";")[0]}


def test_a_valid_key_opens_a_session_of_twelve_hours() -> None:
    reply = post("/-/login", FORM)
    assert (reply.status, reply.headers["Location"], reply.body) == (303, f"{BASE_URL}/users/ann/", b"")
    assert reply.headers["Cache-Control"] == "no-store"
    assert ask("GET", "/users/ann/x", headers=cookie_of(reply)).status == 307
    assert ask("GET", "/users/ci/x", headers=cookie_of(reply)).status == 403
    assert ask("GET", "/users/ann/x", headers=cookie_of(reply), now=NOW + 12 * 3600).status == 401


def test_a_key_in_the_header_decides_whatever_session_is_sent() -> None:
    cookie = cookie_of(post("/-/login", FORM))
    assert ask("GET", "/builds/x", headers=cookie | basic("ci")).status == 307
    assert ask("GET", "/users/ann/x", headers=cookie | basic("ci")).status == 403


def test_a_wrong_key_opens_no_session() -> None:
    changes = ({"secret": "wrong"}, {"secret": ""}, {"id": "ci"}, {"id": ""}, {"id": "nobody", "secret": "x"})
    for change in changes:
        reply = post("/-/login", FORM | change)
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="Acme files"')
        assert reply.cookies == ()
        assert b"fault=Fault(code='wrong-key', detail='The id or the secret is wrong." in reply.body
        assert f"key_id={(FORM | change)['id']!r}".encode() in reply.body
        assert secret_of("ann").encode() not in reply.body
    for body in (b"\xff=\xff&&&=", b"%zz", b"id=" + b"a" * 9_000, b"id", b"&" * 8_000):
        assert ask("POST", "/-/login", headers=OUR_ORIGIN, body=body).status in (400, 401), body[:9]


def test_a_page_of_another_site_signs_nobody_in_or_out() -> None:
    for path in ("/-/login", "/-/logout"):
        for origin in OTHER_ORIGINS:
            reply = post(path, FORM, origin)
            assert (reply.status, code(reply)) == (403, "cross-site")
            assert reply.cookies == ()


def test_signing_in_leads_only_to_the_site_of_the_service() -> None:
    """The URL of the service stands before `next`, so everything after the host is a path."""
    for next_path, location in (
        ("/a%20b/?x=1", "/a%20b/?x=1"),
        ("", "/"),
        ("a", "/"),
        ("https://evil.example.com/", "/"),
        ("//evil.example.com/", "/"),
        ("/\\evil.example.com", "/"),
        ("/a\r\nSet-Cookie: b=c", "/"),
        ("/ü", "/"),
        ("javascript:alert(1)", "/"),
    ):
        assert post("/-/login", FORM | {"next": next_path}).headers["Location"] == BASE_URL + location


def test_signing_out_deletes_the_session() -> None:
    reply = post("/-/logout", {})
    assert (reply.status, reply.headers["Location"]) == (303, f"{BASE_URL}/-/login")
    assert reply.cookies[0] == "__Host-signpost=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"


def test_the_sign_in_page_leads_to_the_path_of_its_query() -> None:
    for next_path, kept in (("/reports/", "/reports/"), ("/evil\n", "/")):
        reply = ask("GET", "/-/login", query={"next": next_path})
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert f"next_path={kept!r}".encode() in reply.body


def test_browsers_keep_the_files_that_pages_load() -> None:
    reply = ask("GET", "/-/assets/page.css")
    assert (reply.status, reply.body) == (200, b"a {}")
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert ask("GET", "/-/assets/other.css").status == 404


def test_each_path_has_its_own_methods() -> None:
    for path, allowed in (
        ("/-/login", "GET, HEAD, POST, OPTIONS"),
        ("/-/logout", "POST, OPTIONS"),
        ("/-/token", "GET, HEAD, POST, OPTIONS"),
        ("/-/assets/page.css", "GET, HEAD, OPTIONS"),
    ):
        assert (ask("OPTIONS", path).status, ask("OPTIONS", path).headers["Allow"]) == (204, allowed)
        for method in set(METHODS) - set(allowed.split(", ")):
            reply = ask(method, path)
            assert (reply.status, reply.headers["Allow"]) == (405, allowed)


def test_without_a_signing_secret_nobody_signs_in() -> None:
    service = signpost(sign_in=False)
    for path in ("/-/login", "/-/token"):
        for method in ("GET", "POST"):
            reply = ask(method, path, service=service, headers=OUR_ORIGIN)
            assert (reply.status, code(reply)) == (501, "not-offered")
    assert ask("GET", "/public/a", service=service, headers={"cookie": "__Host-signpost=old"}).status == 307
    assert ask("GET", "/-/assets/page.css", service=service).status == 200
