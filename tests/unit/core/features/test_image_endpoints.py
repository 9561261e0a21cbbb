"""`/-/thumbnail` and `/-/resize`: their callers, their answers, and that no endpoint avoids the rules."""

import json
from itertools import product
from typing import Any, NamedTuple

from chalicelib.core.access.rules import Rule
from chalicelib.core.features.derived_images import content_name
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image, Rendition
from chalicelib.core.web.message import Reply
from chalicelib.core.web.problems.base import Problem, Unavailable
from chalicelib.core.web.problems.images import SourceFailed
from chalicelib.core.web.times import Deadline
from tests.support.builders import BASE_URL, KEYS, allow, api_key, basic, deny, mount, numbered, secret_of
from tests.support.fakes import Renderer, Signpost, Source, ask, code, signpost
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore, StoredObject

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
URL = "https://images.example.com/a.png?b=c"
AS_ANN = basic("ann")
THUMBNAIL, RESIZE = "/-/thumbnail", "/-/resize"
EVERYTHING = numbered(allow("/**", "read list write delete share"))
OPEN = numbered(allow(THUMBNAIL, "read"), allow(RESIZE, "read"))
BOTH = ((THUMBNAIL, "POST"), (RESIZE, "GET"), (RESIZE, "HEAD"))


class Large(NamedTuple):
    """Renders every image as an image of a given number of bytes."""

    size: int

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        return Image("image/png", bytes(self.size))


def a_service(rules: tuple[Rule, ...] = (), **rest: Any) -> Signpost:
    return signpost(rules=rules, **{"source": Source({URL: PNG}), **rest})


def render(raw_path: str, method: str | None = None, *, service: Signpost | None = None, **rest: Any) -> Reply:
    """Ask for the image as ann, 320 pixels wide, by default."""
    wanted: dict[str, Any] = {"query": {"w": "320", "u": URL}, "headers": AS_ANN, "body": PNG, **rest}
    return ask(
        method or ("POST" if raw_path == THUMBNAIL else "GET"), raw_path, service=service or a_service(), **wanted
    )


# Access


def test_a_caller_without_credentials_is_refused_before_everything_else() -> None:
    """Rules for files that are open to anyone say nothing about the endpoints."""
    for rules in ((), EVERYTHING, numbered(allow("/*/*", "read"), allow("/{user}/**", "read"))):
        renderer, source = Renderer(), Source({URL: PNG})
        service = a_service(rules, renderer=renderer, source=source)
        for (raw_path, method), query in product(BOTH, ({"w": "320", "u": URL}, {}, {"w": "x"})):
            for headers in ({}, basic("ann", "wrong")):
                assert render(raw_path, method, service=service, query=query, headers=headers).status == 401
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
            service = a_service(numbered(rule) if rule else ())
            callers: tuple[dict[str, str], ...] = ({}, AS_ANN, basic("ci"))
            assert [
                render(raw_path, method, service=service, headers=headers).status for headers in callers
            ] == statuses


def test_a_rule_for_files_allows_nobody_to_share_an_endpoint() -> None:
    service = a_service(EVERYTHING, counter=MemoryLinkUseCounter())
    assert ask("POST", RESIZE, service=service, query={"link": ""}, headers=AS_ANN).status == 403
    assert code(ask("POST", THUMBNAIL, service=service, query={"link": ""}, headers=AS_ANN)) == "not-an-image"


# Methods


def test_each_endpoint_has_its_methods() -> None:
    renderer, source = Renderer(), Source({URL: PNG})
    service = a_service(renderer=renderer, source=source)
    for raw_path, allowed in ((THUMBNAIL, "POST, OPTIONS"), (RESIZE, "GET, HEAD, POST, OPTIONS")):
        reply = render(raw_path, "OPTIONS", service=service)
        assert (reply.status, reply.headers["Allow"], reply.headers["Cache-Control"]) == (204, allowed, "no-store")
        assert render(raw_path, "OPTIONS", service=service, headers={}).status == 401
        for method, headers in product({"GET", "HEAD", "PUT", "DELETE"} - set(allowed.split(", ")), ({}, AS_ANN)):
            for query in ({}, {"links": ""}, {"uploads": ""}, {"token": "x"}, {"form": ""}):
                reply = render(raw_path, method, service=service, query=query, headers=headers)
                assert (reply.status, reply.headers["Allow"] in (allowed, "GET, HEAD, OPTIONS")) == (405, True)
        assert render(raw_path, "PATCH").status == 405
    post = render(RESIZE, "POST", service=service)
    assert (post.status, post.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    for raw_path in ("/-/thumbnail/", "/-/resize/", "/-/", "/-/thumbnails", "/-/resize/x"):
        assert render(raw_path, service=service).status == render(raw_path, "POST", service=service).status == 404
    assert (renderer.asked, source.asked) == ([], [])


# Answers


def test_a_posted_image_is_answered_itself_and_comes_within_128_by_128_without_a_size() -> None:
    renderer = Renderer()
    service = a_service(renderer=renderer)
    for query, rendition in (
        ({"w": "9", "h": "8", "fit": "cover", "format": "png"}, Rendition(9, 8, "cover", "png", 0)),
        ({"format": "png"}, Rendition(128, 128, "contain", "png", 0)),
        ({"fit": "cover", "format": "png", "u": URL}, Rendition(128, 128, "cover", "png", 0)),
    ):
        reply = render(THUMBNAIL, service=service, query=query)
        assert renderer.asked.pop() == (PNG, rendition)
        assert (reply.status, reply.body) == (200, f"{rendition.size} {rendition.fit}".encode())
        assert (reply.headers["Content-Type"], reply.headers["Cache-Control"]) == ("image/png", "no-store")
    listed = a_service(numbered(allow(THUMBNAIL, "read")._replace(image_sizes=("96x96",))))
    assert code(render(THUMBNAIL, service=listed, query={})) == "size-not-allowed"


def test_a_fetched_image_is_answered_itself_and_kept_by_caches() -> None:
    for rules, headers, kind in (
        ((), AS_ANN, "private"),
        (OPEN, AS_ANN, "public"),
        (OPEN, {}, "public"),
        (numbered(allow(RESIZE, "read", "key:ann")), AS_ANN, "private"),
    ):
        renderer, source = Renderer(), Source({URL: PNG})
        service = a_service(rules, renderer=renderer, source=source)
        get, head = (render(RESIZE, method, service=service, headers=headers) for method in ("GET", "HEAD"))
        assert (get.status, get.body, source.asked) == (200, b"320x contain", [URL] * 2)
        assert (head.status, head.headers, head.body) == (200, get.headers, b"")
        assert renderer.asked == [(PNG, Rendition(320, 0, "contain", "", 0))] * 2
        assert get.headers.items() >= {"Content-Type": "image/jpeg", "Cache-Control": f"{kind}, max-age=3600"}.items()


def test_an_image_too_large_for_an_answer_is_stored_below_the_first_mount() -> None:
    """The redirect is signed for the method that follows: GET after POST."""
    mounts = [mount("/one", bucket="one-files", prefix="v2"), mount("/two", bucket="two")]
    locations = {}
    for (raw_path, method), size in product(BOTH, (4_500_000, 4_500_001)):
        store = MemoryStore()
        service = a_service(OPEN, objects=store, renderer=Large(size), mounts=mounts)
        reply = render(raw_path, method, service=service, query={"w": "9", "u": URL, "versionId": "v", "download": "x"})
        if size == 4_500_000:
            assert (reply.status, len(reply.body), store.calls) == (200, 0 if method == "HEAD" else size, [])
            continue
        key = f"v2-/derived/{content_name(Image('image/png', bytes(size)))}"
        assert store.objects == {("one-files", key): StoredObject(bytes(size), "image/png")}
        locations[method] = reply.headers["Location"]
        assert (reply.status, reply.headers["Cache-Control"]) == (303 if method == "POST" else 307, "no-store")
        assert locations[method].startswith(f"https://one-files.s3.eu-west-1.amazonaws.com/{key}?")
        assert "versionId" not in locations[method]
        assert (service.log[-1]["bucket"], service.log[-1]["key"]) == ("one-files", key)
    assert locations["POST"] == locations["GET"] != locations["HEAD"]


# Refusals


def test_other_files_and_large_files_are_not_rendered() -> None:
    renderer = Renderer()
    bad = ((b"", 415), (b"<svg>", 415), (bytes(9_999), 415), (PNG + bytes(MAX_IMAGE_BYTES), 413))
    for raw_path, (data, status) in product((THUMBNAIL, RESIZE), bad):
        service = a_service(renderer=renderer, source=Source({URL: data}))
        headers = {**AS_ANN, "content-type": "image/png"}
        assert render(raw_path, service=service, headers=headers, body=data).status == status
    assert renderer.asked == []
    assert render(THUMBNAIL, body=PNG + bytes(MAX_IMAGE_BYTES - len(PNG))).status == 200


def test_for_a_bad_parameter_or_another_size_nothing_is_fetched() -> None:
    renderer, source = Renderer(), Source({URL: PNG})
    for raw_path, query, expected in (
        (THUMBNAIL, {"fit": "cover", "w": "9"}, "bad-parameter"),
        *((RESIZE, query, "bad-parameter") for query in ({"u": URL}, {"w": "320"}, {"w": "320", "u": ""})),
        *((raw_path, {"w": "321", "u": URL}, "size-not-allowed") for raw_path in (THUMBNAIL, RESIZE)),
    ):
        sized = numbered(allow(raw_path, "read")._replace(image_sizes=("96x96", "320x")))
        service = a_service(sized, source=source, renderer=renderer)
        assert code(render(raw_path, service=service, query=query, headers={})) == expected
    assert (source.asked, renderer.asked) == ([], [])


# Publishable keys

SITE = api_key("site", "sites")._replace(in_urls=True)
K = secret_of("site")
FOR_SITE = numbered(
    allow(RESIZE, "read share", "key:site")._replace(image_sizes=("320x", "96x96")),
    allow(THUMBNAIL, "read", "group:sites"),
    allow("/site/**", "read list write delete share", "key:site", "group:sites"),
)


def test_a_publishable_key_decides_whatever_key_is_sent_beside() -> None:
    """A browser may also send its credentials for this host."""
    service = a_service(FOR_SITE, keys=[*KEYS, SITE])
    for (raw_path, method), headers in product(BOTH, ({}, AS_ANN, basic("ann", "wrong"))):
        query = {"u": URL, "w": "320"}
        reply = render(raw_path, method, service=service, query={**query, "k": K}, headers=headers)
        cache_control = "no-store" if raw_path == THUMBNAIL else "public, max-age=3600"
        assert (reply.status, reply.headers["Cache-Control"]) == (200, cache_control)
        for key in (secret_of("ann"), ""):
            assert render(raw_path, method, service=service, query={**query, "k": key}, headers=headers).status == 401
    assert code(render(RESIZE, service=service, query={"k": "wrong"})) == "url-key-invalid"
    assert code(render(RESIZE, service=service, query={"u": URL, "w": "321", "k": K}, headers={})) == "size-not-allowed"
    unnamed = a_service((), keys=[SITE])
    assert render(RESIZE, service=unnamed, query={"u": URL, "w": "320", "k": K}, headers={}).status == 403


def test_a_publishable_key_opens_nothing_else() -> None:
    """It does not work in the URL of a file, for making a link, or for signing in."""
    service = a_service(FOR_SITE, keys=[*KEYS, SITE], counter=MemoryLinkUseCounter())
    for method, raw_path, query in (
        *((method, "/site/a", {}) for method in ("GET", "PUT", "DELETE")),
        *(("GET", "/site/", {}), ("POST", "/site/a", {"link": ""}), ("POST", RESIZE, {"link": ""})),
    ):
        body = json.dumps({"u": URL, "sizes": ["320x"]}).encode() if raw_path == RESIZE else b""
        assert code(ask(method, raw_path, service=service, query={**query, "k": K}, body=body)) == "credentials-missing"
    form = f"id=site&secret={K}".encode()
    assert ask("POST", "/-/login", service=service, headers={"origin": BASE_URL}, body=form).status == 401


def test_a_site_that_fails_is_a_502_and_a_site_that_does_not_answer_a_503() -> None:
    class FailingSource(Source):
        error: Problem

        def fetch(self, url: str, deadline: Deadline) -> bytes:
            raise self.error

    source = FailingSource()
    for source.error in (SourceFailed("The site answered 500."), Unavailable("The site does not answer.")):
        for method in ("GET", "HEAD"):
            assert render(RESIZE, method, service=a_service(source=source)).status == source.error.status
