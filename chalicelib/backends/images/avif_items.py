"""AVIF items: the description of a file's pictures in one `meta` box (ISO/IEC 23008-12 and ISO/IEC 14496-12).

Everything here raises IndexError, ValueError or struct.error for a structure that is impossible, or that no encoder
writes.
"""

import struct
from collections.abc import Iterator
from typing import Final

from .av1 import SequenceHeader, sequence_headers
from .iso_boxes import BoxFile, number_reader

# The kinds of items that the decoder decodes, or that are known to stay undecoded.
_KNOWN_KINDS: Final = (b"av01", b"grid", b"Exif", b"mime", b"uri ", b"tmap")
_IN_THE_FILE: Final = 0  # as the construction method of an item
_IN_THE_META_BOX: Final = 1

_Extents = list[tuple[int, int]]


class Items:
    """The items of one `meta` box.

    Args:
        file: the whole file.
        meta: the body of the box, without version and flags.

    Attributes:
        properties: name and body of each property.
        streams: the sequence headers of each item that is an AV1 picture.
        grids: the bodies of the items that are grids: pictures made of tiles.
    """

    def __init__(self, file: BoxFile, meta: memoryview) -> None:
        self._file = file
        self.properties: list[tuple[bytes, bytes]] = []
        self.streams: dict[int, list[SequenceHeader]] = {}
        self.grids: list[bytes] = []
        self._primary = 0
        self._kinds: dict[int, set[bytes]] = {}
        self._properties_of_items: dict[int, list[int]] = {}
        self._references: list[tuple[bytes, int, list[int]]] = []
        boxes = list(file.boxes(meta))
        data_boxes = [bytes(box.body) for box in boxes if box.name == b"idat"]
        if len(data_boxes) > 1:
            raise ValueError("two `idat` boxes, of which the decoder reads one")
        for box in boxes:
            self._read_description(box.name, box.body)
        for box in boxes:
            if box.name == b"iloc":
                self._read_bodies(box.body, data_boxes)

    def shown(self) -> list[int]:
        """Return the primary item, then all items that it is made of, and their alpha."""
        shown = [self._primary]
        for item in shown:
            for kind, source, targets in self._references:
                if kind == b"auxl" and item in targets:
                    more = [source]
                else:
                    more = targets if kind == b"dimg" and source == item else []
                shown += [number for number in dict.fromkeys(more) if number not in shown]
        return shown

    def properties_of(self, item: int, name: bytes) -> list[bytes]:
        """Return the bodies of the properties that an item has under a name."""
        indexes = self._properties_of_items.get(item, [])
        properties = [self.properties[index - 1] for index in indexes if 0 < index <= len(self.properties)]
        return [body for property_name, body in properties if property_name == name]

    def _read_description(self, name: bytes, body: memoryview) -> None:
        match name:
            case b"pitm":
                self._primary = int.from_bytes(body[4 : 8 if body[0] else 6])
            case b"iinf":
                for entry in self._file.boxes(body[8 if body[0] else 6 :]):
                    number, kind = _item_entry(entry.body)
                    self._kinds.setdefault(number, set()).add(kind)
            case b"iprp":
                self._read_properties(body)
            case b"iref":
                self._references += self._read_references(body)

    def _read_properties(self, iprp: memoryview) -> None:
        """Read the properties, and which items have them (23008-12 §9.3)."""
        for box in self._file.boxes(iprp):
            if box.name == b"ipco":
                self.properties += [(each.name, bytes(each.body)) for each in self._file.boxes(box.body)]
            elif box.name == b"ipma":
                self._read_owners(box.body)

    def _read_owners(self, ipma: memoryview) -> None:
        read = number_reader(ipma, 4)
        item_bytes = 4 if ipma[0] else 2
        index_bytes, index_mask = (2, 0x7FFF) if ipma[3] & 1 else (1, 0x7F)
        for _ in range(read(4)):
            item = read(item_bytes)
            for _ in range(read(1)):
                self._file.parts.count()
                self._properties_of_items.setdefault(item, []).append(read(index_bytes) & index_mask)
            self._file.parts.count()

    def _read_references(self, iref: memoryview) -> Iterator[tuple[bytes, int, list[int]]]:
        """Yield each reference: its kind, the item that has the reference, and the items that it names (§8.11.12)."""
        item_bytes = 4 if iref[0] else 2
        for box in self._file.boxes(iref[4:]):
            read = number_reader(box.body, 0)
            source, targets = read(item_bytes), []
            for _ in range(read(2)):
                self._file.parts.count()
                targets.append(read(item_bytes))
            yield box.name, source, targets

    def _read_bodies(self, iloc: memoryview, data_boxes: list[bytes]) -> None:
        """Read the streams and the grids."""
        for number, method, extents in self._locations(iloc):
            for kind in sorted(self._kinds.get(number, set()) & {b"av01", b"grid"}):
                body = self._file.read(data_boxes[0] if method == _IN_THE_META_BOX else self._file.data, extents)
                if kind == b"grid":
                    self.grids.append(body)
                else:
                    self.streams.setdefault(number, []).extend(sequence_headers(body, self._file.parts))

    def _locations(self, iloc: memoryview) -> Iterator[tuple[int, int, _Extents]]:
        """Yield each item's number, construction method and extents (14496-12 §8.11.3)."""
        version, sizes = iloc[0], struct.unpack_from(">H", iloc, 4)[0]
        offset_bytes, length_bytes, base_bytes, index_bytes = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        read = number_reader(iloc, 6)
        item_bytes = 4 if version == 2 else 2
        for _ in range(read(item_bytes)):
            self._file.parts.count()
            number = read(item_bytes)
            method = read(2) & 15 if version else _IN_THE_FILE
            read(2)
            base = read(base_bytes)
            extents = []
            for _ in range(read(2)):
                self._file.parts.count()
                read(index_bytes if version else 0)
                extents.append((base + read(offset_bytes), read(length_bytes)))
            if method > _IN_THE_META_BOX:
                raise ValueError("an item inside another item")
            yield number, method, extents


def _item_entry(entry: memoryview) -> tuple[int, bytes]:
    """An item's number and kind (14496-12 §8.11.6)."""
    number, _, kind = struct.unpack_from(">IH4s" if entry[0] == 3 else ">HH4s", entry, 4)
    texts = bytes(entry[14 if entry[0] == 3 else 12 :]).split(b"\0")
    is_compressed = kind == b"mime" and any(texts[2:])
    if entry[0] < 2 or kind not in _KNOWN_KINDS or is_compressed:
        raise ValueError("an item of an unknown kind, or a compressed item")
    return number, kind
