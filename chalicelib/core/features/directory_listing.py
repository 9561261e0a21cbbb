"""Directory listings: the keys and the mounts in a directory, in order, as far as the reader may see them."""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.web import paths
from chalicelib.core.web.paths import AFTER_ALL, Path
from chalicelib.core.web.problems.base import BadParameter, Problem
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from chalicelib.core.ports import CursorCipher, ListedKey, ObjectStore

MAX_ENTRIES: Final = 1_000  # S3 API Reference, ListObjectsV2: MaxKeys

_MAX_SCANNED_KEYS: Final = 20_000  # of one request, where the reader may not see most of the keys
_MAX_PATH_BYTES: Final = 1_000_000  # of all entries: a page repeats each path several times, and is rendered in memory

_CONTEXT_BYTES: Final = 16


class Entry(NamedTuple):
    """A file that the reader may read, or a directory that the reader may list.

    Attributes:
        path: the path of the entry.
        raw_path: the path, percent-encoded.
        size, modified, etag: of a file, as in `ports.ListedKey`; None for a directory.
        grant: to read or to list the entry.
    """

    path: Path
    raw_path: str
    size: int | None
    modified: float | None
    etag: str | None
    grant: Grant

    @property
    def is_directory(self) -> bool:
        """Whether the entry is a directory."""
        return self.path.endswith("/")


def name_of(entry: Entry, grant: Grant) -> str:
    """Return the name of an entry, relative to the directory of a grant."""
    return entry.path[len(grant.path) :]


class Listing(NamedTuple):
    """A part of a directory. `cursor` asks for the next part; None after the last part."""

    entries: tuple[Entry, ...]
    cursor: str | None


class DirectoryListings:
    """Lists directories.

    Args:
        rules: decide what the reader may see.
        mounts: the buckets.
        objects: lists the keys.
        cipher: seals the cursors, because a cursor can name a key that the reader may not see.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, objects: "ObjectStore", cipher: "CursorCipher") -> None:
        self._rules = rules
        self._mounts = mounts
        self._objects = objects
        self._cipher = cipher

    def read(self, grant: Grant, *, recursive: bool, limit: int, cursor: str | None, deadline: Deadline) -> Listing:
        """Return a part of a directory, in the order of the paths as UTF-8.

        An entry that exists during all requests for the parts is in exactly one part, whatever others add or delete.

        Args:
            grant: to list the directory.
            recursive: true lists everything below the directory; false lists one level.
            limit: the greatest number of entries. A part can have fewer entries, even none, and have a next part.
            cursor: of the part before; None for the first part.
            deadline: of the request.

        Raises:
            BadParameter: the cursor is for another listing.
            Unavailable: S3 does not answer.
        """
        after = "" if cursor is None else self._position(cursor, grant, recursive, deadline)
        entries: list[Entry] = []
        path_bytes = 0
        walk = self._walk(grant, grant.path, recursive, after, limit, deadline)
        for scanned, (path, key, is_last) in enumerate(walk, 1):
            entry = self._entry(grant, path, key)
            if entry is not None:
                entries.append(entry)
                path_bytes += len(entry.raw_path)
            is_full = len(entries) == limit or scanned == _MAX_SCANNED_KEYS or path_bytes > _MAX_PATH_BYTES
            if is_full and not is_last:
                return Listing(tuple(entries), self._cursor(path, grant, recursive, deadline))
        return Listing(tuple(entries), None)

    def first(self, listing: Listing, count: int, grant: Grant, *, recursive: bool, deadline: Deadline) -> Listing:
        """Return the first entries of a listing, with a cursor for the next entries.

        Args:
            listing: the result of `read`, with more entries than `count`.
            count: the number of entries, at least 1.
            grant, recursive, deadline: the arguments of `read`.
        """
        entries = listing.entries[:count]
        return Listing(entries, self._cursor(entries[-1].path, grant, recursive, deadline))

    def _cursor(self, position: str, grant: Grant, recursive: bool, deadline: Deadline) -> str:
        return self._cipher.seal(_context(grant, recursive) + position.encode(), deadline)

    def _position(self, cursor: str, grant: Grant, recursive: bool, deadline: Deadline) -> str:
        text = self._cipher.open(cursor, deadline)
        if text is None or text[:_CONTEXT_BYTES] != _context(grant, recursive):
            raise BadParameter("cursor", "it was not made for this listing. Begin again without it.")
        return text[_CONTEXT_BYTES:].decode()

    def _walk(
        self, grant: Grant, directory: str, recursive: bool, after: str, limit: int, deadline: Deadline
    ) -> Iterator[tuple[str, "ListedKey | None", bool]]:
        """Yield each path in a directory that comes after a position, in order.

        A mount inside the directory hides the keys of the bucket at the same place, so the walk leaves these keys out.

        Yields:
            The path; its key, None for a mount; and whether the path is certainly the last path.
        """
        for inner in self._inner(directory, recursive):
            if after < inner:
                for path, key, _ in self._keys(grant, directory, recursive, after, inner, limit, deadline):
                    yield path, key, False
            if recursive and after < inner + AFTER_ALL:
                for path, inner_key, _ in self._walk(grant, inner, recursive, after, limit, deadline):
                    yield path, inner_key, False
            elif after < inner:
                yield inner, None, False
            after = max(after, inner + AFTER_ALL)
        yield from self._keys(grant, directory, recursive, after, None, limit, deadline)

    def _inner(self, directory: str, recursive: bool) -> list[str]:
        """Return the directories of mounts inside a directory: the outermost mounts, or one level of directories."""
        mounts = self._mounts.below(directory)
        if recursive:
            return [path for path in mounts if not any(path != other and path.startswith(other) for other in mounts)]
        return sorted({directory + path[len(directory) :].partition("/")[0] + "/" for path in mounts})

    def _keys(
        self,
        grant: Grant,
        directory: str,
        recursive: bool,
        after: str,
        until: str | None,
        limit: int,
        deadline: Deadline,
    ) -> Iterator[tuple[str, "ListedKey", bool]]:
        """Yield the keys of the directory's own bucket between two paths, each with whether it is the last key."""
        target = self._mounts.directory(grant, directory)
        if target is None:
            return
        prefix_length = len(target.key)
        page_size, is_last = limit, False
        while not is_last:
            start_after = _start_after(target, directory, after)
            page = self._objects.list(target, deadline, recursive=recursive, after=start_after, limit=page_size)
            is_last = page.is_last or not page.keys
            for number, key in enumerate(page.keys, 1):
                after = directory + key.key[prefix_length:]
                if until is not None and after >= until:
                    return
                yield after, key, is_last and number == len(page.keys)
            page_size = MAX_ENTRIES

    def _entry(self, grant: Grant, path: str, key: "ListedKey | None") -> Entry | None:
        """Return the entry of a path; None where no URL leads to the path, or the reader may not see it."""
        raw_path = quote(path, safe="/")
        try:
            decoded = paths.decode(raw_path)
            if decoded.startswith(paths.SERVICE_PATHS):
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
        return Entry(decoded, raw_path, key.size, key.modified, key.etag, entry_grant)


def _context(grant: Grant, recursive: bool) -> bytes:
    """Return the context of a cursor: a cursor is valid for one directory, at one depth."""
    return hashlib.sha256(f"{'all' if recursive else 'level'} {grant.path}".encode()).digest()[:_CONTEXT_BYTES]


def _start_after(target: Target, directory: str, after: str) -> str:
    """Return the key after which the listing of a target continues; empty for the beginning."""
    return target.key + after[len(directory) :] if after >= directory else ""
