"""HTTP for both entry points: refusals, bodies that are not read, the form of answers, and connections."""

import http.client
import json
import re
import socket
import struct
import threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import pytest
from chalice.app import Chalice
from hypothesis import given
from hypothesis import strategies as st

from .wire import CLOSE, connected, current_event, echoed, exchange_bytes, head, read_answer, refusal, send, serving

pytestmark = pytest.mark.usefixtures("silence")

NOT_FOUND = (403, "Missing Authentication Token")
PUT = b"PUT /x HTTP/1.1\r\n"


# Bodies


def test_a_chunked_body_is_refused_and_the_connection_closed(port: int) -> None:
    chunks = b"5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"
    response, content = send(port, head("PUT", "/x", "Transfer-Encoding: chunked") + chunks)
    assert (response.status, response.headers["Content-Type"]) == (411, "application/problem+json")
    assert response.headers["Connection"] == "close"
    problem = json.loads(content)
    assert "Content-Length" in problem.pop("detail")
    assert problem == {"type": "about:blank", "title": "Length Required", "status": 411, "code": "length-required"}


def test_a_client_that_sends_its_body_without_waiting_receives_the_answer(port: int) -> None:
    size = 16 * 1024**2
    for fields in (["Expect: 100-continue"], []):
        response, content = send(port, head("PUT", "/x", f"Content-Length: {size}", *fields) + bytes(size))
        assert response.status == 200 if fields else refusal(response, content) == (413, "Request Too Long")


def test_a_body_of_ten_megabytes_reaches_the_app_and_an_incomplete_body_does_not(port: int) -> None:
    size = 10 * 1024**2
    event = echoed(port, "PUT", "/x", f"Content-Length: {size}", body=b"x" * size)
    assert len(b64decode(event["body"])) == size
    assert exchange_bytes(port, head("PUT", "/x", "Content-Length: 10") + b"abc", half_close=True) == b""


# Answers


def fetch(port: int, name: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """Fetch one of the app's answers. A second request on the same connection shows that nothing is left unread."""
    with connected(port) as connection:
        connection.sendall(head(method, f"/answers/{name}"))
        answer = read_answer(connection, method)
        connection.sendall(head("GET", "/after", CLOSE))
        assert json.loads(read_answer(connection)[1])["path"] == "/after"
    return answer


def test_an_answer_has_one_length_and_one_type(port: int) -> None:
    for name, content, content_type in [
        ("empty", b"", "application/json"),
        ("binary", bytes(range(256)), "image/png"),
        ("sized", b"", "image/png"),
    ]:
        for method in ("GET", "HEAD"):
            response, body = fetch(port, name, method)
            assert (response.status, body) == (200, content if method == "GET" else b"")
            assert response.headers.get_all("Content-Length") == [str(len(content))]
            assert response.headers.get_all("Content-Type") == [content_type]
    for name, status in [("no-content", 204), ("not-modified", 304)]:
        for method in ("GET", "HEAD"):
            response, body = fetch(port, name, method)
            assert (response.status, body) == (status, b"")
            assert response.headers["Content-Length"] is response.headers["Content-Type"] is None
    assert fetch(port, "several")[0].headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_a_rest_api_renames_the_length_and_the_challenge_of_the_app(port: int) -> None:
    """FACTS 1.7."""
    sized, challenge = fetch(port, "sized", "HEAD")[0].headers, fetch(port, "challenge")[0].headers
    assert sized["x-amzn-Remapped-content-length"] == "12345"
    assert (challenge["WWW-Authenticate"], challenge["x-amzn-Remapped-WWW-Authenticate"]) == (None, "Basic")


def test_the_headers_of_the_server_replace_those_of_the_app(port: int) -> None:
    response, content = fetch(port, "framed")
    assert (content, response.headers.get_all("Content-Length")) == (b"abc", ["3"])
    assert response.headers["Transfer-Encoding"] is None
    assert len(response.headers.get_all("Date", [])) == len(response.headers.get_all("Server", [])) == 1


def test_an_exception_in_the_app_is_answered_with_502(port: int) -> None:
    assert refusal(*fetch(port, "invalid")) == (502, "Internal server error")


# Requests that do not reach the app


def test_an_unknown_route_or_method_is_a_missing_token(port: int) -> None:
    app = Chalice("small")
    app.route("/a/{id}")(lambda id: [id])
    with serving(app) as small:
        assert echoed(small, "GET", "/a/1") == ["1"]
        for target in ["/", "/a", "/a/1/2", "/b"]:
            for field in ("X-Any: x", "Authorization: Bearer sécret"):
                assert refusal(*send(small, head("GET", target, field, CLOSE))) == NOT_FOUND
    for method in ["TRACE", "PROPFIND", "get", "CONNECT"]:
        assert refusal(*send(port, head(method, "/x"))) == NOT_FOUND
    response, _ = send(port, head("POST", "/only-get", CLOSE))
    assert (response.status, response.headers["Allow"]) == (405, "GET"), "Chalice itself answers a known route"


def test_a_malformed_request_is_refused(port: int) -> None:
    lengths = [b"-1", b"+5", b"5.0", b"0x5", b"1_0", b"five", b"", b"\xb2", b"5, 5", b"9" * 5000]
    for message, status in [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/one\r\n\r\n", 400),
        *((b"GET /a%cb HTTP/1.1\r\n\r\n" % character, 400) for character in b" \x1f\x01\x00"),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (PUT + b"no colon\r\nContent-Length: 5\r\n\r\nhello", 400),
        (PUT + b"Content-Length : 5\r\n\r\nhello", 400),
        (PUT + b": nameless\r\n\r\n", 400),
        (PUT + b" first\r\n\r\n", 400),
        (PUT + b"X-Folded: a\r\n b\r\n\r\n", 400),
        (PUT + b"X: a\r\nFrom x\r\nY: b\r\n\r\n", 400),
        (PUT + b"X: y\r\n" * 101 + b"\r\n", 431),
        (PUT + b"X: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (PUT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
        *((PUT + b"Content-Length: " + length + b"\r\n\r\nhello", 400) for length in lengths),
    ]:
        response, content = send(port, message)
        assert (response.status, response.headers["Connection"]) == (status, "close"), message[:80]
        assert set(json.loads(content)) == {"message"}


@given(message=st.binary(max_size=200))
def test_no_bytes_stop_the_server(port: int, message: bytes) -> None:
    assert exchange_bytes(port, message, half_close=True)[:5] in (b"", b"HTTP/")


def test_the_head_of_a_form_is_not_malformed(port: int) -> None:
    """The email parser of http.server reports a defect of a multipart message without a body."""
    fields = ("Content-Type: multipart/form-data; boundary=b", "Content-Length: 3")
    assert b64decode(echoed(port, "POST", "/x", *fields, body=b"abc")["body"]) == b"abc"


# Connections


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    requests = [head("PUT", f"/{n}", "Content-Length: 2") + b"%02d" % n for n in range(5)]
    answers = exchange_bytes(port, b"".join(requests) + head("GET", "/last", CLOSE))
    assert re.findall(rb'"proxy": "(\d)"', answers) == [b"%d" % n for n in range(5)]


def test_requests_are_served_at_the_same_time() -> None:
    """Each of twenty requests waits for the other nineteen."""
    app = Chalice("together")
    barrier = threading.Barrier(20, timeout=60)

    @app.route("/{proxy+}")
    def meet() -> str:
        barrier.wait()
        return str(current_event(app)["pathParameters"]["proxy"])

    with serving(app) as port, ThreadPoolExecutor(20) as pool:
        assert list(pool.map(lambda number: echoed(port, "GET", f"/{number}"), range(1, 21))) == list(range(1, 21))


def test_a_client_that_resets_its_connection_is_not_an_error(port: int) -> None:
    for _ in range(5):
        with connected(port) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by RST
            connection.sendall(head("GET", "/x") * 20)
    assert echoed(port, "GET", "/x")["path"] == "/x"
