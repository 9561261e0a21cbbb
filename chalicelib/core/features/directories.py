"""Directories: GET and HEAD of a directory, as JSON for programs and as a page for people, both from one listing."""

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request, wants_page
from chalicelib.core.web.numbers import whole_number
from chalicelib.core.web.problems.base import BadParameter
from chalicelib.core.web.times import rfc3339

from .directory_cursors import START, DirectoryCursors, Trail
from .directory_listing import DirectoryListings, Entry, Listing
from .directory_navigation import navigation_of, query_of_directory
from .directory_selection import Selection, selection_of
from .directory_walk import MAX_KEYS
from .links import Links
from .manifests import manifest

if TYPE_CHECKING:
    from .directory_pages import DirectoryPages
    from .version_pages import VersionPages

_MAX_ENTRIES: Final = 1_000
_MANIFEST_FILES: Final = 20_000
_PAGE_ENTRIES: Final = 200  # of one part of a page, where the reader asks for no other number


class _Part(NamedTuple):
    """A part of a listing, the selection, and the positions of the parts up to this part."""

    selection: Selection
    trail: Trail
    listing: Listing


class Directories:
    """Answers with listings.

    Args:
        listings: lists directories.
        cursors: have the positions of the parts.
        rules: decide who may ask for one-time links.
        links: makes the one-time links of `?links`.
        pages: renders the pages.
        version_pages: renders the pages of versions.
    """

    def __init__(
        self,
        *,
        listings: DirectoryListings,
        cursors: DirectoryCursors,
        rules: RuleSet,
        links: Links,
        pages: "DirectoryPages",
        version_pages: "VersionPages",
    ) -> None:
        self._listings = listings
        self._cursors = cursors
        self._rules = rules
        self._links = links
        self._pages = pages
        self._version_pages = version_pages

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with a part of the listing, as the query describes: see `docs/listings.md`.

        Raises:
            BadParameter: a parameter cannot be used.
            Forbidden, CredentialsMissing, LinkInvalid: `?links`, and the caller may not share the directory.
            Unavailable: S3 does not answer.
        """
        if "links" in request.query:
            self._rules.require(grant, "share", grant.path)
        selection = selection_of(request, grant)
        if "manifest" in request.query:
            return self._manifest(request, selection, now)
        part = self._part(request, selection)
        reply = self._reply(request, part, now)
        while len(reply.body) > replies.MAX_BODY_BYTES and len(part.listing.entries) > 1:
            # The names are not equally long, so the proportion is only an estimate.
            count = max(1, len(part.listing.entries) * replies.MAX_BODY_BYTES // len(reply.body))
            listing = self._listings.first(part.listing, count, part.selection, part.trail[-1])
            part = part._replace(listing=listing)
            reply = self._reply(request, part, now)
        return reply

    def _manifest(self, request: Request, selection: Selection, now: float) -> Reply:
        """Return all files of a selection for a program. A manifest has no parts: a program would miss the rest."""
        if selection.versions:
            raise BadParameter("manifest", "a manifest has no versions. Leave out ?versions.")
        sorted_by_name = selection._replace(sort=selection.sort or "name")
        listing = self._listings.read(sorted_by_name, START, limit=_MANIFEST_FILES, deadline=request.deadline)
        files = [entry for entry in listing.entries if not entry.is_directory]
        named = ((selection.name(entry.path), self._url(request, entry, now)) for entry in files)
        reply = replies.text(manifest(request.query["manifest"], named))
        if listing.following or len(reply.body) > replies.MAX_BODY_BYTES:
            raise BadParameter("manifest", "the directory has too many files. Ask for each directory below by itself.")
        return reply

    def _part(self, request: Request, selection: Selection) -> _Part:
        """Return the part of a request.

        A page that is asked for no order is sorted by name, where one LIST has the whole directory. For a larger
        directory, the page has the order of S3, because a sorted part costs a LIST for each thousand keys.
        """
        limit, deadline = _limit(request), request.deadline
        cursor = request.query.get("cursor")
        is_unsorted_page = wants_page(request) and not selection.sort and not selection.versions
        if is_unsorted_page and (selection.text or cursor is None):
            by_name = selection._replace(sort="name")
            if selection.text:
                selection = by_name
            else:
                listing = self._listings.read(by_name, START, limit=limit, deadline=deadline, max_keys=MAX_KEYS)
                if listing.is_complete:
                    return _Part(by_name, (START,), listing)
        trail = self._cursors.open(cursor, selection, deadline)
        return _Part(selection, trail, self._listings.read(selection, trail[-1], limit=limit, deadline=deadline))

    def _reply(self, request: Request, part: _Part, now: float) -> Reply:
        selection, trail, listing = part
        following = listing.following and self._cursors.seal((*trail, listing.following), selection, request.deadline)
        urls = [self._url(request, entry, now) for entry in listing.entries]
        entries = list(zip(listing.entries, urls, strict=True))
        if wants_page(request):
            previous = self._cursors.previous(trail, selection, request.deadline)
            navigation = navigation_of(
                request, selection, previous=previous, following=following, is_complete=listing.is_complete
            )
            if selection.versions:
                return self._version_pages.listing(request, selection, entries, navigation)
            return self._pages.listing(request, selection, entries, navigation, now)
        described = [_described(entry, selection, url) for entry, url in entries]
        chosen = {"complete": listing.is_complete} if selection.sort or selection.text else {}
        return replies.document(200, {"path": selection.grant.path, "entries": described, "next": following, **chosen})

    def _url(self, request: Request, entry: Entry, now: float) -> str:
        """Return the URL of an entry: with `?links` with a new one-time token, else with the token of the reader.

        The URL of a directory keeps the layout of the page, and `?list`. Among versions, the URL leads to a version.
        """
        if entry.version:
            return f"{request.base_url}{entry.raw_path}?{urlencode({'versionId': entry.version.id})}"
        if "versions" in request.query:
            return f"{request.base_url}{entry.raw_path}?versions"
        if entry.is_directory:
            return f"{request.base_url}{entry.raw_path}{query_of_directory(request, request.query.get('token'))}"
        one_time_token = None
        if "links" in request.query:
            one_time_token = self._links.one_time_token(entry.grant, now, request.deadline)
        token = one_time_token or request.query.get("token")
        return f"{request.base_url}{entry.raw_path}{f'?token={token}' if token else ''}"


def _limit(request: Request) -> int:
    if "limit" not in request.query:
        return _PAGE_ENTRIES if wants_page(request) else _MAX_ENTRIES
    limit = whole_number(request.query["limit"], 1, _MAX_ENTRIES)
    if limit is None:
        raise BadParameter("limit", f"it must be a whole number from 1 to {_MAX_ENTRIES:,}.")
    return limit


def _described(entry: Entry, selection: Selection, url: str) -> dict[str, object]:
    described: dict[str, object] = {
        "name": selection.name(entry.path),
        "type": "directory" if entry.is_directory else "file",
        "size": entry.size,
        "modified": None if entry.modified is None else rfc3339(entry.modified),
        "etag": entry.etag,
        "url": url,
    }
    if entry.version:
        version = entry.version
        described |= {"version": version.id, "latest": version.is_latest, "deleted": version.is_deleted}
    return described
