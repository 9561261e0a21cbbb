"""A reply's headers arrive as they were meant, and neither message shows what is secret in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.message import Reply, is_plain
from tests.support.builders import request


def test_a_reply_is_its_status_headers_and_body() -> None:
    reply = Reply(307, {"Location": "https://example.com/?a=b"}, b"x")
    assert (reply.status, reply.headers, reply.body) == (307, {"Location": "https://example.com/?a=b"}, b"x")
    assert Reply(204, {}).body == b""


@pytest.mark.parametrize(
    "odd", ["\r", "\n", "\r\nSet-Cookie: a=b", "\0", "\x1f", "\x7f", "\x85", "ü", "\u2028", "\ud800"]
)
def test_a_header_that_would_not_arrive_as_one_is_refused(odd: str) -> None:
    for headers in ({"X-A": f"canary{odd}"}, {f"X-A{odd}": "canary"}, {"X-B": "b", "X-A": odd}):
        with pytest.raises(ValueError, match="header") as refused:
            Reply(200, headers)
        assert "canary" not in str(refused.value)


@given(st.text(st.characters(), max_size=10))
def test_plain_is_what_ascii_prints(text: str) -> None:
    assert is_plain(text) == all(0x20 <= ord(character) <= 0x7E for character in text)


def test_nothing_secret_shows_where_a_message_is_printed() -> None:
    asked = request("PUT", "/a", query={"token": "canary"}, headers={"authorization": "canary", "cookie": "canary"})
    reply = Reply(307, {"Location": "canary"}, b"canary")
    assert (repr(asked), str(asked)) == ("Request(PUT '/a' req-1)",) * 2
    assert (repr(reply), str(reply)) == ("Reply(307)",) * 2
