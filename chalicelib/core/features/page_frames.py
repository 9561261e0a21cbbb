"""Page frames: the parts that the pages of directories and of files share, the visitor and the breadcrumb."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.reach import Reach
from chalicelib.core.access.rules import Grant
from chalicelib.core.web.message import Request
from chalicelib.core.web.page_views import Crumb, Visitor, visitor_of
from chalicelib.core.web.paths import Path, directories_above

from .directory_navigation import query_of_directory

if TYPE_CHECKING:
    from chalicelib.core.access.authorization import Caller


class PageFrames:
    """Makes the frame of a page.

    Args:
        reach: finds the directories that have a page for the visitor.
        realm: the name of the topmost directory.
        sign_in: whether a page offers to sign in.
    """

    def __init__(self, *, reach: Reach, realm: str, sign_in: bool) -> None:
        self._reach = reach
        self._realm = realm
        self._sign_in = sign_in

    def visitor(self, request: Request, caller: "Caller | Grant") -> Visitor:
        """Return the visitor of a page. The holder of a link counts as anonymous."""
        principal, link = caller.principal, caller.link
        if link:
            return visitor_of(
                request, "", sign_in=self._sign_in, link_expires_at=link.expires_at, link_maker=principal.shown_name
            )
        name = "" if principal is ANYONE else principal.name
        return visitor_of(request, name, sign_in=self._sign_in, display_name=principal.display_name)

    def crumbs(self, request: Request, caller: "Caller | Grant", page: Path) -> tuple[Crumb, ...]:
        """Return the directories from the top, or from the directory of the link, down to the page itself.

        A directory without a page for the visitor has no URL.

        Args:
            request: the request.
            caller: who asks.
            page: the path of the directory or the file that the page shows.
        """
        top = caller.link.path if caller.link else "/"
        query = query_of_directory(request, request.query["token"] if caller.link else None)

        def crumb(path: Path) -> Crumb:
            has_page = path == page or self._reach.has_page(caller, path)
            url = f"{request.base_url}{quote(path)}{query}" if has_page else ""
            return Crumb(path.rstrip("/").rpartition("/")[2] or self._realm, url)

        return tuple(crumb(path) for path in (*reversed([*directories_above(page)]), page) if path.startswith(top))
