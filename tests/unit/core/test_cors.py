"""Only the configured origins get CORS headers, and a preflight says nothing about any path."""

import pytest

from chalicelib.core.web.cors import Cors
from tests.support.builders import request

METHODS = ("GET", "PUT")
ORIGINS = ("https://app.example.com", "http://localhost:5173")
CORS = Cors(ORIGINS, METHODS)
STRANGERS = [
    *("", "null", "https://app.example.com.evil.com", "https://evil-app.example.com", "http://app.example.com", "*"),
    *(
        "https://app.example.com/",
        "https://app.example.com:443",
        "HTTPS://APP.EXAMPLE.COM",
        "https://app.example.com,x",
    ),
]


def asking(origin: str, **headers: str) -> dict[str, str]:
    """The headers of a preflight."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"origin": origin, "access-control-request-method": "PUT", **named}


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_configured_origin_may_read_the_answer(origin: str) -> None:
    headers = CORS.headers(request(headers={"origin": origin}))
    assert headers["Access-Control-Allow-Origin"] == origin
    assert {"X-Request-Id", "ETag", "Allow"} <= set(headers["Access-Control-Expose-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize("origin", STRANGERS)
def test_any_other_origin_gets_nothing(origin: str) -> None:
    assert CORS.headers(request(headers={"origin": origin})) == {}
    assert CORS.preflight(request("OPTIONS", headers=asking(origin))) is None


def test_where_no_origin_is_configured_none_gets_anything() -> None:
    for origin in ("", "null", *ORIGINS):
        assert Cors((), METHODS).headers(request(headers={"origin": origin})) == {}
        assert Cors((), METHODS).preflight(request("OPTIONS", headers=asking(origin))) is None
    assert CORS.headers(request()) == {}


def test_a_preflight_is_answered_alike_for_every_path() -> None:
    replies = [CORS.preflight(request("OPTIONS", raw, headers=asking(ORIGINS[0]))) for raw in ("/a", "/b/", "%zz")]
    assert replies[0] == replies[1] == replies[2]
    assert replies[0] is not None
    assert (replies[0].status, replies[0].body) == (204, b"")
    assert replies[0].headers["Access-Control-Allow-Methods"] == replies[0].headers["Allow"] == "GET, PUT"
    assert "Origin" in replies[0].headers["Vary"].split(", ")
    assert int(replies[0].headers["Access-Control-Max-Age"]) > 0
    assert not replies[0].headers.get("Access-Control-Allow-Headers")


def test_a_preflight_allows_the_headers_it_is_asked_for() -> None:
    asked = "authorization, x-amz-meta-a"
    reply = CORS.preflight(request("OPTIONS", headers=asking(ORIGINS[0], access_control_request_headers=asked)))
    assert reply is not None
    assert reply.headers["Access-Control-Allow-Headers"] == asked


@pytest.mark.parametrize("asked", ["", "a\r\nSet-Cookie: b", "ü", "\0"])
def test_a_preflight_repeats_nothing_that_is_no_header(asked: str) -> None:
    reply = CORS.preflight(request("OPTIONS", headers=asking(ORIGINS[0], access_control_request_headers=asked)))
    assert reply is not None
    assert not reply.headers.get("Access-Control-Allow-Headers")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_options_with_a_method_to_come_is_a_preflight(method: str) -> None:
    assert CORS.preflight(request(method, headers=asking(ORIGINS[0]))) is None
    assert CORS.preflight(request("OPTIONS", headers={"origin": ORIGINS[0]})) is None


def test_caches_are_told_what_decides_an_answer() -> None:
    assert CORS.vary == "Authorization, Cookie, Origin"
    assert Cors((), METHODS).vary == "Authorization, Cookie"
