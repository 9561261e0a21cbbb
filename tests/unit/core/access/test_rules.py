"""The first rule in the file that matches path, action and principal decides."""

from collections.abc import Sequence
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.link_tokens import Link
from chalicelib.core.access.principals import ANYONE, Principal
from chalicelib.core.access.rules import ACTIONS, Grant, Rule, RuleSet
from chalicelib.core.web.problems.access import CredentialsMissing, Forbidden, LinkInvalid
from chalicelib.core.web.problems.base import Problem
from tests.support.builders import allow, deny, numbered, path, principal
from tests.support.oracles import deciding

CI = principal("ci", "builders")
ANN = principal("ann", "staff")
OTHER = principal("other")


def decide(rules: Sequence[Rule], caller: Principal, action: str, raw: str) -> int | str:
    """The number of the rule that allows, or the code of the refusal."""
    try:
        return RuleSet(rules).authorize(caller, action, path(raw)).rule.number
    except Problem as problem:
        return problem.code


def test_a_pattern_matches_whole_segments() -> None:
    for pattern, matching, others in [
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
    ]:
        rules = numbered(allow(pattern, "read", "authenticated"))
        for raw in (*matching, *others):
            assert decide(rules, ANN, "read", raw) == (1 if raw in matching else "forbidden"), (pattern, raw)


def test_a_rule_is_for_the_principals_and_the_actions_that_it_names() -> None:
    for to, allowed in [
        ("anyone", {ANYONE, CI, ANN, OTHER}),
        ("authenticated", {CI, ANN, OTHER}),
        ("group:builders", {CI}),
        ("key:ann", {ANN}),
        *((unknown, set()) for unknown in ("group:builder", "key:an", "ann", "user:ann")),
    ]:
        for caller in (ANYONE, CI, ANN, OTHER):
            refused = "credentials-missing" if caller is ANYONE else "forbidden"
            assert decide(numbered(allow("/a", "read", to)), caller, "read", "/a") == (
                1 if caller in allowed else refused
            )
    for action in ACTIONS:
        assert [other for other in ACTIONS if decide(numbered(allow("/a", action)), ANN, other, "/a") == 1] == [action]


def test_anyone_is_asked_for_credentials_and_a_known_principal_is_refused() -> None:
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
    for action, words in [("read", "read"), ("versions", "read old versions"), ("purge", "erase versions")]:
        with pytest.raises(Forbidden, match=f"^The key ann may not {words} here. "):
            rules.authorize(ANN, action, path("/a"))


def test_a_grant_has_principal_action_path_and_rule() -> None:
    rule = allow("/a", "read")._replace(number=7)
    assert RuleSet([rule]).authorize(ANN, "read", path("/a")) == Grant(ANN, "read", path("/a"), rule)


def test_the_same_caller_gets_another_grant_only_by_the_rules() -> None:
    rules = numbered(allow("/a", "read"), allow("/b", "read write", "key:ann"))
    ruleset = RuleSet(rules)
    for caller, other in [(ANN, Grant(ANN, "write", path("/b"), rules[1])), (CI, None)]:
        grant = ruleset.authorize(caller, "read", path("/a"))
        assert ruleset.grant_for(grant, "delete", path("/a")) is None
        assert ruleset.grant_for(grant, "write", path("/b")) == other
        if other:
            assert ruleset.require(grant, "write", path("/b")) == other
        else:
            with pytest.raises(Forbidden):
                ruleset.require(grant, "write", path("/b"))


def test_a_link_allows_its_own_action_while_its_maker_may_do_and_share_it() -> None:
    link = Link("i", path("/a/"), "read", 0, 9, b"")
    everything = allow("/**", "read list write share", "key:ann")
    rules = numbered(deny("/a/closed", "share"), everything, allow("/**", "read"))
    ruleset = RuleSet(rules)
    grant = ruleset.authorize_link(link, ANN, "read", path("/a/b"))
    assert grant == Grant(ANN, "read", path("/a/b"), rules[1], link)
    assert ruleset.require(grant, "list", path("/a/")) == ruleset.grant_for(grant, "list", path("/a/"))
    for caller, action, raw in [
        *((ANN, action, "/a/b") for action in ("write", "share", "delete")),
        *((ANN, "read", raw) for raw in ("/b", "/a/closed")),
        (CI, "read", "/a/b"),
    ]:
        assert ruleset.grant_for(grant._replace(principal=caller), action, path(raw)) is None
        with pytest.raises(LinkInvalid):
            ruleset.require(grant._replace(principal=caller), action, path(raw))
    with pytest.raises(LinkInvalid):
        RuleSet(numbered(deny("/a/", "share"), everything)).authorize_link(link, ANN, "read", path("/a/b"))


def test_a_rule_covers_a_directory_if_it_decides_about_everything_below() -> None:
    for first, covered in [
        *(
            (deny(*other), True)
            for other in [("/a/b/c", "read", "key:ci"), ("/a/b/c", "write"), ("/b/**", "read"), ("/a/c/**", "read")]
        ),
        (allow("/**", "read"), True),
        *((deny(pattern, "read"), False) for pattern in ("/a/b/c", "/a/*/c", "/*/b/c/**", "/a/b/{user}")),
        (allow("/a/b/", "read"), False),
    ]:
        ruleset = RuleSet(numbered(first, allow("/a/b/**", "read"), deny("/a/b/x", "read")))
        assert ruleset.covers(ruleset.authorize(ANN, "read", path("/a/b/"))) is covered, first


def test_an_answer_is_public_if_anyone_may_read_the_path() -> None:
    for_authenticated = allow("/a", "read", "authenticated")
    for rules, public in [
        ([allow("/a", "read")], True),
        ([for_authenticated], False),
        ([for_authenticated, allow("/**", "read")], True),
        ([for_authenticated, deny("/a", "read"), allow("/**", "read")], False),
        ([for_authenticated, allow("/a", "list")], False),
    ]:
        ruleset = RuleSet(numbered(*rules))
        assert ruleset.open_to_anyone(ruleset.authorize(ANN, "read", path("/a"))) is public


def test_patterns_never_match_a_path_of_the_service_and_a_rule_must_name_the_path() -> None:
    """A built-in rule follows the last rule of the file: authenticated principals may read the image endpoints."""
    rules = numbered(
        allow("/-/resize", "read", "key:ci"),
        deny("/-/resize", "read", "group:builders"),
        allow("/-/thumbnail", "read"),
        deny("/**", "read", "key:ann"),
        allow("/**", "read list write delete share"),
        allow("/*/*", "read"),
        allow("/{user}/**", "read"),
    )
    for raw, caller, decision in [
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
    ]:
        assert decide(rules, caller, "read", raw) == decision, (raw, caller)


def test_the_built_in_rule_is_for_reading_the_image_endpoints_alone() -> None:
    for raw in ("/-/resize", "/-/thumbnail", "/-/", "/a", "/"):
        for action in {*ACTIONS} - {"read"}:
            assert decide([], ANN, action, raw) == "forbidden"
            assert decide([], ANYONE, action, raw) == "credentials-missing"
    for raw in ("/", "/a", "/-", "/a/b", "/-a/b", "/a/-/b"):
        assert decide([], ANN, "read", raw) == "forbidden"


# One draw for each field of a rule: most of the time of a property goes into its draws.
SEGMENTS = st.sampled_from(["a", "b", "", "ann", "*", "**", "-"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda segments: "/" + "/".join(segments))
PATTERNS = [
    "/" + "/".join([*head, last])
    for length in range(4)
    for head in product(("a", "b", "", "*", "{user}", "-"), repeat=length)
    for last in ("a", "", "*", "**", "{user}")
]
TAGS = ("anyone", "authenticated", "group:staff", "key:ann", "key:ci")
RULES = st.lists(
    st.builds(
        Rule,
        number=st.just(0),
        path=st.sampled_from(PATTERNS),
        allows=st.booleans(),
        actions=st.sampled_from([ACTIONS[:1], ACTIONS[1:2], ACTIONS[:2]]),
        to=st.sampled_from([to for size in range(1, 6) for to in combinations(TAGS, size)]),
    ),
    max_size=12,
).map(lambda rules: numbered(*rules))


@given(RULES, st.sampled_from([ANYONE, ANN, CI]), st.sampled_from(ACTIONS[:2]), PATHS)
def test_the_index_gives_the_same_rule_as_the_file_read_line_by_line(
    rules: tuple[Rule, ...], caller: Principal, action: str, raw: str
) -> None:
    assert RuleSet(rules).find(caller, action, path(raw)) == deciding(rules, caller, action, raw)


@given(RULES, st.sampled_from([ANYONE, ANN, CI]), PATHS.map(lambda raw: f"{raw}/"), PATHS)
def test_a_rule_that_covers_a_directory_decides_about_every_path_below(
    rules: tuple[Rule, ...], caller: Principal, directory: str, below: str
) -> None:
    rule = RuleSet(rules).find(caller, "read", path(directory))
    if rule and directory not in ("/", "/-/") and RuleSet(rules).covers(Grant(caller, "read", path(directory), rule)):
        assert deciding(rules, caller, "read", directory + below[1:]) == rule
