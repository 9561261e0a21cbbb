"""A directory of twenty thousand keys, read part by part while others write keys."""

import json
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import pytest

from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.rules import RuleSet
from chalicelib.core.features.directory_cursors import START
from chalicelib.core.features.directory_listing import DirectoryListings, Entry
from chalicelib.core.features.directory_selection import Selection
from chalicelib.core.ports import ListedKey, ListedKeys
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.web.times import Deadline
from tests.support.builders import DEADLINE, NOW, allow, mount, numbered, path
from tests.support.fakes import ask, signpost
from tests.support.store import MemoryStore, MemoryVersions

pytestmark = pytest.mark.slow

KEYS = 20_000
PART = 200
AFTER_ALL = "\U0010ffff"


class SortedStore(MemoryStore):
    """A bucket that keeps its keys in order, as S3 does: the time of a list depends only on its result."""

    def __init__(self, keys: set[str]) -> None:
        super().__init__()
        self.keys = sorted(keys)

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
        self._enter("LIST", target)
        listed: list[ListedKey] = []
        at = max(bisect_right(self.keys, after), bisect_left(self.keys, target.key))
        while at < len(self.keys) and self.keys[at].startswith(target.key):
            if len(listed) == limit:
                return ListedKeys(listed, False)
            name, slash, _ = self.keys[at][len(target.key) :].partition("/")
            if slash and not recursive:
                prefix = f"{target.key}{name}/"
                listed += [ListedKey(prefix, True, 0, 0, "")] if prefix > after else []
                at = bisect_left(self.keys, prefix + AFTER_ALL)
            else:
                listed.append(ListedKey(self.keys[at], False, 1, NOW, '"1"'))
                at += 1
        return ListedKeys(listed, True)

    def write(self, chance: random.Random, kept: set[str]) -> None:
        """Add some keys anywhere, and delete some of the keys that need not stay."""
        for _ in range(50):
            key = f"big/{chance.randrange(KEYS):06}{chance.choice(('', '/new', '-new'))}"
            at = bisect_left(self.keys, key)
            if self.keys[at : at + 1] != [key]:
                self.keys.insert(at, key)
            at = chance.randrange(len(self.keys))
            if self.keys[at] not in kept:
                del self.keys[at]


def listings_of(store: SortedStore, rules: RuleSet) -> DirectoryListings:
    return DirectoryListings(rules=rules, mounts=Mounts([mount()]), objects=store, versions=MemoryVersions())


def walk(store: SortedStore, recursive: bool, chance: random.Random, kept: set[str]) -> Iterator[Entry]:
    """Yield the entries of all parts, while others write between the parts."""
    rules = RuleSet(numbered(allow("/**", "read list")))
    selection = Selection(rules.authorize(ANYONE, "list", path("/big/")), recursive)
    position = START
    while True:
        part = listings_of(store, rules).read(selection, position, limit=PART, deadline=DEADLINE)
        yield from part.entries
        if part.following is None:
            return
        position = part.following
        store.write(chance, kept)


def test_no_entry_is_lost_or_repeated() -> None:
    """A key that stays is in exactly one part, and no key is in two parts, whatever others add and delete."""
    for recursive in (True, False):
        chance = random.Random(20)
        keys = {f"big/{number:06}{'/file' * (number % 10 == 0)}" for number in range(KEYS)}
        kept = set(chance.sample(sorted(keys), KEYS * 9 // 10))
        store = SortedStore(keys | {"bi", "big", "big0", "other/file"})
        walked = [entry.path for entry in walk(store, recursive, chance, kept)]
        wanted = kept if recursive else {key.removesuffix("file") for key in kept}
        assert walked == sorted(set(walked))
        assert {f"/{key}" for key in wanted} <= set(walked)
        assert len(walked) > len(wanted)  # some of the other keys existed when their part was read
        assert all(name.startswith("/big/") for name in walked)
        assert len(store.calls) == len(walked) // PART + 1  # one call for each part


def test_a_listing_without_a_limit_has_a_thousand_entries() -> None:
    service = signpost(objects=MemoryStore(f"public/{number}" for number in range(1_001)))
    listing = json.loads(ask("GET", "/public/", service=service).body)
    assert (len(listing["entries"]), bool(listing["next"])) == (1_000, True)


def test_a_request_ends_although_its_reader_may_see_almost_no_key() -> None:
    rules = RuleSet(numbered(allow("/zz", "read"), allow("/", "list")))
    store = SortedStore({*(f"{number:06}" for number in range(45_000)), "zz"})
    listings, selection = listings_of(store, rules), Selection(rules.authorize(ANYONE, "list", path("/")))
    parts = [listings.read(selection, START, limit=1_000, deadline=DEADLINE)]
    assert (parts[0].entries, len(store.calls)) == ((), 20)
    while position := parts[-1].following:
        parts.append(listings.read(selection, position, limit=1_000, deadline=DEADLINE))
    assert (len(parts), [entry.path for entry in parts[-1].entries]) == (3, ["/zz"])


def test_a_sorted_part_of_20_000_keys_makes_20_calls() -> None:
    """Also the part after it, of the same keys, and also where more keys follow."""
    rules = RuleSet(numbered(allow("/**", "read list")))
    store = SortedStore({f"{number:06}" for number in range(KEYS + 500)})
    listings, selection = listings_of(store, rules), Selection(rules.authorize(ANYONE, "list", path("/")), sort="-name")
    first = listings.read(selection, START, limit=PART, deadline=DEADLINE)
    assert (first.entries[0].path, first.is_complete, len(store.calls)) == ("/019999", False, 20)
    assert first.following
    second = listings.read(selection, first.following, limit=PART, deadline=DEADLINE)
    assert (second.entries[0].path, len(store.calls)) == ("/019799", 40)
