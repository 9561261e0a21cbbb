"""A path is decoded once and exactly, or is refused; no path is repaired."""

import random
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.web.paths import MAX_KEY_BYTES, check_key_length, decode, directories_above
from chalicelib.core.web.problems.base import BadPath, KeyTooLong

KEYS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60).filter(
    lambda key: not key.startswith("/") and not {".", ".."} & set(key.split("/"))
)


def escape(text: str, chance: random.Random) -> str:
    """Percent-encode the characters that must be encoded, and some other characters, in upper or lower case."""
    escaped = []
    for byte in text.encode():
        plain = chr(byte) not in "%?#" and 0x20 < byte < 0x7F
        literal = plain and chance.random() < 0.5
        escaped.append(chr(byte) if literal else chance.choice((f"%{byte:02X}", f"%{byte:02x}")))
    return "".join(escaped)


@given(KEYS, st.randoms(use_true_random=False))
def test_every_spelling_of_a_key_is_decoded_to_the_key(key: str, chance: random.Random) -> None:
    assert decode("/" + escape(key, chance)) == decode(quote(f"/{key}")) == f"/{key}"


@given(st.text(st.characters(), max_size=40) | st.text("/.%2eEfF05 +aü\x00", max_size=30).map("/".__add__))
def test_any_text_is_refused_or_decoded_exactly_once(raw_path: str) -> None:
    try:
        path = decode(raw_path)
    except (BadPath, KeyTooLong):
        return
    assert path == unquote_to_bytes(raw_path).decode("utf-8", "strict")
    assert path.startswith("/")
    assert not path.startswith("//")
    assert not {".", ".."} & set(path.split("/"))
    assert all(character.isprintable() or ord(character) >= 0xA0 for character in path)


def test_a_path_is_decoded_once() -> None:
    for raw_path, path in [
        *(("/%252e%252e/x", "/%2e%2e/x"), ("/%252F", "/%2F"), ("/100%25", "/100%"), ("/a%2Bb+c", "/a+b+c")),
        *(("/e%CC%81", "/e\u0301"), ("/%C2%A0", "/\u00a0"), ("/a%5Cb", "/a\\b"), ("/.../a./..b", "/.../a./..b")),
    ]:
        assert decode(raw_path) == path


def test_a_path_that_cannot_be_a_key_is_refused() -> None:
    for raw_path in (
        *("/%", "/a%", "/%2", "/%zz", "/%2g", "/%%20", "/%u0041", "/a%\u0664\u0661"),  # escapes
        *("/%FF", "/%C3", "/%C3%28", "/%C0%AF", "/%E0%80%AF", "/%ED%A0%80", "/%F5%80%80%80"),  # UTF-8
        *("/\ud800", "/a\udcff", "/\udfffb"),  # lone surrogates
        *("/%00", "/a%00.txt", "/%0A", "/%0D%0A", "/%1F", "/%7F", "/%C2%80", "/%C2%9F", "/a\nb", "/\x85", "/%09"),
        *("//a", "//", "/%2Fa", "/%2f", "/%2F%2Fa"),  # a slash before the key
        *("", "a", "a/b", "%2", "?"),  # no slash
    ):
        with pytest.raises(BadPath) as refused:
            decode(raw_path)
        assert (refused.value.status, refused.value.code) == (400, "bad-path"), raw_path


def test_every_spelling_of_a_dot_segment_is_refused() -> None:
    for dots in (".", "%2e", "%2E", "..", ".%2e", "%2E.", "%2e%2E"):
        for pattern in ("/{}", "/{}/", "/a/{}", "/a/{}/", "/a/{}/b", "/{}/a", "/a//{}", "/a%2F{}%2Fb"):
            with pytest.raises(BadPath, match="segment"):
                decode(pattern.format(dots))


def test_a_key_may_have_1024_bytes_of_utf_8() -> None:
    for character in ("a", "ü", "日", "📁"):
        count = MAX_KEY_BYTES // len(character.encode())
        key = character * count + "a" * (MAX_KEY_BYTES - count * len(character.encode()))
        for raw_path in (f"/{key}", "/" + "".join(f"%{byte:02x}" for byte in key.encode())):
            assert decode(raw_path) == f"/{key}"
            with pytest.raises(KeyTooLong) as refused:
                decode(f"{raw_path}a")
            assert (refused.value.status, refused.value.size, refused.value.limit) == (414, 1025, 1024)
    check_key_length("ü" * 512)
    with pytest.raises(KeyTooLong, match="1,026 bytes"):
        check_key_length("ü" * 513)


def test_the_directories_above_a_path_are_nearest_first() -> None:
    for raw_path, directories in [
        ("/", []),
        ("/a", ["/"]),
        ("/a/", ["/"]),
        ("/a/b/c", ["/a/b/", "/a/", "/"]),
        ("/a//", ["/a/", "/"]),
    ]:
        assert [*directories_above(decode(raw_path))] == directories, raw_path
