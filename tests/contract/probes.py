"""What a store does, found by asking it, whatever it is called. Signed by botocore, so no probe depends on our signer.

A probe leaves nothing behind. AWS S3 and the embedded S3 have every property.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
import requests
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from .sites import REFUSED, Store, client_of

WRONG_SUM = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def need(has: bool, feature: str) -> None:
    """Skip a test of a feature that the store lacks. In CI fail: both stores there have all that is skipped for."""
    if not has:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"this store has no {feature}")


@contextmanager
def key_of(store: Store) -> Iterator[dict[str, str]]:
    """The bucket and key of an object for one probe, deleted in the end."""
    place = {"Bucket": store.bucket, "Key": f"probe-{uuid4().hex}"}
    yield place
    client_of(store).delete_object(**place)  # type: ignore[arg-type]


def put(store: Store, place: dict[str, str], sent: dict[str, str], body: bytes = b"x", **signed: Any) -> int:
    """The status of a PUT to a presigned URL, with these headers."""
    url = client_of(store).generate_presigned_url("put_object", Params={**place, **signed})
    return requests.put(url, data=body, headers=sent, timeout=30).status_code


@cache
def verifies_checksums(store: Store) -> bool:
    """Whether a body with another checksum than the signed header says is refused."""
    with key_of(store) as place:
        return put(store, place, {"x-amz-checksum-sha256": WRONG_SUM}, ChecksumSHA256=WRONG_SUM) in REFUSED


@cache
def refuses_unsigned_headers(store: Store) -> bool:
    """Whether an `x-amz-*` header that is not signed is refused."""
    with key_of(store) as place:
        return put(store, place, {"x-amz-meta-a": "b"}) in REFUSED


@cache
def storage_class(store: Store) -> str:
    """A storage class that the store keeps, another one than the usual where there is one."""
    with key_of(store) as place:
        sent = {"x-amz-storage-class": "STANDARD_IA"}
        put(store, place, sent, StorageClass="STANDARD_IA")
        return "STANDARD_IA" if _metadata(store, place).get("x-amz-storage-class") == "STANDARD_IA" else "STANDARD"


@cache
def encrypts(store: Store) -> bool:
    """Whether an object that is to be encrypted with the store's own keys says so."""
    with key_of(store) as place:
        put(store, place, {"x-amz-server-side-encryption": "AES256"}, ServerSideEncryption="AES256")
        return _metadata(store, place).get("x-amz-server-side-encryption") == "AES256"


@cache
def completes_conditionally(store: Store) -> bool:
    """Whether an upload in parts can be held to replace nothing."""
    s3 = client_of(store)
    with key_of(store) as place:
        s3.put_object(**place, Body=b"first")  # type: ignore[arg-type]
        upload = s3.create_multipart_upload(**place, ChecksumAlgorithm="CRC32")["UploadId"]  # type: ignore[arg-type]
        part: Any = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"x")  # type: ignore[arg-type]
        listed = {name: part[name] for name in ("ETag", "ChecksumCRC32") if name in part}
        parts: Any = {"Parts": [{"PartNumber": 1, **listed}]}
        try:
            s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")  # type: ignore[arg-type]
        except ClientError:
            s3.abort_multipart_upload(**place, UploadId=upload)  # type: ignore[arg-type]
            return True
        return False


@cache
def lets_one_racer_win(store: Store) -> bool:
    """Whether of twenty who write at once where nothing is, exactly one does, each of three times."""

    def wins(place: dict[str, str]) -> int:
        with ThreadPoolExecutor(20) as pool:
            racers = [pool.submit(put, store, place, {"If-None-Match": "*"}, IfNoneMatch="*") for _ in range(20)]
        return [racer.result() for racer in racers].count(200)

    def round_of_twenty() -> int:
        with key_of(store) as place:
            return wins(place)

    return [round_of_twenty() for _ in range(3)] == [1, 1, 1]


@cache
def takes_forms(store: Store) -> bool:
    """Whether a form with a signed policy uploads."""
    with key_of(store) as place:
        made = client_of(store).generate_presigned_post(place["Bucket"], place["Key"])
        answer = requests.post(made["url"], made["fields"], files={"file": b"x"}, timeout=30)
        return answer.ok


@cache
def has_roles(store: Store) -> bool:
    """Whether STS gives the credentials of a role."""
    try:
        store.session_environ()
    except (BotoCoreError, ClientError, ResponseParserError, KeyError):
        return False
    return True


def _metadata(store: Store, place: dict[str, str]) -> dict[str, str]:
    """The headers of an object; none where it was not stored."""
    try:
        found = client_of(store).head_object(**place)  # type: ignore[arg-type]
    except ClientError:
        return {}
    return found["ResponseMetadata"]["HTTPHeaders"]
