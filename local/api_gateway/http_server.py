"""HTTP for both entry points: the requests that are refused before the app runs, and the form of the answers.

`chalice.local` still calls the gateway, once for each request. This module reads the requests and writes the answers.
rest_api.py and function_url.py make the events.
"""

import json
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from email.errors import (
    FirstHeaderLineIsContinuationDefect,
    HeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

from chalice import local

from .errors import BadRequest, LengthRequired, MissingAuthenticationToken, RequestTooLong

# "Amazon API Gateway quotas", REST APIs: payload size.
_MAX_BODY_BYTES: Final = 10 * 1024**2

# Before the server closes a connection, it reads the input up to these limits, so that the client receives the answer.
_MAX_LINGER_BYTES: Final = 64 * 1024**2
_MAX_LINGER_SECONDS: Final = 5.0

_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_NOT_PRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")
_START_OF_PATH: Final = re.compile(r"\A(https?://[^/?#]+)?/+", re.IGNORECASE)  # RFC 9112 §3.2.1, §3.2.2
_LENGTH: Final = re.compile(r"[0-9]{1,18}")

# The email parser's defects that make a header section malformed. Its other defects concern the body of a mail.
_HEADER_DEFECTS: Final = (
    FirstHeaderLineIsContinuationDefect,
    HeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)

# The server sets these headers itself; values of the app never reach the client.
_SET_BY_SERVER: Final = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
_WITHOUT_CONTENT: Final = frozenset({204, 304})  # RFC 9110 §6.4.1, §8.6


class Server(local.ThreadedHTTPServer):
    """A server with a thread for each connection, and a long queue of connections that wait to be accepted."""

    request_queue_size = 128


class EntryPoint(local.LocalGateway):
    """Calls the app as one of the two entry points of AWS does.

    Attributes:
        renamed: names, in lower case, of headers that reach the client only as `x-amzn-Remapped-…` (FACTS 1.7).
    """

    renamed: frozenset[str]


class RequestHandler(local.ChaliceRequestHandler):
    """The connection of one client.

    Args:
        request: the socket.
        client_address: host and port of the client.
        server: the server that accepted the connection.
        entry_point: answers the requests.
    """

    default_request_version = "HTTP/1.0"  # with http.server's default, 0.9, a garbled request gets no status line
    disable_nagle_algorithm = True  # Nagle's algorithm would send the body 40 ms after the head

    raw_requestline: bytes
    path: str
    _awaits_continue = False

    def __init__(
        self, request: Any, client_address: tuple[str, int], server: HTTPServer, entry_point: EntryPoint
    ) -> None:
        self.local_gateway = entry_point
        self._renamed = entry_point.renamed
        # Chalice's own constructor would make another gateway, so it is not called.
        BaseHTTPRequestHandler.__init__(self, request, client_address, server)

    def handle(self) -> None:
        """Serve the requests of the connection. A client that closes the connection is not an error."""
        with suppress(ConnectionError):
            super().handle()

    def parse_request(self) -> bool:
        """Read the head of a request. Return False where the request was answered already."""
        self.raw_requestline = _NOT_ASCII.sub(lambda byte: b"%%%02X" % ord(byte[0]), self.raw_requestline)
        if not super().parse_request():
            return False
        self.path = _START_OF_PATH.sub("/", self.path)
        try:
            self._check_head()
        except local.LocalGatewayException as refusal:
            self.close_connection = True
            self._send_error_response(refusal)
            return False
        return True

    def handle_expect_100(self) -> bool:
        """Send no 100 to a PUT: the client then sends its body only to the target of the redirect."""
        if self.command != "PUT":
            return bool(super().handle_expect_100())
        self._awaits_continue = self.close_connection = True
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request without http.server's page, which repeats the request line and the secrets in it."""
        self.close_connection = True
        self._send_http_response(code, {}, json.dumps({"message": HTTPStatus(code).phrase}))

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the request line can contain a `?token=`, and the app logs its own line."""

    def finish(self) -> None:
        """Close in the order of RFC 9112 §9.6: unread input would reset the connection and lose the answer."""
        super().finish()
        deadline, bytes_left = time.monotonic() + _MAX_LINGER_SECONDS, _MAX_LINGER_BYTES
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while bytes_left > 0 and (seconds := deadline - time.monotonic()) > 0:
                self.connection.settimeout(seconds)
                if not (received := self.connection.recv(65536)):
                    break
                bytes_left -= len(received)

    def _check_head(self) -> None:
        """Raise LocalGatewayException for a request that must not reach the app."""
        malformed = any(isinstance(defect, _HEADER_DEFECTS) for defect in self.headers.defects)
        folded = any("\r" in value or "\n" in value for value in self.headers.values())  # RFC 9112 §5.2
        if malformed or folded or not self.path.startswith("/") or _NOT_PRINTABLE.search(self.path):
            raise BadRequest
        if "Transfer-Encoding" in self.headers:
            raise LengthRequired
        length = self._content_length()
        if not hasattr(self, f"do_{self.command}"):
            raise MissingAuthenticationToken
        if length > _MAX_BODY_BYTES and not self._awaits_continue:
            raise RequestTooLong

    def _content_length(self) -> int:
        lengths = {value.strip(" \t") for value in self.headers.get_all("Content-Length", ["0"])}
        length = lengths.pop()
        if lengths or not _LENGTH.fullmatch(length):
            raise BadRequest
        return int(length)

    def _parse_payload(self) -> tuple[dict[str, list[str]], bytes | None]:
        """Return all values of each header, by the header's name as the client first spelled it, and the body."""
        fields: dict[str, tuple[str, list[str]]] = {}
        for name, value in self.headers.items():
            fields.setdefault(name.lower(), (name, []))[1].append(value.strip(" \t"))
        length = 0 if self._awaits_continue else self._content_length()
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError
        return dict(fields.values()), body or None

    def _send_http_response(self, code: int, headers: Mapping[str, Any], body: str | bytes | None) -> None:
        content = body.encode() if isinstance(body, str) else body or b""
        renamed = {f"x-amzn-Remapped-{name}": headers[name] for name in headers if name.lower() in self._renamed}
        app_headers = {name.lower(): value for name, value in headers.items() if name.lower() not in self._renamed}
        sent = {name: headers[name] for name in headers if name.lower() not in _SET_BY_SERVER | self._renamed} | renamed
        if code not in _WITHOUT_CONTENT:
            # "Set up a proxy integration with a proxy resource": the default type of an answer.
            if "content-type" not in app_headers:
                sent["Content-Type"] = "application/json"
            sent["Content-Length"] = str(len(content))
            if self.command == "HEAD":
                sent["Content-Length"] = app_headers.get("content-length", sent["Content-Length"])
        if self.close_connection:
            sent["Connection"] = "close"
        self.send_response(code)
        self._send_headers(sent)
        if content and self.command != "HEAD" and code not in _WITHOUT_CONTENT:
            self.wfile.write(content)
