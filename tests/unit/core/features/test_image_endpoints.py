"""`/-/thumbnail` and `/-/resize`: who may use them, their answers, and that they are no way around the rules."""

import json
from collections.abc import Mapping
from itertools import product
from typing import Any
from urllib.parse import urlsplit

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
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore, StoredObject

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
URL = "https://images.example.com/a.png?b=c"
AS_ANN = basic("ann")
THUMBNAIL, RESIZE = "/-/thumbnail", "/-/resize"
EVERYTHING = numbered(allow("/**", "read list write delete share"))
OPEN = numbered(allow(THUMBNAIL, "read"), allow(RESIZE, "read"))
BOTH = ((THUMBNAIL, "POST"), (RESIZE, "GET"), (RESIZE, "HEAD"))


class Large(Renderer):
    """Renders every image as an image of so many bytes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        self.asked.append((data, rendition))
        return Image("image/png", bytes(self.size))


def a_service(rules: tuple[Rule, ...] = (), **rest: Any) -> Signpost:
    return signpost(rules=rules, **{"source": Source({URL: PNG}), **rest})


def unreachable() -> MemoryStore:
    """A store that must not be called: each call fails."""
    store = MemoryStore()
    store.error = Unavailable("S3 does not answer.")
    return store


def image_headers(reply: Reply) -> tuple[str, str, str]:
    """The headers that a browser needs to show and to keep an image."""
    return reply.headers["Content-Type"], reply.headers["Cache-Control"], reply.headers["X-Content-Type-Options"]


def render(
    raw_path: str,
    method: str | None = None,
    *,
    by: Signpost | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] = AS_ANN,
    body: bytes = PNG,
) -> Reply:
    """Ask for the image, 320 pixels wide if no query is given."""
    query = {"w": "320", "u": URL} if query is None else query
    method = method or ("POST" if raw_path == THUMBNAIL else "GET")
    return ask(method, raw_path, by=by or a_service(), query=query, headers=headers, body=body)


def refusal(reply: Reply, method: str) -> tuple[int, str | None]:
    """The status and the code of a refusal; a reply to HEAD has no body with a code."""
    return reply.status, None if method == "HEAD" else code(reply)


# Access


def test_a_caller_without_credentials_is_refused_before_everything_else() -> None:
    """Rules for files that are open to anyone say nothing about the endpoints."""
    for rules in ((), EVERYTHING, numbered(allow("/*/*", "read"), allow("/{user}/**", "read"))):
        renderer, source = Renderer(), Source({URL: PNG})
        by = a_service(rules, renderer=renderer, source=source)
        for (raw_path, method), query in product(BOTH, (None, {}, {"w": "x"})):
            for headers in ({}, basic("ann", "wrong")):
                assert render(raw_path, method, by=by, query=query, headers=headers).status == 401
        assert (renderer.asked, source.asked) == ([], [])


def test_any_key_may_use_an_endpoint_unless_a_rule_names_the_endpoint() -> None:
    for raw_path, method in BOTH:
        for rule, statuses in (
            (None, [401, 200, 200]),
            (allow(raw_path, "read"), [200, 200, 200]),
            (deny(raw_path, "read", "key:ci"), [401, 200, 403]),
            (deny(raw_path, "read"), [401, 403, 403]),
            (deny("/**", "read"), [401, 200, 200]),
            (allow("/-/other", "read"), [401, 200, 200]),
            (deny(RESIZE if raw_path == THUMBNAIL else THUMBNAIL, "read"), [401, 200, 200]),
        ):
            by = a_service(numbered(rule) if rule else ())
            callers: tuple[dict[str, str], ...] = ({}, AS_ANN, basic("ci"))
            assert [render(raw_path, method, by=by, headers=headers).status for headers in callers] == statuses


def test_no_link_to_files_opens_an_endpoint() -> None:
    for uses in (None, 3):
        by = a_service(EVERYTHING, counter=MemoryLinkUseCounter())
        body = json.dumps({"uses": uses}).encode()
        token = json.loads(ask("POST", "/", by=by, query={"link": ""}, headers=AS_ANN, body=body).body)["token"]
        assert ask("GET", "/a", by=by, query={"token": token}).status == 307
        for (raw_path, method), rules in product(BOTH, ((), OPEN)):
            by = a_service((*rules, *EVERYTHING), counter=MemoryLinkUseCounter())
            reply = render(raw_path, method, by=by, query={"w": "320", "u": URL, "token": token})
            assert refusal(reply, method) == (403, None if method == "HEAD" else "link-invalid")


def test_a_rule_for_files_allows_nobody_to_share_an_endpoint() -> None:
    by = a_service(EVERYTHING, counter=MemoryLinkUseCounter())
    assert ask("POST", RESIZE, by=by, query={"link": ""}, headers=AS_ANN).status == 403
    assert code(ask("POST", THUMBNAIL, by=by, query={"link": ""}, headers=AS_ANN)) == "not-an-image"


def test_a_cookie_renders_for_pages_of_the_service_alone() -> None:
    cookie = Sessions(ApiKeys(KEYS), signer("session")).cookie(ANN, NOW, DEADLINE).partition(";")[0]
    for origin, status in ((BASE_URL, 200), ("https://evil.example.com", 403), (None, 403)):
        headers, renderer = {"cookie": cookie, **({"origin": origin} if origin else {})}, Renderer()
        assert render(THUMBNAIL, by=a_service(renderer=renderer), headers=headers).status == status
        assert len(renderer.asked) == (status == 200)


# Methods


def test_each_endpoint_has_its_methods() -> None:
    renderer, source = Renderer(), Source({URL: PNG})
    by = a_service(renderer=renderer, source=source)
    for raw_path, allowed in ((THUMBNAIL, "POST, OPTIONS"), (RESIZE, "GET, HEAD, POST, OPTIONS")):
        reply = render(raw_path, "OPTIONS", by=by)
        assert (reply.status, reply.headers["Allow"], reply.headers["Cache-Control"]) == (204, allowed, "no-store")
        assert render(raw_path, "OPTIONS", by=by, headers={}).status == 401
        for method, headers in product({"GET", "HEAD", "PUT", "DELETE"} - set(allowed.split(", ")), ({}, AS_ANN)):
            for query in ({}, {"links": ""}, {"uploads": ""}, {"token": "x"}, {"form": ""}):
                reply = render(raw_path, method, by=by, query=query, headers=headers)
                assert reply.status == 405
                assert reply.headers["Allow"] in (allowed, "GET, HEAD, OPTIONS")
        assert render(raw_path, "PATCH").status == 405
    post = render(RESIZE, "POST", by=by)
    assert (post.status, post.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    for raw_path in ("/-/thumbnail/", "/-/resize/", "/-/", "/-/thumbnails", "/-/resize/x"):
        assert render(raw_path, by=by).status == render(raw_path, "POST", by=by).status == 404
    assert (renderer.asked, source.asked) == ([], [])
    get, head = render(RESIZE), render(RESIZE, "HEAD")
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


# Answers


def test_a_posted_image_is_answered_itself() -> None:
    renderer = Renderer()
    by = a_service(renderer=renderer, objects=unreachable())
    reply = render(THUMBNAIL, by=by, query={"w": "9", "h": "8", "fit": "cover", "format": "png"})
    assert renderer.asked == [(PNG, Rendition(9, 8, "cover", "png", 0))]
    assert (reply.status, reply.body) == (200, b"9x8 cover")
    assert image_headers(reply) == ("image/png", "no-store", "nosniff")
    assert "Location" not in reply.headers


def test_a_posted_image_without_a_size_comes_within_128_by_128() -> None:
    renderer = Renderer()
    by = a_service(renderer=renderer)
    assert [render(THUMBNAIL, by=by, query=query).status for query in ({}, {"fit": "cover", "u": URL})] == [200, 200]
    assert [asked for _, asked in renderer.asked] == [Rendition(128, 128, fit, "", 0) for fit in ("contain", "cover")]
    listed = a_service(numbered(allow(THUMBNAIL, "read")._replace(image_sizes=("96x96",))))
    assert code(render(THUMBNAIL, by=listed, query={})) == "size-not-allowed"


def test_a_fetched_image_is_answered_itself_and_kept_by_caches() -> None:
    for rules, headers, cache_control in (
        ((), AS_ANN, "private, max-age=3600"),
        (OPEN, AS_ANN, "public, max-age=3600"),
        (OPEN, {}, "public, max-age=3600"),
        (numbered(allow(RESIZE, "read", "key:ann")), AS_ANN, "private, max-age=3600"),
    ):
        renderer, source = Renderer(), Source({URL: PNG})
        by = a_service(rules, renderer=renderer, source=source, objects=unreachable())
        reply = render(RESIZE, by=by, headers=headers)
        assert (reply.status, reply.body, source.asked) == (200, b"320x contain", [URL])
        assert renderer.asked == [(PNG, Rendition(320, 0, "contain", "", 0))]
        assert image_headers(reply) == ("image/jpeg", cache_control, "nosniff")


def test_an_image_too_large_for_an_answer_is_stored_below_the_first_mount() -> None:
    """The redirect is signed for the method that follows: GET after POST."""
    for mounts, bucket, prefix in (
        ([mount("/x", bucket="other"), mount(prefix="t/")], "acme-files", "t/"),
        ([mount("/one", bucket="one-files", prefix="v2"), mount("/two", bucket="two")], "one-files", "v2"),
    ):
        locations = {}
        for (raw_path, method), size in product(BOTH, (4_500_000, 4_500_001, 6_000_000)):
            store = MemoryStore()
            by = a_service(OPEN, objects=store, renderer=Large(size), mounts=mounts)
            query = {"w": "9", "u": URL, "versionId": "v", "download": "x"}
            reply = render(raw_path, method, by=by, query=query)
            if size <= 4_500_000:
                assert (reply.status, len(reply.body), store.calls) == (200, 0 if method == "HEAD" else size, [])
                continue
            key = f"{prefix}-/derived/{content_name(Image('image/png', bytes(size)))}"
            assert store.objects == {(bucket, key): StoredObject(bytes(size), "image/png")}
            location = urlsplit(reply.headers["Location"])
            assert (reply.status, reply.body) == (303 if method == "POST" else 307, b"")
            assert (location.netloc, location.path) == (f"{bucket}.s3.eu-west-1.amazonaws.com", f"/{key}")
            assert "versionId" not in location.query
            assert reply.headers["Cache-Control"] == "no-store"
            locations[method, size] = reply.headers["Location"]
        assert locations["POST", 6_000_000] == locations["GET", 6_000_000] != locations["HEAD", 6_000_000]
        assert by.log[-1]["bucket"] == bucket
        assert str(by.log[-1]["key"]).startswith(prefix)


# Refusals


def test_a_bad_parameter_is_named_and_nothing_is_fetched() -> None:
    source, renderer = Source({URL: PNG}), Renderer()
    by = a_service(source=source, renderer=renderer)
    for raw_path, query, name in (
        (THUMBNAIL, {"w": ""}, "w"),
        (THUMBNAIL, {"fit": "cover", "w": "9"}, "h"),
        (THUMBNAIL, {"w": "9", "format": "gif"}, "format"),
        (RESIZE, {"u": URL}, "w"),
        (RESIZE, {"u": URL, "w": "0"}, "w"),
        (RESIZE, {"w": "9"}, "u"),
        (RESIZE, {"w": "9", "u": ""}, "u"),
    ):
        reply = render(raw_path, by=by, query=query)
        assert (reply.status, code(reply)) == (400, "bad-parameter")
        assert json.loads(reply.body)["detail"].startswith(f"?{name}: ")
    assert (source.asked, renderer.asked) == ([], [])


def test_other_files_large_files_and_other_sizes_are_not_rendered() -> None:
    renderer = Renderer()
    for raw_path in (THUMBNAIL, RESIZE):
        for data, status, expected in (
            *((data, 415, "not-an-image") for data in (b"", b"<svg>", b"%PDF", bytes(9_999))),
            (PNG + bytes(MAX_IMAGE_BYTES), 413, "image-too-large"),
        ):
            by = a_service(renderer=renderer, source=Source({URL: data}))
            reply = render(raw_path, by=by, headers={**AS_ANN, "content-type": "image/png"}, body=data)
            assert (reply.status, code(reply)) == (status, expected)
        source = Source({URL: PNG})
        sized = numbered(allow(raw_path, "read")._replace(image_sizes=("96x96", "320x")))
        by = a_service(sized, source=source, renderer=renderer)
        for query in ({"w": "321"}, {"w": "320", "q": "9"}):
            assert code(render(raw_path, by=by, query={**query, "u": URL}, headers={})) == "size-not-allowed"
        assert (source.asked, renderer.asked) == ([], [])
        assert render(raw_path, by=a_service(sized), headers={}).status == 200
    exact = PNG + bytes(MAX_IMAGE_BYTES - len(PNG))
    assert render(THUMBNAIL, body=exact).status == 200


def test_a_failed_fetch_rendering_or_write_says_why() -> None:
    for error, status, expected in (
        (BadParameter("u", "it is no URL."), 400, "bad-parameter"),
        (SourceNotAllowed(), 403, "source-not-allowed"),
        (SourceFailed("It says 500."), 502, "source-failed"),
        (Unavailable("It does not answer."), 503, "unavailable"),
    ):
        reply = render(RESIZE, by=a_service(source=Failing(error)))
        assert (reply.status, code(reply), reply.headers["Cache-Control"]) == (status, expected, "no-store")
    assert render(RESIZE, query={"w": "9", "u": "https://elsewhere.example.com"}).status == 404
    for raw_path in (THUMBNAIL, RESIZE):
        assert code(render(raw_path, by=a_service(renderer=Failing(ImageBroken())))) == "image-broken"
    reply = render(THUMBNAIL, by=a_service(renderer=Large(5_000_000), objects=unreachable()))
    assert (reply.status, "Location" in reply.headers) == (503, False)


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
    return a_service(FOR_SITE, keys=[*KEYS, SITE], counter=MemoryLinkUseCounter(), **rest)


def test_a_publishable_key_shows_images_within_its_rules_and_caches_keep_them() -> None:
    by = site()
    for method in ("GET", "HEAD"):
        for headers in ({}, AS_ANN, basic("ann", "wrong")):  # a browser may also send its credentials for this host
            reply = render(RESIZE, method, by=by, query={"u": URL, "w": "320", "k": K}, headers=headers)
            assert (reply.status, reply.headers["Cache-Control"]) == (200, "public, max-age=3600")
    assert render(THUMBNAIL, by=by, query={"k": K}, headers={}).headers["Cache-Control"] == "no-store"
    assert code(render(RESIZE, by=by, query={"u": URL, "w": "321", "k": K}, headers={})) == "size-not-allowed"
    for query, name in (({"w": "320"}, "?u: "), ({"u": URL}, "?w: ")):
        reply = render(RESIZE, by=by, query={**query, "k": K}, headers={})
        assert (reply.status, json.loads(reply.body)["detail"][:4]) == (400, name)
    unnamed = a_service((), keys=[SITE])
    assert render(RESIZE, by=unnamed, query={"u": URL, "w": "320", "k": K}, headers={}).status == 403


def test_any_other_key_in_a_url_and_a_wrong_key_are_401() -> None:
    by = site()
    keys = (secret_of("ann"), K + "x", "", SITE.sha256, f"site:{K}", "\ud800")
    for (raw_path, method), key, headers in product(BOTH, keys, ({}, AS_ANN)):
        reply = render(raw_path, method, by=by, query={"u": URL, "w": "320", "k": key}, headers=headers)
        assert refusal(reply, method) == (401, None if method == "HEAD" else "url-key-invalid")


def test_a_publishable_key_opens_nothing_else() -> None:
    """It does not work as Basic or Bearer, for signing in, in the URL of a file, or for making and using a link."""
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
