"""A token opens its own path, action and purpose, and has exactly one spelling."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.authorization import check_not_expired
from chalicelib.core.access.link_tokens import LINK_ACTIONS, MAX_USES, Link, LinkTokens
from chalicelib.core.access.signing import Signer, decode, encode, fingerprint
from chalicelib.core.web.problems.access import LinkExpired, LinkInvalid
from tests.support.builders import DEADLINE, path
from tests.support.fakes import Randomness, links, signer

PATHS = st.lists(st.text("ab/é ", max_size=3), min_size=1, max_size=4).map(lambda parts: path("/" + "/".join(parts)))
FILE = "/a/b.txt"


def make(raw: str = FILE, action: str = "read", *, other_signer: Signer | None = None) -> tuple[Link, str]:
    tokens = LinkTokens(other_signer, Randomness()) if other_signer else links()
    return tokens.make(path(raw), action, 1, 2_000_000_000, "key:ci", DEADLINE)


def is_refused(token: str, raw: str = FILE) -> bool:
    try:
        links().read(token, path(raw), DEADLINE)
    except LinkInvalid:
        return True
    return False


@given(PATHS, st.sampled_from(LINK_ACTIONS), st.integers(0, MAX_USES), st.integers(0, 2**32 - 1), st.text(max_size=20))
def test_a_token_gives_the_link_that_was_made(where: str, action: str, uses: int, expires_at: int, maker: str) -> None:
    link, token = links().make(path(where), action, uses, expires_at, maker, DEADLINE)
    assert links().read(token, path(where), DEADLINE) == link
    assert link == Link(encode((1).to_bytes(12)), path(where), action, uses, expires_at, fingerprint(maker))
    assert len(token) == 60


def test_each_link_has_another_id() -> None:
    tokens = links()
    assert len({tokens.make(path("/a"), "read", 1, 9, "key:ci", DEADLINE)[0].id for _ in range(100)}) == 100


def test_a_token_has_one_spelling() -> None:
    _, token = make()
    assert not is_refused(token)
    for place, char in enumerate(token):
        for other in {*string.ascii_letters, *string.digits, "-", "_"} - {char}:
            assert is_refused(token[:place] + other + token[place + 1 :])
    spellings = [token.lower(), token.upper(), token[:-1], *(token + end for end in ("=", " ", "\n", "A", "AAAA"))]
    assert all(map(is_refused, spellings))


def test_every_bit_of_a_token_is_signed() -> None:
    data = decode(make()[1])
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
