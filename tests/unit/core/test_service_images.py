"""Images through the whole pipeline: made for whoever may read their source, and no other way to what was made."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.core.access.rules import Rule
from chalicelib.core.ports import Metadata
from chalicelib.core.s3.mounts import Target
from chalicelib.core.web import image_parameters
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image, Rendition
from chalicelib.core.web.message import Reply
from chalicelib.core.web.problems import ImageBroken, ImageTooLarge
from chalicelib.core.web.times import Deadline
from tests.support.builders import CREDENTIALS, DEADLINE, NOW, allow, basic, deny, mount, numbered
from tests.support.fakes import Failing, Renderer, ask, code, signpost
from tests.support.file_store import Files, etag_of
from tests.support.oracles import botocore_url
from tests.support.token_store import Tokens

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
    """A service, its store and what renders, so that a test can look at all of them."""

    def __init__(self, store: Files | None = None, *, rules: tuple[Rule, ...] = RULES, **rest: Any) -> None:
        names = ("public/a.png", "shared/a.png", "sized/a.png")
        self.store = store if store is not None else Files(dict.fromkeys(names, PNG))
        self.renderer = rest.pop("renderer", None) or Renderer()
        self.tokens = Tokens()
        self.by = signpost(rules=rules, objects=self.store, renderer=self.renderer, counter=self.tokens, **rest)

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
        made = ask("POST", raw_path, by=self.by, query={"link": ""}, headers=AS_ANN, body=body)
        assert made.status == 201
        return str(json.loads(made.body)["token"])


def name_of(key: str = "public/a.png", rendition: Rendition = WIDE, body: bytes = PNG) -> str:
    return f"-/derived/{image_parameters.derivative_name(key, etag_of(body), rendition)}"


# What is answered


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_image_in_another_size_is_a_redirect_to_what_was_made_of_it(method: str) -> None:
    world = World()
    reply = world.get(method=method)
    assert (reply.status, reply.body) == (307, b"")
    assert reply.headers["Location"] == botocore_url(
        method,
        "https://acme-files.s3.eu-west-1.amazonaws.com",
        name_of(),
        query={},
        headers={},
        credentials=CREDENTIALS,
        region="eu-west-1",
        expires=300,
        signed_at=NOW,
    )
    assert world.store.derived() == {name_of(): b"320x contain"}


def test_two_at_once_make_one_object() -> None:
    """On containers that know nothing of each other: both render, and one writes."""

    class Together(Renderer):
        barrier = threading.Barrier(2, timeout=10)

        def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
            self.barrier.wait()
            image = super().render(data, rendition, DEADLINE)
            return image._replace(body=image.body + str(id(self)).encode())

    store = Files({"public/a.png": PNG})
    worlds = [World(store, renderer=Together()) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        replies = [*pool.map(lambda world: world.get(), worlds)]
    assert [reply.status for reply in replies] == [307, 307]
    assert replies[0].headers["Location"] == replies[1].headers["Location"]
    assert store.said.count(f"PUT {name_of()}") == 2
    assert store.derived().keys() == {name_of()}
    assert [len(world.renderer.asked) for world in worlds] == [1, 1]


def test_head_inline_says_what_was_made() -> None:
    world = World(head_inline=True)
    reply = world.get(method="HEAD")
    made = world.store.derived()[name_of()]
    assert reply.status == 200
    assert (reply.headers["etag"], reply.headers["content-length"]) == (etag_of(made), str(len(made)))
    assert (reply.headers["content-type"], reply.headers["Cache-Control"]) == ("image/jpeg", "no-store")
    assert world.get(method="HEAD", raw_path="/public/no.png").status == 404


def test_presign_describes_the_url_of_what_was_made() -> None:
    world = World()
    location = world.get().headers["Location"]
    described = json.loads(world.get(query={**W320, "presign": ""}).body)
    assert (described["url"], described["method"], described["headers"]) == (location, "GET", {})


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        ({"download": ""}, {"response-content-disposition": ['attachment; filename="a.png"']}),
        (
            {"download": "", "format": "webp"},
            {"response-content-disposition": ['attachment; filename="a.webp"']},
        ),
        (
            {"download": "me.x", "format": "webp"},
            {"response-content-disposition": ['attachment; filename="me.x"']},
        ),
        (
            {"response-cache-control": "no-cache", "response-content-type": "image/x"},
            {"response-cache-control": ["no-cache"], "response-content-type": ["image/x"]},
        ),
        ({"versionId": "v 1", "v": "42"}, {}),
    ],
)
def test_what_else_is_asked_is_passed_on_but_the_version(query: dict[str, str], passed: dict[str, list[str]]) -> None:
    world = World()
    found = parse_qs(urlsplit(world.get(query=W320 | query).headers["Location"]).query)
    assert {name: value for name, value in found.items() if not name.startswith("X-Amz-")} == passed
    version = {name: query[name] for name in query.keys() & {"versionId"}}
    assert world.store.queries == [("HEAD", version), ("HEAD", {}), ("GET", version)]


def test_browsers_keep_the_redirect_as_they_keep_that_of_the_file() -> None:
    mounts = [mount(cache_seconds=100)]
    assert World(mounts=mounts).get().headers["Cache-Control"] == "public, max-age=100"
    private = World(mounts=mounts).get("/shared/a.png", headers=AS_ANN)
    assert private.headers["Cache-Control"] == "private, max-age=100"
    assert World().get().headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", [{}, {"fit": "cover"}, {"format": "png"}, {"q": "1"}, {"W": "9"}])
def test_without_a_size_the_file_itself_is_meant(query: dict[str, str]) -> None:
    world = World()
    reply = world.get(query=query)
    assert urlsplit(reply.headers["Location"]).path == "/public/a.png"
    assert world.store.said == []


@pytest.mark.parametrize(
    ("method", "query", "status"),
    [
        ("PUT", {}, 307),
        ("DELETE", {}, 307),
        ("POST", {"uploads": ""}, 307),
        ("PUT", {"partNumber": "1", "uploadId": "u"}, 307),
        ("GET", {"uploadId": "u"}, 307),
        ("POST", {"link": ""}, 201),
        ("POST", {}, 405),
        ("OPTIONS", {}, 204),
    ],
)
@pytest.mark.parametrize("size", [W320, {"w": "x"}, {"h": ""}])
def test_whoever_writes_does_not_ask_for_an_image(
    method: str, query: dict[str, str], status: int, size: dict[str, str]
) -> None:
    world = World()
    reply = world.get("/shared/a.png", {**query, **size}, method, AS_ANN)
    assert reply.status == status
    if status == 307:
        assert urlsplit(reply.headers["Location"]).path == "/shared/a.png"
    assert (world.store.said, world.renderer.asked) == ([], [])


def test_a_directory_is_listed_whatever_size_is_asked() -> None:
    assert World().get("/public/").status == 200


# What is refused


def test_who_may_not_read_learns_nothing() -> None:
    """Neither whether there is a source, nor what it is, nor which parameters would do."""
    world = World(Files({"shared/a.png": PNG, "shared/b.png": b"text", "shared/closed/a.png": PNG}))
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
    assert (world.store.said, world.renderer.asked) == ([], [])


def test_a_missing_source_is_missed_by_whoever_may_read_it() -> None:
    reply = World().get("/public/no.png")
    assert (reply.status, code(reply)) == (404, "not-found")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"w": ""}, "w"),
        ({"h": "4097"}, "h"),
        ({"w": "9", "fit": "cover"}, "h"),
        ({"h": "9", "fit": "fill"}, "w"),
        ({**W320, "format": "gif"}, "format"),
        ({**W320, "q": "0"}, "q"),
        ({**W320, "download": "a/b"}, "download"),
        ({**W320, "versionId": "\x00"}, "versionId"),
        ({**W320, "versionId": "\ud800"}, "versionId"),
        ({**W320, "response-content-type": "\n"}, "response-content-type"),
    ],
)
def test_a_bad_parameter_is_named_before_the_store_is_asked(query: dict[str, str], name: str) -> None:
    world = World()
    reply = world.get(query=query)
    assert (reply.status, code(reply)) == (400, "bad-parameter")
    assert json.loads(reply.body)["detail"].startswith(f"?{name}: ")
    assert world.store.said == []


def test_a_header_that_is_not_passed_on_is_refused_before_the_store_is_asked() -> None:
    world = World()
    assert code(world.get(headers={"x-amz-acl": "public-read"})) == "bad-header"
    assert world.store.said == []


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ({"w": "320"}, True),
        ({"w": "96", "h": "96", "fit": "fill", "format": "webp"}, True),
        ({"w": "321"}, False),
        ({"w": "96"}, False),
        ({"w": "320", "q": "50"}, False),
    ],
)
def test_a_rules_sizes_are_all_there_is_of_its_images(query: dict[str, str], allowed: bool) -> None:
    world = World()
    reply = world.get("/sized/a.png", query)
    if allowed:
        assert reply.status == 307
    else:
        assert (reply.status, code(reply), world.store.said) == (403, "size-not-allowed", [])
    assert world.get("/sized/a.png", {}).status == 307


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(ImageBroken(), 422, "image-broken"), (ImageTooLarge("It has too many pixels."), 413, "image-too-large")],
)
def test_what_cannot_be_rendered_is_told_and_not_stored(error: Exception, status: int, said: str) -> None:
    world = World(renderer=Failing(error))
    reply = world.get()
    assert (reply.status, code(reply), world.store.derived()) == (status, said, {})
    assert "Location" not in reply.headers


def test_what_is_no_image_or_has_too_many_bytes_is_told() -> None:
    class Huge(Files):
        def head(
            self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
        ) -> Metadata:
            found = super().head(target, query, headers, deadline)
            return found._replace(headers={**found.headers, "content-length": str(MAX_IMAGE_BYTES + 1)})

    text, huge = World(Files({"public/a.png": b"text"})), World(Huge({"public/a.png": PNG}))
    assert (text.get().status, code(text.get())) == (415, "not-an-image")
    assert (huge.get().status, code(huge.get())) == (413, "image-too-large")
    assert [each for each in huge.store.said if each.startswith(("GET", "PUT"))] == []


def test_a_source_that_changes_meanwhile_is_asked_for_again() -> None:
    class Changing(Files):
        def head(
            self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
        ) -> Metadata:
            found = super().head(target, query, headers, deadline)
            self.put(target.key, self.files["acme-files", target.key] + b"2")
            return found

    world = World(Changing({"public/a.png": PNG}))
    reply = world.get()
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert (world.renderer.asked, world.store.derived()) == ([], {})


# Links


def test_an_image_takes_one_use_of_a_link_as_its_file_does() -> None:
    world = World()
    query = {**W320, "token": world.token(uses=2)}
    assert [world.get("/shared/a.png", query).status for _ in range(3)] == [307, 307, 410]
    assert world.get("/shared/a.png", {"token": query["token"]}).status == 410


@pytest.mark.parametrize("renderer", [Failing(ImageBroken()), Failing(OSError("gone"))])
def test_what_cannot_be_rendered_takes_no_use(renderer: Failing) -> None:
    world = World(renderer=renderer)
    token = world.token()
    assert world.get("/shared/a.png", {**W320, "token": token}).status in (422, 500)
    assert world.get("/shared/a.png", {"w": "x", "token": token}).status == 400
    assert world.get("/shared/a.png", {"token": token}).status == 307


def test_to_look_takes_no_use() -> None:
    world = World()
    query = {**W320, "token": world.token()}
    assert world.get("/shared/a.png", query, "HEAD").status == 307
    assert world.get("/shared/a.png", query, "OPTIONS").status == 204
    assert world.get("/shared/a.png", query, headers={"sec-purpose": "prefetch"}).status == 403
    assert world.get("/shared/a.png", query).status == 307
    assert world.get("/shared/a.png", query, "HEAD").status == 410


@pytest.mark.parametrize("revoked", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_that_is_used_up_renders_nothing(revoked: bool, method: str) -> None:
    world = World()
    token = world.token()
    if revoked:
        assert world.get("/shared/a.png", {"token": token}, "DELETE", AS_ANN).status == 204
    else:
        assert world.get("/shared/a.png", {"token": token}).status == 307
    for headers in ({}, {"range": "bytes=5-"}):
        assert world.get("/shared/a.png", {**W320, "token": token}, method, headers).status == 410
    assert [each for each in world.store.said if each.startswith(("GET", "PUT"))] == []
    assert world.renderer.asked == []


@pytest.mark.parametrize("head_inline", [False, True])
def test_a_link_that_is_used_up_does_not_tell_what_there_is(head_inline: bool) -> None:
    world = World(head_inline=head_inline)
    tokens = [world.token(raw_path) for raw_path in ("/shared/a.png", "/shared/no.png")]
    for raw_path, token in zip(("/shared/a.png", "/shared/no.png"), tokens, strict=True):
        assert world.get(raw_path, {"token": token}).status == 307
        for query in ({}, W320):
            for method in ("GET", "HEAD"):
                assert world.get(raw_path, {**query, "token": token}, method).status == 410
    assert world.get("/shared/no.png", {**W320, "token": world.token("/shared/no.png")}).status == 404


def test_the_client_that_took_the_use_comes_back_for_parts_of_what_is_there() -> None:
    world = World()
    query = {**W320, "token": world.token()}
    part = {"range": "bytes=5-"}
    assert world.get("/shared/a.png", query).status == 307
    assert world.get("/shared/a.png", query, headers=part, now=NOW + 59).status == 307
    assert world.get("/shared/a.png", {**query, "w": "321"}, headers=part, now=NOW + 59).status == 410
    assert world.get("/shared/a.png", query, headers=part, address="192.0.2.2").status == 410
    assert world.get("/shared/a.png", query, headers=part, now=NOW + 60).status == 410
    assert len(world.renderer.asked) == 1


def test_out_of_the_tables_reach_nothing_is_rendered() -> None:
    world = World()
    query = {**W320, "token": world.token()}
    world.tokens.reachable = False
    assert (world.get("/shared/a.png", query).status, world.renderer.asked) == (503, [])


# Keys of the service's own

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
    """A world in which ann may do everything everywhere, and each key below was put there by someone."""
    keys = {
        "-/derived/X",
        "v2-/derived/X",
        "-/-/derived/X",
        "v2-/-/derived/X",
        "x/-/derived/X",
        "x/-/derived/-/derived/X",
    }
    by_ann = numbered(allow("/**", EVERYTHING, "key:ann"))
    return World(Files(dict.fromkeys({*keys, "-/a", "derived/X", "a/-/derived/X"}, PNG)), rules=by_ann, mounts=RESERVED)


@pytest.mark.parametrize("raw_path", INSIDE)
def test_no_request_reaches_what_the_service_made(raw_path: str) -> None:
    """Whoever could write there could show others what they like under the name of their image."""
    world = reserved()
    for method, query in WAYS:
        reply = world.get(raw_path, query, method, AS_ANN)
        assert (reply.status, "Location" in reply.headers) == (404, False), (method, query)
        assert b"X-Amz-Signature" not in reply.body
    assert world.store.said == []
    assert world.store.calls == 0


@pytest.mark.parametrize("raw_path", INSIDE)
def test_nor_does_a_link(raw_path: str) -> None:
    world = reserved()
    for shared in (raw_path, raw_path[: raw_path.index("/", 1) + 1]):
        token = world.token(shared, uses=None)
        for query in ({}, W320):
            assert world.get(raw_path, {**query, "token": token}).status == 404


@pytest.mark.parametrize(
    "raw_path", ["/all/", "/all/-/", "/all/v2-/", "/v/", "/v/-/", "/in/", "/in/-/", "/deep/", "/x/", "/all/x/-/"]
)
def test_no_form_is_given_that_could(raw_path: str) -> None:
    reply = reserved().get(raw_path, {"form": ""}, "POST", AS_ANN)
    assert (reply.status, code(reply)) == (501, "not-offered")


@pytest.mark.parametrize("raw_path", ["/all/-/derived/", "/deep/derived/", "/in/derived/sub/", "/own/", "/own/a/"])
def test_no_form_is_given_inside(raw_path: str) -> None:
    assert reserved().get(raw_path, {"form": ""}, "POST", AS_ANN).status == 404


@pytest.mark.parametrize(
    ("raw_path", "key"),
    [
        ("/all/-/a", "-/a"),
        ("/all/-/derivedX", "-/derivedX"),
        ("/all/-/derived", "-/derived"),
        ("/all/-/Derived/X", "-/Derived/X"),
        ("/all/derived/X", "derived/X"),
        ("/all/a/-/derived/X", "a/-/derived/X"),
        ("/all/-/-/a", "-/-/a"),
        ("/all/v2/-/derived/X", "v2/-/derived/X"),
        ("/v/a/-/derived/X", "v2a/-/derived/X"),
        ("/a/-/b", "a/-/b"),
        ("/-", "-"),
        ("/-a", "-a"),
        ("/a/-", "a/-"),
    ],
)
def test_other_keys_that_look_alike_are_files_as_ever(raw_path: str, key: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        reply = reserved().get(raw_path, {}, method, AS_ANN)
        assert (reply.status, urlsplit(reply.headers["Location"]).path) == (307, f"/{key}")
    form = reserved().get("/all/derived/", {"form": ""}, "POST", AS_ANN)
    assert form.status == 200


MADE = dict.fromkeys(("-/derived/X", "-/derived/Y", "v2-/derived/X", "a/-/derived/X", "-/a", "v2-/b"), PNG)


@pytest.mark.parametrize(
    ("raw_path", "level", "below"),
    [
        (
            "/",
            ["a/", "all/", "in/", "v/", "v2-/"],
            ["a/-/derived/X", "all/-/a", "all/a/-/derived/X", "all/v2-/b", "in/b", "v/-/b", "v2-/b"],
        ),
        ("/all/", ["-/", "a/", "v2-/"], ["-/a", "a/-/derived/X", "v2-/b"]),
        ("/all/-/", ["a"], ["a"]),
        ("/all/v2-/", ["b"], ["b"]),
        ("/v2-/", ["b"], ["b"]),
        ("/v/", ["-/"], ["-/b"]),
        ("/v/-/", ["b"], ["b"]),
        ("/in/", ["b"], ["b"]),
        ("/a/", ["-/"], ["-/derived/X"]),
    ],
)
def test_no_listing_shows_it(raw_path: str, level: list[str], below: list[str]) -> None:
    """And the other keys that look alike are shown."""
    by_ann = numbered(allow("/**", EVERYTHING, "key:ann"))
    world = World(Files(MADE), rules=by_ann, mounts=RESERVED[:4])
    for query, names in (({}, level), ({"recursive": ""}, below)):
        entries = json.loads(world.get(raw_path, query, headers=AS_ANN).body)["entries"]
        assert [entry["name"] for entry in entries] == names


def test_what_is_made_lies_where_no_one_writes() -> None:
    """For every mount: what its images become is a key that no path of any mount leads to."""
    world = reserved()
    for raw_path in ("/all/-/a", "/deep/a", "/all/derived/X"):
        reply = world.get(raw_path, W320, headers=AS_ANN)
        key = urlsplit(reply.headers["Location"]).path[1:]
        for each in RESERVED:
            if key.startswith(each.prefix) and each.path:
                at = f"{each.path}/{key.removeprefix(each.prefix)}"
                assert world.get(at, {}, "PUT", AS_ANN).status == 404
