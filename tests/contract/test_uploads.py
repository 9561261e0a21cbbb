"""What a rule demands of an upload, held to by the store: whoever breaks a promise stores nothing."""

import json
from collections.abc import Callable

import pytest

from .drivers import Answer
from .sites import REFUSED, Site, Store

TYPE, ONCE = ("-H", "Content-Type: text/plain"), ("-H", "If-None-Match: *")
Send = Callable[..., Answer]


def keys(store: Store) -> list[str]:
    """What is stored where the rule is."""
    found = store.client().list_objects_v2(Bucket=store.bucket, Prefix="tenant/limited/")
    return [item["Key"].removeprefix("tenant/limited/") for item in found.get("Contents", ())]


def test_a_promise_that_is_kept(site: Site, store: Store) -> None:
    """One that says its size and type, and overwrites nothing, goes through; the next finds that something is there."""
    url = f"{site.of('limited/kept.txt')}?size=5"
    assert site.curl("-L", "-T", site.file(b"hello"), *TYPE, *ONCE, url).status == 200
    assert site.curl("-L", "-T", site.file(b"HELLO"), *TYPE, *ONCE, url).status == 412
    assert store.client().get_object(Bucket=store.bucket, Key="tenant/limited/kept.txt")["Body"].read() == b"hello"


@pytest.mark.parametrize(
    ("query", "arguments", "status", "code", "word"),
    [
        ("", (*TYPE, *ONCE), 411, "size-required", "?size=N"),
        ("?size=11", (*TYPE, *ONCE), 413, "too-large", "10"),
        ("?size=x", (*TYPE, *ONCE), 400, "bad-parameter", "size"),
        ("?size=5", ONCE, 415, "type-not-allowed", "Content-Type: text/"),
        ("?size=5", ("-H", "Content-Type: image/png", *ONCE), 415, "type-not-allowed", "text/*"),
        ("?size=5", TYPE, 428, "precondition-required", "If-None-Match: *"),
    ],
)
def test_refused_before_a_byte_is_sent(
    site: Site, store: Store, query: str, arguments: tuple[str, ...], status: int, code: str, word: str
) -> None:
    """With the header or parameter to add."""
    answer = site.curl("-L", "-T", site.file(b"hello"), *arguments, site.of("limited/refused.txt") + query)
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"]) == (status, code)
    assert word in problem["detail"]
    assert "refused.txt" not in keys(store)


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        (b"hello!", (*TYPE, *ONCE)),
        (b"hell", (*TYPE, *ONCE)),
        (b"", (*TYPE, *ONCE)),
        (b"x" * 1000, (*TYPE, *ONCE)),
        (b"hello", ("-H", "Content-Type: text/html", *ONCE)),
        (b"hello", ONCE),
        (b"hello", TYPE),
        (b"hello", (*TYPE, "-H", 'If-None-Match: "x"')),
    ],
)
def test_a_promise_that_is_broken(site: Site, store: Store, body: bytes, arguments: tuple[str, ...]) -> None:
    """Another length, another type, a header left out or changed: the store refuses."""
    url = f"{site.of('limited/broken.txt')}?size=5"
    location = site.location(url, "-X", "PUT", "-d", "", *TYPE, *ONCE)
    assert site.curl("-T", site.file(body), *arguments, location, user=None).status in REFUSED
    assert "broken.txt" not in keys(store)


def test_presign_names_what_must_be_sent(site: Site) -> None:
    """So that a program keeps its promises without knowing the rule."""
    url = f"{site.of('limited/presigned.txt')}?size=5&presign"
    signed = json.loads(site.curl("-X", "PUT", "-d", "", *TYPE, *ONCE, url).body)
    assert signed["headers"] == {"if-none-match": "*", "content-length": "5", "content-type": "text/plain"}
    sent = [part for name, value in signed["headers"].items() for part in ("-H", f"{name}: {value}")]
    assert site.curl("-T", site.file(b"hello"), *sent, signed["url"], user=None).status == 200
