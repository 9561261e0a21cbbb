"""A request has the principal of its key, or anyone, or is refused; every bad credential gets the same answer."""

import base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import (
    ANYONE,
    ApiKey,
    ApiKeys,
    AuthorizationHeader,
    Principal,
    UrlKeys,
    identify,
    sha256_of,
)
from chalicelib.core.access.signing import fingerprint
from chalicelib.core.web.problems.access import CredentialsInvalid, UrlKeyInvalid
from tests.support.builders import ANN, CI, KEYS, NOW, api_key, basic, bearer, request, secret_of

AUTHENTICATORS = (AuthorizationHeader(ApiKeys(KEYS)),)
SECRET = secret_of("ci")


def ask(headers: Mapping[str, str]) -> Principal:
    return identify(request(headers=headers), AUTHENTICATORS, NOW)


def base64_of(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def test_a_request_without_credentials_is_from_anyone() -> None:
    assert ask({}) is ANYONE
    assert ask({"cookie": "session=1", "x-api-key": SECRET}) is ANYONE
    assert (ANYONE.id, ANYONE.tags, ANYONE.name) == ("", ("anyone",), "anyone")


def test_a_key_is_accepted_as_basic_and_as_bearer() -> None:
    assert ask(basic("ci")) == ask(bearer("ci")) == ask({"authorization": f"Bearer ci:{SECRET}"}) == CI.principal()
    assert ask(basic("ann")) == ask(bearer("ann")) == ANN.principal()


def test_a_principal_has_the_tags_of_its_key_and_its_groups() -> None:
    ann = api_key("ann", "staff", "finance").principal()
    assert ann == Principal("ann", ("anyone", "authenticated", "group:staff", "group:finance", "key:ann"))
    assert ann.name == "key:ann"


def test_the_scheme_has_any_case_and_blanks_are_ignored() -> None:
    credentials = base64_of(f"ci:{SECRET}")
    for spell in (str.lower, str.upper, str.title, str.swapcase):
        assert ask({"authorization": f"{spell('Basic')} {credentials}"}).id == "ci"
        assert ask({"authorization": f"{spell('Bearer')} {SECRET}"}).id == "ci"
    for value in ("  Basic {}", "Basic   {}", "Basic {}  ", " Basic {} ", "\tBasic {}\t"):
        assert ask({"authorization": value.format(credentials)}).id == "ci"


def test_a_secret_may_have_colons_and_unicode() -> None:
    secret = "a:b:ü📁"
    keys = AuthorizationHeader(ApiKeys([ApiKey("odd", (sha256_of(secret),), ())]))
    assert identify(request(headers=basic("odd", secret)), [keys], NOW).id == "odd"


def test_all_bad_credentials_get_the_same_answer() -> None:
    good = basic("ci")["authorization"]
    model = CredentialsInvalid()
    for value in (
        *(basic(key_id, secret)["authorization"] for key_id, secret in [("ci", "wrong"), ("nobody", "wrong")]),
        *(basic(key_id, SECRET)["authorization"] for key_id in ("nobody", "ann", "", "CI")),
        *(basic("ci", secret)["authorization"] for secret in ("", f"{SECRET}x", SECRET[:-1], *CI.sha256)),
        *(f"Bearer {secret}" for secret in ("", "wrong", *CI.sha256, f"ann:{SECRET}", f":{SECRET}", "\ud800")),
        *("Bearer", "", " ", "Basic", "Basic ", "Basic !!!", "Basic Y2k", "Basic ü", "Basic \ud800", SECRET),
        *(good.replace("Basic ", "Basic !"), f"{good}=", f"{good}\x85", good.replace("Basic ", "Basic")),
        *(f"Basic {base64_of(text)}" for text in ("no colon", b"ci:\xff")),
        *(f"\u00a0Bearer {SECRET}", f"Bearer {SECRET}\u2003", f"Bearer {SECRET}, Bearer {SECRET}", f"Digest {SECRET}"),
        "Bearer eyJhbGciOiJub25lIn0.e30.",
    ):
        with pytest.raises(CredentialsInvalid) as refused:
            ask({"authorization": value})
        problem = refused.value
        answer = (problem.status, problem.code, problem.detail, dict(problem.headers))
        assert answer == (401, "credentials-invalid", model.detail, {}), ascii(value)


SCHEMES = st.sampled_from(["", "Basic ", "Bearer ", "basic\t", "Basic"])


@given(
    st.tuples(SCHEMES, st.text(st.characters(), max_size=40)).map("".join)
    | st.binary(max_size=40).map(lambda raw: f"Basic {base64_of(raw)}")
)
def test_any_other_text_is_refused_and_never_another_error(value: str) -> None:
    with pytest.raises(CredentialsInvalid):
        ask({"authorization": value})


def test_a_publishable_key_is_accepted_in_urls_alone() -> None:
    page = ApiKey("page", (sha256_of(secret_of("page")),), ("web",), in_urls=True)
    keys = ApiKeys([CI, page])
    assert page.principal() == Principal("page", ("anyone", "group:web", "key:page"))
    in_url = UrlKeys(keys)
    assert in_url(request(query={"k": secret_of("page")}), NOW) == page.principal()
    assert in_url(request(), NOW) is None
    for secret in ("", "wrong", SECRET, *page.sha256, "\ud800"):
        with pytest.raises(UrlKeyInvalid):
            in_url(request(query={"k": secret}), NOW)
    for headers in (basic("page"), bearer("page")):
        with pytest.raises(CredentialsInvalid):
            AuthorizationHeader(keys)(request(headers=headers), NOW)
    assert (keys.with_id("page"), keys.maker(fingerprint("key:page"))) == (None, None)


def test_the_maker_of_a_link_is_known_by_a_fingerprint() -> None:
    keys = ApiKeys(KEYS)
    assert keys.maker(fingerprint("key:ann")) == ANN.principal()
    assert keys.maker(fingerprint("anyone")) is ANYONE
    assert keys.maker(fingerprint("key:gone")) is None


def test_the_first_authenticator_with_a_principal_decides() -> None:
    called: list[str] = []

    def no_credentials(_: object, now: float) -> None:
        called.append("no_credentials")

    def ann(_: object, now: float) -> Principal:
        called.append("ann")
        return ANN.principal()

    bad = request(headers=basic("ci", "wrong"))
    assert identify(bad, [no_credentials, ann, *AUTHENTICATORS], NOW) == ANN.principal()
    assert called == ["no_credentials", "ann"]


def test_a_service_without_keys_refuses_every_key() -> None:
    with pytest.raises(CredentialsInvalid):
        AuthorizationHeader(ApiKeys([]))(request(headers=basic("ci")), NOW)
