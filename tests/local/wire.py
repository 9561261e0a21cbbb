"""Apps behind the local API Gateway, and clients that talk to a server byte by byte."""

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
CLOSE = "Connection: close"


def current_event(app: Chalice) -> dict[str, Any]:
    """Return the event that the app is answering."""
    assert app.current_request
    event: dict[str, Any] = app.current_request.to_original_event()
    return event


def echo_app() -> Chalice:
    """Return an app that answers with the event of the request; /answers has answers of every form."""
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
        "no-content": Response(b"unsent", status_code=204),
        "not-modified": Response(b"", {"ETag": '"1"', "Content-Length": "5"}, 304),
        "binary": Response(bytes(range(256)), {"content-type": "image/png"}),
        "several": Response(b"", {"Set-Cookie": ["a=1", "b=2"]}),
        "sized": Response(b"", {"content-length": "12345", "Content-Type": "image/png"}),
        "framed": Response(b"abc", {"Transfer-Encoding": "chunked", "Date": "never", "Content-Length": "999"}),
        "challenge": Response(b"", {"WWW-Authenticate": "Basic"}, 401),
        "invalid": Response("text in place of bytes", {"Content-Type": "text/plain"}),
    }

    @app.route("/answers/{name}", methods=["GET", "HEAD"])
    def answer(name: str) -> Response:
        response = answers[name]
        return Response(response.body, dict(response.headers), response.status_code)

    return app


@contextmanager
def serving(app: Chalice) -> Iterator[int]:
    """Serve an app behind the local API Gateway on a free port, and yield the port."""
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
    """Open a connection to a server of this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        yield connection


def exchange_bytes(port: int, message: bytes, half_close: bool = False) -> bytes:
    """Send bytes, and read until the server closes. `half_close` tells the server that no more bytes follow."""
    with connected(port) as connection, connection.makefile("rb") as stream:
        connection.sendall(message)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        return stream.read()


def head(method: str, target: str | bytes, *fields: str) -> bytes:
    """Return the head of a request."""
    target = target.encode() if isinstance(target, str) else target
    lines = [b"%s %s HTTP/1.1" % (method.encode(), target), b"Host: files.example.com:8000", b"Accept: */*"]
    return b"\r\n".join([*lines, *(field.encode() for field in fields), b"", b""])


def read_answer(connection: socket.socket, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """Read one answer."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return response, response.read()


def send(port: int, message: bytes, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """Send bytes and return the answer, after which the server must close the connection."""
    with connected(port) as connection:
        connection.sendall(message)
        answer = read_answer(connection, method)
        assert connection.recv(1) == b"", "the server sent more than one answer, or did not close"
    return answer


def echoed(port: int, method: str, target: str | bytes, *fields: str, body: bytes = b"") -> Any:
    """Send a request and return the JSON of its answer: the event, from an app that echoes."""
    response, content = send(port, head(method, target, CLOSE, *fields) + body)
    assert response.status == 200, content
    return json.loads(content)


def refusal(response: http.client.HTTPResponse, content: bytes) -> tuple[int, str]:
    """Return the status and the message of an error answer of AWS."""
    return response.status, json.loads(content)["message"]
