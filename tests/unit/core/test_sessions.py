"""The session's cookie: twelve hours for one key, from our own pages only where it writes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ApiKey, ApiKeys, Principal
from chalicelib.core.access.sessions import COOKIE_NAME, SESSION_SECONDS, Sessions
from chalicelib.core.access.signing import Signer, decode, encode
from chalicelib.core.web.problems import CookieInvalid, CrossSite
from tests.support.builders import ANN, BASE_URL, CI, DEADLINE, KEYS, NOW, request
from tests.support.fakes import signer

SESSIONS = Sessions(ApiKeys(KEYS), signer("session"))
VALUE = SESSIONS.cookie(ANN, NOW, DEADLINE).partition(";")[0].partition("=")[2]


def ask(
    value: str, *, now: float = NOW, method: str = "GET", origin: str | None = None, by: Sessions = SESSIONS
) -> Principal | None:
    headers = {"cookie": f"theme=dark; {COOKIE_NAME}={value}; a=b"} | ({} if origin is None else {"origin": origin})
    return by(request(method, headers=headers), now)


def test_a_session_is_its_keys() -> None:
    assert ask(VALUE) == ANN.principal()


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http() -> None:
    assert re.fullmatch(
        r"__Host-signpost=[\w-]+; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax",
        SESSIONS.cookie(ANN, NOW, DEADLINE),
    )


def test_the_cookie_does_not_hold_the_key() -> None:
    data = decode(VALUE)
    assert data is not None
    assert bytes.fromhex(ANN.sha256) not in data


def test_without_the_cookie_it_is_not_for_us() -> None:
    assert SESSIONS(request(), NOW) is None
    assert SESSIONS(request(headers={"cookie": f"x{COOKIE_NAME}={VALUE}; signpost={VALUE}"}), NOW) is None


def test_a_cookie_is_read_as_browsers_write_it_and_two_sessions_are_none() -> None:
    """RFC 6265 §5.4. A site of a sibling domain sets cookies of any other name, and chooses their values."""
    other = SESSIONS.cookie(CI, NOW, DEADLINE).partition(";")[0].partition("=")[2]
    ann = f"{COOKIE_NAME}={VALUE}"
    for field, expected in [
        (f"theme=1,{COOKIE_NAME}={other}; {ann}", ANN),
        (f"theme=1;\u00a0{COOKIE_NAME}={other}; {ann}", ANN),
        (f"theme=1; \x0b{COOKIE_NAME}={other}; {ann}", ANN),
        (f"{ann}, {COOKIE_NAME}={other}", None),
        (f"{COOKIE_NAME}={other}; {ann}", None),
        (f"{ann}; {COOKIE_NAME}=x", None),
        (f"{ann}; {ann}", ANN),
        (f"a=b;\t{COOKIE_NAME} = {VALUE}\t;", ANN),
        (f"=; ; {ann}", ANN),
        (f"={ann}", None),
    ]:
        try:
            found = SESSIONS(request(headers={"cookie": field}), NOW)
        except CookieInvalid:
            found = None
        assert found == (expected and expected.principal()), ascii(field)


@pytest.mark.parametrize(
    ("later", "known"), [(0, True), (SESSION_SECONDS - 1, True), (SESSION_SECONDS, False), (10**9, False)]
)
def test_it_ends_after_twelve_hours_and_is_then_ignored(later: int, known: bool) -> None:
    assert (ask(VALUE, now=NOW + later) is not None) == known


def test_it_ends_with_its_key() -> None:
    gone = Sessions(ApiKeys([CI]), signer("session"))
    replaced = Sessions(ApiKeys([CI, ApiKey("ann", "0" * 64, ())]), signer("session"))
    assert ask(VALUE, by=gone) is None
    assert ask(VALUE, by=replaced) is None


def test_every_character_counts() -> None:
    for place, char in enumerate(VALUE):
        with pytest.raises(CookieInvalid):
            ask(VALUE[:place] + ("A" if char != "A" else "B") + VALUE[place + 1 :])


@given(st.text(st.characters(exclude_characters=";,"), max_size=80))
def test_garbage_is_refused_and_never_an_error(value: str) -> None:
    with pytest.raises(CookieInvalid) as refused:
        ask(value)
    assert refused.value.headers["Set-Cookie"].startswith(f"{COOKIE_NAME}=; Max-Age=0;")


def test_a_signature_for_another_purpose_is_no_session() -> None:
    for other in (signer("link"), Signer(lambda _: [b"z" * 32], "session")):
        with pytest.raises(CookieInvalid):
            ask(Sessions(ApiKeys(KEYS), other).cookie(ANN, NOW, DEADLINE).partition(";")[0].partition("=")[2])


def test_an_id_is_whole() -> None:
    """A key `ann` is none that begins so: what is signed has one reading."""
    other = ApiKey("an", ANN.sha256, ())
    value = (
        Sessions(ApiKeys([other]), signer("session")).cookie(other, NOW, DEADLINE).partition(";")[0].partition("=")[2]
    )
    data = decode(value)
    assert data is not None
    with pytest.raises(CookieInvalid):
        ask(encode(data[:-16] + b"n" + data[-16:]))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("origin", [None, "null", "https://evil.example.com"])
def test_it_reads_from_anywhere(method: str, origin: str | None) -> None:
    assert ask(VALUE, method=method, origin=origin) == ANN.principal()


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_it_writes_from_our_own_pages(method: str) -> None:
    assert ask(VALUE, method=method, origin=BASE_URL) == ANN.principal()


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "https://evil.example.com",
        "http://files.example.com",
        "https://files.example.com.evil.com",
        "https://files.example.com:444",
        "https://files.example.com/",
        "https://evil.files.example.com",
    ],
)
def test_it_writes_from_nowhere_else(method: str, origin: str | None) -> None:
    with pytest.raises(CrossSite):
        ask(VALUE, method=method, origin=origin)


def test_a_stale_one_does_not_keep_anyone_from_writing() -> None:
    assert ask(VALUE, method="PUT", now=NOW + SESSION_SECONDS) is None
