"""A session cookie is good for twelve hours and one key, and writes only from pages of this service."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ApiKey, ApiKeys, Principal
from chalicelib.core.access.sessions import COOKIE_NAME, SESSION_SECONDS, Sessions
from chalicelib.core.access.signing import Signer, decode, encode
from chalicelib.core.web.problems.access import CookieInvalid, CrossSite
from tests.support.builders import ANN, BASE_URL, CI, DEADLINE, KEYS, NOW, request, secret_of
from tests.support.fakes import signer

SESSIONS = Sessions(ApiKeys(KEYS), signer("session"))
READS, WRITES = ("GET", "HEAD", "OPTIONS"), ("PUT", "POST", "DELETE", "PATCH")


def value_of(sessions: Sessions, key: ApiKey, secret: str | None = None) -> str:
    """The value of the cookie for a new session."""
    return sessions.cookie(key, secret or secret_of(key.id), NOW, DEADLINE).partition(";")[0].partition("=")[2]


VALUE = value_of(SESSIONS, ANN)


def ask(
    value: str, *, now: float = NOW, method: str = "GET", origin: str | None = None, sessions: Sessions = SESSIONS
) -> Principal | None:
    headers = {"cookie": f"theme=dark; {COOKIE_NAME}={value}; a=b"} | ({} if origin is None else {"origin": origin})
    return sessions(request(method, headers=headers), now)


def test_a_session_has_the_principal_of_its_key() -> None:
    assert ask(VALUE) == ANN.principal()


def test_the_cookie_is_hidden_from_scripts_other_sites_and_plain_http() -> None:
    assert re.fullmatch(
        r"__Host-signpost=[\w-]+; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Lax",
        SESSIONS.cookie(ANN, secret_of("ann"), NOW, DEADLINE),
    )


def test_the_cookie_holds_its_end_a_part_of_the_hash_and_the_id_but_not_the_key() -> None:
    """Another layout would end all sessions with a release."""
    data = decode(VALUE)
    assert data is not None
    assert data[:-16] == int(NOW + SESSION_SECONDS).to_bytes(4) + bytes.fromhex(ANN.sha256[0])[:8] + b"ann"


def test_the_cookie_is_read_as_browsers_write_it_and_two_different_cookies_are_no_session() -> None:
    """RFC 6265 §5.4. A site of a sibling domain can set cookies of any other name, with any value."""
    other = value_of(SESSIONS, CI)
    ann = f"{COOKIE_NAME}={VALUE}"
    for field, expected in [
        (f"theme=1,{COOKIE_NAME}={other}; {ann}", ANN),
        (f"theme=1;\u00a0{COOKIE_NAME}={other}; {ann}", ANN),
        (f"theme=1; \x0b{COOKIE_NAME}={other}; {ann}", ANN),
        (f"{ann}; {ann}", ANN),
        (f"a=b;\t{COOKIE_NAME} = {VALUE}\t;", ANN),
        (f"=; ; {ann}", ANN),
        (f"{COOKIE_NAME}={other}; {ann}", None),
        (f"{ann}; {COOKIE_NAME}=x", None),
        (f"={ann}", None),
        (f"x{COOKIE_NAME}={VALUE}; signpost={VALUE}", None),
    ]:
        principal = SESSIONS(request(headers={"cookie": field}), NOW)
        assert principal == (expected and expected.principal()), ascii(field)
    assert SESSIONS(request(), NOW) is None
    with pytest.raises(CookieInvalid):
        SESSIONS(request(headers={"cookie": f"{ann}, {COOKIE_NAME}={other}"}), NOW)


def test_a_session_ends_after_twelve_hours_and_is_then_ignored() -> None:
    for seconds, good in [(0, True), (SESSION_SECONDS - 1, True), (SESSION_SECONDS, False), (10**9, False)]:
        assert (ask(VALUE, now=NOW + seconds) is not None) == good
    assert ask(VALUE, method="PUT", now=NOW + SESSION_SECONDS) is None


def test_a_session_ends_with_its_key_and_with_the_secret_that_signed_in() -> None:
    for keys in ([CI], [CI, ApiKey("ann", ("0" * 64,), ())]):
        assert ask(VALUE, sessions=Sessions(ApiKeys(keys), signer("session"))) is None


def test_every_character_of_the_cookie_is_signed() -> None:
    for place, char in enumerate(VALUE):
        with pytest.raises(CookieInvalid):
            ask(VALUE[:place] + ("A" if char != "A" else "B") + VALUE[place + 1 :])


@given(st.text(st.characters(exclude_characters=";,"), max_size=80))
def test_any_other_value_is_refused_and_the_cookie_deleted(value: str) -> None:
    with pytest.raises(CookieInvalid) as refused:
        ask(value)
    assert refused.value.headers["Set-Cookie"].startswith(f"{COOKIE_NAME}=; Max-Age=0;")


def test_a_signature_for_another_purpose_or_by_another_secret_is_refused() -> None:
    for other in (signer("link"), Signer(lambda _: [b"z" * 32], "session")):
        with pytest.raises(CookieInvalid):
            ask(value_of(Sessions(ApiKeys(KEYS), other), ANN))


def test_no_character_moves_from_the_id_to_the_signature() -> None:
    """A session of the key `an` never becomes a session of the key `ann`."""
    short = ApiKey("an", ANN.sha256, ())
    data = decode(value_of(Sessions(ApiKeys([short]), signer("session")), short, secret_of("ann")))
    assert data is not None
    with pytest.raises(CookieInvalid):
        ask(encode(data[:-16] + b"n" + data[-16:]))


def test_a_session_reads_from_everywhere_and_writes_from_this_service_alone() -> None:
    others = [
        *(None, "", "null", "https://evil.example.com", "http://files.example.com", f"{BASE_URL}.evil.com"),
        *(f"{BASE_URL}:444", f"{BASE_URL}/", "https://evil.files.example.com"),
    ]
    for origin in (BASE_URL, *others):
        for method in READS:
            assert ask(VALUE, method=method, origin=origin) == ANN.principal()
    for method in WRITES:
        assert ask(VALUE, method=method, origin=BASE_URL) == ANN.principal()
        for origin in others:
            with pytest.raises(CrossSite):
                ask(VALUE, method=method, origin=origin)
