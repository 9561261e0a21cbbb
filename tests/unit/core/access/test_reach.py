"""A caller is led to what the rules let the caller open, and learns no other name."""

from collections.abc import Iterable, Sequence
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.authorization import Caller
from chalicelib.core.access.link_tokens import Link
from chalicelib.core.access.principals import ANYONE, Principal, Scope
from chalicelib.core.access.reach import Reach
from chalicelib.core.access.rules import Rule, RuleSet
from tests.support.builders import allow, deny, numbered, path, principal
from tests.support.oracles import deciding, matches

ANN, OTHER = principal("ann", "staff"), principal("a")


def reach(*rules: Rule, mounts: Iterable[str] = ("",)) -> Reach:
    return Reach(rules=RuleSet(numbered(*rules)), named=numbered(*rules), mounts=mounts)


def parts(of: Reach, caller: Principal = ANN, directory: str = "/") -> list[str]:
    return [*of.parts(Caller(caller, "list"), path(directory))]


def test_the_parts_are_the_literal_beginnings_of_patterns_that_the_rules_let_the_caller_open() -> None:
    everybody = deny("/hr/secret/**", "read list write"), allow("/hr/**", "read list", "group:staff")
    for rules, shown in [
        ([allow("/users/{user}/**", "read list", "authenticated")], ["/users/ann/"]),
        ([*everybody, allow("/a.txt", "read"), allow("/b.txt", "write")], ["/a.txt", "/hr/"]),
        ([allow("/hr/secret/x/**", "read"), *everybody], ["/hr/"]),
        ([allow("/docs/**", "read"), allow("/in/**", "write"), allow("/on/*", "write")], ["/in/", "/on/"]),
        ([allow("/teams/*/public/**", "list")], []),
        ([allow("/teams/", "list"), allow("/teams/*/public/**", "list")], ["/teams/"]),
        ([allow("/a/", "list"), allow("/a/b/c/**", "list"), allow("/a/in/**", "write")], ["/a/", "/a/b/c/", "/a/in/"]),
        ([allow("/a/**", "list"), allow("/a/b/c/**", "list write"), allow("/**", "share delete")], ["/a/"]),
        ([allow("/a/**", "list", "key:a"), allow("/*/", "list"), deny("/b/c/**", "list")], []),
    ]:
        assert parts(reach(*rules)) == shown, rules
    assert parts(reach(allow("/teams/*/public/**", "list")), directory="/teams/red/") == ["/teams/red/public/"]
    assert parts(reach(allow("/users/{user}/**", "list")), ANYONE) == []
    assert parts(reach(allow("/{user}/x", "read")), principal("-")) == []  # a path of the service itself


def test_mounts_and_the_scope_of_a_service_token_are_parts_where_the_rules_allow_them() -> None:
    rules = allow("/*/**", "list"), deny("/c/**", "list")
    assert parts(reach(*reversed(rules), mounts=["/a", "/b/d", "/c"])) == ["/a/", "/b/"]
    outside = reach(allow("/a/b/**", "list"), allow("/x/**", "list"), mounts=["/a/b/c"])
    assert parts(outside) == ["/a/b/"]
    scoped = ANN._replace(scope=Scope("/a/b/", ("list",), 9))
    assert parts(reach(allow("/a/**", "list")), scoped) == ["/a/b/"]
    assert parts(reach(allow("/b/**", "list")), scoped) == []


def test_a_link_opens_the_pages_of_its_own_action_alone() -> None:
    everything = reach(allow("/a/**", "read list write share"), allow("/b/c/**", "list"))
    for action in ("read", "write"):
        link = Link("i", path("/a/"), action, 0, 9, b"")
        holder = Caller(ANN, "list", link)
        assert [everything.has_page(holder, path(raw)) for raw in ("/a/", "/a/b/", "/", "/b/")] == [
            True,
            True,
            False,
            False,
        ]
    for raw in ("/", "/b/", "/b/c/d/", "/a/x/"):
        assert everything.has_page(Caller(ANN, "list"), path(raw))
    assert not everything.has_page(Caller(ANN, "list"), path("/x/"))


SEGMENTS = ("a", "", "ann", "-")
PATHS = ["/" + "/".join(names) for length in range(1, 5) for names in product(SEGMENTS, repeat=length)]
PATTERNS = st.tuples(
    st.lists(st.sampled_from(["a", "", "*", "{user}", "-"]), max_size=3),
    st.sampled_from(["a", "", "*", "**", "{user}"]),
).map(lambda pattern: "/" + "/".join([*pattern[0], pattern[1]]))
RULES = st.lists(
    st.builds(
        Rule,
        number=st.just(0),
        path=PATTERNS,
        allows=st.sampled_from([True, True, False]),
        actions=st.sampled_from([("list",), ("read", "list"), ("write",), ("read",), ("share",)]),
        to=st.sampled_from([("anyone",), ("authenticated",), ("group:staff",), ("key:a", "key:ann"), ("key:a",)]),
    ),
    max_size=8,
).map(lambda rules: numbered(*rules))


@given(RULES, st.sampled_from([ANYONE, ANN, OTHER]), st.sampled_from(["/", "/a/", "/a/ann/", "/-/"]))
def test_the_parts_are_all_named_and_allowed_paths_that_no_listing_above_shows(
    rules: Sequence[Rule], caller: Principal, directory: str
) -> None:
    def may(action: str, raw: str) -> bool:
        rule = deciding(rules, caller, action, raw)
        return rule is not None and rule.allows

    def is_named(raw: str) -> bool:
        """Whether a rule that allows the caller something names each segment below the directory."""
        mine = [rule for rule in rules if rule.allows and {*rule.to} & {*caller.tags} and rule.actions != ("share",)]
        return any(names(rule.path, raw) for rule in mine)

    def names(pattern: str, raw: str) -> bool:
        """Whether a path below the directory, or everything below the path, is the same in a pattern."""
        segments, wanted, start = pattern.split("/"), raw.removesuffix("/").split("/"), directory.count("/")
        literal = [caller.id if segment == "{user}" else segment for segment in segments[start : len(wanted)]]
        ends = len(segments) == len(wanted) if not raw.endswith("/") else len(segments) > len(wanted)
        head = matches("/".join([*segments[:start], "**"]), directory, caller.id) or start == 1
        return ends and head and literal == wanted[start:] and not {"*", "**"} & {*segments[start : len(wanted)]}

    def is_part(raw: str) -> bool:
        above = raw.removesuffix("/").rpartition("/")[0] + "/"
        if raw.endswith("/"):
            return (may("list", raw) and not may("list", above)) or (
                not may("list", raw) and may("write", f"{raw}name")
            )
        return may("read", raw) and not may("list", above)

    below = (
        raw for raw in PATHS if raw.startswith(directory) and raw != directory and not raw.startswith(("//", "/-/"))
    )
    expected = sorted(raw for raw in below if is_named(raw) and is_part(raw))
    assert parts(reach(*rules), caller, directory) == expected
