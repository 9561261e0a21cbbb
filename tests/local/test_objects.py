"""The embedded S3 stores, reads and deletes objects as S3 does, where moto does not."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .embedded import BUCKET, PRECONDITION, Embedded

CONTENT = b"0123456789"


@pytest.fixture
def etag(embedded: Embedded) -> str:
    """The entity tag of an object of ten bytes at the key `k`."""
    tag: str = embedded.s3.put_object(Bucket=BUCKET, Key="k", Body=CONTENT, ContentType="text/plain")["ETag"]
    return tag


@settings(max_examples=20, deadline=None)
@given(key=st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=30))
def test_every_key_is_stored_unchanged(embedded: Embedded, key: str) -> None:
    if key.startswith("/") or {".", ".."} & set(key.split("/")):
        return  # botocore's HTTP client changes such paths
    body = key.encode()
    assert embedded.put(key, body).status == 200
    assert embedded.get(key).body == body
    assert embedded.send("HEAD", embedded.presign("head_object", key)).headers["Content-Length"] == str(len(body))
    assert embedded.stored(key)["Body"].read() == body
    # A key comes first of all keys that begin with the key. Other tests store keys in the bucket, too.
    listed = embedded.s3.list_objects_v2(Bucket=BUCKET, Prefix=key, MaxKeys=1)["Contents"]
    assert [entry["Key"] for entry in listed] == [key]
    assert embedded.send("DELETE", embedded.presign("delete_object", key)).status == 204
    assert embedded.get(key).error == (404, "NoSuchKey")


def test_a_target_may_be_encoded_in_another_way_than_it_was_signed(embedded: Embedded) -> None:
    embedded.s3.put_object(Bucket=BUCKET, Key="a ~b", Body=CONTENT)
    url = embedded.presign("get_object", "a ~b")
    for other in (url.replace("~", "%7e"), url.replace("%20", "+")):
        assert other != url
        assert embedded.send("GET", other).body == CONTENT


def test_a_key_has_at_most_1024_bytes(embedded: Embedded) -> None:
    assert embedded.put("ü" * 512, b"x").status == 200
    assert embedded.put("ü" * 512 + "k", b"x").error == (400, "KeyTooLongError")


def test_a_body_is_stored_unchanged_with_every_content_type(embedded: Embedded) -> None:
    body = b"\xff\x00a=b&c=d"
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert embedded.put("k", body, {"Content-Type": content_type}).status == 200
        answer = embedded.get()
        assert (answer.body, answer.headers["Content-Type"]) == (body, content_type)


def test_a_range_selects_bytes_and_is_ignored_where_s3_cannot_read_it(embedded: Embedded, etag: str) -> None:
    for value, status, body in [
        ("bytes=2-4", 206, b"234"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=0-1,3-4", 200, CONTENT),
        ("bytes=5-2", 200, CONTENT),
        ("lines=1-2", 200, CONTENT),
        ("bytes", 200, CONTENT),
    ]:
        answer = embedded.get(headers={"Range": value})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (status, body, etag), value
        head = embedded.send("HEAD", embedded.presign("head_object"), headers={"Range": value})
        assert (head.status, head.headers["Content-Length"]) == (status, str(len(body))), value
    assert embedded.get(headers={"Range": "bytes=10-"}).error == (416, "InvalidRange")


def test_conditions_of_reads(embedded: Embedded, etag: str) -> None:
    past, future = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for headers, status in [
        ({"If-Match": etag}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": f'"x", {etag}'}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": f"W/{etag}"}, 304),
        ({"If-None-Match": f'"x", {etag}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": future}, 200),
        ({"If-Modified-Since": future}, 304),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Unmodified-Since": past}, 412),
        ({"If-Match": etag, "If-Unmodified-Since": past}, 200),
        ({"If-Match": '"x"', "If-None-Match": etag}, 412),
        ({"If-Range": etag, "Range": "bytes=0-1"}, 206),
        ({"If-Range": '"x"', "Range": "bytes=0-1"}, 200),
    ]:
        for method, operation in [("GET", "get_object"), ("HEAD", "head_object")]:
            assert embedded.send(method, embedded.presign(operation), headers=headers).status == status, headers


def test_conditions_of_writes(embedded: Embedded, etag: str) -> None:
    assert embedded.put("k", b"x", {"If-None-Match": "*"}).error == PRECONDITION
    assert embedded.put("k", b"x", {"If-Match": '"x"'}).error == PRECONDITION
    assert embedded.put("k", b"x", {"If-Match": etag}).status == 200
    assert embedded.put("new", b"x", {"If-None-Match": "*"}).status == 200


def test_response_parameters_set_headers_of_get_and_head(embedded: Embedded, etag: str) -> None:
    expected = {
        "Content-Disposition": "attachment; filename*=UTF-8''%C3%BC.txt",
        "Content-Type": "text/html",
        "Cache-Control": "no-cache",
    }
    params: dict[str, Any] = {f"Response{name.replace('-', '')}": value for name, value in expected.items()}
    for method, operation in [("GET", "get_object"), ("HEAD", "head_object")]:
        answer = embedded.send(method, embedded.presign(operation, **params))
        assert {name: answer.headers[name] for name in expected} == expected
        assert answer.body == (CONTENT if method == "GET" else b"")


def test_a_body_must_have_the_digest_of_its_header(embedded: Embedded) -> None:
    for parameter, header, digest in [
        ("ContentMD5", "Content-MD5", hashlib.md5(CONTENT).digest()),
        ("ChecksumCRC32", "x-amz-checksum-crc32", zlib.crc32(CONTENT).to_bytes(4, "big")),
        ("ChecksumSHA1", "x-amz-checksum-sha1", hashlib.sha1(CONTENT).digest()),
        ("ChecksumSHA256", "x-amz-checksum-sha256", hashlib.sha256(CONTENT).digest()),
    ]:
        value = base64.b64encode(digest).decode()
        signed: dict[str, Any] = {parameter: value}
        assert embedded.put("k", CONTENT, {header: value}, **signed).status == 200
        assert embedded.put("k", b"another", {header: value}, **signed).error == (400, "BadDigest")


def test_a_listing_of_versions_continues_after_a_key(embedded: Embedded) -> None:
    """The key need not exist; after a key that exists, none of its versions comes again."""
    bucket = "embedded-versions"
    place: Any = {"LocationConstraint": embedded.s3.meta.region_name}
    embedded.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    embedded.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a b", "a b", "c", "d/x", "e"):
        embedded.s3.put_object(Bucket=bucket, Key=key)
    for marker, expected in {"a": ["a b", "a b", "c", "e"], "a b": ["c", "e"], "b": ["c", "e"], "d/~": ["e"]}.items():
        answer = embedded.s3.list_object_versions(Bucket=bucket, KeyMarker=marker, Delimiter="/")
        assert [version["Key"] for version in answer.get("Versions", ())] == expected
    for version in embedded.s3.list_object_versions(Bucket=bucket)["Versions"]:
        embedded.s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    embedded.s3.delete_bucket(Bucket=bucket)
