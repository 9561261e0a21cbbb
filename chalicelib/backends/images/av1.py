"""AV1 streams: the sequence header, from which the decoder takes the size of the picture (AV1 §5.5).

Source: AV1 Bitstream & Decoding Process Specification, by section.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .limits import PartCounter

_MAX_HEADER_BYTES: Final = 256  # a header without the timing of a film has fewer
_SELECT_SCREEN_CONTENT_TOOLS: Final = 2  # §3
_UNSPECIFIED: Final = 2  # as a code point of colours (§6.4.2)
_BT709, _SRGB, _IDENTITY = 1, 13, 0  # code points of primaries, transfer and matrix: together they mean RGB
_MIN_LEVEL_WITH_TIER: Final = 8

_ZEROS: Final = re.compile(b"\0*")
_SEQUENCE_HEADER: Final = 1  # the type of a unit


class ColourCodes(NamedTuple):
    """The meaning of the values of a picture.

    Attributes:
        primaries, transfer, matrix: code points of ITU-T H.273; 2 stands for unspecified.
        narrow: black is 16 and white 235, of 8 bits.
    """

    primaries: int
    transfer: int
    matrix: int
    narrow: bool


class SequenceHeader(NamedTuple):
    """A sequence header.

    Attributes:
        pixels: of the largest frame.
        bits: of a value: 8, 10 or 12.
        is_grey: the picture has no colour.
        codes: the meaning of its values.
    """

    pixels: int
    bits: int
    is_grey: bool
    codes: ColourCodes


def sequence_headers(stream: bytes, parts: PartCounter) -> Iterator[SequenceHeader]:
    """Yield the sequence headers among the units of a stream (§5.3).

    Args:
        stream: the units, one after the other.
        parts: counts the units.

    Raises:
        IndexError, ValueError: a unit or a header is incomplete, or no encoder of pictures writes it.
    """
    position = 0
    while position < len(stream):
        parts.count()
        unit = stream[position]
        if unit == 0:
            position = _ZEROS.match(stream, position).end()  # type: ignore[union-attr]  # the decoder skips zeros
            continue
        if not unit & 2:
            raise ValueError("a unit without its size, which the decoder refuses")
        position += 2 if unit & 4 else 1
        size = 0
        for shift in range(0, 56, 7):
            byte = stream[position]
            size |= (byte & 127) << shift
            position += 1
            if byte < 128:
                break
        if unit >> 3 & 15 == _SEQUENCE_HEADER:
            yield _sequence_header(stream[position : position + size])
        position += size


class _BitReader:
    """Reads one number after the other; each call tells the number of bits."""

    def __init__(self, data: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._position = 0

    def read(self, size: int) -> int:
        """Return the next number; raise ValueError at the end of the data."""
        self._position += size
        if self._position > len(self._bits):
            raise ValueError("an incomplete header")
        return int(self._bits[self._position - size : self._position], 2)


def _sequence_header(header: bytes) -> SequenceHeader:
    """Read one header (§5.5.1)."""
    bits = _BitReader(header[:_MAX_HEADER_BYTES])
    profile = bits.read(3)
    bits.read(1)
    is_still = bool(bits.read(1))  # such a header is shorter: `reduced_still_picture_header`
    if is_still:
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    pixels = (bits.read(width_bits) + 1) * (bits.read(height_bits) + 1)
    if not is_still and bits.read(1):
        bits.read(7)
    bits.read(3)
    if not is_still:
        _skip_tools(bits)
    bits.read(3)
    return SequenceHeader(pixels, *_colour_config(bits, profile))


def _skip_operating_points(bits: _BitReader) -> None:
    if bits.read(1):
        raise ValueError("the timing of a film")
    has_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) >= _MIN_LEVEL_WITH_TIER:
            bits.read(1)
        if has_delay and bits.read(1):
            bits.read(4)


def _skip_tools(bits: _BitReader) -> None:
    bits.read(4)
    has_order = bits.read(1)
    if has_order:
        bits.read(2)
    screen_tools = _SELECT_SCREEN_CONTENT_TOOLS if bits.read(1) else bits.read(1)
    if screen_tools and not bits.read(1):
        bits.read(1)
    if has_order:
        bits.read(3)


def _colour_config(bits: _BitReader, profile: int) -> tuple[int, bool, ColourCodes]:
    """All attributes of a SequenceHeader except `pixels` (§5.5.2)."""
    depth = 10 if bits.read(1) else 8
    if profile == 2 and depth == 10 and bits.read(1):
        depth = 12
    is_grey = profile != 1 and bool(bits.read(1))
    has_codes = bits.read(1)
    primaries, transfer, matrix = [bits.read(8) if has_codes else _UNSPECIFIED for _ in range(3)]
    is_rgb = not is_grey and (primaries, transfer, matrix) == (_BT709, _SRGB, _IDENTITY)
    return depth, is_grey, ColourCodes(primaries, transfer, matrix, narrow=not (is_rgb or bits.read(1)))
