"""Multipart uploads: the checks of S3 that moto 5.2.5 lacks, of the upload, its checksums and its completion.

S3 API Reference: CreateMultipartUpload, UploadPart, CompleteMultipartUpload. moto itself checks that the entity tags
belong to the parts, and that all parts except the last are large enough.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs
from xml.etree import ElementTree

from .bodies import DIGESTS, received_body
from .errors import S3Error, bad_request
from .moto_state import find_object, find_upload
from .target import S3Target

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from moto.s3.models import FakeMultipart


class Part(NamedTuple):
    """A part, as the request that completes an upload lists it.

    Args:
        number: from 1.
        etag: the entity tag.
        checksums: the values in base64, by algorithm in lower case.
    """

    number: int
    etag: str
    checksums: dict[str, str]


def check_multipart(environ: WSGIEnvironment, target: S3Target) -> None:
    """Check a request with an `uploadId`. Other requests pass.

    Raises:
        S3Error: S3 would refuse the request.
    """
    query = parse_qs(environ["QUERY_STRING"])
    if "uploadId" not in query:
        return
    method, upload_id = environ["REQUEST_METHOD"], query["uploadId"][0]
    stored = find_object(target.bucket, target.key)
    upload = find_upload(target.bucket, target.key, upload_id)
    if upload is None:
        if method == "POST" and stored and stored.multipart and stored.multipart.id == upload_id:
            return  # a client that lost the answer completes the upload again, and moto answers again
        message = (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed."
        )
        raise S3Error("404 Not Found", "NoSuchUpload", message, UploadId=upload_id)
    if method == "PUT":
        _check_algorithm(environ, upload)
    if method == "POST":
        etag = stored and stored.etag
        if environ.get("HTTP_IF_MATCH", etag) != etag:
            message = "At least one of the pre-conditions you specified did not hold"
            raise S3Error("412 Precondition Failed", "PreconditionFailed", message, Condition="If-Match")
        _check_completion(upload, _read_parts(received_body(environ)))


def _algorithm_of_parts(upload: FakeMultipart) -> str | None:
    """Return the checksum algorithm that every part must use, in lower case; None where parts need no checksum.

    CreateMultipartUpload chooses the algorithm. A checksum of the whole object needs none of its parts (User Guide,
    "Checking object integrity", full object checksums).
    """
    algorithm: str | None = upload.metadata.get("x-amz-checksum-algorithm")
    whole = algorithm == "CRC64NVME" or upload.metadata.get("x-amz-checksum-type") == "FULL_OBJECT"
    return None if algorithm is None or whole else algorithm.lower()


def _check_algorithm(environ: WSGIEnvironment, upload: FakeMultipart) -> None:
    """Raise a 400 for a part without a checksum of the upload's algorithm, or with a checksum of another algorithm.

    UploadPart, x-amz-checksum-algorithm. The message is in https://github.com/apache/arrow-rs/issues/6793
    """
    if environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-"):
        return  # the checksum is in the trailer of an SDK's stream
    prefix = "HTTP_X_AMZ_CHECKSUM_"
    actual = next((name.removeprefix(prefix).lower() for name in environ if prefix in name), None)
    expected = _algorithm_of_parts(upload)
    whole = "x-amz-checksum-algorithm" in upload.metadata and expected is None
    if actual != expected and not whole:
        message = (
            f"Checksum Type mismatch occurred, expected checksum Type: {expected or 'null'}, "
            f"actual checksum Type: {actual or 'null'}"
        )
        raise bad_request("InvalidRequest", message)


def _read_parts(body: bytes) -> list[Part]:
    """Read the list of parts that completes an upload.

    Raises:
        S3Error: 400, the list does not follow S3's schema.
    """
    try:
        parts = [_read_part(element) for element in ElementTree.fromstring(body).findall("{*}Part")]
    except (ElementTree.ParseError, KeyError, ValueError):
        parts = []
    if not parts:
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        raise bad_request("MalformedXML", message)
    return parts


def _read_part(element: ElementTree.Element) -> Part:
    """Read one part. Raises KeyError where a field is missing, ValueError where the number is not a number."""
    fields = {field.tag.rpartition("}")[2]: field.text or "" for field in element}
    checksums = {name[8:].lower(): value for name, value in fields.items() if name.startswith("Checksum")}
    return Part(int(fields["PartNumber"]), fields["ETag"], checksums)


def _check_completion(upload: FakeMultipart, parts: list[Part]) -> None:
    """Raise a 400 where parts are out of order, or a part's checksum is missing or wrong."""
    numbers = [part.number for part in parts]
    if numbers != sorted(set(numbers)):
        message = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise bad_request("InvalidPartOrder", message)
    algorithm = _algorithm_of_parts(upload)
    digest = DIGESTS.get(f"x-amz-checksum-{algorithm}")
    for part in parts:
        checksum = part.checksums.get(algorithm or "")
        if algorithm and not checksum:
            message = (
                f"The upload was created using a {algorithm} checksum. The complete request must include the checksum "
                f"for each part. It was missing for part {part.number} in the request."
            )
            raise bad_request("InvalidRequest", message)
        stored = upload.parts.get(part.number)
        if digest and stored and checksum != base64.b64encode(digest(stored.value)).decode():
            message = (
                "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
                "specified entity tag may not match the part's entity tag."
            )
            raise bad_request("InvalidPart", message, PartNumber=str(part.number))
