"""A session cookie is good for one key or one person and for some hours, and writes only from pages of this service."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.principals import ApiKey, ApiKeys, Principal
from chalicelib.core.access.sessions import (
    COOKIE_NAME,
    KEY_SESSION_SECONDS,
    MAX_COOKIE_CHARACTERS,
    PERSON_SESSION_SECONDS,
    Sessions,
)
from chalicelib.core.access.sign_ins import SignIns
from chalicelib.core.access.signing import Signer, decode, encode
from chalicelib.core.web.problems.access import CookieInvalid, CrossSite, TooManyGroups
from tests.support.builders import ANN, BASE_URL, CI, DEADLINE, KEYS, NOW, allow, numbered, request, secret_of
from tests.support.fakes import signer

CORP = Issuer("corp", "https://id.example.com", ("files",))
NAMED = tuple(f"group:corp:{number:0>20}" for number in range(130))
RULES = numbered(allow("/**", "read", "user:corp:alice", *NAMED))
ALICE = Principal("corp:alice", ("anyone", "authenticated", "user:corp:alice"))


def sessions_of(*keys: ApiKey, signer: Signer = signer("session")) -> Sessions:  # noqa: B008 - a signer never changes
    """The sessions of a service with some keys and one issuer."""
    return Sessions(sign_ins_of(*keys), signer)


def sign_ins_of(*keys: ApiKey) -> SignIns:
    return SignIns(keys=ApiKeys(keys), issuers=[CORP], groups={}, rules=RULES, revoked={})


SESSIONS = sessions_of(*KEYS)
READS, WRITES = ("GET", "HEAD", "OPTIONS"), ("PUT", "POST", "DELETE", "PATCH")


def value_of(sessions: Sessions, key: ApiKey, secret: str | None = None) -> str:
    """The value of the cookie for a new session."""
    sign_in = sign_ins_of(key).of_key(key, secret or secret_of(key.id), NOW)
    return sessions.cookie_of_key(sign_in, DEADLINE).partition(";")[0].partition("=")[2]


VALUE = value_of(SESSIONS, ANN)


def ask(
    value: str, *, now: float = NOW, method: str = "GET", origin: str | None = None, sessions: Sessions = SESSIONS
) -> Principal | None:
    headers = {"cookie": f"theme=dark; {COOKIE_NAME}={value}; a=b"} | ({} if origin is None else {"origin": origin})
    return sessions(request(method, headers=headers), now)


def test_a_session_has_the_principal_of_its_key() -> None:
    assert ask(VALUE) == ANN.principal()._replace(signed_in_at=int(NOW), ends_at=int(NOW) + KEY_SESSION_SECONDS)


def test_the_cookie_is_hidden_from_scripts_other_sites_and_plain_http() -> None:
    person = SESSIONS.cookie_of_person(sign_ins_of().of_person(ALICE, NOW), "Alice", 0, DEADLINE)
    key = SESSIONS.cookie_of_key(sign_ins_of().of_key(ANN, secret_of("ann"), NOW), DEADLINE)
    for cookie, seconds in ((key, KEY_SESSION_SECONDS), (person, 7 * 86_400)):
        assert re.fullmatch(
            rf"__Host-signpost=[\w-]+; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax", cookie
        )


def test_the_cookie_holds_its_time_a_part_of_the_hash_and_the_id_but_not_the_key() -> None:
    """Another layout would end all sessions with a release."""
    data = decode(VALUE)
    assert data is not None
    assert data[:-16] == b"\0\0\0" + int(NOW).to_bytes(4) + bytes.fromhex(ANN.sha256[0])[:8] + b"ann"


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
        assert (principal and principal.id) == (expected and expected.id), ascii(field)
    assert SESSIONS(request(), NOW) is None
    with pytest.raises(CookieInvalid):
        SESSIONS(request(headers={"cookie": f"{ann}, {COOKIE_NAME}={other}"}), NOW)


def test_a_session_ends_after_twelve_hours_or_for_a_person_after_one_hour_and_is_then_ignored() -> None:
    cookie = SESSIONS.cookie_of_person(sign_ins_of().of_person(ALICE, NOW), "", 2, DEADLINE)
    person = cookie.partition(";")[0].partition("=")[2]
    for value, hours in ((VALUE, KEY_SESSION_SECONDS), (person, PERSON_SESSION_SECONDS)):
        for seconds, good in [(0, True), (hours - 1, True), (hours, False), (10**9, False)]:
            assert (ask(value, now=NOW + seconds) is not None) == good
        assert ask(value, method="PUT", now=NOW + hours) is None
    ended = SESSIONS.read(request(headers={"cookie": f"{COOKIE_NAME}={person}"}), NOW + PERSON_SESSION_SECONDS)
    assert ended is not None
    assert (ended.issuer, ended.automatic, ended.principal) == ("corp", 2, None)


def test_groups_that_do_not_fit_into_a_cookie_are_refused_and_never_cut() -> None:
    def value_with(count: int) -> str:
        person = ALICE._replace(tags=(*NAMED[:count], "user:corp:alice"))
        return (
            SESSIONS.cookie_of_person(sign_ins_of().of_person(person, NOW), "", 0, DEADLINE).split(";")[0].split("=")[1]
        )

    fitting = (MAX_COOKIE_CHARACTERS * 3 // 4 - 40) // 21  # the bytes of a cookie, less its head; a group and a NUL
    value = value_with(fitting)
    principal = ask(value)
    assert principal is not None
    assert {*NAMED[:fitting]} <= {*principal.tags}
    assert MAX_COOKIE_CHARACTERS - 60 < len(value) <= MAX_COOKIE_CHARACTERS
    with pytest.raises(TooManyGroups, match=f"{MAX_COOKIE_CHARACTERS:,}"):
        value_with(fitting + 2)


def test_a_session_ends_with_its_key_and_with_the_secret_that_signed_in() -> None:
    for keys in ([CI], [CI, ApiKey("ann", ("0" * 64,), ())]):
        assert ask(VALUE, sessions=sessions_of(*keys)) is None


def test_every_character_of_the_cookie_is_signed() -> None:
    for place, char in enumerate(VALUE):
        with pytest.raises(CookieInvalid):
            ask(VALUE[:place] + ("A" if char != "A" else "B") + VALUE[place + 1 :])


@given(st.text(st.characters(exclude_characters=";,"), max_size=80))
def test_any_other_value_is_refused_and_the_cookie_deleted(value: str) -> None:
    with pytest.raises(CookieInvalid) as refused:
        ask(value)
    assert refused.value.cookies[0].startswith(f"{COOKIE_NAME}=; Max-Age=0;")


def test_a_signature_for_another_purpose_or_by_another_secret_is_refused() -> None:
    for other in (signer("link"), Signer(lambda _: [b"z" * 32], "session")):
        with pytest.raises(CookieInvalid):
            ask(value_of(sessions_of(*KEYS, signer=other), ANN))


def test_no_character_moves_from_the_id_to_the_signature() -> None:
    """A session of the key `an` never becomes a session of the key `ann`."""
    short = ApiKey("an", ANN.sha256, ())
    data = decode(value_of(sessions_of(short), short, secret_of("ann")))
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
            assert ask(VALUE, method=method, origin=origin) is not None
    for method in WRITES:
        assert ask(VALUE, method=method, origin=BASE_URL) is not None
        for origin in others:
            with pytest.raises(CrossSite):
                ask(VALUE, method=method, origin=origin)
