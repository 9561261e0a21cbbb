"""The requirements of a rule for an upload: an upload that keeps the rule succeeds, and no other upload is stored."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import requests

from . import probes
from .drivers import over_http
from .sites import REFUSED, Site, Store, client_of
from .upload_sites import options, sha256

TYPE, ONCE, SUM = "Content-Type: text/plain", "If-None-Match: *", sha256(b"hello")
FROM, CACHE = "x-amz-meta-from: ci", "Cache-Control: private, max-age=60"


class Promise(NamedTuple):
    """A folder whose rule requires something of an upload of `hello`, and the query and headers that keep the rule."""

    folder: str
    query: str
    fields: tuple[str, ...]


PROMISES = {
    "size": Promise("sized", "?size=5", ()),
    "type": Promise("typed", "", (TYPE,)),
    "no overwriting": Promise("once", "", (ONCE,)),
    "checksum": Promise("summed", "", (SUM,)),
    "headers": Promise("kept", "", (FROM, CACHE)),
    "nothing": Promise("free", "", ()),
}


def test_an_upload_that_keeps_its_rule_succeeds(upload_site: Site, store: Store, name: str) -> None:
    """The upload has one step, or two steps, or the headers that `?presign` returns."""
    hello = ("-T", upload_site.file(b"hello"))
    for folder, query, fields in PROMISES.values():
        url = upload_site.at(f"/{folder}/{name}")
        assert upload_site.curl("-L", *hello, *options(fields), url + query).status == 200
        stored = client_of(store).get_object(Bucket=store.bucket, Key=f"tenant/{folder}/{name}")
        assert stored["Body"].read() == b"hello"
        empty_put = ("-X", "PUT", "-d", "", *options(fields))
        location = upload_site.location(f"{url}2{query}", *empty_put)
        assert upload_site.curl(*hello, *options(fields), location, user=None).status == 200
        signed = upload_site.curl(*empty_put, f"{url}3{query or '?'}&presign").json()
        headers = tuple(f"{field}: {value}" for field, value in signed["headers"].items())
        assert upload_site.curl(*hello, *options(headers), signed["url"], user=None).status == 200
        promised = [field.lower() for field in (*fields, *(["Content-Length: 5"] if query else []))]
        assert sorted(f"{header}".lower() for header in headers) == sorted(promised)
    # A client that does not know the rule gets from `?presign` the headers that the object must have.
    signed = upload_site.curl("-X", "PUT", "-d", "", f"{upload_site.at(f'/kept/{name}')}?presign").json()
    assert signed["headers"] == {"cache-control": "private, max-age=60", "x-amz-meta-from": "ci"}
    kept = client_of(store).head_object(Bucket=store.bucket, Key=f"tenant/kept/{name}3")
    assert (kept["CacheControl"], kept["Metadata"]) == ("private, max-age=60", {"from": "ci"})


@pytest.mark.usefixtures("unchanged")
def test_an_upload_that_breaks_its_rule_is_refused_before_a_byte_is_sent(upload_site: Site, name: str) -> None:
    """The refusal names the header or the parameter to add."""
    cases: tuple[tuple[str, tuple[str, ...], int, str, str], ...] = (
        ("sized/{}", (), 411, "size-required", "?size=N"),
        ("sized/{}?size=11", (), 413, "too-large", "10"),
        ("sized/{}?size=5,6", (), 400, "bad-parameter", "size"),
        ("sized/{}?size=5&size=11", (), 413, "too-large", "10"),
        ("typed/{}", (), 415, "type-not-allowed", "Content-Type: text/"),
        ("typed/{}", ("Content-Type: image/png",), 415, "type-not-allowed", "text/*"),
        ("typed/{}", ("Content-Type: image/png; text/plain",), 415, "type-not-allowed", ""),
        ("typed/{}", ("Content-Type: text/plain;,text/html",), 415, "type-not-allowed", ""),
        ("typed/{}", ("Content-Type: text/plain", "Content-Type: text/html"), 415, "type-not-allowed", ""),
        ("typed/{}", ("Content-Type: text/plain", "Content-Type: ,text/html"), 415, "type-not-allowed", ""),
        ("once/{}", (), 428, "precondition-required", "If-None-Match: *"),
        ("once/{}", ('If-None-Match: "x"',), 428, "precondition-required", ""),
        ("once/{}", ("If-Match: *",), 428, "precondition-required", ""),
        ("summed/{}", (), 428, "checksum-required", ""),
        ("summed/{}", ("x-amz-checksum-crc32: AAAAAA==",), 428, "checksum-required", ""),
        ("summed/{}", ("x-amz-checksum-sha256: hello",), 400, "bad-header", ""),
        ("kept/{}", (), 428, "header-required", ""),
        ("kept/{}", (FROM,), 428, "header-required", ""),
        ("kept/{}", (FROM, "Cache-Control: public"), 428, "header-required", ""),
        ("kept/{}", (CACHE, "x-amz-meta-from: me"), 428, "header-required", ""),
        ("free/{}", ("x-amz-acl: public-read",), 400, "bad-header", ""),
        ("free/{}", ("x-amz-copy-source: /b/k",), 400, "bad-header", ""),
        ("free/{}", ("x-amz-grant-read: id=1",), 400, "bad-header", ""),
        ("free/{}", ("x-amz-object-lock-mode: COMPLIANCE",), 400, "bad-header", ""),
        ("free/{}", ("x-amz-website-redirect-location: /x",), 400, "bad-header", ""),
        ("free/{}", ("x-amz-write-offset-bytes: 5",), 400, "bad-header", ""),
        ("once/{}", ("If-None-Match: *", "x-amz-tagging: a=b"), 400, "bad-header", ""),
        ("free/{}?uploads", (), 400, "bad-parameter", ""),
        ("free/{}?partNumber=1", (), 400, "bad-parameter", ""),
        ("free/{}?uploadId=u", (), 400, "bad-parameter", ""),
    )
    calls = []
    for target, fields, *_ in cases:
        url = upload_site.at(f"/{target.format(name)}")
        calls.append(("-L", "-T", upload_site.file(b"hello"), *options(fields), url))
    for answer, (target, fields, *expected, advice) in zip(upload_site.curl_all(calls), cases, strict=True):
        assert [answer.status, answer.code] == expected, (target, fields)
        assert advice in answer.json()["detail"]


def test_a_chunked_body_is_refused_where_the_service_sees_the_header(session_site: Site, name: str) -> None:
    """A Function URL shows `Transfer-Encoding` to the service. Behind a REST API the store refuses the body."""
    fields = ("Content-Type: text/plain", "If-None-Match: *", "Transfer-Encoding: chunked")
    answer = session_site.put(f"limited/{name}", b"hello", *options(fields))
    assert (answer.status, answer.code) == (411, "length-required")


@over_http
@pytest.mark.usefixtures("unchanged")
def test_the_store_refuses_an_upload_that_differs_from_its_promise(upload_site: Site, store: Store, name: str) -> None:
    """Where a store checks no checksums, or no headers that are not signed, the test leaves them out."""
    cases: list[tuple[str, bytes, tuple[str, ...]]] = [
        ("size", b"hello!", ()),
        ("size", b"hell", ()),
        ("size", b"", ()),
        ("size", b"x" * 100_000, ()),
        ("size", b"hello", ("Transfer-Encoding: chunked",)),
        ("type", b"hello", ("Content-Type: text/html",)),
        ("type", b"hello", ("Content-Type: text/plain; charset=utf-8",)),
        ("type", b"hello", ()),
        ("no overwriting", b"hello", ()),
        ("no overwriting", b"hello", ('If-None-Match: "x"',)),
        ("no overwriting", b"hello", ("If-Match: *",)),
        ("checksum", b"hello", ()),
        ("checksum", b"other", (sha256(b"other"),)),
        ("checksum", b"hello", ("x-amz-checksum-crc32: NhCmhg==",)),
        ("headers", b"hello", ()),
        ("headers", b"hello", (FROM,)),
        ("headers", b"hello", (FROM, "Cache-Control: public")),
        ("headers", b"hello", (CACHE, "x-amz-meta-from: me")),
    ]
    if probes.verifies_checksums(store):
        cases += [("checksum", body, (SUM,)) for body in (b"hellO", b"hello!", b"")]
    if probes.refuses_unsigned_headers(store):
        unsigned = ("acl: public-read", "meta-from: me", "tagging: a=b", "storage-class: STANDARD")
        cases += [("nothing", b"hello", (f"x-amz-{field}",)) for field in unsigned]
    calls = []
    for promise, _, _ in cases:
        folder, query, promised = PROMISES[promise]
        calls.append(("-X", "PUT", "-d", "", *options(promised), upload_site.at(f"/{folder}/{name}{query}")))
    locations = [answer.headers["location"] for answer in upload_site.curl_all(calls)]
    uploads = [
        ("-T", upload_site.file(body), *options(fields), location)
        for (_, body, fields), location in zip(cases, locations, strict=True)
    ]
    for answer, case in zip(upload_site.curl_all(uploads, user=None), cases, strict=True):
        assert answer.status in REFUSED, case


@over_http
@pytest.mark.usefixtures("unchanged")
def test_a_url_is_for_one_key_and_one_call(upload_site: Site, name: str) -> None:
    location = upload_site.location(upload_site.at(f"/free/{name}"), "-X", "PUT", "-d", "")
    changes: tuple[tuple[str, ...], ...] = (
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
    )
    assert all(old in location for old, _ in changes)
    methods = (("-I",), *(("-X", method, "-d", "x") for method in ("POST", "GET", "DELETE")))
    hello = ("-T", upload_site.file(b"hello"))
    calls = [*((*hello, location.replace(old, new, 1)) for old, new in changes), *((*way, location) for way in methods)]
    for answer, case in zip(upload_site.curl_all(calls, user=None), (*changes, *methods), strict=True):
        assert answer.status in REFUSED, case


@over_http
def test_of_twenty_clients_that_may_not_overwrite_one_uploads(upload_site: Site, store: Store, name: str) -> None:
    """All upload at once, each with its own URL: the first object stays."""
    probes.need(probes.lets_one_racer_win(store), "conditional writes that hold in a race")
    url = upload_site.at(f"/once/{name}")
    answers = upload_site.curl_all([("-X", "PUT", "-d", "", "-H", ONCE, url)] * 20)
    locations = [answer.headers["location"] for answer in answers]

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
    """The object keeps the headers; encryption is tested where the store has keys of its own."""
    fields = {
        "Content-Type": "text/csv; charset=utf-8",
        "Cache-Control": "no-cache",
        "Content-Disposition": 'attachment; filename="a b.csv"',
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "x-amz-meta-build": " 42   and more ",  # S3 signs one blank in place of several blanks
        "x-amz-tagging": "team=web&state=new",
        "x-amz-storage-class": probes.storage_class(store),
        **({"x-amz-server-side-encryption": "AES256"} if probes.encrypts(store) else {}),
    }
    words = options(tuple(f"{field}: {value}" for field, value in fields.items()))
    assert upload_site.put(f"free/{name}", b"hello", *words).status == 200
    key = f"tenant/free/{name}"
    stored = client_of(store).head_object(Bucket=store.bucket, Key=key)
    headers = stored["ResponseMetadata"]["HTTPHeaders"]
    for field in ("Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language"):
        assert headers[field.lower()] == fields[field]
    assert stored["Metadata"]["build"].split() == ["42", "and", "more"]
    tags = client_of(store).get_object_tagging(Bucket=store.bucket, Key=key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "web", "state": "new"}
    assert stored.get("StorageClass", "STANDARD") == fields["x-amz-storage-class"]
    assert stored.get("ServerSideEncryption") == fields.get("x-amz-server-side-encryption")
