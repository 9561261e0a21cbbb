"""`app.function_url` over HTTP: the event that a request becomes, and the headers that reach the client."""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from local.api_gateway import function_url
from tests.support.builders import url_event

from .wire import CLOSE, echoed, head, refusal, send

HEADERS = {
    "/challenge": {"WWW-Authenticate": "Basic", "Date": "never", "Connection": "x"},
    "/sized": {"Content-Length": "12345"},
    "/reserved": {"X-Amzn-Remapped-Date": "never"},
}


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer with the event, or with the headers of the path."""
    assert 0 < context.get_remaining_time_in_millis() <= 10_000
    if event["rawPath"] == "/fail":
        raise ValueError("failed")
    headers = HEADERS.get(event["rawPath"], {})
    body = "" if headers else json.dumps(event)
    return {"statusCode": 200, "headers": headers, "body": body, "isBase64Encoded": False, "cookies": ["a=1", "b=2"]}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a Function URL that echoes."""
    server = function_url.listen(echo, 0)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_request_becomes_an_event_of_lambda(port: int) -> None:
    fields = ("X-A: 1", "x-a: 2", "Cookie: a=b; c=d", "Content-Length: 2")
    event = echoed(port, "POST", "/a%2Fb/?x=%20&y", *fields, body=b"\x00\xff")
    expected = url_event("POST", "/a%2Fb/")
    assert event.keys() == expected.keys() | {"body", "cookies"}
    assert expected["requestContext"].keys() <= event["requestContext"].keys()
    assert expected["requestContext"]["http"].keys() == event["requestContext"]["http"].keys()
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%2Fb/", "x=%20&y")
    assert (event["headers"]["x-a"], event["headers"]["content-length"]) == ("1,2", "2")
    assert (event["cookies"], b64decode(event["body"])) == (["a=b", "c=d"], b"\x00\xff")


def test_headers_are_renamed_but_a_length_is_kept(port: int) -> None:
    challenge = send(port, head("GET", "/challenge", CLOSE))[0].headers
    assert challenge["WWW-Authenticate"] is None
    assert challenge["x-amzn-Remapped-WWW-Authenticate"] == "Basic"
    assert challenge["x-amzn-Remapped-Date"] == "never" != challenge["Date"]
    assert challenge.get_all("Set-Cookie") == ["a=1", "b=2"]
    sized = send(port, head("HEAD", "/sized", CLOSE), "HEAD")[0].headers
    assert sized.get_all("Content-Length") == ["12345"]


def test_an_exception_or_a_reserved_header_is_answered_with_500(port: int, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/fail", "/reserved"):
        assert refusal(*send(port, head("GET", path, CLOSE))) == (500, "Internal Server Error")
    assert "ValueError" in caplog.text
