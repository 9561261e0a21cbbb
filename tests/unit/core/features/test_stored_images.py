"""Stored images in other sizes: only for callers who may read the source, and no other way leads to a derived image."""

import json
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from chalicelib.core.web.message import Reply
from chalicelib.core.web.problems.images import ImageBroken, ImageTooLarge
from tests.support.builders import BASE_URL, NOW, allow, basic, deny, mount, numbered, secret_of
from tests.support.fakes import Failing, Renderer, ask, code, signpost
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore

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


class World:
    """A service with its store, its renderer and its counter of link uses."""

    def __init__(self, keys: Iterable[str] = ("public/a.png", "shared/a.png"), **rest: Any) -> None:
        self.store = MemoryStore(dict.fromkeys(keys, PNG))
        self.renderer = Renderer()
        self.counter = MemoryLinkUseCounter()
        fakes = {"objects": self.store, "renderer": self.renderer, "counter": self.counter}
        self.service = signpost(**{"rules": RULES, **fakes, **rest})

    def get(
        self, raw_path: str = "/public/a.png", query: Mapping[str, str] = W320, method: str = "GET", **rest: Any
    ) -> Reply:
        return ask(method, raw_path, service=self.service, query=query, **rest)

    def token(self, raw_path: str = "/shared/a.png", uses: int | None = 1) -> str:
        body = json.dumps({"uses": uses}).encode()
        return str(json.loads(self.get(raw_path, {"link": ""}, "POST", headers=AS_ANN, body=body).body)["token"])


# Answers


def test_head_inline_describes_the_derived_image() -> None:
    headers = World(head_inline=True).get(method="HEAD").headers
    assert (headers["content-type"], headers["content-length"]) == ("image/jpeg", str(len(b"320x contain")))


def test_other_parameters_are_passed_on_except_the_version() -> None:
    """The name of a download gets the extension of the format."""
    names = (("a.x.png", "a.x.webp"), ("a", "a.webp"), (".png", ".png.webp"), ("a%5Cb.png", "a_b.webp"))
    for name, query, passed in (
        *((name, {"download": "", "format": "webp"}, {"download": saved}) for name, saved in names),
        ("a.png", {"download": ""}, {"download": "a.png"}),
        ("a.png", {"download": "me.jpg", "format": "webp"}, {"download": "me.jpg"}),
        ("a.png", {"response-cache-control": "no-cache"}, {"response-cache-control": "no-cache"}),
        ("a.png", {"versionId": "v 1", "v": "42"}, {}),
    ):
        world = World([unquote(f"public/{name}")])
        location = urlsplit(world.get(f"/public/{name}", W320 | query).headers["Location"])
        assert location.path[1:] in world.store.derived()
        signed = {name: value for name, value in parse_qsl(location.query) if not name.startswith("X-Amz-")}
        if "download" in passed:
            passed = {"response-content-disposition": f'attachment; filename="{passed["download"]}"'}
        assert signed == passed
        version = query.get("versionId")
        assert world.store.versions == [("HEAD", version), ("HEAD", None), ("GET", version)]


def test_a_browser_keeps_an_image_for_an_hour_but_not_after_the_session() -> None:
    """The URL is the same for a whole hour, for each caller. A link can end earlier, so no browser keeps its image."""
    hour = int(NOW) - int(NOW) % 3_600
    form = {"content-type": "application/x-www-form-urlencoded", "origin": BASE_URL}
    body = f"id=ann&secret={secret_of('ann')}".encode()
    signed_in = ask("POST", "/-/login", headers=form, body=body, now=hour + 1_800).cookies[0]
    session = {"cookie": signed_in.partition(";")[0]}
    last_hour = hour + 12 * 3_600  # the session of a key ends 1,800 s later
    world = World(mounts=[mount(url_seconds=100)._replace(media_seconds=200)])
    for headers, query, start, seconds, kept in (
        (AS_ANN, {}, hour, 7_200, (3_600, 3_541)),
        (session, {}, hour + 3_600, 7_200, (3_600, 3_541)),
        (session, {}, last_hour - 3_600, 5_400, (3_600, 1_741)),
        (session, {}, last_hour, 1_800, (1_740, None)),
        ({}, {"token": world.token(uses=None)}, hour, 100, (None, None)),
    ):
        times = (start, min(start + 3_599, start + seconds - 1))
        replies = [world.get("/shared/a.png", W320 | query, headers=headers, now=time) for time in times]
        if seconds > 100:
            assert len({reply.headers["Location"] for reply in replies}) == 1
        assert f"X-Amz-Expires={seconds}&" in replies[0].headers["Location"]
        expected = [f"private, max-age={each}" if each else "no-store" for each in kept]
        assert [reply.headers["Cache-Control"] for reply in replies] == expected, start
        assert {reply.headers["Vary"] for reply in replies} == {"Authorization, Cookie"}


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
            reply = world.get("/shared/a.png", {**query, **size}, method, headers=AS_ANN)
            assert reply.status == status
            assert status != 307 or urlsplit(reply.headers["Location"]).path == "/shared/a.png"
    assert (world.store.calls, world.renderer.asked) == ([], [])
    assert world.get("/public/").status == 200


# Refusals


def test_callers_who_may_not_read_learn_nothing() -> None:
    """The answer does not tell whether the source exists, its kind, or which parameters are good."""
    world = World(("shared/a.png", "shared/closed/a.png"))
    world.store.put("shared/b.png", b"text")
    queries = (W320, {"w": "x"}, {"w": "9", "fit": "cover"}, {**W320, "versionId": "\n"})
    for headers, status in (({}, 401), (AS_CI, 403), (basic("ann", "wrong"), 401)):
        for method in ("GET", "HEAD", "OPTIONS"):
            answers = {
                (reply.status, reply.headers.get("Content-Type"), reply.body)
                for name, query in product(("a.png", "b.png", "no.png"), queries)
                for reply in [world.get(f"/shared/{name}", query, method, headers=headers)]
            }
            assert [answer[0] for answer in answers] == [status]
    assert world.get("/shared/closed/a.png", headers=AS_ANN).status == 403
    assert (world.store.calls, world.renderer.asked) == ([], [])


def test_a_bad_parameter_is_refused_before_the_store_is_asked() -> None:
    world = World()
    for bad in ({"w": ""}, {"fit": "cover"}, {"download": "a/b"}, {"versionId": "\x00"}, {"response-expires": "\n"}):
        assert code(world.get(query=W320 | bad)) == "bad-parameter"
    assert code(world.get(headers={"x-amz-acl": "public-read"})) == "bad-header"
    assert code(world.get("/sized/a.png", {"w": "321"})) == "size-not-allowed"
    assert world.store.calls == []


# Links


def test_an_image_that_cannot_be_rendered_is_not_stored_and_takes_no_use() -> None:
    for error, status in (
        (ImageBroken(), 422),
        (ImageTooLarge("It has too many pixels."), 413),
        (OSError("gone"), 500),
    ):
        world = World(renderer=Failing(error))
        token = world.token()
        assert world.get("/shared/a.png", {**W320, "token": token}).status == status
        assert world.get("/shared/a.png", {"token": token}).status == 307
        assert world.store.derived() == {}


def test_an_image_takes_one_use_of_a_link_as_the_file_does() -> None:
    """The client that took the use gets other ranges of this image for a minute."""
    world = World()
    token = world.token()
    query, ranged = {**W320, "token": token}, {"range": "bytes=5-"}
    steps: tuple[tuple[dict[str, str], dict[str, Any], int], ...] = (
        (query, {"method": "HEAD"}, 307),
        (query, {"method": "OPTIONS"}, 204),
        (query, {"headers": {"sec-purpose": "prefetch"}}, 403),
        ({**query, "w": "x"}, {}, 400),
        (query, {}, 307),
        (query, {"headers": ranged, "now": NOW + 59}, 307),
        ({**query, "w": "321"}, {"headers": ranged}, 410),
        (query, {"headers": ranged, "address": "192.0.2.2"}, 410),
        (query, {"headers": ranged, "now": NOW + 60}, 410),
        (query, {"method": "HEAD"}, 410),
        ({"token": token}, {}, 410),
    )
    for sent, rest, status in steps:
        assert world.get("/shared/a.png", sent, **rest).status == status, (sent, rest)
    assert len(world.renderer.asked) == 1


def test_a_link_without_a_use_left_renders_nothing_and_tells_nothing() -> None:
    """The answer does not even tell whether the image exists, in whatever way the link ended."""
    for head_inline, (end, status) in product((False, True), (("GET", 307), ("DELETE", 204))):
        world = World(head_inline=head_inline)
        for raw_path in ("/shared/a.png", "/shared/no.png"):
            token = world.token(raw_path)
            assert world.get(raw_path, {"token": token}, end, headers=AS_ANN).status == status
            for method in ("GET", "HEAD"):
                for size, headers in (({}, {}), (W320, {}), (W320, {"range": "bytes=5-"})):
                    assert world.get(raw_path, {**size, "token": token}, method, headers=headers).status == 410
        assert world.get("/shared/no.png", {**W320, "token": world.token("/shared/no.png")}).status == 404
        query = {**W320, "token": world.token()}
        world.counter.reachable = False
        assert world.get("/shared/a.png", query).status == 503
        assert {call.split()[0] for call in world.store.calls} == {"HEAD"}
        assert world.renderer.asked == []


# Reserved keys


def test_no_request_and_no_link_reaches_a_derived_image() -> None:
    """A caller who could write there could replace the images of other people."""
    mounts = (mount(), mount("/all"), mount("/v", prefix="v2"), mount("/deep", prefix="-/"))
    world = World(("-/derived/X", "v2-/derived/X"), rules=numbered(allow("/**", EVERYTHING, "key:ann")), mounts=mounts)
    for raw_path in (
        "/all/-/derived/X",
        "/all/-/derived/",
        "/all/%2D/derived%2FX",
        "/v/-/derived/X",
        "/deep/derived/X",
    ):
        for method, query in (
            *(("GET", query) for query in ({}, W320, {"presign": ""}, {"uploadId": "u"}, {"recursive": ""})),
            *(("PUT", query) for query in ({}, {"presign": ""}, {"partNumber": "1", "uploadId": "u"})),
            *(("POST", query) for query in ({"uploads": ""}, {"uploadId": "u"}, {"uploads": "", "presign": ""})),
            *(("DELETE", query) for query in ({}, {"uploadId": "u"}, {"versionId": "v"})),
            *(("HEAD", {}), ("HEAD", W320)),
        ):
            reply = world.get(raw_path, query, method, headers=AS_ANN)
            assert (reply.status, "Location" in reply.headers) == (404, False), (raw_path, method, query)
            assert b"X-Amz-Signature" not in reply.body
        for shared, query in product((raw_path, raw_path[: raw_path.index("/", 1) + 1]), ({}, W320)):
            assert world.get(raw_path, {**query, "token": world.token(shared, uses=None)}).status == 404
    assert world.store.calls == []
