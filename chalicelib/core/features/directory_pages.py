"""Directory pages: the page of a listing, and the upload page of a link that may only upload."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from chalicelib.core import replies
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.web import image_parameters, multipart_parameters, paths
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.page_views import Crumb, DirectoryView, Row, UploadsView, Visitor, visitor_of

from .directory_listing import Entry, name_of

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages


class DirectoryPages:
    """Renders the pages of directories, and answers with the upload page.

    Args:
        rules: decide what a page offers to do.
        mounts: the buckets, to which the script of a page sends files.
        pages: renders the views.
        realm: the name of the topmost directory.
        sign_in: whether a page offers to sign in.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, pages: "Pages", realm: str, sign_in: bool) -> None:
        self._rules = rules
        self._mounts = mounts
        self._pages = pages
        self._realm = realm
        self._sign_in = sign_in

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the upload page, for a browser whose link may upload into the directory and not list it."""
        return self._page(request, grant, None, None)

    def listing(
        self, request: Request, grant: Grant, entries: Sequence[tuple[Entry, str]], cursor: str | None
    ) -> Reply:
        """Return the page of a listing.

        Args:
            request: the request.
            grant: to list the directory.
            entries: the entries, each with its URL.
            cursor: of the next part; None after the last part.
        """
        rows = tuple(self._row(request, entry, grant, url) for entry, url in entries)
        return self._page(request, grant, rows, cursor)

    def _page(self, request: Request, grant: Grant, rows: tuple[Row, ...] | None, cursor: str | None) -> Reply:
        names = ("token", "recursive", "limit", "links")
        query = {name: request.query[name] for name in names if name in request.query}
        directory = request.base_url + quote(grant.path)
        view = DirectoryView(
            visitor=self._visitor(request, grant),
            crumbs=self._crumbs(request, grant),
            rows=rows,
            next_url=f"{directory}?{urlencode({**query, 'cursor': cursor})}" if cursor else "",
            is_first="cursor" not in request.query,
            url=directory,
            uploads=self._uploads(grant),
            may_share=self._rules.grant_for(grant, "share", grant.path) is not None,
        )
        return replies.page(200, self._pages.directory(view), self._mounts.origins(grant.path))

    def _visitor(self, request: Request, grant: Grant) -> Visitor:
        """Return the visitor of a page. The holder of a link counts as anonymous."""
        has_name = grant.link is None and grant.principal is not ANYONE
        name, display_name = (grant.principal.name, grant.principal.display_name) if has_name else ("", "")
        link_expires_at = grant.link.expires_at if grant.link else None
        return visitor_of(
            request, name, sign_in=self._sign_in, link_expires_at=link_expires_at, display_name=display_name
        )

    def _crumbs(self, request: Request, grant: Grant) -> tuple[Crumb, ...]:
        """Return the directories from the top, or from the directory of the link, down to this directory."""
        top = grant.link.path if grant.link else "/"
        directories = [*reversed([*paths.directories_above(grant.path)]), grant.path]
        query = f"?token={request.query['token']}" if grant.link else ""
        return tuple(
            Crumb(path.rstrip("/").rpartition("/")[2] or self._realm, f"{request.base_url}{quote(path)}{query}")
            for path in directories
            if path.startswith(top)
        )

    def _row(self, request: Request, entry: Entry, grant: Grant, url: str) -> Row:
        def may(action: str) -> bool:
            return self._rules.grant_for(grant, action, entry.path) is not None

        return Row(
            name=name_of(entry, grant),
            is_directory=entry.is_directory,
            url=url,
            size=entry.size,
            modified=entry.modified,
            may_delete=not entry.is_directory and may("delete"),
            may_share=may("share"),
            thumbnail=_thumbnail(request, entry),
        )

    def _uploads(self, grant: Grant) -> UploadsView | None:
        """Return the uploads that are allowed here: the rule for an example name decides."""
        example = paths.decode(quote(grant.path) + "name")
        upload_grant = self._rules.grant_for(grant, "write", example)
        if upload_grant is None:
            return None
        rule = upload_grant.rule
        part_bytes = None if rule.max_bytes is None else multipart_parameters.part_bytes(rule.max_bytes)
        inbox = self._rules.grant_for(grant, "read", example) is None
        return UploadsView(
            upload_grant.may_replace, rule.max_bytes, rule.content_types, rule.checksum, part_bytes, inbox
        )


def _thumbnail(request: Request, entry: Entry) -> str:
    """Return the URL of a small image of an entry, with the link of the reader, unless the image would redeem a use."""
    link = entry.grant.link
    if entry.size is None or (link and link.uses):
        return ""
    query = image_parameters.thumbnail(entry.path, entry.size, entry.grant.rule.image_sizes)
    token = f"token={request.query['token']}&" if link else ""
    return f"{request.base_url}{entry.raw_path}?{token}{query}" if query else ""
