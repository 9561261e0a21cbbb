"""S3, asked by the service itself with boto3: an object's metadata, listings, and images and what is made of them."""

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.ports import ListedKey, Metadata, Page
from chalicelib.core.s3.mounts import Mount, Target
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image
from chalicelib.core.web.message import is_plain
from chalicelib.core.web.paths import AFTER_ALL
from chalicelib.core.web.problems import BadHeader, BadParameter, BadRequest, NotFound, PreconditionFailed, Unavailable
from chalicelib.core.web.times import Deadline

from .aws_calls import call, client, unavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

# S3 API Reference, HeadObject: the parameters that the query and the request's headers stand for.
_OVERRIDES: Final = {
    "response-cache-control": "ResponseCacheControl",
    "response-content-disposition": "ResponseContentDisposition",
    "response-content-encoding": "ResponseContentEncoding",
    "response-content-language": "ResponseContentLanguage",
    "response-content-type": "ResponseContentType",
}
_EXPIRES: Final = "response-expires"
_CONDITIONS: Final = {"if-match": "IfMatch", "if-none-match": "IfNoneMatch", "range": "Range"}
_DATES: Final = {"if-modified-since": "IfModifiedSince", "if-unmodified-since": "IfUnmodifiedSince"}

# What describes the object, not the connection or the server; and no Cache-Control, for the answer has its own.
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

_OF_ALL: Final = {"content-length", "etag", "last-modified"}  # every answer of S3 for an object has these headers

_SILENT: Final = "S3 does not answer."
_PIECE: Final = 256 * 1024  # bytes
_FOREVER: Final = "private, max-age=31536000, immutable"  # what a derivative's name decides never changes


class S3Objects:
    """HeadObject, ListObjectsV2, GetObject and PutObject on any mount.

    There is one client for each endpoint and region, made when it is first needed.

    Where a mount has no credentials of its own, boto3 finds those that URLs are signed with by itself: those of the
    environment, else its chain.
    """

    def __init__(self) -> None:
        self._clients: dict[tuple[str | None, str, Credentials | None], S3Client] = {}

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        """Return an object's metadata; see `ports.ObjectStore.head`."""

        def work() -> Metadata:
            from botocore.exceptions import ClientError

            of_client = _parameters(query, headers)
            try:
                found = self._client(target.mount).head_object(
                    Bucket=target.mount.bucket, Key=target.key, **_overrides(query), **of_client
                )
            except ClientError as error:
                return _refused(error, bool(of_client.keys() - {"Range"}))
            return _metadata(found["ResponseMetadata"])

        return call(deadline, work, otherwise=_SILENT)

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> Page:
        """Return what is below a prefix; see `ports.ObjectStore.list`."""
        one_level: Any = {} if recursive else {"Delimiter": "/"}
        past_directory = not recursive and after.endswith("/") and after != target.key

        def work() -> Page:
            from botocore.exceptions import ClientError

            try:
                found = self._client(target.mount).list_objects_v2(
                    Bucket=target.mount.bucket,
                    Prefix=target.key,
                    StartAfter=after + AFTER_ALL if past_directory else after,
                    MaxKeys=limit,
                    **one_level,
                )
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
                    what = "S3 refuses the service itself: its role may not list this bucket."
                    raise unavailable(what, error) from error
                raise
            prefixes = [ListedKey(one["Prefix"], True, 0, 0, "") for one in found.get("CommonPrefixes", ())]
            objects = [
                ListedKey(one["Key"], False, one["Size"], one["LastModified"].timestamp(), one["ETag"])
                for one in found.get("Contents", ())
            ]
            # A store may take a directory that is just what comes before `after` for one that comes after it.
            both = sorted(one for one in (*prefixes, *objects) if one.key > after)
            return Page(both, not found["IsTruncated"])

        return call(deadline, work, otherwise=_SILENT)

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

            of_client = _parameters(query, {})
            try:
                found = self._client(target.mount).get_object(
                    Bucket=target.mount.bucket, Key=target.key, IfMatch=etag, **of_client
                )
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412:
                    raise Unavailable("The file is being replaced.") from error
                _refused(error, bool(of_client))
                raise
            with closing(found["Body"]) as body:
                if found["ETag"] != etag or found["ContentLength"] > MAX_IMAGE_BYTES:
                    raise Unavailable(_SILENT, reason="the answer to GetObject is not the object of HeadObject")
                return _read(body, deadline, is_wanted)

        return call(deadline, work, otherwise=_SILENT)

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        """Write an object, unless there is one; see `ports.ObjectStore.create`."""

        def work() -> str | None:
            from botocore.exceptions import ClientError

            try:
                written = self._client(target.mount).put_object(
                    Bucket=target.mount.bucket,
                    Key=target.key,
                    Body=image.body,
                    ContentType=image.media_type,
                    CacheControl=_FOREVER,
                    IfNoneMatch="*",
                )
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status in (409, 412):  # FACTS 4.6: there is one already, or another request writes it just now
                    return None
                raise unavailable("S3 does not let the service write here.", error) from error
            return written["ETag"]  # else something other than S3 answered, and nothing is written

        call(deadline, work, otherwise=_SILENT)

    def _client(self, mount: Mount) -> "S3Client":
        name = (mount.endpoint, mount.region, mount.credentials)
        own = mount.credentials
        if name not in self._clients:
            self._clients[name] = client(
                "s3",
                endpoint_url=mount.endpoint,
                region_name=mount.region,
                aws_access_key_id=own.access_key if own else None,
                aws_secret_access_key=own.secret_key if own else None,
                config={
                    "s3": {"addressing_style": "path" if mount.endpoint else "auto"},
                    # Else what is written comes with a checksum after it, which not all other stores can read.
                    "request_checksum_calculation": "when_required",
                    # The mount alone says where S3 is.
                    "ignore_configured_endpoint_urls": True,
                },
            )
        return self._clients[name]


def _parameters(query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """The version and the conditions of the client, which S3 may refuse as the client's own fault."""
    parameters: dict[str, Any] = {"VersionId": query["versionId"]} if "versionId" in query else {}
    for name in _CONDITIONS.keys() & headers.keys():
        if not is_plain(headers[name]):
            raise BadHeader(name, "only printable ASCII can be sent.")
        parameters[_CONDITIONS[name]] = headers[name]
    for name in _DATES.keys() & headers.keys():
        date = _date(headers[name])
        if date is not None:  # RFC 9110 §13.1.3: a date that is not one is ignored
            parameters[_DATES[name]] = date
    return parameters


def _overrides(query: Mapping[str, str]) -> dict[str, Any]:
    """The header fields of the answer that the client wants otherwise."""
    parameters: dict[str, Any] = {_OVERRIDES[name]: value for name, value in query.items() if name in _OVERRIDES}
    if _EXPIRES in query:
        date = _date(query[_EXPIRES])
        if date is None:
            raise BadParameter(_EXPIRES, "it must be a date of HTTP: Thu, 01 Jan 2026 00:00:00 GMT.")
        parameters["ResponseExpires"] = date
    return parameters


def _date(text: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110 §5.6.7); None where it is not one, or is outside of the calendar in UTC."""
    from email.utils import parsedate_to_datetime  # it takes longer to load than a redirect

    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _metadata(response: Mapping[str, Any]) -> Metadata:
    """Turn S3's answer into ours."""
    status, headers = response["HTTPStatusCode"], _passed(response["HTTPHeaders"])
    if status in (200, 206) and not (headers.keys() >= _OF_ALL and headers["content-length"].isdigit()):
        raise Unavailable(_SILENT, reason="the answer to HeadObject lacks the headers that every object has")
    return Metadata(status, headers)


def _refused(error: "ClientError", for_client: bool) -> Metadata:
    """Turn S3's refusal into ours; HeadObject has no body, so its status is all that it says of a failure.

    Args:
        error: the refusal.
        for_client: whether a version or a condition came from the client. Without either, S3 can only mean the
            credentials, the region or the clock of the service with a 400.
    """
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if status in (304, 416):
        return _metadata(error.response["ResponseMetadata"])
    if status == 400 and for_client:
        raise BadRequest("S3 does not understand the request. Check the versionId and the headers.") from error
    if (
        status in (404, 405) and error.response["Error"]["Code"] != "NoSuchBucket"
    ):  # 405: the version is a delete marker
        raise NotFound("There is no such object.")
    if status == 412:
        raise PreconditionFailed()
    if status == 403:
        raise unavailable("S3 refuses the service itself: its role may not read this bucket.", error) from error
    if status == 400:
        what = "S3 refuses the service itself: its credentials, its region or its clock is wrong."
        raise unavailable(what, error) from error
    raise error


def _read(body: "StreamingBody", deadline: Deadline, is_wanted: Callable[[bytes], bool]) -> bytes:
    pieces = body.iter_chunks(_PIECE)
    data = bytearray(next(pieces, b""))
    if is_wanted(bytes(data)):
        for piece in pieces:
            data += piece
            deadline.left()  # ends the thread of a request that is answered already
    return bytes(data)


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    """The fields that describe the object; one that cannot be sent on is left out."""
    return {name: value for name, value in headers.items() if name.startswith(_PASSED) and is_plain(value)}
