"""`chalice local` as API Gateway: which route a request takes, and what the app sees of it."""

import os
import re
import socket
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from chalice.app import AuthResponse, Chalice
from hypothesis import given
from hypothesis import strategies as st

from local.api_gateway.errors import MissingAuthenticationToken
from local.api_gateway.routes import Routes
from tests.local.wire import current_event, event, head, raw, serving

PROJECT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("silence")


# Routes


@pytest.mark.parametrize(
    ("target", "resource", "parameters"),
    [
        ("/", "/", None),
        ("//", "/", None),
        ("/x", "/{proxy+}", {"proxy": "x"}),
        ("/x/y/z", "/{proxy+}", {"proxy": "x/y/z"}),
        ("/x/y/", "/{proxy+}", {"proxy": "x/y"}),
        ("/x//", "/{proxy+}", {"proxy": "x/"}),
        ("/x%2Fy%20z/%25/+", "/{proxy+}", {"proxy": "x%2Fy%20z/%25/+"}),
        ("/x;v=1", "/{proxy+}", {"proxy": "x;v=1"}),
        ("//x//y", "/{proxy+}", {"proxy": "x//y"}),
        ("/a/1", "/a/{id}", {"id": "1"}),
        ("/a/1/", "/a/{id}", {"id": "1"}),
        ("/a/fixed", "/a/fixed", None),
        ("/a/fixed/", "/a/fixed", None),
        ("/a/fixed/x", "/{proxy+}", {"proxy": "a/fixed/x"}),
        ("/a", "/{proxy+}", {"proxy": "a"}),
        ("/a//", "/{proxy+}", {"proxy": "a/"}),
        ("/deep/1/2/3", "/deep/{id}/{proxy+}", {"id": "1", "proxy": "2/3"}),
        ("/deep/1", "/{proxy+}", {"proxy": "deep/1"}),
    ],
)
def test_a_path_takes_the_most_specific_route(
    port: int, target: str, resource: str, parameters: dict[str, str] | None
) -> None:
    found = event(port, "GET", target)
    assert (found["resource"], found["pathParameters"]) == (resource, parameters)
    assert found["requestContext"]["resourcePath"] == resource


@given(st.lists(st.text("ab~{|}%+.-", min_size=1), min_size=1))
def test_the_greedy_route_captures_any_path(segments: list[str]) -> None:
    path = "/".join(segments)
    assert Routes(["/{proxy+}", "/"]).match_route(f"/{path}/").captured == {"proxy": path}


@pytest.mark.parametrize(
    ("path", "route"), [("/~", "/~"), ("/~/b", "/~/{id}"), ("/x/b", "/{id}/b"), ("/x/c", "/{all+}"), ("/b", "/{all+}")]
)
def test_the_order_of_routes_is_not_that_of_their_characters(path: str, route: str) -> None:
    assert Routes(["/{all+}", "/{id}/b", "/~/{id}", "/~"]).match_route(path).route == route


def test_a_greedy_route_does_not_match_the_root() -> None:
    with pytest.raises(MissingAuthenticationToken):
        Routes(["/{proxy+}"]).match_route("/")


# The event


def test_the_event_is_complete(port: int) -> None:
    """Whole-dict equality with "Input format of a Lambda function for proxy integration"."""
    before = int(time.time() * 1000)
    fields = ["User-Agent: probe/1", "X-Many: 1", "x-many:  2 \t", "Content-Type: text/plain", "Content-Length: 3"]
    found = event(port, "PUT", "/x%20y/?b=2&a=1&a=+%2B%C3%A9&blank=", *fields, body=b"abc")
    context = found["requestContext"]
    assert before <= context.pop("requestTimeEpoch") <= time.time() * 1000
    assert re.fullmatch(r"[0-9a-f-]{36}", context.pop("requestId"))
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("requestTime"))
    assert all(context.pop(name) for name in ("resourceId", "extendedRequestId"))
    identity = context.pop("identity")
    assert (identity.pop("sourceIp"), identity.pop("userAgent")) == ("127.0.0.1", "probe/1")
    assert set(identity.values()) == {None}
    assert found == {
        "resource": "/{proxy+}",
        "path": "/x%20y/",
        "httpMethod": "PUT",
        "headers": {
            "Host": "files.example.com:8000",
            "Accept": "*/*",
            "User-Agent": "probe/1",
            "X-Many": "2",
            "Content-Type": "text/plain",
            "X-Forwarded-Proto": "http",
        },
        "multiValueHeaders": {
            "Host": ["files.example.com:8000"],
            "Accept": ["*/*"],
            "User-Agent": ["probe/1"],
            "X-Many": ["1", "2"],
            "Content-Type": ["text/plain"],
            "X-Forwarded-Proto": ["http"],
        },
        "queryStringParameters": {"b": "2", "a": " +é", "blank": ""},
        "multiValueQueryStringParameters": {"b": ["2"], "a": ["1", " +é"], "blank": [""]},
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


def test_nothing_is_null_rather_than_empty(port: int) -> None:
    found = event(port, "GET", "/?")
    assert found["queryStringParameters"] is found["multiValueQueryStringParameters"] is None
    assert found["pathParameters"] is found["stageVariables"] is found["body"] is None
    assert found["isBase64Encoded"] is False
    assert event(port, "PUT", "/x", "Content-Length: 0")["body"] is None


def test_every_request_has_an_id_of_its_own(port: int) -> None:
    assert len({event(port, "GET", "/")["requestContext"]["requestId"] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a//b/", "/a//b/"),
        ("//a", "/a"),
        ("///a//", "/a//"),
        ("/%2Fa%2fb%20%25+", "/%2Fa%2fb%20%25+"),
        ("/%zz", "/%zz"),
        ("/a/../b", "/a/../b"),
        ("/http://x/y", "/http://x/y"),
        ("http://files.example.com/a/b", "/a/b"),
        ("/voilà/日本\x85".encode(), quote("/voilà/日本\x85")),
    ],
)
def test_the_path_arrives_as_it_was_sent(port: int, target: str | bytes, path: str) -> None:
    assert event(port, "GET", target)["path"] == path


def test_raw_utf_8_in_the_query_is_decoded_like_any_other(port: int) -> None:
    assert event(port, "GET", "/x?q=voilà")["queryStringParameters"] == {"q": "voilà"}


def test_what_api_gateway_drops_never_enters_the_event(port: int) -> None:
    dropped = ["Content-Length: 0", "Content-MD5: x", "TE: trailers", "connection: close", "Expect: 100-continue"]
    found = event(port, "GET", "/x", *dropped)
    assert set(found["headers"]) == set(found["multiValueHeaders"]) == {"Host", "Accept", "X-Forwarded-Proto"}


def test_a_body_of_a_type_that_is_not_binary_is_text() -> None:
    app = Chalice("text")

    @app.route("/{proxy+}", methods=["POST"], content_types=["*/*"])
    def echo() -> dict[str, Any]:
        return {name: current_event(app)[name] for name in ("body", "isBase64Encoded")}

    with serving(app) as port:
        assert event(port, "POST", "/x", "Content-Length: 2", body="é".encode()) == {
            "body": "é",
            "isBase64Encoded": False,
        }
        png = event(port, "POST", "/x", "Content-Type: image/png", "Content-Length: 2", body=b"\xff\x00")
        assert (b64decode(png["body"]), png["isBase64Encoded"]) == (b"\xff\x00", True)


# Chalice's own features, and its own command


def test_a_builtin_authorizer_still_works() -> None:
    app = Chalice("guarded")

    @app.authorizer()
    def guard(request: Any) -> AuthResponse:
        return AuthResponse(["*"] if request.token == "open" else [], "someone")

    @app.route("/{proxy+}", authorizer=guard)
    def view() -> list[str]:
        found = current_event(app)
        return [found["headers"]["Authorization"], found["requestContext"]["authorizer"]["principalId"]]

    with serving(app) as port:
        assert event(port, "GET", "/x", "Authorization: open") == ["open", "someone"]
        assert raw(port, head("GET", "/x", "Authorization: shut", "Connection: close"))[0].status == 403
        assert raw(port, head("GET", "/x", "Connection: close"))[0].status == 401


def test_the_preflight_that_chalice_generates_still_works() -> None:
    app = Chalice("shared")
    app.route("/{proxy+}", cors=True)(lambda: "")
    with serving(app) as port:
        response, _ = raw(port, head("OPTIONS", "/x/y", "Connection: close"))
    assert (response.status, response.headers["Access-Control-Allow-Methods"]) == (200, "GET,OPTIONS")


def test_chalice_local_serves_any_depth(tmp_path: Path) -> None:
    """The real command, in a project of its own; the request line with its secret is on no console."""
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text('{"version": "2.0", "app_name": "probe"}')
    (tmp_path / "app.py").write_text(
        "from chalice.app import Chalice\n"
        "from local.api_gateway.rest_api import install\n"
        "install()\n"
        "app = Chalice('probe')\n"
        "@app.route('/{proxy+}')\n"
        "def view(): return app.current_request.uri_params['proxy']\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [Path(sys.executable).with_name("chalice"), "local", "--no-autoreload", "--port", str(port)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        assert process.stdout
        first = process.stdout.readline()
        assert first.startswith(b"Serving on")
        _, content = raw(port, head("GET", "/a/b/c?token=secret", "Connection: close"))
        process.terminate()
        assert process.stdout.read() == b""
    assert content == b"a/b/c"
