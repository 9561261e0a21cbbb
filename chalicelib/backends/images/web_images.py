"""Web images: images of other sites, fetched from allowed hosts only, by HTTPS, at public addresses, and in time.

The client chooses the URL. So every URL may be an attack that uses the service to reach an internal address (OWASP,
"Server-Side Request Forgery Prevention Cheat Sheet").
"""

import socket
import ssl
from collections.abc import Collection, Sequence
from functools import cached_property
from http.client import HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES
from chalicelib.core.web.problems.base import BadParameter, NotFound, Unavailable
from chalicelib.core.web.problems.images import ImageTooLarge, SourceFailed
from chalicelib.core.web.times import Deadline

from .public_addresses import SocketAddress, resolve
from .source_urls import AllowedHosts, SourceUrl, parse_source_url

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_REDIRECTS: Final = (301, 302, 303, 307, 308)  # RFC 9110 §15.4
_MAX_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 64 * 1024
_MAX_FRAMING_BYTES: Final = 1024**2  # headers, and the lines between the chunks of a body

_HEADERS: Final = {
    "User-Agent": "Signpost",
    "Accept": "image/avif, image/webp, image/jpeg, image/png, image/gif, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class _Redirect(NamedTuple):
    """A redirect of the site; the location may be relative."""

    location: str


class WebImages:
    """`ports.ImageSource` by HTTPS.

    Args:
        hosts: the hosts that the settings allow; see `AllowedHosts`.
        max_bytes: of an image.
    """

    def __init__(self, hosts: Collection[str], max_bytes: int = MAX_IMAGE_BYTES) -> None:
        self._allowed_hosts = AllowedHosts(hosts)
        self._max_bytes = max_bytes

    def host(self, url: str) -> str:
        """Return the host of a URL; see `ports.ImageSource.host`."""
        source = parse_source_url(url)
        self._allowed_hosts.check(source)
        return source.authority

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        """Return the body at a URL; see `ports.ImageSource.fetch`."""
        source = parse_source_url(url)
        for _ in range(1 + _MAX_REDIRECTS):
            self._allowed_hosts.check(source)
            answer = self._ask(source, deadline)
            if isinstance(answer, bytes):
                return answer
            try:
                source = parse_source_url(answer.location, base=source.text)
            except BadParameter:
                raise SourceFailed("The site of the image redirects to a location that is not a URL.") from None
        raise SourceFailed(f"The site of the image redirects more than {_MAX_REDIRECTS} times.")

    def _ask(self, source: SourceUrl, deadline: Deadline) -> bytes | _Redirect:
        """Send one request."""
        try:
            with self._connect(source, deadline) as tls:
                tls.bound(deadline, self._max_bytes)
                connection = HTTPSConnection(source.host, source.port, context=self._context)
                connection.sock = tls  # http.client itself could connect to another address, and without the deadline
                connection.request("GET", source.target, headers=_HEADERS)
                with connection.getresponse() as response:
                    return _read(response, self._max_bytes)
        except (OSError, HTTPException, ValueError) as error:  # ValueError: http.client reads another text as a number
            raise Unavailable("The site of the image does not answer.") from error

    def _connect(self, source: SourceUrl, deadline: Deadline) -> "_BoundedSocket":
        """Connect to an address that was checked; the certificate proves that the server there has the host name."""
        addresses = resolve(source.host, source.port, deadline)
        with _connect_to_first(addresses, deadline) as plain:
            plain.settimeout(deadline.left())  # for the whole handshake
            return cast(_BoundedSocket, self._context.wrap_socket(plain, server_hostname=source.host))

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        context.sslsocket_class = _BoundedSocket
        return context


class _BoundedSocket(ssl.SSLSocket):
    """A connection that ends at a deadline, and after a number of bytes, however few bytes arrive at a time.

    http.client bounds neither: it reads headers as long as they arrive, and a chunk of -1 bytes to the end.
    """

    def bound(self, deadline: Deadline, max_bytes: int) -> None:
        """Begin to hold the connection to the deadline, and to the bytes of one answer."""
        self._deadline, self._max_bytes, self._bytes_left = deadline, max_bytes, max_bytes + _MAX_FRAMING_BYTES
        self.settimeout(deadline.left())  # for sending, and for reading the first bytes

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        """Receive as sockets do. http.client reads by this method only."""
        self.settimeout(self._deadline.left())
        count = super().recv_into(buffer, nbytes, flags)
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise _too_large(self._max_bytes)
        return count


def _connect_to_first(addresses: Sequence[SocketAddress], deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each address gets an equal part of the time that is left."""
    last_error = OSError("a host without an address")
    for index, (family, address) in enumerate(addresses):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.left() / (len(addresses) - index))
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            last_error = error
    raise last_error


def _read(response: HTTPResponse, max_bytes: int) -> bytes | _Redirect:
    """Return the body or the redirect. The core judges whether the body is an image."""
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location is not None:
        return _Redirect(location.strip(" \t"))  # RFC 9110 §5.5
    if response.status in (404, 410):
        raise NotFound("The site of the image says that there is no such image.")
    if response.status >= 500:
        raise Unavailable("The site of the image is out of order.")
    if response.status != 200:
        raise SourceFailed(f"The site of the image answered {response.status}.")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise SourceFailed("The site sends the image compressed, although the service asked for no compression.")
    return _read_body(response, max_bytes)


def _read_body(response: HTTPResponse, max_bytes: int) -> bytes:
    length = response.length  # None if the site sends no length
    if length is not None and length > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    if length is not None and len(body) < length:
        raise IncompleteRead(b"")  # http.client checks this only where the body is read at once
    return bytes(body)


def _too_large(max_bytes: int) -> ImageTooLarge:
    return ImageTooLarge(f"The image has more than {max_bytes:,} bytes.")
