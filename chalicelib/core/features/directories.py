"""Directories: GET and HEAD of a directory, as JSON for programs and as a page for people, both from one listing."""

from typing import TYPE_CHECKING

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request, wants_page
from chalicelib.core.web.numbers import whole_number
from chalicelib.core.web.problems.base import BadParameter
from chalicelib.core.web.times import rfc3339

from .directory_listing import MAX_ENTRIES, DirectoryListings, Entry, Listing, name_of
from .links import Links

if TYPE_CHECKING:
    from .directory_pages import DirectoryPages


class Directories:
    """Answers with listings.

    Args:
        listings: lists directories.
        rules: decide who may ask for one-time links.
        links: makes the one-time links of `?links`.
        pages: renders the pages.
    """

    def __init__(self, *, listings: DirectoryListings, rules: RuleSet, links: Links, pages: "DirectoryPages") -> None:
        self._listings = listings
        self._rules = rules
        self._links = links
        self._pages = pages

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with a part of the listing, as `?recursive`, `?limit=`, `?cursor=` and `?links` describe.

        Raises:
            BadParameter: a parameter cannot be used.
            Forbidden, CredentialsMissing, LinkInvalid: `?links`, and the caller may not share the directory.
            Unavailable: S3 does not answer.
        """
        if "links" in request.query:
            self._rules.require(grant, "share", grant.path)
        recursive = "recursive" in request.query
        cursor = request.query.get("cursor")
        listing = self._listings.read(
            grant, recursive=recursive, limit=_limit(request), cursor=cursor, deadline=request.deadline
        )
        reply = self._reply(request, grant, listing, now)
        while len(reply.body) > replies.MAX_BODY_BYTES and len(listing.entries) > 1:
            # The names are not equally long, so the proportion is only an estimate.
            count = max(1, len(listing.entries) * replies.MAX_BODY_BYTES // len(reply.body))
            listing = self._listings.first(listing, count, grant, recursive=recursive, deadline=request.deadline)
            reply = self._reply(request, grant, listing, now)
        return reply

    def _reply(self, request: Request, grant: Grant, listing: Listing, now: float) -> Reply:
        urls = [self._url(request, entry, now) for entry in listing.entries]
        entries = list(zip(listing.entries, urls, strict=True))
        if wants_page(request):
            return self._pages.listing(request, grant, entries, listing.cursor)
        described = [_described(entry, grant, url) for entry, url in entries]
        return replies.document(200, {"path": grant.path, "entries": described, "next": listing.cursor})

    def _url(self, request: Request, entry: Entry, now: float) -> str:
        """Return the URL of an entry: with `?links` with a new one-time token, else with the token of the reader."""
        one_time_token = None
        if "links" in request.query and not entry.is_directory:
            one_time_token = self._links.one_time_token(entry.grant, now, request.deadline)
        token = one_time_token or request.query.get("token")
        return f"{request.base_url}{entry.raw_path}{f'?token={token}' if token else ''}"


def _limit(request: Request) -> int:
    limit = whole_number(request.query.get("limit", str(MAX_ENTRIES)), 1, MAX_ENTRIES)
    if limit is None:
        raise BadParameter("limit", f"it must be a whole number from 1 to {MAX_ENTRIES:,}.")
    return limit


def _described(entry: Entry, grant: Grant, url: str) -> dict[str, object]:
    return {
        "name": name_of(entry, grant),
        "type": "directory" if entry.is_directory else "file",
        "size": entry.size,
        "modified": None if entry.modified is None else rfc3339(entry.modified),
        "etag": entry.etag,
        "url": url,
    }
