"""Function URL events: a request is what the client wrote, and a response is what Lambda can send."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems.base import BadPath
from chalicelib.events.function_url import from_reply, to_request
from tests.support.builders import DEADLINE, Event, url_event

HTTP_API = "abc.execute-api.eu-west-1.amazonaws.com"


def test_an_event_becomes_the_request_that_the_client_wrote() -> None:
    event = url_event(
        "PUT",
        "/a%20b+c/",
        "x=1%2B1+2&x=3&empty&%C3%BC=%26",
        [("Authorization", "Bearer a"), ("X-Amz-Meta-A", "1"), ("X-Amz-Meta-A", "2"), ("Cookie", "a=b; c=d,e")],
        b"hello",
    )
    assert "cookie" not in event["headers"]
    assert to_request(event, DEADLINE) == Request(
        method="PUT",
        raw_path="/a%20b+c/",
        query={"x": "3", "empty": "", "ü": "&"},
        headers={"authorization": "Bearer a", "x-amz-meta-a": "1,2", "cookie": "a=b; c=d,e"},
        request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        base_url="https://localhost",
        client_address="192.0.2.1",
        deadline=DEADLINE,
    )


def test_the_path_is_the_raw_path() -> None:
    """`requestContext.http.path` is decoded, and may lose its last slash. An emulator may send no domain name."""
    for domain in ("abc.lambda-url.eu-west-1.on.aws", "abc.lambda-url.cn-north-1.on.aws", ""):
        event = url_event(raw_path="/a%2Fb%2520/", domain=domain)
        event["requestContext"]["http"]["path"] = "/a/b%20"
        assert to_request(event, DEADLINE).raw_path == "/a%2Fb%2520/"


def test_an_event_without_fields_is_read_without_failing() -> None:
    bare: Event = {"version": "2.0", "requestContext": {"stage": "$default", "http": {}}}
    names = ("rawPath", "rawQueryString", "headers", "cookies", "body")
    for event in (bare, bare | dict.fromkeys(names)):
        request = to_request(event, DEADLINE)
        assert (request.method, request.raw_path, request.query, request.headers) == ("", "/", {}, {})
        assert len(request.request_id) == 16


@given(st.text(st.characters(), max_size=20).map("/".__add__) | st.sampled_from(["/100%", "/%41", "/a+b", "/ü b?#"]))
def test_the_decoded_path_of_an_http_api_is_not_decoded_again(path: str) -> None:
    try:
        assert decode(to_request(url_event(raw_path=path, domain=HTTP_API), DEADLINE).raw_path) == path
    except BadPath:
        assert (
            any(not char.isprintable() for char in path)
            or "/./" in f"{path}/"
            or "/../" in f"{path}/"
            or path[1] == "/"
        )


def test_a_reply_becomes_the_whole_response() -> None:
    assert from_reply(Reply(401, {"WWW-Authenticate": "Basic"}, b"\x00\xff")) == {
        "statusCode": 401,
        "headers": {"WWW-Authenticate": "Basic"},
        "body": "AP8=",
        "isBase64Encoded": True,
    }
    assert from_reply(Reply(303, {"Location": "/"}, cookies=("a=b", "c=d"))) == {
        "statusCode": 303,
        "headers": {"Location": "/"},
        "cookies": ["a=b", "c=d"],
        "body": "",
        "isBase64Encoded": True,
    }
