"""REST API events: a request is what the client wrote, and a reply is what Chalice can send."""

import json

import pytest

from chalicelib.core.web.message import Reply, Request
from chalicelib.events.function_url import to_request as to_function_url_request
from chalicelib.events.rest_api import from_reply, to_request
from tests.support.builders import DEADLINE, Event, basic, rest_event, url_event
from tests.support.entry_points import ORIGIN, at_rest_api, decoded, place

AS_ANN = [("Authorization", basic("ann")["authorization"])]


def without(event: Event, *names: str) -> Event:
    """The event, with null where these were."""
    return event | dict.fromkeys(names)


def test_an_event_becomes_the_request_that_the_client_wrote() -> None:
    event = rest_event(
        "PUT",
        "/a%20b+c/",
        "x=1%2B1+2&x=3&empty&%C3%BC=%26",
        [("Authorization", "Bearer a"), ("X-Amz-Meta-A", "1"), ("X-Amz-Meta-A", "2"), ("Content-Length", "5")],
        b"hello",
    )
    assert to_request(event, DEADLINE) == Request(
        method="PUT",
        raw_path="/a%20b+c/",
        query={"x": "3", "empty": "", "ü": "&"},
        headers={"authorization": "Bearer a", "x-amz-meta-a": "1,2"},
        request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        base_url="https://localhost/api",
        client_address="192.0.2.1",
        deadline=DEADLINE,
        length_arrives=False,
    )


@pytest.mark.parametrize(
    ("proxy", "path", "raw_path"),
    [
        (None, "/", "/"),
        ("a", "/a", "/a"),
        ("a", "/a/", "/a/"),
        ("a//b", "/a//b", "/a//b"),
        ("a/", "/a//", "/a//"),
        ("a%2F", "/a%2F", "/a%2F"),
        ("a+b%2Bc%20", "/a+b%2Bc%20", "/a+b%2Bc%20"),
        ("a", "/base/a", "/a"),
        ("a", "/base/v1/a/", "/a/"),
        ("a", None, "/a"),
        ("a", "", "/a"),
    ],
)
def test_the_path_is_the_proxy_with_the_slash_that_it_loses(proxy: str | None, path: str | None, raw_path: str) -> None:
    event = rest_event() | {"pathParameters": proxy and {"proxy": proxy}, "path": path}
    assert to_request(event, DEADLINE).raw_path == raw_path


def test_single_values_count_where_there_are_no_others() -> None:
    event = rest_event(query="a=1&b=", headers=[("X-A", "1")])
    request = to_request(without(event, "multiValueHeaders", "multiValueQueryStringParameters"), DEADLINE)
    assert (request.query, request.headers) == ({"a": "1", "b": ""}, {"x-a": "1"})


def test_the_fields_of_one_name_become_one_and_cookies_are_joined_as_browsers_do() -> None:
    """A REST API keeps fields apart, and names in the case that the client wrote."""
    fields = [("Cookie", "a=1"), ("cookie", "b=2"), ("Cookie", "c=3,4"), ("X-Amz-Meta-A", "1"), ("x-amz-meta-a", "2")]
    request = to_request(rest_event(headers=fields), DEADLINE)
    assert request.headers == {"cookie": "a=1; c=3,4; b=2", "x-amz-meta-a": "1,2"}
    assert to_function_url_request(url_event(headers=fields), DEADLINE).headers["cookie"] == "a=1; b=2; c=3,4"


def test_maps_that_are_null_hold_nothing() -> None:
    maps = (
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
    )
    request = to_request(without(rest_event(), *maps), DEADLINE)
    assert (request.raw_path, request.query, request.headers) == ("/", {}, {})


def test_an_event_without_its_fields_is_read_without_failing() -> None:
    request = to_request({"requestContext": {"resourcePath": "/"}}, DEADLINE)
    assert (request.method, request.raw_path, request.query, request.headers) == ("None", "/", {}, {})


@pytest.mark.parametrize("given", [None, "", "a b", "a\r\nb", "ü", '"', 5.5])
def test_an_id_that_is_none_is_made_up(given: object) -> None:
    event = rest_event()
    event["requestContext"]["requestId"] = given
    ids = {to_request(event, DEADLINE).request_id for _ in range(3)}
    assert len(ids) == 3
    assert all(each.isalnum() and len(each) == 16 for each in ids)


def test_a_reply_is_given_to_chalice_in_bytes() -> None:
    reply = Reply(401, {"WWW-Authenticate": "Basic"}, b"\x00\xff")
    assert from_reply(reply) == {"status_code": 401, "headers": {"WWW-Authenticate": "Basic"}, "body": b"\x00\xff"}


@pytest.mark.usefixtures("doors")
@pytest.mark.parametrize("base_path", ["", "/files", "/files/v1", "/public"])
@pytest.mark.parametrize("stage", ["api", "public"])
@pytest.mark.parametrize("raw_path", ["/public/a", "/public/a//b", "/public/%C3%BC%20+", "/users/ann/d/"])
def test_stages_and_base_paths_are_no_part_of_the_key(raw_path: str, stage: str, base_path: str) -> None:
    method = "PUT" if raw_path.endswith("/") else "GET"
    event = rest_event(method, raw_path, headers=AS_ANN, base_path=base_path, stage=stage)
    assert place(at_rest_api(event).headers["location"])[1] == decoded(raw_path[1:])


@pytest.mark.usefixtures("doors")
@pytest.mark.parametrize("accept", [None, "", "*/*", "image/webp,*/*", "text/html", "a/b;q=0", ",", "é", "x" * 999])
@pytest.mark.parametrize(("raw_path", "status"), [("/public/a", 307), ("/nothing", 401), ("/", 401)])
def test_any_accept_and_none_gets_an_answer(accept: str | None, raw_path: str, status: int) -> None:
    """Chalice alone answers 400 where none came."""
    assert (
        at_rest_api(rest_event(raw_path=raw_path, headers=[] if accept is None else [("Accept", accept)])).status
        == status
    )


@pytest.mark.usefixtures("doors")
@pytest.mark.parametrize(
    "content_type", [None, "image/png", "application/json", "multipart/form-data; boundary=x", "x-/y!"]
)
def test_an_upload_of_any_type_is_redirected(content_type: str | None) -> None:
    """Chalice alone answers 415."""
    headers = AS_ANN if content_type is None else [*AS_ANN, ("Content-Type", content_type)]
    event = rest_event("PUT", "/users/ann/a.png", headers=headers, body=b"\x89PNG\r\n\x1a\n\x00\xff")
    assert at_rest_api(event).status == 307


@pytest.mark.usefixtures("doors")
def test_nulls_do_no_harm_on_the_way_through_chalice() -> None:
    maps = (
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "stageVariables",
    )
    assert at_rest_api(without(rest_event(), *maps)).status == 307
    assert at_rest_api(without(rest_event(raw_path="/"), *maps, "pathParameters", "path")).status == 401


@pytest.mark.usefixtures("doors")
def test_an_empty_body_is_empty_and_a_document_is_itself() -> None:
    assert at_rest_api(rest_event()).body == b""
    refused = at_rest_api(rest_event(raw_path="/nothing"))
    assert json.loads(refused.body)["code"] == "credentials-missing"
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.usefixtures("doors")
@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nx: y", "a\0b"])
@pytest.mark.parametrize("name", ["x-amz-meta-a", "If-Match", "Origin", "Access-Control-Request-Headers", "Accept"])
def test_no_line_end_gets_from_a_request_into_a_reply(name: str, value: str) -> None:
    """Chalice alone looks for \\n only."""
    headers = [*AS_ANN, ("Access-Control-Request-Method", "PUT"), ("Origin", ORIGIN), (name, value)]
    for method in ("PUT", "OPTIONS"):
        answer = at_rest_api(rest_event(method, "/users/ann/a", headers=headers))
        assert answer.status in ((400,) if method == "PUT" and name in ("x-amz-meta-a", "If-Match") else (204, 307))
        assert all(field.isprintable() for field in answer.headers.values())
