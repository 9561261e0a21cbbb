"""Previews: `?view` of a file is a page that shows the file, under the origin of the service."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3 import passthrough
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.web import image_parameters
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.file_kinds import preview_of
from chalicelib.core.web.message import Reply, Request, asked_path
from chalicelib.core.web.page_views import PreviewView
from chalicelib.core.web.paths import directories_above
from chalicelib.core.web.problems.base import NotFound

from .directory_selection import selection_of
from .page_frames import PageFrames
from .preview_addresses import directory_url, listing_url, with_query

if TYPE_CHECKING:
    from chalicelib.core.ports import ObjectStore, Pages

_MAX_TEXT_BYTES: Final = 1_000_000  # a script holds the whole text, and the browser lays the text out at once

# What a page loads from the store: the directive of its Content-Security-Policy.
_DIRECTIVES: Final[Mapping[str, str]] = {
    "image": "img-src",
    "video": "media-src",
    "audio": "media-src",
    "text": "connect-src",
    "markdown": "connect-src",
    "pdf": "frame-src",
}

# S3 sends a PDF with this type, whatever its type is in the store: a frame runs no HTML that is named `.pdf`.
_AS_PDF: Final = urlencode({"response-content-type": "application/pdf", "response-content-disposition": "inline"})


class Previews:
    """Answers with the pages of files, to a caller who may read the file.

    Args:
        rules: decide whether the caller may list the directory of the file.
        mounts: the buckets.
        objects: tells whether a file exists, its size, and its type.
        pages: renders the pages.
        frames: makes the visitor and the breadcrumb.
    """

    def __init__(
        self, *, rules: RuleSet, mounts: Mounts, objects: "ObjectStore", pages: "Pages", frames: PageFrames
    ) -> None:
        self._rules = rules
        self._mounts = mounts
        self._objects = objects
        self._pages = pages
        self._frames = frames

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the page of a file, after one HEAD request to S3. The status is 404 where the file is gone.

        Raises:
            NotFound, BadPath, KeyTooLong: no key has this path.
            BadParameter: a parameter cannot be used.
            Unavailable: S3 does not answer.
        """
        target = self._mounts.resolve(grant)
        log_entry.bucket, log_entry.key = target.mount.bucket, target.key
        version = {name: value for name, value in passthrough.query(request, grant.path).items() if name == "versionId"}
        try:
            metadata = self._objects.head(target, version, {}, request.deadline).headers
        except NotFound as gone:
            log_entry.add_problem(gone)
            return replies.page(404, self._pages.preview(self._view(request, grant, version, None)))
        origins = target.mount.origins
        view = self._view(request, grant, version, metadata)._replace(store=" ".join(origins))
        directives = (_DIRECTIVES[view.kind],) if view.kind else ()
        return replies.page(200, self._pages.preview(view), origins, store_directives=directives)

    def _view(
        self, request: Request, grant: Grant, version: Mapping[str, str], metadata: Mapping[str, str] | None
    ) -> PreviewView:
        """Return the view of a file; `metadata` is None for a file that is gone."""
        token = {"token": request.query["token"]} if grant.link else {}
        url = with_query(request.base_url + quote(grant.path), urlencode({**version, **token}))
        size = None if metadata is None else int(metadata["content-length"])
        takes_use = bool(grant.link and grant.link.uses)
        kind = "" if size is None or takes_use else _kind(grant.path, size, metadata or {})
        crumbs = self._frames.crumbs(request, grant, grant.path)
        way_back, script_url = crumbs[-2].url if len(crumbs) > 1 else "", ""
        list_grant = self._rules.grant_for(grant, "list", next(directories_above(grant.path)))
        if list_grant:
            selection = selection_of(request, list_grant)
            way_back = directory_url(request, selection)
            script_url = "" if version or takes_use else listing_url(request, selection)
        return PreviewView(
            visitor=self._frames.visitor(request, grant),
            crumbs=crumbs,
            kind=kind,
            url=url,
            shown_url=_shown_url(url, kind, grant, size or 0),
            size=size,
            modified="" if metadata is None else metadata["last-modified"],
            takes_use=takes_use,
            directory_url=way_back,
            listing_url=script_url,
            store="",
            path=asked_path(request),
        )


def _kind(path: str, size: int, metadata: Mapping[str, str]) -> str:
    kind = preview_of(path.rpartition("/")[2], metadata.get("content-type", ""))
    return "" if kind in ("text", "markdown") and size > _MAX_TEXT_BYTES else kind


def _shown_url(url: str, kind: str, grant: Grant, size: int) -> str:
    """Return the URL that the page loads."""
    if kind == "pdf":
        return with_query(url, _AS_PDF)
    if kind == "image":
        return with_query(url, image_parameters.screen_image(grant.path, size, grant.rule.image_sizes))
    return url
