"""ISO boxes: the structure of a file of the ISO base media file format (ISO/IEC 14496-12), such as an AVIF.

Everything here raises IndexError, ValueError or struct.error for a structure that is impossible.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from .limits import PartCounter

_TO_THE_END: Final = 0  # as the size of a box
_LONG: Final = 1  # as the size of a box: the size is in eight bytes after the name


class Box(NamedTuple):
    """A box.

    Attributes:
        name: its four letters.
        start: where the box begins, in bytes from the start of the data that holds the box.
        body_start: where its body begins.
        body: without the header.
    """

    name: bytes
    start: int
    body_start: int
    body: memoryview


class BoxFile:
    """A file of boxes. Counts its parts, and bounds the bytes that are read of its extents.

    Attributes:
        data: the file.
        parts: counts the boxes, and everything else that costs time.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.parts = PartCounter()
        self._unread_bytes = 2 * len(data)  # else a thousand items could all be the same long item

    def boxes(self, data: memoryview) -> Iterator[Box]:
        """Yield the boxes in some data of the file, one after the other (§4.2)."""
        position = 0
        while position + 8 <= len(data):
            self.parts.count()
            size, name = struct.unpack_from(">I4s", data, position)
            header_bytes = 8
            if size == _LONG:
                (size,), header_bytes = struct.unpack_from(">Q", data, position + 8), 16
            end = len(data) if size == _TO_THE_END else position + size
            body_start = position + header_bytes
            if end < body_start or end > len(data):
                raise ValueError("a box that is larger than the data that holds the box")
            yield Box(bytes(name), position, body_start, data[body_start:end])
            position = end

    def read(self, data: bytes, extents: list[tuple[int, int]]) -> bytes:
        """Return some extents of the data, joined; an extent is an offset and a length, with 0 for the whole rest."""
        self._unread_bytes -= sum(min(length or len(data), len(data)) for _, length in extents)
        if self._unread_bytes < 0:
            raise ValueError("items that are longer than the file")
        return b"".join(data[start : start + length if length else None] for start, length in extents)


def number_reader(data: memoryview, position: int) -> Callable[[int], int]:
    """Return a function that reads the next number of a given number of bytes, from a position on."""

    def read(size: int) -> int:
        nonlocal position
        position += size
        if position > len(data):
            raise IndexError
        return int.from_bytes(data[position - size : position])

    return read
