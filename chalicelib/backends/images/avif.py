"""AVIF files, read as far as to know what their decoder would make: its streams say their size, whatever the file says.

Sources: ISO/IEC 14496-12 (boxes), ISO/IEC 23008-12 (items), AV1 Bitstream & Decoding Process Specification (streams).
"""

import re
import struct
from collections.abc import Callable, Iterator
from math import prod
from typing import Final, NamedTuple

from chalicelib.core.web.problems import ImageBroken, ImageTooLarge, NotAnImage

from .av1 import Codes, Sequence, sequence
from .colours import Colours, of_code_points
from .parts import Parts

_ZEROS: Final = re.compile(b"\0*")

# The items that are decoded, or else known not to be.
_ITEMS: Final = (b"av01", b"grid", b"Exif", b"mime", b"uri ", b"tmap")


# The matrices of H.273 table 4 that libheif knows, one of them in full range alone.
_MATRICES: Final = (0, 1, 2, 4, 5, 6, 7, 8, 9, 12)
_NARROW_YCGCO: Final = (8, True)


class Still(NamedTuple):
    """An AVIF of which only the picture is left: of a film, too.

    Attributes:
        data: the file.
        colours: what its values mean where libvips does not see to that; None where a profile says it.
    """

    data: bytes
    colours: Colours | None


def still(data: bytes, most: int) -> Still:
    """Return the picture of an AVIF.

    Args:
        data: the file.
        most: how many pixels it may have, in what is decoded and in what it says of itself.

    Raises:
        ImageTooLarge: it has more.
        NotAnImage: its decoder is not built for so many bits, or such colours.
        ImageBroken: its structure cannot be, or is one that no encoder makes.
    """
    try:
        avif = _Avif(data)
        if (pixels := avif.pixels()) > most:
            raise ImageTooLarge(f"The image has {pixels:,} pixels and may have {most:,}.")
        shown = avif.shown()
        _check_decoder(shown, avif.codes(shown))
        return Still(avif.still(), avif.colours(shown))
    except (IndexError, ValueError, struct.error):
        raise ImageBroken() from None


def _check_decoder(shown: list[Sequence], codes: Codes | None) -> None:
    """Refuse what libvips' decoder is not built for, or takes for something else."""
    if (bits := max((stream.bits for stream in shown), default=8)) > 8:
        raise NotAnImage(f"AVIF images of {bits} bits a channel are not read. Send this one with 8 bits")
    is_grey = bool(shown) and shown[0].is_grey
    if codes and not is_grey and (codes.matrix not in _MATRICES or codes[2:] == _NARROW_YCGCO):
        raise NotAnImage(f"AVIF images of the matrix {codes.matrix} are not read. Send this one in sRGB")


class _Avif:
    """The items of an AVIF file that are pictures."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts = Parts()
        self._unread = 2 * len(data)  # bytes: items may not all be the same long one
        self._metas = [_Meta(self, meta[4:]) for meta in self.named(b"meta", memoryview(data))]

    def pixels(self) -> int:
        """How many there are at most: in a stream, in all tiles of a grid, or in a size that is claimed."""
        streams, canvases, cells = [0], [0], [1]
        for meta in self._metas:
            streams += [stream.pixels for each in meta.streams.values() for stream in each]
            for grid in meta.grids:
                width, height = struct.unpack_from(">II" if grid[1] & 1 else ">HH", grid, 4)
                canvases.append(width * height)
                cells.append((grid[2] + 1) * (grid[3] + 1))
            for name, value in meta.properties:
                if name == b"ispe":
                    canvases.append(prod(struct.unpack_from(">II", value, 4)))
                elif name == b"av1C":
                    streams += [stream.pixels for stream in self.sequences(value[4:])]
        # A grid may be of grids, so one is multiplied by the other.
        return max(*canvases, max(streams) * prod(cells))

    def shown(self) -> list[Sequence]:
        """The streams that the picture is made of, with those of its tiles and of its alpha; its own first."""
        return [stream for meta in self._metas[:1] for item in meta.shown() for stream in self._streams(meta, item)]

    def _streams(self, meta: "_Meta", item: int) -> list[Sequence]:
        """The sequence headers of an item; where it has none, those that configure its decoder (AVIF §2.2.1)."""
        stored = (stream for value in meta.of(item, b"av1C") for stream in self.sequences(value[4:]))
        return meta.streams.get(item) or list(stored)

    def codes(self, shown: list[Sequence]) -> Codes | None:
        """What the values mean: as `colr` says it, or else the stream (AVIF §2.1, MIAF §7.3.6.4)."""
        for value in self._described():
            if value[:4] == b"nclx":
                primaries, transfer, matrix, flags = struct.unpack_from(">HHHB", value, 4)
                return Codes(primaries, transfer, matrix, narrow=not flags & 0x80)
        return shown[0].codes if shown else None

    def colours(self, shown: list[Sequence]) -> Colours | None:
        """What the file says of its colours, where it has no profile."""
        codes = self.codes(shown)
        if codes is None or any(value[:4] in (b"prof", b"rICC") for value in self._described()):
            return None
        # libheif stretches the values of colours; those of grey it takes as they are.
        is_grey = bool(shown) and shown[0].is_grey
        return of_code_points(codes.primaries, codes.transfer, narrow=codes.narrow and is_grey)

    def _described(self) -> list[bytes]:
        """All that describes the colours of the picture."""
        return [value for meta in self._metas[:1] for item in meta.shown() for value in meta.of(item, b"colr")]

    def still(self) -> bytes:
        """The file as one that holds items and nothing else, each byte at its place."""
        made = bytearray(self._data)
        place = 0
        for name, body in self.boxes(memoryview(self._data)):
            start = place + (16 if made[place : place + 4] == b"\0\0\0\1" else 8)
            if name == b"ftyp":
                made[start : start + len(body)] = (b"avif\0\0\0\0" + b"mif1" * (len(body) // 4))[: len(body)]
            elif name not in (b"meta", b"mdat"):
                made[place + 4 : place + 8] = b"free"
            place = start + len(body)
        return bytes(made)

    def boxes(self, data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
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

    def named(self, name: bytes, data: memoryview) -> Iterator[memoryview]:
        """The boxes of a name."""
        return (body for other, body in self.boxes(data) if other == name)

    def count(self) -> None:
        """Count a part that is no box."""
        self._parts.count()

    def whole(self) -> bytes:
        """The bytes of the file."""
        return self._data

    def read(self, data: bytes, extents: list[tuple[int, int]]) -> bytes:
        """The bytes of an item."""
        self._unread -= sum(min(length or len(data), len(data)) for _, length in extents)
        if self._unread < 0:
            raise ValueError("items that are longer than the file")
        return b"".join(data[start : start + length if length else None] for start, length in extents)

    def sequences(self, stream: bytes) -> Iterator[Sequence]:
        """The sequence headers among the units of a stream (AV1 §5.3)."""
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
                yield sequence(stream[place : place + size])
            place += size


class _Meta:
    """A description of items: their kinds, properties, references and streams.

    Attributes:
        properties: all of them, by name.
        streams: the sequence headers of each item that is a picture.
        grids: what items say that are made of tiles.
    """

    def __init__(self, avif: _Avif, meta: memoryview) -> None:
        self._avif = avif
        boxes = list(avif.boxes(meta))
        stored = [bytes(body) for name, body in boxes if name == b"idat"]
        if len(stored) > 1:
            raise ValueError("two stores, of which the decoder reads one")
        self.properties: list[tuple[bytes, bytes]] = []
        self.streams: dict[int, list[Sequence]] = {}
        self.grids: list[bytes] = []
        self._primary = 0
        self._kinds: dict[int, set[bytes]] = {}
        self._owned: dict[int, list[int]] = {}
        self._references: list[tuple[bytes, int, list[int]]] = []
        for name, body in boxes:
            if name == b"pitm":
                self._primary = int.from_bytes(body[4 : 8 if body[0] else 6])
            elif name == b"iinf":
                for _, entry in avif.boxes(body[8 if body[0] else 6 :]):
                    number, kind = _described(entry)
                    self._kinds.setdefault(number, set()).add(kind)
            elif name == b"iprp":
                self._read_properties(body)
            elif name == b"iref":
                self._references += self._referred(body)
        for name, body in boxes:
            if name == b"iloc":
                self._read_items(body, stored)

    def shown(self) -> list[int]:
        """The item that is shown, and all that it is made of or covered by."""
        found = [self._primary]
        for item in found:
            for kind, source, targets in self._references:
                more = targets if kind == b"dimg" and source == item else []
                more = [source] if kind == b"auxl" and item in targets else more
                found += [number for number in dict.fromkeys(more) if number not in found]
        return found

    def of(self, item: int, name: bytes) -> list[bytes]:
        """The properties of a name that an item has."""
        owned = [self.properties[index - 1] for index in self._owned.get(item, []) if 0 < index <= len(self.properties)]
        return [value for other, value in owned if other == name]

    def _read_items(self, iloc: memoryview, stored: list[bytes]) -> None:
        for number, where, extents in self._places(iloc):
            for kind in sorted(self._kinds.get(number, set()) & {b"av01", b"grid"}):
                body = self._avif.read(stored[0] if where else self._avif.whole(), extents)
                if kind == b"grid":
                    self.grids.append(body)
                else:
                    self.streams.setdefault(number, []).extend(self._avif.sequences(body))

    def _read_properties(self, iprp: memoryview) -> None:
        """The properties, and which items have them (23008-12 §9.3)."""
        for name, body in self._avif.boxes(iprp):
            if name == b"ipco":
                self.properties += [(kind, bytes(value)) for kind, value in self._avif.boxes(body)]
            elif name == b"ipma":
                read = _reader(body, 4)
                for _ in range(read(4)):
                    number = read(4 if body[0] else 2)
                    size = 2 if body[3] & 1 else 1
                    for _ in range(read(1)):
                        self._avif.count()
                        self._owned.setdefault(number, []).append(read(size) & (0x7FFF if size == 2 else 0x7F))
                    self._avif.count()

    def _referred(self, iref: memoryview) -> Iterator[tuple[bytes, int, list[int]]]:
        """Each reference: its kind, the item that has it, and those that it names (14496-12 §8.11.12)."""
        size = 4 if iref[0] else 2
        for kind, body in self._avif.boxes(iref[4:]):
            read = _reader(body, 0)
            source, targets = read(size), []
            for _ in range(read(2)):
                self._avif.count()
                targets.append(read(size))
            yield kind, source, targets

    def _places(self, iloc: memoryview) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
        """Each item's number, whether it is stored with its description, and where (14496-12 §8.11.3)."""
        version, sizes = iloc[0], struct.unpack_from(">H", iloc, 4)[0]
        offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        read = _reader(iloc, 6)
        for _ in range(read(4 if version == 2 else 2)):
            self._avif.count()
            number = read(4 if version == 2 else 2)
            where = read(2) & 15 if version else 0
            read(2)
            base = read(base_size)
            extents = []
            for _ in range(read(2)):
                self._avif.count()
                read(index_size if version else 0)
                extents.append((base + read(offset_size), read(length_size)))
            if where > 1:
                raise ValueError("an item within an item")
            yield number, where, extents


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
