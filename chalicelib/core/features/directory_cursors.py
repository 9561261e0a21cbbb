"""Cursors: where a part of a listing begins, and where the parts before it begin, sealed for the client."""

import hashlib
import json
from typing import TYPE_CHECKING, Final, NamedTuple

from chalicelib.core.web.problems.base import BadParameter
from chalicelib.core.web.times import Deadline

from .directory_selection import Selection

if TYPE_CHECKING:
    from chalicelib.core.ports import CursorCipher

_CONTEXT_BYTES: Final = 16
_MAX_TRAIL_BYTES: Final = 1_500  # with a long path and a token, a URL stays below the 8 kB of a REST API (FACTS 1.9)


class Position(NamedTuple):
    """Where a part begins. All names are relative to the directory.

    Attributes:
        after: the walk over the keys begins after this name; empty for the beginning.
        until: of a sorted part, the last name of the walk: empty for the end of the directory, None where the walk
            decides how far it goes.
        last: of a sorted part, the name, the size and the time of the entry before the part; None for the first entry.
        version: of versions, the version of `after` after which the walk begins; empty where all versions are before.
    """

    after: str = ""
    until: str | None = None
    last: tuple[str, int | None, float | None] | None = None
    version: str = ""


START: Final = Position()

Trail = tuple[Position, ...]
"""The positions of some parts, one after another. The last position is that of the part itself."""


class DirectoryCursors:
    """Makes and reads cursors.

    Args:
        cipher: seals the cursors, because a cursor can name a key that the reader may not see.
    """

    def __init__(self, cipher: "CursorCipher") -> None:
        self._cipher = cipher

    def open(self, cursor: str | None, selection: Selection, deadline: Deadline) -> Trail:
        """Return the positions in a cursor, from `START` on where all are known; the start for None.

        Raises:
            BadParameter: the cursor is for another selection.
        """
        if cursor is None:
            return (START,)
        text = self._cipher.open(cursor, deadline)
        if text is None or text[:_CONTEXT_BYTES] != _context(selection):
            raise BadParameter("cursor", "it was not made for this listing. Begin again without it.")
        values = json.loads(text[_CONTEXT_BYTES:])
        return tuple(Position(after, until, last and tuple(last), version) for after, until, last, version in values)

    def seal(self, trail: Trail, selection: Selection, deadline: Deadline) -> str:
        """Return the cursor of a part. A long trail loses its first positions."""
        positions = [json.dumps(position, ensure_ascii=False, separators=(",", ":")).encode() for position in trail]
        while len(positions) > 1 and sum(map(len, positions)) > _MAX_TRAIL_BYTES:
            del positions[0]
        return self._cipher.seal(_context(selection) + b"[" + b",".join(positions) + b"]", deadline)

    def previous(self, trail: Trail, selection: Selection, deadline: Deadline) -> str | None:
        """Return the cursor of the part before: empty for the first part, None where no part before is known."""
        before = trail[:-1]
        if not before:
            return None
        return "" if before == (START,) else self.seal(before, selection, deadline)


def _context(selection: Selection) -> bytes:
    """Return the context of a cursor: a cursor is valid for one directory, depth, order and text."""
    grant, *asked = selection
    return hashlib.sha256(json.dumps([grant.path, *asked]).encode()).digest()[:_CONTEXT_BYTES]
