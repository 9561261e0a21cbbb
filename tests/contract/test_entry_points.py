"""Both entry points give the same answer to a request, and no request breaks an entry point."""

import json
import os
import re
from typing import TypeVar
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.core.access.principals import ANYONE, Principal
from chalicelib.core.s3.mounts import Target
from chalicelib.core.web.image_parameters import Image, Rendition
from chalicelib.core.web.message import Reply
from chalicelib.core.web.times import Deadline
from tests.support.builders import ANN, BASE_URL, CI, RULES, Fields, basic, bearer, mount
from tests.support.fakes import Renderer, Source, signpost
from tests.support.oracles import deciding
from tests.support.store import MemoryStore, StoredObject

from .drivers import Handle, by_event

pytestmark = pytest.mark.parametrize("driver", ["event"], ids=["both entry points"], indirect=True, scope="session")

EVERY_BYTE = bytes(range(256))
PICTURE = b"\x89PNG\r\n\x1a\n" + EVERY_BYTE
PICTURE_URL = "https://images.example.com/a.png"
ORIGIN = "https://app.example.com"
DOCS = mount("/public/docs", bucket="other-docs", prefix="v2/", endpoint="http://127.0.0.1:9000", cache_seconds=100)


class Pictures(MemoryStore):
    """A store in which every key has the same image, except for the images that the service stores."""

    def _object(self, target: Target) -> StoredObject:
        return super()._object(target) if "-/derived/" in target.key else StoredObject(PICTURE, "image/png")


class Echo(Renderer):
    """Renders every image as its own bytes, which shows whether the bytes arrived."""

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        return Image("image/webp", data + EVERY_BYTE)


SIGNPOST = signpost(
    mounts=[mount(), DOCS],
    cors_origins=[ORIGIN],
    public_url=BASE_URL,
    objects=Pictures(),
    renderer=Echo(),
    source=Source({PICTURE_URL: PICTURE}),
)
REST_API = by_event(SIGNPOST.application, is_rest_api=True)
FUNCTION_URL = by_event(SIGNPOST.application, is_rest_api=False)


def ask(handle: Handle, method: str, raw_path: str, query: str, headers: Fields, body: bytes) -> Reply:
    """Return the answer of an entry point; the names of headers are lower case."""
    return handle(method, raw_path, query, headers, body)


def ask_both(method: str, raw_path: str, query: str = "", headers: Fields = (), body: bytes = b"") -> Reply:
    """Return the answer of both entry points, which must be equal."""
    answers = [ask(handle, method, raw_path, query, headers, body) for handle in (REST_API, FUNCTION_URL)]
    assert answers[0] == answers[1], (method, raw_path, query)
    return answers[0]


ANN_BASIC, CI_BEARER = basic("ann")["authorization"], bearer("ci")["authorization"]
AUTHORIZATION = {ANN_BASIC: ANN.principal(), CI_BEARER: CI.principal()}
AS_ANN, AS_CI = [("authorization", ANN_BASIC)], [("authorization", CI_BEARER)]
BROWSER = [("Accept", "text/html,*/*;q=0.8")]
IMAGE_REQUESTS = [("POST", "/-/thumbnail", "w=9"), ("GET", "/-/resize", f"w=9&u={PICTURE_URL}")]
T = TypeVar("T")
PREFLIGHT = [("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "x-a")]

REQUESTS: list[tuple[int, str, str, str, Fields, bytes]] = [
    (307, "GET", "/public/a.txt", "", [], b""),
    (204, "OPTIONS", "/nothing", "", PREFLIGHT, b""),
    (307, "GET", "/public/docs/a%20b+c%2Bd%25//%C3%BC", "", [], b""),
    (200, "GET", "/public/a%2Fb%2f", "", [], b""),
    (200, "GET", "/public/", "recursive&limit=7", BROWSER, b""),
    (200, "GET", "/public/a//", "", [], b""),
    (307, "PUT", "/users/ann/a/", "", AS_ANN, b""),
    (307, "PUT", "/users/ann/a//", "", AS_ANN, b""),
    (307, "PUT", "/builds/logo.png", "", [*AS_CI, ("Content-Type", "image/png")], b"\x89PNG\r\n\x00\xff"),
    (307, "PUT", "/builds/a", "", [*AS_CI, ("X-Amz-Meta-A", "1"), ("x-amz-meta-b", "2"), ("If-Match", '"e"')], b"a"),
    (307, "DELETE", "/builds/a", "versionId=a%20b", AS_CI, b""),
    (307, "GET", "/public/a", "v=42&response-content-type=a%2Fb+c&download=%C3%BC.txt&x", [], b""),
    (200, "PUT", "/builds/a", "presign=&presign=1", AS_CI, b""),
    (307, "GET", "/public/a", "versionId=1&versionId=2", [], b""),
    (307, "GET", "/public/a", "versionId=%FF", [], b""),
    (403, "GET", "/public/a", "token=abc", AS_ANN, b""),
    (401, "GET", "/public/a", "", [("Authorization", "Basic !")], b""),
    (401, "GET", "/public/a", "", [("Authorization", ANN_BASIC), ("Authorization", ANN_BASIC)], b""),
    (401, "GET", "/nothing", "", BROWSER, b""),
    (400, "PUT", "/builds/a", "", [*AS_CI, ("x-amz-meta-a", "a\rb")], b""),
    (400, "GET", "/public/%2e%2e/a", "", [], b""),
    (400, "GET", "/%2Fa", "", [], b""),
    (403, "POST", "/public/a", "link", AS_ANN, b"{}"),
    (200, "GET", "/-/login", "next=/a", BROWSER, b""),
    (403, "POST", "/-/login", "", [("Origin", ORIGIN)], b"id=a"),
    (303, "POST", "/-/logout", "", [("Origin", BASE_URL)], b""),
    (401, "GET", "/public/a", "", [("Cookie", "__Host-signpost=x")], b""),
    (405, "PATCH", "/", "", [], b""),
    (307, "PUT", "/builds/a", "partNumber=1&uploadId=x", AS_CI, b"part"),
    (200, "POST", "/builds/", "form", AS_CI, b""),
    (307, "GET", "/public/a", "", [("Cookie", "a=b; c=d"), ("Accept", "")], b""),
    (307, "HEAD", "/public/docs/a.png", "h=9&w=8&fit=cover&format=avif&q=1&versionId=a%20b", [], b""),
    (200, "GET", "/public/a.png", "w=320&presign&download&format=webp", [], b""),
    (200, "POST", "/-/thumbnail", "w=9", AS_ANN, PICTURE),
    (200, "POST", "/-/thumbnail", "w=9", [*AS_ANN, ("Content-Type", "text/plain")], PICTURE),
    (415, "POST", "/-/thumbnail", "w=9", [*AS_ANN, ("Content-Type", "image/png")], b"GIF"),
    (200, "GET", "/-/resize", f"w=9&u={quote(PICTURE_URL, safe='')}", AS_ANN, b""),
    (200, "HEAD", "/-/resize", f"w=9&u={PICTURE_URL}", AS_ANN, b""),
]


def test_one_request_gets_one_answer() -> None:
    for status, method, raw_path, query, headers, body in REQUESTS:
        assert ask_both(method, raw_path, query, headers, body).status == status, (method, raw_path, query)


def test_a_request_with_any_accept_or_without_accept_gets_an_answer() -> None:
    for accept in (None, "", "*/*", "image/avif,image/webp,*/*", "text/html", "a/b;q=0", ",", "é", "x" * 999):
        headers = [] if accept is None else [("Accept", accept)]
        for raw_path, status in (("/public/a", 307), ("/nothing", 401), ("/nothing/", 401)):
            assert ask_both("GET", raw_path, headers=headers).status == status
        for method, raw_path, query in IMAGE_REQUESTS:
            reply = ask_both(method, raw_path, query, [*AS_ANN, *headers], PICTURE if method == "POST" else b"")
            assert (reply.status, reply.body) == (200, PICTURE + EVERY_BYTE)
            assert reply.headers["content-type"] == "image/webp"
            assert reply.headers["x-content-type-options"] == "nosniff"


def words(text: str) -> st.SearchStrategy[str]:
    """Draw one of the words of a text."""
    return st.sampled_from(text.split(" "))


def mostly(usual: st.SearchStrategy[T], odd: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Draw a usual value four times of five; `|` would draw odd values as often."""
    return st.integers(0, 4).flatmap(lambda roll: odd if roll == 4 else usual)


METHODS = st.sampled_from(["GET", "GET", "GET", "HEAD", "PUT", "PUT", "DELETE", "OPTIONS", "POST"])
BYTES = st.binary(max_size=6)
SEGMENTS = mostly(
    words("public users ann builds finance secret docs - derived %20 %2F %252e %25 a+b ")
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6).map(quote),
    words(". .. %2e %2E%2e % %FF %00 - {user} * ** ? #")
    | BYTES.map(lambda raw: "".join(f"%{byte:02x}" for byte in raw))
    | BYTES.map(lambda raw: raw.decode("latin-1")),
)
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda segments: "/" + "/".join(segments))
OPEN = words("/public /public /public/docs /users/ann /users/ci /builds /finance /finance/secret /inbox")
OWN_PATHS = words("/-/thumbnail /-/resize /-/thumbnail/ /-/%72esize /%2D/resize /-/x /public/docs/-/derived/a")
OPEN_PATHS = OWN_PATHS | st.tuples(OPEN, st.lists(SEGMENTS, min_size=1, max_size=2)).map(
    lambda parts: "/".join([parts[0], *parts[1]])
)
PARAMETERS = words(
    "  presign presign=1&v=2 presign&token=x download download=a download=%2F versionId=1 response-expires=x token=x "
    "uploadId=x v=1 %FF=%00 versionId=%00 X-Amz-Signature=x link list-type=2"
)
SIZES = words("w=320 h=9 w=9&h=9&fit=cover w=x w=9&fit=fill w=0320&q=80&format=jpeg h=")
IMAGE_PARAMETERS = words(f" format=webp format=%00 q=1 q=101 u={PICTURE_URL} u=x u= versionId=%FF")
IMAGES = st.tuples(SIZES, IMAGE_PARAMETERS, PARAMETERS).map("&".join)
QUERIES = mostly(st.lists(PARAMETERS, max_size=1).map("&".join) | IMAGES, st.text(st.characters(), max_size=20))
BODIES = st.binary(max_size=20) | st.just(PICTURE)
HEADER_NAMES = words(
    "authorization x-amz-meta-a x-amz-acl x-amz-date if-match if-none-match accept cookie origin range host"
) | st.text("abcdefgh-", min_size=1, max_size=10)
HEADER_VALUES = st.sampled_from([ANN_BASIC, CI_BEARER, "text/html", ORIGIN, "*"]) | st.text(
    st.characters(), max_size=20
)
HEADERS = mostly(
    st.sampled_from([[], AS_ANN, AS_CI, [*AS_ANN, ("if-none-match", "*")]]),
    st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=4),
)


@given(METHODS, mostly(OPEN_PATHS, PATHS), QUERIES, HEADERS, BODIES)
def test_any_request_gets_one_answer(method: str, raw_path: str, query: str, headers: Fields, body: bytes) -> None:
    raw_path = "/" + raw_path.lstrip("/")  # API Gateway keeps no slash before a key (FACTS 1.2)
    ask_both(method, raw_path, query, headers, body)


def sent(headers: Fields, name: str) -> str | None:
    """The value of a header as the entry points join it; None where the header was not sent."""
    values = [value for sent_name, value in headers if sent_name == name]
    return ",".join(values).strip() if values else None


def asking(headers: Fields) -> Principal | None:
    """The principal that sends these headers; None where the credentials are bad."""
    authorization = sent(headers, "authorization")
    return ANYONE if authorization is None else AUTHORIZATION.get(authorization)


def check(answer: Reply, method: str, path: str | None, query: str, headers: Fields) -> None:
    """Check what must hold for every answer. `path` is decoded; None where the path cannot be decoded."""
    assert answer.status in (200, 204, 307, 400, 401, 403, 404, 405, 411, 414, 415, 428, 501)
    document = json.loads(answer.body) if "json" in answer.headers.get("content-type", "") and answer.body else {}
    signed = answer.headers.get("location") or document.get("url")
    if path in ("/-/thumbnail", "/-/resize"):
        return check_rendered(answer, method, path, headers)
    if answer.status == 200 and not signed and method == "GET":
        check_listed(answer, path, headers)
    if not signed:
        assert answer.status != 307
        assert b"X-Amz-Signature" not in answer.body
        return
    assert path is not None
    principal = asking(headers)
    asked = dict(parse_qsl(query, keep_blank_values=True))
    by_method = {"GET": "read", "HEAD": "read", "PUT": "write", "DELETE": "delete"}
    action = "write" if "uploadId" in asked else by_method[method]
    assert principal is not None
    rule = deciding(RULES, principal, action, path)
    assert rule is not None
    assert rule.allows
    assert method not in ("PUT", "POST") or rule.overwrite or sent(headers, "if-none-match") == "*"
    inside = path.startswith("/public/docs/")
    bucket, prefix, key = ("other-docs", "v2/", path[13:]) if inside else ("acme-files", "", path[1:])
    assert not key.startswith("-/derived/")
    if action == "read" and not {"w", "h"}.isdisjoint(asked):
        derived_bucket, derived_key = place(signed)
        assert derived_bucket == bucket
        assert re.fullmatch(f"{prefix}-/derived/[0-9a-f]{{64}}", derived_key)
    else:
        assert place(signed) == (bucket, prefix + key)


def check_rendered(answer: Reply, method: str, path: str, headers: Fields) -> None:
    """Check an answer of an image endpoint: only principals whom the rules allow get an image."""
    assert "location" not in answer.headers
    if answer.status not in (200, 204):
        return
    principal = asking(headers)
    assert principal is not None
    rule = deciding(RULES, principal, "read", path)
    assert rule is not None
    assert rule.allows
    if answer.status == 200:
        assert method == "POST" if path == "/-/thumbnail" else method in ("GET", "HEAD")
        assert answer.headers["content-type"] == "image/webp"
        assert answer.body == (b"" if method == "HEAD" else PICTURE + EVERY_BYTE)


def place(location: str) -> tuple[str, str]:
    """The bucket and the key of a presigned URL."""
    parts = urlsplit(location)
    path = unquote_to_bytes(parts.path).decode("utf-8")
    if parts.netloc == "127.0.0.1:9000":
        bucket, _, key = path[1:].partition("/")
        return bucket, key
    assert parts.netloc.endswith(".s3.eu-west-1.amazonaws.com")
    return parts.netloc.partition(".")[0], path[1:]


def decoded(raw_path: str) -> str | None:
    """A path decoded once; None where the path is not UTF-8."""
    try:
        return unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeError:
        return None


def check_listed(answer: Reply, path: str | None, headers: Fields) -> None:
    """Check that the rules allow a listing, or that a page lists nothing: the page shows only parts of the rules."""
    principal = asking(headers)
    assert path is not None
    assert path.endswith("/")
    assert principal is not None
    rule = deciding(RULES, principal, "list", path)
    assert (rule is not None and rule.allows) or b"rows=None" in answer.body


@pytest.mark.slow
@settings(max_examples=2_000 if os.environ.get("CI") else 100)
@given(
    mostly(METHODS, st.text(max_size=6)),
    mostly(OPEN_PATHS, PATHS | st.text(st.characters(), max_size=20)),
    QUERIES,
    HEADERS,
    BODIES,
)
@example("GET", "/", "", [("accept", "text/html")], b"")
@example("GET", "/inbox/", "", [*AS_ANN, ("accept", "text/html")], b"")
def test_fuzz(method: str, raw_path: str, query: str, headers: Fields, body: bytes) -> None:
    """Never an exception, never a 500, never a redirect that the rules refuse, never another key than the path's."""
    requests = (REST_API, "/" + raw_path.lstrip("/")), (FUNCTION_URL, raw_path)  # a REST API drops slashes (FACTS 1.2)
    for handle, seen_path in requests:
        check(ask(handle, method, raw_path, query, headers, body), method, decoded(seen_path), query, headers)
