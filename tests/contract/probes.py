"""Probes: each asks a store whether it has a property. botocore signs, so no probe depends on the service's signer.

A probe leaves nothing behind. AWS S3 and the embedded S3 have every property,
except where a probe says otherwise.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import uuid4

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from .sites import READERS_KEY, REFUSED, Store, client_of, virtual_endpoint

WRONG_SUM = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def need(has: bool, feature: str) -> None:
    """Skip a test of a feature that the store lacks. In CI fail, because both stores of CI have every such feature."""
    if not has:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"this store has no {feature}")


@contextmanager
def key_of(store: Store) -> Iterator[dict[str, str]]:
    """The bucket and key of an object for one probe, which is deleted at the end."""
    place = {"Bucket": store.bucket, "Key": f"probe-{uuid4().hex}"}
    yield place
    client_of(store).delete_object(**place)  # type: ignore[arg-type]


def put(store: Store, place: dict[str, str], sent: dict[str, str], body: bytes = b"x", **signed: Any) -> int:
    """The status of a PUT to a presigned URL, with these headers."""
    url = client_of(store).generate_presigned_url("put_object", Params={**place, **signed})
    return requests.put(url, data=body, headers=sent, timeout=30).status_code


@cache
def verifies_checksums(store: Store) -> bool:
    """Whether the store refuses a body whose checksum differs from the signed header."""
    with key_of(store) as place:
        return put(store, place, {"x-amz-checksum-sha256": WRONG_SUM}, ChecksumSHA256=WRONG_SUM) in REFUSED


@cache
def refuses_unsigned_headers(store: Store) -> bool:
    """Whether the store refuses an `x-amz-*` header that is not signed."""
    with key_of(store) as place:
        return put(store, place, {"x-amz-meta-a": "b"}) in REFUSED


@cache
def storage_class(store: Store) -> str:
    """A storage class that the store keeps: STANDARD_IA if the store knows that class, else STANDARD."""
    with key_of(store) as place:
        sent = {"x-amz-storage-class": "STANDARD_IA"}
        put(store, place, sent, StorageClass="STANDARD_IA")
        return "STANDARD_IA" if _metadata(store, place).get("x-amz-storage-class") == "STANDARD_IA" else "STANDARD"


@cache
def encrypts(store: Store) -> bool:
    """Whether the store encrypts an object with its own keys, and says so in a header of the object."""
    with key_of(store) as place:
        put(store, place, {"x-amz-server-side-encryption": "AES256"}, ServerSideEncryption="AES256")
        return _metadata(store, place).get("x-amz-server-side-encryption") == "AES256"


@cache
def completes_conditionally(store: Store) -> bool:
    """Whether the store refuses an upload in parts that would replace an object, by `If-None-Match: *`."""
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
    """Whether exactly one of twenty conditional writes at once succeeds at a new key, in each of three rounds."""

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


@cache
def holds_to_session_policies(store: Store) -> bool:
    """Whether the policy of a call to AssumeRole bounds the credentials of the role."""
    nothing = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    )
    environ = store.session_environ(Policy=nothing.replace(" ", ""))
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    access_key, secret_key, token = (environ[name] for name in names)
    session = boto3.Session(access_key, secret_key, token, region_name=store.region)
    try:
        session.client("s3", endpoint_url=store.endpoint).list_objects_v2(Bucket=store.bucket)
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    return False


@cache
def has_virtual_hosts(store: Store) -> bool:
    """Whether the store also answers at a host of the bucket."""
    config = Config(s3={"addressing_style": "virtual"}, signature_version="s3v4")
    s3 = store.session().client("s3", endpoint_url=virtual_endpoint(store), config=config)
    url = s3.generate_presigned_url("head_bucket", Params={"Bucket": store.bucket})
    return subprocess.run(["curl", "-sfI", url], capture_output=True).returncode == 0


@cache
def has_reader(store: Store) -> bool:
    """Whether the store has the user of `READERS_KEY`. AWS S3 and the embedded S3 have no such user."""
    access_key, secret_key = READERS_KEY
    try:
        client_of(store._replace(access_key=access_key, secret_key=secret_key)).list_buckets()
    except ClientError:
        return False
    return True


def _metadata(store: Store, place: dict[str, str]) -> dict[str, str]:
    """The headers of an object; none where it was not stored."""
    try:
        found = client_of(store).head_object(**place)  # type: ignore[arg-type]
    except ClientError:
        return {}
    return found["ResponseMetadata"]["HTTPHeaders"]
