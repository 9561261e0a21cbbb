"""Browsing: a directory as JSON for programs, and as a page for people, both from one listing."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from chalicelib.core import replies
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.web import image_parameters, multipart_parameters, paths
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.page_views import Crumb, DirectoryView, Row, Uploads, Visitor
from chalicelib.core.web.paths import directories_above
from chalicelib.core.web.problems import BadParameter
from chalicelib.core.web.times import rfc3339

from .directory_listing import MAX_ENTRIES, Directories, Entry, Listing
from .links import Sharing

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages


class Browsing:
    """Answers GET and HEAD of a directory.

    Args:
        directories: lists it.
        rules: what the page offers to do.
        mounts: where the page's script sends files to.
        sharing: makes the one-time links of `?links`.
        pages: makes the page.
        realm: what the topmost directory is called.
        sign_in: whether signing in is offered.
    """

    def __init__(
        self,
        *,
        directories: Directories,
        rules: RuleSet,
        mounts: Mounts,
        sharing: Sharing,
        pages: "Pages",
        realm: str,
        sign_in: bool,
    ) -> None:
        self._directories = directories
        self._rules = rules
        self._mounts = mounts
        self._sharing = sharing
        self._pages = pages
        self._realm = realm
        self._sign_in = sign_in

    def answer(self, request: Request, grant: Grant, now: float) -> Reply:
        """Answer for one directory.

        Args:
            request: with `?recursive`, `?limit=`, `?cursor=`, `?links`.
            grant: to list the directory.
            now: Unix time in seconds.

        Raises:
            BadParameter: a parameter cannot be used.
            Forbidden, CredentialsMissing, LinkInvalid: `?links`, and whoever asks may not share the directory.
            Unavailable: S3 does not answer.
        """
        if "links" in request.query:
            self._rules.require(grant, "share", grant.path)
        listing = self._directories.read(
            grant,
            recursive="recursive" in request.query,
            limit=_limit(request),
            cursor=request.query.get("cursor"),
            deadline=request.deadline,
        )
        reply = self._listed(request, grant, listing, now)
        while len(reply.body) > replies.MAX_BODY_BYTES and len(listing.entries) > 1:
            count = (
                len(listing.entries) * replies.MAX_BODY_BYTES // len(reply.body)
            )  # some names may be longer than others
            listing = self._directories.first(
                listing, max(count, 1), grant, recursive="recursive" in request.query, deadline=request.deadline
            )
            reply = self._listed(request, grant, listing, now)
        return reply

    def _listed(self, request: Request, grant: Grant, listing: Listing, now: float) -> Reply:
        urls = [self._url(request, entry, "links" in request.query, now) for entry in listing.entries]
        if replies.wants_page(request):
            rows = tuple(
                self._row(request, entry, grant, url) for entry, url in zip(listing.entries, urls, strict=True)
            )
            return self._page(request, grant, rows, listing.cursor)
        entries = [_described(entry, grant, url) for entry, url in zip(listing.entries, urls, strict=True)]
        return replies.document(200, {"path": grant.path, "entries": entries, "next": listing.cursor})

    def drop(self, request: Request, grant: Grant) -> Reply:
        """Answer with a page to upload from, for whoever came by a link that is for that alone.

        Args:
            request: of a browser.
            grant: to write into the directory.
        """
        return self._page(request, grant, None, None)

    def _url(self, request: Request, entry: Entry, with_links: bool, now: float) -> str:
        """The URL of an entry, with a token of its own, or else with the one that the reader came by."""
        once = self._sharing.once(entry.grant, now, request.deadline) if with_links and not entry.is_directory else None
        token = once or request.query.get("token")
        return f"{request.base_url}{entry.raw_path}{f'?token={token}' if token else ''}"

    def _page(self, request: Request, grant: Grant, rows: tuple[Row, ...] | None, cursor: str | None) -> Reply:
        names = ("token", "recursive", "limit", "links")
        following = {name: request.query[name] for name in names if name in request.query}
        directory = request.base_url + quote(grant.path)
        view = DirectoryView(
            visitor=visitor_of(request, grant, self._sign_in),
            crumbs=self._crumbs(request, grant),
            rows=rows,
            next_url=f"{directory}?{urlencode({**following, 'cursor': cursor})}" if cursor else "",
            is_first="cursor" not in request.query,
            url=directory,
            uploads=self._uploads(grant),
            may_share=self._rules.grant_for(grant, "share", grant.path) is not None,
        )
        return replies.page(200, self._pages.directory(view), self._mounts.origins(grant.path))

    def _crumbs(self, request: Request, grant: Grant) -> tuple[Crumb, ...]:
        """The way down to a directory, for the holder of a link from what that opens."""
        top = grant.link.path if grant.link else "/"
        way = [one for one in (*reversed([*directories_above(grant.path)]), grant.path) if one.startswith(top)]
        query = f"?token={request.query['token']}" if grant.link else ""
        return tuple(
            Crumb(one.rstrip("/").rpartition("/")[2] or self._realm, f"{request.base_url}{quote(one)}{query}")
            for one in way
        )

    def _row(self, request: Request, entry: Entry, grant: Grant, url: str) -> Row:
        def may(action: str) -> bool:
            return self._rules.grant_for(grant, action, entry.path) is not None

        return Row(
            name=_name(entry, grant),
            is_directory=entry.is_directory,
            url=url,
            size=entry.size,
            modified=entry.modified,
            may_delete=not entry.is_directory and may("delete"),
            may_share=may("share"),
            thumbnail=_thumbnail(request, entry),
        )

    def _uploads(self, grant: Grant) -> Uploads | None:
        """What may be uploaded, by the rule for a name that stands for any."""
        example = paths.decode(quote(grant.path) + "name")
        able = self._rules.grant_for(grant, "write", example)
        if able is None:
            return None
        rule = able.rule
        part_bytes = None if rule.max_bytes is None else multipart_parameters.part_bytes(rule.max_bytes)
        inbox = self._rules.grant_for(grant, "read", example) is None
        return Uploads(able.may_replace, rule.max_bytes, rule.content_types, rule.checksum, part_bytes, inbox)


def visitor_of(request: Request, grant: Grant, sign_in: bool) -> Visitor:
    """Who looks at a page: the holder of a link is no one."""
    in_person = grant.link is None and grant.principal is not ANYONE
    return Visitor(
        name=grant.principal.name if in_person else "",
        by_cookie=in_person and "authorization" not in request.headers,
        link_expires_at=grant.link.expires_at if grant.link else None,
        sign_in=sign_in,
        base_url=request.base_url,
    )


def _limit(request: Request) -> int:
    text = request.query.get("limit", str(MAX_ENTRIES))
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_ENTRIES):
        raise BadParameter("limit", f"it must be a whole number from 1 to {MAX_ENTRIES:,}.")
    return int(text)


def _thumbnail(request: Request, entry: Entry) -> str:
    """The URL of a small image of an entry: asked for as its reader, for it must take no use of a link."""
    link = entry.grant.link
    if entry.size is None or (link and link.uses):
        return ""
    query = image_parameters.thumbnail(entry.path, entry.size, entry.grant.rule.image_sizes)
    token = f"token={request.query['token']}&" if link else ""
    return f"{request.base_url}{entry.raw_path}?{token}{query}" if query else ""


def _name(entry: Entry, grant: Grant) -> str:
    return entry.path[len(grant.path) :]


def _described(entry: Entry, grant: Grant, url: str) -> dict[str, object]:
    return {
        "name": _name(entry, grant),
        "type": "directory" if entry.is_directory else "file",
        "size": entry.size,
        "modified": None if entry.modified is None else rfc3339(entry.modified),
        "etag": entry.etag,
        "url": url,
    }
