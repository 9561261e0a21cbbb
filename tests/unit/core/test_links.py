"""Tokens: what each opens, and that no other spelling, path or purpose of one does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.link_tokens import LINK_ACTIONS, MAX_USES, Link, LinkTokens, check_not_expired
from chalicelib.core.access.signing import Signer, decode, encode, fingerprint
from chalicelib.core.web.problems import LinkExpired, LinkInvalid
from tests.support.builders import DEADLINE, path
from tests.support.fakes import Randomness, links, signer

PATHS = st.lists(st.text("ab/é ", max_size=3), min_size=1, max_size=4).map(lambda parts: path("/" + "/".join(parts)))


def make(where: str = "/a/b.txt", action: str = "read", uses: int = 1, expires_at: int = 2_000_000_000) -> str:
    return links().make(path(where), action, uses, expires_at, "key:ci", DEADLINE)[1]


@given(PATHS, st.sampled_from(LINK_ACTIONS), st.integers(0, MAX_USES), st.integers(0, 2**32 - 1), st.text(max_size=20))
def test_what_is_made_is_read(where: str, action: str, uses: int, expires_at: int, issuer: str) -> None:
    link, token = links().make(path(where), action, uses, expires_at, issuer, DEADLINE)
    assert links().read(token, path(where), DEADLINE) == link
    assert link == Link(encode((1).to_bytes(12)), path(where), action, uses, expires_at, fingerprint(issuer))
    assert len(token) == 60


def test_each_has_an_id_of_its_own() -> None:
    source = links()
    assert len({source.make(path("/a"), "read", 1, 9, "key:ci", DEADLINE)[0].id for _ in range(100)}) == 100


def test_every_character_counts() -> None:
    token = make()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for place, char in enumerate(token):
        for other in set(alphabet) - {char}:
            with pytest.raises(LinkInvalid):
                links().read(token[:place] + other + token[place + 1 :], path("/a/b.txt"), DEADLINE)


def test_every_bit_counts() -> None:
    data = decode(make())
    assert data is not None
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LinkInvalid):
            links().read(encode(bytes(flipped)), path("/a/b.txt"), DEADLINE)


@given(st.text(max_size=70))
def test_garbage_is_refused_and_never_an_error(token: str) -> None:
    with pytest.raises(LinkInvalid):
        links().read(token, path("/a/b.txt"), DEADLINE)


@pytest.mark.parametrize("change", [str.lower, str.upper, lambda token: token + "=", lambda token: token[:-1]])
@pytest.mark.parametrize("end", ["", " ", "\n"])
def test_a_token_has_one_spelling(change: object, end: str) -> None:
    assert callable(change)
    with pytest.raises(LinkInvalid):
        links().read(change(make()) + end, path("/a/b.txt"), DEADLINE)


@pytest.mark.parametrize(
    "elsewhere", ["/a/b.txt/", "/a/b.tx", "/a/b.txt2", "/A/b.txt", "/a//b.txt", "/a/", "/", "/b.txt"]
)
def test_it_opens_no_other_path(elsewhere: str) -> None:
    with pytest.raises(LinkInvalid):
        links().read(make(), path(elsewhere), DEADLINE)


def test_that_of_a_file_opens_nothing_that_begins_like_it() -> None:
    link, _ = links().make(path("/a/b"), "read", 1, 9, "key:ci", DEADLINE)
    assert link.opens("read", path("/a/b"))
    assert not link.opens("read", path("/a/bc"))
    assert not link.opens("read", path("/a/b/c"))


@pytest.mark.parametrize("inside", ["/a/", "/a/b", "/a/b/", "/a/b/c/d", "/a//", "/a/ü"])
def test_that_of_a_directory_opens_what_is_below(inside: str) -> None:
    link = links().read(make("/a/"), path(inside), DEADLINE)
    assert link.path == "/a/"
    assert link.opens("read", path(inside))
    assert link.opens("list", path(inside))
    assert not link.opens("write", path(inside))


@pytest.mark.parametrize("outside", ["/", "/a", "/b/", "/ab/c", "/A/b", "//a/b"])
def test_that_of_a_directory_opens_nothing_beside_it(outside: str) -> None:
    with pytest.raises(LinkInvalid):
        links().read(make("/a/"), path(outside), DEADLINE)
    assert not links().make(path("/a/"), "read", 1, 9, "key:ci", DEADLINE)[0].opens("read", path(outside))


@pytest.mark.parametrize("own", ["/-/", "/-/resize", "/-/thumbnail", "/-/assets/x", "/-//"])
def test_that_of_everything_opens_nothing_of_the_services_own(own: str) -> None:
    for action in LINK_ACTIONS:
        link = links().read(make("/", action), path(own), DEADLINE)
        assert not any(link.opens(each, path(own)) for each in ("read", "list", "write", "delete", "share"))


@pytest.mark.parametrize("beside", ["/-", "/-a/b", "/a/-/b", "/--/a"])
def test_that_of_everything_opens_what_only_looks_like_it(beside: str) -> None:
    assert links().read(make("/"), path(beside), DEADLINE).opens("read", path(beside))


@pytest.mark.parametrize(
    ("action", "opened"), [("read", {"read", "list"}), ("write", {"write"})], ids=["read", "write"]
)
def test_it_opens_its_own_action(action: str, opened: set[str]) -> None:
    link, _ = links().make(path("/a/"), action, 1, 9, "key:ci", DEADLINE)
    assert {each for each in ("read", "list", "write", "delete", "share") if link.opens(each, path("/a/b"))} == opened


def test_another_secret_and_another_purpose_make_other_tokens() -> None:
    for other in (Signer(lambda _: [b"z" * 32], "link"), signer("session"), signer("cursor")):
        _, token = LinkTokens(other, Randomness()).make(path("/a"), "read", 1, 9, "key:ci", DEADLINE)
        with pytest.raises(LinkInvalid):
            links().read(token, path("/a"), DEADLINE)


@pytest.mark.parametrize(("now", "over"), [(99.0, False), (99.999, False), (100.0, True), (101.0, True)])
def test_it_ends_at_its_second(now: float, over: bool) -> None:
    link, _ = links().make(path("/a"), "read", 1, 100, "key:ci", DEADLINE)
    if over:
        with pytest.raises(LinkExpired):
            check_not_expired(link, now)
    else:
        check_not_expired(link, now)


def test_a_path_of_many_directories_is_no_trouble() -> None:
    deep = path("/" + "/" * 1_000)
    assert links().read(make("/"), deep, DEADLINE).path == "/"
