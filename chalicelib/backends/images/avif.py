"""AVIF files: the still picture of a file, after a check of everything that the decoder would decode.

The stream of an AVIF tells the decoder its own size, whatever the boxes around the stream say.
"""

import struct
from functools import cached_property
from math import prod
from typing import Final, NamedTuple

from chalicelib.core.web.problems.images import ImageBroken, ImageTooLarge, NotAnImage

from .av1 import ColourCodes, SequenceHeader, sequence_headers
from .avif_items import Items
from .colours import Colours, of_code_points
from .iso_boxes import BoxFile

_MAX_BITS: Final = 8  # of a channel; libvips' decoder reads no more
# The matrices of H.273 table 4 that libheif knows. It reads YCgCo (8) in full range only.
_MATRICES: Final = (0, 1, 2, 4, 5, 6, 7, 8, 9, 12)
_YCGCO: Final = 8

_FULL_RANGE_FLAG: Final = 0x80
_LARGE_GRID_FLAG: Final = 1


class StillPicture(NamedTuple):
    """An AVIF with nothing but its still picture, also of a film.

    Attributes:
        data: the file.
        colours: the colours that libvips would not convert; None if the file has a profile.
    """

    data: bytes
    colours: Colours | None


def still_picture(data: bytes, max_pixels: int) -> StillPicture:
    """Return the still picture of an AVIF.

    Args:
        data: the file.
        max_pixels: limit for everything that will be decoded, and for every size that the file declares.

    Raises:
        ImageTooLarge: more pixels.
        NotAnImage: the decoder is not built for the bits or the colours of the image.
        ImageBroken: the structure of the file is impossible, or no encoder writes it.
    """
    try:
        avif = _Avif(BoxFile(data))
        if (pixels := avif.pixels()) > max_pixels:
            raise ImageTooLarge(f"The image has {pixels:,} pixels and may have {max_pixels:,}.")
        avif.check_decoder()
        return StillPicture(avif.without_film(), avif.colours())
    except (IndexError, ValueError, struct.error):
        raise ImageBroken() from None


class _Avif:
    """The pictures of an AVIF file."""

    def __init__(self, file: BoxFile) -> None:
        self._file = file
        boxes = file.boxes(memoryview(file.data))
        self._metas = [Items(file, box.body[4:]) for box in boxes if box.name == b"meta"]
        self._shown = [(meta, item) for meta in self._metas[:1] for item in meta.shown()]

    def pixels(self) -> int:
        """Return the most pixels of a stream, of all tiles of a grid, or of a declared size."""
        streams, canvases, cells = [0], [0], [1]
        for meta in self._metas:
            streams += [header.pixels for headers in meta.streams.values() for header in headers]
            for grid in meta.grids:
                width, height = struct.unpack_from(">II" if grid[1] & _LARGE_GRID_FLAG else ">HH", grid, 4)
                canvases.append(width * height)
                cells.append((grid[2] + 1) * (grid[3] + 1))
            for name, body in meta.properties:
                if name == b"ispe":
                    canvases.append(prod(struct.unpack_from(">II", body, 4)))
                elif name == b"av1C":
                    streams += [header.pixels for header in self._configured(body)]
        # The tiles of a grid may be grids, so the numbers of tiles are multiplied.
        return max(*canvases, max(streams) * prod(cells))

    def check_decoder(self) -> None:
        """Raise NotAnImage for an image that libvips' decoder cannot read, or would read wrongly."""
        codes = self._codes()
        if (bits := max((header.bits for header in self._headers), default=_MAX_BITS)) > _MAX_BITS:
            raise NotAnImage(f"The service reads no AVIF images of {bits} bits a channel. Send this image with 8 bits")
        if codes is None or self._is_grey():
            return
        if codes.matrix not in _MATRICES or (codes.matrix == _YCGCO and codes.narrow):
            raise NotAnImage(f"The service reads no AVIF images of the matrix {codes.matrix}. Send this image in sRGB")

    def colours(self) -> Colours | None:
        """Return the colours that the file declares, None if it has a profile or declares no colours."""
        codes = self._codes()
        if codes is None or any(colr[:4] in (b"prof", b"rICC") for colr in self._colour_properties()):
            return None
        # libheif stretches a narrow range of colours, but not of grey.
        return of_code_points(codes.primaries, codes.transfer, narrow=codes.narrow and self._is_grey())

    def without_film(self) -> bytes:
        """Return the file with items only, each byte at its place: a damaged description of a film crashes libheif."""
        data = bytearray(self._file.data)
        for box in self._file.boxes(memoryview(self._file.data)):
            size = len(box.body)
            if box.name == b"ftyp":
                # Without a name for the brands, their memory is free at once: there may be millions.
                data[box.body_start : box.body_start + size] = (b"avif\0\0\0\0" + b"mif1" * (size // 4))[:size]
            elif box.name not in (b"meta", b"mdat"):
                data[box.start + 4 : box.start + 8] = b"free"
        return bytes(data)

    @cached_property
    def _headers(self) -> list[SequenceHeader]:
        """The sequence headers of the picture: first its own headers, then the headers of its tiles and its alpha."""
        return [header for meta, item in self._shown for header in self._headers_of(meta, item)]

    def _headers_of(self, meta: Items, item: int) -> list[SequenceHeader]:
        """The headers of the item's stream; else the headers that configure its decoder (AVIF §2.2.1)."""
        configurations = meta.properties_of(item, b"av1C")
        return meta.streams.get(item) or [header for body in configurations for header in self._configured(body)]

    def _configured(self, av1c: bytes) -> list[SequenceHeader]:
        return list(sequence_headers(av1c[4:], self._file.parts))

    def _codes(self) -> ColourCodes | None:
        """The colours by `colr`, else by the stream (AVIF §2.1, MIAF §7.3.6.4)."""
        for colr in self._colour_properties():
            if colr[:4] == b"nclx":
                primaries, transfer, matrix, flags = struct.unpack_from(">HHHB", colr, 4)
                return ColourCodes(primaries, transfer, matrix, narrow=not flags & _FULL_RANGE_FLAG)
        return self._headers[0].codes if self._headers else None

    def _colour_properties(self) -> list[bytes]:
        return [colr for meta, item in self._shown for colr in meta.properties_of(item, b"colr")]

    def _is_grey(self) -> bool:
        return bool(self._headers) and self._headers[0].is_grey
