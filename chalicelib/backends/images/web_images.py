"""Other sites, from which images are fetched: only from listed hosts, by HTTPS, at public addresses, and in time.

Whoever asks chooses the URL, so it is an attempt to reach what only this service can, until shown otherwise (OWASP,
"Server-Side Request Forgery Prevention Cheat Sheet").
"""

import re
import socket
import ssl
from collections.abc import Collection, Sequence
from functools import cached_property
from http.client import HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import urljoin, urlsplit

from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES
from chalicelib.core.web.problems import (
    BadParameter,
    ImageTooLarge,
    NotFound,
    SourceFailed,
    SourceNotAllowed,
    Unavailable,
)
from chalicelib.core.web.times import Deadline

from .public_addresses import Address, resolve

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PORT: Final = 443
_REDIRECTS: Final = (301, 302, 303, 307, 308)  # RFC 9110 §15.4
_MAX_REDIRECTS: Final = 3
_PIECE: Final = 64 * 1024
_MAX_FRAMING_BYTES: Final = 1024**2  # bytes of headers, and of what stands between the chunks of a body

_HEADERS: Final = {
    "User-Agent": "Signpost",
    "Accept": "image/avif, image/webp, image/jpeg, image/png, image/gif, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Connection": "close",
}

_AUTHORITY: Final = re.compile(r"(\[[^@\[\]]*\]|[^@:\[\]]+)(?::([0-9]{1,5}))?")
# RFC 1123 §2.1, and the underscore, which some names have. Where the last label is a number, it is an IPv4 address in
# one of its spellings (WHATWG URL §3.5, "ends in a number checker").
_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?!(?:[0-9]+|0x[0-9a-f]*)\Z)[a-z0-9_-]{1,63}")
_MAX_HOST_CHARACTERS: Final = 253  # RFC 1035 §2.3.4, without the bytes that end it

_NO_URL: Final = "it must be a whole URL, https://HOST/PATH: percent-encoded, and its host in punycode (xn--…)."


class _Place(NamedTuple):
    """A URL, taken apart: `target` is its path and query."""

    url: str
    host: str
    port: int
    target: str


class WebImages:
    """`ports.ImageSource` by HTTPS.

    Args:
        hosts: the names that images may be fetched from, lower case: `images.example.com`; or `*.example.com`, for all
            names below that one. With `:PORT` at its end it allows that port, and without it 443.
    """

    def __init__(self, hosts: Collection[str]) -> None:
        listed = (host.partition(":") for host in hosts)
        self._hosts = frozenset((name, int(port or _PORT)) for name, _, port in listed)

    def host(self, url: str) -> str:
        """Return the host of a URL; see `ports.ImageSource.host`."""
        place = _place(url)
        self._check(place)
        return place.host if place.port == _PORT else f"{place.host}:{place.port}"

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        """Return what is at a URL; see `ports.ImageSource.fetch`."""
        place = _place(url)
        for _ in range(1 + _MAX_REDIRECTS):
            self._check(place)
            answer = self._ask(place, deadline)
            if isinstance(answer, bytes):
                return answer
            try:
                place = _place(answer, place.url)
            except BadParameter:
                raise SourceFailed("The site of the image redirects to what is no URL.") from None
        raise SourceFailed(f"The site of the image redirects more than {_MAX_REDIRECTS} times.")

    def _check(self, place: _Place) -> None:
        """Refuse a host that is no name, or is not listed."""
        if len(place.host) > _MAX_HOST_CHARACTERS or not _NAME.fullmatch(place.host):
            raise SourceNotAllowed()
        labels = place.host.split(".")
        above = (f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels)))
        if not any((name, place.port) in self._hosts for name in (place.host, *above)):
            raise SourceNotAllowed()

    def _ask(self, place: _Place, deadline: Deadline) -> bytes | str:
        """Return what is at one place; as text where it redirects to."""
        try:
            with self._connect(place, deadline) as tls:
                tls.bound(deadline)
                connection = HTTPSConnection(place.host, place.port, context=self._context)
                connection.sock = tls  # it would connect to another address, and by its own time
                connection.request("GET", place.target, headers=_HEADERS)
                with connection.getresponse() as response:
                    return _read(response)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: what http.client takes for a number
            raise Unavailable("The site of the image does not answer.") from error

    def _connect(self, place: _Place, deadline: Deadline) -> "_Bounded":
        """Connect to an address that was checked; who answers there proves that he has the name."""
        addresses = resolve(place.host, place.port, deadline)
        with _dial(addresses, deadline) as plain:
            plain.settimeout(deadline.left())  # of the whole handshake
            return cast(_Bounded, self._context.wrap_socket(plain, server_hostname=place.host))

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        context.sslsocket_class = _Bounded
        return context


class _Bounded(ssl.SSLSocket):
    """A connection that ends at a deadline and after a number of bytes, however few come at once.

    http.client bounds neither: it reads headers for as long as they drip, and a chunk of -1 bytes to its end.
    """

    def bound(self, deadline: Deadline) -> None:
        """Set what bounds it."""
        self._deadline, self._bytes_left = deadline, MAX_IMAGE_BYTES + _MAX_FRAMING_BYTES
        self.settimeout(deadline.left())  # of sending, and of reading until the first bytes have come

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        """Receive as sockets do; all reading comes here."""
        self.settimeout(self._deadline.left())
        count = super().recv_into(buffer, nbytes, flags)
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise _too_large()
        return count


def _place(text: str, base: str = "") -> _Place:
    """Take a URL apart, which may be relative to another.

    Raises:
        BadParameter: it is malformed. It does not repeat any of it.
        SourceNotAllowed: it is well-formed, and not HTTPS.
    """
    if not all("!" <= character <= "~" for character in text) or "\\" in text:  # urlsplit drops what others do not
        raise BadParameter("u", _NO_URL)
    try:
        url = urljoin(base, text)
        parts = urlsplit(url)
    except ValueError:
        raise BadParameter("u", _NO_URL) from None
    if parts.scheme not in ("", "https"):
        raise SourceNotAllowed()
    if "@" in parts.netloc:
        raise BadParameter("u", "it must hold no user name and no password.")
    found = _AUTHORITY.fullmatch(parts.netloc)
    if not parts.scheme or not found:
        raise BadParameter("u", _NO_URL)
    port = _PORT if found[2] is None else int(found[2])
    if not 1 <= port <= 65_535:
        raise BadParameter("u", "its port must be a number from 1 to 65535.")
    return _Place(url, found[1].lower(), port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _dial(addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each has an equal part of the time that is left."""
    failed = OSError("a name without an address")
    for index, (family, place) in enumerate(addresses):
        tried = socket.socket(family, socket.SOCK_STREAM)
        try:
            tried.settimeout(deadline.left() / (len(addresses) - index))
            tried.connect(place)
            return tried
        except OSError as error:
            tried.close()
            failed = error
    raise failed


def _read(response: HTTPResponse) -> bytes | str:
    """Return the body; as text where it redirects to. What the body is, the core judges."""
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location is not None:
        return location.strip(" \t")  # RFC 9110 §5.5
    if response.status in (404, 410):
        raise NotFound("There is no such image: its site says so.")
    if response.status >= 500:
        raise Unavailable("The site of the image is out of order.")
    if response.status != 200:
        raise SourceFailed(f"The site of the image answered {response.status}.")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise SourceFailed("The site of the image sends it compressed, which it was not asked to.")
    said = response.length  # None where it does not say
    if said is not None and said > MAX_IMAGE_BYTES:
        raise _too_large()
    body = bytearray()
    while piece := response.read(_PIECE):
        body += piece
        if len(body) > MAX_IMAGE_BYTES:
            raise _too_large()
    if said is not None and len(body) < said:
        raise IncompleteRead(b"")  # which http.client leaves to whoever reads in pieces
    return bytes(body)


def _too_large() -> ImageTooLarge:
    return ImageTooLarge(f"The image has more than {MAX_IMAGE_BYTES:,} bytes.")
