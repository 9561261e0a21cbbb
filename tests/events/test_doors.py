"""One request through either door gets the same answer, and no request at all breaks one."""

import json
import os
from typing import TypeVar
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.principals import ANYONE, Principal
from tests.builders import ANN, BASE_URL, CI, RULES, Fields, basic, bearer, rest_event, url_event
from tests.doors import ORIGIN, Answer, at_both, at_function_url, at_rest_api, decoded, place
from tests.oracles import deciding

pytestmark = pytest.mark.usefixtures("empty_buckets")

ANN_BASIC, CI_BEARER = basic("ann")["authorization"], bearer("ci")["authorization"]
AUTHORIZATION = {ANN_BASIC: ANN.principal(), CI_BEARER: CI.principal()}
AS_ANN, AS_CI = [("authorization", ANN_BASIC)], [("authorization", CI_BEARER)]
BROWSER = [("Accept", "text/html,*/*;q=0.8")]
T = TypeVar("T")
PREFLIGHT = [("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "x-a")]

REQUESTS: list[tuple[int, str, str, str, Fields, bytes]] = [
    (307, "GET", "/public/a.txt", "", [], b""),
    (307, "HEAD", "/public/a.txt", "", [], b""),
    (204, "OPTIONS", "/public/a.txt", "", [], b""),
    (204, "OPTIONS", "/nothing", "", PREFLIGHT, b""),
    (307, "GET", "/public/a.txt", "", [("Origin", ORIGIN)], b""),
    (401, "GET", "/nothing", "", [("Origin", ORIGIN)], b""),
    (307, "GET", "/public/docs/a%20b+c%2Bd%25//%C3%BC", "", [], b""),
    (200, "GET", "/public/a%2Fb%2f", "", [], b""),
    (200, "GET", "/public/", "", [], b""),
    (200, "GET", "/public/", "recursive&limit=7", BROWSER, b""),
    (400, "GET", "/public/", "cursor=x", [], b""),
    (401, "GET", "/public/", "links", [], b""),
    (200, "GET", "/public/a//", "", [], b""),
    (307, "PUT", "/users/ann/a/", "", AS_ANN, b""),
    (307, "PUT", "/users/ann/a//", "", AS_ANN, b""),
    (307, "PUT", "/builds/logo.png", "", [*AS_CI, ("Content-Type", "image/png")], b"\x89PNG\r\n\x00\xff"),
    (307, "PUT", "/builds/a", "", [*AS_CI, ("X-Amz-Meta-A", "1"), ("x-amz-meta-b", "2"), ("If-Match", '"e"')], b"a"),
    (307, "DELETE", "/builds/a", "versionId=a%20b", AS_CI, b""),
    (307, "GET", "/public/a", "v=42&response-content-type=a%2Fb+c&download=%C3%BC.txt&x", [], b""),
    (200, "GET", "/public/a", "presign", [], b""),
    (200, "PUT", "/builds/a", "presign=&presign=1", AS_CI, b""),
    (307, "GET", "/public/a", "versionId=1&versionId=2", [], b""),
    (307, "GET", "/public/a", "versionId=%FF", [], b""),
    (400, "GET", "/public/a", "versionId=%0A", [], b""),
    (400, "GET", "/public/a", "download=a%2Fb", [], b""),
    (403, "GET", "/public/a", "token=abc", AS_ANN, b""),
    (401, "GET", "/users/ann/a", "", [], b""),
    (403, "GET", "/users/ann/a", "", AS_CI, b""),
    (401, "GET", "/public/a", "", [("Authorization", "Basic !")], b""),
    (401, "GET", "/public/a", "", [("Authorization", ANN_BASIC), ("Authorization", ANN_BASIC)], b""),
    (401, "GET", "/nothing", "", BROWSER, b""),
    (400, "PUT", "/builds/a", "", [*AS_CI, ("x-amz-meta-a", "a\rb")], b""),
    (400, "PUT", "/builds/a", "", [*AS_CI, ("x-amz-acl", "public-read")], b""),
    (400, "GET", "/public/%zz", "", [], b""),
    (400, "GET", "/public/%2e%2e/a", "", [], b""),
    (400, "GET", "/%2Fa", "", [], b""),
    (414, "GET", "/" + "a" * 1025, "", [], b""),
    (404, "GET", "/-/x", "", [], b""),
    (401, "GET", "/", "", [], b""),
    (400, "PUT", "/users/ann/..", "", AS_ANN, b""),
    (403, "POST", "/public/a", "link", AS_ANN, b"{}"),
    (401, "POST", "/public/a", "link", [], b"{}"),
    (405, "POST", "/public/a", "", AS_ANN, b"{}"),
    (200, "GET", "/-/login", "next=/a", BROWSER, b""),
    (403, "POST", "/-/login", "", [("Origin", ORIGIN)], b"id=a"),
    (401, "POST", "/-/login", "", [("Origin", BASE_URL)], b"id=a"),
    (303, "POST", "/-/logout", "", [("Origin", BASE_URL)], b""),
    (401, "GET", "/public/a", "", [("Cookie", "__Host-signpost=x")], b""),
    (403, "DELETE", "/public/a", "token=x", AS_ANN, b""),
    (405, "PATCH", "/", "", [], b""),
    (428, "PUT", "/inbox/a", "", AS_CI, b""),
    (307, "PUT", "/inbox/a", "", [*AS_CI, ("If-None-Match", "*")], b""),
    (307, "PUT", "/builds/a", "partNumber=1&uploadId=x", AS_CI, b"part"),
    (307, "POST", "/builds/a", "uploads", AS_CI, b""),
    (400, "PUT", "/builds/a", "partNumber=1", AS_CI, b"part"),
    (200, "POST", "/builds/", "form", AS_CI, b""),
    (307, "GET", "/public/a", "", [("Cookie", "a=b; c=d"), ("Accept", "")], b""),
]


@pytest.mark.parametrize(
    ("status", "method", "raw_path", "query", "headers", "body"), REQUESTS, ids=lambda value: str(value)[:40]
)
def test_one_request_gets_one_answer(
    status: int, method: str, raw_path: str, query: str, headers: Fields, body: bytes
) -> None:
    rest, url = at_both(method, raw_path, query, headers, body)
    assert rest == url
    assert rest.status == status


@pytest.mark.parametrize(
    "accept", [None, "", "*/*", "image/avif,image/webp,*/*", "text/html", "a/b;q=0", ",", "é", "x" * 999]
)
@pytest.mark.parametrize("raw_path", ["/public/a", "/nothing", "/"])
def test_any_accept_and_none_gets_an_answer(accept: str | None, raw_path: str) -> None:
    headers = [] if accept is None else [("Accept", accept)]
    rest, url = at_both("GET", raw_path, headers=headers)
    assert rest == url
    assert rest.status == (307 if raw_path == "/public/a" else 401)


def mostly(usual: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """The usual four times of five; `|` would draw the odd one as often."""
    return st.integers(0, 4).flatmap(lambda roll: odd if roll == 4 else usual)


METHODS = st.sampled_from(["GET", "GET", "GET", "HEAD", "PUT", "PUT", "DELETE", "OPTIONS", "POST"])
BYTES = st.binary(max_size=6)
SEGMENTS = mostly(
    st.sampled_from(
        ["public", "users", "ann", "builds", "finance", "secret", "docs", "", "a+b ", "%20", "%2F", "%252e", "%25"]
    )
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6).map(quote),
    st.sampled_from([".", "..", "%2e", "%2E%2e", "%", "%FF", "%00", "-", "{user}", "*", "**", "?", "#"])
    | BYTES.map(lambda raw: "".join(f"%{byte:02x}" for byte in raw))
    | BYTES.map(lambda raw: raw.decode("latin-1")),
)
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda segments: "/" + "/".join(segments))
OPEN = st.sampled_from(
    [
        "/public",
        "/public",
        "/public/docs",
        "/users/ann",
        "/users/ci",
        "/builds",
        "/finance",
        "/finance/secret",
        "/inbox",
    ]
)
OPEN_PATHS = st.tuples(OPEN, st.lists(SEGMENTS, min_size=1, max_size=2)).map(
    lambda parts: "/".join([parts[0], *parts[1]])
)
PARAMETERS = [
    "",
    "",
    "presign",
    "presign=1&v=2",
    "presign&token=x",
    "download",
    "download=a",
    "download=%2F",
    "versionId=1",
    "response-expires=x",
]
PARAMETERS += ["token=x", "uploadId=x", "v=1", "%FF=%00", "versionId=%00", "X-Amz-Signature=x", "link", "list-type=2"]
QUERIES = mostly(st.lists(st.sampled_from(PARAMETERS), max_size=1).map("&".join), st.text(st.characters(), max_size=20))
HEADER_NAMES = st.sampled_from(
    [
        "authorization",
        "x-amz-meta-a",
        "x-amz-acl",
        "x-amz-date",
        "if-match",
        "if-none-match",
        "accept",
        "cookie",
        "origin",
        "range",
        "host",
    ]
) | st.text("abcdefgh-", min_size=1, max_size=10)
HEADER_VALUES = st.sampled_from([ANN_BASIC, CI_BEARER, "text/html", ORIGIN, "*"]) | st.text(
    st.characters(), max_size=20
)
HEADERS = mostly(
    st.sampled_from([[], AS_ANN, AS_CI, [*AS_ANN, ("if-none-match", "*")]]),
    st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=4),
)


@given(METHODS, mostly(OPEN_PATHS, PATHS), QUERIES, HEADERS, st.binary(max_size=20))
def test_any_request_gets_one_answer(method: str, raw_path: str, query: str, headers: Fields, body: bytes) -> None:
    raw_path = "/" + raw_path.lstrip("/")  # API Gateway keeps no slash before a key (FACTS 1.2)
    rest, url = at_both(method, raw_path, query, headers, body)
    assert rest == url


def sent(headers: Fields, name: str) -> str | None:
    """The value of a header as the doors join it; None where it was not sent."""
    values = [value for each, value in headers if each == name]
    return ",".join(values).strip() if values else None


def asking(headers: Fields) -> Principal | None:
    """Who sends these headers; None for someone whose credentials are bad."""
    authorization = sent(headers, "authorization")
    return ANYONE if authorization is None else AUTHORIZATION.get(authorization)


def check(answer: Answer, method: str, path: str | None, headers: Fields) -> None:
    """What must hold of every answer, whatever was asked. `path` is decoded; None where it cannot be."""
    assert answer.status in (200, 204, 307, 400, 401, 403, 404, 405, 411, 414, 428, 501)
    told = json.loads(answer.body) if "json" in answer.headers.get("content-type", "") and answer.body else {}
    signed = answer.headers.get("location") or told.get("url")
    if answer.status == 200 and not signed and method == "GET":
        check_listed(path, headers)
    if not signed:
        assert answer.status != 307
        assert b"X-Amz-Signature" not in answer.body
        return
    assert path is not None
    principal = asking(headers)
    action = {"GET": "read", "HEAD": "read", "PUT": "write", "DELETE": "delete"}[method]
    assert principal is not None
    rule = deciding(RULES, principal, action, path)
    assert rule is not None
    assert rule.allows
    assert rule.overwrite or sent(headers, "if-none-match") == "*"
    inside = path.startswith("/public/docs/")
    assert place(signed) == (("other-docs", "v2/" + path[13:]) if inside else ("acme-files", path[1:]))


def check_listed(path: str | None, headers: Fields) -> None:
    """What must hold where a directory was listed."""
    principal = asking(headers)
    assert path is not None
    assert path.endswith("/")
    assert principal is not None
    rule = deciding(RULES, principal, "list", path)
    assert rule is not None
    assert rule.allows


@settings(max_examples=10_000 if os.environ.get("CI") else 250)
@given(
    mostly(METHODS, st.text(max_size=6)),
    mostly(OPEN_PATHS, PATHS | st.text(st.characters(), max_size=20)),
    QUERIES,
    HEADERS,
    st.binary(max_size=20),
)
def test_fuzz(method: str, raw_path: str, query: str, headers: Fields, body: bytes) -> None:
    """Never an exception, never a 500, never a redirect that the rules refuse, never another key than the path's."""
    collapsed = "/" + raw_path.lstrip("/")  # API Gateway keeps no slash before a key (FACTS 1.2)
    check(at_rest_api(rest_event(method, raw_path, query, headers, body)), method, decoded(collapsed), headers)
    check(at_function_url(url_event(method, raw_path, query, headers, body)), method, decoded(raw_path), headers)
