"""Image files, looked through before libvips opens them, for what it would believe, count or unpack without end.

What a file says of its width and height libvips reads well, and `renderer` holds to its limits. Here is the rest: the
frames and chunks of a WebP, which take it long to count; the scans of a JPEG, each of which goes over all pixels; the
texts of a PNG, which unpack to gigabytes; by `avif` the size that an AVIF's stream has; and the colours that libvips
does not read. A GIF is read by `gif`.
Who reads these differently than libvips does must err on the side of more.
"""

import re
import struct
from typing import Final, NamedTuple

from chalicelib.core.web.problems import ImageBroken, ImageTooLarge

from . import avif
from .colours import Colours, of_code_points, of_png
from .parts import Parts

_MAX_SCANS: Final = 100  # a progressive JPEG has some ten
_MAX_FRAMES: Final = 500

_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")  # ITU T.81 §B.1.1.3, but those that stand alone
_FRAMES: Final = (0xC0, 0xC1, 0xC2)
_SCAN: Final = 0xDA
_SCAN_BYTES: Final = 6  # of the header of a scan of one component

_COLOUR_CHUNKS: Final = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_SRGB_GAMMA: Final = struct.pack(">I", 45_455)  # with these chromaticities what PNG §11.3.2.5 says of sRGB
_SRGB_CHROMATICITIES: Final = struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)


class Checked(NamedTuple):
    """An image that libvips may open.

    Attributes:
        data: the file, without the texts that are packed in it.
        colours: what it declares by other means than a profile, which libvips reads; None for no such means.
    """

    data: bytes
    colours: Colours | None = None


def checked(data: bytes, kind: str, most_avif: int) -> Checked:
    """Return what libvips may open of an image; all but its metadata.

    Args:
        data: the file.
        kind: its media type, as `images.kind_of` tells.
        most_avif: pixels that an AVIF's stream may have.

    Raises:
        ImageTooLarge: it has more parts, frames, scans or pixels than it may have.
        NotAnImage: an AVIF of more bits than its decoder takes.
        ImageBroken: its structure cannot be.
    """
    match kind:
        case "image/webp":
            _check_webp(data)
        case "image/jpeg":
            return Checked(_ended(data))
        case "image/png":
            return _png(data)
        case "image/avif":
            return Checked(*avif.still(data, most_avif))
    return Checked(data)


def _check_frames(frames: int) -> None:
    if frames > _MAX_FRAMES:
        raise ImageTooLarge(f"The image has more than {_MAX_FRAMES:,} frames.")


def _check_webp(data: bytes) -> None:
    """Count the frames, and the chunks, of which libwebp makes lists (WebP Container Specification)."""
    _check_frames(data.count(b"ANMF"))  # by chance that stands in one file of a hundred, and once
    parts, place = Parts(), 12
    while place + 8 <= len(data):
        parts.count()
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 24 if data[place : place + 4] == b"ANMF" else 8 + size + size % 2


def _ended(data: bytes) -> bytes:
    """A JPEG with its end marker, without which libvips takes the whole of it for cut off.

    Whether its picture breaks off its decoder tells, but for scans that are missing whole (ITU T.81 §G.1.1.1).
    """
    parts, missing = Parts(), _Missing()
    scans, place = 0, 2
    while marker := _JPEG_MARKER.search(data, place):
        if marker.group() == b"\xff\xd9":
            return data
        parts.count()
        start = marker.end()
        place = start + (int.from_bytes(data[start : start + 2]) or 2)
        if place > len(data):
            raise ImageBroken()
        missing.see(marker.group()[1], data[start + 2 : place])
        scans += marker.group() == b"\xff\xda"
        if scans > _MAX_SCANS:
            raise ImageTooLarge(f"The image is stored in more than {_MAX_SCANS:,} scans.")
    if missing.anything():
        raise ImageBroken()
    return data.rstrip(b"\xff") + b"\xff\xd9"


class _Missing:
    """The bits of a JPEG's components that no scan has brought yet."""

    def __init__(self) -> None:
        self._bits: dict[int, list[int]] = {}

    def see(self, marker: int, body: bytes) -> None:
        """Take note of a segment: a frame, which says what components there are, or a scan (ITU T.81 §B.2.2, B.2.3).

        Raises:
            ImageBroken: the header of a scan is too short.
        """
        if marker in _FRAMES:
            self._bits = {component: [1] * 64 for component in body[6::3]}
        elif marker == _SCAN:
            if len(body) < _SCAN_BYTES:
                raise ImageBroken()
            first, last, low = body[-3], body[-2], body[-1] & 15
            for component in body[1 : 1 + 2 * body[0] : 2]:
                if component in self._bits:
                    self._bits[component][first : last + 1] = [low] * (min(last, 63) - first + 1)

    def anything(self) -> bool:
        """Whether anything is missing of any component."""
        return not self._bits or any(any(bits) for bits in self._bits.values())


def _png(data: bytes) -> Checked:
    """A PNG without its chunks of text, that may be packed (PNG §11.3.3), and what it declares of its colours."""
    parts = Parts()
    kept, start, place = [], 0, 8
    declared: dict[bytes, bytes] = {}
    while place + 8 <= len(data):
        parts.count()
        name, size = data[place + 4 : place + 8], int.from_bytes(data[place : place + 4])
        end = place + 12 + size
        if name in (b"zTXt", b"iTXt", b"tEXt"):
            kept.append(data[start:place])
            start = end
        elif name in _COLOUR_CHUNKS and b"IDAT" not in declared:
            declared.setdefault(name, data[place + 8 : end - 4])
        elif name == b"IDAT":
            declared.setdefault(name, b"")
        place = end
    return Checked(b"".join((*kept, data[start:])) if start else data, _png_colours(declared))


def _png_colours(declared: dict[bytes, bytes]) -> Colours | None:
    """The colours that chunks declare, by their precedence (PNG §4.3)."""
    try:
        if b"cICP" in declared:
            primaries, transfer, _, is_full = struct.unpack(">4B", declared[b"cICP"])
            return of_code_points(primaries, transfer, narrow=not is_full)
        if b"iCCP" in declared or b"sRGB" in declared:
            return None
        numbers = [number / 100_000 for number in struct.unpack(">8I", declared.get(b"cHRM", _SRGB_CHROMATICITIES))]
        (gamma,) = struct.unpack(">I", declared.get(b"gAMA", _SRGB_GAMMA))
        return of_png(100_000 / gamma, tuple(zip(numbers[::2], numbers[1::2], strict=True)))
    except (ArithmeticError, struct.error):
        return None
