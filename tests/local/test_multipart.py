"""The embedded S3 accepts the multipart uploads that AWS S3 accepts, by presigned URLs, and refuses the others."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from .embedded import BUCKET, PRECONDITION, Answer, Embedded

FORM = {"Content-Type": "application/x-www-form-urlencoded"}  # `curl -d` sends this type, which a store must ignore
NO_SUCH_UPLOAD = (404, "NoSuchUpload")
WRONG_ETAG = '"00000000000000000000000000000000"'


def sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def part_list(etags: Mapping[int, str], checksum: str = "") -> bytes:
    """Return the body that completes an upload: entity tags by number, and one checksum for all parts."""
    checksum = checksum and f"<ChecksumSHA256>{checksum}</ChecksumSHA256>"
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{checksum}</Part>" for number, etag in etags.items()
    )
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<CompleteMultipartUpload xmlns="{namespace}">{parts}</CompleteMultipartUpload>'.encode()


class Upload(NamedTuple):
    """A multipart upload, driven by presigned URLs."""

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

    def list(self) -> Answer:
        return self.embedded.send("GET", self.embedded.presign("list_parts", self.key, UploadId=self.id))


def begin(embedded: Embedded, key: str = "in-parts", **params: Any) -> Upload:
    """Create an upload by boto3."""
    return Upload(embedded, key, embedded.s3.create_multipart_upload(Bucket=BUCKET, Key=key, **params)["UploadId"])


def test_an_upload_is_identified_by_its_id_and_its_key(embedded: Embedded) -> None:
    upload = begin(embedded)
    etag = upload.part(1, b"content").headers["ETag"]
    for wrong in (upload._replace(id="unknown"), upload._replace(key="another")):
        calls = [wrong.part(1, b""), wrong.list(), wrong.complete(part_list({1: etag})), wrong.abort()]
        assert {call.error for call in calls} == {NO_SUCH_UPLOAD}
    completed = [upload.complete(part_list({1: etag})).status for _ in range(2)]
    assert completed == [200, 200], "a client may repeat the completion"


def test_a_wrong_list_of_parts_is_refused_and_ends_nothing(embedded: Embedded) -> None:
    upload = begin(embedded)
    one, two = (upload.part(number, b"small").headers["ETag"] for number in (1, 2))
    for body, code in [
        (part_list({1: WRONG_ETAG, 2: two}), "InvalidPart"),
        (part_list({1: one, 3: two}), "InvalidPart"),
        (part_list({2: two, 1: one}), "InvalidPartOrder"),
        (part_list({1: one, 2: two}), "EntityTooSmall"),
        (part_list({}), "MalformedXML"),
        (b"", "MalformedXML"),
        (b"<CompleteMultipartUpload>", "MalformedXML"),
        (b"\xff", "MalformedXML"),
        (part_list({1: one}).replace(b"<PartNumber>1<", b"<PartNumber>one<"), "MalformedXML"),
        (part_list({1: one}).replace(b"ETag", b"Tag"), "MalformedXML"),
    ]:
        assert upload.complete(body).error == (400, code), body
    assert upload.complete(part_list({2: two})).status == 200


def test_a_completion_keeps_its_conditions(embedded: Embedded) -> None:
    upload = begin(embedded, "kept", Tagging="a=b")
    body = part_list({1: upload.part(1, b"new").headers["ETag"]})
    etag = embedded.s3.put_object(Bucket=BUCKET, Key="kept", Body=b"old")["ETag"]
    for name, value, parameter in [("If-None-Match", "*", "IfNoneMatch"), ("If-Match", WRONG_ETAG, "IfMatch")]:
        assert upload.complete(body, {name: value}, **{parameter: value}).error == PRECONDITION
    assert embedded.stored("kept")["Body"].read() == b"old"
    assert upload.complete(body, {"If-Match": etag}, IfMatch=etag).status == 200
    assert embedded.s3.get_object_tagging(Bucket=BUCKET, Key="kept")["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_every_part_has_a_checksum_of_the_uploads_algorithm(embedded: Embedded) -> None:
    md5 = base64.b64encode(hashlib.md5(b"content").digest()).decode()
    value = sha256(b"content")
    header = {"x-amz-checksum-sha256": value}
    plain, checked = begin(embedded), begin(embedded, "checked", ChecksumAlgorithm="SHA256")
    assert plain.part(1, b"content", {"Content-MD5": md5}, ContentMD5=md5).status == 200
    assert plain.part(1, b"changed", {"Content-MD5": md5}, ContentMD5=md5).error == (400, "BadDigest")
    for mismatch in (plain.part(1, b"content", header, ChecksumSHA256=value), checked.part(1, b"content")):
        assert mismatch.error == (400, "InvalidRequest")
        assert mismatch.element("Message").startswith("Checksum Type mismatch occurred, expected checksum Type: ")
    assert checked.part(1, b"changed", header, ChecksumSHA256=value).error == (400, "BadDigest")
    etag = checked.part(1, b"content", header, ChecksumSHA256=value).headers["ETag"]
    assert checked.complete(part_list({1: etag})).error == (400, "InvalidRequest")
    assert checked.complete(part_list({1: etag}, sha256(b"changed"))).error == (400, "InvalidPart")
    assert checked.complete(part_list({1: etag}, value)).status == 200
    whole = begin(embedded, "whole", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    assert whole.part(1, b"content").status == 200, "a checksum of the whole object needs none of its parts"
    assert embedded.stored("checked")["Body"].read() == b"content"
