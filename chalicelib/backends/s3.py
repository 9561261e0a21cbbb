"""S3, called by the service itself with boto3: the metadata and the bytes of an object, listings, stored images."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.ports import ListedKey, ListedKeys, Metadata
from chalicelib.core.s3.mounts import Target
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image
from chalicelib.core.web.message import is_plain
from chalicelib.core.web.problems.base import BadRequest, NotFound, PreconditionFailed, Unavailable
from chalicelib.core.web.times import Deadline

from .aws_calls import call, status_of, unavailable
from .s3_clients import S3Clients
from .s3_parameters import response_overrides, start_of_level, version_and_conditions

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from botocore.response import StreamingBody

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
_HEADS_AT_ONCE: Final = 10  # botocore's Config, `max_pool_connections`: the connections that a client keeps
_IMMUTABLE: Final = "private, max-age=31536000, immutable"  # a stored image's name is the hash of its content


class S3Objects:
    """HeadObject, ListObjectsV2, GetObject and PutObject on any mount.

    Args:
        clients: has the client of each mount.
    """

    def __init__(self, clients: S3Clients) -> None:
        self._clients = clients

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        """Return an object's metadata; see `ports.ObjectStore.head`."""
        return call(deadline, lambda: self._head(target, query, headers), otherwise=_NO_ANSWER)

    def sizes(self, targets: Sequence[Target], deadline: Deadline) -> Sequence[int | None]:
        """Return the sizes of objects; see `ports.ObjectStore.sizes`."""

        def size(target: Target) -> int | None:
            deadline.left()  # raises after the deadline, which ends the threads of a request that was answered
            try:
                return _size(self._head(target, {}, {}))
            except NotFound:
                return None

        def work() -> Sequence[int | None]:
            from concurrent.futures import ThreadPoolExecutor

            for target in targets:
                self._clients.of(target.mount)  # otherwise each thread would make a client
            with ThreadPoolExecutor(_HEADS_AT_ONCE) as pool:
                return [*pool.map(size, targets)]

        return call(deadline, work, otherwise=_NO_ANSWER)

    def get(
        self,
        target: Target,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        max_bytes: int,
    ) -> tuple[Metadata, bytes] | None:
        """Return an object's metadata and bytes; see `ports.ObjectStore.get`."""

        def work() -> tuple[Metadata, bytes] | None:
            from botocore.exceptions import ClientError

            from_client = version_and_conditions(query, headers)
            try:
                answer = self._clients.of(target.mount).get_object(
                    Bucket=target.mount.bucket, Key=target.key, **response_overrides(query), **from_client
                )
            except ClientError as error:
                return _refusal(error, bool(from_client.keys() - {"Range"})), b""
            with closing(answer["Body"]) as body:
                metadata = _metadata(answer["ResponseMetadata"])
                return None if _size(metadata) > max_bytes else (metadata, _read(body, deadline, lambda _: True))

        return call(deadline, work, otherwise=_NO_ANSWER)

    def _head(self, target: Target, query: Mapping[str, str], headers: Mapping[str, str]) -> Metadata:
        from botocore.exceptions import ClientError

        from_client = version_and_conditions(query, headers)
        try:
            answer = self._clients.of(target.mount).head_object(
                Bucket=target.mount.bucket, Key=target.key, **response_overrides(query), **from_client
            )
        except ClientError as error:
            return _refusal(error, bool(from_client.keys() - {"Range"}))
        return _metadata(answer["ResponseMetadata"])

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
        """Return the keys below a prefix; see `ports.ObjectStore.list`."""
        one_level: Any = {} if recursive else {"Delimiter": "/"}
        start = after if recursive else start_of_level(target.key, after)

        def work() -> ListedKeys:
            from botocore.exceptions import ClientError

            try:
                answer = self._clients.of(target.mount).list_objects_v2(
                    Bucket=target.mount.bucket,
                    Prefix=target.key,
                    StartAfter=start,
                    MaxKeys=limit,
                    **one_level,
                )
            except ClientError as error:
                if status_of(error) in (403, 404):
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
                answer = self._clients.of(target.mount).get_object(
                    Bucket=target.mount.bucket, Key=target.key, IfMatch=etag, **from_client
                )
            except ClientError as error:
                if status_of(error) == 412:
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
                answer = self._clients.of(target.mount).put_object(
                    Bucket=target.mount.bucket,
                    Key=target.key,
                    Body=image.body,
                    ContentType=image.media_type,
                    CacheControl=_IMMUTABLE,
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if status_of(error) in (409, 412):  # FACTS 4.6: the key has an object, or another request writes it now
                    return None
                raise unavailable("S3 does not let the service write here.", error) from error
            return answer["ETag"]  # without an ETag it is not the answer of S3, and nothing was written

        call(deadline, work, otherwise=_NO_ANSWER)


def _metadata(response: Mapping[str, Any]) -> Metadata:
    """Turn S3's answer to HeadObject or GetObject into Metadata; a header field that cannot be sent is left out."""
    headers = {
        name: value for name, value in response["HTTPHeaders"].items() if name.startswith(_PASSED) and is_plain(value)
    }
    status = response["HTTPStatusCode"]
    if status in (200, 206) and not (headers.keys() >= _ALWAYS_SENT and headers["content-length"].isdigit()):
        raise Unavailable(_NO_ANSWER, reason="the answer of S3 lacks the headers that every object has")
    return Metadata(status, headers)


def _size(metadata: Metadata) -> int:
    """Return the size of a whole object, in bytes (RFC 9110 §14.4: the last number of `Content-Range`)."""
    return int(metadata.headers.get("content-range", metadata.headers["content-length"]).rpartition("/")[2])


def _refusal(error: "ClientError", has_client_parameters: bool) -> Metadata:
    """Turn a refusal of S3 into Metadata or a Problem. Its status alone tells the cause: HeadObject gets no body.

    Args:
        error: the refusal.
        has_client_parameters: whether the client sent a version or a condition. Without them, a 400 can only mean
            that the credentials, the region or the clock of the service is wrong.
    """
    status = status_of(error)
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
