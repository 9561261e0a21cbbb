"""A token opens its own path, action and purpose, and has exactly one spelling."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.authorization import check_not_expired
from chalicelib.core.access.link_tokens import LINK_ACTIONS, MAX_TOKEN_CHARACTERS, MAX_USES, Link, LinkTokens
from chalicelib.core.access.makers import MIN_MAKER_BYTES
from chalicelib.core.access.signing import Signer, decode, encode
from chalicelib.core.web.problems.access import LinkExpired, LinkInvalid, TooManyGroups
from tests.support.builders import DEADLINE, path
from tests.support.fakes import Randomness, links, signer

PATHS = st.lists(st.text("ab/é ", max_size=3), min_size=1, max_size=4).map(lambda parts: path("/" + "/".join(parts)))
FILE = "/a/b.txt"
OF_KEY, OF_PERSON = b"k" * MIN_MAKER_BYTES, b"p" * 40
MAX_MAKER_BYTES = MAX_TOKEN_CHARACTERS * 6 // 8 - 34


def make(
    raw: str = FILE, action: str = "read", maker: bytes = OF_KEY, *, other_signer: Signer | None = None
) -> tuple[Link, str]:
    tokens = LinkTokens(other_signer, Randomness()) if other_signer else links()
    return tokens.make(path(raw), action, 1, 2_000_000_000, maker, DEADLINE)


def is_refused(token: str, raw: str = FILE) -> bool:
    try:
        links().read(token, path(raw), DEADLINE)
    except LinkInvalid:
        return True
    return False


@given(
    PATHS,
    st.sampled_from(LINK_ACTIONS),
    st.integers(0, MAX_USES),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=MIN_MAKER_BYTES, max_size=MAX_MAKER_BYTES),
    st.booleans(),
)
def test_a_token_gives_the_link_that_was_made(
    where: str, action: str, uses: int, expires_at: int, maker: bytes, revocable: bool
) -> None:
    link, token = links().make(path(where), action, uses, expires_at, maker, DEADLINE, revocable=revocable)
    assert links().read(token, path(where), DEADLINE) == link
    assert link == Link(encode((1).to_bytes(12)), path(where), action, uses, expires_at, maker, revocable)
    assert len(token) <= (64 if len(maker) == MIN_MAKER_BYTES else MAX_TOKEN_CHARACTERS)


def test_a_token_that_is_too_long_is_refused_in_words_and_never_cut() -> None:
    assert len(make(maker=b"p" * MAX_MAKER_BYTES)[1]) == MAX_TOKEN_CHARACTERS == 512
    with pytest.raises(
        TooManyGroups, match=r"a link would have 514 characters, and may have 512\. Ask .* fewer groups"
    ):
        make(maker=b"p" * (MAX_MAKER_BYTES + 1))


def test_a_signed_token_of_another_length_is_refused() -> None:
    """A token of an earlier release had 45 bytes. No token is longer than the longest token that the service makes."""

    def signed(content: bytes) -> str:
        return encode(content + signer("link").sign(DEADLINE, content, FILE.encode()))

    head = bytes(18)
    assert not is_refused(signed(head + OF_KEY))
    for content in (b"", bytes(45 - 16), head + OF_KEY[1:], head + b"p" * (MAX_MAKER_BYTES + 1)):
        assert is_refused(signed(content)), len(content)


def test_each_link_has_another_id() -> None:
    tokens = links()
    assert len({tokens.make(path("/a"), "read", 1, 9, OF_KEY, DEADLINE)[0].id for _ in range(100)}) == 100


def test_a_token_has_one_spelling() -> None:
    _, token = make()
    assert not is_refused(token)
    for place, char in enumerate(token):
        for other in {*string.ascii_letters, *string.digits, "-", "_"} - {char}:
            assert is_refused(token[:place] + other + token[place + 1 :])
    spellings = [token.lower(), token.upper(), token[:-1], *(token + end for end in ("=", " ", "\n", "A", "AAAA"))]
    assert all(map(is_refused, spellings))


def test_every_bit_of_a_token_is_signed() -> None:
    for maker in (OF_KEY, OF_PERSON):
        data = decode(make(maker=maker)[1])
        assert data is not None
        for bit in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            assert is_refused(encode(bytes(flipped)))


@given(st.text(max_size=70))
def test_any_other_text_is_refused_and_never_another_error(token: str) -> None:
    assert is_refused(token)


def test_a_link_to_a_file_opens_no_other_path() -> None:
    link, token = make()
    assert link.opens("read", path(FILE))
    others = [f"{FILE}/", "/a/b.tx", f"{FILE}2", "/A/b.txt", "/a//b.txt", "/a/", "/", "/b.txt", f"{FILE}/c"]
    for other in others:
        assert is_refused(token, other)
        assert not link.opens("read", path(other))


def test_a_link_to_a_directory_opens_everything_below_and_nothing_else() -> None:
    link, token = make("/a/")
    for inside in ("/a/", "/a/b", "/a/b/", "/a/b/c/d", "/a//", "/a/ü"):
        assert links().read(token, path(inside), DEADLINE) == link
        assert [link.opens(action, path(inside)) for action in ("read", "list", "write")] == [True, True, False]
    for outside in ("/", "/a", "/b/", "/ab/c", "/A/b", "//a/b"):
        assert is_refused(token, outside)
        assert not link.opens("read", path(outside))


def test_a_link_opens_no_path_of_the_service_itself() -> None:
    for action in LINK_ACTIONS:
        for own in ("/-/", "/-/resize", "/-/thumbnail", "/-/assets/x", "/-//"):
            link = links().read(make("/", action)[1], path(own), DEADLINE)
            assert not any(link.opens(other, path(own)) for other in ("read", "list", "write", "delete", "share"))
    for similar in ("/-", "/-a/b", "/a/-/b", "/--/a"):
        assert make("/")[0].opens("read", path(similar))


def test_a_link_opens_its_own_action() -> None:
    for action, opened in {"read": {"read", "list"}, "write": {"write"}}.items():
        link, _ = make("/a/", action)
        actions = ("read", "list", "write", "delete", "share")
        assert {other for other in actions if link.opens(other, path("/a/b"))} == opened


def test_tokens_of_another_secret_or_purpose_are_refused() -> None:
    for other in (Signer(lambda _: [b"z" * 32], "link"), signer("session"), signer("cursor")):
        assert is_refused(make(other_signer=other)[1])


def test_a_link_expires_at_its_second() -> None:
    link = make()[0]._replace(expires_at=100)
    for now in (99.0, 99.999):
        check_not_expired(link, now)
    for now in (100.0, 101.0):
        with pytest.raises(LinkExpired):
            check_not_expired(link, now)


def test_a_path_may_have_a_thousand_directories() -> None:
    assert links().read(make("/")[1], path("/" + "/" * 1_000), DEADLINE).path == "/"
