"""A directory of a hundred thousand keys, read part by part while others write to it."""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import pytest

from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.rules import RuleSet
from chalicelib.core.features.directory_listing import DirectoryListings, Entry
from chalicelib.core.ports import ListedKey, ListedKeys
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.web.times import Deadline
from tests.support.builders import DEADLINE, NOW, allow, mount, numbered, path
from tests.support.fakes import CURSORS, Objects

pytestmark = pytest.mark.slow

KEYS = 100_000
PART = 1_000
AFTER_ALL = "\U0010ffff"


class SortedObjects(Objects):
    """A bucket that keeps its keys in order, as S3 does: a list costs what it returns, not what there is."""

    def __init__(self, keys: set[str]) -> None:
        super().__init__()
        self.keys = sorted(keys)

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
        self.calls += 1
        found: list[ListedKey] = []
        at = max(bisect_right(self.keys, after), bisect_left(self.keys, target.key))
        while at < len(self.keys) and self.keys[at].startswith(target.key):
            if len(found) == limit:
                return ListedKeys(found, False)
            name, slash, _ = self.keys[at][len(target.key) :].partition("/")
            if slash and not recursive:
                prefix = f"{target.key}{name}/"
                found += [ListedKey(prefix, True, 0, 0, "")] if prefix > after else []
                at = bisect_left(self.keys, prefix + AFTER_ALL)
            else:
                found.append(ListedKey(self.keys[at], False, 1, NOW, '"1"'))
                at += 1
        return ListedKeys(found, True)

    def write(self, chance: random.Random, kept: set[str]) -> None:
        """Add some keys anywhere, and remove some that need not stay."""
        for _ in range(50):
            key = f"big/{chance.randrange(KEYS):06}{chance.choice(('', '/new', '-new'))}"
            at = bisect_left(self.keys, key)
            if self.keys[at : at + 1] != [key]:
                self.keys.insert(at, key)
            at = chance.randrange(len(self.keys))
            if self.keys[at] not in kept:
                del self.keys[at]


def walk(objects: SortedObjects, recursive: bool, chance: random.Random, kept: set[str]) -> Iterator[Entry]:
    """The entries of all parts, between which others write."""
    rules = RuleSet(numbered(allow("/**", "read list")))
    directories = DirectoryListings(rules=rules, mounts=Mounts([mount()]), objects=objects, cipher=CURSORS)
    grant = rules.authorize(ANYONE, "list", path("/big/"))
    cursor = None
    while True:
        part = directories.read(grant, recursive=recursive, limit=PART, cursor=cursor, deadline=DEADLINE)
        yield from part.entries
        cursor = part.cursor
        if cursor is None:
            return
        objects.write(chance, kept)


@pytest.mark.parametrize("recursive", [True, False])
def test_nothing_is_lost_or_repeated(recursive: bool) -> None:
    """What is there throughout is in exactly one part, and nothing is in two, whatever comes and goes meanwhile."""
    chance = random.Random(20)
    keys = {f"big/{number:06}{'/file' * (number % 10 == 0)}" for number in range(KEYS)}
    kept = set(chance.sample(sorted(keys), KEYS * 9 // 10))
    objects = SortedObjects(keys | {"bi", "big", "big0", "other/file"})
    found = [entry.path for entry in walk(objects, recursive, chance, kept)]
    wanted = kept if recursive else {key.removesuffix("file") for key in kept}
    assert found == sorted(set(found))
    assert {f"/{key}" for key in wanted} <= set(found)
    assert len(found) > len(wanted)  # of the others some were there when their part was read
    assert all(one.startswith("/big/") for one in found)
    assert objects.calls == len(found) // PART + 1  # one for each part
