"""AVIF files, read as far as to know what their decoder would make: its streams say their size, whatever the file says.

Sources: ISO/IEC 14496-12 (boxes), ISO/IEC 23008-12 (items), AV1 Bitstream & Decoding Process Specification (streams).
"""

import re
import struct
from collections.abc import Callable, Iterator
from math import prod
from typing import Final

from chalicelib.core.problems import ImageBroken, ImageTooLarge

from .parts import Parts

_ZEROS: Final = re.compile(b"\0*")

# The items that are decoded, or else known not to be.
_ITEMS: Final = (b"av01", b"grid", b"Exif", b"mime", b"uri ", b"tmap")


def still(data: bytes, most: int) -> bytes:
    """Return an AVIF of which only the picture is left: of a film, too.

    Args:
        data: the file.
        most: how many pixels it may have, in what is decoded and in what it says of itself.

    Raises:
        ImageTooLarge: it has more.
        ImageBroken: its structure cannot be, or is one that no encoder makes.
    """
    try:
        avif = _Avif(data)
        if (pixels := avif.pixels()) > most:
            raise ImageTooLarge(f"The image has {pixels:,} pixels and may have {most:,}.")
        return avif.still()
    except (IndexError, ValueError, struct.error):
        raise ImageBroken() from None


class _Avif:
    """The items of an AVIF file that are pictures."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts = Parts()
        self._unread = 2 * len(data)  # bytes: items may not all be the same long one

    def pixels(self) -> int:
        """How many there are at most: in a stream, in all tiles of a grid, or in a size that is claimed."""
        streams, canvases, cells = [0], [0], [1]
        for meta in self._named(b"meta", memoryview(self._data)):
            for kind, body in self._items(meta[4:]):
                if kind == b"av01":
                    streams += self._stream_sizes(body)
                elif kind == b"ispe":
                    canvases.append(prod(struct.unpack_from(">II", body, 4)))
                elif kind == b"grid":
                    width, height = struct.unpack_from(">II" if body[1] & 1 else ">HH", body, 4)
                    canvases.append(width * height)
                    cells.append((body[2] + 1) * (body[3] + 1))
        # A grid may be of grids, so one is multiplied by the other.
        return max(*canvases, max(streams) * prod(cells))

    def still(self) -> bytes:
        """The file as one that holds items and nothing else, each byte at its place."""
        made = bytearray(self._data)
        place = 0
        for name, body in self._boxes(memoryview(self._data)):
            start = place + (16 if made[place : place + 4] == b"\0\0\0\1" else 8)
            if name == b"ftyp":
                made[start : start + len(body)] = (b"avif\0\0\0\0" + b"mif1" * (len(body) // 4))[: len(body)]
            elif name not in (b"meta", b"mdat"):
                made[place + 4 : place + 8] = b"free"
            place = start + len(body)
        return bytes(made)

    def _boxes(self, data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        """The boxes, one after the other, by their names (14496-12 §4.2)."""
        place = 0
        while place + 8 <= len(data):
            self._parts.count()
            size, name = struct.unpack_from(">I4s", data, place)
            start = 8
            if size == 1:
                (size,), start = struct.unpack_from(">Q", data, place + 8), 16
            end = place + size if size else len(data)
            if end < place + start or end > len(data):
                raise ValueError("a box that is larger than what holds it")
            yield bytes(name), data[place + start : end]
            place = end

    def _items(self, meta: memoryview) -> Iterator[tuple[bytes, bytes]]:
        """The items of pictures, by their kinds; what configures their decoders as a further one; and all sizes."""
        boxes = list(self._boxes(meta))
        kinds: dict[int, set[bytes]] = {}
        stored = [bytes(body) for name, body in boxes if name == b"idat"]
        if len(stored) > 1:
            raise ValueError("two stores, of which the decoder reads one")
        for name, body in boxes:
            if name == b"iinf":
                for _, entry in self._boxes(body[8 if body[0] else 6 :]):
                    number, kind = _described(entry)
                    kinds.setdefault(number, set()).add(kind)
            elif name == b"iprp":
                for properties in self._named(b"ipco", body):
                    for kind, value in self._boxes(properties):
                        if kind in (b"av1C", b"ispe"):
                            yield (kind, bytes(value)) if kind == b"ispe" else (b"av01", bytes(value[4:]))
        for name, body in boxes:
            if name == b"iloc":
                for number, where, extents in self._places(body):
                    for kind in kinds.get(number, set()) & {b"av01", b"grid"}:
                        yield kind, self._read(stored[0] if where else self._data, extents)

    def _named(self, name: bytes, data: memoryview) -> Iterator[memoryview]:
        return (body for other, body in self._boxes(data) if other == name)

    def _places(self, iloc: memoryview) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
        """Each item's number, whether it is stored with its description, and where (14496-12 §8.11.3)."""
        version, sizes = iloc[0], struct.unpack_from(">H", iloc, 4)[0]
        offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        read = _reader(iloc, 6)
        for _ in range(read(4 if version == 2 else 2)):
            self._parts.count()
            number = read(4 if version == 2 else 2)
            where = read(2) & 15 if version else 0
            read(2)
            base = read(base_size)
            extents = []
            for _ in range(read(2)):
                self._parts.count()
                read(index_size if version else 0)
                extents.append((base + read(offset_size), read(length_size)))
            if where > 1:
                raise ValueError("an item within an item")
            yield number, where, extents

    def _read(self, data: bytes, extents: list[tuple[int, int]]) -> bytes:
        self._unread -= sum(min(length or len(data), len(data)) for _, length in extents)
        if self._unread < 0:
            raise ValueError("items that are longer than the file")
        return b"".join(data[start : start + length if length else None] for start, length in extents)

    def _stream_sizes(self, stream: bytes) -> Iterator[int]:
        """The pixels of each sequence header among the units of a stream (AV1 §5.3)."""
        place = 0
        while place < len(stream):
            self._parts.count()
            head = stream[place]
            if head == 0:
                place = _ZEROS.match(stream, place).end()  # type: ignore[union-attr]  # the decoder skips them
                continue
            if not head & 2:
                raise ValueError("a unit without its size, which the decoder refuses")
            place += 2 if head & 4 else 1
            size = 0
            for shift in range(0, 56, 7):
                byte = stream[place]
                size |= (byte & 127) << shift
                place += 1
                if byte < 128:
                    break
            if head >> 3 & 15 == 1:
                yield _sequence_size(stream[place : place + size])
            place += size


def _described(entry: memoryview) -> tuple[int, bytes]:
    """An item's number and kind (14496-12 §8.11.6)."""
    number, _, kind = struct.unpack_from(">IH4s" if entry[0] == 3 else ">HH4s", entry, 4)
    texts = bytes(entry[14 if entry[0] == 3 else 12 :]).split(b"\0")
    if entry[0] < 2 or kind not in _ITEMS or (kind == b"mime" and any(texts[2:])):
        raise ValueError("an item of an unknown kind, or packed")
    return number, kind


def _reader(data: memoryview, place: int) -> Callable[[int], int]:
    """Read numbers of so many bytes, one after the other."""

    def read(size: int) -> int:
        nonlocal place
        place += size
        if place > len(data):
            raise IndexError
        return int.from_bytes(data[place - size : place])

    return read


def _sequence_size(header: bytes) -> int:
    """The pixels that frames have at most (AV1 §5.5.1)."""
    bits = "".join(f"{byte:08b}" for byte in header[:256])
    place = 0

    def read(size: int) -> int:
        nonlocal place
        place += size
        return int(bits[place - size : place], 2)

    read(4)  # the profile, and whether there is only one picture
    if read(1):
        read(5)
    else:
        if read(1):
            raise ValueError("the times of a film")
        delayed = read(1)
        for _ in range(read(5) + 1):
            read(12)
            if read(5) > 7:
                read(1)
            if delayed and read(1):
                read(4)
    width_size, height_size = read(4) + 1, read(4) + 1
    return (read(width_size) + 1) * (read(height_size) + 1)
