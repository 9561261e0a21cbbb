"""The body of a POST, in either spelling of an event; that of a PUT is S3's affair."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.events import function_url, rest_api
from chalicelib.events.body import body
from tests.support.builders import DEADLINE, rest_event, url_event


@given(st.binary(max_size=40))
def test_a_post_has_the_bytes_that_were_sent(sent: bytes) -> None:
    assert rest_api.to_request(rest_event("POST", body=sent), DEADLINE).body == sent
    assert function_url.to_request(url_event("POST", body=sent), DEADLINE).body == sent


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_no_other_body_is_read(method: str) -> None:
    assert rest_api.to_request(rest_event(method, body=b"x"), DEADLINE).body == b""
    assert function_url.to_request(url_event(method, body=b"x"), DEADLINE).body == b""


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"body": "a=ü", "isBase64Encoded": False}, "a=ü".encode()),
        ({"body": "YQ==", "isBase64Encoded": True}, b"a"),
        ({"body": "Y", "isBase64Encoded": True}, b""),
        ({"body": None, "isBase64Encoded": True}, b""),
        ({"body": None}, b""),
        ({}, b""),
    ],
)
def test_a_body_that_cannot_be_read_is_none(event: dict[str, object], expected: bytes) -> None:
    assert body(event) == expected
