"""Version pages: the page of the versions and the deleted files of a directory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.page_views import NavigationView, Part, VersionedFile, VersionRow, VersionsView

from .directory_listing import Entry
from .directory_selection import Selection
from .page_frames import PageFrames
from .restores import may_restore

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages


class VersionPages:
    """Renders the pages of versions.

    Args:
        rules: decide what a page offers to do.
        mounts: the buckets, where the script of a page erases delete markers.
        frames: makes the frame of a page.
        pages: renders the views.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, frames: PageFrames, pages: "Pages") -> None:
        self._rules = rules
        self._mounts = mounts
        self._frames = frames
        self._pages = pages

    def listing(
        self,
        request: Request,
        selection: Selection,
        entries: Sequence[tuple[Entry, str]],
        navigation: NavigationView,
    ) -> Reply:
        """Return the page of a part of the versions; the arguments are those of `DirectoryPages.listing`."""
        grant = selection.grant
        directories: list[Part] = []
        files: dict[str, list[VersionRow]] = {}
        for entry, url in entries:
            name = selection.name(entry.path)
            if entry.is_directory:
                directories.append(Part(name, True, url))
            else:
                files.setdefault(name, []).append(self._row(grant, entry, url))
        view = VersionsView(
            visitor=self._frames.visitor(request, grant),
            crumbs=self._frames.crumbs(request, grant, grant.path),
            directories=directories,
            files=[VersionedFile(name, rows) for name, rows in files.items()],
            navigation=navigation,
        )
        return replies.page(200, self._pages.versions(view), self._mounts.origins(grant.path))

    def _row(self, grant: Grant, entry: Entry, url: str) -> VersionRow:
        version = entry.version
        is_latest, is_deleted = version is not None and version.is_latest, entry.size is None

        def may(action: str) -> Grant | None:
            return self._rules.grant_for(grant, action, entry.path)

        return VersionRow(
            url=url,
            size=entry.size,
            modified=entry.modified or 0,
            is_latest=is_latest,
            may_undelete=is_latest and is_deleted and may("delete") is not None and may("purge") is not None,
            may_restore=entry.size is not None and not is_latest and may_restore(may("write"), entry.size),
        )
