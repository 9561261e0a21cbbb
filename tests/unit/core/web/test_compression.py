"""Compression, with werkzeug's reading of Accept-Encoding as the oracle."""

import gzip

from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from chalicelib.core.web.compression import compressed
from chalicelib.core.web.message import Reply

TEXT = b'{"entries": []}' * 100
HTML = "text/html; charset=utf-8"
CODINGS = st.sampled_from(["gzip", "*", "identity", "br", "gzippy"])
WEIGHTS = st.sampled_from(["", ";q=0", "; q=0.000", ";q=0.5", " ; Q=1.0", ";q=1"])
FIELDS = st.lists(
    st.builds(str.__add__, CODINGS, WEIGHTS), max_size=4, unique_by=lambda each: each.partition(";")[0].strip()
)


def reply(body: bytes = TEXT, content_type: str = HTML) -> Reply:
    return Reply(200, {"Content-Type": content_type, "Vary": "Cookie"}, body)


def is_compressed(field: str) -> bool:
    """Whether a text is compressed for this Accept-Encoding; the text and its `Vary` are right in both cases."""
    answer = compressed(reply(), field)
    is_gzip = answer.headers.get("Content-Encoding") == "gzip"
    assert (gzip.decompress(answer.body) if is_gzip else answer.body) == TEXT
    assert answer.headers["Vary"] == "Cookie, Accept-Encoding"
    return is_gzip


@given(FIELDS)
def test_a_text_is_compressed_where_the_client_accepts_and_prefers_it(codings: list[str]) -> None:
    field = ", ".join(codings)
    weights = {name.lower(): weight for name, weight in parse_accept_header(field, Accept)}
    own = weights.get("gzip", weights.get("*", 0))
    assert is_compressed(field) == (own > 0 and own >= weights.get("identity", 0))


@given(st.text(st.characters(max_codepoint=255)))
@example("gzip;q=" + "9" * 5_000)
@example("gzip;q=1.1.1")
def test_any_accept_encoding_gives_the_text(field: str) -> None:
    is_compressed(field)


def test_a_weight_that_cannot_be_read_refuses() -> None:
    assert is_compressed("X-GZip")
    for field in ("", "gzip;q=", "gzip;q=.", "gzip;q=x", "gzip;q=-1", "gzip;q=٣", "gzip;level=9", "deflate, br"):
        assert not is_compressed(field), field


def test_only_a_long_text_is_compressed() -> None:
    for other in (reply(TEXT[:999]), reply(b""), reply(content_type="image/png"), Reply(307, {"Location": "/"})):
        assert compressed(other, "gzip") is other
