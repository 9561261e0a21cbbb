"""An AWS with faults: an S3, a table, a secret and an STS whose answers are right, late, slow, or never come."""

import itertools
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.pictures import pattern, written

SECRET = "the-secret-that-only-secrets-manager-holds"
SLOW = 0.6  # seconds for each call; four calls take longer than a request has
DROP = 0.05  # seconds between two bytes

_PICTURE = written(pattern(64, 48), "png")
_OBJECT = {"ETag": '"e"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "Content-Type": "image/png"}
_LIST = (
    b"<ListBucketResult><Name>acme</Name><IsTruncated>false</IsTruncated><Contents><Key>a.png</Key><Size>9</Size>"
    b'<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"e"</ETag></Contents></ListBucketResult>'
)
_KEYS = (
    b"<AssumeRoleResponse><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
    b"<SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResponse>"
)

Fault = Callable[[socket.socket, bytes, bytes, threading.Event], None]
"""Sends the head and the body of an answer in some way, until the event says that nobody waits any more."""


def right(peer: socket.socket, head: bytes, body: bytes, over: threading.Event) -> None:
    """Send the answer."""
    peer.sendall(head + body)


def hang(peer: socket.socket, head: bytes, body: bytes, over: threading.Event) -> None:
    """Send nothing."""
    over.wait()


def slow(peer: socket.socket, head: bytes, body: bytes, over: threading.Event) -> None:
    """Send the answer late."""
    over.wait(SLOW)
    peer.sendall(head + body)


def drip_headers(peer: socket.socket, head: bytes, body: bytes, over: threading.Event) -> None:
    """Send headers byte by byte, without an end."""
    peer.sendall(head[:-2] + b"X-Drops: ")
    while not over.wait(DROP):
        peer.sendall(b"a")


def drip_body(peer: socket.socket, head: bytes, body: bytes, over: threading.Event) -> None:
    """Send the body byte by byte."""
    peer.sendall(head)
    for byte in body:
        if over.wait(DROP):
            return
        peer.sendall(bytes([byte]))


def reset(peer: socket.socket, head: bytes, body: bytes, over: threading.Event) -> None:
    """Break the connection in the middle of the headers."""
    peer.sendall(head[:20])
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def in_turn(*faults: Fault) -> Fault:
    """Have another fault at each request."""
    turns = itertools.cycle(faults)
    return lambda *answer: next(turns)(*answer)


class FaultyAws(ThreadingHTTPServer):
    """S3, DynamoDB, Secrets Manager and STS on a free port, all with the same fault.

    Attributes:
        fault: of the next answers.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.over = threading.Event()
        self.fault: Fault = right

    @contextmanager
    def having(self, fault: Fault) -> Iterator[None]:
        """Have a fault while the block runs, and then end all answers that are under way."""
        self.fault, self.over = fault, threading.Event()
        yield
        self.over.set()
        self.fault = right

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that leave before the end of an answer."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultyAws
    protocol_version = "HTTP/1.1"  # with HTTP/1.0, a client waits a second for a 100 that never comes

    def answer(self) -> None:
        """Answer a request."""
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True
        status, fields, body = self._answer(sent)
        lines = {**fields, "Content-Length": len(body), "Connection": "close"}
        head = f"HTTP/1.1 {status} So\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        self.server.fault(self.connection, head.encode(), b"" if self.command == "HEAD" else body, self.server.over)

    do_GET = do_HEAD = do_PUT = do_POST = answer

    def _answer(self, sent: bytes) -> tuple[int, dict[str, str], bytes]:
        if sent.startswith(b"Action=AssumeRole&"):
            return 200, {}, _KEYS
        if self.command == "POST":
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            if operation == "GetSecretValue":
                return 200, {}, json.dumps({"SecretString": SECRET}).encode()
            attempts = [json.loads(sent)["ExpressionAttributeValues"][":attempt"]["S"]]
            return 200, {}, json.dumps({"Attributes": {"attempts": {"SS": attempts}}}).encode()
        if "list-type=2" in self.path:
            return 200, {"Content-Type": "application/xml"}, _LIST
        if self.command == "HEAD" and "/-/derived/" in self.path:
            return 404, {}, b""
        return 200, _OBJECT, b"" if self.command == "PUT" else _PICTURE

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def unreachable() -> Iterator[int]:
    """A port where no connection is ever made: the queue is full, so Linux drops requests for a connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as first, socket.socket() as more:
        for filling in (first, more):
            filling.setblocking(False)
            filling.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@contextmanager
def silent() -> Iterator[int]:
    """A port where every connection is made and no byte is ever sent, so that a TLS handshake never ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=99) as server:
        yield server.getsockname()[1]
