"""Directory listings against a naive oracle that reads every key, and the limits of one answer."""

from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.rules import Rule, RuleSet
from chalicelib.core.features.directory_listing import DirectoryListings, Listing
from chalicelib.core.ports import ListedKeys, ObjectStore
from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems.base import NotFound, Problem, Unavailable
from chalicelib.core.web.times import Deadline
from tests.support.builders import DEADLINE, allow, deny, mount, numbered, path
from tests.support.fakes import CURSORS
from tests.support.oracles import deciding
from tests.support.store import MemoryStore

ALL = numbered(allow("/**", "read list"))


class Tree:
    """Buckets, mounts and rules, and the listing of a directory in them."""

    def __init__(
        self,
        buckets: Mapping[str, Iterable[str]],
        mounts: Sequence[Mount] = (mount(bucket="root"),),
        rules: Sequence[Rule] = ALL,
        store: ObjectStore | None = None,
    ) -> None:
        self.store = MemoryStore()
        for bucket, keys in buckets.items():
            for key in keys:
                self.store.put(key, b"", bucket=bucket)
        self.rules = RuleSet(list(rules))
        self.listings = DirectoryListings(
            rules=self.rules, mounts=Mounts(mounts), objects=store or self.store, cipher=CURSORS
        )

    def read(
        self, directory: str = "/", *, recursive: bool = False, limit: int = 1000, cursor: str | None = None
    ) -> Listing:
        grant = self.rules.authorize(ANYONE, "list", path(directory))
        return self.listings.read(grant, recursive=recursive, limit=limit, cursor=cursor, deadline=DEADLINE)

    def names(self, directory: str = "/", *, recursive: bool = False) -> list[str]:
        return [entry.path for entry in self.read(directory, recursive=recursive).entries]

    def walk(self, directory: str, *, recursive: bool, limit: int) -> list[str]:
        walked: list[str] = []
        cursor: str | None = None
        while True:
            part = self.read(directory, recursive=recursive, limit=limit, cursor=cursor)
            assert len(part.entries) <= limit
            walked += [entry.path for entry in part.entries]
            if part.cursor is None:
                return walked
            assert part.cursor != cursor
            cursor = part.cursor


def test_keys_that_no_url_reaches_are_not_listed() -> None:
    """Every client collapses some keys, and other keys are only markers of directories."""
    keys = ["ok", "/slash", "a/../b", "../b", "./c", "a/.", "a/..", "new\nline", "bell\a", "dir/", "\x7f", "c1\x85"]
    keys += ["é" * 513, "."]
    assert Tree({"root": keys}).names() == ["/a/", "/dir/", "/ok"]
    assert Tree({"root": keys}).names("/a/") == []
    assert Tree({"root": keys}).names("/dir/") == []
    assert Tree({"root": keys}).names(recursive=True) == ["/ok"]


def test_the_services_own_paths_are_not_listed() -> None:
    keys = ["-", "-/derived", "-/derived/X", "-/login", "-/resize", "a/-/derived/X", "b", "v2-/derived/X", "v2a"]
    rules_with_service_paths = numbered(allow("/-/resize", "read"), allow("/-/login", "read list"), *ALL)
    for rules in (ALL, rules_with_service_paths):
        tree = Tree({"root": keys}, [mount(bucket="root"), mount("/v", bucket="root", prefix="v2")], rules)
        assert tree.names() == ["/-", "/a/", "/b", "/v/", "/v2-/", "/v2a"]
        assert tree.names(recursive=True) == ["/-", "/a/-/derived/X", "/b", "/v/a", "/v2a"]
        assert tree.names("/v/", recursive=True) == ["/v/a"]
    for reserved in ("/v/-/derived/", "/v2-/derived/"):
        with pytest.raises(NotFound):
            tree.read(reserved)


def test_mounts_are_listed_where_nothing_is_mounted_above_the_mounts() -> None:
    tree = Tree({"old": ["x"]}, [mount("/a/archive", bucket="old")])
    assert tree.names() == ["/a/"]
    assert tree.names("/a/") == ["/a/archive/"]
    assert tree.names(recursive=True) == ["/a/archive/x"]


def test_a_listing_has_no_entry_that_the_reader_may_not_read_or_list() -> None:
    rules = numbered(deny("/secret/**", "read list"), deny("/a/x", "read"), allow("/b/**", "read"), *ALL)
    tree = Tree({"root": ["secret/x", "a/x", "a/y", "b/z"]}, rules=rules)
    assert tree.names() == ["/a/", "/b/"]
    assert tree.names("/a/") == ["/a/y"]
    assert tree.names(recursive=True) == ["/a/y", "/b/z"]
    only_list = Tree({"root": ["x", "d/x"]}, rules=numbered(allow("/**", "list")))
    assert only_list.names() == ["/d/"]


def test_the_paths_of_one_answer_fit_into_the_answer_of_a_lambda() -> None:
    tree = Tree({"root": ["é" * 500 + f"{number:04}" for number in range(1000)]})
    first = tree.read()
    assert sum(len(entry.raw_path) for entry in first.entries) < 1_010_000
    assert first.cursor
    assert len(tree.walk("/", recursive=False, limit=1000)) == 1000


def test_each_part_asks_the_store_once() -> None:
    for limit in (1, 10, 1_000):
        tree = Tree({"root": [f"{number:04}" for number in range(2_000)]})
        first = tree.read(limit=limit)
        assert (len(first.entries), len(tree.store.calls)) == (limit, 1)
        second = tree.read(limit=limit, cursor=first.cursor)
        assert (len(second.entries), len(tree.store.calls)) == (limit, 2)


def test_a_part_that_is_full_with_the_last_entry_is_the_last() -> None:
    assert Tree({"root": ["a", "b"]}).read(limit=2).cursor is None
    assert Tree({"root": ["a", "b"]}).read(limit=1).cursor is not None


def test_a_page_of_the_store_without_keys_ends_the_listing() -> None:
    class Stuck(MemoryStore):
        def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
            return ListedKeys([], is_last=False)

    assert Tree({}, store=Stuck()).read() == ((), None)


def test_a_store_that_does_not_answer_is_not_an_empty_directory() -> None:
    tree = Tree({})
    tree.store.error = Unavailable("It is down.")
    with pytest.raises(Unavailable):
        tree.read()


# The naive oracle reads every key of every bucket
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


def files(rules: Sequence[Rule], buckets: Mapping[str, Iterable[str]], mounts: Sequence[Mount]) -> set[str]:
    """Return the path of every object that a path reaches and anyone may read."""
    readable = set()
    for own_mount in mounts:
        for key in buckets[own_mount.bucket]:
            raw_path = f"{own_mount.path}/{key.removeprefix(own_mount.prefix)}"
            try:
                decoded = decode(raw_path.replace("é", "%C3%A9"))
            except Problem:
                continue
            above = [other for other in mounts if raw_path.startswith(f"{other.path}/")]
            is_longest = own_mount == max(above, key=lambda other: len(other.path))
            is_mount = any(raw_path == other.path for other in mounts)
            reached = key.startswith(own_mount.prefix) and is_longest and not is_mount and not raw_path.endswith("/")
            rule = deciding(rules, ANYONE, "read", decoded)
            if reached and not key.startswith("/") and rule and rule.allows:
                readable.add(raw_path)
    return readable


@given(
    st.fixed_dictionaries({name: st.sets(NAMES, max_size=8) for name in ("root", "one", "two")}),
    MOUNTS,
    RULES,
    st.integers(1, 4),
)
def test_a_walk_over_all_levels_lists_every_readable_file_once(
    buckets: Mapping[str, Iterable[str]], mounts: Sequence[Mount], more: list[Rule], limit: int
) -> None:
    rules = numbered(*more, *ALL)
    deciding_rule = deciding(rules, ANYONE, "list", "/")
    if deciding_rule and deciding_rule.allows:
        walked = Tree(buckets, mounts, rules).walk("/", recursive=True, limit=limit)
        assert walked == sorted(files(rules, buckets, mounts))


@given(
    st.fixed_dictionaries({name: st.sets(NAMES, max_size=8) for name in ("root", "one", "two")}),
    MOUNTS,
    st.sampled_from(["/", "/a/", "/a/b/", "/b/"]),
    st.integers(1, 4),
)
def test_one_level_has_the_names_of_all_levels_up_to_the_next_slash(
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
    # A directory is also listed where a mount is empty, or where no path reaches its keys.
    assert deeper <= {name for name in level if name.endswith("/")}
