"""S3, asked by the service itself with boto3: an object's metadata, listings, and images and what is made of them."""

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.credentials import Credentials
from chalicelib.core.images import Image
from chalicelib.core.message import is_plain
from chalicelib.core.mounts import Mount, Target
from chalicelib.core.paths import AFTER_ALL
from chalicelib.core.ports import Found, Metadata, Page
from chalicelib.core.problems import BadHeader, BadRequest, NotFound, PreconditionFailed, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 API Reference, HeadObject: the parameters that the query and the request's headers stand for.
_QUERY: Final = {
    "versionId": "VersionId",
    "response-cache-control": "ResponseCacheControl",
    "response-content-disposition": "ResponseContentDisposition",
    "response-content-encoding": "ResponseContentEncoding",
    "response-content-language": "ResponseContentLanguage",
    "response-content-type": "ResponseContentType",
    "response-expires": "ResponseExpires",
}
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

    def head(self, target: Target, query: Mapping[str, str], headers: Mapping[str, str]) -> Metadata:
        """Return an object's metadata; see `ports.ObjectStore.head`."""
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        try:
            client = self._client(target.mount)
            found = client.head_object(Bucket=target.mount.bucket, Key=target.key, **_parameters(query, headers))
        except ClientError as error:
            return _answered(error.response["ResponseMetadata"], error)
        except ParamValidationError as error:
            raise BadRequest("S3 takes a parameter in another form. Check response-expires.") from error
        except BotoCoreError as error:
            raise Unavailable("S3 does not answer.") from error
        return _answered(found["ResponseMetadata"], None)

    def list(self, target: Target, *, recursive: bool, after: str, limit: int) -> Page:
        """Return what is below a prefix; see `ports.ObjectStore.list`."""
        from botocore.exceptions import BotoCoreError, ClientError

        one_level: Any = {} if recursive else {"Delimiter": "/"}
        past_directory = not recursive and after.endswith("/") and after != target.key
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
                raise Unavailable("S3 refuses the service itself: its role may not list this bucket.") from error
            raise Unavailable("S3 does not answer.") from error
        except BotoCoreError as error:
            raise Unavailable("S3 does not answer.") from error
        prefixes = [Found(one["Prefix"], True, 0, 0, "") for one in found.get("CommonPrefixes", ())]
        objects = [
            Found(one["Key"], False, one["Size"], one["LastModified"].timestamp(), one["ETag"])
            for one in found.get("Contents", ())
        ]
        # A store may take a directory that is just what comes before `after` for one that comes after it.
        both = sorted(one for one in (*prefixes, *objects) if one.key > after)
        return Page(both, not found["IsTruncated"])

    def read(self, target: Target, query: Mapping[str, str], etag: str) -> Generator[bytes, None, None]:
        """Yield an object's bytes in pieces; see `ports.ObjectStore.read`."""
        from botocore.exceptions import BotoCoreError, ClientError

        parameters = {**_parameters(query, {}), "IfMatch": etag}
        try:
            found = self._client(target.mount).get_object(Bucket=target.mount.bucket, Key=target.key, **parameters)
            with closing(found["Body"]) as body:
                yield from body.iter_chunks(_PIECE)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412:
                raise Unavailable("The file is being replaced.") from error
            _answered(error.response["ResponseMetadata"], error)
        except BotoCoreError as error:
            raise Unavailable("S3 does not answer.") from error

    def create(self, target: Target, image: Image) -> None:
        """Write an object, unless there is one; see `ports.ObjectStore.create`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client(target.mount).put_object(
                Bucket=target.mount.bucket,
                Key=target.key,
                Body=image.body,
                ContentType=image.media_type,
                CacheControl=_FOREVER,
                IfNoneMatch="*",
            )
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status not in (409, 412):  # FACTS 4.6: there is one already, or another request writes it just now
                raise Unavailable("S3 does not let the service write here.") from error
        except BotoCoreError as error:
            raise Unavailable("S3 does not answer.") from error

    def _client(self, mount: Mount) -> "S3Client":
        import boto3
        from botocore.config import Config

        name = (mount.endpoint, mount.region, mount.credentials)
        own = mount.credentials
        if name not in self._clients:
            self._clients[name] = boto3.client(
                "s3",
                endpoint_url=mount.endpoint,
                region_name=mount.region,
                aws_access_key_id=own.access_key if own else None,
                aws_secret_access_key=own.secret_key if own else None,
                config=Config(
                    connect_timeout=2,
                    read_timeout=5,
                    retries={"mode": "standard", "total_max_attempts": 2},
                    s3={"addressing_style": "path" if mount.endpoint else "auto"},
                    # Else what is written comes with a checksum after it, which not all other stores can read.
                    request_checksum_calculation="when_required",
                    # The mount alone says where S3 is. (boto3-stubs do not know the option.)
                    ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]
                ),
            )
        return self._clients[name]


def _parameters(query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    from email.utils import parsedate_to_datetime  # it takes longer to load than a redirect

    parameters: dict[str, Any] = {_QUERY[name]: value for name, value in query.items()}
    for name in _CONDITIONS.keys() & headers.keys():
        if not is_plain(headers[name]):
            raise BadHeader(name, "only printable ASCII can be sent.")
        parameters[_CONDITIONS[name]] = headers[name]
    for name, parameter in _DATES.items():
        try:
            parameters[parameter] = parsedate_to_datetime(headers[name])
        except (KeyError, ValueError, OverflowError):
            continue  # RFC 9110 §13.1.3: a date that is not one is ignored
    return parameters


def _answered(response: Mapping[str, Any], error: Exception | None) -> Metadata:
    """Turn S3's answer into ours; HeadObject has no body, so its status is all that it says of a failure."""
    status = int(response["HTTPStatusCode"])
    if status in (200, 206, 304, 416):
        return Metadata(status, _passed(response["HTTPHeaders"]))
    if status == 400:
        raise BadRequest("S3 does not understand the request. Check the versionId and the headers.") from error
    if status in (404, 405):  # 405: the version is a delete marker
        raise NotFound("There is no such object.")
    if status == 412:
        raise PreconditionFailed()
    if status == 403:
        raise Unavailable("S3 refuses the service itself: its role may not read this bucket.") from error
    raise Unavailable("S3 does not answer.") from error


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    """The fields that describe the object; one that cannot be sent on is left out."""
    return {name: value for name, value in headers.items() if name.startswith(_PASSED) and is_plain(value)}
