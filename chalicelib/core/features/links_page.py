"""Links page: `/-/links` lists the caller's own live revocable links, and `/-/links/ID` revokes one of these links."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from chalicelib.core import replies
from chalicelib.core.access.link_tokens import ListedLink
from chalicelib.core.access.principals import ANYONE, Authenticator, Principal, identify
from chalicelib.core.access.sessions import check_same_origin
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request, wants_page
from chalicelib.core.web.page_views import LinkRow, LinksView, visitor_of
from chalicelib.core.web.paths import LINK, LINKS, Path
from chalicelib.core.web.problems.access import CredentialsMissing, LinkInvalid
from chalicelib.core.web.problems.base import NotFound, NotOffered
from chalicelib.core.web.times import rfc3339

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages, RevocableLinks


class LinksPage:
    """Answers at `/-/links` and below.

    Args:
        authenticators: tried in this order; the holder of a link is not the maker of the link.
        revocable_links: has the lists; None where the service has no table.
        pages: renders the page.
    """

    def __init__(
        self, *, authenticators: Sequence[Authenticator], revocable_links: "RevocableLinks | None", pages: "Pages"
    ) -> None:
        self._authenticators = authenticators
        self._revocable_links = revocable_links
        self._pages = pages

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the list, as JSON or as a page, or revoke a link: by DELETE, or by the POST of a form.

        A service token sees the links that it may share: those below its path, where `share` is one of its actions.

        Raises:
            LinkInvalid: the request has the token of a link.
            CrossSite: a page of another site sent the form, or sent the DELETE with a cookie.
            Unauthorized: the credentials are missing or bad.
            NotOffered: the service has no table.
            NotFound: the caller has no live link with this id.
            Unavailable: the table does not answer.
        """
        if "token" in request.query:
            raise LinkInvalid("A link opens no list of links. Leave out ?token, and sign in or send an API key.")
        if request.method == "POST":
            check_same_origin(request)  # a browser can add a password that it knows to the form of another site
        principal = identify(request, self._authenticators, now)
        if principal is ANYONE:
            raise CredentialsMissing()
        log_entry.principal, log_entry.display_name = principal.name, principal.display_name
        if self._revocable_links is None:
            raise NotOffered("This service has no table, so there are no links that can be listed and revoked.")
        scope = principal.scope
        listed = self._revocable_links.links_of(principal.name, now=now, deadline=request.deadline)
        links = [link for link in listed if scope is None or scope.covers("share", link.path)]
        if path == LINKS:
            return self._list(request, principal, links)
        link = next((link for link in links if link.id == path.removeprefix(LINK)), None)
        if link is None:
            raise NotFound("You have no live link with this id. GET /-/links lists your links.")
        self._revocable_links.revoke(principal.name, link.id, link.expires_at, request.deadline)
        if request.method == "POST":
            return replies.see_other(request.base_url + LINKS)
        return Reply(204, {"Cache-Control": replies.NO_STORE})

    def _list(self, request: Request, principal: Principal, links: Sequence[ListedLink]) -> Reply:
        if not wants_page(request):
            described = [{**link._asdict(), "expires_at": rfc3339(link.expires_at)} for link in links]
            return replies.document(200, {"links": described})
        visitor = visitor_of(request, principal.name, sign_in=True, display_name=principal.display_name)
        rows = [LinkRow(*link, f"{request.base_url}{quote(link.path)}") for link in links]
        return replies.page(200, self._pages.links(LinksView(visitor, rows)))
