"""`/-/thumbnail` and `/-/resize`: for whom they are, what they answer, and that they are no way around the rules."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.core.access.principals import ApiKeys
from chalicelib.core.access.rules import Rule
from chalicelib.core.access.sessions import Sessions
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image, Rendition, content_name
from chalicelib.core.web.message import Reply
from chalicelib.core.web.problems import BadParameter, ImageBroken, SourceFailed, SourceNotAllowed, Unavailable
from chalicelib.core.web.times import Deadline
from tests.support.builders import (
    ANN,
    BASE_URL,
    DEADLINE,
    KEYS,
    NOW,
    allow,
    api_key,
    basic,
    bearer,
    deny,
    mount,
    numbered,
    secret_of,
)
from tests.support.fakes import Failing, Renderer, Signpost, Source, ask, code, signer, signpost
from tests.support.file_store import Files
from tests.support.token_store import Tokens

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
URL = "https://images.example.com/a.png?b=c"
AS_ANN = basic("ann")
THUMBNAIL, RESIZE = "/-/thumbnail", "/-/resize"
EVERYTHING = numbered(allow("/**", "read list write delete share"))
OPEN = numbered(allow(THUMBNAIL, "read"), allow(RESIZE, "read"))
BOTH = pytest.mark.parametrize(("raw_path", "method"), [(THUMBNAIL, "POST"), (RESIZE, "GET"), (RESIZE, "HEAD")])


class Large(Renderer):
    """Makes of every image one of so many bytes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        self.asked.append((data, rendition))
        return Image("image/png", bytes(self.size))


def a_service(rules: tuple[Rule, ...] = (), **rest: Any) -> Signpost:
    return signpost(rules=rules, **{"source": Source({URL: PNG}), **rest})


def render(
    raw_path: str,
    method: str | None = None,
    *,
    by: Signpost | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] = AS_ANN,
    body: bytes = PNG,
) -> Reply:
    """Ask for the image, 320 pixels wide."""
    query = {"w": "320", "u": URL} if query is None else query
    method = method or ("POST" if raw_path == THUMBNAIL else "GET")
    return ask(method, raw_path, by=by or a_service(), query=query, headers=headers, body=body)


# For whom


@BOTH
@pytest.mark.parametrize("rules", [(), EVERYTHING, numbered(allow("/*/*", "read"), allow("/{user}/**", "read"))])
@pytest.mark.parametrize("query", [None, {}, {"w": "x"}])
def test_anyone_must_say_who_they_are_before_anything_else(
    raw_path: str, method: str, rules: tuple[Rule, ...], query: dict[str, str] | None
) -> None:
    """Whatever is open to anyone: `/**` is about the files."""
    renderer, source = Renderer(), Source({URL: PNG})
    by = a_service(rules, renderer=renderer, source=source)
    reply = render(raw_path, method, by=by, query=query, headers={})
    assert (reply.status, renderer.asked, source.asked) == (401, [], [])
    assert render(raw_path, method, by=by, query=query, headers=basic("ann", "wrong")).status == 401


@BOTH
@pytest.mark.parametrize("key", ["ann", "ci"])
def test_any_key_may(raw_path: str, method: str, key: str) -> None:
    assert render(raw_path, method, headers=basic(key)).status == 200


@BOTH
@pytest.mark.parametrize(
    ("rule", "anyone", "ann", "ci"),
    [
        (allow("{path}", "read"), 200, 200, 200),
        (deny("{path}", "read", "key:ci"), 401, 200, 403),
        (deny("{path}", "read"), 401, 403, 403),
        (deny("/**", "read"), 401, 200, 200),
        (allow("/-/other", "read"), 401, 200, 200),
    ],
)
def test_a_rule_that_names_one_decides(raw_path: str, method: str, rule: Rule, anyone: int, ann: int, ci: int) -> None:
    by = a_service(numbered(rule._replace(path=rule.path.replace("{path}", raw_path))))
    statuses = [render(raw_path, method, by=by, headers=who).status for who in ({}, AS_ANN, basic("ci"))]
    assert statuses == [anyone, ann, ci]


def test_a_rule_for_one_says_nothing_of_the_other() -> None:
    by = a_service(numbered(allow(THUMBNAIL, "read"), deny(RESIZE, "read")))
    assert [render(raw_path, by=by, headers={}).status for raw_path in (THUMBNAIL, RESIZE)] == [200, 401]
    assert [render(raw_path, by=by).status for raw_path in (THUMBNAIL, RESIZE)] == [200, 403]


@BOTH
@pytest.mark.parametrize("uses", [None, 3])
def test_no_link_opens_one(raw_path: str, method: str, uses: int | None) -> None:
    by = a_service(EVERYTHING, counter=Tokens())
    made = ask("POST", "/", by=by, query={"link": ""}, headers=AS_ANN, body=json.dumps({"uses": uses}).encode())
    token = json.loads(made.body)["token"]
    assert ask("GET", "/a", by=by, query={"token": token}).status == 307
    for rules in ((), OPEN):
        by = a_service((*rules, *EVERYTHING), counter=Tokens())
        reply = render(raw_path, method, by=by, query={"w": "320", "u": URL, "token": token})
        assert (reply.status, code(reply)) == (403, "a HEAD has no body" if method == "HEAD" else "link-invalid")


def test_a_rule_for_the_files_lets_nobody_share_one() -> None:
    by = a_service(EVERYTHING, counter=Tokens())
    assert ask("POST", RESIZE, by=by, query={"link": ""}, headers=AS_ANN).status == 403
    assert code(ask("POST", THUMBNAIL, by=by, query={"link": ""}, headers=AS_ANN)) == "not-an-image"


@pytest.mark.parametrize(("origin", "status"), [(BASE_URL, 200), ("https://evil.example.com", 403), (None, 403)])
def test_a_cookie_renders_for_our_own_pages_alone(origin: str | None, status: int) -> None:
    cookie = Sessions(ApiKeys(KEYS), signer("session")).cookie(ANN, NOW, DEADLINE).partition(";")[0]
    headers = {"cookie": cookie, **({"origin": origin} if origin else {})}
    renderer = Renderer()
    assert render(THUMBNAIL, by=a_service(renderer=renderer), headers=headers).status == status
    assert len(renderer.asked) == (status == 200)


# The methods


@pytest.mark.parametrize(
    ("raw_path", "allowed"), [(THUMBNAIL, "POST, OPTIONS"), (RESIZE, "GET, HEAD, OPTIONS")], ids=["thumbnail", "resize"]
)
@pytest.mark.parametrize("query", [{}, {"links": ""}, {"uploads": ""}, {"token": "x"}, {"form": ""}])
def test_any_other_method_is_refused_with_those_there_are(raw_path: str, allowed: str, query: dict[str, str]) -> None:
    for method in {"GET", "HEAD", "PUT", "POST", "DELETE"} - set(allowed.split(", ")):
        for headers in ({}, AS_ANN):
            reply = render(raw_path, method, query=query, headers=headers)
            assert (reply.status, reply.headers["Allow"].replace("POST, O", "O")) == (
                405,
                allowed.replace("POST, O", "O"),
            )
    assert render(raw_path, "PATCH").status == 405


@pytest.mark.parametrize(("raw_path", "allowed"), [(THUMBNAIL, "POST, OPTIONS"), (RESIZE, "GET, HEAD, POST, OPTIONS")])
def test_options_says_what_there_is_and_makes_nothing(raw_path: str, allowed: str) -> None:
    renderer, source = Renderer(), Source({URL: PNG})
    by = a_service(renderer=renderer, source=source)
    reply = render(raw_path, "OPTIONS", by=by)
    assert (reply.status, reply.headers["Allow"], reply.headers["Cache-Control"]) == (204, allowed, "no-store")
    assert render(raw_path, "OPTIONS", by=by, headers={}).status == 401
    assert (renderer.asked, source.asked) == ([], [])


def test_head_says_what_get_would() -> None:
    get, head = render(RESIZE), render(RESIZE, "HEAD")
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


@pytest.mark.parametrize("raw_path", ["/-/thumbnail/", "/-/resize/", "/-/", "/-/thumbnails", "/-/resize/x"])
def test_there_is_nothing_else_beside_them(raw_path: str) -> None:
    assert render(raw_path).status == render(raw_path, "POST").status == 404


# What is answered


def test_a_posted_image_is_answered_itself() -> None:
    renderer = Renderer()
    reply = render(
        THUMBNAIL, by=a_service(renderer=renderer), query={"w": "9", "h": "8", "fit": "cover", "format": "png"}
    )
    assert renderer.asked == [(PNG, Rendition(9, 8, "cover", "png", 0))]
    assert (reply.status, reply.body) == (200, b"9x8 cover")
    assert {name: reply.headers[name] for name in ("Content-Type", "Cache-Control", "X-Content-Type-Options")} == {
        "Content-Type": "image/png",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    assert "Location" not in reply.headers


def test_a_posted_image_without_a_size_comes_within_128_by_128() -> None:
    renderer = Renderer()
    by = a_service(renderer=renderer)
    assert [render(THUMBNAIL, by=by, query=query).status for query in ({}, {"fit": "cover", "u": URL})] == [200, 200]
    assert [asked for _, asked in renderer.asked] == [Rendition(128, 128, fit, "", 0) for fit in ("contain", "cover")]
    listed = a_service(numbered(allow(THUMBNAIL, "read")._replace(image_sizes=("96x96",))))
    assert code(render(THUMBNAIL, by=listed, query={})) == "size-not-allowed"


# Publishable keys

SITE = api_key("site", "sites")._replace(in_urls=True)
K = secret_of("site")
FOR_SITE = numbered(
    allow(RESIZE, "read share", "key:site")._replace(image_sizes=("320x", "96x96")),
    allow(THUMBNAIL, "read", "group:sites"),
    allow("/site/**", "read list write delete share", "key:site", "group:sites"),
    allow("/signed-in/**", "read", "authenticated"),
)


def site(**rest: Any) -> Signpost:
    return a_service(FOR_SITE, keys=[*KEYS, SITE], counter=Tokens(), **rest)


def test_a_publishable_key_shows_images_within_its_rules_and_caches_keep_them() -> None:
    by = site()
    for method in ("GET", "HEAD"):
        for headers in ({}, AS_ANN, basic("ann", "wrong")):  # a browser may send what it knows of this host, too
            reply = render(RESIZE, method, by=by, query={"u": URL, "w": "320", "k": K}, headers=headers)
            assert (reply.status, reply.headers["Cache-Control"]) == (200, "public, max-age=3600")
    assert render(THUMBNAIL, by=by, query={"k": K}, headers={}).headers["Cache-Control"] == "no-store"
    assert code(render(RESIZE, by=by, query={"u": URL, "w": "321", "k": K}, headers={})) == "size-not-allowed"
    for query, name in (({"w": "320"}, "?u: "), ({"u": URL}, "?w: ")):
        reply = render(RESIZE, by=by, query={**query, "k": K}, headers={})
        assert (reply.status, json.loads(reply.body)["detail"][:4]) == (400, name)
    unnamed = a_service((), keys=[SITE])
    assert render(RESIZE, by=unnamed, query={"u": URL, "w": "320", "k": K}, headers={}).status == 403


@BOTH
def test_any_other_key_in_a_url_and_a_wrong_key_are_401(raw_path: str, method: str) -> None:
    by = site()
    for key in (secret_of("ann"), K + "x", "", SITE.sha256, f"site:{K}", "\ud800"):
        for headers in ({}, AS_ANN):
            reply = render(raw_path, method, by=by, query={"u": URL, "w": "320", "k": key}, headers=headers)
            assert (reply.status, code(reply)) == (401, "a HEAD has no body" if method == "HEAD" else "url-key-invalid")


def test_a_publishable_key_is_good_for_nothing_else() -> None:
    """Neither as Basic or Bearer, nor to sign in, nor in the URL of a file, nor to make or to keep a link."""
    by = site()
    ways: list[tuple[str, str, dict[str, str]]] = [
        *(("GET", path, {}) for path in ("/site/a", "/site/", "/signed-in/a")),
        *(("PUT", "/site/a", {}), ("DELETE", "/site/a", {}), ("POST", "/site/a", {"link": ""})),
        *(("GET", RESIZE, {"u": URL, "w": "320"}), ("POST", THUMBNAIL, {"w": "9"}), ("POST", RESIZE, {"link": ""})),
    ]
    body = b'{"u": "https://images.example.com/a.png?b=c", "sizes": ["320x"]}'
    for method, raw_path, query in ways:
        for headers in (basic("site"), bearer("site"), {"authorization": f"Bearer site:{K}"}):
            reply = ask(method, raw_path, by=by, query=query, headers=headers, body=body)
            assert (reply.status, code(reply)) == (401, "credentials-invalid")
        if raw_path not in (RESIZE, THUMBNAIL) or "link" in query:
            reply = ask(method, raw_path, by=by, query={**query, "k": K}, body=body)
            assert (reply.status, code(reply)) == (401, "credentials-missing")
    form = f"id=site&secret={K}".encode()
    assert ask("POST", "/-/login", by=by, headers={"origin": BASE_URL}, body=form).status == 401
    cookie = (
        Sessions(ApiKeys([SITE._replace(in_urls=False)]), signer("session"))
        .cookie(SITE, NOW, DEADLINE)
        .partition(";")[0]
    )
    assert ask("GET", "/site/a", by=by, headers={"cookie": cookie}).status == 401
    before = a_service(FOR_SITE, keys=[SITE._replace(in_urls=False)])
    link = ask("POST", "/site/a", by=before, query={"link": ""}, headers=basic("site"), body=b'{"uses": null}')
    token = json.loads(link.body)["token"]
    assert ask("GET", "/site/a", by=before, query={"token": token}).status == 307
    assert code(ask("GET", "/site/a", by=by, query={"token": token})) == "link-invalid"


@pytest.mark.parametrize(
    ("rules", "headers", "cached"),
    [
        ((), AS_ANN, "private, max-age=3600"),
        (OPEN, AS_ANN, "public, max-age=3600"),
        (OPEN, {}, "public, max-age=3600"),
        (numbered(allow(RESIZE, "read", "key:ann")), AS_ANN, "private, max-age=3600"),
    ],
)
def test_a_fetched_image_is_answered_itself_and_kept_by_browsers(
    rules: tuple[Rule, ...], headers: dict[str, str], cached: str
) -> None:
    renderer, source = Renderer(), Source({URL: PNG})
    reply = render(RESIZE, by=a_service(rules, renderer=renderer, source=source), headers=headers)
    assert (reply.status, reply.body, source.asked) == (200, b"320x contain", [URL])
    assert renderer.asked == [(PNG, Rendition(320, 0, "contain", "", 0))]
    assert {name: reply.headers[name] for name in ("Content-Type", "Cache-Control", "X-Content-Type-Options")} == {
        "Content-Type": "image/jpeg",
        "Cache-Control": cached,
        "X-Content-Type-Options": "nosniff",
    }


def test_neither_asks_the_store() -> None:
    by = a_service(objects=Failing(OSError("no call")))
    assert [render(raw_path, by=by).status for raw_path in (THUMBNAIL, RESIZE)] == [200, 200]


@pytest.mark.parametrize("size", [4_500_000, 4_500_001, 6_000_000])
@BOTH
@pytest.mark.parametrize(
    ("mounts", "bucket", "prefix"),
    [
        ([mount("/x", bucket="other"), mount(prefix="t/")], "acme-files", "t/"),
        ([mount("/one", bucket="one-files", prefix="v2"), mount("/two", bucket="two")], "one-files", "v2"),
    ],
)
def test_what_no_lambda_can_answer_is_stored_and_redirected_to(
    raw_path: str, method: str, size: int, mounts: list[Any], bucket: str, prefix: str
) -> None:
    store = Files()
    by = a_service(OPEN, objects=store, renderer=Large(size), mounts=mounts)
    reply = render(raw_path, method, by=by)
    if size <= 4_500_000:
        assert (reply.status, len(reply.body), store.said) == (200, 0 if method == "HEAD" else size, [])
        return
    key = f"{prefix}-/derived/{content_name(Image('image/png', bytes(size)))}"
    assert store.files == {(bucket, key): bytes(size)}
    assert store.types == {(bucket, key): "image/png"}
    location = urlsplit(reply.headers["Location"])
    assert (reply.status, reply.body) == (303 if method == "POST" else 307, b"")
    assert (location.netloc, location.path) == (f"{bucket}.s3.eu-west-1.amazonaws.com", f"/{key}")
    assert reply.headers["Cache-Control"] == "no-store"


def test_a_redirect_to_what_is_stored_is_signed_for_the_method_that_follows_it() -> None:
    def location(raw_path: str, method: str) -> str:
        by = a_service(objects=Files(), renderer=Large(5_000_000))
        return render(raw_path, method, by=by, query={"w": "9", "u": URL, "versionId": "v", "download": "x"}).headers[
            "Location"
        ]

    assert location(THUMBNAIL, "POST") == location(RESIZE, "GET") != location(RESIZE, "HEAD")
    assert "versionId" not in location(RESIZE, "GET")


# What is refused


@pytest.mark.parametrize(
    ("raw_path", "query", "name"),
    [
        (THUMBNAIL, {"w": ""}, "w"),
        (THUMBNAIL, {"fit": "cover", "w": "9"}, "h"),
        (THUMBNAIL, {"w": "9", "format": "gif"}, "format"),
        (RESIZE, {"u": URL}, "w"),
        (RESIZE, {"u": URL, "w": "0"}, "w"),
        (RESIZE, {"w": "9"}, "u"),
        (RESIZE, {"w": "9", "u": ""}, "u"),
    ],
)
def test_what_is_missing_or_bad_is_named_and_nothing_fetched(raw_path: str, query: dict[str, str], name: str) -> None:
    source, renderer = Source({URL: PNG}), Renderer()
    reply = render(raw_path, by=a_service(source=source, renderer=renderer), query=query)
    assert (reply.status, code(reply)) == (400, "bad-parameter")
    assert json.loads(reply.body)["detail"].startswith(f"?{name}: ")
    assert (source.asked, renderer.asked) == ([], [])


@pytest.mark.parametrize("raw_path", [THUMBNAIL, RESIZE])
@pytest.mark.parametrize("data", [b"", b"<svg>", b"%PDF", bytes(9_999)], ids=len)
def test_what_is_no_image_is_not_rendered(raw_path: str, data: bytes) -> None:
    renderer = Renderer()
    by = a_service(renderer=renderer, source=Source({URL: data}))
    reply = render(raw_path, by=by, headers={**AS_ANN, "content-type": "image/png"}, body=data)
    assert (reply.status, code(reply), renderer.asked) == (415, "not-an-image", [])


@pytest.mark.parametrize("raw_path", [THUMBNAIL, RESIZE])
def test_what_has_too_many_bytes_is_not_rendered(raw_path: str) -> None:
    renderer, data = Renderer(), PNG + bytes(MAX_IMAGE_BYTES)
    by = a_service(renderer=renderer, source=Source({URL: data}))
    reply = render(raw_path, by=by, body=data)
    assert (reply.status, code(reply), renderer.asked) == (413, "image-too-large", [])


@pytest.mark.parametrize("raw_path", [THUMBNAIL, RESIZE])
def test_a_rule_that_lists_sizes_has_no_others_rendered(raw_path: str) -> None:
    listed = allow(raw_path, "read")._replace(image_sizes=("96x96", "320x"))
    source = Source({URL: PNG})
    by = a_service(numbered(listed), source=source)
    for query in ({"w": "321"}, {"w": "320", "q": "9"}):
        reply = render(raw_path, by=by, query={**query, "u": URL}, headers={})
        assert (reply.status, code(reply), source.asked) == (403, "size-not-allowed", [])
    assert render(raw_path, by=by, headers={}).status == 200


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BadParameter("u", "it is no URL."), 400, "bad-parameter"),
        (SourceNotAllowed(), 403, "source-not-allowed"),
        (SourceFailed("It says 500."), 502, "source-failed"),
        (Unavailable("It does not answer."), 503, "unavailable"),
    ],
)
def test_a_source_that_gives_nothing_says_why(error: Exception, status: int, said: str) -> None:
    reply = render(RESIZE, by=a_service(source=Failing(error)))
    assert (reply.status, code(reply), reply.headers["Cache-Control"]) == (status, said, "no-store")
    assert render(RESIZE, query={"w": "9", "u": "https://elsewhere.example.com"}).status == 404


@pytest.mark.parametrize("raw_path", [THUMBNAIL, RESIZE])
def test_an_image_that_breaks_off_is_told(raw_path: str) -> None:
    reply = render(raw_path, by=a_service(renderer=Failing(ImageBroken())))
    assert (reply.status, code(reply)) == (422, "image-broken")


def test_a_store_that_cannot_keep_it_is_told() -> None:
    by = a_service(renderer=Large(5_000_000), objects=Failing(Unavailable("S3 does not let the service write here.")))
    reply = render(THUMBNAIL, by=by)
    assert (reply.status, "Location" in reply.headers) == (503, False)
