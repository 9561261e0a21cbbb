"""Colours that a file declares by numbers, and ICC profiles made of these numbers: libvips converts by profiles only.

Sources: ITU-T H.273 for the code points of AVIF and of PNG's cICP, ICC.1 for the profiles.
"""

import struct
from typing import Final, NamedTuple

_Pair = tuple[float, float]
_Matrix = list[list[float]]

_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
_BT709: Final = (_D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_BT601: Final = (_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
_P3: Final = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))

# The primaries of H.273 table 2: white, red, green and blue as CIE xy. Every other code point is read as BT.709.
_PRIMARIES: Final[dict[int, tuple[_Pair, ...]]] = {
    4: (_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: (_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: _BT601,
    7: _BT601,
    8: (_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.314, 0.351), *_P3),
    12: (_D65, *_P3),
    22: (_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
# The exponents of H.273 table 3. Every other code point is read as the curve of sRGB; browsers read curves of video so.
_EXPONENTS: Final = {4: 2.2, 5: 2.8, 8: 1.0}

_SRGB_EXPONENT: Final = 2.2  # gAMA stands for the curve of sRGB with this exponent (PNG §11.3.2.5)
_SRGB_CURVE: Final = (
    3,
    (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
)  # IEC 61966-2-1, written as in ICC.1 §10.18
_EXPONENT_TOLERANCE: Final = 0.05  # libpng and browsers ignore a smaller difference
_COORDINATE_TOLERANCE: Final = 0.002  # the rounding errors of programs that write sRGB

_WHITE_D50: Final = (0.9642, 1.0, 0.8249)  # ICC.1 §7.2.16
_BRADFORD: Final = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]


class Colours(NamedTuple):
    """The meaning of an image's values.

    Attributes:
        primaries: white, red, green and blue as CIE xy.
        exponent: light is the value to the power of this number; 0 stands for the curve of sRGB.
        narrow: black is 16 and white 235 of 255.
    """

    primaries: tuple[_Pair, ...] = _BT709
    exponent: float = 0
    narrow: bool = False


def of_code_points(primaries: int, transfer: int, narrow: bool) -> Colours:
    """Return the colours that code points of H.273 stand for."""
    return Colours(_PRIMARIES.get(primaries, _BT709), _EXPONENTS.get(transfer, 0), narrow)


def of_png(exponent: float, primaries: tuple[_Pair, ...]) -> Colours:
    """Return the colours that gAMA and cHRM stand for; exactly sRGB if the numbers are near to it (PNG §11.3.2)."""
    is_srgb = abs(exponent / _SRGB_EXPONENT - 1) < _EXPONENT_TOLERANCE and _is_bt709(primaries)
    return Colours() if is_srgb else Colours(primaries, exponent)


def profile(colours: Colours, is_grey: bool) -> bytes | None:
    """Return the ICC profile of some colours; None if the colours are sRGB's, or are impossible.

    Args:
        colours: the colours that the file declares.
        is_grey: the image has no colour, so its profile has only a curve.
    """
    curve = (0, (colours.exponent,)) if colours.exponent else _SRGB_CURVE
    if not colours.exponent and (is_grey or _is_bt709(colours.primaries)):
        return None
    try:
        tags = {b"kTRC": _curve(*curve)} if is_grey else _matrix_tags(colours.primaries, _curve(*curve))
    except (ArithmeticError, struct.error):
        return None  # such primaries, or such a curve, do not exist
    return _icc(b"GRAY" if is_grey else b"RGB ", tags)


def _is_bt709(primaries: tuple[_Pair, ...]) -> bool:
    pairs = zip(primaries, _BT709, strict=True)
    return all(abs(a - b) < _COORDINATE_TOLERANCE for pair in pairs for a, b in zip(*pair, strict=True))


def _matrix_tags(primaries: tuple[_Pair, ...], curve: bytes) -> dict[bytes, bytes]:
    """The tags of a matrix and three curves. Bradford's method adapts the primaries to D50 (ICC.1 annex E)."""
    white, *columns = ([x / y, 1, (1 - x - y) / y] for x, y in primaries)
    matrix = [list(row) for row in zip(*columns, strict=True)]
    amounts = _times(_inverse(matrix), white)
    cones = zip(_times(_BRADFORD, list(_WHITE_D50)), _times(_BRADFORD, white), strict=True)
    ratios = [d50 / own for d50, own in cones]
    tags = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    for name, column, amount in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, amounts, strict=True):
        adapted = [cone * ratio for cone, ratio in zip(_times(_BRADFORD, column), ratios, strict=True)]
        tags[name] = _xyz([value * amount for value in _times(_inverse(_BRADFORD), adapted)])
    return tags


def _times(matrix: _Matrix, vector: list[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _inverse(matrix: _Matrix) -> _Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    adjugate = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    return [[value / determinant for value in row] for row in adjugate]


def _fixed(*values: float) -> bytes:
    """Numbers of type s15Fixed16 (ICC.1 §4.6)."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(values: list[float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _curve(kind: int, numbers: tuple[float, ...]) -> bytes:
    """A parametric curve (ICC.1 §10.18)."""
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + _fixed(*numbers)


def _icc(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of version 4 for a display (ICC.1 §7)."""
    text = b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 4, 28) + "ok".encode("utf-16-be")
    tags = {b"desc": text, b"cprt": text, b"wtpt": _xyz(list(_WHITE_D50))} | tags
    place, table, bodies = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, place + len(bodies), len(body))
        bodies += body
    size = place + len(bodies)
    header = struct.pack(">I4xI4s4s4s12x4s28x", size, 0x04300000, b"mntr", space, b"XYZ ", b"acsp")
    return header + _fixed(*_WHITE_D50) + bytes(48) + struct.pack(">I", len(tags)) + table + bodies
