"""The parts that both kinds of events share: each test reads the same request from an event of either kind."""

import re

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.message import Request
from chalicelib.events import common, function_url, rest_api
from tests.support.builders import DEADLINE, Event, Fields, rest_event, url_event

LOAD_BALANCER: Event = {
    "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/1"}},
    "httpMethod": "GET",
    "path": "/public/a.txt",
    "headers": {"host": "files.example.com"},
}
LATTICE: Event = {"version": "2.0", "path": "/a", "method": "GET", "requestContext": {"serviceArn": "arn:aws:…"}}
WEB_SOCKET: Event = {"requestContext": {"routeKey": "$connect", "connectionId": "a", "stage": "$default"}}
STRANGE: list[Event] = [{}, {"requestContext": None}, {"version": "2.0", "rawPath": "/public/a"}, {"Records": [{}]}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["version", "requestContext", "http", "stage", "requestId"]), inner)
    ),
    max_leaves=8,
)


def both(method: str = "GET", headers: Fields = (), body: bytes = b"") -> tuple[Request, Request]:
    """The same request, read from an event of a REST API and from an event of a Function URL."""
    return (
        rest_api.to_request(rest_event(method, headers=headers, body=body, stage=""), DEADLINE),
        function_url.to_request(url_event(method, headers=headers, body=body), DEADLINE),
    )


def test_the_base_url_is_the_scheme_and_host_that_the_client_used() -> None:
    bad_hosts = ("a/b", "user@a", "a b", "ü", "a\nb", "a\n", "")
    for host, scheme, expected in (
        *((host, None, "https://files.example.com") for host in ("files.example.com", "Files.Example.com:443")),
        *((host, None, f"https://{host}") for host in ("files.example.com:8443", "[2001:db8::1]:8443")),
        *(("localhost:8000", "http", "http://localhost:8000"), ("localhost:80", "http", "http://localhost")),
        *(("a", "https", "https://a"), ("a", "javascript", "https://a")),
        *((host, None, "https://localhost") for host in (*bad_hosts, None)),
    ):
        headers = [
            (name, value) for name, value in (("Host", host), ("X-Forwarded-Proto", scheme)) if value is not None
        ]
        assert {request.base_url.rstrip("/") for request in both(headers=headers)} == {expected}, (host, scheme)


def test_the_address_is_the_address_that_the_platform_saw() -> None:
    assert {request.client_address for request in both(headers=[("X-Forwarded-For", "203.0.113.9")])} == {"192.0.2.1"}


@given(st.binary(max_size=40))
def test_only_a_post_has_a_body_and_it_is_the_bytes_that_were_sent(sent: bytes) -> None:
    """S3 gets the body of a PUT."""
    assert {request.body for request in both("POST", body=sent)} == {sent}
    for method in ("GET", "PUT", "DELETE"):
        assert {request.body for request in both(method, body=sent)} == {b""}


def test_a_body_that_cannot_be_decoded_is_empty() -> None:
    assert common.decode_body("a=ü\ud800", is_base64=False) == b"a=\xc3\xbc\xed\xa0\x80"
    assert common.decode_body("YQ==", is_base64=True) == b"a"
    for text in ("Y", None, ""):
        assert common.decode_body(text, is_base64=True) == b""
    assert common.decode_body(None, is_base64=None) == b""


def test_the_id_comes_from_the_platform_and_a_new_id_replaces_an_unusable_id() -> None:
    assert common.request_id("JKJaXmPLvHcESHA=") == "JKJaXmPLvHcESHA="
    for platform_id in (None, "", "a b", "a\r\nb", "ü", '"', 5.5, ["a"]):
        ids = {common.request_id(platform_id) for _ in range(3)}
        assert len(ids) == 3
        assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)


def test_an_event_of_another_kind_becomes_a_request_that_is_refused_with_an_explanation() -> None:
    """An HTTP API sends the shapes of both entry points with a decoded path; one of them with a stage in it."""
    named_stage = url_event(raw_path="/prod/a", domain="abc.execute-api.eu-west-1.amazonaws.com")
    named_stage["requestContext"]["stage"] = "prod"
    other_resource = rest_event()
    other_resource["requestContext"]["resourcePath"] = "/files/{path+}"
    others = [LOAD_BALANCER, LATTICE, WEB_SOCKET, *STRANGE, named_stage]
    for event in [*others, other_resource, url_event(), rest_event() | {"version": "1.0"}]:
        assert "events of a REST API" in rest_api.to_request(event, DEADLINE).unsupported, event
    for event in [*others, other_resource, rest_event()]:
        assert "stage $default" in function_url.to_request(event, DEADLINE).unsupported, event
    assert function_url.to_request(rest_event(), DEADLINE).request_id == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


@given(JSON)
def test_any_json_becomes_a_request_that_is_refused(event: object) -> None:
    for request in (rest_api.to_request(event, DEADLINE), function_url.to_request(event, DEADLINE)):
        assert request.unsupported
        assert request.deadline is DEADLINE
