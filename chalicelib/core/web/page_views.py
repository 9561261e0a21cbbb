"""Page views: the values that a page shows. The features decide the values, and a template only arranges them."""

from collections.abc import Sequence
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
        sign_in: whether signing in is offered.
        base_url: scheme, host and prefix of the service, without a last slash.
    """

    name: str
    by_key: bool
    by_cookie: bool
    link_expires_at: int | None
    sign_in: bool
    base_url: str


def visitor_of(
    request: Request, principal: str, *, sign_in: bool, link_expires_at: int | None = None, display_name: str = ""
) -> Visitor:
    """Return the visitor of the page that answers a request.

    Args:
        request: the request.
        principal: the name of the principal; empty for anyone, and for the holder of a link.
        sign_in: whether the page offers to sign in.
        link_expires_at: as in Visitor.
        display_name: of the principal, empty for the id.
    """
    kind, name = kind_and_id(principal)
    by_cookie = bool(name) and "authorization" not in request.headers
    return Visitor(display_name or name, kind == "key", by_cookie, link_expires_at, sign_in, request.base_url)


class Crumb(NamedTuple):
    """A directory above the shown directory; the last crumb is the shown directory."""

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
        thumbnail: the URL of a small image of the file; empty for an entry without a thumbnail.
    """

    name: str
    is_directory: bool
    url: str
    size: int | None
    modified: float | None
    may_delete: bool
    may_share: bool
    thumbnail: str


class UploadsView(NamedTuple):
    """The uploads that a directory accepts, with the limits of `rules.Rule`.

    Attributes:
        overwrite, max_bytes, content_types, checksum: the limits of the rule.
        part_bytes: the size of every part except the last, if the rule limits the size; None for parts of any size.
        inbox: whether the visitor may upload files, but not read them: then no file may be replaced.
    """

    overwrite: bool
    max_bytes: int | None
    content_types: tuple[str, ...]
    checksum: bool
    part_bytes: int | None
    inbox: bool


class DirectoryView(NamedTuple):
    """The page of a directory.

    Attributes:
        visitor: the person who looks at the page.
        crumbs: the directories from the top to this directory, never empty.
        rows: the entries in the order of their names, directories and files mixed; None for a visitor who may upload
            but not list.
        next_url: the next page; empty on the last page.
        is_first: whether this is the first page.
        url: the directory's own absolute URL, with its last slash and without a query.
        uploads: the uploads that are accepted; None if the visitor may not upload.
        may_share: whether the visitor may make a link to the directory itself.
    """

    visitor: Visitor
    crumbs: tuple[Crumb, ...]
    rows: tuple[Row, ...] | None
    next_url: str
    is_first: bool
    url: str
    uploads: UploadsView | None
    may_share: bool


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


class SignInView(NamedTuple):
    """The page at `/-/login`.

    Attributes:
        visitor: the person who is signed in already, or anyone.
        next_path: the page after signing in.
        issuers: the names of the issuers with which people sign in.
        fault: why a sign-in failed, in words; empty for none.
        ended: the issuer whose session of the person may go on, and the URL where the issuer ends this session; None
            for none.
    """

    visitor: Visitor
    next_path: str
    issuers: Sequence[str]
    fault: str
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
        fault: why the form was refused; empty for a form that was not refused.
        made: the new token; None where the page shows the form alone.
    """

    visitor: Visitor
    path: str
    actions: tuple[str, ...]
    latest_end: int
    fault: str
    made: NewServiceToken | None


class Asset(NamedTuple):
    """A file that pages load, such as a stylesheet: its media type and its bytes."""

    media_type: str
    body: bytes
