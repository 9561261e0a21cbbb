"""S3, called by the service itself with boto3: the metadata and the bytes of an object, listings, stored images."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.ports import ListedKey, ListedKeys, Metadata
from chalicelib.core.s3.mounts import Mount, Target
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image
from chalicelib.core.web.message import is_plain
from chalicelib.core.web.paths import AFTER_ALL
from chalicelib.core.web.problems.base import BadRequest, NotFound, PreconditionFailed, Unavailable
from chalicelib.core.web.times import Deadline

from .aws_calls import call, client, unavailable
from .s3_parameters import response_overrides, version_and_conditions

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

# Header fields that describe the object, not the connection or the server. Cache-Control is the service's own.
_PASSED: Final = (
    "accept-ranges",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "x-amz-meta-",
    "x-amz-storage-class",
    "x-amz-version-id",
    "x-amz-checksum-",
)

_ALWAYS_SENT: Final = {"content-length", "etag", "last-modified"}  # by S3, with every object

_NO_ANSWER: Final = "S3 does not answer."
_CHUNK_BYTES: Final = 256 * 1024
_IMMUTABLE: Final = "private, max-age=31536000, immutable"  # a stored image's name is the hash of its content


class S3Objects:
    """HeadObject, ListObjectsV2, GetObject and PutObject on any mount.

    There is one client for each endpoint, region and credentials; the first request that needs the client makes it.

    Without credentials in the mount, boto3 uses the credentials that also sign URLs: from the environment, else from
    boto3's chain of sources.
    """

    def __init__(self) -> None:
        self._clients: dict[tuple[str | None, str, Credentials | None], S3Client] = {}

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        """Return an object's metadata; see `ports.ObjectStore.head`."""

        def work() -> Metadata:
            from botocore.exceptions import ClientError

            from_client = version_and_conditions(query, headers)
            try:
                answer = self._client(target.mount).head_object(
                    Bucket=target.mount.bucket, Key=target.key, **response_overrides(query), **from_client
                )
            except ClientError as error:
                return _refusal(error, bool(from_client.keys() - {"Range"}))
            return _metadata(answer["ResponseMetadata"])

        return call(deadline, work, otherwise=_NO_ANSWER)

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
        """Return the keys below a prefix; see `ports.ObjectStore.list`."""
        one_level: Any = {} if recursive else {"Delimiter": "/"}
        skips_directory = not recursive and after.endswith("/") and after != target.key

        def work() -> ListedKeys:
            from botocore.exceptions import ClientError

            try:
                answer = self._client(target.mount).list_objects_v2(
                    Bucket=target.mount.bucket,
                    Prefix=target.key,
                    StartAfter=after + AFTER_ALL if skips_directory else after,
                    MaxKeys=limit,
                    **one_level,
                )
            except ClientError as error:
                if _status(error) in (403, 404):
                    detail = "S3 refuses the service itself: its role may not list this bucket."
                    raise unavailable(detail, error) from error
                raise
            prefixes = [ListedKey(item["Prefix"], True, 0, 0, "") for item in answer.get("CommonPrefixes", ())]
            objects = [
                ListedKey(item["Key"], False, item["Size"], item["LastModified"].timestamp(), item["ETag"])
                for item in answer.get("Contents", ())
            ]
            # Some stores repeat the directory that ends just before `after`.
            listed = sorted(key for key in (*prefixes, *objects) if key.key > after)
            return ListedKeys(listed, not answer["IsTruncated"])

        return call(deadline, work, otherwise=_NO_ANSWER)

    def read(
        self,
        target: Target,
        query: Mapping[str, str],
        etag: str,
        deadline: Deadline,
        is_wanted: Callable[[bytes], bool],
    ) -> bytes:
        """Return an object's bytes; see `ports.ObjectStore.read`."""

        def work() -> bytes:
            from botocore.exceptions import ClientError

            from_client = version_and_conditions(query, {})
            try:
                answer = self._client(target.mount).get_object(
                    Bucket=target.mount.bucket, Key=target.key, IfMatch=etag, **from_client
                )
            except ClientError as error:
                if _status(error) == 412:
                    raise Unavailable("The file is being replaced.") from error
                _refusal(error, bool(from_client))
                raise
            with closing(answer["Body"]) as body:
                if answer["ETag"] != etag or answer["ContentLength"] > MAX_IMAGE_BYTES:
                    raise Unavailable(_NO_ANSWER, reason="the answer to GetObject is not the object of HeadObject")
                return _read(body, deadline, is_wanted)

        return call(deadline, work, otherwise=_NO_ANSWER)

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        """Write an object, unless the key has an object; see `ports.ObjectStore.create`."""

        def work() -> str | None:
            from botocore.exceptions import ClientError

            try:
                answer = self._client(target.mount).put_object(
                    Bucket=target.mount.bucket,
                    Key=target.key,
                    Body=image.body,
                    ContentType=image.media_type,
                    CacheControl=_IMMUTABLE,
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if _status(error) in (409, 412):  # FACTS 4.6: the key has an object, or another request writes it now
                    return None
                raise unavailable("S3 does not let the service write here.", error) from error
            return answer["ETag"]  # without an ETag it is not the answer of S3, and nothing was written

        call(deadline, work, otherwise=_NO_ANSWER)

    def _client(self, mount: Mount) -> "S3Client":
        credentials = mount.credentials
        client_key = (mount.endpoint, mount.region, credentials)
        if client_key not in self._clients:
            self._clients[client_key] = client(
                "s3",
                endpoint_url=mount.endpoint,
                region_name=mount.region,
                aws_access_key_id=credentials.access_key if credentials else None,
                aws_secret_access_key=credentials.secret_key if credentials else None,
                client_config=s3_config(on_aws=mount.on_aws),
            )
        return self._clients[client_key]


def s3_config(*, on_aws: bool) -> dict[str, Any]:
    """Return the configuration of a client of S3, on AWS or at another store."""
    return {
        "s3": {"addressing_style": "auto" if on_aws else "path"},
        # By default boto3 sends a checksum after the body, which some other stores cannot read.
        "request_checksum_calculation": "when_required",
        # Only the mount names the endpoint, never the environment.
        "ignore_configured_endpoint_urls": True,
    }


def _status(error: "ClientError") -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def _metadata(response: Mapping[str, Any]) -> Metadata:
    """Turn S3's answer to HeadObject into Metadata; a header field that cannot be sent is left out."""
    headers = {
        name: value for name, value in response["HTTPHeaders"].items() if name.startswith(_PASSED) and is_plain(value)
    }
    status = response["HTTPStatusCode"]
    if status in (200, 206) and not (headers.keys() >= _ALWAYS_SENT and headers["content-length"].isdigit()):
        raise Unavailable(_NO_ANSWER, reason="the answer to HeadObject lacks the headers that every object has")
    return Metadata(status, headers)


def _refusal(error: "ClientError", has_client_parameters: bool) -> Metadata:
    """Turn a refusal of S3 into Metadata or a Problem. Its status alone tells the cause: HeadObject gets no body.

    Args:
        error: the refusal.
        has_client_parameters: whether the client sent a version or a condition. Without them, a 400 can only mean
            that the credentials, the region or the clock of the service is wrong.
    """
    status = _status(error)
    if status in (304, 416):
        return _metadata(error.response["ResponseMetadata"])
    if status == 400 and has_client_parameters:
        raise BadRequest("S3 does not understand the request. Check the versionId and the headers.") from error
    # 405: the version is a delete marker.
    if status in (404, 405) and error.response["Error"]["Code"] != "NoSuchBucket":
        raise NotFound("There is no such object.")
    if status == 412:
        raise PreconditionFailed()
    if status == 403:
        raise unavailable("S3 refuses the service itself: its role may not read this bucket.", error) from error
    if status == 400:
        detail = "S3 refuses the service itself: its credentials, its region or its clock is wrong."
        raise unavailable(detail, error) from error
    raise error


def _read(body: "StreamingBody", deadline: Deadline, is_wanted: Callable[[bytes], bool]) -> bytes:
    chunks = body.iter_chunks(_CHUNK_BYTES)
    data = bytearray(next(chunks, b""))
    if is_wanted(bytes(data)):
        for chunk in chunks:
            data += chunk
            deadline.left()  # raises after the deadline, which ends the thread of a request that was answered
    return bytes(data)
