"""`chalice local` as API Gateway's REST API: the route that a request takes, and the event that the app gets."""

import re
import time
from base64 import b64decode
from typing import Any
from urllib.parse import quote

import pytest
from chalice.app import Chalice
from hypothesis import given
from hypothesis import strategies as st

from local.api_gateway.errors import MissingAuthenticationToken
from local.api_gateway.routes import Routes

from .wire import current_event, echoed, serving

pytestmark = pytest.mark.usefixtures("silence")


def test_a_path_takes_the_most_specific_route(port: int) -> None:
    for target, resource, parameters in [
        ("/", "/", None),
        ("/x/y/", "/{proxy+}", {"proxy": "x/y"}),
        ("/x%2Fy%20z/%25/+", "/{proxy+}", {"proxy": "x%2Fy%20z/%25/+"}),
        ("//x//y", "/{proxy+}", {"proxy": "x//y"}),
        ("/a/1", "/a/{id}", {"id": "1"}),
        ("/a/1/", "/a/{id}", {"id": "1"}),
        ("/a/fixed", "/a/fixed", None),
        ("/a/fixed/x", "/{proxy+}", {"proxy": "a/fixed/x"}),
        ("/a//", "/{proxy+}", {"proxy": "a/"}),
        ("/deep/1/2/3", "/deep/{id}/{proxy+}", {"id": "1", "proxy": "2/3"}),
        ("/deep/1", "/{proxy+}", {"proxy": "deep/1"}),
    ]:
        event = echoed(port, "GET", target)
        assert (event["resource"], event["pathParameters"]) == (resource, parameters), target
        assert event["requestContext"]["resourcePath"] == resource
    # The order of the routes is not the order of their characters.
    routes = Routes(["/{all+}", "/{id}/b", "/~/{id}", "/~"])
    for path, route in {"/~": "/~", "/~/b": "/~/{id}", "/x/b": "/{id}/b", "/x/c": "/{all+}", "/b": "/{all+}"}.items():
        assert routes.match_route(path).route == route


@given(st.lists(st.text("ab~{|}%+.-", min_size=1), min_size=1))
def test_a_greedy_route_captures_every_path_but_the_root(segments: list[str]) -> None:
    path = "/".join(segments)
    assert Routes(["/{proxy+}", "/"]).match_route(f"/{path}/").captured == {"proxy": path}
    with pytest.raises(MissingAuthenticationToken):
        Routes(["/{proxy+}"]).match_route("/")


def test_the_event_is_complete(port: int) -> None:
    """The whole dict equals that of "Input format of a Lambda function for proxy integration"."""
    before = int(time.time() * 1000)
    fields = ["User-Agent: probe/1", "X-Many: 1", "x-many:  2 \t", "Content-Type: text/plain", "Content-Length: 3"]
    event = echoed(port, "PUT", "/x%20y/?b=2&a=1&a=+%2B%C3%A9&blank=&raw=voilà", *fields, body=b"abc")
    context = event["requestContext"]
    assert before <= context.pop("requestTimeEpoch") <= time.time() * 1000
    request_id = context.pop("requestId")
    assert re.fullmatch(r"[0-9a-f-]{36}", request_id)
    assert echoed(port, "GET", "/")["requestContext"]["requestId"] != request_id
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("requestTime"))
    assert all(context.pop(name) for name in ("resourceId", "extendedRequestId"))
    identity = context.pop("identity")
    assert (identity.pop("sourceIp"), identity.pop("userAgent")) == ("127.0.0.1", "probe/1")
    assert set(identity.values()) == {None}
    headers = {
        "Host": ["files.example.com:8000"],
        "Accept": ["*/*"],
        "User-Agent": ["probe/1"],
        "X-Many": ["1", "2"],
        "Content-Type": ["text/plain"],
        "X-Forwarded-Proto": ["http"],
    }
    assert event == {
        "resource": "/{proxy+}",
        "path": "/x%20y/",
        "httpMethod": "PUT",
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {"b": "2", "a": " +é", "blank": "", "raw": "voilà"},
        "multiValueQueryStringParameters": {"b": ["2"], "a": ["1", " +é"], "blank": [""], "raw": ["voilà"]},
        "pathParameters": {"proxy": "x%20y"},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "httpMethod": "PUT",
            "path": "/x%20y/",
            "stage": "api",
            "accountId": "123456789012",
            "apiId": "ymy8tbxw7b",
            "domainName": "files.example.com",
            "domainPrefix": "files",
            "protocol": "HTTP/1.1",
        },
        "body": "YWJj",
        "isBase64Encoded": True,
    }


def test_empty_parts_of_a_request_are_null_in_the_event(port: int) -> None:
    event = echoed(port, "GET", "/?")
    assert event["queryStringParameters"] is event["multiValueQueryStringParameters"] is None
    assert event["pathParameters"] is event["stageVariables"] is event["body"] is None
    assert event["isBase64Encoded"] is False
    assert echoed(port, "PUT", "/x", "Content-Length: 0")["body"] is None


def test_the_path_arrives_as_it_was_sent(port: int) -> None:
    for target, path in [
        ("/a//b/", "/a//b/"),
        ("//a", "/a"),
        ("///a//", "/a//"),
        ("/%2Fa%2fb%20%25+", "/%2Fa%2fb%20%25+"),
        ("/%zz", "/%zz"),
        ("/a/../b", "/a/../b"),
        ("/http://x/y", "/http://x/y"),
        ("http://files.example.com/a/b", "/a/b"),
        ("/voilà/日本\x85", quote("/voilà/日本\x85")),
    ]:
        assert echoed(port, "GET", target)["path"] == path


def test_the_event_has_no_header_that_api_gateway_drops(port: int) -> None:
    dropped = ["Content-Length: 0", "Content-MD5: x", "TE: trailers", "connection: close", "Expect: 100-continue"]
    event = echoed(port, "GET", "/x", *dropped)
    assert set(event["headers"]) == set(event["multiValueHeaders"]) == {"Host", "Accept", "X-Forwarded-Proto"}


def test_a_body_is_text_unless_its_type_is_binary() -> None:
    app = Chalice("text")

    @app.route("/{proxy+}", methods=["POST"], content_types=["*/*"])
    def echo() -> dict[str, Any]:
        return {name: current_event(app)[name] for name in ("body", "isBase64Encoded")}

    with serving(app) as port:
        text = echoed(port, "POST", "/x", "Content-Length: 2", body="é".encode())
        assert text == {"body": "é", "isBase64Encoded": False}
        png = echoed(port, "POST", "/x", "Content-Type: image/png", "Content-Length: 2", body=b"\xff\x00")
        assert (b64decode(png["body"]), png["isBase64Encoded"]) == (b"\xff\x00", True)
