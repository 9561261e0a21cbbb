"""Rules that can never match are found, and no rule is reported that some request reaches."""

import itertools
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ANYONE, ApiKey, Principal
from chalicelib.core.access.rules import Rule
from chalicelib.settings.rule_analysis import RuleAnalysis
from tests.support.oracles import deciding
from tests.support.settings_files import MOUNT, inspected

KEYS = [ApiKey("a", "1", ("g",)), ApiKey("b", "2", ("g", "h"))]
PRINCIPALS = [key.principal() for key in KEYS]
# Whoever may ask; the last is a key that the settings may have tomorrow. No pattern has the name "new".
ASKING = [ANYONE, *PRINCIPALS, Principal("new", ("anyone", "authenticated"))]
NAMES = ("", "a", "b", "new")
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
    st.sampled_from(["anyone", "authenticated", "group:g", "group:h", "key:a", "key:b", "group:none"]),
    min_size=1,
    max_size=2,
    unique=True,
)
RULES = st.lists(st.tuples(PATTERNS, st.booleans(), ACTIONS, TAGS), min_size=1, max_size=7).map(
    lambda tables: [
        Rule(number, path, allows, tuple(actions), tuple(to))
        for number, (path, allows, actions, to) in enumerate(tables, 1)
    ]
)


def reached(rules: list[Rule]) -> set[Rule | None]:
    """The rules that decide about some request, as the oracle finds by trying all of them."""
    return {
        deciding(rules, principal, action, path)
        for path in PATHS
        for action in ("read", "list")
        if action == "read" or path.endswith("/")
        for principal in ASKING
    }


def rule(number: int, path: str, to: str, allows: bool = True) -> Rule:
    return Rule(number, path, allows, ("read",), (to,))


@given(RULES)
@example([*(rule(i, p, "anyone") for i, p in enumerate(("/", "/*", "/*/**"), 1)), rule(4, "/**", "anyone")])
@example(
    [*(rule(i, p, "anyone") for i, p in enumerate(("/a/", "/a/*", "/a/*/**", "/a//**"), 1)), rule(5, "/a/**", "anyone")]
)
@example([*(rule(i, p, "anyone") for i, p in enumerate(("/a/", "/a/*", "/a/*/**"), 1)), rule(4, "/a/**", "anyone")])
@example([rule(1, "/*/a", "authenticated"), rule(2, "/{user}/a", "anyone")])
@example([rule(1, "/{user}/a", "authenticated"), rule(2, "/a/a", "key:a"), rule(3, "/a/a", "group:g")])
@example([rule(1, "/a", "key:a"), rule(2, "/a", "key:b"), rule(3, "/a", "group:g"), rule(4, "/a", "group:h")])
@example([rule(1, "/**", "anyone"), rule(2, "/*/*", "anyone"), rule(3, "/-/resize", "anyone")])
def test_a_rule_never_matches_exactly_where_no_request_reaches_it(rules: list[Rule]) -> None:
    """All requests of a small world are tried."""
    analysis = RuleAnalysis(rules, PRINCIPALS, [""])
    alive = reached(rules)
    for one in rules:
        finding = analysis.finding(one)
        if one.to != ("group:none",):  # which the reader reports
            assert (finding is not None and finding.never) == (one not in alive), one
        assert finding is None or finding.never or not one.allows


KEY = f'[[keys]]\nid = "ci"\nsha256 = "{"1" * 64}"\ngroups = ["builders"]\n'
BEFORE = "can never match: rules[1] comes first and decides: move this rule before, or delete this rule"


def written(path: str, to: str, *, verb: str = "deny", actions: str = '"read"') -> str:
    return f'[[rules]]\npath = "{path}"\n{verb} = [{actions}]\nto = [{to}]\n'


ALL = written("/**", '"anyone"', verb="allow")


@pytest.mark.parametrize(
    ("before", "dead", "key", "words"),
    [
        ("", ("/x", '"group:staff"'), "to", '"group:staff" is a group that no key has'),
        ("", ("/x", '"group:builder"'), "to", 'no key has; did you mean "builders"?'),
        ("", ("/x", '"user:ann"'), "to", '"user:ann" is nobody: no setting makes users; name a key'),
        ("", ("/x", '"group:a:b", "user:ann"'), "to", '"group:a:b" is a group that no key has'),
        ("", ("/caf%C3%A9/**", '"anyone"'), "path", "can never match: the path holds an escape"),
        ("", ("/100%25", '"anyone"'), "path", "can never match: the path holds an escape"),
        (ALL, ("/x", '"anyone"'), None, BEFORE),
        (ALL, ("/**", '"key:ci"'), None, BEFORE),
        (ALL, ("/x/*/{user}/**", '"group:builders", "user:ann"'), None, BEFORE),
        (written("/x/**", '"key:ci"', verb="allow"), ("/x/y", '"group:builders"'), None, BEFORE),
        (written("/x/**", '"group:builders"', verb="allow"), ("/x/y", '"key:ci"'), None, BEFORE),
        (written("/{user}/**", '"authenticated"', verb="allow"), ("/ci/y", '"key:ci"'), None, BEFORE),
        (written("/x", '"anyone"'), ("/x", '"key:ci"'), None, BEFORE),
        (written("/-/resize", '"anyone"', verb="allow"), ("/-/resize", '"key:ci"'), None, BEFORE),
    ],
)
def test_a_deny_rule_that_never_matches_is_a_mistake_and_an_allow_rule_a_warning(
    tmp_path: Path, before: str, dead: tuple[str, str], key: str | None, words: str
) -> None:
    start = MOUNT + KEY + before
    number = 2 if before else 1
    place = f"rules[{number}]{f'.{key}' if key else ''}: "
    told, _ = inspected(tmp_path, start + written(*dead))
    assert any(place in mistake and words in mistake for mistake in told)
    told, warnings = inspected(tmp_path, start + written(*dead, verb="allow"))
    assert told == []
    assert any(f"{place}warning: " in warning and words in warning for warning in warnings)


@pytest.mark.parametrize(
    ("path", "outside"),
    [
        ("/x/**", True),
        ("/archive2/**", True),
        ("/a/**", True),
        ("/*", False),  # the mount itself
        ("/*/", False),
        ("/*/x", False),
        ("/x/*", True),
        ("/deep/in/**", False),
        ("/deep/**", False),
        ("/deep/", False),  # where the mount is listed
        ("/", False),
        ("/deep/x", True),
        ("/{user}/in", False),
        ("/-/resize", False),
    ],
)
def test_a_rule_outside_every_mount_never_matches(tmp_path: Path, path: str, outside: bool) -> None:
    mounts = "".join(MOUNT.replace('"/"', f'"{mount}"') for mount in ("/archive", "/deep/in/it"))
    told, _ = inspected(tmp_path, mounts + KEY + written(path, '"authenticated"'))
    assert [mistake.partition(": ")[2] for mistake in told] == [
        "rules[1].path: can never match: the path is outside every mount: correct the path, or add a mount"
    ] * outside


def test_only_directories_are_listed(tmp_path: Path) -> None:
    for path, dead in (("/x", True), ("/x/*", True), ("/x/", False), ("/x/**", False)):
        told, _ = inspected(tmp_path, MOUNT + written(path, '"anyone"', actions='"list"'))
        assert ["only directories are listed" in mistake for mistake in told] == [True] * dead
    assert inspected(tmp_path, MOUNT + written("/x", '"anyone"', actions='"read", "list"')) == ([], [])
    told, _ = inspected(tmp_path, MOUNT + written("/-/resize", '"anyone"', actions='"write"'))
    assert len(told) == 1


def test_a_deny_rule_that_an_earlier_rule_partly_allows_is_a_warning(tmp_path: Path) -> None:
    rest = written("/x/**", '"anyone"', actions='"read", "write"')
    told, warnings = inspected(tmp_path, MOUNT + ALL + rest)
    assert told == []
    assert len(warnings) == 1
    assert ":9: rules[2]: warning: denies less than it names: rules[1] comes first and decides" in warnings[0]
    assert inspected(tmp_path, MOUNT + ALL.replace("allow", "deny") + rest) == ([], [])
    told, warnings = inspected(tmp_path, MOUNT + KEY + written("/x", '"key:ci", "group:staff"'))
    assert told == []
    assert ["is a group that no key has" in warning for warning in warnings] == [True]


def test_a_mistake_elsewhere_hides_no_rule_that_never_matches_and_makes_none(tmp_path: Path) -> None:
    """All mistakes are reported at once, and each once."""
    start = "[service]\nhead = 'x'\n" + MOUNT
    assert len(inspected(tmp_path, start + ALL + written("/x", '"anyone"'))[0]) == 2
    flawed_key = KEY.replace('["builders"]', '"builders"')
    assert len(inspected(tmp_path, MOUNT + flawed_key + written("/x", '"group:builders"'))[0]) == 1
    flawed_mount = MOUNT.replace('"/"', '"a"')
    assert len(inspected(tmp_path, flawed_mount + written("/a/x", '"anyone"'))[0]) == 1
    flawed_rule = written("/x", '"anyone"') + "max_bytes = 1\n"
    assert len(inspected(tmp_path, MOUNT + ALL + flawed_rule)[0]) == 1


def test_a_publishable_key_reaches_images_alone() -> None:
    publishable = Principal("page", ("anyone", "group:g", "key:page"))
    rules = [
        rule(1, "/x", "key:a"),
        rule(2, "/x", "key:page"),
        rule(3, "/-/resize", "key:page"),
        rule(4, "/x", "group:g"),
    ]
    analysis = RuleAnalysis(rules, [KEYS[0].principal(), publishable], [""])
    found = [analysis.finding(one) for one in rules]
    assert [finding.key if finding else "alive" for finding in found] == ["alive", "to", "alive", None]


@pytest.mark.slow
def test_ten_thousand_rules_are_analysed() -> None:
    """This takes about a second; a step for each pair of rules would take minutes."""
    keys = [ApiKey(f"k{number}", str(number), ("g",)).principal() for number in range(200)]
    paths = [f"/a{number % 100}/b{number}/**" for number in range(9_999)]
    rules = [Rule(n, path, n % 2 == 0, ("read", "list"), ("group:g", "key:k1")) for n, path in enumerate(paths, 1)]
    rules.append(Rule(10_000, "/a1/b1/x", False, ("read",), ("group:g",)))
    analysis = RuleAnalysis(rules, keys, [""])
    assert [one.number for one in rules if analysis.finding(one)] == [10_000]
