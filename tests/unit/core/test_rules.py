"""What they may do: the first rule in file order that matches path, action and principal decides."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ANYONE, Principal
from chalicelib.core.access.rules import ACTIONS, Grant, Rule, RuleSet
from chalicelib.core.web.problems import CredentialsMissing, Forbidden, Problem
from tests.support.builders import allow, deny, numbered, path, principal
from tests.support.oracles import deciding

CI = principal("ci", "builders")
ANN = principal("ann", "staff")
NOWHERE = principal("nowhere")


def decided(rules: Sequence[Rule], who: Principal, action: str, raw: str) -> int | str:
    """The number of the rule that allows, or the code of the refusal."""
    try:
        return RuleSet(tuple(rules)).authorize(who, action, path(raw)).rule.number
    except Problem as problem:
        return problem.code


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("/a", ["/a"], ["/", "/a/", "/b", "/a/b", "/A", "/ab", "//a"]),
        ("/a/", ["/a/"], ["/a", "/a/b", "/a//"]),
        ("/", ["/"], ["/a", "//"]),
        ("/a/b.txt", ["/a/b.txt"], ["/a/bxtxt", "/a/b", "/a//b.txt"]),
        ("/*", ["/a", "/ü b", "/*", "/**"], ["/", "/a/", "/a/b"]),
        ("/a/*", ["/a/b", "/a/.."], ["/a/", "/a", "/a/b/c", "/a/b/"]),
        ("/*/b", ["/a/b", "/x/b"], ["//b", "/b", "/a/b/", "/a/c"]),
        ("/a/*/c", ["/a/b/c"], ["/a//c", "/a/c", "/a/b/d/c"]),
        ("/**", ["/", "/a", "/a/", "/a/b", "//a", "/a//b"], []),
        ("/a/**", ["/a/", "/a/b", "/a/b/c", "/a//"], ["/a", "/ab", "/b/a", "/"]),
        ("/*/**", ["/a/", "/a/b"], ["/", "/a", "//a"]),
        ("/users/{user}", ["/users/ann"], ["/users/bob", "/users/", "/users/ann/", "/users/{user}", "/users/Ann"]),
        ("/users/{user}/**", ["/users/ann/", "/users/ann/x/y"], ["/users/ann", "/users/annx/y", "/users/an/n"]),
        ("/{user}/{user}", ["/ann/ann"], ["/ann/bob", "/bob/ann"]),
        ("/a.b/c+d/**", ["/a.b/c+d/x"], ["/axb/c+d/x", "/a.b/ccd/x"]),
    ],
)
def test_a_pattern_matches_whole_segments(pattern: str, matching: list[str], others: list[str]) -> None:
    rules = numbered(allow(pattern, "read", "authenticated"))
    assert {raw: decided(rules, ANN, "read", raw) for raw in matching} == dict.fromkeys(matching, 1)
    assert {raw: decided(rules, ANN, "read", raw) for raw in others} == dict.fromkeys(others, "forbidden")


@pytest.mark.parametrize(
    ("to", "allowed"),
    [
        ("anyone", {ANYONE, CI, ANN, NOWHERE}),
        ("authenticated", {CI, ANN, NOWHERE}),
        ("group:builders", {CI}),
        ("group:builder", set()),
        ("key:ann", {ANN}),
        ("key:an", set()),
        ("ann", set()),
        ("user:ann", set()),
    ],
)
def test_a_rule_speaks_to_those_it_names(to: str, allowed: set[Principal]) -> None:
    rules = numbered(allow("/a", "read", to))
    for who in (ANYONE, CI, ANN, NOWHERE):
        refused = "credentials-missing" if who is ANYONE else "forbidden"
        assert decided(rules, who, "read", "/a") == (1 if who in allowed else refused)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_rule_speaks_of_the_actions_it_names(action: str) -> None:
    rules = numbered(allow("/a", action))
    found = [other for other in ACTIONS if decided(rules, ANN, other, "/a") == 1]
    assert found == [action]


@pytest.mark.parametrize(
    ("rules", "who", "decision"),
    [
        ([allow("/**", "read"), deny("/a", "read")], ANN, 1),
        ([deny("/a", "read"), allow("/**", "read")], ANN, "forbidden"),
        ([deny("/a", "read"), allow("/**", "read")], ANYONE, "credentials-missing"),
        ([deny("/a", "write"), allow("/**", "read")], ANN, 2),
        ([deny("/b/**", "read"), allow("/**", "read")], ANN, 2),
        ([deny("/**", "read", "key:ci"), allow("/**", "read")], ANN, 2),
        ([deny("/**", "read", "key:ci"), allow("/**", "read")], CI, "forbidden"),
        ([allow("/a", "read", "key:ci"), deny("/**", "read"), allow("/a", "read")], CI, 1),
        ([allow("/a", "read", "key:ci"), deny("/**", "read"), allow("/a", "read")], ANN, "forbidden"),
        ([deny("/*", "read"), allow("/a", "read")], ANN, "forbidden"),
        ([allow("/{user}", "read", "anyone"), deny("/**", "read")], ANYONE, "credentials-missing"),
        ([allow("/a", "read"), allow("/a", "read"), deny("/a", "read")], ANN, 1),
        ([deny("/a", "read", "anyone"), allow("/a", "read", "authenticated")], ANN, "forbidden"),
        ([allow("/a", "read", "authenticated"), deny("/a", "read", "anyone")], ANN, 1),
        ([], ANN, "forbidden"),
        ([], ANYONE, "credentials-missing"),
    ],
)
def test_the_first_rule_that_matches_decides(rules: list[Rule], who: Principal, decision: int | str) -> None:
    assert decided(numbered(*rules), who, "read", "/a") == decision


def test_no_one_is_asked_who_they_are_and_someone_is_refused() -> None:
    rules = RuleSet(numbered(allow("/b", "read"), deny("/a", "read")))
    with pytest.raises(CredentialsMissing) as asked:
        rules.authorize(ANYONE, "read", path("/a"))
    assert asked.value.status == 401
    with pytest.raises(Forbidden) as denied:
        rules.authorize(ANN, "read", path("/a"))
    assert (denied.value.status, denied.value.rule, denied.value.principal) == (403, 2, "key:ann")
    with pytest.raises(Forbidden) as unmatched:
        rules.authorize(ANN, "read", path("/c"))
    assert unmatched.value.rule is None
    assert unmatched.value.detail == denied.value.detail


def test_a_grant_tells_who_may_do_what_where_and_why() -> None:
    rule = allow("/a", "read")._replace(number=7)
    assert RuleSet([rule]).authorize(ANN, "read", path("/a")) == Grant(ANN, "read", path("/a"), rule)


@pytest.mark.parametrize(
    ("rules", "open_to_anyone"),
    [
        ([allow("/a", "read")], True),
        ([allow("/a", "read", "authenticated")], False),
        ([allow("/a", "read", "authenticated"), allow("/**", "read")], True),
        ([allow("/a", "read", "authenticated"), deny("/a", "read"), allow("/**", "read")], False),
        ([allow("/a", "read", "authenticated"), allow("/a", "list")], False),
    ],
)
def test_an_answer_is_public_where_anyone_may_have_it(rules: list[Rule], open_to_anyone: bool) -> None:
    ruleset = RuleSet(numbered(*rules))
    assert ruleset.open_to_anyone(ruleset.authorize(ANN, "read", path("/a"))) is open_to_anyone


OWN = numbered(
    allow("/-/resize", "read", "key:ci"),
    deny("/-/resize", "read", "group:builders"),
    allow("/-/thumbnail", "read"),
    deny("/**", "read", "key:ann"),
    allow("/**", "read list write delete share"),
    allow("/*/*", "read"),
    allow("/{user}/**", "read"),
)


@pytest.mark.parametrize(
    ("raw", "who", "decision"),
    [
        ("/-/resize", ANYONE, "credentials-missing"),
        ("/-/resize", CI, 1),
        ("/-/resize", ANN, 8),
        ("/-/resize", principal("bob", "builders"), "forbidden"),
        ("/-/thumbnail", ANYONE, 3),
        ("/-/other", ANYONE, "credentials-missing"),
        ("/-/other", ANN, 8),
        ("/-/", ANN, "forbidden"),
        ("/-/resize/", ANN, "forbidden"),
        ("/-/a/b", CI, "forbidden"),
        ("/-", ANYONE, 5),
        ("/-", ANN, "forbidden"),
        ("/a/-/resize", ANYONE, 5),
        ("/--/resize", ANYONE, 5),
    ],
)
def test_what_is_the_services_own_is_reached_by_rules_that_name_it(
    raw: str, who: Principal, decision: int | str
) -> None:
    """After all others there is one for whoever says who they are."""
    assert decided(OWN, who, "read", raw) == decision


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "read"])
def test_no_rule_is_built_in_for_anything_but_reading(action: str) -> None:
    for raw in ("/-/resize", "/-/thumbnail", "/-/", "/a", "/"):
        assert decided([], ANN, action, raw) == "forbidden"
        assert decided([], ANYONE, action, raw) == "credentials-missing"


def test_the_built_in_rule_reaches_no_file() -> None:
    for raw in ("/", "/a", "/-", "/a/b", "/-a/b", "/a/-/b"):
        assert decided([], ANN, "read", raw) == "forbidden"


SEGMENTS = st.sampled_from(["a", "b", "", "ann", "*", "**", "-"])
PATTERN_SEGMENTS = st.sampled_from(["a", "b", "", "*", "{user}", "-"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda segments: "/" + "/".join(segments))
PATTERNS = st.tuples(st.lists(PATTERN_SEGMENTS, max_size=3), st.sampled_from(["a", "", "*", "**", "{user}"])).map(
    lambda parts: "/" + "/".join([*parts[0], parts[1]])
)
RULES = st.lists(
    st.builds(
        Rule,
        number=st.just(0),
        path=PATTERNS,
        allows=st.booleans(),
        actions=st.lists(st.sampled_from(ACTIONS[:2]), min_size=1, unique=True).map(tuple),
        to=st.lists(
            st.sampled_from(["anyone", "authenticated", "group:staff", "key:ann", "key:ci"]), min_size=1, unique=True
        ).map(tuple),
        overwrite=st.just(True),
        max_bytes=st.none(),
        content_types=st.just(()),
    ),
    max_size=12,
).map(lambda rules: numbered(*rules))


@given(RULES, st.sampled_from([ANYONE, ANN, CI]), st.sampled_from(ACTIONS[:2]), PATHS)
def test_the_index_finds_what_reading_the_file_line_by_line_would(
    rules: tuple[Rule, ...], who: Principal, action: str, raw: str
) -> None:
    assert RuleSet(rules).find(who, action, path(raw)) == deciding(rules, who, action, raw)
