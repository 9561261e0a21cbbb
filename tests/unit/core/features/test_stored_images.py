"""Stored images in other sizes: only for callers who may read the source, and no other way leads to a derived image."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.core.access.rules import Rule
from chalicelib.core.features import stored_images
from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import Rendition
from chalicelib.core.web.message import Reply
from chalicelib.core.web.paths import Path
from chalicelib.core.web.problems import ImageBroken, ImageTooLarge
from tests.support.builders import NOW, allow, basic, deny, mount, numbered, request
from tests.support.fakes import Failing, Renderer, ask, code, signpost
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore, etag_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
AS_ANN, AS_CI = basic("ann"), basic("ci")
EVERYTHING = "read list write delete share versions purge"
RULES = numbered(
    deny("/shared/closed/**", "read list"),
    allow("/shared/**", EVERYTHING, "key:ann"),
    allow("/sized/**", "read")._replace(image_sizes=("96x96", "320x")),
    allow("/public/**", EVERYTHING),
)
W320 = {"w": "320"}
WIDE = Rendition(320, 0, "contain", "", 0)


class World:
    """A service with its store, its renderer and its counter of link uses."""

    def __init__(self, store: MemoryStore | None = None, *, rules: tuple[Rule, ...] = RULES, **rest: Any) -> None:
        names = ("public/a.png", "shared/a.png", "sized/a.png")
        self.store = store if store is not None else MemoryStore(dict.fromkeys(names, PNG))
        self.renderer = rest.pop("renderer", None) or Renderer()
        self.counter = MemoryLinkUseCounter()
        self.by = signpost(rules=rules, objects=self.store, renderer=self.renderer, counter=self.counter, **rest)

    def get(
        self,
        raw_path: str = "/public/a.png",
        query: Mapping[str, str] = W320,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        **rest: Any,
    ) -> Reply:
        return ask(method, raw_path, by=self.by, query=query, headers=headers, **rest)

    def token(self, raw_path: str = "/shared/a.png", uses: int | None = 1) -> str:
        body = json.dumps({"uses": uses}).encode()
        reply = ask("POST", raw_path, by=self.by, query={"link": ""}, headers=AS_ANN, body=body)
        assert reply.status == 201
        return str(json.loads(reply.body)["token"])


def name_of(key: str = "public/a.png", rendition: Rendition = WIDE, body: bytes = PNG) -> str:
    return f"-/derived/{image_parameters.derivative_name(key, etag_of(body), rendition)}"


# Answers


def test_an_image_in_another_size_is_a_redirect_to_the_derived_image() -> None:
    world = World()
    for method in ("GET", "HEAD"):
        reply = world.get(method=method)
        assert (reply.status, reply.body) == (307, b"")
        assert urlsplit(reply.headers["Location"]).path == f"/{name_of()}"
        assert ask(method, "/public/a.png", by=world.by).headers["Location"] != reply.headers["Location"]
    assert world.store.derived() == {name_of(): b"320x contain"}


def test_head_inline_describes_the_derived_image() -> None:
    world = World(head_inline=True)
    reply = world.get(method="HEAD")
    image = world.store.derived()[name_of()]
    assert reply.status == 200
    assert (reply.headers["etag"], reply.headers["content-length"]) == (etag_of(image), str(len(image)))
    assert (reply.headers["content-type"], reply.headers["Cache-Control"]) == ("image/jpeg", "no-store")
    assert world.get(method="HEAD", raw_path="/public/no.png").status == 404


def test_other_parameters_are_passed_on_except_the_version() -> None:
    download, content_type = "response-content-disposition", "response-content-type"
    cases: list[tuple[dict[str, str], dict[str, list[str]]]] = [
        ({"download": ""}, {download: ['attachment; filename="a.png"']}),
        ({"download": "", "format": "webp"}, {download: ['attachment; filename="a.webp"']}),
        ({"download": "me.x", "format": "webp"}, {download: ['attachment; filename="me.x"']}),
        ({"response-cache-control": "no-cache", content_type: "image/x"}, {"response-cache-control": ["no-cache"]}),
        ({"versionId": "v 1", "v": "42"}, {}),
    ]
    for query, passed in cases:
        world = World()
        signed = parse_qs(urlsplit(world.get(query=W320 | query).headers["Location"]).query)
        passed |= {content_type: [query[content_type]]} if content_type in query else {}
        assert {name: value for name, value in signed.items() if not name.startswith("X-Amz-")} == passed
        version = query.get("versionId")
        assert world.store.versions == [("HEAD", version), ("HEAD", None), ("GET", version)]


def test_a_download_gets_the_extension_of_its_format() -> None:
    for raw_path, query, expected in (
        ("/a.jpg", {"w": "1", "versionId": "v"}, {"w": "1"}),
        ("/a.jpg", {"download": "", "versionId": "v"}, {"download": ""}),
        ("/b/a.x.jpg", {"download": "", "format": "webp"}, {"download": "a.x.webp", "format": "webp"}),
        ("/b/a", {"download": "", "format": "webp"}, {"download": "a.webp", "format": "webp"}),
        ("/.jpg", {"download": "", "format": "png"}, {"download": ".jpg.png", "format": "png"}),
        ("/ü b.jpg", {"download": "", "format": "jpeg"}, {"download": "ü b.jpeg", "format": "jpeg"}),
        ("/a\\b.jpg", {"download": "", "format": "png"}, {"download": "a_b.png", "format": "png"}),
        ("/a.jpg", {"download": "me.jpg", "format": "webp"}, {"download": "me.jpg", "format": "webp"}),
        ("/a.jpg", {"format": "webp", "response-expires": "x"}, {"format": "webp", "response-expires": "x"}),
    ):
        sent = request(query=query)
        assert stored_images._request_of_derived(sent, Path(raw_path)) == sent._replace(query=expected)


def test_caches_keep_the_redirect_as_the_redirect_to_the_file() -> None:
    mounts = [mount(cache_seconds=100)]
    assert World(mounts=mounts).get().headers["Cache-Control"] == "public, max-age=100"
    private = World(mounts=mounts).get("/shared/a.png", headers=AS_ANN)
    assert private.headers["Cache-Control"] == "private, max-age=100"
    assert World().get().headers["Cache-Control"] == "no-store"


def test_without_a_size_or_with_another_method_the_answer_is_about_the_file() -> None:
    world = World()
    for query in ({}, {"fit": "cover"}, {"format": "png"}, {"q": "1"}, {"W": "9"}):
        assert urlsplit(world.get(query=query).headers["Location"]).path == "/public/a.png"
    for method, query, status in (
        *(("PUT", {}, 307), ("DELETE", {}, 307), ("POST", {"uploads": ""}, 307), ("GET", {"uploadId": "u"}, 307)),
        *(("PUT", {"partNumber": "1", "uploadId": "u"}, 307), ("POST", {"link": ""}, 201)),
        *(("POST", {}, 405), ("OPTIONS", {}, 204)),
    ):
        for size in (W320, {"w": "x"}, {"h": ""}):
            reply = world.get("/shared/a.png", {**query, **size}, method, AS_ANN)
            assert reply.status == status
            assert status != 307 or urlsplit(reply.headers["Location"]).path == "/shared/a.png"
    assert (world.store.calls, world.renderer.asked) == ([], [])


def test_a_directory_is_listed_whatever_the_size_parameters() -> None:
    assert World().get("/public/").status == 200


# Refusals


def test_callers_who_may_not_read_learn_nothing() -> None:
    """Neither whether the source exists, nor its kind, nor which parameters are good."""
    world = World(MemoryStore({"shared/a.png": PNG, "shared/b.png": b"text", "shared/closed/a.png": PNG}))
    for headers, status in (({}, 401), (AS_CI, 403), (basic("ann", "wrong"), 401)):
        for method in ("GET", "HEAD", "OPTIONS"):
            answers = {
                (reply.status, reply.headers.get("Content-Type"), reply.body)
                for name in ("a.png", "b.png", "no.png")
                for query in (W320, {"w": "x"}, {"w": "9", "fit": "cover"}, {**W320, "versionId": "\n"})
                for reply in [world.get(f"/shared/{name}", query, method, headers)]
            }
            assert len(answers) == 1
            assert next(iter(answers))[0] == status
    assert world.get("/shared/closed/a.png", headers=AS_ANN).status == 403
    assert (world.store.calls, world.renderer.asked) == ([], [])


def test_a_missing_source_is_not_found_by_callers_who_may_read_it() -> None:
    reply = World().get("/public/no.png")
    assert (reply.status, code(reply)) == (404, "not-found")


def test_a_bad_parameter_is_named_before_the_store_is_asked() -> None:
    world = World()
    for query, name in (
        *(({"w": ""}, "w"), ({"h": "4097"}, "h"), ({"w": "9", "fit": "cover"}, "h"), ({"h": "9", "fit": "fill"}, "w")),
        *(({**W320, "format": "gif"}, "format"), ({**W320, "q": "0"}, "q"), ({**W320, "download": "a/b"}, "download")),
        *(({**W320, "versionId": version}, "versionId") for version in ("\x00", "\ud800")),
        ({**W320, "response-content-type": "\n"}, "response-content-type"),
    ):
        reply = world.get(query=query)
        assert (reply.status, code(reply)) == (400, "bad-parameter"), query
        assert json.loads(reply.body)["detail"].startswith(f"?{name}: ")
    assert code(world.get(headers={"x-amz-acl": "public-read"})) == "bad-header"
    for query in ({"w": "321"}, {"w": "96"}, {"w": "320", "q": "50"}):
        assert code(world.get("/sized/a.png", query)) == "size-not-allowed"
    assert world.store.calls == []
    for query in ({"w": "320"}, {"w": "96", "h": "96", "fit": "fill", "format": "webp"}, {}):
        assert world.get("/sized/a.png", query).status == 307


def test_an_image_that_cannot_be_rendered_is_refused_and_not_stored() -> None:
    for error, status, expected in (
        (ImageBroken(), 422, "image-broken"),
        (ImageTooLarge("It has too many pixels."), 413, "image-too-large"),
    ):
        world = World(renderer=Failing(error))
        reply = world.get()
        assert (reply.status, code(reply), world.store.derived()) == (status, expected, {})
        assert "Location" not in reply.headers


# Links


def test_an_image_takes_one_use_of_a_link_as_the_file_does() -> None:
    world = World()
    query = {**W320, "token": world.token(uses=2)}
    assert [world.get("/shared/a.png", query).status for _ in range(3)] == [307, 307, 410]
    assert world.get("/shared/a.png", {"token": query["token"]}).status == 410


def test_an_image_that_cannot_be_rendered_takes_no_use() -> None:
    for error in (ImageBroken(), OSError("gone")):
        world = World(renderer=Failing(error))
        token = world.token()
        assert world.get("/shared/a.png", {**W320, "token": token}).status in (422, 500)
        assert world.get("/shared/a.png", {"w": "x", "token": token}).status == 400
        assert world.get("/shared/a.png", {"token": token}).status == 307


def test_head_options_and_prefetches_take_no_use() -> None:
    world = World()
    query = {**W320, "token": world.token()}
    assert world.get("/shared/a.png", query, "HEAD").status == 307
    assert world.get("/shared/a.png", query, "OPTIONS").status == 204
    assert world.get("/shared/a.png", query, headers={"sec-purpose": "prefetch"}).status == 403
    assert world.get("/shared/a.png", query).status == 307
    assert world.get("/shared/a.png", query, "HEAD").status == 410


def test_a_link_that_is_used_up_or_revoked_renders_nothing() -> None:
    for end, status in (("GET", 307), ("DELETE", 204)):
        world = World()
        token = world.token()
        assert world.get("/shared/a.png", {"token": token}, end, AS_ANN).status == status
        for method in ("GET", "HEAD"):
            for headers in ({}, {"range": "bytes=5-"}):
                assert world.get("/shared/a.png", {**W320, "token": token}, method, headers).status == 410
        assert [call for call in world.store.calls if call.startswith(("GET", "PUT"))] == []
        assert world.renderer.asked == []


def test_a_link_that_is_used_up_does_not_tell_whether_the_image_exists() -> None:
    for head_inline in (False, True):
        world = World(head_inline=head_inline)
        for raw_path in ("/shared/a.png", "/shared/no.png"):
            token = world.token(raw_path)
            assert world.get(raw_path, {"token": token}).status == 307
            for query in ({}, W320):
                for method in ("GET", "HEAD"):
                    assert world.get(raw_path, {**query, "token": token}, method).status == 410
        assert world.get("/shared/no.png", {**W320, "token": world.token("/shared/no.png")}).status == 404


def test_the_client_that_took_the_use_gets_other_ranges_for_a_minute() -> None:
    world = World()
    query = {**W320, "token": world.token()}
    ranged = {"range": "bytes=5-"}
    assert world.get("/shared/a.png", query).status == 307
    assert world.get("/shared/a.png", query, headers=ranged, now=NOW + 59).status == 307
    assert world.get("/shared/a.png", {**query, "w": "321"}, headers=ranged, now=NOW + 59).status == 410
    assert world.get("/shared/a.png", query, headers=ranged, address="192.0.2.2").status == 410
    assert world.get("/shared/a.png", query, headers=ranged, now=NOW + 60).status == 410
    assert len(world.renderer.asked) == 1


def test_without_the_table_nothing_is_rendered() -> None:
    world = World()
    query = {**W320, "token": world.token()}
    world.counter.reachable = False
    assert (world.get("/shared/a.png", query).status, world.renderer.asked) == (503, [])


# Reserved keys

RESERVED = (
    mount(),
    mount("/all"),
    mount("/v", prefix="v2"),
    mount("/in", prefix="v2-/"),
    mount("/deep", prefix="-/"),
    mount("/own", prefix="x/-/derived/"),
    mount("/x", prefix="x/"),
)
INSIDE = [
    *("/all/-/derived/X", "/all/-/derived/", "/all/-/derived//", "/all/-/derived/a/b", "/all/%2D/derived%2FX"),
    *("/v/-/derived/X", "/in/derived/X", "/all/v2-/derived/X", "/deep/derived/X", "/deep/-/derived/X"),
    *("/all/v2-/-/derived/X", "/in/-/derived/X", "/all/x/-/derived/X", "/own/X", "/own/-/derived/X", "/x/-/derived/X"),
]
WAYS: list[tuple[str, dict[str, str]]] = [
    *(("GET", query) for query in ({}, W320, {"presign": ""}, {"uploadId": "u"}, {"recursive": ""})),
    *(("PUT", query) for query in ({}, {"presign": ""}, {"partNumber": "1", "uploadId": "u"})),
    *(("POST", query) for query in ({"uploads": ""}, {"uploadId": "u"}, {"uploads": "", "presign": ""})),
    *(("DELETE", query) for query in ({}, {"uploadId": "u"}, {"versionId": "v"})),
    *(("HEAD", {}), ("HEAD", W320)),
]


def reserved() -> World:
    """A world in which ann may do everything everywhere, and all these keys exist."""
    keys = {
        "-/derived/X",
        "v2-/derived/X",
        "-/-/derived/X",
        "v2-/-/derived/X",
        "x/-/derived/X",
        "x/-/derived/-/derived/X",
    }
    by_ann = numbered(allow("/**", EVERYTHING, "key:ann"))
    return World(
        MemoryStore(dict.fromkeys({*keys, "-/a", "derived/X", "a/-/derived/X"}, PNG)), rules=by_ann, mounts=RESERVED
    )


def test_no_request_and_no_link_reaches_a_derived_image() -> None:
    """A caller who could write there could replace the images of other people."""
    world = reserved()
    for raw_path in INSIDE:
        for method, query in WAYS:
            reply = world.get(raw_path, query, method, AS_ANN)
            assert (reply.status, "Location" in reply.headers) == (404, False), (raw_path, method, query)
            assert b"X-Amz-Signature" not in reply.body
        assert world.store.calls == []
        for shared in (raw_path, raw_path[: raw_path.index("/", 1) + 1]):
            token = world.token(shared, uses=None)
            for query in ({}, W320):
                assert world.get(raw_path, {**query, "token": token}).status == 404


def test_no_form_reaches_a_derived_image() -> None:
    forms = {
        501: "/all/ /all/-/ /all/v2-/ /v/ /v/-/ /in/ /in/-/ /deep/ /x/ /all/x/-/",
        404: "/all/-/derived/ /deep/derived/ /in/derived/sub/ /own/ /own/a/",
        200: "/all/derived/",
    }
    for status, paths in forms.items():
        for raw_path in paths.split():
            assert reserved().get(raw_path, {"form": ""}, "POST", AS_ANN).status == status, raw_path


def test_other_keys_that_look_alike_are_ordinary_files() -> None:
    for raw_path, key in (
        *(("/all/-/a", "-/a"), ("/all/-/derivedX", "-/derivedX"), ("/all/-/derived", "-/derived")),
        *(("/all/-/Derived/X", "-/Derived/X"), ("/all/derived/X", "derived/X"), ("/all/-/-/a", "-/-/a")),
        *(("/all/a/-/derived/X", "a/-/derived/X"), ("/all/v2/-/derived/X", "v2/-/derived/X")),
        *(("/v/a/-/derived/X", "v2a/-/derived/X"), ("/a/-/b", "a/-/b"), ("/-", "-"), ("/-a", "-a"), ("/a/-", "a/-")),
    ):
        for method in ("GET", "PUT", "DELETE"):
            reply = reserved().get(raw_path, {}, method, AS_ANN)
            assert (reply.status, urlsplit(reply.headers["Location"]).path) == (307, f"/{key}")


def test_no_listing_shows_a_derived_image() -> None:
    """Other keys that look alike are listed."""
    keys = ("-/derived/X", "-/derived/Y", "v2-/derived/X", "a/-/derived/X", "-/a", "v2-/b")
    by_ann = numbered(allow("/**", EVERYTHING, "key:ann"))
    world = World(MemoryStore(dict.fromkeys(keys, PNG)), rules=by_ann, mounts=RESERVED[:4])
    top = ["a/-/derived/X", "all/-/a", "all/a/-/derived/X", "all/v2-/b", "in/b", "v/-/b", "v2-/b"]
    for raw_path, level, below in (
        ("/", ["a/", "all/", "in/", "v/", "v2-/"], top),
        ("/all/", ["-/", "a/", "v2-/"], ["-/a", "a/-/derived/X", "v2-/b"]),
        ("/all/-/", ["a"], ["a"]),
        ("/v/", ["-/"], ["-/b"]),
        ("/a/", ["-/"], ["-/derived/X"]),
        *((directory, ["b"], ["b"]) for directory in ("/all/v2-/", "/v2-/", "/v/-/", "/in/")),
    ):
        for query, names in (({}, level), ({"recursive": ""}, below)):
            entries = json.loads(world.get(raw_path, query, headers=AS_ANN).body)["entries"]
            assert [entry["name"] for entry in entries] == names, raw_path


def test_no_path_of_any_mount_leads_to_a_new_derived_image() -> None:
    world = reserved()
    for raw_path in ("/all/-/a", "/deep/a", "/all/derived/X"):
        reply = world.get(raw_path, W320, headers=AS_ANN)
        key = urlsplit(reply.headers["Location"]).path[1:]
        for other in RESERVED:
            if key.startswith(other.prefix) and other.path:
                path = f"{other.path}/{key.removeprefix(other.prefix)}"
                assert world.get(path, {}, "PUT", AS_ANN).status == 404
