"""Page views: the values that a page shows. The features decide the values, and a template only arranges them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .message import Request
from .principal_names import kind_and_id


class Visitor(NamedTuple):
    """The person who looks at a page.

    Attributes:
        name: the id of an API key, or the id that an issuer gives the person; empty for anyone, and for the holder of a
            link.
        by_key: whether `name` is the id of an API key.
        by_cookie: whether a cookie keeps the person signed in, so that signing out is offered.
        link_expires_at: when the link that the person uses ends, a Unix time in seconds; None without a link.
        link_maker: the name of the person or the API key that made this link; empty without a link, and for anyone.
        sign_in: whether signing in is offered.
        base_url: scheme, host and prefix of the service, without a last slash.
        accept_language: the languages that the person reads, as the browser sends `Accept-Language`.
    """

    name: str
    by_key: bool
    by_cookie: bool
    link_expires_at: int | None
    sign_in: bool
    base_url: str
    accept_language: str = ""
    link_maker: str = ""


def visitor_of(
    request: Request,
    principal: str,
    *,
    sign_in: bool,
    link_expires_at: int | None = None,
    link_maker: str = "",
    display_name: str = "",
) -> Visitor:
    """Return the visitor of the page that answers a request.

    Args:
        request: the request.
        principal: the name of the principal; empty for anyone, and for the holder of a link.
        sign_in: whether the page offers to sign in.
        link_expires_at, link_maker: as in Visitor.
        display_name: of the principal, empty for the id.
    """
    kind, name = kind_and_id(principal)
    return Visitor(
        name=display_name or name,
        by_key=kind == "key",
        by_cookie=bool(name) and "authorization" not in request.headers,
        link_expires_at=link_expires_at,
        sign_in=sign_in,
        base_url=request.base_url,
        accept_language=request.headers.get("accept-language", ""),
        link_maker=link_maker,
    )


class Crumb(NamedTuple):
    """A directory above the shown directory; the last crumb is the shown directory.

    `url` is empty for a directory that has no page for the visitor.
    """

    name: str
    url: str


class Row(NamedTuple):
    """One entry of a directory.

    Attributes:
        name: the last segment of the path; the name of a directory ends in a slash.
        is_directory: whether the entry is a directory.
        url: the absolute URL, with the token of the visitor's link, if there is a link.
        size: bytes; None for a directory.
        modified: Unix time in seconds; None for a directory.
        may_delete, may_share: whether the visitor may delete or share the entry.
        thumbnail: the URL of a small image of the file; empty for an entry without a thumbnail, and for a program.
        view_url: the URL that a person opens for a file; empty for a directory, and for a program that reads the page.
    """

    name: str
    is_directory: bool
    url: str
    size: int | None
    modified: float | None
    may_delete: bool
    may_share: bool
    thumbnail: str
    view_url: str = ""


class Part(NamedTuple):
    """A directory or a file below a directory, which no listing shows to the visitor.

    Attributes:
        name: the path below the directory; the name of a directory ends in a slash.
        is_directory: whether the part is a directory.
        url: the absolute URL of the directory, of the file, or of the page of the file.
    """

    name: str
    is_directory: bool
    url: str


class Column(NamedTuple):
    """A column of a listing.

    Attributes:
        name: `name`, `size` or `modified`.
        url: the same listing, sorted by this column, or in the opposite order; relative to the page.
        direction: `ascending` or `descending`; empty where the listing is not sorted by this column.
    """

    name: str
    url: str
    direction: str


class NavigationView(NamedTuple):
    """The way from a part of a listing to the other parts, orders, filters and layouts, by URLs relative to the page.

    Attributes:
        first_url: the first part; empty on the first part.
        previous_url, next_url: the parts before and after; empty where there is none, or none is known.
        is_complete: false where the order and the filter have only some of the keys of a very large directory.
        columns: the columns.
        text: the text of the filter.
        fields: the names and values of the other parameters, which the form of the filter sends.
        is_grid: whether the page shows the entries as tiles; false for rows.
        layout_url: the same part in the other layout.
    """

    first_url: str = ""
    previous_url: str = ""
    next_url: str = ""
    is_complete: bool = True
    columns: tuple[Column, ...] = ()
    text: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    is_grid: bool = False
    layout_url: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the part is the whole listing."""
        return not self.first_url and not self.next_url


class UploadForm(NamedTuple):
    """A form that uploads one file to S3, for a visitor without scripts. The fields are a secret.

    Attributes:
        types: the media types among which the visitor chooses first; empty where there is no choice.
        media_type: the type of the file; empty for any type.
        url, fields: as in `presign.SignedForm`; empty where the visitor has not chosen a type yet.
        max_bytes: the size of the largest file.
        seconds: how long the form works; 0 where there is no form yet.
    """

    types: Sequence[str]
    media_type: str
    url: str
    fields: Mapping[str, str]
    max_bytes: int
    seconds: int

    def __repr__(self) -> str:
        """Hide the fields."""
        return "UploadForm(…)"


class UploadsView(NamedTuple):
    """The uploads that a directory accepts, with the limits of `rules.Rule`.

    Attributes:
        overwrite, max_bytes, content_types, checksum: the limits of the rule.
        part_bytes: the size of every part except the last, if the rule limits the size; None for parts of any size.
        inbox: whether the visitor may upload files, but not read them: then no file may be replaced.
        uses: how many files the visitor's link still takes; None without a limit.
        form: the form of an inbox; None where S3 cannot accept a form.
    """

    overwrite: bool
    max_bytes: int | None
    content_types: tuple[str, ...]
    checksum: bool
    part_bytes: int | None
    inbox: bool
    uses: int | None
    form: UploadForm | None = None


class DirectoryView(NamedTuple):
    """The page of a directory.

    Attributes:
        visitor: the person who looks at the page.
        crumbs: the directories from the top to this directory, never empty.
        rows: the entries in order, directories and files mixed; None for a visitor who may not list the directory.
        navigation: the way to the other parts of the listing.
        url: the directory's own absolute URL, with its last slash and without a query.
        uploads: the uploads that are accepted; None if the visitor may not upload.
        may_share: whether the visitor may make a link to the directory itself.
        parts: what the visitor may open below the directory, besides the entries of the listing.
        keeps_links: whether the visitor can take back links whose uses are not counted.
        counts_uses: whether a link can have a number of uses.
        versions_url: the page of the versions and the deleted files; empty for a visitor who may not see the page.
    """

    visitor: Visitor
    crumbs: tuple[Crumb, ...]
    rows: tuple[Row, ...] | None
    navigation: NavigationView
    url: str
    uploads: UploadsView | None
    may_share: bool
    parts: tuple[Part, ...] = ()
    keeps_links: bool = False
    counts_uses: bool = False
    versions_url: str = ""


class VersionRow(NamedTuple):
    """A version of a file, or the delete marker of a file.

    Attributes:
        url: the absolute URL of the version.
        size: bytes; None for a delete marker.
        modified: when the file was written or deleted, Unix time in seconds.
        is_latest: whether the version is the newest version of the file.
        may_undelete: whether the visitor may erase the delete marker, which brings the file back.
        may_restore: whether the visitor may copy the version over the file.
    """

    url: str
    size: int | None
    modified: float
    is_latest: bool
    may_undelete: bool
    may_restore: bool


class VersionedFile(NamedTuple):
    """A file that has earlier versions, or is deleted: its name in the directory, and its versions, newest first."""

    name: str
    versions: Sequence[VersionRow]


class VersionsView(NamedTuple):
    """The page of the versions and the deleted files of a directory.

    Attributes:
        visitor: the person who looks at the page.
        crumbs: the directories from the top to this directory, never empty.
        directories: the directories in the directory, with the URLs of their versions.
        files: the files of this part.
        navigation: the way to the other parts.
    """

    visitor: Visitor
    crumbs: tuple[Crumb, ...]
    directories: Sequence[Part]
    files: Sequence[VersionedFile]
    navigation: NavigationView


class PreviewView(NamedTuple):
    """The page of a file.

    Attributes:
        visitor: the person who looks at the page.
        crumbs: as in DirectoryView; the last crumb is the file.
        kind: how the page shows the file, as `file_kinds.preview_of` names it; empty where the page does not show it.
        url: the absolute URL of the file, with the token of the visitor's link, if there is a link.
        shown_url: the URL that the page loads: the file, a smaller image of the file, or the file with its media type.
        size: bytes; None for a file that does not exist.
        modified: a time as HTTP writes it (RFC 9110 §5.6.7).
        takes_use: whether each load of the file takes a use of the visitor's link, so that the page loads nothing.
        directory_url: the listing of the directory, with the order and the filter that the visitor came from; empty
            where the visitor gets no page there.
        listing_url: the same listing for scripts; empty where the visitor may not list, or each listing takes a use.
        store: the origins of the bucket and of its CDN.
        path: the path with the parameters of the page, for the way back after signing in.
    """

    visitor: Visitor
    crumbs: tuple[Crumb, ...]
    kind: str
    url: str
    shown_url: str
    size: int | None
    modified: str
    takes_use: bool
    directory_url: str
    listing_url: str
    store: str
    path: str


class ProblemView(NamedTuple):
    """A refusal as a page.

    Attributes:
        visitor: the person whose request is refused.
        status, title, detail, code: the attributes of the Problem.
        request_id: the id of the request, which an administrator needs.
        next_path: the page after signing in, a percent-encoded path below `visitor.base_url`; empty if signing in
            cannot help.
        issuers: the names of the issuers with which people sign in.
    """

    visitor: Visitor
    status: int
    title: str
    detail: str
    code: str
    request_id: str
    next_path: str
    issuers: Sequence[str]


class Fault(NamedTuple):
    """Why a sign-in failed: a code, for which the pages have words, and the reason in English."""

    code: str
    detail: str


class SignInView(NamedTuple):
    """The page at `/-/login`.

    Attributes:
        visitor: the person who is signed in already, or anyone.
        next_path: the page after signing in.
        issuers: the names of the issuers with which people sign in.
        fault: why a sign-in failed; None for a page without a failure.
        key_id: the id of a key in the form, which a person who mistyped the secret need not type again.
        ended: the issuer whose session of the person may go on, and the URL where the issuer ends this session; None
            for none.
    """

    visitor: Visitor
    next_path: str
    issuers: Sequence[str]
    fault: Fault | None
    key_id: str
    ended: tuple[str, str] | None


class NewServiceToken(NamedTuple):
    """A service token that was just made.

    Attributes:
        path, actions: the scope of the token.
        expires_at: the end of the token, Unix time in seconds.
        curl: a command to paste into a terminal.
        netrc: a line for the file `.netrc`, which curl and pip read.
    """

    path: str
    actions: tuple[str, ...]
    expires_at: int
    curl: str
    netrc: str

    def __repr__(self) -> str:
        """Show the scope only, because the two lines hold the token."""
        return f"NewServiceToken({self.path} {','.join(self.actions)} until {self.expires_at})"


class TokenView(NamedTuple):
    """The page at `/-/token`.

    Attributes:
        visitor: the person who is signed in.
        path: the path in the form, as a person reads it.
        actions: the actions that are checked in the form.
        latest_end: the latest time when a token of this person can end, Unix time in seconds.
        fault: why the form was refused, in English; empty for a form that was not refused.
        made: the new token; None where the page shows the form alone.
    """

    visitor: Visitor
    path: str
    actions: tuple[str, ...]
    latest_end: int
    fault: str
    made: NewServiceToken | None


class ReceivedView(NamedTuple):
    """The page after the upload by a form."""

    visitor: Visitor


class LinkRow(NamedTuple):
    """A live revocable link in the list of its maker.

    Attributes:
        id, path, action, expires_at: as in `link_tokens.Link`.
        url: of the path, without the token of the link, which nobody stores.
    """

    id: str
    path: str
    action: str
    expires_at: int
    url: str


class LinksView(NamedTuple):
    """The page at `/-/links`: the visitor, and the visitor's own links."""

    visitor: Visitor
    links: Sequence[LinkRow]


class Asset(NamedTuple):
    """A file that pages load, such as a stylesheet: its media type and its bytes."""

    media_type: str
    body: bytes
