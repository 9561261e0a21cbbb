"""Listings: what a naive reading of buckets, mounts and rules shows, in order, each entry once."""

from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ANYONE, Principal
from chalicelib.core.access.rules import Rule, RuleSet
from chalicelib.core.features.directory_listing import DirectoryListings, Listing
from chalicelib.core.ports import ListedKeys
from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems import BadParameter, NotFound, Problem, Unavailable
from chalicelib.core.web.times import Deadline
from tests.support.builders import DEADLINE, allow, deny, mount, numbered, path
from tests.support.fakes import CURSORS, Failing, Objects
from tests.support.oracles import deciding

from .test_listing_at_scale import SortedObjects

ALL = numbered(allow("/**", "read list"))


class Tree:
    """Buckets, mounts and rules, and the listing of a directory in them."""

    def __init__(
        self,
        buckets: Mapping[str, Iterable[str]],
        mounts: Sequence[Mount] = (mount(bucket="root"),),
        rules: Sequence[Rule] = ALL,
    ) -> None:
        self.objects = Objects(buckets=buckets)
        self.rules = RuleSet(list(rules))
        self.mounts = Mounts(mounts)
        self.directories = DirectoryListings(rules=self.rules, mounts=self.mounts, objects=self.objects, cipher=CURSORS)

    def read(
        self, directory: str = "/", *, recursive: bool = False, limit: int = 1000, cursor: str | None = None
    ) -> Listing:
        grant = self.rules.authorize(ANYONE, "list", path(directory))
        return self.directories.read(grant, recursive=recursive, limit=limit, cursor=cursor, deadline=DEADLINE)

    def names(self, directory: str = "/", *, recursive: bool = False) -> list[str]:
        return [entry.path for entry in self.read(directory, recursive=recursive).entries]

    def walk(self, directory: str, *, recursive: bool, limit: int) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            part = self.read(directory, recursive=recursive, limit=limit, cursor=cursor)
            assert len(part.entries) <= limit
            found += [entry.path for entry in part.entries]
            if part.cursor is None:
                return found
            assert part.cursor != cursor
            cursor = part.cursor


def test_one_level_has_files_and_directories_in_order() -> None:
    tree = Tree({"root": ["b", "a/x", "a/y/z", "a", "c/", "a.txt", "ü", "Z"]})
    assert tree.names() == ["/Z", "/a", "/a.txt", "/a/", "/b", "/c/", "/ü"]
    assert tree.names("/a/") == ["/a/x", "/a/y/"]
    assert tree.names("/nothing/") == []


def test_all_levels_have_files_alone() -> None:
    tree = Tree({"root": ["b", "a/x", "a/y/z", "c/", "a//q"]})
    assert tree.names(recursive=True) == ["/a//q", "/a/x", "/a/y/z", "/b"]
    assert tree.names("/a/", recursive=True) == ["/a//q", "/a/x", "/a/y/z"]


def test_a_file_says_what_the_store_says_of_it() -> None:
    (file, directory) = Tree({"root": ["abc", "d/x"]}).read().entries
    assert (file.size, file.modified, file.etag, file.is_directory) == (3, 1_700_000_000.0, '"3"', False)
    assert (directory.size, directory.modified, directory.etag, directory.is_directory) == (None, None, None, True)
    assert (file.grant.action, directory.grant.action) == ("read", "list")


def test_keys_that_no_url_reaches_are_left_out() -> None:
    keys = ["ok", "/slash", "a/../b", "./c", "a/.", "new\nline", "dir/", "\x7f", "c1\x85", "é" * 513, "."]
    assert Tree({"root": keys}).names() == ["/a/", "/dir/", "/ok"]
    assert Tree({"root": keys}).names("/a/") == []
    assert Tree({"root": keys}).names("/dir/") == []
    assert Tree({"root": keys}).names(recursive=True) == ["/ok"]


def test_what_is_the_services_own_is_left_out() -> None:
    keys = ["-", "-/derived", "-/derived/X", "-/login", "-/resize", "a/-/derived/X", "b", "v2-/derived/X", "v2a"]
    named = numbered(allow("/-/resize", "read"), allow("/-/login", "read list"), *ALL)
    for rules in (ALL, named):
        tree = Tree({"root": keys}, [mount(bucket="root"), mount("/v", bucket="root", prefix="v2")], rules)
        assert tree.names() == ["/-", "/a/", "/b", "/v/", "/v2-/", "/v2a"]
        assert tree.names(recursive=True) == ["/-", "/a/-/derived/X", "/b", "/v/a", "/v2a"]
        assert tree.names("/v/", recursive=True) == ["/v/a"]
    for reserved in ("/v/-/derived/", "/v2-/derived/"):
        with pytest.raises(NotFound):
            tree.read(reserved)


INSIDE = (
    mount(bucket="root", prefix="t/"),
    mount("/archive", bucket="old", prefix="v1/"),
    mount("/a/b/deep", bucket="deep"),
    mount("/archive/older", bucket="older"),
)
BUCKETS = {
    "root": ["t/file", "t/archive/shadowed", "t/archive", "t/a/own", "t/a/b/deep/shadowed", "t/zz", "outside"],
    "old": ["v1/x", "v1/older/shadowed", "outside"],
    "deep": ["d"],
    "older": ["o/p"],
}


def test_mounts_inside_are_directories_and_hide_what_is_behind_them() -> None:
    tree = Tree(BUCKETS, INSIDE)
    assert tree.names() == ["/a/", "/archive/", "/file", "/zz"]
    assert tree.names("/a/") == ["/a/b/", "/a/own"]
    assert tree.names("/a/b/") == ["/a/b/deep/"]
    assert tree.names("/a/b/deep/") == ["/a/b/deep/d"]
    assert tree.names("/archive/") == ["/archive/older/", "/archive/x"]
    assert tree.names(recursive=True) == [
        *("/a/b/deep/d", "/a/own", "/archive/older/o/p", "/archive/x", "/file", "/zz"),
    ]


def test_mounts_show_where_nothing_is_mounted_above_them() -> None:
    tree = Tree({"old": ["x"]}, [mount("/a/archive", bucket="old")])
    assert tree.names() == ["/a/"]
    assert tree.names("/a/") == ["/a/archive/"]
    assert tree.names(recursive=True) == ["/a/archive/x"]


def test_what_the_reader_may_not_read_or_list_is_not_there() -> None:
    rules = numbered(deny("/secret/**", "read list"), deny("/a/x", "read"), allow("/b/**", "read"), *ALL)
    tree = Tree({"root": ["secret/x", "a/x", "a/y", "b/z"]}, rules=rules)
    assert tree.names() == ["/a/", "/b/"]
    assert tree.names("/a/") == ["/a/y"]
    assert tree.names(recursive=True) == ["/a/y", "/b/z"]
    only_list = Tree({"root": ["x", "d/x"]}, rules=numbered(allow("/**", "list")))
    assert only_list.names() == ["/d/"]


def test_a_cursor_does_not_tell_what_its_reader_may_not_know() -> None:
    rules = numbered(deny("/hidden-name", "read"), *ALL)
    tree = Tree({"root": ["a", "hidden-name", "z"]}, rules=rules)
    cursor = tree.read(limit=1).cursor
    assert cursor
    assert [entry.path for entry in tree.read(limit=1, cursor=cursor).entries] == ["/z"]


@pytest.mark.parametrize("end", ["x", "", "A"])
def test_a_cursor_is_for_its_own_listing(end: str) -> None:
    tree = Tree({"root": ["a/1", "a/2", "b/1", "b/2"]})
    cursor = tree.read("/a/", limit=1).cursor
    assert cursor
    for directory, recursive, changed in (
        ("/b/", False, cursor),
        ("/", False, cursor),
        ("/a/", True, cursor),
        ("/a/", False, cursor[:-1] + end),
    ):
        if (directory, recursive, changed) != ("/a/", False, cursor):
            with pytest.raises(BadParameter):
                tree.read(directory, recursive=recursive, cursor=changed)


def test_where_most_is_hidden_a_request_ends_all_the_same() -> None:
    rules = numbered(allow("/zz", "read"), allow("/", "list"))
    tree, objects = Tree({}, rules=rules), SortedObjects({*(f"{number:06}" for number in range(45_000)), "zz"})
    tree.directories = DirectoryListings(rules=tree.rules, mounts=tree.mounts, objects=objects, cipher=CURSORS)
    first = tree.read()
    assert (first.entries, objects.calls) == ((), 20)
    second = tree.read(cursor=first.cursor)
    third = tree.read(cursor=second.cursor)
    assert ([entry.path for entry in third.entries], third.cursor) == (["/zz"], None)


def test_an_answer_stays_within_what_a_lambda_can_send() -> None:
    tree = Tree({"root": ["é" * 500 + f"{number:04}" for number in range(1000)]})
    first = tree.read()
    assert sum(len(entry.raw_path) for entry in first.entries) < 1_010_000
    assert first.cursor
    assert len(tree.walk("/", recursive=False, limit=1000)) == 1000


@pytest.mark.parametrize("limit", [1, 10, 1_000])
def test_each_part_asks_the_store_once(limit: int) -> None:
    tree = Tree({"root": [f"{number:04}" for number in range(2_000)]})
    first = tree.read(limit=limit)
    assert (len(first.entries), tree.objects.calls) == (limit, 1)
    second = tree.read(limit=limit, cursor=first.cursor)
    assert (len(second.entries), tree.objects.calls) == (limit, 2)


def test_a_part_that_is_full_with_the_last_entry_is_the_last() -> None:
    assert Tree({"root": ["a", "b"]}).read(limit=2).cursor is None
    assert Tree({"root": ["a", "b"]}).read(limit=1).cursor is not None


def test_a_store_that_gets_nowhere_ends_the_list() -> None:
    class Stuck(Objects):
        def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
            return ListedKeys([], is_last=False)

    tree = Tree({})
    stuck = DirectoryListings(rules=tree.rules, mounts=tree.mounts, objects=Stuck(), cipher=CURSORS)
    grant = tree.rules.authorize(ANYONE, "list", path("/"))
    assert stuck.read(grant, recursive=False, limit=9, cursor=None, deadline=DEADLINE) == ((), None)


def test_a_store_that_does_not_answer_is_not_an_empty_directory() -> None:
    tree = Tree({})
    directories = DirectoryListings(
        rules=tree.rules, mounts=tree.mounts, objects=Failing(Unavailable("It is down.")), cipher=CURSORS
    )
    with pytest.raises(Unavailable):
        directories.read(
            tree.rules.authorize(ANYONE, "list", path("/")), recursive=False, limit=9, cursor=None, deadline=DEADLINE
        )


# The naive oracle: every key of every bucket, one by one


NAMES = st.text("ab/é.", min_size=1, max_size=5)
MOUNTS = st.sampled_from(
    [
        [mount(bucket="root")],
        [mount(bucket="root", prefix="a/")],
        [mount(bucket="root"), mount("/a", bucket="one")],
        [mount(bucket="root"), mount("/a", bucket="one"), mount("/a/b", bucket="two", prefix="b")],
        [mount(bucket="root"), mount("/b/a", bucket="one"), mount("/b", bucket="two")],
        [mount("/a/b", bucket="one")],
    ]
)
RULES = st.lists(
    st.builds(
        lambda rule, where, actions: rule(where, actions),
        st.sampled_from([allow, deny]),
        st.sampled_from(["/a/**", "/a/b", "/b/**", "/*", "/a/b/**", "/a/", "/**"]),
        st.sampled_from(["read", "list", "read list"]),
    ),
    max_size=3,
)


def may(rules: Sequence[Rule], who: Principal, action: str, where: str) -> bool:
    rule = deciding(rules, who, action, where)
    return rule is not None and rule.allows


def files(tree: Tree, rules: Sequence[Rule], buckets: Mapping[str, Iterable[str]], mounts: Sequence[Mount]) -> set[str]:
    """The path of every object that some path reaches and anyone may read."""
    found = set()
    for each in mounts:
        for key in buckets[each.bucket]:
            where = f"{each.path}/{key.removeprefix(each.prefix)}"
            try:
                decoded = decode(where.replace("é", "%C3%A9"))
            except Problem:
                continue
            owner = max((one for one in mounts if where.startswith(f"{one.path}/")), key=lambda one: len(one.path))
            whole = any(where == one.path for one in mounts)
            reached = key.startswith(each.prefix) and owner == each and not whole and not where.endswith("/")
            if reached and not key.startswith("/") and may(rules, ANYONE, "read", decoded):
                found.add(where)
    return found


@given(
    st.fixed_dictionaries({name: st.sets(NAMES, max_size=8) for name in ("root", "one", "two")}),
    MOUNTS,
    RULES,
    st.integers(1, 4),
)
def test_a_walk_over_all_levels_finds_every_readable_file_once(
    buckets: Mapping[str, Iterable[str]], mounts: Sequence[Mount], more: list[Rule], limit: int
) -> None:
    rules = numbered(*more, *ALL)
    if not may(rules, ANYONE, "list", "/"):
        return
    tree = Tree(buckets, mounts, rules)
    found = tree.walk("/", recursive=True, limit=limit)
    assert found == sorted(files(tree, rules, buckets, mounts))


@given(
    st.fixed_dictionaries({name: st.sets(NAMES, max_size=8) for name in ("root", "one", "two")}),
    MOUNTS,
    st.sampled_from(["/", "/a/", "/a/b/", "/b/"]),
    st.integers(1, 4),
)
def test_one_level_is_what_all_levels_have_up_to_the_next_slash(
    buckets: Mapping[str, Iterable[str]], mounts: Sequence[Mount], directory: str, limit: int
) -> None:
    tree = Tree(buckets, mounts)
    below = tree.walk(directory, recursive=True, limit=1000)
    level = tree.walk(directory, recursive=False, limit=limit)
    assert level == sorted(set(level))
    assert {name for name in level if not name.endswith("/")} == {
        name for name in below if "/" not in name[len(directory) :]
    }
    deeper = {
        directory + name[len(directory) :].partition("/")[0] + "/" for name in below if "/" in name[len(directory) :]
    }
    # A directory also shows where a mount is empty, or where no path reaches what is in it.
    assert deeper <= {name for name in level if name.endswith("/")}


@given(st.sets(NAMES, max_size=12), st.lists(st.tuples(st.booleans(), NAMES), max_size=6), st.integers(1, 3))
def test_what_is_there_throughout_is_found_once_whatever_comes_and_goes(
    keys: set[str], changes: list[tuple[bool, str]], limit: int
) -> None:
    tree = Tree({"root": keys})
    throughout = set(tree.names(recursive=True)) - {f"/{name}" for _, name in changes}
    found: list[str] = []
    cursor: str | None = None
    todo = list(changes)
    while True:
        part = tree.read("/", recursive=True, limit=limit, cursor=cursor)
        found += [entry.path for entry in part.entries]
        if part.cursor is None:
            break
        cursor = part.cursor
        if todo:
            added, name = todo.pop()
            (tree.objects.buckets["root"].add if added else tree.objects.buckets["root"].discard)(name)
    assert len(found) == len(set(found))
    assert throughout <= set(found)
