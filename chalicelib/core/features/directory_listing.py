"""What is in a directory: the keys of its bucket and the mounts inside it, in order, as far as its reader may know."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.access.signing import Signer
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.web import paths
from chalicelib.core.web.paths import AFTER_ALL, Path
from chalicelib.core.web.problems import BadParameter, Problem
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from chalicelib.core.ports import ListedKey, ObjectStore

MAX_ENTRIES: Final = 1_000  # S3 API Reference, ListObjectsV2: MaxKeys

_MAX_SCANNED_KEYS: Final = 20_000  # what of a bucket one request looks at, where most of it is hidden from its reader
_MAX_PATH_BYTES: Final = (
    1_000_000  # of the entries' paths: a page repeats each several times, and is rendered in memory
)


class Entry(NamedTuple):
    """A file or a directory that the reader may read or list.

    Attributes:
        path: its own.
        raw_path: the same, percent-encoded; decoded again it is that very path.
        size, modified, etag: of a file, as in `ports.Found`; None for a directory.
        grant: to read or to list it.
    """

    path: Path
    raw_path: str
    size: int | None
    modified: float | None
    etag: str | None
    grant: Grant

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self.path.endswith("/")


class Listing(NamedTuple):
    """A part of a directory. `cursor` asks for the next one; None after the last."""

    entries: tuple[Entry, ...]
    cursor: str | None


class Directories:
    """Lists directories.

    Args:
        rules: what the reader may see.
        mounts: whose keys are where.
        objects: asked for the keys.
        signer: whose purpose is cursors alone. They are sealed: they can name a key that their reader may not see.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, objects: "ObjectStore", signer: Signer) -> None:
        self._rules = rules
        self._mounts = mounts
        self._objects = objects
        self._signer = signer

    def read(self, grant: Grant, *, recursive: bool, limit: int, cursor: str | None, deadline: Deadline) -> Listing:
        """Return a part of a directory, in the order of the paths as UTF-8.

        An entry that is there throughout is in exactly one part, whatever is added or removed meanwhile.

        Args:
            grant: to list it.
            recursive: everything below; else one level, with directories for what is deeper.
            limit: how many entries at most; there can be fewer, even none, with more to come.
            cursor: of the part before; None for the first.
            deadline: of the request.

        Raises:
            BadParameter: the cursor was not made for this.
            Unavailable: S3 does not answer.
        """
        context = _context(grant, recursive)
        position = "" if cursor is None else self._position(cursor, context, deadline)
        entries: list[Entry] = []
        size = 0
        walk = self._walk(grant, grant.path, recursive, position, limit, deadline)
        for scanned, (path, found, is_last) in enumerate(walk, 1):
            entry = self._entry(grant, path, found)
            if entry is not None:
                entries.append(entry)
                size += len(entry.raw_path)
            is_full = len(entries) == limit or scanned == _MAX_SCANNED_KEYS or size > _MAX_PATH_BYTES
            if is_full and not is_last:
                return Listing(tuple(entries), self._signer.seal(deadline, path.encode(), *context))
        return Listing(tuple(entries), None)

    def first(self, listing: Listing, count: int, grant: Grant, *, recursive: bool, deadline: Deadline) -> Listing:
        """Return the first entries of a listing that was read, with a cursor for the entries after them.

        Args:
            listing: the result of `read`, with more entries than that.
            count: how many entries, at least 1.
            grant, recursive, deadline: those that the listing was read with.
        """
        entries = listing.entries[:count]
        return Listing(entries, self._signer.seal(deadline, entries[-1].path.encode(), *_context(grant, recursive)))

    def _position(self, cursor: str, context: tuple[bytes, bytes], deadline: Deadline) -> str:
        position = self._signer.unseal(deadline, cursor, *context)
        if position is None:
            raise BadParameter("cursor", "it was not made for this listing. Begin again without it.")
        return position.decode()

    def _walk(
        self, grant: Grant, directory: str, recursive: bool, after: str, limit: int, deadline: Deadline
    ) -> Iterator[tuple[str, "ListedKey | None", bool]]:
        """Yield the paths in a directory that come after another, with what the store says of each; None of a mount.

        What the bucket has at the place of a mount inside is hidden by it, so the walk goes around that. With each path
        comes whether it is known to be the last of all.
        """
        for inner in self._inner(directory, recursive):
            if after < inner:
                for path, found, _ in self._keys(grant, directory, recursive, after, inner, limit, deadline):
                    yield path, found, False
            if recursive and after < inner + AFTER_ALL:
                for path, below, _ in self._walk(grant, inner, recursive, after, limit, deadline):
                    yield path, below, False
            elif after < inner:
                yield inner, None, False
            after = max(after, inner + AFTER_ALL)
        yield from self._keys(grant, directory, recursive, after, None, limit, deadline)

    def _inner(self, directory: str, recursive: bool) -> list[str]:
        """The directories that mounts make inside one: the outermost mounts, or what leads to them."""
        below = self._mounts.below(directory)
        if recursive:
            return [one for one in below if not any(one != other and one.startswith(other) for other in below)]
        return sorted({directory + one[len(directory) :].partition("/")[0] + "/" for one in below})

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
        """Yield what a directory's own bucket has between two paths, and of each whether it is the bucket's last."""
        target = self._mounts.directory(grant, directory)
        if target is None:
            return
        start = len(target.key)
        size, is_last = limit, False
        while not is_last:
            start_after = _key(target, directory, after)
            page = self._objects.list(target, deadline, recursive=recursive, after=start_after, limit=size)
            is_last = page.is_last or not page.found
            for number, found in enumerate(page.found, 1):
                after = directory + found.key[start:]
                if until is not None and after >= until:
                    return
                yield after, found, is_last and number == len(page.found)
            size = MAX_ENTRIES

    def _entry(self, grant: Grant, path: str, found: "ListedKey | None") -> Entry | None:
        """The entry of a path; None where there is no URL that leads to it, or its reader may not know of it."""
        raw_path = quote(path, safe="/")
        try:
            decoded = paths.decode(raw_path)
            if decoded.startswith(paths.SERVICE_PATHS):
                return None
            if found is None or found.is_prefix:
                own = self._rules.grant_for(grant, "list", decoded)
                if own is None:
                    return None
                self._mounts.directory(own, decoded)  # refuses what is the service's own
                return Entry(decoded, raw_path, None, None, None, own)
            own = self._rules.grant_for(grant, "read", decoded)
            if own is None or path.endswith("/") or self._mounts.resolve(own).key != found.key:
                return None
        except Problem:
            return None
        return Entry(decoded, raw_path, found.size, found.modified, found.etag, own)


def _context(grant: Grant, recursive: bool) -> tuple[bytes, bytes]:
    """What a cursor is good for: one directory, in one of both depths."""
    return grant.path.encode(), b"recursive" if recursive else b"level"


def _key(target: Target, directory: str, after: str) -> str:
    """The key that a listing of a target goes on after; empty for its beginning."""
    return target.key + after[len(directory) :] if after >= directory else ""
