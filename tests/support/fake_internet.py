"""A fake internet with one site: HTTPS on this machine, under a name and an address that look public.

The code under test runs unchanged: it resolves the name, checks the address, connects and verifies the certificate.
Only the way from an address to a machine is fake: in this process by `FakeInternet.patch`, in another process by
`FakeInternet.environ`.
"""

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Self

import pytest

from .certificates import certificate
from .fake_sockets.sitecustomize import VARIABLE, FakeSockets

HOST = "images.example.com"
ADDRESS = "93.184.216.34"
CERTIFIED = (HOST, "login.example.com", "*.cdn.example.com")

Script = Callable[[BufferedIOBase], object]
"""Writes a whole answer, head and body, at its own pace."""


class Seen(NamedTuple):
    """A request that the site got; the names of the headers are lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class FakeInternet:
    """The internet, whose site runs as long as the `with` block.

    Attributes:
        names: the addresses of each name. A change reaches this process at once, another process at its start.
        ports: for each address, the port of this machine that stands for all its ports.
        seen: the requests to the site, in order.

    Args:
        certified: the names in the certificate of the site.
    """

    def __init__(self, certified: tuple[str, ...] = CERTIFIED) -> None:
        self._folder = TemporaryDirectory(prefix="internet-")
        self._authority = Path(self._folder.name, "authority.pem")
        site = Path(self._folder.name, "site.pem")
        issuer = certificate("authority", (), None)
        self._authority.write_bytes(issuer.pem())
        own = certificate("site", certified, issuer)
        site.write_bytes(own.pem() + own.key_pem())
        self._server = _Server(site)
        self.names: dict[str, list[str]] = {}
        self.ports: dict[str, int] = {}
        self.seen = self._server.seen
        self.forget()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a Python process that lives in this internet.

        Its PYTHONPATH begins with the directory of the fake sockets, also if a test adds more to the PYTHONPATH.
        """
        sockets = str(Path(__file__).with_name("fake_sockets"))
        return {
            VARIABLE: json.dumps({"names": self.names, "ports": self.ports}),
            "PYTHONPATH": os.pathsep.join(filter(None, (sockets, os.environ.get("PYTHONPATH")))),
            "SSL_CERT_FILE": str(self._authority),
        }

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> FakeSockets:
        """Let this process live in this internet, and return its sockets, which record every connection."""
        sockets = FakeSockets(self.names, self.ports)
        monkeypatch.setattr(socket, "getaddrinfo", sockets.getaddrinfo)
        monkeypatch.setattr(socket.socket, "connect", lambda self, address: sockets.connect(self, address))
        monkeypatch.setenv("SSL_CERT_FILE", str(self._authority))
        return sockets

    def forget(self) -> None:
        """Start again, for another test."""
        self._server.scripts.clear()
        self.seen.clear()
        self.names.clear()
        self.ports.clear()
        self.add(HOST, ADDRESS)

    def take_paths(self) -> list[str]:
        """Return and forget the paths of the requests that the site got."""
        paths = [request.path for request in self.seen]
        self.seen.clear()
        return paths

    def add(self, host: str, *addresses: str) -> None:
        """Give a name its addresses; the site answers at the public addresses."""
        self.names[host] = list(addresses)
        for address in addresses:
            if ip_address(address).is_global:
                self.ports.setdefault(address, self._server.server_port)

    def serve(
        self,
        path: str,
        body: bytes = b"",
        content_type: str = "image/png",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Give this answer at a path with its query, under every name; all other paths are 404.

        Args:
            path: with its query.
            body: of the answer.
            content_type: of the body.
            status: of the answer.
            headers: replace `Content-Type` and `Content-Length`, or come in addition.
        """
        fields = {"Content-Type": content_type, "Content-Length": str(len(body))} | dict(headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        answer = f"HTTP/1.1 {status} Answer\r\n{head}\r\n".encode("latin-1") + body
        self.script(path, lambda stream: stream.write(answer))

    def script(self, path: str, script: Script) -> None:
        """Let a script answer at a path."""
        self._server.scripts[path] = script

    def redirect(self, path: str, location: str, status: int = 302) -> None:
        """Redirect from a path."""
        self.serve(path, status=status, headers={"Location": location})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self.scripts: dict[str, Script] = {}
        self.seen: list[Seen] = []

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the thread of the request."""
        with self._context.wrap_socket(request, server_side=True) as stream:
            _Handler(stream, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing: tests close connections at any time."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Record the request, and answer."""
        path = self.requestline.split()[1]  # `self.path` lacks some slashes
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(Seen(path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.server.scripts.get(path, _missing)(self.wfile)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def _missing(stream: BufferedIOBase) -> None:
    stream.write(b"HTTP/1.1 404 Answer\r\nContent-Length: 0\r\n\r\n")
