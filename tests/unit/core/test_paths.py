"""A path becomes a key once, exactly, or is refused; nothing is repaired."""

import random
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.paths import MAX_KEY_BYTES, check_key_length, decode
from chalicelib.core.web.problems import BadPath, KeyTooLong

KEYS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60).filter(
    lambda key: not key.startswith("/") and not {".", ".."} & set(key.split("/"))
)


def escaped(text: str, chance: random.Random) -> str:
    """Percent-encode what must be, and at random what need not be, in either case of hex digit."""
    done = []
    for byte in text.encode():
        escape = chance.choice((f"%{byte:02X}", f"%{byte:02x}"))
        plain = chr(byte) not in "%?#" and 0x20 < byte < 0x7F
        done.append(chr(byte) if plain and chance.random() < 0.5 else escape)
    return "".join(done)


@given(KEYS, st.randoms(use_true_random=False))
def test_every_key_survives_however_it_is_escaped(key: str, chance: random.Random) -> None:
    assert decode("/" + escaped(key, chance)) == "/" + key


@given(KEYS)
def test_every_key_survives_as_clients_quote_it(key: str) -> None:
    assert decode(quote(f"/{key}")) == f"/{key}"


def decoded(raw_path: str) -> str | None:
    """The path, None where it is refused."""
    try:
        return decode(raw_path)
    except (BadPath, KeyTooLong):
        return None


@given(st.text(st.characters(), max_size=40) | st.text("/.%2eEfF05 +aü\x00", max_size=30).map("/".__add__))
def test_any_text_is_refused_or_decoded_exactly_once(raw_path: str) -> None:
    path = decoded(raw_path)
    if path is None:
        return
    assert path == unquote_to_bytes(raw_path).decode("utf-8", "strict")
    assert path.startswith("/")
    assert not path.startswith("//")
    assert not {".", ".."} & set(path.split("/"))
    assert all(character.isprintable() or ord(character) >= 0xA0 for character in path)


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        ("/", "/"),
        ("/a.txt", "/a.txt"),
        ("/a+b", "/a+b"),
        ("/a%2Bb", "/a+b"),
        ("/a%2fb", "/a/b"),
        ("/a//b", "/a//b"),
        ("/a//", "/a//"),
        ("/a/", "/a/"),
        ("/%20a%20", "/ a "),
        ("/100%25", "/100%"),
        ("/%252e%252e/x", "/%2e%2e/x"),
        ("/%252F", "/%2F"),
        ("/a%3Fb%23c", "/a?b#c"),
        ("/%C3%BCn%C3%AF", "/ünï"),
        ("/ünï", "/ünï"),
        ("/%E6%97%A5%E6%9C%AC", "/日本"),
        ("/%F0%9F%93%81", "/📁"),
        ("/...", "/..."),
        ("/.hidden", "/.hidden"),
        ("/a./b../..c", "/a./b../..c"),
        ("/-/x", "/-/x"),
        ("/a%5Cb", "/a\\b"),
        ("/%C2%A0", "/\u00a0"),
        ("/e%CC%81", "/e\u0301"),
    ],
)
def test_a_path_is_decoded_once(raw_path: str, path: str) -> None:
    assert decode(raw_path) == path


@pytest.mark.parametrize(
    "raw_path",
    [
        *("/%", "/a%", "/%2", "/%zz", "/%2g", "/%%20", "/%u0041", "/a%\u0664\u0661"),  # escapes
        *("/%FF", "/%C3", "/%C3%28", "/%C0%AF", "/%E0%80%AF", "/%ED%A0%80", "/%F5%80%80%80"),  # UTF-8
        *("/\ud800", "/a\udcff", "/\udfffb"),  # lone surrogates
        *("/%00", "/a%00.txt", "/%0A", "/%0D%0A", "/%1F", "/%7F", "/%C2%80", "/%C2%9F", "/a\nb", "/\x85", "/%09"),
        *("//a", "//", "/%2Fa", "/%2f", "/%2F%2Fa"),  # a slash before the key
        *("", "a", "a/b", "%2", "?"),  # no slash at all
    ],
)
def test_what_cannot_be_a_key_is_refused(raw_path: str) -> None:
    with pytest.raises(BadPath) as refused:
        decode(raw_path)
    assert (refused.value.status, refused.value.code) == (400, "bad-path")


DOTS = [".", "%2e", "%2E", "..", ".%2e", "%2E.", "%2e%2E"]


@pytest.mark.parametrize("dots", DOTS)
@pytest.mark.parametrize("place", ["/{}", "/{}/", "/a/{}", "/a/{}/", "/a/{}/b", "/{}/a", "/a//{}", "/a%2F{}%2Fb"])
def test_a_dot_segment_is_refused_however_it_is_spelled(place: str, dots: str) -> None:
    with pytest.raises(BadPath, match="segment"):
        decode(place.format(dots))


@pytest.mark.parametrize("character", ["a", "ü", "日", "📁"])
def test_a_key_may_have_1024_bytes_and_no_more(character: str) -> None:
    most = MAX_KEY_BYTES // len(character.encode())
    key = character * most + "a" * (MAX_KEY_BYTES - most * len(character.encode()))
    assert decode(quote(f"/{key}")) == f"/{key}"
    with pytest.raises(KeyTooLong) as refused:
        decode(quote(f"/{key}a"))
    assert (refused.value.status, refused.value.size, refused.value.limit) == (414, 1025, 1024)


def test_a_long_path_of_nothing_but_escapes_is_measured_by_its_bytes() -> None:
    assert len(decode("/" + "%61" * 1024)) == 1025
    with pytest.raises(KeyTooLong):
        decode("/" + "%61" * 1025)


def test_the_length_of_a_key_is_counted_in_bytes() -> None:
    check_key_length("ü" * 512)
    with pytest.raises(KeyTooLong, match="1,026 bytes"):
        check_key_length("ü" * 513)
