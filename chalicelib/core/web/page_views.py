"""What a page shows, already decided: a template only arranges it."""

from typing import NamedTuple


class Visitor(NamedTuple):
    """Who looks at a page, and how they came.

    Attributes:
        name: as the refusals call them: `key:ci`; empty for anyone.
        by_cookie: signed in by a cookie, so they can sign out.
        link_expires_at: when the link that they came by ends, a Unix time in seconds; None without a link.
        sign_in: whether signing in is offered.
        base_url: scheme, host and prefix of the service, without a last slash.
    """

    name: str
    by_cookie: bool
    link_expires_at: int | None
    sign_in: bool
    base_url: str


class Crumb(NamedTuple):
    """A directory above the one that is shown, or that one itself, last."""

    name: str
    url: str


class Row(NamedTuple):
    """One entry of a directory.

    Attributes:
        name: the last segment, with its slash if it is a directory.
        is_directory: whether it is one.
        url: the absolute URL, with the visitor's own token if they came by a link.
        size: bytes; None for a directory.
        modified: Unix time in seconds; None for a directory.
        may_delete, may_share: what the visitor may do with it.
        thumbnail: the URL of a small image of it; empty where there is none.
    """

    name: str
    is_directory: bool
    url: str
    size: int | None
    modified: float | None
    may_delete: bool
    may_share: bool
    thumbnail: str


class Uploads(NamedTuple):
    """What may be uploaded into a directory: as `rules.Rule` says it.

    Attributes:
        part_bytes: how large all parts but the last must be where there is a greatest size; None where they may differ.
        inbox: whether the visitor may not read the files that they upload: then no file may be replaced.
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
        visitor: who looks.
        crumbs: from the top to this directory, never empty.
        rows: in the order of their names, directories and files mixed; None for someone who may upload and not look.
        next_url: the page after this one; empty on the last.
        is_first: whether this is the first page.
        url: the directory's own absolute URL, with its last slash and without a query.
        uploads: None where the visitor may not upload.
        may_share: whether the visitor may make a link to the directory itself.
    """

    visitor: Visitor
    crumbs: tuple[Crumb, ...]
    rows: tuple[Row, ...] | None
    next_url: str
    is_first: bool
    url: str
    uploads: Uploads | None
    may_share: bool


class ProblemView(NamedTuple):
    """A refusal as a page.

    Attributes:
        visitor: who is refused.
        status, title, detail, code: those of the Problem.
        request_id: what its administrator will ask for.
        next_path: where signing in leads to, a percent-encoded path below `visitor.base_url`; empty where signing in
            cannot help.
    """

    visitor: Visitor
    status: int
    title: str
    detail: str
    code: str
    request_id: str
    next_path: str


class SignInView(NamedTuple):
    """The page at `/-/login`.

    Attributes:
        visitor: who is signed in already, or anyone.
        next_path: where signing in leads to.
        failed: whether the key that was given is wrong.
    """

    visitor: Visitor
    next_path: str
    failed: bool


class Asset(NamedTuple):
    """A file that pages load: its media type and its bytes."""

    media_type: str
    body: bytes
