"""`app.function_url` behind HTTP: the event that a request becomes, and what of the answer reaches the client."""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from local.api_gateway import function_url
from tests.local.wire import event, head, raw, refused
from tests.support.builders import url_event

HEADERS = {
    "/challenge": {"WWW-Authenticate": "Basic", "Date": "never", "Connection": "x"},
    "/sized": {"Content-Length": "12345"},
    "/reserved": {"X-Amzn-Remapped-Date": "never"},
}


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer with the event, and with the headers that its path asks for."""
    assert 0 < context.get_remaining_time_in_millis() <= 10_000
    if event["rawPath"] == "/fail":
        raise ValueError("failed")
    headers = HEADERS.get(event["rawPath"], {})
    body = "" if headers else json.dumps(event)
    return {"statusCode": 200, "headers": headers, "body": body, "isBase64Encoded": False, "cookies": ["a=1", "b=2"]}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = function_url.listen(echo, 0)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_request_becomes_the_event_that_lambda_makes(port: int) -> None:
    fields = ("X-A: 1", "x-a: 2", "Cookie: a=b; c=d", "Content-Length: 2", "Connection: close")
    found = event(port, "POST", "/a%2Fb/?x=%20&y", *fields, body=b"\x00\xff")
    expected = url_event("POST", "/a%2Fb/")
    assert found.keys() == expected.keys() | {"body", "cookies"}
    assert expected["requestContext"].keys() <= found["requestContext"].keys()
    assert expected["requestContext"]["http"].keys() == found["requestContext"]["http"].keys()
    assert (found["rawPath"], found["rawQueryString"]) == ("/a%2Fb/", "x=%20&y")
    assert (found["headers"]["x-a"], found["headers"]["content-length"]) == ("1,2", "2")
    assert (found["cookies"], b64decode(found["body"])) == (["a=b", "c=d"], b"\x00\xff")


def test_headers_are_renamed_and_the_length_arrives(port: int) -> None:
    challenge = raw(port, head("GET", "/challenge", "Connection: close"))[0].headers
    assert challenge["WWW-Authenticate"] is None
    assert challenge["x-amzn-Remapped-WWW-Authenticate"] == "Basic"
    assert challenge["x-amzn-Remapped-Date"] == "never" != challenge["Date"]
    assert challenge.get_all("Set-Cookie") == ["a=1", "b=2"]
    sized = raw(port, head("HEAD", "/sized", "Connection: close"), "HEAD")[0].headers
    assert sized.get_all("Content-Length") == ["12345"]


def test_a_function_that_fails_or_sets_a_reserved_header_is_a_500(port: int, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/fail", "/reserved"):
        response, content = raw(port, head("GET", path, "Connection: close"))
        assert refused(response, content) == (500, "Internal Server Error")
    assert "ValueError" in caplog.text
