"""What the core needs from outside, as Protocols; `backends` makes them real.

Only types: the core imports this module for its annotations alone, which spares every cold start its loading.

Each method that may wait takes the deadline of the request. The method returns or raises before the deadline, whatever
the backend does, and raises Unavailable where the backend did not answer in time. Unavailable also stands for every
answer that is not the backend's own, such as the page of a proxy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from .access.link_tokens import Link, Reading
from .s3.mounts import Target
from .s3.stores import Credentials
from .web.image_parameters import Image, Rendition
from .web.page_views import Asset, DirectoryView, ProblemView, SignInView
from .web.times import Deadline

Clock = Callable[[], float]
"""The time: Unix time in seconds."""

Log = Callable[[Mapping[str, object]], None]
"""Writes one record as one line."""


class CredentialSource(Protocol):
    """Where the credentials come from that URLs are signed with."""

    def current(self, deadline: Deadline) -> Credentials:
        """Return credentials that are valid now; raise Unavailable where there are none."""
        ...


class Metadata(NamedTuple):
    """What S3 says of an object: 200, 206 or 304 and its header fields."""

    status: int
    headers: Mapping[str, str]


class ListedKey(NamedTuple):
    """One thing that a listing found.

    Attributes:
        key: of the object; or of everything below, with a slash at its end, where a listing goes one level deep.
        is_prefix: whether it is the latter. A key of an object may end with a slash too.
        size: bytes; 0 for a prefix.
        modified: Unix time in seconds; 0 for a prefix.
        etag: with its quotes; empty for a prefix.
    """

    key: str
    is_prefix: bool
    size: int
    modified: float
    etag: str


class Page(NamedTuple):
    """A part of a listing, in the order of the keys as UTF-8, and whether there is more after it."""

    found: Sequence[ListedKey]
    is_last: bool


class ObjectStore(Protocol):
    """S3, asked by the service itself, off the redirect's path."""

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        """Return an object's metadata.

        Args:
            target: the object.
            query: `versionId` and `response-*`, as for a presigned URL.
            headers: the request's own: conditional ones and `Range` are honoured. A date that cannot be
                read is ignored.
            deadline: of the request.

        Returns:
            Of an existing object, `etag`, `last-modified` and `content-length` are always there.

        Raises:
            BadRequest: a parameter or a header of the client cannot be read, or S3 refuses `versionId` or a condition.
            NotFound: no such object.
            PreconditionFailed: a condition does not hold.
            Unavailable: S3 does not answer, or refuses the service itself.
        """
        ...

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> Page:
        """Return what is below a prefix.

        Args:
            target: its `key` is the prefix, which may be empty.
            deadline: of the request.
            recursive: all keys; else one level, up to the next slash.
            after: where to go on, a key that need not exist: nothing up to it is returned, nor, of one level, what is
                below it where it is a directory there. Empty for the beginning.
            limit: how many at most, 1 to 1,000.

        Raises:
            Unavailable: S3 does not answer, or refuses the service itself.
        """
        ...

    def read(
        self,
        target: Target,
        query: Mapping[str, str],
        etag: str,
        deadline: Deadline,
        is_wanted: Callable[[bytes], bool],
    ) -> bytes:
        """Return an object's bytes; only the first of them where they are not wanted.

        Args:
            target: the object.
            query: `versionId`, as for a presigned URL.
            etag: with its quotes, as `head` said it: the object must still be that one.
            deadline: of the request.
            is_wanted: asked with the first bytes, at least 64 if there are so many; the rest is fetched where it says
                so.

        Raises:
            NotFound: no such object.
            Unavailable: it has changed meanwhile; S3 does not answer, or refuses the service itself.
        """
        ...

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        """Write an object, unless there is one: of several who do so at once one writes it, and all return.

        Raises:
            Unavailable: S3 does not answer, or refuses the service itself.
        """
        ...


class Renderer(Protocol):
    """Decodes images, shrinks them and encodes them."""

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        """Return an image in another size or format, upright, in sRGB, without metadata.

        Args:
            data: of a kind that `images.kind_of` knows.
            rendition: what to make of it.
            deadline: of the request.

        Raises:
            ImageTooLarge: too many pixels or frames, said before anything is decoded, or too long a time.
            ImageBroken: it cannot be decoded.
            Unavailable: other backends left too little time.
        """
        ...


class ImageSource(Protocol):
    """Fetches images from other sites."""

    def host(self, url: str) -> str:
        """Return the host that `fetch` would ask first, in lower case, with `:PORT` where that is not 443.

        Raises:
            BadParameter: as `fetch`.
            SourceNotAllowed: the URL is not HTTPS, or its host is not listed.
        """
        ...

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        """Return what is at a URL; nothing is said of what it is.

        Raises:
            BadParameter: it is no URL; named `u`, as the query calls it.
            SourceNotAllowed: it, or where it redirects to, is not HTTPS on a listed host with a public address.
            ImageTooLarge: it has more than `images.MOST_BYTES`.
            NotFound: that site says that there is nothing.
            SourceFailed: that site answers otherwise.
            Unavailable: that site does not answer, or not in time.
        """
        ...


class LinkUseCounter(Protocol):
    """What has been used up of links that have a number of uses, and what was revoked."""

    def redeem(self, link: Link, *, attempt: str, reading: Reading | None, now: float, deadline: Deadline) -> None:
        """Take one use of a link in one conditional write, or give a part of a file that a use was taken for.

        A part is free for 60 s after a use was taken by a GET of the same `Reading.file`, and once: a GET that asks
        for the same part again takes another use. So of any number of equal GETs, at once or one after the other, as
        many succeed as the link has uses. No more than `links.MOST_PARTS` are free for one use.

        Args:
            link: a link with `uses`.
            attempt: new for each request. Asking twice with the same attempt takes one use, so that a client of the
                table may repeat a call whose answer was lost.
            reading: the GET of a file; None for every other request, which is never free and makes nothing free.
            now: Unix time in seconds.
            deadline: of the request.

        Raises:
            LinkUsedUp, LinkRevoked: no use is left.
            Unavailable: the table does not answer, is not there, or does not say that it has counted the use.
        """
        ...

    def check(self, link: Link, deadline: Deadline) -> None:
        """Raise what `redeem` would of a new client, and take nothing."""
        ...

    def revoke(self, link: Link, deadline: Deadline) -> None:
        """Let a link never be used again; it need not have been used before. Raises Unavailable."""
        ...


class Pages(Protocol):
    """Makes HTML for people."""

    def directory(self, view: DirectoryView) -> bytes:
        """Return the page of a directory."""
        ...

    def problem(self, view: ProblemView) -> bytes:
        """Return the page of a refusal."""
        ...

    def sign_in(self, view: SignInView) -> bytes:
        """Return the page to sign in."""
        ...

    def asset(self, name: str) -> Asset | None:
        """Return a file that pages load, by the name that they load it by below `/-/assets/`, None if there is none.

        A name is never used for other bytes, so a browser may keep what it got for ever.
        """
        ...
