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
from .access.link_tokens import Link, Reading
from .s3.mounts import Target
from .s3.stores import Credentials
from .web.image_parameters import Image, Rendition
from .web.page_views import Asset, DirectoryView, ProblemView, SignInView, TokenView
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


class Metadata(NamedTuple):
    """The answer of S3 to HEAD: the status 200, 206 or 304, and the header fields."""

    status: int
    headers: Mapping[str, str]


class ListedKey(NamedTuple):
    """One result of a listing.

    Attributes:
        key: the key of an object; or a prefix that ends with a slash and stands for all keys below.
        is_prefix: whether `key` is such a prefix. The key of an object can end with a slash too.
        size: bytes; 0 for a prefix.
        modified: Unix time in seconds; 0 for a prefix.
        etag: with its quotes; empty for a prefix.
    """

    key: str
    is_prefix: bool
    size: int
    modified: float
    etag: str


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

    def check(self, link: Link, deadline: Deadline) -> None:
        """Raise the refusal that `redeem` would raise for a new client, and redeem no use."""
        ...

    def revoke(self, link: Link, deadline: Deadline) -> None:
        """Revoke a link for ever, used or not; raise Unavailable where the table does not answer."""
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

    def problem(self, view: ProblemView) -> bytes:
        """Return the page of a refusal."""
        ...

    def sign_in(self, view: SignInView) -> bytes:
        """Return the page to sign in."""
        ...

    def token(self, view: TokenView) -> bytes:
        """Return the page that makes a service token."""
        ...

    def asset(self, name: str) -> Asset | None:
        """Return a file that pages load, None where there is none.

        A name never stands for other bytes, so that a browser may keep a file for ever.

        Args:
            name: the name below `/-/assets/`.
        """
        ...
