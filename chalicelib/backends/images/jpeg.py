"""JPEG files: the number of their scans, and the parts of the picture that no scan brings.

A decoder goes over all pixels for each scan of a progressive JPEG, so a small file can cost much.
Source: ITU T.81, by section.
"""

import re
from typing import Final

from chalicelib.core.web.problems.images import ImageBroken, ImageTooLarge

from .limits import MAX_SCANS, PartCounter

_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")  # §B.1.1.3, without the markers that have no segment
_END: Final = b"\xff\xd9"
_FRAME_HEADERS: Final = (0xC0, 0xC1, 0xC2)
_SCAN_HEADER: Final = 0xDA
_MIN_SCAN_HEADER_BYTES: Final = 6  # for one component
_COEFFICIENTS: Final = 64  # of a block


def with_end_marker(data: bytes) -> bytes:
    """Return a JPEG with its end marker; libvips takes a JPEG without the marker for incomplete.

    Raises:
        ImageTooLarge: too many scans or segments.
        ImageBroken: a segment is incomplete, or the end marker and whole scans are missing (§G.1.1.1). The decoder
            notices a scan that is incomplete.
    """
    parts, missing = PartCounter(), _MissingBits()
    scans, position = 0, 2
    while marker := _MARKER.search(data, position):
        if marker.group() == _END:
            return data
        parts.count()
        start = marker.end()
        position = start + (int.from_bytes(data[start : start + 2]) or 2)
        if position > len(data):
            raise ImageBroken()
        code = marker.group()[1]
        missing.read_segment(code, data[start + 2 : position])
        scans += code == _SCAN_HEADER
        if scans > MAX_SCANS:
            raise ImageTooLarge(f"The image is stored in more than {MAX_SCANS:,} scans.")
    if missing:
        raise ImageBroken()
    return data.rstrip(b"\xff") + _END


class _MissingBits:
    """The bits of each component's coefficients that no scan has brought yet; true while any bit is missing."""

    def __init__(self) -> None:
        self._bits: dict[int, list[int]] = {}  # for each component and coefficient, the number of missing low bits

    def read_segment(self, marker: int, body: bytes) -> None:
        """Read a frame header, which lists the components, or a scan header (§B.2.2, §B.2.3).

        Raises:
            ImageBroken: a scan header is too short.
        """
        if marker in _FRAME_HEADERS:
            self._bits = {component: [1] * _COEFFICIENTS for component in body[6::3]}
        elif marker == _SCAN_HEADER:
            if len(body) < _MIN_SCAN_HEADER_BYTES:
                raise ImageBroken()
            first, last, low_bits = body[-3], body[-2], body[-1] & 15
            for component in body[1 : 1 + 2 * body[0] : 2]:
                if component in self._bits:
                    count = min(last, _COEFFICIENTS - 1) - first + 1
                    self._bits[component][first : last + 1] = [low_bits] * count

    def __bool__(self) -> bool:
        """Return True also before the first frame header."""
        return not self._bits or any(any(bits) for bits in self._bits.values())
