"""PNG files: their texts, which can unpack to gigabytes, and the colours that they declare.

Source: the PNG specification, third edition, by section.
"""

import struct
from typing import Final

from .colours import Colours, of_code_points, of_png
from .limits import PartCounter

_SIGNATURE_BYTES: Final = 8
_CHUNK_BYTES: Final = 12  # of a chunk without its body: length, name and checksum
_TEXTS: Final = (b"zTXt", b"iTXt", b"tEXt")  # §11.3.3
_COLOURS: Final = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_PIXELS: Final = b"IDAT"

# The values of gAMA and cHRM that stand for sRGB (§11.3.2.5).
_SRGB_GAMMA: Final = struct.pack(">I", 45_455)
_SRGB_CHROMATICITIES: Final = struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)


def without_texts(data: bytes) -> tuple[bytes, Colours | None]:
    """Return a PNG without its texts, and the colours that the PNG declares by other means than a profile.

    Raises:
        ImageTooLarge: too many chunks.
    """
    parts = PartCounter()
    kept, start, position = [], 0, _SIGNATURE_BYTES
    declared: dict[bytes, bytes] = {}
    are_colours_over = False  # the chunks of colours come before the pixels
    while position + 8 <= len(data):
        parts.count()
        name, size = data[position + 4 : position + 8], int.from_bytes(data[position : position + 4])
        end = position + _CHUNK_BYTES + size
        if name in _TEXTS:
            kept.append(data[start:position])
            start = end
        elif name in _COLOURS and not are_colours_over:
            declared.setdefault(name, data[position + 8 : end - 4])
        elif name == _PIXELS:
            are_colours_over = True
        position = end
    return b"".join((*kept, data[start:])) if start else data, _declared_colours(declared)


def _declared_colours(declared: dict[bytes, bytes]) -> Colours | None:
    """The colours of the chunk that has precedence (§4.3)."""
    try:
        if b"cICP" in declared:
            primaries, transfer, _, is_full_range = struct.unpack(">4B", declared[b"cICP"])
            return of_code_points(primaries, transfer, narrow=not is_full_range)
        if b"iCCP" in declared or b"sRGB" in declared:
            return None
        numbers = [number / 100_000 for number in struct.unpack(">8I", declared.get(b"cHRM", _SRGB_CHROMATICITIES))]
        (gamma,) = struct.unpack(">I", declared.get(b"gAMA", _SRGB_GAMMA))
        return of_png(100_000 / gamma, tuple(zip(numbers[::2], numbers[1::2], strict=True)))
    except (ArithmeticError, struct.error):
        return None
