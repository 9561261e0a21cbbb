"""Uploads in parts, by presigned URLs: the embedded S3 takes what AWS S3 takes and refuses what it refuses."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from tests.local.embedded import BUCKET, Answer, Embedded

PART = b"x" * 5 * 1024**2
FORM = {"Content-Type": "application/x-www-form-urlencoded"}  # what `curl -d` says, and what a store must not read
APP = {"Origin": "https://app.example.com"}
NO_SUCH_UPLOAD = (404, "NoSuchUpload")


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def listed(parts: Mapping[int, str], **checksums: str) -> bytes:
    """The body that completes an upload: entity tags by number; checksums by part, `_1="…"`."""
    found = ""
    for number, etag in parts.items():
        checksum = checksums.get(f"_{number}")
        more = f"<ChecksumSHA256>{checksum}</ChecksumSHA256>" if checksum else ""
        found += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{more}</Part>"
    return f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{found}</CompleteMultipartUpload>'.encode()


class Upload(NamedTuple):
    """An upload that was begun."""

    embedded: Embedded
    key: str
    id: str

    def part(self, number: int, body: bytes, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        url = self.embedded.presign("upload_part", self.key, UploadId=self.id, PartNumber=number, **params)
        return self.embedded.send("PUT", url, body, headers or FORM)

    def complete(self, body: bytes, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        url = self.embedded.presign("complete_multipart_upload", self.key, UploadId=self.id, **params)
        return self.embedded.send("POST", url, body, {**FORM, **(headers or {})})

    def abort(self) -> Answer:
        return self.embedded.send("DELETE", self.embedded.presign("abort_multipart_upload", self.key, UploadId=self.id))

    def list(self, **params: Any) -> Answer:
        return self.embedded.send(
            "GET", self.embedded.presign("list_parts", self.key, UploadId=self.id, **params), headers=APP
        )


Begin = Callable[..., Upload]


@pytest.fixture
def begin(embedded: Embedded) -> Begin:
    """Begins an upload."""

    def begin(key: str = "in-parts", headers: Mapping[str, str] | None = None, **params: Any) -> Upload:
        url = embedded.presign("create_multipart_upload", key, **params)
        answer = embedded.send("POST", url, b"", headers or FORM)
        assert answer.status == 200, answer
        upload = ElementTree.fromstring(answer.body).findtext("{*}UploadId")
        assert upload
        return Upload(embedded, key, upload)

    return begin


def test_an_upload_in_parts(embedded: Embedded, begin: Begin) -> None:
    kept = {"Content-Type": "image/png", "Cache-Control": "private", "x-amz-meta-by": "ci", "x-amz-tagging": "a=b"}
    params = {"ContentType": "image/png", "CacheControl": "private", "Metadata": {"by": "ci"}, "Tagging": "a=b"}
    upload = begin("ü+/ 1", kept, **params)
    etags = {number: upload.part(number, body).headers["ETag"] for number, body in {2: b"end", 1: PART}.items()}
    parts = ElementTree.fromstring(upload.list().body).iterfind("{*}Part")
    assert [(p.findtext("{*}PartNumber"), p.findtext("{*}ETag"), p.findtext("{*}Size")) for p in parts] == [
        ("1", etags[1], str(len(PART))),
        ("2", etags[2], "3"),
    ]
    done = upload.complete(listed({1: etags[1], 2: etags[2]}))
    assert done.status == 200
    whole = embedded.send("GET", embedded.presign("get_object", "ü+/ 1"))
    assert whole.body == PART + b"end"
    assert whole.headers["ETag"].endswith('-2"')
    assert {name: whole.headers[name] for name in kept if name != "x-amz-tagging"} == {
        name: value for name, value in kept.items() if name != "x-amz-tagging"
    }
    assert embedded.s3.get_object_tagging(Bucket=BUCKET, Key="ü+/ 1")["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_curl_uploads_in_parts(embedded: Embedded, tmp_path: Path) -> None:
    def curl(*options: str) -> str:
        command = ["curl", "-sS", "--fail-with-body", *options]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    (tmp_path / "part").write_bytes(b"content")
    for empty in ([], ["-d", ""]):
        created = curl("-X", "POST", *empty, embedded.presign("create_multipart_upload", "by-curl"))
        upload = created.partition("<UploadId>")[2].partition("<")[0]
        url = embedded.presign("upload_part", "by-curl", UploadId=upload, PartNumber=1)
        etag = curl("-T", str(tmp_path / "part"), "-o", "/dev/null", "-w", "%header{etag}", url)
        assert etag in curl(embedded.presign("list_parts", "by-curl", UploadId=upload))
        complete = embedded.presign("complete_multipart_upload", "by-curl", UploadId=upload)
        curl("-d", listed({1: etag}).decode(), complete)
        assert embedded.s3.get_object(Bucket=BUCKET, Key="by-curl")["Body"].read() == b"content"
    assert curl("-X", "DELETE", embedded.presign("abort_multipart_upload", "by-curl", UploadId=begun(embedded))) == ""


def begun(embedded: Embedded) -> str:
    upload: str = embedded.s3.create_multipart_upload(Bucket=BUCKET, Key="by-curl")["UploadId"]
    return upload


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_the_url_of_a_call_is_bound_to_its_method(embedded: Embedded, begin: Begin, method: str) -> None:
    url = embedded.presign("complete_multipart_upload", "in-parts", UploadId=begin().id)
    assert embedded.send(method, url, b"" if method == "PUT" else None).status == 403


@pytest.mark.parametrize("other", [("in-parts", "unknown"), ("another", None)], ids=["id", "key"])
def test_an_upload_is_known_by_its_id_and_its_key(begin: Begin, other: tuple[str, str | None]) -> None:
    upload = begin()
    etag = upload.part(1, b"content").headers["ETag"]
    wrong = upload._replace(key=other[0], id=other[1] or upload.id)
    calls = [wrong.part(1, b""), wrong.list(), wrong.complete(listed({1: etag})), wrong.abort()]
    assert {call.error for call in calls} == {NO_SUCH_UPLOAD}
    assert upload.complete(listed({1: etag})).status == 200


def test_an_upload_that_was_aborted_is_gone(begin: Begin) -> None:
    upload = begin()
    etag = upload.part(1, b"content").headers["ETag"]
    assert (upload.abort().status, upload.abort().error) == (204, NO_SUCH_UPLOAD)
    assert upload.complete(listed({1: etag})).error == NO_SUCH_UPLOAD


def test_completed_twice_is_completed_once(begin: Begin) -> None:
    """A client that lost the answer asks again (API Reference, CompleteMultipartUpload)."""
    upload = begin()
    done = listed({1: upload.part(1, b"content").headers["ETag"]})
    assert [upload.complete(done).status, upload.complete(done).status] == [200, 200]
    assert upload.part(2, b"late").error == NO_SUCH_UPLOAD


WRONG = '"00000000000000000000000000000000"'


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (lambda one, two: listed({1: WRONG, 2: two}), "InvalidPart"),
        (lambda one, two: listed({1: one, 3: two}), "InvalidPart"),
        (lambda one, two: listed({2: two, 1: one}), "InvalidPartOrder"),
        (lambda one, two: listed({1: one, 2: two}), "EntityTooSmall"),
        (lambda one, two: listed({}), "MalformedXML"),
        (lambda one, two: b"", "MalformedXML"),
        (lambda one, two: b"<CompleteMultipartUpload>", "MalformedXML"),
        (lambda one, two: b"\xff", "MalformedXML"),
        (lambda one, two: listed({1: one}).replace(b"<PartNumber>1<", b"<PartNumber>one<"), "MalformedXML"),
        (lambda one, two: listed({1: one}).replace(b"ETag", b"Tag"), "MalformedXML"),
    ],
)
def test_what_cannot_be_completed(begin: Begin, body: Callable[[str, str], bytes], error: str) -> None:
    upload = begin()
    one, two = (upload.part(number, b"small").headers["ETag"] for number in (1, 2))
    assert upload.complete(body(one, two)).error == (400, error)
    assert upload.complete(listed({2: two})).status == 200, "a refusal ends nothing"


def test_a_completion_may_overwrite_nothing(embedded: Embedded, begin: Begin) -> None:
    upload = begin("kept")
    done = listed({1: upload.part(1, b"new").headers["ETag"]})
    etag = embedded.s3.put_object(Bucket=BUCKET, Key="kept", Body=b"old")["ETag"]
    for name, value, parameter in [("If-None-Match", "*", "IfNoneMatch"), ("If-Match", WRONG, "IfMatch")]:
        refused = upload.complete(done, {name: value}, **{parameter: value})
        assert refused.error == (412, "PreconditionFailed")
    assert embedded.s3.get_object(Bucket=BUCKET, Key="kept")["Body"].read() == b"old"
    assert upload.complete(done, {"If-Match": etag}, IfMatch=etag).status == 200


def test_of_many_racing_completions_one_wins(begin: Begin) -> None:
    statuses: list[int] = []

    def race(upload: Upload, body: bytes) -> None:
        statuses.append(upload.complete(body, {"If-None-Match": "*"}, IfNoneMatch="*").status)

    uploads = [begin("raced-in-parts") for _ in range(20)]
    bodies = [listed({1: upload.part(1, b"x").headers["ETag"]}) for upload in uploads]
    threads = [threading.Thread(target=race, args=pair) for pair in zip(uploads, bodies, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [412] * 19


def test_a_part_is_verified_by_its_md5(begin: Begin) -> None:
    upload = begin()
    value = base64.b64encode(hashlib.md5(b"content").digest()).decode()
    assert upload.part(1, b"content", {"Content-MD5": value}, ContentMD5=value).status == 200
    assert upload.part(1, b"changed", {"Content-MD5": value}, ContentMD5=value).error == (400, "BadDigest")


ALGORITHM = {"x-amz-checksum-algorithm": "SHA256"}


def test_a_part_is_verified_by_its_checksum(embedded: Embedded, begin: Begin) -> None:
    value = sha256(b"content")
    header = {"x-amz-checksum-sha256": value}
    upload = begin("checked", ALGORITHM, ChecksumAlgorithm="SHA256")
    assert upload.part(1, b"changed", header, ChecksumSHA256=value).error == (400, "BadDigest")
    etag = upload.part(1, b"content", header, ChecksumSHA256=value).headers["ETag"]
    assert upload.complete(listed({1: etag})).error == (400, "InvalidRequest")
    assert upload.complete(listed({1: etag}, _1=sha256(b"changed"))).error == (400, "InvalidPart")
    assert upload.complete(listed({1: etag}, _1=value)).status == 200
    assert embedded.s3.get_object(Bucket=BUCKET, Key="checked")["Body"].read() == b"content"


@pytest.mark.parametrize("said", [{}, ALGORITHM], ids=["none", "SHA256"])
def test_the_parts_have_the_checksum_that_was_said_at_the_beginning(begin: Begin, said: dict[str, str]) -> None:
    upload = begin("checked", said, **({"ChecksumAlgorithm": "SHA256"} if said else {}))
    value = sha256(b"content")
    header, params = ({}, {}) if said else ({"x-amz-checksum-sha256": value}, {"ChecksumSHA256": value})
    refused = upload.part(1, b"content", header, **params)
    assert refused.error == (400, "InvalidRequest")
    assert refused.element("Message").startswith("Checksum Type mismatch occurred, expected checksum Type: ")


def test_a_page_may_read_the_entity_tag_of_its_part(begin: Begin) -> None:
    answer = begin().part(1, b"content", {**FORM, **APP})
    assert answer.headers["Access-Control-Allow-Origin"] == APP["Origin"]
    assert answer.headers["Access-Control-Expose-Headers"] == "ETag"
