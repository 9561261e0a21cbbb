"""A service token has the rights of its sign-in within its own scope, and has exactly one spelling."""

import string
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ApiKey, ApiKeys, AuthorizationHeader, Principal, Scope, sha256_of
from chalicelib.core.access.rules import ACTIONS, RuleSet
from chalicelib.core.access.service_tokens import ServiceTokens
from chalicelib.core.access.sign_ins import SignIns
from chalicelib.core.access.signing import Signer, decode, encode
from chalicelib.core.web.problems.access import CredentialsInvalid, Forbidden
from tests.support.builders import ANN, CI, DEADLINE, KEYS, NOW, allow, basic, deny, numbered, path, request, secret_of
from tests.support.fakes import signer

from .test_sign_ins import OF_ALICE, RULES, sign_ins

ENDS_AT = int(NOW) + 3600
SCOPE = Scope("/builds/", ("read", "write"), ENDS_AT)


def tokens_of(*keys: ApiKey, revoked: Mapping[str, float] | None = None, signer: Signer | None = None) -> ServiceTokens:
    sign_ins = SignIns(keys=ApiKeys(keys), groups={}, revoked=revoked or {})
    return ServiceTokens(signer or SIGNER, sign_ins)


SIGNER = signer("service token")
TOKENS = tokens_of(*KEYS)
SIGN_IN = SignIns(keys=ApiKeys(KEYS), groups={}, revoked={}).of_key(CI, secret_of("ci"), NOW)
TOKEN = TOKENS.make(SIGN_IN, SCOPE, DEADLINE)


def reason(text: str, tokens: ServiceTokens = TOKENS, now: float = NOW) -> str:
    """The reason of the refusal of a token, which the log gets; empty for a token that is accepted."""
    try:
        tokens.principal(text, now, DEADLINE)
    except CredentialsInvalid as problem:
        return problem.reason
    return ""


@given(
    st.text(st.characters(codec="utf-8"), max_size=300).map(lambda text: f"/{text}"),
    st.sets(st.sampled_from(ACTIONS)).map(lambda some: tuple(action for action in ACTIONS if action in some)),
    st.integers(int(NOW) + 1, 2**32 - 1),
)
def test_a_token_gives_the_maker_within_the_scope(where: str, actions: tuple[str, ...], ends_at: int) -> None:
    scope = Scope(where, actions, ends_at)
    token = TOKENS.make(SIGN_IN, scope, DEADLINE)
    assert token.startswith("spt_")
    expected = CI.principal()._replace(signed_in_at=int(NOW), scope=scope, ends_at=ends_at)
    assert TOKENS.principal(token, NOW, DEADLINE) == expected


def test_a_token_has_one_spelling_and_every_bit_is_signed() -> None:
    assert not reason(TOKEN)
    refusal = "The service did not make this service token."
    for place, char in enumerate(TOKEN[4:], 4):
        for other in {*string.ascii_letters, *string.digits, "-", "_"} - {char}:
            assert reason(TOKEN[:place] + other + TOKEN[place + 1 :]) == refusal
    data = decode(TOKEN[4:])
    assert data is not None
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert reason("spt_" + encode(bytes(flipped))) == refusal
    for end in ("=", " ", "\n", "A", "AAAA"):
        assert reason(TOKEN + end) == refusal


@given(st.text(st.characters(), max_size=90))
def test_any_other_text_is_refused_and_never_another_error(text: str) -> None:
    assert reason(f"spt_{text}") == "The service did not make this service token."


def test_a_signature_for_another_purpose_or_by_another_secret_is_refused() -> None:
    for other in (Signer(lambda _: [b"z" * 32], "service token"), signer("session"), signer("link")):
        assert reason(tokens_of(*KEYS, signer=other).make(SIGN_IN, SCOPE, DEADLINE))


def test_a_token_ends_at_its_second_with_its_key_with_the_secret_and_by_a_revocation() -> None:
    ended = "The sign-in that made the service token has ended."
    new_secret = ApiKey("ci", ("0" * 64,), ())
    for tokens, now, expected in [
        (TOKENS, ENDS_AT - 0.001, ""),
        (TOKENS, ENDS_AT, "The service token has expired."),
        (tokens_of(ANN), NOW, ended),
        (tokens_of(ANN, new_secret), NOW, ended),
        (tokens_of(*KEYS, revoked={"key:ci": NOW + 1}), NOW, ended),
        (tokens_of(*KEYS, revoked={"key:ci": int(NOW), "key:ann": NOW + 1}), NOW, ""),
    ]:
        assert reason(TOKEN, tokens, now) == expected


def test_a_token_of_a_person_has_the_groups_of_the_sign_in_and_is_judged_by_the_settings_of_the_moment() -> None:
    token = ServiceTokens(SIGNER, sign_ins()).make(OF_ALICE, SCOPE, DEADLINE)
    principal = ServiceTokens(SIGNER, sign_ins()).principal(token, NOW, DEADLINE)
    assert (principal.name, principal.scope, "group:corp:dev" in principal.tags) == ("user:corp:alice", SCOPE, True)
    ended = "The sign-in that made the service token has ended."
    for changed in (sign_ins(revoked={"user:corp:alice": NOW + 1}), sign_ins(rules=RULES[:1])):
        assert reason(token, ServiceTokens(SIGNER, changed)) == ended


def refusal(rules: RuleSet, principal: Principal, action: str, where: str) -> str:
    """The text of a refusal by the rules, or `allowed`."""
    try:
        rules.authorize(principal, action, path(where))
    except Forbidden as problem:
        return problem.detail
    return "allowed"


def test_the_rules_decide_within_the_scope_and_a_refusal_outside_names_the_scope() -> None:
    rules = RuleSet(numbered(deny("/builds/old/**", "read", "key:ci"), allow("/**", "read write list", "key:ci")))
    inside = "The key ci may not {} here."
    outside = "This service token is for {} alone. Make another service token at /-/token."
    for scope, action, where, text in [
        (SCOPE, "read", "/builds/a", "allowed"),
        (SCOPE, "write", "/builds/", "allowed"),
        (SCOPE, "read", "/builds/old/a", inside.format("read")),
        (SCOPE, "list", "/builds/", outside.format("read and write below /builds/")),
        *((SCOPE, "read", other, outside.format("read and write below /builds/")) for other in ("/builds", "/", "/x")),
        (Scope("/a.txt", ("read",), ENDS_AT), "read", "/a.txt/", outside.format("read at /a.txt")),
        (Scope("/", ("read",), ENDS_AT), "read", "/-/resize", outside.format("read below /")),
    ]:
        principal = TOKENS.principal(TOKENS.make(SIGN_IN, scope, DEADLINE), NOW, DEADLINE)
        assert refusal(rules, principal, action, where).startswith(text), (action, where)


def header_of(text: str, keys: ApiKeys, tokens: ServiceTokens | None) -> Principal | None:
    header = AuthorizationHeader(keys, None, (lambda: tokens) if tokens else None)
    return header(request(headers={"authorization": f"Bearer {text}"}), NOW)


def test_an_api_key_decides_first_and_without_a_signing_secret_no_service_token_is_read() -> None:
    odd = ApiKey("odd", (sha256_of(TOKEN),), ())
    assert header_of(TOKEN, ApiKeys([odd]), TOKENS) == odd.principal()
    assert header_of(TOKEN, ApiKeys(KEYS), TOKENS) == TOKENS.principal(TOKEN, NOW, DEADLINE)
    by_basic = AuthorizationHeader(ApiKeys(KEYS), None, lambda: TOKENS)(request(headers=basic("any id", TOKEN)), NOW)
    assert by_basic == TOKENS.principal(TOKEN, NOW, DEADLINE)
    with pytest.raises(CredentialsInvalid):
        header_of(TOKEN, ApiKeys(KEYS), None)
