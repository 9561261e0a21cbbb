"""Bounded HTTPS: one request to a checked address, which ends at a deadline and after a number of bytes.

Others choose the URLs: clients choose the URLs of images, and issuers the URLs of their keys and of their endpoints. So
every URL may be an attack that uses the service to reach an internal address (OWASP, "Server-Side Request Forgery
Prevention Cheat Sheet").
"""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from http.client import HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import TYPE_CHECKING, Final, cast

from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .https_urls import HttpsUrl
from .public_addresses import SocketAddress, resolve

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK_BYTES: Final = 64 * 1024


class AnswerTooLarge(Exception):
    """The answer of a site has more bytes than the service reads."""


class HttpsClient:
    """Sends requests to sites that others chose. It follows no redirect, and unpacks no answer.

    Args:
        otherwise: the detail for the client of the service where a site does not answer.
    """

    def __init__(self, otherwise: str) -> None:
        self._otherwise = otherwise

    @contextmanager
    def request(
        self,
        method: str,
        url: HttpsUrl,
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        max_bytes: int,
        body: bytes | None = None,
        inner: bool = False,
    ) -> Iterator[HTTPResponse]:
        """Return the answer of a site; its body is to be read in the `with` block.

        Args:
            method: of the request.
            url: of the request.
            headers: of the request, all but `Host` and `Content-Length`.
            deadline: of the request.
            max_bytes: of the whole answer, with its head.
            body: of the request; None for a request without a body.
            inner: whether the host may have an address that is not public.

        Raises:
            NotPublic: the host has an address that is not public.
            AnswerTooLarge: the answer has more than `max_bytes`.
            Unavailable: the site does not answer in time, or its answer is not HTTP.
        """
        try:
            with self._connect(url, deadline, inner=inner) as tls:
                tls.bound(deadline, max_bytes)
                connection = HTTPSConnection(url.host, url.port, context=self._context)
                connection.sock = tls  # http.client itself could connect to another address, and without the deadline
                connection.request(method, url.target, body, headers)
                with connection.getresponse() as response:
                    yield response
        except (OSError, HTTPException, ValueError) as error:  # ValueError: http.client reads another text as a number
            raise Unavailable(self._otherwise) from error

    def _connect(self, url: HttpsUrl, deadline: Deadline, *, inner: bool) -> "_BoundedSocket":
        """Connect to an address that was checked; the certificate proves that the server there has the host name."""
        addresses = resolve(url.host, url.port, deadline, inner=inner, otherwise=self._otherwise)
        with _connect_to_first(addresses, deadline) as plain:
            plain.settimeout(deadline.left())  # for the whole handshake
            return cast(_BoundedSocket, self._context.wrap_socket(plain, server_hostname=url.host))

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        context.sslsocket_class = _BoundedSocket
        return context


def read_body(response: HTTPResponse, max_bytes: int) -> bytes:
    """Return the body of an answer; raise AnswerTooLarge, OSError, HTTPException or ValueError."""
    length = response.length  # None if the site sends no length
    if length is not None and length > max_bytes:
        raise AnswerTooLarge()
    body = bytearray()
    while chunk := response.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise AnswerTooLarge()
    if length is not None and len(body) < length:
        raise IncompleteRead(b"")  # http.client checks this only where the body is read at once
    return bytes(body)


class _BoundedSocket(ssl.SSLSocket):
    """A connection that ends at a deadline, and after a number of bytes, however few bytes arrive at a time.

    http.client bounds neither: it reads headers as long as they arrive, and a chunk of -1 bytes to the end.
    """

    def bound(self, deadline: Deadline, max_bytes: int) -> None:
        """Begin to hold the connection to the deadline, and to the bytes of one answer."""
        self._deadline, self._bytes_left = deadline, max_bytes
        self.settimeout(deadline.left())  # for sending, and for reading the first bytes

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0) -> int:
        """Receive as sockets do. http.client reads by this method only."""
        self.settimeout(self._deadline.left())
        count = super().recv_into(buffer, nbytes, flags)
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise AnswerTooLarge()
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
