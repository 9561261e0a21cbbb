"""The sequence header of an AV1 stream: what its decoder would make, whatever the file around it says (AV1 §5.5)."""

from typing import Final, NamedTuple

_MAX_HEADER_BYTES: Final = 256  # of a header; one without the times of a film has fewer
_SELECTED: Final = 2  # SELECT_SCREEN_CONTENT_TOOLS (AV1 §3)


class Codes(NamedTuple):
    """What values mean.

    Attributes:
        primaries, transfer, matrix: code points of ITU-T H.273; 2 where they are not said.
        narrow: black is 16 and white 235, of 8 bits.
    """

    primaries: int
    transfer: int
    matrix: int
    narrow: bool


class Sequence(NamedTuple):
    """What a sequence header says.

    Attributes:
        pixels: how many frames have at most.
        bits: of a value: 8, 10 or 12.
        is_grey: there is no colour.
        codes: what its values mean.
    """

    pixels: int
    bits: int
    is_grey: bool
    codes: Codes


class _Bits:
    """Reads numbers of so many bits, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._place = 0

    def read(self, size: int) -> int:
        """Return the next number; raise ValueError where the data ends."""
        self._place += size
        if self._place > len(self._bits):
            raise ValueError("a header that breaks off")
        return int(self._bits[self._place - size : self._place], 2)


def sequence(header: bytes) -> Sequence:
    """Read a sequence header (AV1 §5.5.1).

    Raises:
        ValueError: it breaks off, or has the times of a film.
    """
    bits = _Bits(header[:_MAX_HEADER_BYTES])
    profile = bits.read(3)
    bits.read(1)
    is_still = bool(bits.read(1))
    if is_still:
        bits.read(5)
    else:
        _skip_operating_points(bits)
    width_size, height_size = bits.read(4) + 1, bits.read(4) + 1
    pixels = (bits.read(width_size) + 1) * (bits.read(height_size) + 1)
    if not is_still and bits.read(1):
        bits.read(7)
    bits.read(3)
    if not is_still:
        _skip_tools(bits)
    bits.read(3)
    return Sequence(pixels, *_colours(bits, profile))


def _skip_operating_points(bits: _Bits) -> None:
    if bits.read(1):
        raise ValueError("the times of a film")
    delayed = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)
        if delayed and bits.read(1):
            bits.read(4)


def _skip_tools(bits: _Bits) -> None:
    bits.read(4)
    has_order = bits.read(1)
    if has_order:
        bits.read(2)
    screen = _SELECTED if bits.read(1) else bits.read(1)
    if screen and not bits.read(1):
        bits.read(1)
    if has_order:
        bits.read(3)


def _colours(bits: _Bits, profile: int) -> tuple[int, bool, Codes]:
    """All attributes of a Sequence but the first (AV1 §5.5.2)."""
    depth = 10 if bits.read(1) else 8
    if profile == 2 and depth == 10 and bits.read(1):
        depth = 12
    is_grey = profile != 1 and bool(bits.read(1))
    primaries, transfer, matrix = (bits.read(8), bits.read(8), bits.read(8)) if bits.read(1) else (2, 2, 2)
    is_rgb = not is_grey and (primaries, transfer, matrix) == (1, 13, 0)
    return depth, is_grey, Codes(primaries, transfer, matrix, narrow=not (is_rgb or bits.read(1)))
