"""Every rule that no request reaches is reported, and no other rule."""

import itertools
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.principals import ANYONE, ApiKey, Principal
from chalicelib.core.access.rules import Rule
from chalicelib.settings.people import people
from chalicelib.settings.unreachable_rules import RuleAnalysis
from tests.support.oracles import deciding
from tests.support.settings_files import MOUNT, inspected

KEYS = [ApiKey(id="a", sha256=("1",), groups=("g",)), ApiKey(id="b", sha256=("2",), groups=("g", "h"))]
ISSUERS = [Issuer("i", "https://i.example", ("a",))]
GROUPS = {"user:i:a": ("h",)}
PEOPLE = [  # the tags of people; an issuer can have every person and every group
    ("i:a", ("group:h", "user:i:a")),
    ("i:a", ("group:i:g", "group:h", "user:i:a")),
    ("new", ("user:i:new",)),
    ("new", ("group:i:g", "user:i:new")),
    ("", ("user:i:a/b",)),
]
# All callers; the last is a key that the settings can get later. No pattern has the name "new".
ASKING = [
    ANYONE,
    *(key.principal() for key in KEYS),
    *(Principal(id_, ("anyone", "authenticated", *tags)) for id_, tags in PEOPLE),
    Principal("new", ("anyone", "authenticated")),
]
NAMES = ("", "a", "b", "new", "i:a")
PATHS = [
    "/" + "/".join(segments)
    for length in range(1, 5)
    for segments in itertools.product(NAMES, repeat=length)
    if length == 1 or segments[0]
] + ["/-/resize", "/-/thumbnail"]
SEGMENTS = st.sampled_from(["", "a", "b", "*", "{user}"])
PATTERNS = st.builds(
    lambda head, tail: "/" + "/".join([*head, tail]),
    st.lists(SEGMENTS, max_size=2),
    st.sampled_from(["**", "", "a", "*", "{user}"]),
).filter(lambda pattern: not pattern.startswith("//")) | st.just("/-/resize")
ACTIONS = st.lists(st.sampled_from(["read", "list"]), min_size=1, max_size=2, unique=True)
TAGS = st.lists(
    st.sampled_from(
        [
            *("anyone", "authenticated", "group:g", "group:h", "key:a", "key:b", "group:none"),
            *("user:i:a", "user:i:a/b", "group:i:g"),
        ]
    ),
    min_size=1,
    max_size=2,
    unique=True,
)
RULES = st.lists(st.tuples(PATTERNS, st.booleans(), ACTIONS, TAGS), min_size=1, max_size=7).map(
    lambda tables: [
        Rule(number=number, path=path, allows=allows, actions=tuple(actions), to=tuple(to))
        for number, (path, allows, actions, to) in enumerate(tables, 1)
    ]
)


def reached(rules: list[Rule]) -> set[Rule | None]:
    """The rules that decide about some request: the oracle tries all requests of a small world."""
    return {
        deciding(rules, principal, action, path)
        for path in PATHS
        for action in ("read", "list")
        if action == "read" or path.endswith("/")
        for principal in ASKING
    }


def rules_of(*patterns: tuple[str, str]) -> list[Rule]:
    """Rules that allow `read`, from the path and the principal of each."""
    return [
        Rule(number=number, path=path, allows=True, actions=("read",), to=(to,))
        for number, (path, to) in enumerate(patterns, 1)
    ]


def rules_for_anyone(*paths: str) -> list[Rule]:
    return rules_of(*((path, "anyone") for path in paths))


@given(RULES)
@example(rules_for_anyone("/", "/*", "/*/**", "/**"))
@example(rules_for_anyone("/", "/*", "/**"))
@example(rules_for_anyone("/a/", "/a/*", "/a/*/**", "/a//**", "/a/**"))
@example(rules_for_anyone("/a/", "/a/*", "/a/*/**", "/a/**"))
@example(rules_for_anyone("/**", "/*/*", "/-/resize"))
@example(rules_of(("/*/a", "authenticated"), ("/{user}/a", "anyone")))
@example(rules_of(("/{user}/a", "authenticated"), ("/a/a", "key:a"), ("/a/a", "group:g")))
@example(rules_of(("/a", "key:a"), ("/a", "key:b"), ("/a", "group:g"), ("/a", "group:h")))
def test_a_rule_can_never_match_exactly_where_no_request_reaches_it(rules: list[Rule]) -> None:
    analysis = RuleAnalysis(rules, [*(key.principal() for key in KEYS), *people(ISSUERS, GROUPS, rules)], [""])
    alive = reached(rules)
    for rule in rules:
        finding = analysis.finding(rule)
        if rule.to != ("group:none",):  # the reader of the rules reports this principal
            assert (finding is not None and finding.never) == (rule not in alive), rule
        assert finding is None or finding.never or not rule.allows


KEY = f'[[keys]]\nid = "ci"\nsha256 = "{"1" * 64}"\ngroups = ["builders"]\n'
BEFORE = "can never match: rules[1] comes first and decides: move this rule before, or delete this rule"


def rule_table(path: str, to: str, *, verb: str = "deny", actions: str = '"read"') -> str:
    return f'[[rules]]\npath = "{path}"\n{verb} = [{actions}]\nto = [{to}]\n'


ALL = rule_table("/**", '"anyone"', verb="allow")


def test_a_deny_rule_that_can_never_match_is_a_mistake_and_an_allow_rule_a_warning(tmp_path: Path) -> None:
    for path, to, place, words in [
        ("/x", '"group:staff"', "rules[1].to", 'can never match: "group:staff" is a group that no key has'),
        ("/x", '"group:builder"', "rules[1].to", 'no key has; did you mean "builders"?'),
        ("/x", '"user:ann"', "rules[1].to", '"user:ann" is nobody: write user:ISSUER:ID for a person'),
        ("/x", '"group:a:b", "user:ann"', "rules[1].to", '"group:a:b" names no issuer'),
        ("/caf%C3%A9/**", '"anyone"', "rules[1].path", "can never match: the path has an escape"),
        ("/100%25", '"anyone"', "rules[1].path", "can never match: the path has an escape"),
    ]:
        check_unreachable(tmp_path, "", rule_table(path, to), place, words)
    for before, path, to in [
        (ALL, "/x/*/{user}/**", '"group:builders", "user:ann"'),
        (rule_table("/{user}/**", '"authenticated"', verb="allow"), "/ci/y", '"key:ci"'),
        (rule_table("/-/resize", '"anyone"', verb="allow"), "/-/resize", '"key:ci"'),
    ]:
        check_unreachable(tmp_path, before, rule_table(path, to), "rules[2]", BEFORE)


def check_unreachable(folder: Path, before: str, deny: str, place: str, words: str) -> None:
    start = MOUNT + KEY + before
    texts, _ = inspected(folder, start + deny)
    assert any(f": {place}: " in text and words in text for text in texts), texts
    texts, warnings = inspected(folder, start + deny.replace("deny", "allow"))
    assert texts == []
    assert any(f": {place}: warning: " in warning and words in warning for warning in warnings), warnings


def test_a_rule_outside_every_mount_can_never_match(tmp_path: Path) -> None:
    mounts = "".join(MOUNT.replace('"/"', f'"{mount}"') for mount in ("/archive", "/deep/in/it"))
    outside = "rules[1].path: can never match: the path is outside every mount: correct the path, or add a mount"
    for path in ("/x/**", "/archive2/**", "/a/**", "/x/*", "/deep/x"):
        texts, _ = inspected(tmp_path, mounts + KEY + rule_table(path, '"authenticated"'))
        assert [text.partition(": ")[2] for text in texts] == [outside]
    # The mount itself, a path in a mount, and the directories above a mount, where the mount is listed.
    for path in ("/*", "/*/", "/*/x", "/deep/in/**", "/deep/**", "/deep/", "/", "/{user}/in", "/-/resize"):
        assert inspected(tmp_path, mounts + KEY + rule_table(path, '"authenticated"'))[0] == []


def test_only_directories_are_listed(tmp_path: Path) -> None:
    for path in ("/x", "/x/*"):
        (text,), _ = inspected(tmp_path, MOUNT + rule_table(path, '"anyone"', actions='"list"'))
        assert ": rules[1].path: can never match: only directories are listed" in text
    for path, actions in (("/x/", '"list"'), ("/x/**", '"list"'), ("/x", '"read", "list"')):
        assert inspected(tmp_path, MOUNT + rule_table(path, '"anyone"', actions=actions)) == ([], [])
    (text,), _ = inspected(tmp_path, MOUNT + rule_table("/-/resize", '"anyone"', actions='"write"'))
    assert ': rules[1].path: can never match: here requests need no other actions than "read" and "share"' in text


def test_a_deny_rule_that_an_earlier_rule_partly_allows_is_a_warning(tmp_path: Path) -> None:
    deny = rule_table("/x/**", '"anyone"', actions='"read", "write"')
    texts, (warning,) = inspected(tmp_path, MOUNT + ALL + deny)
    assert texts == []
    assert ":9: rules[2]: warning: denies less than it names: rules[1] comes first and decides for some" in warning
    assert inspected(tmp_path, MOUNT + ALL.replace("allow", "deny") + deny) == ([], [])
    texts, (warning,) = inspected(tmp_path, MOUNT + KEY + rule_table("/x", '"key:ci", "group:staff"'))
    assert texts == []
    assert "is a group that no key has" in warning


def test_a_mistake_elsewhere_hides_no_unreachable_rule_and_causes_no_second_report(tmp_path: Path) -> None:
    unreachable = ALL + rule_table("/x", '"anyone"')
    for text, count in {
        f"[service]\nhead = 'x'\n{MOUNT}{unreachable}": 2,
        MOUNT + KEY.replace('["builders"]', '"builders"') + rule_table("/x", '"group:builders"'): 1,
        MOUNT.replace('"/"', '"a"') + rule_table("/a/x", '"anyone"'): 1,
        MOUNT + ALL + rule_table("/x", '"anyone"') + "max_bytes = 1\n": 1,
        MOUNT + ALL + "max_bytes = 1\n" + rule_table("/x", '"anyone"'): 1,
    }.items():
        assert len(inspected(tmp_path, text)[0]) == count


def test_a_publishable_key_reaches_only_the_image_endpoints() -> None:
    publishable = Principal("page", ("anyone", "group:g", "key:page"))
    rules = rules_of(("/x", "key:a"), ("/x", "key:page"), ("/-/resize", "key:page"), ("/x", "group:g"))
    analysis = RuleAnalysis(rules, [KEYS[0].principal(), publishable], [""])
    findings = [analysis.finding(rule) for rule in rules]
    assert [finding.key if finding else "alive" for finding in findings] == ["alive", "to", "alive", None]


def test_many_earlier_rules_are_named_by_the_first_three(tmp_path: Path) -> None:
    before = "".join(rule_table(path, '"anyone"') for path in ("/a/", "/a/*", "/a/*/**", "/a//**"))
    (text,), _ = inspected(tmp_path, MOUNT + before + rule_table("/a/**", '"anyone"'))
    assert "rules[1], rules[2] and rules[3] come first and decide: move this rule before" in text


@pytest.mark.slow
def test_ten_thousand_rules_are_analysed() -> None:
    """This takes about a second; a step for each pair of rules would take minutes."""
    keys = [ApiKey(id=f"k{number}", sha256=(str(number),), groups=("g",)).principal() for number in range(200)]
    paths = [*(f"/a{number % 100}/b{number}/**" for number in range(9_999)), "/a1/b1/x"]
    rules = [
        Rule(number=n, path=path, allows=n % 2 == 0, actions=("read", "list"), to=("group:g", "key:k1"))
        for n, path in enumerate(paths, 1)
    ]
    analysis = RuleAnalysis(rules, keys, [""])
    assert [rule.number for rule in rules if analysis.finding(rule)] == [10_000]
