"""How long a redirect may be kept: never longer than its URL can be followed, and shared only where anyone may read."""

from typing import Any

import pytest

from tests.support.builders import CREDENTIALS, NOW, allow, basic, mount, numbered
from tests.support.fakes import Fixed, ask, signpost
from tests.support.file_store import Files

PNG = b"\x89PNG\r\n\x1a\n" + bytes(99)


@pytest.mark.parametrize(
    ("kept", "method", "query", "who", "expected"),
    [
        ({}, "GET", {}, {}, "no-store"),
        ({"cache_seconds": 100}, "GET", {}, {}, "public, max-age=100"),
        ({"cache_seconds": 100}, "GET", {}, basic("ann"), "public, max-age=100"),
        ({"cache_seconds": 240}, "GET", {}, {}, "public, max-age=240"),
        ({"cache_seconds": 9999}, "GET", {}, {}, "public, max-age=240"),
        ({"cache_seconds": 100, "url_seconds": 61}, "GET", {}, {}, "public, max-age=1"),
        ({"cache_seconds": 100, "url_seconds": 60}, "GET", {}, {}, "no-store"),
        ({"cache_seconds": 100, "url_seconds": 30}, "GET", {}, {}, "no-store"),
        ({"cache_seconds": 100}, "HEAD", {}, {}, "no-store"),
        ({"cache_seconds": 100}, "GET", {"presign": ""}, {}, "no-store"),
        ({"cache_seconds": 100}, "GET", {"download": ""}, {}, "public, max-age=100"),
        ({"cache_seconds": 9999, "stable_seconds": 150}, "GET", {}, {}, "public, max-age=190"),
    ],
)
def test_a_redirect_is_kept_only_while_its_url_can_still_be_followed(
    kept: dict[str, Any], method: str, query: dict[str, str], who: dict[str, str], expected: str
) -> None:
    reply = ask(method, "/public/a", by=signpost(mounts=[mount(**kept)]), query=query, headers=who)
    assert reply.headers["Cache-Control"] == expected


def test_a_redirect_that_not_everyone_may_have_is_kept_by_its_client_only() -> None:
    by = signpost(mounts=[mount(cache_seconds=100)])
    assert ask("GET", "/users/ann/a", by=by, headers=basic("ann")).headers["Cache-Control"] == "private, max-age=100"
    for method in ("PUT", "DELETE"):
        assert ask(method, "/users/ann/a", by=by, headers=basic("ann")).headers["Cache-Control"] == "no-store"


def test_a_redirect_to_an_old_version_is_kept_by_its_client_only() -> None:
    """Anyone may read the file here, and only some its versions: a shared cache asks nobody."""
    everyone, some = allow("/**", "read"), allow("/**", "versions", "key:ann")
    by = signpost(rules=numbered(everyone, some), mounts=[mount(cache_seconds=100)], objects=Files({"a.png": PNG}))
    for query in ({}, {"w": "9"}):
        old = {**query, "versionId": "v"}
        assert ask("GET", "/a.png", by=by, query=query).headers["Cache-Control"] == "public, max-age=100"
        kept = ask("GET", "/a.png", by=by, query=old, headers=basic("ann")).headers["Cache-Control"]
        assert kept == "private, max-age=100"


def test_a_redirect_that_demands_headers_is_not_kept_for_those_who_do_not_send_them() -> None:
    """`Vary` names what decides an answer, and not every `x-amz-*` that its URL was signed with."""
    by = signpost(mounts=[mount(cache_seconds=100)])
    reply = ask("GET", "/public/a", by=by, headers={"x-amz-checksum-mode": "ENABLED"})
    assert (reply.status, reply.headers["Cache-Control"]) == (307, "no-store")


def test_a_redirect_is_kept_no_longer_than_the_credentials_last() -> None:
    by = signpost(mounts=[mount(cache_seconds=9999)], credentials=Fixed(CREDENTIALS._replace(expires_at=NOW + 100)))
    assert ask("GET", "/public/a", by=by).headers["Cache-Control"] == "public, max-age=40"
    assert ask("GET", "/public/a", by=by, now=NOW + 50).headers["Cache-Control"] == "no-store"
    assert ask("GET", "/public/a", by=by, now=NOW + 100).status == 503


def test_within_a_stable_window_the_location_stays_the_same() -> None:
    by = signpost(mounts=[mount(stable_seconds=150)])
    start = NOW - NOW % 150
    within = {ask("GET", "/public/a", by=by, now=now).headers["Location"] for now in (start, start + 1, start + 149.9)}
    assert len(within) == 1
    assert ask("GET", "/public/a", by=by, now=start + 150).headers["Location"] not in within
