"""What a rule demands of an upload: kept, it goes through; whoever tries to get around it stores nothing."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import requests

from . import probes
from .sites import REFUSED, Site, Store, client_of
from .upload_sites import holds, sha256

TYPE, ONCE, SUM = "Content-Type: text/plain", "If-None-Match: *", sha256(b"hello")
FROM, CACHE = "x-amz-meta-from: ci", "Cache-Control: private, max-age=60"


class Promise(NamedTuple):
    """What is said of an upload of `hello`, where a rule wants it said."""

    folder: str
    query: str
    fields: tuple[str, ...]


PROMISES = {
    "size": Promise("sized", "?size=5", ()),
    "type": Promise("typed", "", (TYPE,)),
    "nothing there": Promise("once", "", (ONCE,)),
    "checksum": Promise("summed", "", (SUM,)),
    "headers": Promise("kept", "", (FROM, CACHE)),
    "key": Promise("free", "", ()),
}


def sent(fields: tuple[str, ...]) -> list[str]:
    """Header fields as arguments of curl."""
    return [word for field in fields for word in ("-H", field)]


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_that_is_kept_goes_through(upload_site: Site, store: Store, name: str, promise: str) -> None:
    """In one step, and in two."""
    folder, query, fields = PROMISES[promise]
    url = upload_site.at(f"/{folder}/{name}")
    assert upload_site.curl("-L", "-T", upload_site.file(b"hello"), *sent(fields), url + query).status == 200
    stored = client_of(store).get_object(Bucket=store.bucket, Key=f"tenant/{folder}/{name}")
    assert stored["Body"].read() == b"hello"
    location = upload_site.location(f"{url}2{query}", "-X", "PUT", "-d", "", *sent(fields))
    assert upload_site.curl("-T", upload_site.file(b"hello"), *sent(fields), location, user=None).status == 200


def test_the_headers_of_a_rule_are_on_the_object(upload_site: Site, store: Store, name: str) -> None:
    """However the client uploads: it was told to send them, or the answer of `?presign` says so."""
    url = upload_site.at(f"/kept/{name}")
    signed = upload_site.curl("-X", "PUT", "-d", "", f"{url}?presign").json()
    assert signed["headers"] == {"cache-control": "private, max-age=60", "x-amz-meta-from": "ci"}
    fields = tuple(f"{name}: {value}" for name, value in signed["headers"].items())
    upload = ("-T", upload_site.file(b"hello"))
    assert upload_site.curl(*upload, *sent(fields), signed["url"], user=None).status == 200
    stored = client_of(store).head_object(Bucket=store.bucket, Key=f"tenant/kept/{name}")
    assert (stored["CacheControl"], stored["Metadata"]) == ("private, max-age=60", {"from": "ci"})


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("target", "fields", "status", "code"),
    [
        ("sized/{}", (), 411, "size-required"),
        ("sized/{}?size=11", (), 413, "too-large"),
        ("sized/{}?size=5,6", (), 400, "bad-parameter"),
        ("sized/{}?size=5&size=11", (), 413, "too-large"),
        ("sized/{}?size=5", ("Transfer-Encoding: chunked",), 411, "length-required"),
        ("typed/{}", (), 415, "type-not-allowed"),
        ("typed/{}", ("Content-Type: image/png",), 415, "type-not-allowed"),
        ("typed/{}", ("Content-Type: image/png; text/plain",), 415, "type-not-allowed"),
        ("typed/{}", ("Content-Type: text/plain;,text/html",), 415, "type-not-allowed"),
        ("typed/{}", ("Content-Type: text/plain", "Content-Type: text/html"), 415, "type-not-allowed"),
        ("typed/{}", ("Content-Type: text/plain", "Content-Type: ,text/html"), 415, "type-not-allowed"),
        ("once/{}", (), 428, "precondition-required"),
        ("once/{}", ('If-None-Match: "x"',), 428, "precondition-required"),
        ("once/{}", ("If-Match: *",), 428, "precondition-required"),
        ("summed/{}", (), 428, "checksum-required"),
        ("summed/{}", ("x-amz-checksum-crc32: AAAAAA==",), 428, "checksum-required"),
        ("summed/{}", ("x-amz-checksum-sha256: hello",), 400, "bad-header"),
        ("kept/{}", (), 428, "header-required"),
        ("kept/{}", (FROM,), 428, "header-required"),
        ("kept/{}", (FROM, "Cache-Control: public"), 428, "header-required"),
        ("kept/{}", (CACHE, "x-amz-meta-from: me"), 428, "header-required"),
        ("free/{}", ("x-amz-acl: public-read",), 400, "bad-header"),
        ("free/{}", ("x-amz-copy-source: /b/k",), 400, "bad-header"),
        ("free/{}", ("x-amz-grant-read: id=1",), 400, "bad-header"),
        ("free/{}", ("x-amz-object-lock-mode: COMPLIANCE",), 400, "bad-header"),
        ("free/{}", ("x-amz-website-redirect-location: /x",), 400, "bad-header"),
        ("free/{}", ("x-amz-write-offset-bytes: 5",), 400, "bad-header"),
        ("once/{}", ("If-None-Match: *", "x-amz-tagging: a=b"), 400, "bad-header"),
        ("free/{}?uploads", (), 400, "bad-parameter"),
        ("free/{}?partNumber=1", (), 400, "bad-parameter"),
        ("free/{}?uploadId=u", (), 400, "bad-parameter"),
    ],
)
def test_a_promise_that_is_not_made_is_refused_before_a_byte_is_sent(
    upload_site: Site, name: str, target: str, fields: tuple[str, ...], status: int, code: str
) -> None:
    answer = upload_site.curl(
        "-L", "-T", upload_site.file(b"hello"), *sent(fields), upload_site.at(f"/{target.format(name)}")
    )
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("promise", "body", "fields"),
    [
        ("size", b"hello!", ()),
        ("size", b"hell", ()),
        ("size", b"", ()),
        ("size", b"x" * 100_000, ()),
        ("size", b"hello", ("Transfer-Encoding: chunked",)),
        ("type", b"hello", ("Content-Type: text/html",)),
        ("type", b"hello", ("Content-Type: text/plain; charset=utf-8",)),
        ("type", b"hello", ()),
        ("nothing there", b"hello", ()),
        ("nothing there", b"hello", ('If-None-Match: "x"',)),
        ("nothing there", b"hello", ("If-Match: *",)),
        ("checksum", b"hello", ()),
        ("checksum", b"other", (sha256(b"other"),)),
        ("checksum", b"hello", ("x-amz-checksum-crc32: NhCmhg==",)),
        ("headers", b"hello", ()),
        ("headers", b"hello", (FROM,)),
        ("headers", b"hello", (FROM, "Cache-Control: public")),
        ("headers", b"hello", (CACHE, "x-amz-meta-from: me")),
    ],
)
def test_a_promise_that_is_broken_is_refused_by_the_store(
    upload_site: Site, name: str, promise: str, body: bytes, fields: tuple[str, ...]
) -> None:
    folder, query, promised = PROMISES[promise]
    url = upload_site.at(f"/{folder}/{name}{query}")
    location = upload_site.location(url, "-X", "PUT", "-d", "", *sent(promised))
    answer = upload_site.curl("-T", upload_site.file(body), *sent(fields), location, user=None)
    assert answer.status in REFUSED, answer


@pytest.mark.parametrize("body", [b"hellO", b"hello!", b""])
def test_a_body_that_is_not_what_its_checksum_says(upload_site: Site, store: Store, name: str, body: bytes) -> None:
    """The store refuses it, where it looks."""
    before = holds(store)
    fields = ("-H", SUM)
    location = upload_site.location(upload_site.at(f"/summed/{name}"), "-X", "PUT", "-d", "", *fields)
    answer = upload_site.curl("-T", upload_site.file(body), *fields, location, user=None)
    if probes.verifies_checksums(store):
        assert answer.status in REFUSED
        assert holds(store) == before


@pytest.mark.parametrize(
    "field", ["x-amz-acl: public-read", "x-amz-meta-from: me", "x-amz-tagging: a=b", "x-amz-storage-class: STANDARD"]
)
def test_a_header_that_is_added(upload_site: Site, store: Store, name: str, field: str) -> None:
    """The store refuses an `x-amz-*` that was not signed, where it looks; the service signs what the client names."""
    before = holds(store)
    location = upload_site.location(upload_site.at(f"/free/{name}"), "-X", "PUT", "-d", "")
    answer = upload_site.curl("-T", upload_site.file(b"hello"), "-H", field, location, user=None)
    if probes.refuses_unsigned_headers(store):
        assert answer.status in REFUSED
        assert holds(store) == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (".txt?", ".html?"),
        ("/free/", "/kept/"),
        ("/free/", "/"),
        ("/tenant/", "/"),
        ("/tenant/", "-versions/tenant/"),
        ("?", "/?"),
        ("?", "?uploads&"),
        ("?", "?partNumber=1&uploadId=u&"),
        ("?", "?tagging&"),
        ("?", "?acl&"),
        ("X-Amz-Expires=300", "X-Amz-Expires=604800"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Bx-amz-acl"),
    ],
)
def test_a_url_is_for_its_key_and_nothing_else(upload_site: Site, name: str, old: str, new: str) -> None:
    location = upload_site.location(upload_site.at(f"/free/{name}"), "-X", "PUT", "-d", "")
    assert old in location
    answer = upload_site.curl("-T", upload_site.file(b"hello"), location.replace(old, new, 1), user=None)
    assert answer.status in REFUSED, answer


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "HEAD"])
def test_a_url_to_upload_is_for_nothing_else(upload_site: Site, name: str, method: str) -> None:
    location = upload_site.location(upload_site.at(f"/free/{name}"), "-X", "PUT", "-d", "")
    verb = ("-I",) if method == "HEAD" else ("-X", method, "-d", "x")
    assert upload_site.curl(*verb, location, user=None).status in REFUSED


@pytest.mark.usefixtures("unchanged")
def test_a_url_is_for_a_while(upload_site: Site, name: str) -> None:
    location = upload_site.location(upload_site.at(f"/brief/{name}"), "-X", "PUT", "-d", "")
    time.sleep(1.2)  # the clock is the store's own
    assert upload_site.curl("-T", upload_site.file(b"hello"), location, user=None).status in REFUSED


def test_of_twenty_who_may_overwrite_nothing_one_uploads(upload_site: Site, store: Store, name: str) -> None:
    """All at once, with URLs of their own: the first stays, whoever comes after finds that something is there."""
    probes.need(probes.lets_one_racer_win(store), "conditional writes that hold in a race")
    url = upload_site.at(f"/once/{name}")
    locations = [upload_site.location(url, "-X", "PUT", "-d", "", "-H", ONCE) for _ in range(20)]

    def upload(number: int) -> int:
        fields = {"If-None-Match": "*"}
        return requests.put(locations[number], data=f"from {number}", headers=fields, timeout=30).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(upload, range(20)))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409, 412}
    stored = client_of(store).get_object(Bucket=store.bucket, Key=f"tenant/once/{name}")["Body"].read()
    assert stored == f"from {statuses.index(200)}".encode()
    assert upload_site.put(f"once/{name}", b"late", "-H", ONCE).status == 412


def test_headers_that_are_passed_on(upload_site: Site, store: Store, name: str) -> None:
    """What S3 keeps with an object arrives there, encryption where the store has keys of its own."""
    fields = {
        "Content-Type": "text/csv; charset=utf-8",
        "Cache-Control": "no-cache",
        "Content-Disposition": 'attachment; filename="a b.csv"',
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "x-amz-meta-build": "42 and more",
        "x-amz-tagging": "team=web&state=new",
        "x-amz-storage-class": probes.storage_class(store),
        **({"x-amz-server-side-encryption": "AES256"} if probes.encrypts(store) else {}),
    }
    words = sent(tuple(f"{field}: {value}" for field, value in fields.items()))
    assert upload_site.put(f"free/{name}", b"hello", *words).status == 200
    key = f"tenant/free/{name}"
    stored = client_of(store).head_object(Bucket=store.bucket, Key=key)
    kept = stored["ResponseMetadata"]["HTTPHeaders"]
    for field in ("Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language"):
        assert kept[field.lower()] == fields[field]
    assert stored["Metadata"] == {"build": "42 and more"}
    tags = client_of(store).get_object_tagging(Bucket=store.bucket, Key=key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "web", "state": "new"}
    assert stored.get("StorageClass", "STANDARD") == fields["x-amz-storage-class"]
    assert stored.get("ServerSideEncryption") == fields.get("x-amz-server-side-encryption")
