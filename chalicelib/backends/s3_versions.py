"""The versions of objects in S3, listed and brought back by the service itself with boto3."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.ports import ListedKey, ListedKeys, Version
from chalicelib.core.s3.mounts import Target
from chalicelib.core.web.problems.base import BadRequest, NotFound, NotOffered, Problem, Unavailable
from chalicelib.core.web.times import Deadline

from .aws_calls import call, status_of, unavailable
from .s3_clients import S3Clients
from .s3_parameters import start_of_level

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_COPY_SECONDS: Final = 300  # of a copy that goes on after the answer of the service
_ENTRIES: Final = re.compile(rb"<(Version|DeleteMarker)[ >]")
_NOT_CONFIRMED: Final = "S3 does not confirm the copy, and may still finish the copy. Look at the versions first."


class S3Versions:
    """ListObjectVersions, and CopyObject of a version to its own key, on any mount; see `ports.VersionStore`.

    Args:
        clients: has the client of each mount.
    """

    def __init__(self, clients: S3Clients) -> None:
        self._clients = clients
        # A second attempt would make a second copy.
        self._copying = S3Clients(read_timeout=_COPY_SECONDS, retries={"total_max_attempts": 1})

    def list(self, target: Target, deadline: Deadline, *, after: str, version: str, limit: int) -> ListedKeys:
        """Return the versions below a prefix; see `ports.VersionStore.list`."""
        markers: Any = {"KeyMarker": start_of_level(target.key, after)} if after else {}
        markers |= {"VersionIdMarker": version} if version else {}  # S3 takes no empty marker

        def work() -> ListedKeys:
            from botocore.exceptions import ClientError

            client = self._clients.of(target.mount)
            client.meta.events.register("before-parse.s3.ListObjectVersions", _keep_order, unique_id=__name__)
            try:
                answer = client.list_object_versions(
                    Bucket=target.mount.bucket,
                    Prefix=target.key,
                    Delimiter="/",
                    MaxKeys=limit,
                    **markers,
                )
            except ClientError as error:
                if status_of(error) in (403, 404):
                    detail = "S3 refuses the service itself: its role may not list the versions in this bucket."
                    raise unavailable(detail, error) from error
                raise
            prefixes = [ListedKey(item["Prefix"], True, 0, 0, "") for item in answer.get("CommonPrefixes", ())]
            # Some stores repeat the directory that ends just before `after`.
            listed = [
                key for key in (*prefixes, *_versions(answer)) if key.key > after or (version and key.key == after)
            ]
            # The order of S3 stays for versions of one second. Other stores have markers and versions apart.
            listed.sort(key=_place)
            return ListedKeys(listed, not answer["IsTruncated"])

        return call(deadline, work, otherwise="S3 does not answer.")

    def restore(self, target: Target, version: str, etag: str, deadline: Deadline) -> str | None:
        """Copy a version to a new version of its object; see `ports.VersionStore.restore`."""
        bucket, key = target.mount.bucket, target.key

        def work() -> str | None:
            from botocore.exceptions import ClientError

            client = self._copying.of(target.mount)
            try:
                if client.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
                    raise NotOffered(
                        "This bucket keeps no versions now, so bringing back would replace a file for good."
                    )
                answer = client.copy_object(
                    Bucket=bucket,
                    Key=key,
                    CopySource={"Bucket": bucket, "Key": key, "VersionId": version},
                    CopySourceIfMatch=etag,
                    # The new version has no tags: with tags, S3 asks for more permissions, and a tag can decide access.
                    TaggingDirective="REPLACE",
                )
            except ClientError as error:
                raise _refusal(error) from error
            if "ETag" not in answer["CopyObjectResult"]:
                raise Unavailable(_NOT_CONFIRMED, reason="the answer to CopyObject lacks the ETag of the copy")
            return answer.get("VersionId")

        return call(deadline, work, otherwise=_NOT_CONFIRMED)


def _keep_order(response_dict: Any, customized_response_dict: dict[str, Any], **_: object) -> None:
    """Keep the kind of each entry in the order of the answer: boto3 has versions and delete markers apart."""
    customized_response_dict["Kinds"] = [kind.decode() for kind in _ENTRIES.findall(response_dict["body"])]


def _versions(answer: Any) -> Iterator[ListedKey]:
    """Yield the versions and the delete markers in the order of the answer."""
    entries = {"Version": iter(answer.get("Versions", ())), "DeleteMarker": iter(answer.get("DeleteMarkers", ()))}
    for kind in answer["Kinds"]:
        item = next(entries[kind])
        version = Version(item["VersionId"], item["IsLatest"], kind == "DeleteMarker")
        size, etag = item.get("Size", 0), item.get("ETag", "")
        yield ListedKey(item["Key"], False, size, item["LastModified"].timestamp(), etag, version)


def _place(key: ListedKey) -> tuple[str, bool, float]:
    return key.key, key.version is not None and not key.version.is_latest, -key.modified


def _refusal(error: "ClientError") -> Problem:
    """Return the problem for a refusal of S3 to copy a version that HEAD found."""
    status, code = status_of(error), error.response["Error"]["Code"]
    if code == "InvalidObjectState":
        return NotOffered("This version is in an archive. Restore the version from the archive with S3, and try again.")
    if code in ("NoSuchKey", "NoSuchVersion"):
        return NotFound("There is no such version any more.")
    if status == 412:
        return Unavailable("The version is being replaced.")
    if status == 400 and error.operation_name == "CopyObject":
        return BadRequest(
            "S3 does not copy this version. Choose an earlier version, not the content that the file has."
        )
    if status == 403:
        return unavailable("S3 refuses the service itself: its role may not copy versions in this bucket.", error)
    return unavailable(_NOT_CONFIRMED, error)
