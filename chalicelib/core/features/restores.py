"""Restores: `POST KEY?restore&versionId=ID` brings an earlier version of a file back, as the newest version."""

from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant
from chalicelib.core.access.sessions import check_same_origin
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.s3.upload_limits import check_media_type
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request, is_plain, wants_page
from chalicelib.core.web.problems.base import BadParameter, NotOffered, Problem
from chalicelib.core.web.problems.uploads import PayloadTooLarge

if TYPE_CHECKING:
    from chalicelib.core.ports import ObjectStore, VersionStore

MAX_COPY_BYTES: Final = 5 * 1024**3  # S3 API Reference, CopyObject: the largest object of one copy


class Restores:
    """Copies versions inside S3. A restored file obeys the limits of an upload to the same path.

    Args:
        mounts: the buckets.
        objects: tells the size and the type of a version.
        versions: copies a version.
    """

    def __init__(self, *, mounts: Mounts, objects: "ObjectStore", versions: "VersionStore") -> None:
        self._mounts = mounts
        self._objects = objects
        self._versions = versions

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the id of the new version, where the store tells it, or to a form with the page of the versions.

        The caller holds `write`; for a request with `versionId`, `read` and `versions` too, and has no link.

        Raises:
            CrossSite: a page of another site sent the form.
            BadParameter: the request names no version.
            NotFound, BadPath, KeyTooLong: no key has this path, or the key has no such version with content.
            NotOffered: the rule demands more of an upload than a copy has; the bucket keeps no versions; the version is
                too large for a copy, or archived.
            PayloadTooLarge, UnsupportedMediaType: the version breaks the limits of the rule.
            BadRequest, Unavailable: as `VersionStore.restore`.
        """
        if wants_page(request):
            check_same_origin(request)  # a browser can add a password that it knows to the form of another site
        if not request.query.get("versionId"):
            raise BadParameter(
                "versionId", "it names the version to bring back. GET /DIRECTORY/?versions lists versions."
            )
        target = self._mounts.resolve(grant)
        log_entry.bucket, log_entry.key = target.mount.bucket, target.key
        _check_demands(grant)
        if target.mount.is_access_point:  # S3 User Guide, "Access point compatibility": it does not tell the versioning
            raise NotOffered(
                "An access point does not tell whether its bucket keeps versions. Download the version, and upload it "
                "again."
            )
        found = self._objects.head(target, {"versionId": request.query["versionId"]}, {}, request.deadline).headers
        _check_limits(grant, int(found["content-length"]), found.get("content-type", ""))
        if "x-amz-version-id" not in found:
            raise NotOffered("This bucket keeps no versions, so there is nothing to bring back.")
        version = self._versions.restore(target, found["x-amz-version-id"], found["etag"], request.deadline)
        if wants_page(request):
            return replies.see_other(_page_of_versions(request))
        return replies.document(200, {"path": grant.path, "version": version})


def may_restore(grant: Grant | None, size: int) -> bool:
    """Whether a grant to write lets its caller bring back a version of some bytes. The type is checked later."""
    if grant is None:
        return False
    try:
        _check_demands(grant)
        _check_limits(grant, size, None)
    except Problem:
        return False
    return True


def _check_demands(grant: Grant) -> None:
    """Raise NotOffered where a rule demands a header of an upload: a copy has no headers of its client."""
    if grant.rule.require_headers or not grant.may_replace:
        raise NotOffered(
            "The rule here demands headers of each upload, or lets no upload replace a file. Download the version, and "
            "upload it again; or erase the delete marker: DELETE with ?versionId, which needs `delete` and `purge`."
        )


def _check_limits(grant: Grant, size: int, content_type: str | None) -> None:
    """Raise a Problem where an upload of this size and type would be refused, or S3 cannot copy the size at once.

    A listing tells no type: then `content_type` is None, and is not checked.
    """
    rule = grant.rule
    if rule.max_bytes is not None and size > rule.max_bytes:
        raise PayloadTooLarge(size, rule.max_bytes)
    if rule.content_types and content_type is not None:
        check_media_type(content_type, rule.content_types)
    if size > MAX_COPY_BYTES:
        raise NotOffered(
            "S3 copies at most 5 GiB at once. To bring back a deleted file, erase its delete marker: DELETE with "
            "?versionId, which needs `delete` and `purge`. Else download the version, and upload it in parts."
        )


def _page_of_versions(request: Request) -> str:
    """Return the URL of the page that has the form: the part that the person sees, or the first part."""
    directory = f"{request.base_url}{request.raw_path.rpartition('/')[0]}/"
    referrer = request.headers.get("referer", "")
    return referrer if referrer.startswith(f"{directory}?") and is_plain(referrer) else f"{directory}?versions"
