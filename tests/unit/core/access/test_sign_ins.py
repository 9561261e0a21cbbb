"""A sign-in is judged at each use: it ends with its key, its secret, its issuer's table, or by `[revoked]`."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.limits import Limit
from chalicelib.core.access.principals import ApiKeys, Principal
from chalicelib.core.access.rules import Rule
from chalicelib.core.access.sign_ins import SignIns
from tests.support.builders import ANN, CI, KEYS, NOW, allow, deny, numbered, secret_of

CORP = Issuer("corp", "https://id.example.com", ("files",), groups=("groups",))
RULES = numbered(
    allow("/**", "read", "group:corp:dev", "group:editors"), deny("/a/**", "read", "group:corp:ü x", "group:other:ops")
)
TAGS = ("anyone", "authenticated", "group:corp:dev", "group:corp:unnamed", "group:editors", "user:corp:alice")
ALICE = Principal("corp:alice", TAGS)


def sign_ins(
    keys: Sequence[Any] = KEYS,
    issuer: Issuer = CORP,
    groups: Mapping[str, Sequence[str]] | None = None,
    rules: Sequence[Rule] = RULES,
    limits: Sequence[Limit] = (),
    revoked: Mapping[str, float] | None = None,
) -> SignIns:
    """The sign-ins of a service with these settings."""
    return SignIns(
        keys=ApiKeys(keys), issuers=[issuer], groups=groups or {}, rules=rules, limits=limits, revoked=revoked or {}
    )


OF_ALICE = sign_ins().of_person(ALICE, NOW)
OF_ANN = sign_ins().of_key(ANN, secret_of("ann"), NOW)


def test_a_person_keeps_the_groups_of_the_issuer_that_rules_name_and_has_the_listed_groups_of_this_moment() -> None:
    time, issuer, principal = sign_ins(groups={"user:corp:alice": ["staff"]}).read(OF_ALICE)
    assert (time, issuer) == (int(NOW), "corp")
    tags = ("anyone", "authenticated", "group:corp:dev", "group:staff", "user:corp:alice")
    assert principal == Principal("corp:alice", tags, signed_in_at=int(NOW))


def test_a_person_keeps_the_groups_that_limits_name() -> None:
    limited = sign_ins(limits=[Limit(("group:corp:unnamed",), 1, 60)])
    principal = limited.read(limited.of_person(ALICE, NOW)).principal
    assert principal is not None
    assert "group:corp:unnamed" in principal.tags


def test_a_sign_in_ends_when_the_settings_that_admitted_it_change() -> None:
    changes: list[dict[str, Any]] = [
        {"issuer": CORP._replace(issuer="https://other.example.com")},
        {"issuer": CORP._replace(subject="email")},
        {"issuer": CORP._replace(groups=("roles",))},
        {"issuer": CORP._replace(require=((("hd",), ("example.com",)),))},
        {"issuer": CORP._replace(name="corp2")},
        {"rules": (*RULES, deny("/b/**", "read", "group:corp:unnamed"))},
        {"rules": RULES[:1]},
        {"revoked": {"user:corp:alice": NOW + 1}},
        {"revoked": {"user:corp:alice": float("inf")}},
    ]
    for change in changes:
        assert sign_ins(**change).read(OF_ALICE).principal is None, change
    unrelated: list[dict[str, Any]] = [
        {"issuer": CORP._replace(audience=("other",), jwks="keys.json", client_id="new")},
        {"rules": (*RULES, allow("/b/**", "read", "group:corp:unnamed"), deny("/c/**", "read", "group:other:dev"))},
        {"revoked": {"user:corp:alice": NOW, "user:corp:bob": float("inf")}},
    ]
    for change in unrelated:
        assert sign_ins(**change).read(OF_ALICE).principal is not None, change


def test_the_sign_in_of_a_key_ends_with_the_key_its_secret_and_by_revocation() -> None:
    assert sign_ins().read(OF_ANN).principal == ANN.principal()._replace(signed_in_at=int(NOW))
    both = ANN._replace(sha256=("0" * 64, *ANN.sha256))
    assert sign_ins([both]).read(OF_ANN).principal is not None
    for keys in ([CI], [ANN._replace(sha256=("0" * 64,))]):
        assert sign_ins(keys).read(OF_ANN).principal is None
    assert sign_ins(revoked={"key:ann": NOW + 1}).read(OF_ANN).principal is None
    assert sign_ins(revoked={"key:ann": NOW, "user:corp:alice": NOW + 1}).read(OF_ANN).principal is not None


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.text("abc:/ü", min_size=1), st.lists(NAMES, unique=True, max_size=5))
def test_any_person_is_read_as_written(subject: str, groups: list[str]) -> None:
    rules = numbered(allow("/**", "read", "anyone", *(f"group:corp:{group}" for group in groups)))
    tags = ("anyone", "authenticated", *sorted(f"group:corp:{group}" for group in groups), f"user:corp:{subject}")
    person = Principal("" if "/" in subject else f"corp:{subject}", tags, signed_in_at=int(NOW))
    own = sign_ins(rules=rules)
    assert own.read(own.of_person(person, NOW)).principal == person
