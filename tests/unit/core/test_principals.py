"""Who is asking: a good key, no one, or a refusal that says the same whatever is wrong."""

import base64
import hashlib
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ANYONE, ApiKey, ApiKeys, AuthorizationHeader, Principal, identify
from chalicelib.core.access.signing import fingerprint
from chalicelib.core.web.problems import CredentialsInvalid
from tests.support.builders import ANN, CI, KEYS, NOW, api_key, basic, bearer, request, secret_of

AUTHENTICATORS = (AuthorizationHeader(ApiKeys(KEYS)),)


def ask(headers: Mapping[str, str]) -> Principal:
    return identify(request(headers=headers), AUTHENTICATORS, NOW)


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def test_without_credentials_it_is_anyone() -> None:
    assert ask({}) is ANYONE
    assert ask({"cookie": "session=1", "x-api-key": secret_of("ci")}) is ANYONE
    assert (ANYONE.id, ANYONE.tags, ANYONE.name) == ("", ("anyone",), "anyone")


def test_a_key_is_known_by_basic_and_bearer() -> None:
    assert ask(basic("ci")) == ask(bearer("ci")) == CI.principal()
    assert ask(basic("ann")) == ask(bearer("ann")) == ANN.principal()
    assert ask({"authorization": f"Bearer ci:{secret_of('ci')}"}) == CI.principal()


def test_a_key_speaks_for_itself_and_its_groups() -> None:
    ann = api_key("ann", "staff", "finance").principal()
    assert ann == Principal("ann", ("anyone", "authenticated", "group:staff", "group:finance", "key:ann"))
    assert ann.name == "key:ann"


@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.title, str.swapcase])
def test_the_scheme_is_read_in_any_case(spelled: Callable[[str], str]) -> None:
    assert ask({"authorization": f"{spelled('Basic')} {encoded('ci:' + secret_of('ci'))}"}).id == "ci"
    assert ask({"authorization": f"{spelled('Bearer')} {secret_of('ci')}"}).id == "ci"


@pytest.mark.parametrize("value", ["  Basic {}", "Basic   {}", "Basic {}  ", " Basic {} "])
def test_spaces_around_credentials_do_no_harm(value: str) -> None:
    assert ask({"authorization": value.format(encoded("ci:" + secret_of("ci")))}).id == "ci"


def test_a_secret_may_hold_colons_and_unicode() -> None:
    secret = "a:b:ü📁"
    keys = AuthorizationHeader(ApiKeys([ApiKey("odd", hashlib.sha256(secret.encode()).hexdigest(), ())]))
    assert identify(request(headers=basic("odd", secret)), [keys], NOW).id == "odd"


@pytest.mark.parametrize(
    "headers",
    [
        basic("ci", "wrong"),
        basic("nobody", "wrong"),
        basic("nobody", secret_of("ci")),
        basic("ann", secret_of("ci")),
        basic("", secret_of("ci")),
        basic("CI", secret_of("ci")),
        basic("ci", ""),
        basic("ci", secret_of("ci") + "x"),
        basic("ci", secret_of("ci")[:-1]),
        basic("ci", CI.sha256),
        {"authorization": f"Bearer {CI.sha256}"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer ann:{secret_of('ci')}"},
        {"authorization": f"Bearer :{secret_of('ci')}"},
        {"authorization": f"Bearer {secret_of('ci')}, Bearer {secret_of('ci')}"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": ""},
        {"authorization": " "},
        {"authorization": "Basic"},
        {"authorization": "Basic "},
        {"authorization": "Basic !!!"},
        {"authorization": basic("ci")["authorization"].replace("Basic ", "Basic !")},
        {"authorization": basic("ci")["authorization"] + "="},
        {"authorization": "Basic Y2k"},
        {"authorization": f"Basic {encoded('no colon')}"},
        {"authorization": f"Basic {encoded(b'ci:' + bytes([0xFF]))}"},
        {"authorization": "Basic ü"},
        {"authorization": f"\u00a0Bearer {secret_of('ci')}"},
        {"authorization": f"Bearer {secret_of('ci')}\u2003"},
        {"authorization": basic("ci")["authorization"] + "\x85"},
        {"authorization": "Basic \ud800"},
        {"authorization": "Bearer \ud800"},
        {"authorization": f"Digest {secret_of('ci')}"},
        {"authorization": secret_of("ci")},
        {"authorization": f"Basic{encoded('ci:' + secret_of('ci'))}"},
        {"authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/s3/aws4_request"},
        {"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
    ],
    ids=lambda headers: ascii(headers["authorization"]),
)
def test_whatever_is_wrong_the_answer_is_the_same(headers: Mapping[str, str]) -> None:
    with pytest.raises(CredentialsInvalid) as refused:
        ask(headers)
    problem, model = refused.value, CredentialsInvalid()
    told = (problem.status, problem.code, problem.detail, dict(problem.headers))
    assert told == (401, "credentials-invalid", model.detail, {})


@given(
    st.text(st.characters(), max_size=40)
    | st.tuples(st.sampled_from(["Basic ", "Bearer ", "basic\t", "Basic"]), st.text(st.characters(), max_size=40)).map(
        "".join
    )
    | st.binary(max_size=40).map(lambda raw: f"Basic {encoded(raw)}")
)
def test_garbage_is_refused_and_never_fails(value: str) -> None:
    with pytest.raises(CredentialsInvalid):
        ask({"authorization": value})


def test_the_issuer_of_a_link_is_found_by_what_stands_for_their_name() -> None:
    keys = ApiKeys(KEYS)
    assert keys.issuer(fingerprint("key:ann")) == ANN.principal()
    assert keys.issuer(fingerprint("anyone")) is ANYONE
    assert keys.issuer(fingerprint("key:gone")) is None


def test_the_first_authenticator_that_finds_something_decides() -> None:
    asked: list[str] = []

    def nothing(_: object, now: float) -> None:
        asked.append("nothing")

    def ann(_: object, now: float) -> Principal:
        asked.append("ann")
        return ANN.principal()

    assert (
        identify(request(headers=basic("ci", "wrong")), [nothing, ann, AuthorizationHeader(ApiKeys(KEYS))], NOW).id
        == "ann"
    )
    assert asked == ["nothing", "ann"]


def test_no_keys_know_no_one() -> None:
    with pytest.raises(CredentialsInvalid):
        AuthorizationHeader(ApiKeys([]))(request(headers=basic("ci")), NOW)
