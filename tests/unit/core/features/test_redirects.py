"""Redirects: the signed URL, how long caches may keep the redirect, and HEAD inline."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chalicelib.core.ports import Metadata
from chalicelib.core.web.message import Reply
from tests.support.builders import BASE_URL, CREDENTIALS, NOW, allow, basic, mount, numbered, secret_of
from tests.support.fakes import Fixed, ask, signpost, token_of_link
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore

OPEN = numbered(allow("/**", "read list write delete versions purge"))
LIVES = {"/short/**": 60, "/long/**": 7_200, "/**": None}
VIDEO = {"sec-fetch-dest": "video"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(99)


def seconds_of(reply: Reply) -> int:
    """The life of the URL that a reply redirects to."""
    return int(dict(parse_qsl(urlsplit(reply.headers["Location"]).query))["X-Amz-Expires"])


def test_presign_returns_the_url_of_the_redirect() -> None:
    headers = {"x-amz-meta-a": "1", "if-match": '"e"', "content-type": "a/b"}
    for method in ("GET", "PUT", "DELETE"):
        redirect = ask(method, "/a", service=signpost(rules=OPEN), headers=headers)
        reply = ask(method, "/a", service=signpost(rules=OPEN), headers=headers, query={"presign": ""})
        assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store")
        assert json.loads(reply.body) == {
            "method": method,
            "url": redirect.headers["Location"],
            "headers": {"x-amz-meta-a": "1"} | ({"if-match": '"e"'} if method == "PUT" else {}),
            "expires_at": "2023-11-14T22:18:20Z",
        }


def test_caches_keep_a_redirect_only_while_its_url_is_valid() -> None:
    cases: list[tuple[dict[str, Any], str, dict[str, str], str]] = [
        ({}, "GET", {}, "no-store"),
        ({"cache_seconds": 100}, "GET", {}, "public, max-age=100"),
        ({"cache_seconds": 240}, "GET", {}, "public, max-age=240"),
        ({"cache_seconds": 9999}, "GET", {}, "public, max-age=240"),
        ({"cache_seconds": 100, "url_seconds": 61}, "GET", {}, "public, max-age=1"),
        ({"cache_seconds": 100, "url_seconds": 60}, "GET", {}, "no-store"),
        ({"cache_seconds": 100, "url_seconds": 30}, "GET", {}, "no-store"),
        ({"cache_seconds": 100}, "HEAD", {}, "no-store"),
        ({"cache_seconds": 100}, "GET", {"presign": ""}, "no-store"),
        ({"cache_seconds": 100}, "GET", {"download": ""}, "public, max-age=100"),
        ({"cache_seconds": 9999, "stable_seconds": 150}, "GET", {}, "public, max-age=190"),
    ]
    for fields, method, query, cache_control in cases:
        for headers in ({}, basic("ann")):
            reply = ask(method, "/public/a", service=signpost(mounts=[mount(**fields)]), query=query, headers=headers)
            assert reply.headers["Cache-Control"] == cache_control, (fields, method, query)


def test_shared_caches_keep_only_redirects_to_files_that_anyone_may_read() -> None:
    """Anyone may read /a.png, but not its versions. `Vary` does not list signed headers."""
    rules = numbered(
        allow("/**", "versions", "key:ann"), allow("/a.png", "read"), allow("/ann/**", "read write delete", "key:ann")
    )
    service = signpost(rules=rules, mounts=[mount(cache_seconds=100)], objects=MemoryStore({"a.png": PNG}))
    signed = {"x-amz-checksum-mode": "ENABLED"}
    for method, path, query, headers, cache_control in (
        ("GET", "/a.png", {}, {}, "public, max-age=100"),
        ("GET", "/a.png", {"w": "9"}, {}, "public, max-age=3600"),
        ("GET", "/a.png", {"versionId": "v"}, {}, "private, max-age=100"),
        ("GET", "/a.png", {"versionId": "v", "w": "9"}, {}, "private, max-age=3600"),
        ("GET", "/ann/a", {}, {}, "private, max-age=100"),
        ("PUT", "/ann/a", {}, {}, "no-store"),
        ("DELETE", "/ann/a", {}, {}, "no-store"),
        ("GET", "/a.png", {}, signed, "no-store"),
    ):
        reply = ask(method, path, service=service, query=query, headers={**basic("ann"), **headers})
        assert (reply.status, reply.headers["Cache-Control"]) == (307, cache_control), (method, path, query)


def test_no_cache_keeps_a_redirect_longer_than_the_credentials_last() -> None:
    service = signpost(
        mounts=[mount(cache_seconds=9999)], credentials=Fixed(CREDENTIALS._replace(expires_at=NOW + 100))
    )
    assert ask("GET", "/public/a", service=service).headers["Cache-Control"] == "public, max-age=40"
    assert ask("GET", "/public/a", service=service, now=NOW + 50).headers["Cache-Control"] == "no-store"
    assert ask("GET", "/public/a", service=service, now=NOW + 100).status == 503


def test_the_rule_decides_about_the_life_of_a_url_before_the_mount() -> None:
    rules = numbered(
        *(allow(path, "read write delete list")._replace(url_seconds=seconds) for path, seconds in LIVES.items())
    )
    service = signpost(rules=rules, mounts=[mount(url_seconds=100)])
    for path, seconds in LIVES.items():
        for method, query in (("GET", {}), ("HEAD", {}), ("DELETE", {}), ("PUT", {}), ("POST", {"uploads": ""})):
            reply = ask(method, path.replace("**", "a"), service=service, query=query)
            assert seconds_of(reply) == (seconds or 100), (path, method)
    form = json.loads(ask("POST", "/short/", service=service, query={"form": ""}).body)
    assert form["expires_at"] == "2023-11-14T22:14:20Z"


def test_a_player_gets_a_url_that_lasts_but_no_longer_than_what_the_caller_shows() -> None:
    form = {"content-type": "application/x-www-form-urlencoded", "origin": BASE_URL}
    body = f"id=ann&secret={secret_of('ann')}".encode()
    signed_in = ask("POST", "/-/login", headers=form, body=body).cookies[0]
    session, end = {"cookie": signed_in.partition(";")[0]}, NOW + 12 * 3_600
    rules = numbered(
        allow("/short/**", "read")._replace(url_seconds=60), allow("/**", "read write delete share", "key:ann")
    )
    at = mount(url_seconds=100, stable_seconds=50, cache_seconds=10)._replace(media_seconds=7_200)
    service = signpost(rules=rules, mounts=[at], counter=MemoryLinkUseCounter())
    token = {"token": token_of_link(service, "/a", "ann", expires_in=1_000, uses=None)}
    once = {"token": token_of_link(service, "/a", "ann", uses=1)}

    def left(ends_at: float, now: float) -> int:
        return int(ends_at) - (int(now) - int(now) % 50)

    for path, method, query, headers, now, seconds in (
        *(("/a", "GET", {}, basic("ann") | {"sec-fetch-dest": name}, NOW, 7_200) for name in ("audio", "video")),
        *(("/a", "GET", {}, basic("ann") | {"sec-fetch-dest": name}, NOW, 100) for name in ("image", "Video", "")),
        *(("/a", method, {}, basic("ann") | VIDEO, NOW, 100) for method in ("HEAD", "PUT", "DELETE")),
        ("/short/a", "GET", {}, VIDEO, NOW, 60),
        ("/a", "GET", token, VIDEO, NOW, left(NOW + 1_000, NOW)),
        ("/a", "GET", token, VIDEO, NOW + 990, 100),
        ("/a", "GET", once, VIDEO, NOW, 100),
        ("/a", "GET", {}, session | VIDEO, NOW, 7_200),
        ("/a", "GET", {}, session | VIDEO, end - 3_600, left(end, end - 3_600)),
        ("/a", "GET", {}, session | VIDEO, end - 60, 100),
    ):
        reply = ask(method, path, service=service, query=query, headers=headers, now=now)
        assert seconds_of(reply) == seconds, (path, method, headers, now)
        kept = reply.headers["Cache-Control"] != "no-store"
        assert reply.headers["Vary"].endswith(", Sec-Fetch-Dest") is kept, (path, method, headers)
    assert ask("GET", "/a", service=service, headers=basic("ann")).headers["Cache-Control"] == "private, max-age=10"
    limited = signpost(mounts=[at], credentials=Fixed(CREDENTIALS._replace(expires_at=NOW + 100)))
    assert seconds_of(ask("GET", "/public/a", service=limited, headers=VIDEO)) == left(NOW + 100, NOW)


def test_head_inline_returns_the_answer_of_the_store() -> None:
    for status, headers in ((200, {"ETag": '"e"', "Content-Length": "5"}), (304, {"ETag": '"e"'}), (416, {})):
        store = MemoryStore()
        store.metadata = Metadata(status, headers)
        service = signpost(rules=OPEN, objects=store, head_inline=True)
        reply = ask("HEAD", "/a%20b", service=service, query={"versionId": "v"}, headers={"if-none-match": '"e"'})
        assert (reply.status, reply.body, reply.headers["Cache-Control"]) == (status, b"", "no-store")
        assert headers.items() <= reply.headers.items()
        ((target, query, sent),) = store.heads
        assert (target.key, query, sent["if-none-match"]) == ("a b", {"versionId": "v"}, '"e"')
        for method, query, expected in (("GET", {}, 307), ("PUT", {}, 307), ("HEAD", {"presign": ""}, 200)):
            assert ask(method, "/a", service=service, query=query).status == expected
        assert len(store.heads) == 1
