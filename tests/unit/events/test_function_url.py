"""Function URL events: a request is what the client wrote, and a reply is what Lambda can send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.message import Reply, Request
from chalicelib.events.function_url import from_reply, to_request
from tests.support.builders import DEADLINE, rest_event, url_event
from tests.support.entry_points import at_function_url, at_rest_api, place

HTTP_API = "abc.execute-api.eu-west-1.amazonaws.com"


def test_an_event_becomes_the_request_that_the_client_wrote() -> None:
    event = url_event(
        "PUT",
        "/a%20b+c/",
        "x=1%2B1+2&x=3&empty&%C3%BC=%26",
        [("Authorization", "Bearer a"), ("X-Amz-Meta-A", "1"), ("X-Amz-Meta-A", "2"), ("Cookie", "a=b; c=d")],
        b"hello",
    )
    assert "cookie" not in event["headers"]
    assert to_request(event, DEADLINE) == Request(
        method="PUT",
        raw_path="/a%20b+c/",
        query={"x": "3", "empty": "", "ü": "&"},
        headers={"authorization": "Bearer a", "x-amz-meta-a": "1,2", "cookie": "a=b; c=d"},
        request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        base_url="https://localhost",
        client_address="192.0.2.1",
        deadline=DEADLINE,
    )


def test_the_path_is_the_raw_one() -> None:
    """`requestContext.http.path` is decoded, and may lose its last slash."""
    event = url_event(raw_path="/a%2Fb%2520/")
    event["requestContext"]["http"]["path"] = "/a/b%20"
    assert to_request(event, DEADLINE).raw_path == "/a%2Fb%2520/"


def test_an_event_without_its_fields_is_read_without_failing() -> None:
    bare = {"version": "2.0", "requestContext": {"stage": "$default", "http": {}}}
    for event in (bare, bare | {"rawPath": None, "headers": None, "cookies": None}):
        request = to_request(event, DEADLINE)
        assert (request.method, request.raw_path, request.query, request.headers) == ("None", "/", {}, {})
        assert len(request.request_id) == 16


def test_a_reply_is_base64_always() -> None:
    assert from_reply(Reply(401, {"WWW-Authenticate": "Basic"}, b"\x00\xff")) == {
        "statusCode": 401,
        "headers": {"WWW-Authenticate": "Basic"},
        "body": "AP8=",
        "isBase64Encoded": True,
    }
    assert from_reply(Reply(307, {}))["body"] == ""


@pytest.mark.usefixtures("doors")
def test_nulls_do_no_harm() -> None:
    nothing = dict.fromkeys(("headers", "rawQueryString", "cookies", "body"))
    assert at_function_url(url_event() | nothing).status == 307
    assert at_function_url(url_event() | nothing | {"rawPath": None}).status == 401


@pytest.mark.usefixtures("doors")
@pytest.mark.parametrize("path", ["/public/100%", "/public/%41", "/public/%2e%2e", "/public/a+b", "/public/ü b?#"])
def test_what_looks_like_an_escape_behind_an_http_api_is_none(path: str) -> None:
    """An HTTP API sends the same shape with its path decoded already."""
    assert place(at_function_url(url_event(raw_path=path, domain=HTTP_API)).headers["location"])[1] == path[1:]


@pytest.mark.usefixtures("empty_buckets")
@given(st.text(st.characters(), max_size=20).map("/public/docs/".__add__))
def test_a_path_that_an_http_api_has_decoded_is_not_decoded_again(path: str) -> None:
    answer = at_function_url(url_event(raw_path=path, domain=HTTP_API))
    assert answer.status in (307, 400, 200)
    if answer.status == 307:
        assert place(answer.headers["location"]) == ("other-docs", "v2/" + path.removeprefix("/public/docs/"))


@pytest.mark.usefixtures("doors")
@pytest.mark.parametrize("domain", ["abc.lambda-url.eu-west-1.on.aws", "abc.lambda-url.cn-north-1.on.aws", ""])
def test_behind_a_function_url_the_path_is_decoded_once(domain: str) -> None:
    answer = at_function_url(url_event(raw_path="/public/%2541", domain=domain))
    assert place(answer.headers["location"])[1] == "public/%41"
    assert answer == at_rest_api(rest_event(raw_path="/public/%2541"))
