"""Directory pages: the page of a listing, and the page of a directory that its visitor may not list."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from chalicelib.core import replies
from chalicelib.core.access.reach import Reach
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.web import image_parameters, multipart_parameters
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.page_views import DirectoryView, NavigationView, Part, Row, UploadsView
from chalicelib.core.web.paths import Path
from chalicelib.core.web.times import Deadline

from .directory_listing import Entry
from .directory_navigation import GRID
from .directory_selection import Selection
from .inbox_forms import InboxForms
from .page_frames import PageFrames
from .preview_addresses import view_query, view_url

if TYPE_CHECKING:
    from chalicelib.core.access.authorization import Caller
    from chalicelib.core.access.link_tokens import Link
    from chalicelib.core.ports import Pages


class DirectoryPages:
    """Renders the pages of directories, and answers with the upload page.

    Args:
        rules: decide what a page offers to do.
        reach: finds what the visitor may open besides the entries, and where the visitor may upload.
        mounts: the buckets, to which the script of a page sends files.
        inbox_forms: make the forms of inboxes.
        pages: renders the views.
        frames: makes the visitor and the breadcrumb.
        has_table: whether the service has a table, which knows the revocable links.
        uses_left: returns how many uses a counted link has left.
    """

    def __init__(
        self,
        *,
        rules: RuleSet,
        reach: Reach,
        mounts: Mounts,
        inbox_forms: InboxForms,
        pages: "Pages",
        frames: PageFrames,
        has_table: bool,
        uses_left: Callable[["Link", Deadline], int],
    ) -> None:
        self._rules = rules
        self._reach = reach
        self._mounts = mounts
        self._inbox_forms = inbox_forms
        self._pages = pages
        self._frames = frames
        self._has_table = has_table
        self._uses_left = uses_left

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the upload page, for a browser whose link may upload into the directory and not list it."""
        return self.unlisted(request, grant, grant.path, (), now)

    def listing(
        self,
        request: Request,
        selection: Selection,
        entries: Sequence[tuple[Entry, str]],
        navigation: NavigationView,
        now: float,
    ) -> Reply:
        """Return the page of a listing.

        Args:
            request: the request.
            selection: what is listed.
            entries: the entries, each with its URL.
            navigation: the way to the other parts and orders.
            now: Unix time in seconds.
        """
        query = view_query(request, selection)
        rows = tuple(self._row(request, entry, selection, url, query) for entry, url in entries)
        grant = selection.grant
        is_first_of_person = grant.link is None and "cursor" not in request.query and not selection.text
        paths = self._reach.parts(grant, grant.path) if is_first_of_person else ()
        return self._page(request, grant, grant.path, paths, now, rows=rows, navigation=navigation)

    def unlisted(
        self, request: Request, caller: "Caller | Grant", directory: Path, paths: Sequence[Path], now: float
    ) -> Reply:
        """Return the page of a directory that the caller may not list.

        Args:
            request: the request.
            caller: who asks.
            directory: the path of the directory.
            paths: what the caller may open below the directory.
            now: Unix time in seconds.
        """
        return self._page(request, caller, directory, paths, now)

    def _page(
        self,
        request: Request,
        caller: "Caller | Grant",
        path: Path,
        paths: Sequence[Path],
        now: float,
        *,
        rows: tuple[Row, ...] | None = None,
        navigation: NavigationView = NavigationView(),  # noqa: B008 it never changes
    ) -> Reply:
        uploads = self._uploads(request, caller, path, now)
        view = DirectoryView(
            visitor=self._frames.visitor(request, caller),
            crumbs=self._frames.crumbs(request, caller, path),
            rows=rows,
            navigation=navigation,
            url=request.base_url + quote(path),
            uploads=uploads,
            may_share=self._rules.grant_for(caller, "share", path) is not None,
            parts=tuple(_part(request, part, path) for part in paths),
            versions_url=self._versions_url(request, caller, path),
            keeps_links=self._has_table and caller.link is None and "authenticated" in caller.principal.tags,
            counts_uses=self._has_table,
        )
        # The origins name buckets, so a visitor who sees and sends no file does not get the names.
        origins = set() if rows is None and uploads is None else self._mounts.origins(path)
        form_url = uploads.form.url if uploads and uploads.form else ""
        return replies.page(200, self._pages.directory(view), origins, form_url=form_url)

    def _versions_url(self, request: Request, caller: "Caller | Grant", directory: Path) -> str:
        may_see = all(self._rules.grant_for(caller, action, directory) for action in ("list", "versions"))
        return f"{request.base_url}{quote(directory)}?versions" if may_see else ""

    def _row(self, request: Request, entry: Entry, selection: Selection, url: str, query: str) -> Row:
        def may(action: str) -> bool:
            return self._rules.grant_for(selection.grant, action, entry.path) is not None

        page_of_file = view_url(request, url, entry.path, query)
        return Row(
            name=selection.name(entry.path),
            is_directory=entry.is_directory,
            url=url,
            size=entry.size,
            modified=entry.modified,
            may_delete=not entry.is_directory and may("delete"),
            may_share=may("share"),
            thumbnail=_thumbnail(request, entry) if page_of_file else "",
            view_url=page_of_file,
        )

    def _uploads(self, request: Request, caller: "Caller | Grant", directory: Path, now: float) -> UploadsView | None:
        """Return the uploads that are allowed in a directory."""
        upload_grant = self._reach.upload(caller, directory)
        if upload_grant is None:
            return None
        rule = upload_grant.rule
        part_bytes = None if rule.max_bytes is None else multipart_parameters.part_bytes(rule.max_bytes)
        inbox = self._rules.grant_for(caller, "read", upload_grant.path) is None
        uses = self._uses_left(caller.link, request.deadline) if caller.link and caller.link.uses else None
        form = self._inbox_forms.form(request, caller, directory, now) if inbox else None
        return UploadsView(
            upload_grant.may_replace, rule.max_bytes, rule.content_types, rule.checksum, part_bytes, inbox, uses, form
        )


def _part(request: Request, path: Path, directory: Path) -> Part:
    """Return a part below a directory, with the URL that a person opens."""
    url = request.base_url + quote(path)
    return Part(path[len(directory) :], path.endswith("/"), view_url(request, url, path, "view") or url)


def _thumbnail(request: Request, entry: Entry) -> str:
    """Return the URL of a small image of an entry, with the link of the reader, unless the image would redeem a use."""
    link = entry.grant.link
    if entry.size is None or (link and link.uses):
        return ""
    sizes = entry.grant.rule.image_sizes
    query = image_parameters.thumbnail(entry.path, entry.size, sizes, is_tile=GRID in request.query)
    token = f"token={request.query['token']}&" if link else ""
    return f"{request.base_url}{entry.raw_path}?{token}{query}" if query else ""
