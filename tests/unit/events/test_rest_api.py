"""REST API events: a request is what the client wrote, and a response is what Chalice would return."""

from chalice.app import Chalice, Response
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.message import Reply, Request
from chalicelib.events.rest_api import from_reply, to_request
from tests.support.builders import DEADLINE, Event, rest_event

MAPS = ("headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters")


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


def test_the_path_is_the_proxy_with_the_slash_that_it_loses() -> None:
    for proxy, path, raw_path in (
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
    ):
        event = rest_event() | {"pathParameters": proxy and {"proxy": proxy}, "path": path}
        assert to_request(event, DEADLINE).raw_path == raw_path


def test_the_base_url_has_the_stage_or_the_base_path() -> None:
    for context_path, raw_path, prefix in (
        ("/api/a%20b/", "/a%20b/", "/api"),
        ("/api/", "/", "/api"),
        ("/api", "/", "/api"),
        ("/base/v1", "/", "/base/v1"),
        ("/api/a", "/a/", "/api"),
        ("/api/a/", "/a", "/api"),
        ("/v1/a", "/a", "/v1"),
        ("/a", "/a", ""),
        ("/", "/", ""),
        ("/other", "/a", ""),
        ("", "/a", ""),
        (None, "/a", ""),
        ("/a\n/b", "/b", ""),
    ):
        event = rest_event(raw_path=raw_path, headers=[("Host", "files.example.com")])
        event["requestContext"]["path"] = context_path
        assert to_request(event, DEADLINE).base_url == f"https://files.example.com{prefix}"


def test_single_values_count_where_there_are_no_lists_of_values() -> None:
    event = rest_event(query="a=1&b=", headers=[("X-A", "1")])
    request = to_request(event | dict.fromkeys(("multiValueHeaders", "multiValueQueryStringParameters")), DEADLINE)
    assert (request.query, request.headers) == ({"a": "1", "b": ""}, {"x-a": "1"})


def test_fields_of_one_name_are_joined_and_cookies_as_browsers_join_them() -> None:
    """A REST API keeps fields apart, and names in the case that the client wrote."""
    fields = [("Cookie", "a=1"), ("cookie", "b=2"), ("Cookie", "c=3,4"), ("X-Amz-Meta-A", "1"), ("x-amz-meta-a", "2")]
    request = to_request(rest_event(headers=fields), DEADLINE)
    assert request.headers == {"cookie": "a=1; c=3,4; b=2", "x-amz-meta-a": "1,2"}


def test_an_event_without_fields_is_read_without_failing() -> None:
    """Chalice's own test client leaves out `httpMethod` outside the context."""
    bare: Event = {"requestContext": {"resourcePath": "/", "httpMethod": "PUT"}}
    for event in (bare, bare | dict.fromkeys((*MAPS, "path", "body"))):
        request = to_request(event, DEADLINE)
        assert (request.method, request.raw_path, request.query, request.headers) == ("PUT", "/", {}, {})
    assert to_request({"requestContext": {"resourcePath": "/", "identity": None}}, DEADLINE).method == ""


@given(
    st.sampled_from([200, 204, 307, 401, 500]),
    st.dictionaries(st.sampled_from(["Location", "Content-Type", "x-a"]), st.sampled_from(["a", "b/c"])),
    st.binary(max_size=9),
    st.lists(st.sampled_from(["a=b", "c=d"]), max_size=2),
)
def test_a_response_equals_the_response_of_chalice_itself(
    status: int, headers: dict[str, str], body: bytes, cookies: list[str]
) -> None:
    chalice = Chalice("oracle", env={})
    chalice.api.binary_types = ["*/*"]

    @chalice.route("/{proxy+}")
    def view() -> Response:
        return Response(body, {**headers, **({"Set-Cookie": cookies} if cookies else {})}, status)

    event = rest_event(headers=[("Accept", "*/*")])
    assert from_reply(Reply(status, headers, body, tuple(cookies))) == chalice(event, None)
