"""Apps behind `chalice.local` with our gateway in it, and clients that talk to them byte by byte."""

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalice import local
from chalice.app import Chalice, Response
from chalice.config import Config

from local.api_gateway.rest_api import install

METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]


def current_event(app: Chalice) -> dict[str, Any]:
    assert app.current_request
    found: dict[str, Any] = app.current_request.to_original_event()
    return found


def echo_app() -> Chalice:
    """An app that answers with the event it got; /answers holds replies of every shape."""
    app = Chalice("echo")
    app.api.binary_types = ["*/*"]
    app.log.setLevel(logging.CRITICAL)

    def echo(**_: str) -> Response:
        return Response(json.dumps(current_event(app)).encode(), {"Content-Type": "application/json"})

    for path in ["/", "/{proxy+}", "/a/{id}", "/a/fixed", "/deep/{id}/{proxy+}"]:
        app.route(path, methods=METHODS, content_types=["*/*"])(echo)
    app.route("/only-get", methods=["GET"])(echo)

    answers = {
        "empty": Response(b""),
        "no-content": Response(b"", status_code=204),
        "not-modified": Response(b"", {"ETag": '"1"', "Content-Length": "5"}, 304),
        "binary": Response(bytes(range(256)), {"content-type": "image/png"}),
        "several": Response(b"", {"Set-Cookie": ["a=1", "b=2"]}),
        "sized": Response(b"", {"content-length": "12345", "Content-Type": "image/png"}),
        "framed": Response(b"abc", {"Transfer-Encoding": "chunked", "Date": "never", "Content-Length": "999"}),
        "challenge": Response(b"", {"WWW-Authenticate": "Basic"}, 401),
        "mangled": Response("text where bytes belong", {"Content-Type": "text/plain"}),
    }

    @app.route("/answers/{name}", methods=["GET", "HEAD"])
    def answer(name: str) -> Response:
        found = answers[name]
        return Response(found.body, dict(found.headers), found.status_code)

    return app


@contextmanager
def serving(app: Chalice) -> Iterator[int]:
    """Serve an app by chalice.local on a free port, with our gateway in it, and only for so long."""
    original = local.LocalDevServer
    install()
    try:
        dev_server = local.create_local_server(app, Config(), "127.0.0.1", 0)
    finally:
        local.LocalDevServer = original  # type: ignore[misc]
    thread = threading.Thread(target=dev_server.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield dev_server.server.server_port
    finally:
        dev_server.shutdown()
        thread.join()
        dev_server.server.server_close()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def head(method: str, target: str | bytes, *fields: str) -> bytes:
    target = target.encode() if isinstance(target, str) else target
    lines = [b"%s %s HTTP/1.1" % (method.encode(), target), b"Host: files.example.com:8000", b"Accept: */*"]
    return b"\r\n".join([*lines, *(field.encode() for field in fields), b"", b""])


def answer(connection: socket.socket, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return response, response.read()


def raw(port: int, sent: bytes, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """Send bytes, return the answer; the server must close after it."""
    with connected(port) as connection:
        connection.sendall(sent)
        found = answer(connection, method)
        assert_closed(connection)
    return found


def assert_closed(connection: socket.socket) -> None:
    assert connection.recv(1) == b"", "the server sent more than one answer, or did not close"


def event(port: int, method: str, target: str | bytes, *fields: str, body: bytes = b"") -> Any:
    """What the app made of a request: the event, where it echoes."""
    response, content = raw(port, head(method, target, "Connection: close", *fields) + body)
    assert response.status == 200, content
    return json.loads(content)


def refused(response: http.client.HTTPResponse, content: bytes) -> tuple[int, str]:
    return response.status, json.loads(content)["message"]
