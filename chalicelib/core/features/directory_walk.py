"""The walk over the keys and the mounts in a directory, in the order of the paths as UTF-8."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.web.paths import AFTER_ALL
from chalicelib.core.web.times import Deadline

from .directory_selection import Selection

if TYPE_CHECKING:
    from chalicelib.core.ports import ListedKey, ListedKeys, ObjectStore, VersionStore

MAX_KEYS: Final = 1_000  # of one LIST: S3 API Reference, ListObjectsV2, MaxKeys


class Place(NamedTuple):
    """A place in a walk: after a path, or after a version of this path. Places compare as the walk goes."""

    path: str
    version: str = ""


WalkedKey = tuple[str, "ListedKey | None", bool]
"""A path; its key, None for a mount; and whether the path is certainly the last path."""


class DirectoryWalk:
    """Walks over directories.

    Args:
        mounts: the buckets.
        objects: lists the keys.
        versions: lists the versions of keys.
    """

    def __init__(self, mounts: Mounts, objects: "ObjectStore", versions: "VersionStore") -> None:
        self._mounts = mounts
        self._objects = objects
        self._versions = versions

    def keys(self, selection: Selection, after: Place, limit: int, deadline: Deadline) -> Iterator[WalkedKey]:
        """Yield each path in a directory, whatever the reader may see.

        Args:
            selection: the directory, how deep the walk goes, and whether the walk goes over versions.
            after: the name after which the walk begins; empty for the beginning.
            limit: the greatest number of keys of the first LIST.
            deadline: of the request.

        Raises:
            Unavailable: S3 does not answer.
        """
        directory = selection.grant.path
        start = Place(directory + after.path, after.version) if after.path else after
        return self._walk(selection, directory, start, limit, deadline)

    def _walk(
        self, selection: Selection, directory: str, after: Place, limit: int, deadline: Deadline
    ) -> Iterator[WalkedKey]:
        """Yield each path in a directory that comes after a path.

        A mount inside the directory hides the keys of the bucket at the same place, so the walk leaves these keys out.
        """
        recursive = selection.recursive
        for inner in self._inner(directory, recursive):
            if after.path < inner:
                for path, key, _ in self._keys(selection, directory, after, inner, limit, deadline):
                    yield path, key, False
            if recursive and after.path < inner + AFTER_ALL:
                for path, inner_key, _ in self._walk(selection, inner, after, limit, deadline):
                    yield path, inner_key, False
            elif after.path < inner:
                yield inner, None, False
            after = max(after, Place(inner + AFTER_ALL))
        yield from self._keys(selection, directory, after, None, limit, deadline)

    def _inner(self, directory: str, recursive: bool) -> list[str]:
        """Return the directories of mounts inside a directory: the outermost mounts, or one level of directories."""
        mounts = self._mounts.below(directory)
        if recursive:
            return [path for path in mounts if not any(path != other and path.startswith(other) for other in mounts)]
        return sorted({directory + path[len(directory) :].partition("/")[0] + "/" for path in mounts})

    def _keys(
        self, selection: Selection, directory: str, after: Place, until: str | None, limit: int, deadline: Deadline
    ) -> Iterator[tuple[str, "ListedKey", bool]]:
        """Yield the keys of the directory's own bucket between two paths, each with whether it is the last key."""
        target = self._mounts.directory(selection.grant, directory)
        if target is None:
            return
        prefix_length = len(target.key)
        page_size, is_last = limit, False
        while not is_last:
            start_after = after._replace(path=_start_after(target, directory, after.path))
            page = self._list(selection, target, start_after, page_size, deadline)
            is_last = page.is_last or not page.keys
            for number, key in enumerate(page.keys, 1):
                after = Place(directory + key.key[prefix_length:], key.version.id if key.version else "")
                if until is not None and after.path >= until:
                    return
                yield after.path, key, is_last and number == len(page.keys)
            page_size = MAX_KEYS

    def _list(self, selection: Selection, target: Target, after: Place, limit: int, deadline: Deadline) -> "ListedKeys":
        if selection.versions:
            return self._versions.list(target, deadline, after=after.path, version=after.version, limit=limit)
        return self._objects.list(target, deadline, recursive=selection.recursive, after=after.path, limit=limit)


def _start_after(target: Target, directory: str, after: str) -> str:
    """Return the key after which the listing of a target continues; empty for the beginning."""
    return target.key + after[len(directory) :] if after >= directory else ""
