"""A token of an issuer makes one principal, or is refused; the keys at hand decide, and no key in the token."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.backends.token_signatures import CryptographySignatures
from chalicelib.core.access.issuer_claims import matches
from chalicelib.core.access.issuer_tokens import MAX_REMEMBERED_TOKENS, IssuerTokens
from chalicelib.core.access.issuers import LEEWAY_SECONDS, Issuer, IssuerKey
from chalicelib.core.access.principals import ApiKeys, AuthorizationHeader, Principal
from chalicelib.core.access.signing import decode
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.problems.access import CredentialsInvalid
from chalicelib.core.web.problems.base import Unavailable
from tests.support.builders import DEADLINE, KEYS, NOW, basic, bearer, request
from tests.support.token_issuer import AUDIENCE, CLAIMS, ISSUER, KIDS, MemoryIssuerKeys, base64url, jwk, keys, token
from tests.support.token_mutants import compare

CORP = Issuer("corp", ISSUER, (AUDIENCE, "other"), groups=("groups",))
ALL = CORP._replace(algorithms=("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"))
ENDS_AT = int(CLAIMS["exp"] + LEEWAY_SECONDS)
ALICE = Principal("corp:alice", ("anyone", "authenticated", "user:corp:alice"), signed_in_at=0, ends_at=ENDS_AT)


class CountedSignatures(CryptographySignatures):
    """Verifies signatures, and counts them."""

    count = 0

    def verifies(self, key: IssuerKey, algorithm: str, data: bytes, signature: bytes) -> bool:
        self.count += 1
        return super().verifies(key, algorithm, data, signature)


SIGNATURES = CountedSignatures()


def tokens_of(
    *issuers: Issuer,
    known: MemoryIssuerKeys | None = None,
    revoked: Mapping[str, float] = MappingProxyType({}),
    **groups: Sequence[str],
) -> IssuerTokens:
    known = known or MemoryIssuerKeys(keys(*KIDS))
    by_name = {f"user:corp:{subject}": names for subject, names in groups.items()}
    return IssuerTokens(issuers=issuers, keys=known, signatures=SIGNATURES, groups=by_name, revoked=revoked)


def ask(text: str, *issuers: Issuer, now: float = NOW, **options: Any) -> Principal:
    return tokens_of(*(issuers or (CORP,)), **options).principal(text, now, DEADLINE)


def reason_of(text: str, *issuers: Issuer, **options: Any) -> str:
    """Why a token is refused; a reason holds neither a part of the token nor a value of a claim."""
    with pytest.raises(CredentialsInvalid) as refused:
        ask(text, *issuers, **options)
    assert (refused.value.status, refused.value.detail) == (401, CredentialsInvalid().detail)
    assert not any(part in f"{refused.value.reason} {refused.value!r}" for part in (*text.split("."), "mallory"))
    return refused.value.reason


def claims(**changes: Any) -> Mapping[str, Any]:
    """The claims of a good token with changes; a claim that is `...` is left out."""
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}


# Signatures and keys


def test_each_algorithm_verifies_its_signatures_and_no_others() -> None:
    for algorithm in ALL.algorithms:
        key = {"RS": "rsa", "PS": "rsa", "ES": f"p{algorithm[2:]}", "Ed": "ed25519"}[algorithm[:2]]
        good = token(CLAIMS, key, alg=algorithm)
        signed, _, signature = good.rpartition(".")
        assert ask(good, ALL) == ALICE
        assert "`algorithms`" in reason_of(good, CORP._replace(algorithms=("HS256", "none")))
        of_bob = token(claims(sub="bob"), key, alg=algorithm).rpartition(".")[2]
        data = decode(signature) or b""
        middle = len(data) // 2  # the numbers of ECDSA meet here: a zero between them changes neither number
        with_zero = base64url(data[:middle] + b"\0" + data[middle:])
        for wrong in (of_bob, with_zero, f"{signature}AAAA", "AA"):
            assert "signature" in reason_of(f"{signed}.{wrong}", ALL)
        assert "signature" in reason_of(token(CLAIMS, f"{key} 2", alg=algorithm, kid=key), ALL)


def test_a_key_that_cannot_be_built_verifies_nothing() -> None:
    for member, value in (("x", "AA"), ("y", jwk("p256")["x"]), ("x", "!"), ("x", None)):
        (good,) = keys("p256")
        members = {name: text for name, text in {**good.jwk, member: value}.items() if text is not None}
        broken = MemoryIssuerKeys([good._replace(jwk=members)])
        assert "signature" in reason_of(token(CLAIMS, "p256"), ALL, known=broken)


def test_the_table_and_the_type_of_the_key_pin_the_algorithm() -> None:
    assert "`algorithms`" in reason_of(token(CLAIMS, "p256"))
    for algorithm, key, kid in (("RS256", "rsa", "p256"), ("ES256", "p256", "rsa"), ("ES256", "p256", "p384")):
        assert "0 keys fit" in reason_of(token(CLAIMS, key, alg=algorithm, kid=kid), ALL)
    only_rs512 = MemoryIssuerKeys([keys("rsa")[0]._replace(algorithms=("RS512",))])
    assert "0 keys fit" in reason_of(token(), ALL, known=only_rs512)


def test_a_public_key_is_never_the_secret_of_an_hmac() -> None:
    """CVE-2026-48526. The settings refuse HS256 beside keys, and here they list it."""
    for issuer in (CORP, CORP._replace(algorithms=("RS256", "HS256", "none"))):
        for kid in ("rsa", ...):
            assert reason_of(token(CLAIMS, "rsa", alg="HS256", kid=kid), issuer)
            assert reason_of(token(CLAIMS, "rsa", alg="none", kid=kid) + "AA", issuer)


def test_a_key_inside_the_token_is_never_trusted() -> None:
    """CVE-2025-24976."""
    for members in (
        {"jwk": jwk("rsa 2")},
        {"jku": "https://evil.example.com/keys"},
        {"x5c": ["MIIB"]},
        {"x5u": "https://x"},
    ):
        assert "signature" in reason_of(token(CLAIMS, "rsa 2", kid="rsa", **members))
        known = MemoryIssuerKeys(keys("rsa"))
        assert "0 keys fit" in reason_of(token(CLAIMS, "rsa 2", **members), known=known)


def test_a_token_without_kid_needs_exactly_one_key_that_fits() -> None:
    nameless = token(CLAIMS, kid=...)
    assert ask(nameless) == ALICE  # one key of each type
    assert "2 keys fit" in reason_of(nameless, known=MemoryIssuerKeys(keys("rsa", "rsa 2")))
    without_id = keys("rsa")[0]._replace(kid=None)
    assert ask(nameless, known=MemoryIssuerKeys([without_id])) == ALICE
    assert "0 keys fit" in reason_of(token(), known=MemoryIssuerKeys([without_id]))


def test_an_unknown_kid_asks_for_new_keys_and_nothing_else_does() -> None:
    new = MemoryIssuerKeys(keys("rsa 2"), fetched=keys("rsa"))
    assert (ask(token(), known=new), new.fetches) == (ALICE, 1)
    failing = MemoryIssuerKeys(keys("rsa"), fetched=None)
    assert ask(token(), known=failing) == ALICE
    with pytest.raises(Unavailable):
        ask(token(kid="new"), known=failing)
    assert failing.fetches == 1
    changes = ({"exp": 1}, {"aud": "x"}, {"iss": "x"}, {"sub": ""}, {"groups": 5}, {"nonce": "n"})
    for text in (*(token(claims(**change), kid="new") for change in changes), token(CLAIMS, "p256", kid="new")):
        assert reason_of(text, known=failing)
    assert "0 keys fit" in reason_of(token(CLAIMS, "p256", kid="rsa"), ALL, known=failing)
    assert failing.fetches == 1


# Claims


def test_issuer_and_audience_are_checked() -> None:
    """giftless promised both checks and made neither."""
    good: list[Any] = [AUDIENCE, "other", ["x", "other"]]
    for audience in good:
        assert ask(token(claims(aud=audience))) == ALICE
    bad: list[Any] = [None, "", "mallory", [], ["mallory"], [AUDIENCE, 5], {AUDIENCE: 1}, 5, f"{AUDIENCE}/", ...]
    for audience in bad:
        assert "aud" in reason_of(token(claims(aud=audience)))
    for issuer in (..., "", "mallory", f"{ISSUER}/", ISSUER.upper()):
        assert "`iss`" in reason_of(token(claims(iss=issuer)))


def test_a_token_ends_and_begins() -> None:
    assert ask(token(), now=NOW + 329.9) == ALICE
    for now, changes in ((NOW + 330, {}), (NOW, {"nbf": NOW + 31}), (NOW, {"iat": NOW + 31}), (NOW, {"exp": ...})):
        assert reason_of(token(claims(**changes)), now=now)


def test_an_id_token_of_a_sign_in_is_no_bearer_token() -> None:
    page = CORP._replace(name="page", client_id="signpost")
    for changes in ({"nonce": "n"}, {"aud": "signpost"}, {"aud": [{}, "signpost"]}, {"aud": [AUDIENCE, "signpost"]}):
        assert "signing in" in reason_of(token(claims(**changes)), CORP, page)
    assert ask(token(claims(aud=[AUDIENCE, "signpost"])), CORP, page._replace(issuer="https://elsewhere")) == ALICE


WEB = CORP._replace(client_id="web", require=((("hd",), ("acme",)),))
ID_CLAIMS: Mapping[str, Any] = {**CLAIMS, "aud": "web", "iat": NOW - 9, "nonce": "n", "hd": "acme", "groups": ["a"]}


def sign_in(changes: Mapping[str, Any], key: str = "rsa", tokens: IssuerTokens | None = None) -> Principal:
    """The principal of an ID token with changes; a claim that is `...` is left out."""
    content = {name: value for name, value in {**ID_CLAIMS, **changes}.items() if value is not ...}
    return (tokens or tokens_of(WEB)).id_token(WEB, token(content, key), "n", NOW, DEADLINE)


def test_the_id_token_of_a_sign_in_makes_a_principal_with_all_groups() -> None:
    good: tuple[Mapping[str, Any], ...] = ({}, {"azp": "web"}, {"aud": ["web"]}, {"aud": ["x", "web"], "azp": "web"})
    for changes in good:
        tags = ("anyone", "authenticated", "group:corp:a", "user:corp:alice")
        assert sign_in(changes) == ALICE._replace(tags=tags, signed_in_at=int(NOW) - 9)
    tokens, before = tokens_of(WEB), SIGNATURES.count
    for _ in range(2):
        sign_in({}, tokens=tokens)
    assert SIGNATURES.count == before + 2
    with pytest.raises(CredentialsInvalid):
        tokens.principal(token(ID_CLAIMS), NOW, DEADLINE)


def test_an_id_token_that_does_not_fit_the_sign_in_is_refused() -> None:
    bad: list[tuple[Mapping[str, Any], str]] = [
        *(({"iss": issuer}, "`iss`") for issuer in ("https://mallory.example.com", ...)),
        *(({"aud": audience}, "`aud`") for audience in (AUDIENCE, [], ["x"], ["web", 5], None, ...)),
        *(({"aud": ["web", "x"], "azp": azp}, "`azp`") for azp in (..., "x", None)),
        *(({"azp": azp}, "`azp`") for azp in ("x", "", None, ["web"])),
        *(({"nonce": nonce}, "`nonce`") for nonce in ("m", "", "n ", "nä", None, ["n"], ...)),
        *(({"iat": time}, "`iat`") for time in (..., "1", NOW + 31)),
        ({"exp": NOW - 31}, "expired"),
        ({"hd": "mallory"}, "`require`"),
        ({"sub": ...}, "sub"),
        ({"_claim_names": {"groups": "src1"}}, "too many groups"),
    ]
    for changes, words in bad:
        with pytest.raises(CredentialsInvalid) as refused:
            sign_in(changes)
        assert words in refused.value.reason, changes
        assert "mallory" not in refused.value.reason
    for key, words in (("p256", "`algorithms`"), ("rsa 2", "0 keys fit")):
        with pytest.raises(CredentialsInvalid) as refused:
            sign_in({}, key)
        assert words in refused.value.reason
    with pytest.raises(CredentialsInvalid) as refused:
        tokens_of(WEB).id_token(WEB, token(ID_CLAIMS, "rsa 2", kid="rsa"), "n", NOW, DEADLINE)
    assert "signature" in refused.value.reason


def test_a_revoked_person_is_refused_by_the_earlier_time_of_the_token_also_after_the_token_is_remembered() -> None:
    for times, revoked_before, good in (
        ({}, NOW - 10**9, False),
        ({"iat": NOW}, NOW, True),
        ({"iat": NOW}, NOW + 1, False),
        ({"iat": NOW}, float("inf"), False),
        ({"iat": NOW, "auth_time": NOW - 60}, NOW - 59, False),
        ({"iat": NOW, "auth_time": NOW - 60}, NOW - 60, True),
        ({"iat": NOW, "auth_time": "now"}, NOW - 60, False),
        ({"iat": -5, "auth_time": -1e300}, 0, True),
        ({"auth_time": 1e300}, NOW + 1, False),
    ):
        revoked: dict[str, float] = {}
        tokens = tokens_of(CORP, revoked=revoked)
        text = token(claims(**times))
        assert tokens.principal(text, NOW, DEADLINE).id == "corp:alice"
        revoked |= {"user:corp:alice": revoked_before, "user:corp:bob": float("inf")}
        if good:
            assert tokens.principal(text, NOW, DEADLINE).id == "corp:alice"
        else:
            with pytest.raises(CredentialsInvalid) as refused:
                tokens.principal(text, NOW, DEADLINE)
            assert "[revoked]" in refused.value.reason


def test_the_first_table_whose_audience_and_require_hold_decides() -> None:
    ci = CORP._replace(name="ci", require=((("repo",), ("acme/*", "lone")),))
    deploy = ci._replace(name="deploy", audience=("deploy",))
    for content, name in (
        ({"repo": "acme/site"}, "ci"),
        ({"repo": "lone"}, "ci"),
        ({"repo": "acme/site", "aud": "deploy"}, "deploy"),
        ({"repo": "acme/site", "aud": [AUDIENCE, "deploy"]}, "ci"),
        ({"repo": "acme-evil/site"}, "corp"),
        ({}, "corp"),
    ):
        assert ask(token(claims(**content)), deploy._replace(issuer="x"), ci, deploy, CORP).name == f"user:{name}:alice"
    reason = reason_of(token(claims(repo="mallory")), ci, deploy)
    assert "issuer ci: repo has no value of `require`; issuer deploy: aud has no value" in reason


def test_require_reads_nested_claims_lists_and_values_of_json() -> None:
    def holds(path: str, pattern: str, content: Mapping[str, Any]) -> bool:
        table = CORP._replace(require=((tuple(path.split(".")), (pattern,)),))
        try:
            return ask(token(claims(**content)), table) == ALICE
        except CredentialsInvalid:
            return False

    good: list[tuple[str, str, Any]] = [
        ("a.b", "x", {"a": {"b": "x"}}),
        ("a", "x", {"a": ["y", "x"]}),
        ("a", "true", {"a": True}),
        ("a", "7", {"a": 7}),
        ("email", "*@example.com", {"email": "a@example.com", "email_verified": True}),
    ]
    assert all(holds(*arguments) for arguments in good)
    none: list[Any] = [None, {}, [], [None], 1.5, [["x"]]]
    other: list[Any] = ["x", ["x"], {"b": ["y"]}, {"b": {"x": 1}}, *none]
    unverified: list[Any] = [..., False, "true", 1]
    assert not any(holds("a", "*", {"a": value}) for value in none)
    assert not any(holds("a.b", "x", {"a": value}) for value in other)
    assert not any(holds("email", "*", {"email": "a@b", "email_verified": value}) for value in unverified)
    assert not holds("a", "True", {"a": True})


@example("a*a", "a")
@example("a*b*b", "ab")
@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_star_of_require_stands_for_any_characters(pattern: str, text: str) -> None:
    assert matches(pattern, text) == fnmatchcase(text, pattern)


def test_the_audience_of_another_claim_is_for_tokens_without_aud() -> None:
    cognito = CORP._replace(audience_claim="client_id", require=((("token_use",), ("access",)),))
    access: dict[str, Any] = {"aud": ..., "client_id": "other", "token_use": "access"}
    assert ask(token(claims(**access)), cognito) == ALICE
    for changes in ({"aud": "other"}, {"aud": None}, {"client_id": "x"}, {"client_id": ...}, {"token_use": "id"}):
        assert reason_of(token(claims(**{**access, **changes})), cognito)


def test_the_principal_has_the_name_of_the_table_and_the_id_of_the_claim() -> None:
    github = CORP._replace(name="ci")
    tags = ("anyone", "authenticated", "user:ci:repo:acme/site:ref:refs/heads/main")
    assert ask(token(claims(sub="repo:acme/site:ref:refs/heads/main")), github) == ALICE._replace(id="", tags=tags)
    assert ask(token(claims(oid="7")), CORP._replace(subject="oid")).id == "corp:7"
    for subject in (..., "", None, 5, ["alice"], "a\0b", "\ud800"):
        assert reason_of(token(claims(sub=subject)))
        assert reason_of(token(claims(oid=subject)), CORP._replace(subject="oid"))


def test_an_email_is_an_id_where_someone_verified_it() -> None:
    mail, trusted = CORP._replace(subject="email"), CORP._replace(subject="email", email_trusted=True)
    for verified in (..., False, "true", 1, None):
        content = token(claims(email="a@example.com", email_verified=verified))
        assert "email_trusted" in reason_of(content, mail)
        assert verified is ... or reason_of(content, trusted)
    assert ask(token(claims(email="a@example.com")), trusted).id == "corp:a@example.com"
    assert ask(token(claims(email="a@example.com", email_verified=True)), mail).id == "corp:a@example.com"


def test_groups_come_from_the_claim_and_from_the_settings() -> None:
    roles = CORP._replace(groups=("realm_access", "roles"))
    examples: list[tuple[Issuer, Any, list[str]]] = [
        (CORP, {"groups": ["a", "b:c"]}, ["corp:a", "corp:b:c", "editors"]),
        (roles, {"realm_access": {"roles": ["a"]}}, ["corp:a", "editors"]),
        (CORP, {}, ["editors"]),
        (CORP, {"groups": None}, ["editors"]),
        (CORP, {"groups": []}, ["editors"]),
        (roles, {"realm_access": "a"}, ["editors"]),
        (CORP._replace(groups=()), {"groups": 5, "_claim_names": {"groups": "src1"}}, ["editors"]),
    ]
    for issuer, content, names in examples:
        tags = ask(token(claims(**content)), issuer, alice=["editors"], bob=["x"]).tags
        assert tags == ("anyone", "authenticated", *(f"group:{name}" for name in names), "user:corp:alice")


def test_a_text_of_groups_is_one_group_and_other_values_are_refused() -> None:
    """A text of groups ended oxyno's server."""
    assert ask(token(claims(groups="a,b"))).tags[2] == "group:corp:a,b"
    for value in (5, True, {"a": 1}, ["a", 5], [["a"]], [None]):
        assert "groups is neither" in reason_of(token(claims(groups=value)))


def test_groups_that_the_issuer_left_out_are_refused_with_the_setting_that_helps() -> None:
    for content in ({"_claim_names": {"groups": "src1"}}, {"hasgroups": True}):
        reason = reason_of(token(claims(**content)))
        assert "`groups`" in reason
        assert "groupMembershipClaims" in reason
    assert ask(token(claims(_claim_names={"other": "src1"}))) == ALICE
    assert ask(token(claims(groups=[f"{number}" for number in range(500)]))).tags[501] == "group:corp:499"


# Verified tokens


def test_a_verified_token_is_remembered_until_it_ends_or_its_key_is_gone() -> None:
    known = MemoryIssuerKeys(keys("rsa"))
    tokens = tokens_of(CORP, known=known)
    before = SIGNATURES.count
    for _ in range(3):
        assert tokens.principal(token(), NOW, DEADLINE) == ALICE
    known.keys = keys("p256", "rsa")  # as a fetch reads the same key again
    assert tokens.principal(token(), NOW, DEADLINE) == ALICE
    assert SIGNATURES.count == before + 1
    with pytest.raises(CredentialsInvalid) as refused:
        tokens.principal(token(), NOW + 330, DEADLINE)
    assert "expired" in refused.value.reason
    known.keys = keys("rsa 2")
    with pytest.raises(CredentialsInvalid):
        tokens.principal(token(), NOW, DEADLINE)
    known.keys = keys("rsa")
    assert tokens.principal(token(), NOW, DEADLINE) == ALICE
    assert SIGNATURES.count == before + 2


def test_the_memory_of_verified_tokens_is_bounded() -> None:
    tokens = tokens_of(ALL)
    texts = [token(claims(jti=str(number)), "ed25519") for number in range(MAX_REMEMBERED_TOKENS + 1)]
    for text in texts:
        tokens.principal(text, NOW, DEADLINE)
    before = SIGNATURES.count
    for text, verified in ((texts[-1], 0), (texts[1], 0), (texts[0], 1)):
        tokens.principal(text, NOW, DEADLINE)
        assert SIGNATURES.count == before + verified


# Other implementations


@pytest.mark.slow
def test_mutated_tokens_are_decided_as_pyjwt_and_joserfc_decide() -> None:
    decisions = compare(3_000, seed=1)
    assert [decision for decision in decisions if decision.startswith("!")] == []
    assert decisions["accepted by all"] > 300


# The header of the request


def test_a_token_comes_as_bearer_or_as_the_secret_of_basic_with_any_id() -> None:
    header = AuthorizationHeader(ApiKeys(KEYS), tokens_of(CORP))
    for headers in (
        {"authorization": f"bearer  {token()} "},
        *(basic(key_id, token()) for key_id in ("git", "", "ci")),
    ):
        assert header(request(headers=headers), NOW) == ALICE
    for headers in (basic("ci"), bearer("ci")):
        assert header(request(headers=headers), NOW) == ApiKeys(KEYS).principal(KEYS[0])
    wrong = ("", "wrong", "a.b", "a.b.c", "a.b.c.d", "..", f"{token()}.x", "a" * 10_000, "." * 10_000)
    refused = [headers for secret in wrong for headers in ({"authorization": f"Bearer {secret}"}, basic("ci", secret))]
    for headers in (*refused, {"authorization": "Bearer \ud800.."}):
        with pytest.raises(CredentialsInvalid):
            header(request(headers=headers), NOW)
    with pytest.raises(CredentialsInvalid) as no_token:
        header(request(headers=basic("ci", "a.b")), NOW)
    assert no_token.value.reason == ""  # a wrong key, whose log line says nothing of tokens


def test_only_the_log_tells_the_reason() -> None:
    entry = AccessLogEntry()
    with pytest.raises(CredentialsInvalid) as refused:
        ask(token(claims(aud="mallory")))
    entry.add_problem(refused.value)
    record = entry.record(request(), 401, 1.0)
    assert (record["code"], record["error"]) == ("credentials-invalid", refused.value.reason)
    assert "aud" in refused.value.reason
    entry.add_problem(CredentialsInvalid())
    assert "error" not in entry.record(request(), 401, 1.0)
