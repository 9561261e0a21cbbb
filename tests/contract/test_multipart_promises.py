"""The requirements of a rule for an upload in parts: for each call, and for all parts together."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from . import probes
from .drivers import over_http
from .sites import REFUSED, Site, Store, client_of
from .upload_sites import (
    MAX_UPLOAD_BYTES,
    MIN_PART_BYTES,
    begin,
    complete,
    listing,
    options,
    send,
    sha256,
    unfinished_uploads,
)

ONCE = ("-H", "If-None-Match: *")
KEPT = ("Cache-Control: private, max-age=60", "x-amz-meta-from: ci")

# A URL is for one call


@over_http
@pytest.mark.usefixtures("unchanged")
def test_a_url_is_for_one_part(upload_site: Site, name: str) -> None:
    path = f"/free/{name}"
    ids = {"mine": begin(upload_site, path), "other": begin(upload_site, path)}
    url = f"{upload_site.at(path)}?partNumber=1&uploadId={ids['mine']}"
    location = upload_site.location(url, "-X", "PUT", "-d", "")
    changes = (
        ("partNumber=1&", "partNumber=2&"),
        ("partNumber=1&", "partNumber=10000&"),
        ("partNumber=1&", ""),
        ("partNumber=1&uploadId=", "x="),
        ("uploadId=", "uploadId=x"),
        ("uploadId={mine}", "uploadId={other}"),
        (".txt?", ".html?"),
        ("/free/", "/once/"),
        ("/tenant/", "/"),
    )
    changed = [location.replace(old.format_map(ids), new.format_map(ids), 1) for old, new in changes]
    assert location not in changed
    answers = upload_site.curl_all([("-T", upload_site.file(b"x"), url) for url in changed], user=None)
    for answer, change in zip(answers, changes, strict=True):
        assert answer.status in REFUSED, change


@over_http
@pytest.mark.usefixtures("unchanged")
def test_a_url_is_for_one_call(upload_site: Site, store: Store, name: str) -> None:
    """The store refuses the URL with another method, and for a whole object. The upload stays."""
    path = f"/free/{name}"
    upload_id = begin(upload_site, path)
    for method, query, others in (
        ("POST", "uploads", ("PUT", "GET", "DELETE")),
        ("PUT", f"partNumber=1&uploadId={upload_id}", ("POST", "GET", "DELETE")),
        ("GET", f"uploadId={upload_id}", ("POST", "PUT", "DELETE")),
        ("POST", f"uploadId={upload_id}", ("PUT", "GET", "DELETE")),
        ("DELETE", f"uploadId={upload_id}", ("POST", "PUT", "GET")),
    ):
        location = upload_site.location(f"{upload_site.at(path)}?{query}", "-X", method, "-d", "")
        bare = re.sub(r"(uploads=|partNumber=1|uploadId=[^&]*)&", "", location)
        assert bare != location
        calls = [("-X", other, "-d", "", location) for other in others] + [("-X", method, "-d", "", bare)]
        statuses = [answer.status for answer in upload_site.curl_all(calls, user=None)]
        assert set(statuses) <= REFUSED, (method, query, statuses)
        assert unfinished_uploads(store)[upload_id] == f"tenant{path}"


# The requirements of a rule


@pytest.mark.usefixtures("unchanged")
def test_parts_are_bounded_in_number_and_size(upload_site: Site, name: str) -> None:
    path = f"/parts/{name}"
    upload_id = begin(upload_site, path)
    for number, query, status, code in (
        (1, "", 411, "size-required"),
        (1, f"&size={MIN_PART_BYTES + 1}", 413, "part-too-large"),
        (3, f"&size={MAX_UPLOAD_BYTES - 2 * MIN_PART_BYTES + 1}", 413, "part-too-large"),
        (4, "&size=1", 413, "part-too-large"),
        (10_000, "&size=1", 413, "part-too-large"),
        (10_001, "&size=1", 400, "bad-parameter"),
        (1, "&size=many", 400, "bad-parameter"),
    ):
        answer = send(upload_site, path, upload_id, number, b"x", query=query)
        assert (answer.status, answer.code) == (status, code), (number, query)
        assert code != "part-too-large" or "parts of 5,242,880 bytes" in answer.json()["detail"]


@over_http
@pytest.mark.usefixtures("unchanged")
def test_a_part_has_the_size_of_its_url(upload_site: Site, name: str) -> None:
    path = f"/parts/{name}"
    url = f"{upload_site.at(path)}?partNumber=1&uploadId={begin(upload_site, path)}&size=5"
    location = upload_site.location(url, "-X", "PUT", "-d", "")
    for body in (b"", b"four", b"sixsix", b"x" * 100_000):
        assert upload_site.curl("-T", upload_site.file(body), location, user=None).status in REFUSED, body[:9]


@over_http
def test_all_parts_together_may_have_the_greatest_size_of_the_rule(upload_site: Site, store: Store, name: str) -> None:
    path = f"/parts/{name}"
    upload_id = begin(upload_site, path)
    bodies = {1: b"1" * MIN_PART_BYTES, 2: b"2" * MIN_PART_BYTES, 3: b"3" * (MAX_UPLOAD_BYTES - 2 * MIN_PART_BYTES)}
    parts = {
        number: send(upload_site, path, upload_id, number, body, query=f"&size={len(body)}").headers["etag"]
        for number, body in bodies.items()
    }
    assert complete(upload_site, path, upload_id, parts).status == 200
    assert client_of(store).head_object(Bucket=store.bucket, Key=f"tenant{path}")["ContentLength"] == MAX_UPLOAD_BYTES


@pytest.mark.usefixtures("unchanged")
def test_the_call_that_begins_an_upload_must_keep_the_rule(upload_site: Site, name: str) -> None:
    for folder, field, status, code in (
        ("typed", "Content-Type: image/png", 415, "type-not-allowed"),
        ("typed", "Content-Type:", 415, "type-not-allowed"),
        ("kept", "Cache-Control: public", 428, "header-required"),
        ("kept", "Cache-Control: private, max-age=60", 428, "header-required"),
        ("free", "x-amz-acl: public-read", 400, "bad-header"),
    ):
        answer = upload_site.curl("-L", "-d", "", "-H", field, f"{upload_site.at(f'/{folder}/{name}')}?uploads")
        assert (answer.status, answer.code) == (status, code), field


@over_http
def test_the_store_begins_no_upload_that_differs_from_its_promise(upload_site: Site, store: Store, name: str) -> None:
    """The upload has another type or no type, or a header is missing or changed."""
    before = unfinished_uploads(store)
    for folder, promised, sent in (
        ("typed", ("Content-Type: text/plain",), ("Content-Type: text/html",)),
        ("typed", ("Content-Type: text/plain",), ("Content-Type: image/png",)),
        ("typed", ("Content-Type: text/plain",), ()),
        ("kept", KEPT, ("x-amz-meta-from: me", KEPT[0])),
        ("kept", KEPT, (KEPT[0],)),
        ("kept", KEPT, ()),
    ):
        url = f"{upload_site.at(f'/{folder}/{name}')}?uploads"
        location = upload_site.location(url, "-d", "", *options(promised))
        assert upload_site.curl("-d", "", *options(sent), location, user=None).status in REFUSED
    assert unfinished_uploads(store) == before


@pytest.mark.usefixtures("unchanged")
def test_each_part_has_its_checksum(upload_site: Site, store: Store, name: str) -> None:
    """The service refuses a part without a checksum, and the store refuses a wrong checksum."""
    path = f"/summed/{name}"
    upload_id = begin(upload_site, path, "-H", "x-amz-checksum-algorithm: SHA256")
    answer = send(upload_site, path, upload_id, 1, b"hello")
    assert (answer.status, answer.code) == (428, "checksum-required")
    url = f"{upload_site.at(path)}?partNumber=1&uploadId={upload_id}"
    location = upload_site.location(url, "-X", "PUT", "-d", "", "-H", sha256(b"hello"))
    for fields in ((), ("-H", sha256(b"other"))):
        assert upload_site.curl("-T", upload_site.file(b"other"), *fields, location, user=None).status in REFUSED
    if probes.verifies_checksums(store):
        other = upload_site.curl("-T", upload_site.file(b"other"), "-H", sha256(b"hello"), location, user=None)
        assert other.status in REFUSED


@over_http
def test_nothing_is_overwritten_by_parts(upload_site: Site, store: Store, name: str) -> None:
    """The call that completes an upload signs the condition. Not every store checks the condition."""
    path = f"/once/{name}"
    first, second = begin(upload_site, path), begin(upload_site, path)
    parts = {1: send(upload_site, path, first, 1, b"first").headers["etag"]}
    answer = complete(upload_site, path, first, parts)
    assert (answer.status, answer.code) == (428, "precondition-required")
    location = upload_site.location(f"{upload_site.at(path)}?uploadId={first}", "--data-binary", listing(parts), *ONCE)
    for fields in ((), ("-H", 'If-None-Match: "x"'), ("-H", "If-Match: *")):
        assert upload_site.curl("--data-binary", listing(parts), *fields, location, user=None).status in REFUSED
    assert complete(upload_site, path, first, parts, *ONCE).status == 200
    others = {1: send(upload_site, path, second, 1, b"second").headers["etag"]}
    status = complete(upload_site, path, second, others, *ONCE).status
    if probes.completes_conditionally(store):
        stored = client_of(store).get_object(Bucket=store.bucket, Key=f"tenant{path}")["Body"].read()
        assert (status, stored) == (412, b"first")


@over_http
def test_of_eight_clients_that_complete_at_once_one_wins(upload_site: Site, store: Store, name: str) -> None:
    """This holds where the rule allows no overwriting, and the store checks the condition."""
    path = f"/once/{name}"
    ids = [begin(upload_site, path) for _ in range(8)]
    bodies = [
        listing({1: send(upload_site, path, upload_id, 1, b"from %d" % number).headers["etag"]})
        for number, upload_id in enumerate(ids)
    ]
    locations = [
        upload_site.location(f"{upload_site.at(path)}?uploadId={upload_id}", "-d", "", *ONCE) for upload_id in ids
    ]

    def end(number: int) -> int:
        fields = {"If-None-Match": "*"}
        return requests.post(locations[number], data=bodies[number], headers=fields, timeout=30).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(end, range(8)))
    if probes.completes_conditionally(store):
        assert statuses.count(200) == 1
        assert set(statuses) <= {200, 409, 412}
