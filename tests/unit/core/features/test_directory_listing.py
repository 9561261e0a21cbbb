"""Directory listings against a naive oracle that reads every key, and the limits of one answer."""

from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.rules import Rule, RuleSet
from chalicelib.core.features.directory_cursors import START, Position
from chalicelib.core.features.directory_listing import DirectoryListings, Entry, Listing
from chalicelib.core.features.directory_selection import Selection, folded
from chalicelib.core.ports import ListedKeys, ObjectStore, VersionStore
from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems.base import NotFound, Problem, Unavailable
from chalicelib.core.web.times import Deadline
from tests.support.builders import DEADLINE, allow, deny, mount, numbered, path
from tests.support.oracles import deciding
from tests.support.store import MemoryStore, MemoryVersions

ALL = numbered(allow("/**", "read list"))


class Tree:
    """Buckets, mounts and rules, and the listing of a directory in them."""

    def __init__(
        self,
        buckets: Mapping[str, Iterable[str]],
        mounts: Sequence[Mount] = (mount(bucket="root"),),
        rules: Sequence[Rule] = ALL,
        store: ObjectStore | None = None,
        versions: VersionStore | None = None,
    ) -> None:
        self.store = MemoryStore()
        for bucket, keys in buckets.items():
            for key in keys:
                self.store.put(key, b"", bucket=bucket)
        self.rules = RuleSet(list(rules))
        self.listings = DirectoryListings(
            rules=self.rules, mounts=Mounts(mounts), objects=store or self.store, versions=versions or MemoryVersions()
        )

    def read(
        self,
        directory: str = "/",
        *,
        limit: int = 1000,
        position: Position = START,
        max_keys: int = 20_000,
        **selected: object,
    ) -> Listing:
        """Read a part; `selected` has fields of `Selection`."""
        grant = self.rules.authorize(ANYONE, "list", path(directory))
        selection = Selection(grant)._replace(**selected)  # type: ignore[arg-type]
        return self.listings.read(selection, position, limit=limit, deadline=DEADLINE, max_keys=max_keys)

    def names(self, directory: str = "/", *, recursive: bool = False) -> list[str]:
        return [entry.path for entry in self.read(directory, recursive=recursive).entries]

    def walk(self, directory: str, *, limit: int, max_keys: int = 20_000, **selected: object) -> list[str]:
        return [entry.path for entry in self.walked(directory, limit=limit, max_keys=max_keys, **selected)]

    def walked(self, directory: str, *, limit: int, max_keys: int = 20_000, **selected: object) -> list[Entry]:
        walked: list[Entry] = []
        position: Position | None = START
        while position is not None:
            part = self.read(directory, limit=limit, position=position, max_keys=max_keys, **selected)
            assert len(part.entries) <= limit
            walked += part.entries
            assert part.following != position
            position = part.following
        return walked


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
    assert first.following
    assert len(tree.walk("/", recursive=False, limit=1000)) == 1000


def test_each_part_asks_the_store_once() -> None:
    for limit in (1, 10, 1_000):
        tree = Tree({"root": [f"{number:04}" for number in range(2_000)]})
        first = tree.read(limit=limit)
        assert (len(first.entries), len(tree.store.calls)) == (limit, 1)
        assert first.following
        second = tree.read(limit=limit, position=first.following)
        assert (len(second.entries), len(tree.store.calls)) == (limit, 2)


def test_a_part_that_is_full_with_the_last_entry_is_the_last() -> None:
    assert Tree({"root": ["a", "b"]}).read(limit=2).following is None
    assert Tree({"root": ["a", "b"]}).read(limit=1).following is not None


def test_a_page_of_the_store_without_keys_ends_the_listing() -> None:
    class Stuck(MemoryStore):
        def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
            return ListedKeys([], is_last=False)

    assert Tree({}, store=Stuck()).read() == ((), None, True)


def test_a_store_that_does_not_answer_is_not_an_empty_directory() -> None:
    tree = Tree({})
    tree.store.error = Unavailable("It is down.")
    with pytest.raises(Unavailable):
        tree.read()


# Versions

HISTORIES = {
    "a.txt": (False, False, True, False),
    "b.txt": (False,),
    "deleted.txt": (True, False),
    "dir/x": (False, False),
    "hidden.txt": (True, False),
    "mounted/x": (True,),
    "z.txt": (False, False),
}
WITH_VERSIONS = numbered(deny("/hidden.txt", "versions"), allow("/**", "read list versions"))


def versions_of(entries: Iterable[Entry]) -> list[str]:
    return [f"{entry.path}{f' {entry.version.id}' if entry.version else ''}" for entry in entries]


def test_versions_are_those_of_files_with_a_history_that_the_reader_may_see_in_parts_of_any_size() -> None:
    mounts = [mount(bucket="root"), mount("/mounted", bucket="other")]
    tree = Tree({}, mounts, WITH_VERSIONS, versions=MemoryVersions(HISTORIES))
    whole = [f"/a.txt v{number}" for number in range(4)] + ["/deleted.txt v0", "/deleted.txt v1", "/dir/"]
    whole += ["/mounted/", "/z.txt v0", "/z.txt v1"]
    assert versions_of(tree.read(versions=True).entries) == whole
    for limit in (2, 3, 4, 5, 10):
        for max_keys in (2, 3, 20_000):
            assert versions_of(tree.walked("/", limit=limit, max_keys=max_keys, versions=True)) == whole
    assert versions_of(tree.walked("/", limit=1, versions=True)) == [
        name for name in whole if name not in ("/a.txt v0", "/z.txt v0")
    ]
    deleted, _ = tree.read(versions=True, text="deleted").entries
    assert (deleted.size, deleted.etag) == (None, None)
    assert Tree({}, rules=ALL, versions=MemoryVersions(HISTORIES)).read(versions=True).entries == ()


# Sorted listings


def sorted_names(names: Iterable[str], sort: str = "name") -> list[str]:
    return [entry.path[1:] for entry in Tree({"root": names}).read(sort=sort).entries]


def test_names_are_sorted_as_people_expect() -> None:
    """Numbers are in the order of their values. Accents and case decide only between names that are otherwise equal."""
    expected = ["_x", "-y", "~z", "2.txt", "10.txt", "ähre", "apfel", "Apfel", "Äpfel", "dir/", "dir 2", "e\u0301", "f"]
    expected += ["file 007", "file 7", "file 10", "straße 9", "strasse 10", "Zoo", "ж"]
    assert sorted_names(reversed([name.replace("dir/", "dir/x") for name in expected])) == expected
    assert sorted_names((name.replace("dir/", "dir/x") for name in expected), "-name") == expected[::-1]


def test_sizes_and_times_are_sorted_with_the_names_in_order() -> None:
    tree = Tree({"root": ["10", "9", "d/x"]})
    tree.store.put("big", b"12345", bucket="root")
    for sort in ("size", "modified"):
        for sign in ("", "-"):
            names = [entry.path for entry in tree.read(sort=f"{sign}{sort}").entries]
            files = ["/9", "/10", "/big"] if sort == "modified" or not sign else ["/big", "/9", "/10"]
            assert names == ([*files, "/d/"] if sign else ["/d/", *files])


def test_a_text_is_found_without_its_case_and_accents() -> None:
    tree = Tree({"root": ["Äpfel", "A\u0308PFEL.txt", "apfel", "straße", "x/apfel", "ähre"]})
    for text, count in (("aPFe", 3), ("ÄPF", 3), ("a\u0308pf", 3), ("STRASSE", 1), ("h", 1), ("z", 0), ("", 6)):
        for sort in ("", "size"):
            assert len(tree.read(text=folded(text), sort=sort).entries) == count, text
    assert len(tree.read(text="apfel", recursive=True).entries) == 4


def test_a_sorted_listing_says_where_it_is_not_complete() -> None:
    """The walk ends at a number of keys, and the parts after the sorted keys have the next keys."""
    tree = Tree({"root": [f"{9 - number} {number:02}" for number in range(10)]})
    first = tree.read(sort="name", limit=2, max_keys=4)
    assert ([entry.path for entry in first.entries], first.is_complete) == (["/0 09", "/1 08"], False)
    assert tree.walk("/", limit=2, max_keys=4, sort="-name") == [
        *("/3 06", "/2 07", "/1 08", "/0 09", "/7 02", "/6 03", "/5 04", "/4 05"),
        *("/9 00", "/8 01"),
    ]
    assert tree.read(sort="name", limit=2, max_keys=10).is_complete


def test_a_sorted_walk_leaves_time_for_the_answer() -> None:
    times = iter(range(100))
    tree = Tree({"root": [f"{number:04}" for number in range(3_000)]})
    grant = tree.rules.authorize(ANYONE, "list", path("/"))
    deadline = Deadline(lambda: float(next(times)), 4.0)  # each look at the clock takes a second
    listing = tree.listings.read(Selection(grant, sort="-name"), START, limit=1, deadline=deadline)
    assert (listing.entries[0].path, listing.is_complete) == ("/1999", False)


@given(
    st.lists(st.tuples(st.text("ab1é", min_size=1, max_size=3), st.integers(0, 3)), min_size=1, max_size=12),
    st.sampled_from(["name", "-name", "size", "-size", "modified", "-modified"]),
    st.sampled_from(["", "a"]),
    st.integers(1, 4),
    st.integers(2, 9),
    st.data(),
)
def test_an_entry_that_stays_is_in_one_sorted_part(
    files: list[tuple[str, int]], sort: str, text: str, limit: int, max_keys: int, data: st.DataObject
) -> None:
    """Whatever others delete and add between the parts, before and after the entry."""
    tree = Tree({})
    for name, size in files:
        tree.store.put(name, bytes(size), bucket="root")
    kept = data.draw(st.sets(st.sampled_from([name for name, _ in files])))
    listed: list[str] = []
    position: Position | None = START
    for step in range(30):
        assert position is not None
        part = tree.read(position=position, limit=limit, max_keys=max_keys, sort=sort, text=text)
        listed += [entry.path[1:] for entry in part.entries]
        if (position := part.following) is None:
            break
        for name in {name for _, name in tree.store.objects} - kept if step < 3 else ():
            del tree.store.objects["root", name]
        if step < 3:
            name = data.draw(st.text("ab1é", min_size=1, max_size=3))
            if name not in kept:
                tree.store.put(name, b"", bucket="root")
    assert position is None
    assert sorted(name for name in listed if name in kept) == sorted(name for name in kept if text in folded(name))


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
