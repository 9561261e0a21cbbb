"""HTTP as both entry points speak it: what is refused before the app is asked, and how answers go out.

The handler keeps what `chalice.local` does well, one gateway call for each request, and replaces the reading and the
writing around it. What a request becomes for the app is in gateway.py and in function_url.py.
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

from chalicelib.core import problems

# "Amazon API Gateway quotas", REST APIs: payload size.
_MAX_BODY: Final = 10 * 1024**2

# How much and how long a closing connection is still read, so that the client gets to see its answer.
_LINGER_BYTES: Final = 64 * 1024**2
_LINGER_SECONDS: Final = 5.0

_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_NOT_PRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")
_START_OF_PATH: Final = re.compile(r"\A(https?://[^/?#]+)?/+", re.IGNORECASE)  # RFC 9112 §3.2.1, §3.2.2
_LENGTH: Final = re.compile(r"[0-9]{1,18}")

# The email parser's words for a header section that is none; its others are about the body of a mail.
_HEADER_DEFECTS: Final = (
    FirstHeaderLineIsContinuationDefect,
    HeaderDefect,
    MisplacedEnvelopeHeaderDefect,
    MissingHeaderBodySeparatorDefect,
)

# The app's own never reach the client: the server frames each answer, and signs it with its own name and time.
_NOT_THE_APPS: Final = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
_WITHOUT_CONTENT: Final = frozenset({204, 304})  # RFC 9110 §6.4.1, §8.6


class BadRequest(local.LocalGatewayException):
    """The request cannot be read."""

    CODE = 400

    def __init__(self) -> None:
        super().__init__({}, b'{"message":"Bad Request"}')


class MissingAuthenticationToken(local.ForbiddenError):
    """API Gateway's way to say that there is no such route."""

    def __init__(self) -> None:
        super().__init__(
            {"x-amzn-ErrorType": "MissingAuthenticationTokenException"}, b'{"message":"Missing Authentication Token"}'
        )


class LengthRequired(local.LocalGatewayException):
    """A chunked body, which S3 refuses after the redirect (FACTS 3.2)."""

    CODE = 411

    def __init__(self) -> None:
        refusal = problems.LengthRequired()
        problem = {
            "type": "about:blank",
            "title": refusal.title,
            "status": refusal.status,
            "code": refusal.code,
            "detail": refusal.detail,
        }
        super().__init__({"Content-Type": "application/problem+json"}, json.dumps(problem).encode())


class RequestTooLong(local.LocalGatewayException):
    """A body over API Gateway's limit."""

    CODE = 413

    def __init__(self) -> None:
        super().__init__({}, b'{"message":"Request Too Long"}')


class Server(local.ThreadedHTTPServer):
    """A thread for each connection, and room for many that connect at once."""

    request_queue_size = 128


class EntryPoint(local.LocalGateway):
    """Answers requests as one of both entry points does.

    Attributes:
        renamed: the headers, in lower case, that reach the client as `x-amzn-Remapped-…` alone (FACTS 1.7).
    """

    renamed: frozenset[str]


class RequestHandler(local.ChaliceRequestHandler):
    """One client's connection.

    Args:
        request: the socket.
        client_address: the peer.
        server: who accepted it.
        gateway: the entry point that answers its requests.
    """

    default_request_version = "HTTP/1.0"  # with http.server's own, 0.9, a garbled request gets no status line
    disable_nagle_algorithm = True  # a head and its body are two writes, which Nagle would hold 40 ms apart

    raw_requestline: bytes
    path: str
    _awaits_continue = False

    def __init__(self, request: Any, client_address: tuple[str, int], server: HTTPServer, gateway: EntryPoint) -> None:
        self.local_gateway = gateway
        self._renamed = gateway.renamed
        # Past chalice's own constructor, which would make another gateway.
        BaseHTTPRequestHandler.__init__(self, request, client_address, server)

    def handle(self) -> None:
        """Serve request after request; a client that goes away is no error."""
        with suppress(ConnectionError):
            super().handle()

    def parse_request(self) -> bool:
        """Read the request's head. False: it was answered already."""
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
        """Send no 100 to a PUT: a client that waits for one sends its body only to where the answer redirects it."""
        if self.command != "PUT":
            return bool(super().handle_expect_100())
        self._awaits_continue = self.close_connection = True
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server refuses, without its page, which repeats the request line and its secrets."""
        self.close_connection = True
        self._send_http_response(code, {}, json.dumps({"message": HTTPStatus(code).phrase}))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the request line may hold a `?token=`, and the app logs its own line."""

    def finish(self) -> None:
        """Close in the order of RFC 9112 §9.6: input left unread would reset the connection and eat the answer."""
        super().finish()
        deadline, left = time.monotonic() + _LINGER_SECONDS, _LINGER_BYTES
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (seconds := deadline - time.monotonic()) > 0:
                self.connection.settimeout(seconds)
                if not (received := self.connection.recv(65536)):
                    break
                left -= len(received)

    def _check_head(self) -> None:
        """Raise the refusal of a request that does not reach the app."""
        malformed = any(isinstance(defect, _HEADER_DEFECTS) for defect in self.headers.defects)
        folded = any("\r" in value or "\n" in value for value in self.headers.values())  # RFC 9112 §5.2
        if malformed or folded or not self.path.startswith("/") or _NOT_PRINTABLE.search(self.path):
            raise BadRequest
        if "Transfer-Encoding" in self.headers:
            raise LengthRequired
        length = self._content_length()
        if not hasattr(self, f"do_{self.command}"):
            raise MissingAuthenticationToken
        if length > _MAX_BODY and not self._awaits_continue:
            raise RequestTooLong

    def _content_length(self) -> int:
        lengths = {value.strip(" \t") for value in self.headers.get_all("Content-Length", ["0"])}
        length = lengths.pop()
        if lengths or not _LENGTH.fullmatch(length):
            raise BadRequest
        return int(length)

    def _parse_payload(self) -> tuple[dict[str, list[str]], bytes | None]:
        """Return all values of each header, under its name as the client spelled it first, and the body."""
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
        of_the_app = {name.lower(): value for name, value in headers.items() if name.lower() not in self._renamed}
        sent = {name: headers[name] for name in headers if name.lower() not in _NOT_THE_APPS | self._renamed} | renamed
        if code not in _WITHOUT_CONTENT:
            # "Set up a proxy integration with a proxy resource": the type of an answer that names none.
            if "content-type" not in of_the_app:
                sent["Content-Type"] = "application/json"
            sent["Content-Length"] = str(len(content))
            if self.command == "HEAD":
                sent["Content-Length"] = of_the_app.get("content-length", sent["Content-Length"])
        if self.close_connection:
            sent["Connection"] = "close"
        self.send_response(code)
        self._send_headers(sent)
        if content and self.command != "HEAD" and code not in _WITHOUT_CONTENT:
            self.wfile.write(content)
