"""Only configured origins get CORS headers, and a preflight tells nothing about a path."""

from chalicelib.core.web.cors import Cors
from chalicelib.core.web.message import Reply
from tests.support.builders import request

METHODS = ("GET", "PUT")
ORIGIN = "https://app.example.com"
ORIGINS = (ORIGIN, "http://localhost:5173")
CORS = Cors(ORIGINS, METHODS)
OTHER_ORIGINS = [
    *("", "null", "*", f"{ORIGIN}.evil.com", "https://evil-app.example.com", "http://app.example.com"),
    *(f"{ORIGIN}/", f"{ORIGIN}:443", "HTTPS://APP.EXAMPLE.COM", f"{ORIGIN},x"),
]


def preflight(
    origin: str = ORIGIN, *, cors: Cors = CORS, raw_path: str = "/a", method: str = "OPTIONS"
) -> Reply | None:
    headers = {"origin": origin, "access-control-request-method": "PUT"}
    return cors.preflight(request(method, raw_path, headers=headers))


def test_a_configured_origin_may_read_the_answer() -> None:
    for origin in ORIGINS:
        headers = CORS.headers(request(headers={"origin": origin}))
        assert headers["Access-Control-Allow-Origin"] == origin
        exposed = headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Allow", "ETag", "Retry-After", "WWW-Authenticate", "X-Request-Id"} == set(exposed)
        assert "Access-Control-Allow-Credentials" not in headers


def test_other_origins_get_no_cors_header() -> None:
    none_configured = Cors((), METHODS)
    for origin in OTHER_ORIGINS:
        assert CORS.headers(request(headers={"origin": origin})) == {}, origin
        assert preflight(origin) is None, origin
    for origin in ("", "null", *ORIGINS):
        assert none_configured.headers(request(headers={"origin": origin})) == {}, origin
        assert preflight(origin, cors=none_configured) is None, origin
    assert CORS.headers(request()) == {}


def test_a_preflight_gets_the_same_answer_for_every_path() -> None:
    reply = preflight()
    assert reply is not None
    assert preflight(raw_path="/b/") == preflight(raw_path="%zz") == reply
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Access-Control-Allow-Methods"] == reply.headers["Allow"] == "GET, PUT"
    preflight_headers = ["Access-Control-Request-Method", "Access-Control-Request-Headers"]
    assert reply.headers["Vary"].split(", ") == preflight_headers
    assert int(reply.headers["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Headers" not in reply.headers


def test_a_preflight_allows_the_headers_that_the_page_asks_for() -> None:
    for asked, allowed in [
        ("authorization, x-amz-meta-a", "authorization, x-amz-meta-a"),
        *((odd, None) for odd in ("", "a\r\nSet-Cookie: b", "ü", "\0")),
    ]:
        headers = {"origin": ORIGIN, "access-control-request-method": "PUT", "access-control-request-headers": asked}
        reply = CORS.preflight(request("OPTIONS", headers=headers))
        assert reply is not None
        assert reply.headers.get("Access-Control-Allow-Headers") == allowed, asked


def test_only_options_with_a_requested_method_is_a_preflight() -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert preflight(method=method) is None
    assert CORS.preflight(request("OPTIONS", headers={"origin": ORIGIN})) is None


def test_vary_names_the_headers_that_decide_an_answer() -> None:
    assert CORS.vary == "Authorization, Cookie, Origin"
    assert Cors((), METHODS).vary == "Authorization, Cookie"
