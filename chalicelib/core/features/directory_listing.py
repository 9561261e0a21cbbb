"""Directory listings: the entries of a directory that the reader may see, in parts, sorted or not."""

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3.mounts import Mounts
from chalicelib.core.web import paths
from chalicelib.core.web.paths import Path
from chalicelib.core.web.problems.base import Problem
from chalicelib.core.web.times import Deadline

from .directory_cursors import Position
from .directory_selection import Selection, SortKey
from .directory_walk import MAX_KEYS, DirectoryWalk, Place

if TYPE_CHECKING:
    from chalicelib.core.ports import ListedKey, ObjectStore, Version, VersionStore

_MAX_SCANNED_KEYS: Final = 20_000  # of one request, where the reader may not see most of the keys, or sorts the keys
_SECONDS_TO_ANSWER: Final = 3.0  # that a sorted part leaves for the answer
_MAX_PATH_BYTES: Final = 1_000_000  # of all entries: a page repeats each path several times, and is rendered in memory


class Entry(NamedTuple):
    """A file or a version of a file that the reader may read, or a directory that the reader may list.

    Attributes:
        path: the path of the entry.
        raw_path: the path, percent-encoded.
        size, modified, etag: of a file, as in `ports.ListedKey`; None for a directory. A delete marker has `modified`
            alone.
        grant: to read or to list the entry.
        version: of the file, in a listing of versions; None for a directory, and in every other listing.
    """

    path: Path
    raw_path: str
    size: int | None
    modified: float | None
    etag: str | None
    grant: Grant
    version: "Version | None" = None

    @property
    def is_directory(self) -> bool:
        """Whether the entry is a directory."""
        return self.path.endswith("/")


class Listing(NamedTuple):
    """A part of a directory.

    Attributes:
        entries: the entries.
        following: where the next part begins; None after the last part.
        is_complete: whether the entries were chosen from all keys of the directory: the walk began with the first key
            and reached the last key.
    """

    entries: tuple[Entry, ...]
    following: Position | None
    is_complete: bool


class DirectoryListings:
    """Lists directories.

    Args:
        rules: decide what the reader may see.
        mounts: the buckets.
        objects: lists the keys.
        versions: lists the versions of keys.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, objects: "ObjectStore", versions: "VersionStore") -> None:
        self._rules = rules
        self._mounts = mounts
        self._walk = DirectoryWalk(mounts, objects, versions)

    def read(
        self,
        selection: Selection,
        position: Position,
        *,
        limit: int,
        deadline: Deadline,
        max_keys: int = _MAX_SCANNED_KEYS,
    ) -> Listing:
        """Return a part of a directory, in the order of the paths as UTF-8 or sorted.

        An entry that exists unchanged during all requests for the parts is in exactly one part, whatever others add or
        delete. Of versions, the content that a file has now is an entry only before an older version of the file, so a
        file without a history has no entry.

        Args:
            selection: what to list.
            position: where the part begins.
            limit: the greatest number of entries. A part can have fewer entries, even none, and have a next part.
            deadline: of the request.
            max_keys: the greatest number of keys that the request walks over.

        Raises:
            Unavailable: S3 does not answer.
        """
        read = self._sorted_part if selection.sort else self._part
        return read(selection, position, limit, max_keys, deadline)

    def first(self, listing: Listing, count: int, selection: Selection, position: Position) -> Listing:
        """Return the first entries of a listing, with the position of the next entries.

        Args:
            listing: the result of `read`, with more entries than `count`.
            count: the number of entries, at least 1.
            selection, position: the arguments of `read`.
        """
        entries = listing.entries[:count]
        return listing._replace(entries=entries, following=_following(entries[-1], selection, position))

    def _part(self, selection: Selection, position: Position, limit: int, max_keys: int, deadline: Deadline) -> Listing:
        """Return a part in the order of the paths. The walk ends with the part."""
        entries: list[Entry] = []
        path_bytes = 0
        before = here = position
        page_size = MAX_KEYS if selection.text else limit
        walk = self._walk.keys(selection, Place(position.after, position.version), page_size, deadline)
        for scanned, (path, key, is_last) in enumerate(walk, 1):
            name = selection.name(path)
            before, here = here, Position(after=name, version=key.version.id if key and key.version else "")
            entry = self._entry(selection, path, key) if selection.matches(name) else None
            if entry is not None:
                _drop_without_history(entries, entry.path)
                entries.append(entry)
                path_bytes += len(entry.raw_path)
            is_full = len(entries) == limit or scanned == max_keys or path_bytes > _MAX_PATH_BYTES
            if is_full and not is_last:
                # The next part begins with a newest version whose history is not known yet, unless it began this part.
                begins_next = _is_current(entry) and before != position
                _drop_without_history(entries, "")
                return Listing(tuple(entries), before if begins_next else here, is_complete=False)
        _drop_without_history(entries, "")
        return Listing(tuple(entries), None, is_complete=not position.after)

    def _sorted_part(
        self, selection: Selection, position: Position, limit: int, max_keys: int, deadline: Deadline
    ) -> Listing:
        """Return a part of the sorted keys of one walk.

        S3 lists in its own order alone, so the request for each part walks over the same keys. Where the walk stops
        before the last key of the directory, the keys up to there have their parts first, and then the next keys.
        """
        found, end = self._sorted_keys(selection, position, max_keys, deadline)
        is_complete = not position.after and not end
        entries: list[Entry] = []
        path_bytes = 0
        for path, key in found:
            entry = self._entry(selection, path, key)
            if entry is None:
                continue
            if len(entries) == limit or path_bytes > _MAX_PATH_BYTES:
                following = _following(entries[-1], selection, position._replace(until=end))
                return Listing(tuple(entries), following, is_complete)
            entries.append(entry)
            path_bytes += len(entry.raw_path)
        return Listing(tuple(entries), Position(after=end) if end else None, is_complete)

    def _sorted_keys(
        self, selection: Selection, position: Position, max_keys: int, deadline: Deadline
    ) -> tuple[list[tuple[str, "ListedKey | None"]], str]:
        """Return the paths and keys of a walk that come after a position, sorted, and the last name of the walk.

        The name is empty where the walk reached the last key of the directory.
        """
        last = selection.sort_key(*position.last) if position.last else None
        found: list[tuple[SortKey, str, ListedKey | None]] = []
        end = ""
        walk = self._walk.keys(selection, Place(position.after), MAX_KEYS, deadline)
        for scanned, (path, key, is_last) in enumerate(walk, 1):
            name = selection.name(path)
            if position.until and name > position.until:
                end = position.until
                break
            place = selection.sort_key(name, *_size_and_time(key))
            if selection.matches(name) and (last is None or (place < last if selection.is_reversed else place > last)):
                found.append((place, path, key))
            is_late = scanned % MAX_KEYS == 0 and deadline.left() < _SECONDS_TO_ANSWER
            is_end = (scanned == max_keys or is_late) if position.until is None else name == position.until
            if is_end and not is_last:
                end = name
                break
        found.sort(key=lambda each: each[0], reverse=selection.is_reversed)
        return [(path, key) for _, path, key in found], end

    def _entry(self, selection: Selection, path: str, key: "ListedKey | None") -> Entry | None:
        """Return the entry of a path; None where no URL leads to the path, or the reader may not see it."""
        grant, raw_path = selection.grant, quote(path, safe="/")
        try:
            decoded = paths.decode(raw_path)
            if decoded.startswith(paths.SERVICE_PATHS):
                return None
            if selection.versions and self._rules.grant_for(grant, "versions", decoded) is None:
                return None
            if key is None or key.is_prefix:
                entry_grant = self._rules.grant_for(grant, "list", decoded)
                if entry_grant is None:
                    return None
                self._mounts.directory(entry_grant, decoded)  # refuses the directory of derived images
                return Entry(decoded, raw_path, None, None, None, entry_grant)
            entry_grant = self._rules.grant_for(grant, "read", decoded)
            if entry_grant is None or path.endswith("/") or self._mounts.resolve(entry_grant).key != key.key:
                return None
        except Problem:
            return None
        if key.version and key.version.is_deleted:
            return Entry(decoded, raw_path, None, key.modified, None, entry_grant, key.version)
        return Entry(decoded, raw_path, key.size, key.modified, key.etag, entry_grant, key.version)


def _following(entry: Entry, selection: Selection, position: Position) -> Position:
    """Return the position after an entry, in the walk of a position."""
    name = selection.name(entry.path)
    if not selection.sort:
        return Position(after=name, version=entry.version.id if entry.version else "")
    return position._replace(last=(name, entry.size, entry.modified))


def _is_current(entry: Entry | None) -> bool:
    """Whether an entry is a version that is the content of a file now."""
    return bool(entry and entry.version and entry.version.is_latest and not entry.version.is_deleted)


def _drop_without_history(entries: list[Entry], next_path: str) -> None:
    """Remove the last entry, if it is the content of a file now, and no version of this file comes next."""
    if entries and entries[-1].path != next_path and _is_current(entries[-1]):
        entries.pop()


def _size_and_time(key: "ListedKey | None") -> tuple[int | None, float | None]:
    return (None, None) if key is None or key.is_prefix else (key.size, key.modified)
