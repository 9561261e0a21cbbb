"""Uploads in parts where moto 5.2.5 takes what S3 refuses: the upload, its checksums, and what completes it.

S3 API Reference: CreateMultipartUpload, UploadPart, CompleteMultipartUpload. That entity tags fit and all parts but the
last are large enough, moto itself checks.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

from local.claims import Refusal, malformed
from local.digests import DIGESTS, body_of
from local.moto_state import find_object, find_upload

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from moto.s3.models import FakeMultipart


def check(environ: WSGIEnvironment) -> None:
    """Raises the refusal of a call of an upload in parts; other requests pass."""
    query = parse_qs(environ["QUERY_STRING"])
    if "uploadId" not in query:
        return
    bucket, _, key = unquote(environ["REQUEST_URI"].partition("?")[0])[1:].partition("/")
    found, upload_id = find_object(bucket, key), query["uploadId"][0]
    upload = find_upload(bucket, key, upload_id)
    if upload is None:
        if environ["REQUEST_METHOD"] == "POST" and found and found.multipart and found.multipart.id == upload_id:
            return  # asked again by a client that lost the answer, which moto gives once more
        message = (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed."
        )
        raise Refusal("404 Not Found", "NoSuchUpload", message, UploadId=upload_id)
    if environ["REQUEST_METHOD"] == "PUT":
        refuse_another_checksum(environ, upload)
    if environ["REQUEST_METHOD"] == "POST":
        if environ.get("HTTP_IF_MATCH", found and found.etag) != (found and found.etag):
            message = "At least one of the pre-conditions you specified did not hold"
            raise Refusal("412 Precondition Failed", "PreconditionFailed", message, Condition="If-Match")
        refuse_incomplete_list(upload, listed_parts(body_of(environ)))


def checksum_of(upload: FakeMultipart) -> str | None:
    """The checksum that every part must have, as headers spell it: what was said when the upload was begun.

    One of a whole object needs none of its parts (User Guide, "Checking object integrity", full object checksums).
    """
    algorithm: str | None = upload.metadata.get("x-amz-checksum-algorithm")
    whole = algorithm == "CRC64NVME" or upload.metadata.get("x-amz-checksum-type") == "FULL_OBJECT"
    return None if algorithm is None or whole else algorithm.lower()


def refuse_another_checksum(environ: WSGIEnvironment, upload: FakeMultipart) -> None:
    """400 for a part with another checksum than the upload was begun with, or without it.

    UploadPart, x-amz-checksum-algorithm. The words are those of https://github.com/apache/arrow-rs/issues/6793
    """
    if environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-"):
        return  # in the trailer of an SDK's stream
    names = [name.removeprefix("HTTP_X_AMZ_CHECKSUM_").lower() for name in environ if "HTTP_X_AMZ_CHECKSUM_" in name]
    said, expected = next(iter(names), None), checksum_of(upload)
    whole = "x-amz-checksum-algorithm" in upload.metadata and expected is None
    if said != expected and not whole:
        message = (
            f"Checksum Type mismatch occurred, expected checksum Type: {expected or 'null'}, "
            f"actual checksum Type: {said or 'null'}"
        )
        raise malformed("InvalidRequest", message)


class Part(NamedTuple):
    """A part as the request that completes an upload lists it."""

    number: int
    etag: str
    checksums: dict[str, str]


def listed_parts(body: bytes) -> list[Part]:
    """Reads what completes an upload.

    Raises:
        Refusal: 400, it is not what S3's schema says.
    """
    try:
        parts = [read_part(part) for part in ElementTree.fromstring(body).findall("{*}Part")]
    except (ElementTree.ParseError, KeyError, ValueError):
        parts = []
    if not parts:
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise malformed("MalformedXML", message)
    return parts


def read_part(part: ElementTree.Element) -> Part:
    """Reads one of them; raises KeyError or ValueError for what is missing or no number."""
    fields = {field.tag.rpartition("}")[2]: field.text or "" for field in part}
    checksums = {name[8:].lower(): value for name, value in fields.items() if name.startswith("Checksum")}
    return Part(int(fields["PartNumber"]), fields["ETag"], checksums)


def refuse_incomplete_list(upload: FakeMultipart, parts: list[Part]) -> None:
    """400 for parts out of order, and for one without the checksum that the upload was begun with, or a wrong one."""
    numbers = [part.number for part in parts]
    if numbers != sorted(set(numbers)):
        message = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise malformed("InvalidPartOrder", message)
    expected = checksum_of(upload)
    digest = DIGESTS.get(f"x-amz-checksum-{expected}")
    for part in parts:
        said = part.checksums.get(expected or "")
        if expected and not said:
            message = (
                f"The upload was created using a {expected} checksum. The complete request must include the checksum "
                f"for each part. It was missing for part {part.number} in the request."
            )
            raise malformed("InvalidRequest", message)
        stored = upload.parts.get(part.number)
        if digest and stored and said != base64.b64encode(digest(stored.value)).decode():
            message = (
                "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
                "specified entity tag may not match the part's entity tag."
            )
            raise malformed("InvalidPart", message, PartNumber=str(part.number))
