"""HTTP on the wire: what is refused, what is left unread, and that no connection gets out of step."""

import http.client
import http.server
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
from chalice.app import Chalice, Response
from hypothesis import given
from hypothesis import strategies as st

from tests.local.wire import answer, assert_closed, connected, current_event, event, head, raw, refused, serving

pytestmark = pytest.mark.usefixtures("silence")


# Bodies that are not read


def test_a_chunked_body_is_refused_and_the_connection_closed(port: int) -> None:
    chunks = b"5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
    response, content = raw(port, head("PUT", "/x", "Transfer-Encoding: chunked") + chunks)
    assert (response.status, response.headers["Content-Type"]) == (411, "application/problem+json")
    assert response.headers["Connection"] == "close"
    problem = json.loads(content)
    assert "Content-Length" in problem.pop("detail")
    assert problem == {"type": "about:blank", "title": "Length Required", "status": 411, "code": "length-required"}


def test_expect_100_continue_is_answered_without_the_body(port: int) -> None:
    """The very first line that comes back is the answer: http.client would skip a 100."""
    with connected(port) as connection:
        connection.sendall(head("PUT", "/x", "Content-Length: 99999999999", "Expect: 100-continue"))
        with connection.makefile("rb") as stream:
            received = stream.read()
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in received
    found = json.loads(received.partition(b"\r\n\r\n")[2])
    assert (found["body"], found["isBase64Encoded"]) == (None, False)


@pytest.mark.parametrize("fields", [["Expect: 100-continue"], []])
def test_a_client_that_sends_its_body_anyway_still_sees_the_answer(port: int, fields: list[str]) -> None:
    size = 16 * 1024**2
    with connected(port) as connection:
        connection.sendall(head("PUT", "/x", f"Content-Length: {size}", *fields) + bytes(size))
        response, content = answer(connection)
        assert_closed(connection)
    if fields:
        assert response.status == 200
    else:
        assert refused(response, content) == (413, "Request Too Long")


def test_an_upload_of_ten_megabytes_is_read(port: int) -> None:
    size = 10 * 1024**2
    found = event(port, "PUT", "/x", f"Content-Length: {size}", body=b"x" * size)
    assert len(b64decode(found["body"])) == size


def test_a_body_that_ends_early_does_not_reach_the_app(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(head("PUT", "/x", "Content-Length: 10") + b"abc")
        connection.shutdown(socket.SHUT_WR)
        assert_closed(connection)


class Store(http.server.BaseHTTPRequestHandler):
    """Where an upload is sent: it answers 100 to an Expect, and keeps what it gets."""

    protocol_version = "HTTP/1.1"
    uploads: ClassVar[list[bytes]] = []

    def do_PUT(self) -> None:
        self.uploads.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def store() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    Store.uploads.clear()


@pytest.mark.parametrize("answer_after", [0, 1.3])  # curl waits a second for the 100, then sends without it
def test_curl_uploads_through_a_redirect(store: str, tmp_path: Path, answer_after: float) -> None:
    app = Chalice("redirect")
    bodies = []

    @app.route("/{proxy+}", methods=["PUT"], content_types=[])
    def redirect() -> Response:
        time.sleep(answer_after)
        bodies.append(current_event(app)["body"])
        return Response("", {"Location": store + current_event(app)["path"]}, 307)

    big = tmp_path / "big"
    big.write_bytes(os.urandom(25 * 1024**2))
    with serving(app) as port:
        done = subprocess.run(
            ["curl", "-sSL", "-w", "%{http_code}", "-T", big, f"http://127.0.0.1:{port}/a/big"],
            capture_output=True,
            check=True,
        )
    assert (done.stdout, done.stderr) == (b"200", b"")
    assert bodies == [None]
    assert Store.uploads == [big.read_bytes()]


def test_curl_is_told_what_to_do_with_a_stream(port: int) -> None:
    done = subprocess.run(
        ["curl", "-sS", "-T", "-", f"http://127.0.0.1:{port}/x"], input=b"x" * 1000, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["code"] == "length-required"


# Answers


def fetch(port: int, name: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """Fetch one of the app's answers, then another over the same connection, which shows that it is still in step."""
    with connected(port) as connection:
        connection.sendall(head(method, f"/answers/{name}"))
        found = answer(connection, method)
        connection.sendall(head("GET", "/after", "Connection: close"))
        assert json.loads(answer(connection)[1])["path"] == "/after"
    return found


def test_an_empty_answer_has_length_zero(port: int) -> None:
    response, content = fetch(port, "empty")
    assert (response.status, content, response.headers.get_all("Content-Length")) == (200, b"", ["0"])


@pytest.mark.parametrize(("name", "status"), [("no-content", 204), ("not-modified", 304)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_without_content_has_no_length(port: int, name: str, status: int, method: str) -> None:
    response, content = fetch(port, name, method)
    assert (response.status, content) == (status, b"")
    assert response.headers["Content-Length"] is response.headers["Content-Type"] is None


def test_a_binary_body_is_decoded_and_keeps_its_type(port: int) -> None:
    response, content = fetch(port, "binary")
    assert content == bytes(range(256))
    assert response.headers.get_all("Content-Type") == ["image/png"]


def test_an_answer_that_names_no_type_is_json(port: int) -> None:
    assert fetch(port, "empty")[0].headers.get_all("Content-Type") == ["application/json"]


def test_a_list_is_sent_as_several_headers(port: int) -> None:
    assert fetch(port, "several")[0].headers.get_all("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(("name", "length"), [("sized", "0"), ("binary", "256"), ("empty", "0")])
def test_head_has_no_body_and_one_length(port: int, name: str, length: str) -> None:
    response, content = fetch(port, name, "HEAD")
    assert (content, response.headers.get_all("Content-Length")) == (b"", [length])


def test_a_rest_api_renames_what_it_says_itself(port: int) -> None:
    """The client never sees the app's own length or challenge under its name (FACTS 1.7)."""
    sized, challenge = fetch(port, "sized", "HEAD")[0].headers, fetch(port, "challenge")[0].headers
    assert sized["x-amzn-Remapped-content-length"] == "12345"
    assert (challenge["WWW-Authenticate"], challenge["x-amzn-Remapped-WWW-Authenticate"]) == (None, "Basic")


def test_the_app_does_not_frame_its_answer(port: int) -> None:
    response, content = fetch(port, "framed")
    assert (content, response.headers.get_all("Content-Length")) == (b"abc", ["3"])
    assert response.headers["Transfer-Encoding"] is None
    assert len(response.headers.get_all("Date", [])) == len(response.headers.get_all("Server", [])) == 1


def test_an_app_that_raises_answers_502(port: int) -> None:
    assert refused(*fetch(port, "mangled")) == (502, "Internal server error")


# What does not reach the app


@pytest.mark.parametrize("field", ["X-Any: x", "Authorization: Bearer sécret"])
def test_an_unknown_route_is_a_missing_token(field: str) -> None:
    app = Chalice("small")
    app.route("/a/{id}")(lambda id: [id])
    with serving(app) as port:
        assert event(port, "GET", "/a/1") == ["1"]
        for target in ["/", "/a", "/a/1/2", "/b"]:
            response, content = raw(port, head("GET", target, field, "Connection: close"))
            assert refused(response, content) == (403, "Missing Authentication Token")


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "get", "CONNECT"])
def test_a_method_that_api_gateway_does_not_know_is_a_missing_token(port: int, method: str) -> None:
    assert refused(*raw(port, head(method, "/x"))) == (403, "Missing Authentication Token")


def test_a_method_without_a_route_stays_chalices_405(port: int) -> None:
    response, _ = raw(port, head("POST", "/only-get", "Connection: close"))
    assert (response.status, response.headers["Allow"]) == (405, "GET")


REQUEST = b"PUT /x HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/one\r\n\r\n", 400),
        (b"GET /a b HTTP/1.1\r\n\r\n", 400),
        (b"GET /a\x1fb HTTP/1.1\r\n\r\n", 400),
        (b"GET /a\x01b HTTP/1.1\r\n\r\n", 400),
        (b"GET /a\x00b HTTP/1.1\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (REQUEST + b"no colon\r\nContent-Length: 5\r\n\r\nhello", 400),
        (REQUEST + b"Content-Length : 5\r\n\r\nhello", 400),
        (REQUEST + b": nameless\r\n\r\n", 400),
        (REQUEST + b" first\r\n\r\n", 400),
        (REQUEST + b"X-Folded: a\r\n b\r\n\r\n", 400),
        (REQUEST + b"X: a\r\nFrom x\r\nY: b\r\n\r\n", 400),
        (REQUEST + b"X: y\r\n" * 101 + b"\r\n", 431),
        (REQUEST + b"X: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        *(
            (REQUEST + b"Content-Length: " + length + b"\r\n\r\nhello", 400)
            for length in [b"-1", b"+5", b"5.0", b"0x5", b"1_0", b"five", b"", b"\xb2", b"5, 5", b"9" * 5000]
        ),
        (REQUEST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    ],
)
def test_what_cannot_be_read_is_refused(port: int, sent: bytes, status: int) -> None:
    response, content = raw(port, sent)
    assert response.status == status
    assert response.headers["Connection"] == "close"
    assert set(json.loads(content)) == {"message"}


@given(sent=st.binary(max_size=200))
def test_no_bytes_bring_the_server_down(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            assert stream.read()[:5] in (b"", b"HTTP/")


def test_a_form_is_not_taken_for_a_malformed_head(port: int) -> None:
    """The email parser that http.server uses finds defects in a multipart message without a body."""
    found = event(port, "POST", "/x", "Content-Type: multipart/form-data; boundary=b", "Content-Length: 3", body=b"abc")
    assert b64decode(found["body"]) == b"abc"


# Connections


def test_a_connection_is_kept_alive(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    local_ports = set()
    for method, body in [("PUT", b"abc"), ("HEAD", None), ("GET", None), ("POST", b""), ("PATCH", bytes(range(256)))]:
        connection.request(method, f"/{method}", body, {"Accept": "*/*"})
        response = connection.getresponse()
        content = response.read()
        if method != "HEAD":
            found = json.loads(content)
            assert (found["httpMethod"], b64decode(found["body"] or "")) == (method, body or b"")
        local_ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(local_ports) == 1


def test_answers_to_pipelined_requests_come_in_order(port: int) -> None:
    bodies = [head("PUT", f"/{n}", "Content-Length: 2") + b"%02d" % n for n in range(5)]
    with connected(port) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"".join(bodies) + head("GET", "/last", "Connection: close"))
        proxies = re.findall(rb'"proxy": "(\d)"', stream.read())
    assert proxies == [b"%d" % n for n in range(5)]


def test_requests_are_served_side_by_side() -> None:
    """Twenty requests that each wait for all the others."""
    app = Chalice("together")
    barrier = threading.Barrier(20, timeout=10)

    @app.route("/{proxy+}")
    def meet() -> str:
        barrier.wait()
        return str(current_event(app)["pathParameters"]["proxy"])

    with serving(app) as port, ThreadPoolExecutor(20) as pool:
        assert list(pool.map(lambda n: event(port, "GET", f"/{n}"), range(1, 21))) == list(range(1, 21))


def test_a_client_that_goes_away_is_no_news(port: int) -> None:
    for _ in range(5):
        with connected(port) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by RST
            connection.sendall(head("GET", "/x") * 20)
    assert event(port, "GET", "/x")["path"] == "/x"
