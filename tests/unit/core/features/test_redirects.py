"""Redirects: the signed URL, how long caches may keep the redirect, and HEAD inline."""

import json
from typing import Any

from chalicelib.core.ports import Metadata
from tests.support.builders import CREDENTIALS, NOW, allow, basic, mount, numbered
from tests.support.fakes import Fixed, ask, signpost
from tests.support.store import MemoryStore

OPEN = numbered(allow("/**", "read list write delete versions purge"))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(99)


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
        ("GET", "/a.png", {"w": "9"}, {}, "public, max-age=100"),
        ("GET", "/a.png", {"versionId": "v"}, {}, "private, max-age=100"),
        ("GET", "/a.png", {"versionId": "v", "w": "9"}, {}, "private, max-age=100"),
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
