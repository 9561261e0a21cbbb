"""Ports: the interfaces for everything that the core needs from outside. The modules of `backends` implement them.

This module has types only. The core imports this module for annotations alone, so that no cold start loads the module.

Each method that may wait takes the deadline of the request. The method returns or raises before the deadline, whatever
the backend does, and raises Unavailable where the backend did not answer in time. Unavailable also stands for every
answer that does not come from the backend itself, such as the page of a proxy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from .access.issuer_ports import IssuerKeys as IssuerKeys
from .access.issuer_ports import Provider as Provider
from .access.issuer_ports import Providers as Providers
from .access.issuer_ports import TokenSignatures as TokenSignatures
from .access.limit_ports import Lease as Lease
from .access.limit_ports import LeaseTable as LeaseTable
from .access.link_tokens import Link, ListedLink, Reading
from .s3.mounts import Target
from .s3.stores import Cdn, Credentials
from .s3.sts import StsCall
from .web.image_parameters import Image, Rendition
from .web.page_views import (
    Asset,
    DirectoryView,
    LinksView,
    PreviewView,
    ProblemView,
    ReceivedView,
    SignInView,
    TokenView,
    VersionsView,
)
from .web.times import Deadline

Clock = Callable[[], float]
"""Returns the Unix time in seconds."""

Log = Callable[[Mapping[str, object]], None]
"""Writes a record as one line."""


class CredentialSource(Protocol):
    """Has the credentials of the service, which sign URLs where a mount has no credentials of its own."""

    def current(self, deadline: Deadline) -> Credentials:
        """Return credentials that are valid now; raise Unavailable where there are none."""
        ...


class Sts(Protocol):
    """Makes temporary AWS keys."""

    def send(self, signed: StsCall, deadline: Deadline) -> Credentials:
        """Return the keys that a call asks for.

        Raises:
            PolicyTooLarge: the policy of the call is too large when it is packed.
            Unavailable: STS does not answer, or refuses the service itself.
        """
        ...


class Metadata(NamedTuple):
    """The answer of S3 to HEAD or GET: the status 200, 206, 304 or 416, and the header fields."""

    status: int
    headers: Mapping[str, str]


class Version(NamedTuple):
    """One version of a key in a bucket that keeps versions.

    Attributes:
        id: the id that S3 gave the version; `null` for a key that was written while the bucket kept no versions.
        is_latest: whether the version is the newest version of the key.
        is_deleted: whether the version is a delete marker, which says that the key was deleted and has no content.
    """

    id: str
    is_latest: bool
    is_deleted: bool


class ListedKey(NamedTuple):
    """One result of a listing.

    Attributes:
        key: the key of an object; or a prefix that ends with a slash and stands for all keys below.
        is_prefix: whether `key` is such a prefix. The key of an object can end with a slash too.
        size: bytes; 0 for a prefix.
        modified: Unix time in seconds; 0 for a prefix.
        etag: with its quotes; empty for a prefix, and for a delete marker.
        version: in a listing of versions, the version; None for a prefix, and in every other listing.
    """

    key: str
    is_prefix: bool
    size: int
    modified: float
    etag: str
    version: Version | None = None


class ListedKeys(NamedTuple):
    """A part of a listing, in the order of the keys as UTF-8, and whether the part is the last part."""

    keys: Sequence[ListedKey]
    is_last: bool


class ObjectStore(Protocol):
    """S3, called by the service itself. A redirect makes no such call."""

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        """Return the metadata of an object; an existing object always has `etag`, `last-modified`, `content-length`.

        Args:
            target: the object.
            query: `versionId` and `response-*`, as for a presigned URL.
            headers: the headers of the request: S3 gets the conditional headers and `Range`. A date that cannot be
                read is ignored.
            deadline: of the request.

        Raises:
            BadRequest: a parameter or a header of the client cannot be read, or S3 refuses `versionId` or a condition.
            NotFound: the object does not exist.
            PreconditionFailed: a condition does not hold.
            Unavailable: S3 does not answer, or refuses the service itself.
        """
        ...

    def get(
        self,
        target: Target,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        max_bytes: int,
    ) -> tuple[Metadata, bytes] | None:
        """Return the metadata of an object and the bytes that the request asks for; None for a larger object.

        Args:
            target, query, headers, deadline: as for `head`.
            max_bytes: the size of the largest object. Nothing of a larger object is read, whatever its `Range` is.

        Raises:
            BadRequest, NotFound, PreconditionFailed, Unavailable: as `head`.
        """
        ...

    def sizes(self, targets: Sequence[Target], deadline: Deadline) -> Sequence[int | None]:
        """Return the size of each of some objects in bytes, None for an object that does not exist.

        Some objects are asked for at once, so that a hundred objects take about as long as ten.

        Raises:
            Unavailable: S3 does not answer, or refuses the service itself.
        """
        ...

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
        """Return the keys below a prefix.

        Args:
            target: its `key` is the prefix, which may be empty.
            deadline: of the request.
            recursive: true lists all keys; false lists one level, up to the next slash.
            after: the key after which the listing continues; the key need not exist. Where `after` is a directory in a
                listing of one level, the keys below the directory are left out too. Empty for the beginning.
            limit: the greatest number of results, 1 to 1,000.

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
        """Return the bytes of an object; only the first bytes where `is_wanted` refuses them.

        Args:
            target: the object.
            query: `versionId`, as for a presigned URL.
            etag: with its quotes, from `head`. The object must still have this ETag.
            deadline: of the request.
            is_wanted: called with the first bytes: 64 or more, or the whole object. The rest is fetched only
                where `is_wanted` returns true.

        Raises:
            NotFound: the object does not exist.
            Unavailable: the object has changed since `head`; S3 does not answer, or refuses the service itself.
        """
        ...

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        """Write an object unless the object exists. Where several calls run at once, one writes and all return.

        Raises:
            Unavailable: S3 does not answer, or refuses the service itself.
        """
        ...


class VersionStore(Protocol):
    """The versions that S3 keeps of objects, listed and copied by the service itself."""

    def list(self, target: Target, deadline: Deadline, *, after: str, version: str, limit: int) -> ListedKeys:
        """Return the versions of the keys below a prefix, one level, up to the next slash.

        The versions of a key are in the order of their age, the newest first. A bucket that never kept versions has one
        version of each key, `null`.

        Args:
            target: its `key` is the prefix, which may be empty.
            deadline: of the request.
            after, version: the key and the version after which the listing continues. Without a version, the listing
                continues after all versions of the key. A directory as `after` is as in `ObjectStore.list`.
            limit: the greatest number of results, 1 to 1,000.

        Raises:
            Unavailable: S3 does not answer, or refuses the service itself.
        """
        ...

    def restore(self, target: Target, version: str, etag: str, deadline: Deadline) -> str | None:
        """Copy a version, inside S3, to a new version of the same object.

        Return the id of the new version; None where the store does not tell the id, as Ceph.

        The copy keeps the metadata and the media type. No version is lost: the newest version becomes an older version.

        Args:
            target: the object.
            version: from S3 itself, as `head` returns it.
            etag: with its quotes, from `head`. The version must still have this ETag.
            deadline: of the request.

        Raises:
            NotOffered: the bucket does not keep versions now, or the version is archived.
            BadRequest: S3 does not copy this version.
            NotFound: the version does not exist.
            Unavailable: S3 does not confirm the copy, or refuses the service itself.
        """
        ...


class Renderer(Protocol):
    """Decodes images, makes them smaller, and encodes them."""

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        """Return the image in another size or format, upright, in sRGB, without metadata.

        Args:
            data: an image of a kind that `image_parameters.kind_of` knows.
            rendition: the wanted size and format.
            deadline: of the request.

        Raises:
            ImageTooLarge: the image has too many pixels or frames, which is checked before decoding; or rendering takes
                too long.
            ImageBroken: the image cannot be decoded.
            Unavailable: other backends left too little time.
        """
        ...


class ImageSource(Protocol):
    """Fetches images from other sites."""

    def host(self, url: str) -> str:
        """Return the host that `fetch` would ask first, in lower case, with `:PORT` where the port is not 443.

        Raises:
            BadParameter: as `fetch`.
            SourceNotAllowed: the URL is not HTTPS, or the settings do not list the host.
        """
        ...

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        """Return the bytes at a URL, which may be anything.

        Raises:
            BadParameter: the text is not a URL. The refusal names `u`, the parameter of the query.
            SourceNotAllowed: the URL, or a URL that it redirects to, is not HTTPS on a listed host with a public
                address.
            ImageTooLarge: the answer has more than `image_parameters.MAX_IMAGE_BYTES`.
            NotFound: the site answers that the URL does not exist.
            SourceFailed: the site answers with another error.
            Unavailable: the site does not answer in time.
        """
        ...


class LinkUseCounter(Protocol):
    """Counts the uses of links that have a number of uses, and remembers revoked links."""

    def redeem(self, link: Link, *, attempt: str, reading: Reading | None, now: float, deadline: Deadline) -> None:
        """Redeem one use of a link in one conditional write, or give a free range of a file.

        A range is free for `link_uses.FREE_SECONDS` after a GET of the same `Reading.file` redeemed a use, and a range
        is free once: a GET that asks for the same range again redeems another use. So of any number of equal GETs, as
        many succeed as the link has uses. At most `link_uses.MAX_FREE_RANGES` ranges are free for one use.

        Args:
            link: a link with a number of uses.
            attempt: a new id for each request. Two calls with the same attempt redeem one use, so that a client of the
                table may repeat a call whose answer was lost.
            reading: the GET of a file; None for every other request, which is never free and makes nothing free.
            now: Unix time in seconds.
            deadline: of the request.

        Raises:
            LinkUsedUp, LinkRevoked: no use is left.
            Unavailable: the table does not answer, does not exist, or does not confirm the use.
        """
        ...

    def check(self, link: Link, deadline: Deadline) -> int:
        """Return how many uses are left, and redeem none; raise the refusal of `redeem` for a new client."""
        ...

    def revoke(self, link: Link, deadline: Deadline) -> None:
        """Revoke a link for ever, used or not; raise Unavailable where the table does not answer."""
        ...


class RevocableLinks(Protocol):
    """Knows which revocable links are live, and has a list of the links of each maker.

    Every maker has one list, by the name of the principal. The table never holds the token of a link.
    """

    def add(self, maker: str, link: Link, shown_name: str, *, now: float, deadline: Deadline) -> None:
        """List a new link, and only then let the link be used. So no link that works is missing in the list.

        Args:
            maker: the name of the maker.
            link: a revocable link.
            shown_name: how a page names the maker to the holder of the link.
            now: Unix time in seconds. The links that have ended by now leave the list.
            deadline: of the request.

        Raises:
            TooManyLinks: the list is full.
            Unavailable: the table does not answer, or does not confirm the link. The link does not work then, or works
                and is listed.
        """
        ...

    def check(self, link: Link, deadline: Deadline) -> str:
        """Return the `shown_name` of the maker of a live link.

        Raises:
            LinkRevoked: the link is revoked, or the table does not know the link.
            Unavailable: the table does not answer.
        """
        ...

    def links_of(self, maker: str, *, now: float, deadline: Deadline) -> Sequence[ListedLink]:
        """Return the live links of a maker in the order of their paths; raise Unavailable if no table answers."""
        ...

    def revoke(self, maker: str, link_id: str, expires_at: int, deadline: Deadline) -> None:
        """Refuse every later use of a link, and only then take the link from the list of its maker.

        The caller must know that the maker made the link. Raises Unavailable where the table does not answer; the link
        can then be revoked again.
        """
        ...


class CdnKeys(Protocol):
    """The private keys that sign for the CDNs of mounts."""

    def sign(self, cdn: Cdn, text: bytes, deadline: Deadline) -> bytes:
        """Return the signature of a text, with SHA-256: the same signature for the same text.

        Raises:
            Unavailable: the private key of the CDN cannot be fetched.
        """
        ...


class CursorCipher(Protocol):
    """Seals the cursors of listings, so that a client can neither read a cursor nor make one."""

    def seal(self, text: bytes, deadline: Deadline) -> str:
        """Return a text sealed, as URL-safe characters.

        Raises:
            NotOffered: the service has no signing secret.
            Unavailable: the signing secret cannot be fetched.
        """
        ...

    def open(self, sealed: str, deadline: Deadline) -> bytes | None:
        """Return the text that was sealed, None for a text that `seal` did not return; raise as `seal`."""
        ...


class Pages(Protocol):
    """Renders pages as HTML."""

    def directory(self, view: DirectoryView) -> bytes:
        """Return the page of a directory."""
        ...

    def preview(self, view: PreviewView) -> bytes:
        """Return the page of a file."""
        ...

    def problem(self, view: ProblemView) -> bytes:
        """Return the page of a refusal."""
        ...

    def sign_in(self, view: SignInView) -> bytes:
        """Return the page to sign in."""
        ...

    def token(self, view: TokenView) -> bytes:
        """Return the page that makes a service token."""
        ...

    def links(self, view: LinksView) -> bytes:
        """Return the page that lists the links of a person."""
        ...

    def received(self, view: ReceivedView) -> bytes:
        """Return the page after the upload by a form."""
        ...

    def versions(self, view: VersionsView) -> bytes:
        """Return the page of the versions and the deleted files of a directory."""
        ...

    def asset(self, name: str) -> Asset | None:
        """Return a file that pages load, None where there is none.

        A name never stands for other bytes, so that a browser may keep a file for ever.

        Args:
            name: the name below `/-/assets/`.
        """
        ...
