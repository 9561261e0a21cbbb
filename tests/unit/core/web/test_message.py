"""A reply has only headers that can be sent, and no secret of a message is printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.message import Reply, is_plain, origin_of
from tests.support.builders import request


def test_a_reply_has_its_status_headers_and_body() -> None:
    reply = Reply(307, {"Location": "https://example.com/?a=b"}, b"x")
    assert (reply.status, reply.headers, reply.body) == (307, {"Location": "https://example.com/?a=b"}, b"x")
    assert Reply(204, {}).body == b""


def test_a_header_that_could_not_be_sent_is_refused() -> None:
    for odd in ("\r", "\n", "\r\nSet-Cookie: a=b", "\0", "\x1f", "\x7f", "\x85", "ü", "\u2028", "\ud800"):
        for headers in ({"X-A": f"canary{odd}"}, {f"X-A{odd}": "canary"}, {"X-B": "b", "X-A": odd}):
            with pytest.raises(ValueError, match="header") as refused:
                Reply(200, headers)
            assert "canary" not in str(refused.value)


@given(st.text(st.characters(), max_size=10))
def test_plain_text_is_printable_ascii(text: str) -> None:
    assert is_plain(text) == all(0x20 <= ord(character) <= 0x7E for character in text)


def test_an_origin_is_scheme_host_and_port() -> None:
    for url in ("https://a.example:8443", "https://a.example:8443/", "https://a.example:8443/b//c?d=e://f"):
        assert origin_of(url) == "https://a.example:8443"


def test_no_secret_of_a_message_is_printed() -> None:
    secret_request = request(
        "PUT", "/a", query={"token": "canary"}, headers={"authorization": "canary", "cookie": "canary"}, body=b"canary"
    )
    reply = Reply(307, {"Location": "canary"}, b"canary")
    assert (repr(secret_request), str(secret_request)) == ("Request(PUT req-1)",) * 2
    assert (repr(reply), str(reply)) == ("Reply(307)",) * 2
