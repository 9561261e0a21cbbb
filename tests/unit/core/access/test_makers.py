"""The maker of a link: which principal its bytes make at each use, and what ends it."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.issuer_claims import person
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.makers import MIN_MAKER_BYTES, is_maker
from chalicelib.core.access.principals import ANYONE, Principal
from chalicelib.core.access.revocations import EVERYTHING
from tests.support.builders import ANN, CI, NOW, allow, deny, numbered
from tests.support.fakes import makers

CORP = Issuer("corp", "https://id.example.com", ("files",))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
TIMES = st.integers(0, 2**32 - 1)


def alice(*groups: str, signed_in_at: int | None = int(NOW), name: str = "alice") -> Principal:
    return person(f"user:corp:{name}", [f"corp:{group}" for group in groups])._replace(signed_in_at=signed_in_at)


def tags(principal: Principal | None) -> set[str]:
    return set(principal.tags) if principal else set()


@given(TEXTS, st.lists(TEXTS, max_size=5), st.lists(TEXTS, max_size=5), TIMES)
def test_a_person_is_the_person_again_with_the_groups_that_rules_name(
    name: str, named: list[str], others: list[str], time: int
) -> None:
    to = [f"group:corp:{group}" for group in named]
    rules = numbered(allow("/**", "read", "group:builders", *to))
    service = makers(issuers=[CORP], rules=rules, groups={f"user:corp:{name}": ["editors"]})
    maker = alice(*named, *others, name=name, signed_in_at=time)
    data = service.of(maker, NOW)
    again = service.principal(data)
    assert again
    assert (again.name, again.id, again.signed_in_at) == (maker.name, maker.id, time)
    assert tags(again) == {"anyone", "authenticated", "group:editors", *(tag for tag in to), maker.name}
    assert is_maker(maker, data)
    assert not any(is_maker(other, data) for other in (alice(name=f"{name}\0"), alice(name=name[:-1]), CI.principal()))


@given(st.sampled_from([CI.principal(), ANN.principal(), ANYONE]), TIMES, st.booleans())
def test_a_key_and_anyone_take_fourteen_bytes(principal: Principal, time: int, by_session: bool) -> None:
    service = makers()
    maker = principal._replace(signed_in_at=time if by_session else None)
    data = service.of(maker, NOW)
    assert len(data) == MIN_MAKER_BYTES == 14
    assert int.from_bytes(data[-4:]) == (time if by_session else NOW)
    assert service.principal(data) == principal
    others = [CI.principal(), ANN.principal(), ANYONE, alice()]
    assert [other for other in others if is_maker(other, data)] == [principal]


def test_a_key_is_the_maker_while_it_exists_whatever_its_secret_is() -> None:
    data = makers().of(CI.principal(), NOW)
    assert makers([CI._replace(sha256=("0" * 64,))]).principal(data) == CI.principal()
    for keys in ([ANN], [CI._replace(in_urls=True)]):
        assert makers(keys).principal(data) is None


def test_a_revocation_ends_what_began_before_its_time() -> None:
    """The time that counts is the time of the sign-in, also for an API key that signed in with a browser."""
    signed_in = CI.principal()._replace(signed_in_at=int(NOW) - 100)
    for maker, began_at in ((CI.principal(), NOW), (signed_in, NOW - 100), (alice(signed_in_at=50), 50)):
        data = makers(issuers=[CORP]).of(maker, NOW)
        for time, holds in ((began_at, True), (began_at + 1, False), (EVERYTHING, False)):
            service = makers(revoked={maker.name: time, "key:ann": EVERYTHING}, issuers=[CORP])
            assert (service.principal(data) is not None) is holds, (maker, time)


def test_a_new_denied_group_or_a_changed_issuer_ends_the_sign_in_and_its_maker_still_made_the_link() -> None:
    before = numbered(deny("/a/**", "read", "group:corp:out"), allow("/**", "read", "group:corp:dev"))
    later = numbered(deny("/b/**", "read", "group:corp:new"), *before)
    data = makers(issuers=[CORP], rules=before).of(alice("dev", "out", "new"), NOW)
    held = makers(issuers=[CORP], rules=before).principal(data)
    assert tags(held) >= {"group:corp:dev", "group:corp:out"}
    for issuers, rules in (
        ([CORP], later),
        ([], before),
        ([CORP._replace(name="other")], before),
        ([CORP._replace(require=((("hd",), ("acme",)),))], before),
    ):
        assert makers(issuers=issuers, rules=rules).principal(data) is None
    assert is_maker(alice(), data)
    assert not is_maker(alice(name="alice\0dev"), data)
