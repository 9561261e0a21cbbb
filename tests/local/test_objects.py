"""What the gate admits reaches moto unharmed, and moto answers as S3 does."""

from __future__ import annotations

import base64
import hashlib
import threading
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local.embedded import BUCKET, Embedded

CONTENT = b"0123456789"
KEYS = ["a+b", "a%2Bb", "100%", "a//b", "a b", "ünï", "日本", "trailing/", "?#", "a;b", "~!$&'()*,=:@[]", "e\u0301"]
PRECONDITION = (412, "PreconditionFailed")


def round_trip(embedded: Embedded, key: str) -> None:
    """Puts, gets, lists and deletes a key by presigned URLs, and finds exactly that key."""
    body = key.encode()
    assert embedded.send("PUT", embedded.presign("put_object", key), body).status == 200
    assert embedded.send("GET", embedded.presign("get_object", key)).body == body
    assert embedded.send("HEAD", embedded.presign("head_object", key)).headers["Content-Length"] == str(len(body))
    assert embedded.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
    listed = embedded.s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"]
    assert [entry["Key"] for entry in listed] == [key]
    assert embedded.send("DELETE", embedded.presign("delete_object", key)).status == 204
    assert embedded.send("GET", embedded.presign("get_object", key)).error == (404, "NoSuchKey")


@pytest.mark.parametrize("key", [*KEYS, "k" * 1024])
def test_every_key_survives(embedded: Embedded, key: str) -> None:
    round_trip(embedded, key)


@settings(max_examples=25, deadline=None)
@given(key=st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=30))
def test_any_key_survives(running: Embedded, key: str) -> None:
    # botocore's own http client cannot say these.
    if not key.startswith("/") and not {".", ".."} & set(key.split("/")):
        round_trip(running, key)


def test_a_target_may_be_encoded_otherwise_than_it_was_signed(embedded: Embedded) -> None:
    embedded.s3.put_object(Bucket=BUCKET, Key="a ~b", Body=CONTENT)
    url = embedded.presign("get_object", "a ~b")
    for other in (url.replace("~", "%7e"), url.replace("%20", "+")):
        assert other != url
        assert embedded.send("GET", other).body == CONTENT


def test_a_key_is_at_most_1024_bytes(embedded: Embedded) -> None:
    url = embedded.presign("put_object", "ü" * 512 + "k")
    assert embedded.send("PUT", url, b"x").error == (400, "KeyTooLongError")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_body_is_stored_whatever_its_type(embedded: Embedded, content_type: str) -> None:
    body = b"\xff\x00a=b&c=d"
    sent = embedded.send("PUT", embedded.presign("put_object"), body, {"Content-Type": content_type})
    answer = embedded.send("GET", embedded.presign("get_object"))
    assert (sent.status, answer.body, answer.headers["Content-Type"]) == (200, body, content_type)


@pytest.fixture
def etag(embedded: Embedded) -> str:
    """The entity tag of an object `k` that holds ten bytes."""
    tag: str = embedded.s3.put_object(Bucket=BUCKET, Key="k", Body=CONTENT, ContentType="text/plain")["ETag"]
    return tag


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=-3", 206, b"789"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=0-1,3-4", 200, CONTENT),
        ("bytes=5-2", 200, CONTENT),
        ("lines=1-2", 200, CONTENT),
        ("bytes", 200, CONTENT),
    ],
)
def test_ranges(embedded: Embedded, etag: str, value: str, status: int, body: bytes) -> None:
    answer = embedded.send("GET", embedded.presign("get_object"), headers={"Range": value})
    assert (answer.status, answer.body, answer.headers["ETag"]) == (status, body, etag)
    head = embedded.send("HEAD", embedded.presign("head_object"), headers={"Range": value})
    assert (head.status, head.headers["Content-Length"]) == (status, str(len(body)))


def test_a_range_past_the_end_is_refused(embedded: Embedded, etag: str) -> None:
    answer = embedded.send("GET", embedded.presign("get_object"), headers={"Range": "bytes=10-"})
    assert answer.error == (416, "InvalidRange")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": "ETAG"}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"x", ETAG'}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-None-Match": "ETAG"}, 304),
        ({"If-None-Match": "W/ETAG"}, 304),
        ({"If-None-Match": '"x", ETAG'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 412),
        ({"If-Match": '"x"', "If-None-Match": "ETAG"}, 412),
        ({"If-Range": "ETAG", "Range": "bytes=0-1"}, 206),
        ({"If-Range": '"x"', "Range": "bytes=0-1"}, 200),
    ],
)
def test_conditions(embedded: Embedded, etag: str, headers: dict[str, str], status: int) -> None:
    headers = {name: value.replace("ETAG", etag) for name, value in headers.items()}
    for method, operation in [("GET", "get_object"), ("HEAD", "head_object")]:
        assert embedded.send(method, embedded.presign(operation), headers=headers).status == status


def test_conditional_writes(embedded: Embedded, etag: str) -> None:
    put = embedded.presign("put_object")
    assert embedded.send("PUT", put, b"x", {"If-None-Match": "*"}).error == PRECONDITION
    assert embedded.send("PUT", put, b"x", {"If-Match": '"x"'}).error == PRECONDITION
    assert embedded.send("PUT", put, b"x", {"If-Match": etag}).status == 200
    new = embedded.presign("put_object", "new")
    assert embedded.send("PUT", new, b"x", {"If-None-Match": "*"}).status == 200


def test_of_many_racing_conditional_writes_one_wins(embedded: Embedded) -> None:
    url = embedded.presign("put_object", "raced", IfNoneMatch="*")
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(embedded.send("PUT", url, b"x", {"If-None-Match": "*"}).status))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [412] * 19


def test_response_parameters_set_headers(embedded: Embedded, etag: str) -> None:
    wanted = {
        "Content-Disposition": "attachment; filename*=UTF-8''%C3%BC.txt",
        "Content-Type": "text/html",
        "Cache-Control": "no-cache",
    }
    params: dict[str, Any] = {f"Response{name.replace('-', '')}": value for name, value in wanted.items()}
    for method, operation in [("GET", "get_object"), ("HEAD", "head_object")]:
        answer = embedded.send(method, embedded.presign(operation, **params))
        assert {name: answer.headers[name] for name in wanted} == wanted
        assert answer.body == (CONTENT if method == "GET" else b"")


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("Content-MD5", hashlib.md5(CONTENT).digest()),
        ("x-amz-checksum-crc32", zlib.crc32(CONTENT).to_bytes(4, "big")),
        ("x-amz-checksum-sha1", hashlib.sha1(CONTENT).digest()),
        ("x-amz-checksum-sha256", hashlib.sha256(CONTENT).digest()),
    ],
)
def test_a_checksum_is_verified(embedded: Embedded, name: str, digest: bytes) -> None:
    value = base64.b64encode(digest).decode()
    parameter = "ContentMD5" if name == "Content-MD5" else name[6:].title().replace("-", "")
    parameter = parameter.replace("Sha", "SHA").replace("Crc", "CRC")
    params: dict[str, Any] = {parameter: value}
    url = embedded.presign("put_object", **params)
    assert embedded.send("PUT", url, CONTENT, {name: value}).status == 200
    assert embedded.send("PUT", url, b"another", {name: value}).error == (400, "BadDigest")


def test_versions(embedded: Embedded) -> None:
    s3 = embedded.client("s3")
    s3.create_bucket(Bucket="versioned", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    first, _ = (s3.put_object(Bucket="versioned", Key="k", Body=body) for body in (b"1", b"2"))
    old = embedded.presign("get_object", Bucket="versioned", VersionId=first["VersionId"])
    assert embedded.send("GET", old).body == b"1"
    assert embedded.send("GET", embedded.presign("get_object", Bucket="versioned")).body == b"2"
    unknown = embedded.presign("get_object", Bucket="versioned", VersionId="unknown")
    assert embedded.send("GET", unknown).error == (404, "NoSuchVersion")


def test_a_multipart_upload_by_presigned_urls(embedded: Embedded) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    created = embedded.send("POST", embedded.presign("create_multipart_upload", "ü+"), b"", form)
    upload = created.body.split(b"<UploadId>")[1].split(b"<")[0].decode()
    part = embedded.presign("upload_part", "ü+", UploadId=upload, PartNumber=1)
    tag = embedded.send("PUT", part, CONTENT, form).headers["ETag"]
    assert tag in embedded.send("GET", embedded.presign("list_parts", "ü+", UploadId=upload)).body.decode()
    parts = f"<Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    complete = embedded.presign("complete_multipart_upload", "ü+", UploadId=upload)
    assert embedded.send("POST", complete, body, form).status == 200
    assert embedded.send("GET", embedded.presign("get_object", "ü+")).body == CONTENT
