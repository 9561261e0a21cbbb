"""Image files, looked through before libvips opens them, for what it would believe, count or unpack without end.

What a file says of its width and height libvips reads well, and `renderer` holds to its limits. Here is the rest: the
frames and chunks of a GIF or WebP, which take it long to count; the scans of a JPEG, each of which goes over all
pixels; the texts of a PNG, which unpack to gigabytes; and by `avif` the size that an AVIF's stream has.
Who reads these differently than libvips does must err on the side of more.
"""

import re
from typing import Final

from chalicelib.core.problems import ImageBroken, ImageTooLarge

from . import avif
from .parts import Parts

_MOST_SCANS: Final = 100  # a progressive JPEG has some ten
_MOST_FRAMES: Final = 500

_GIF_BLOCK: Final = 200  # bytes: encoders fill each to 255, but the last of a frame
_JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")  # ITU T.81 §B.1.1.3, but those that stand alone


def checked(data: bytes, kind: str, most_avif: int) -> bytes:
    """Return what libvips may open of an image; all but its metadata.

    Args:
        data: the file.
        kind: its media type, as `images.kind_of` tells.
        most_avif: pixels that an AVIF's stream may have.

    Raises:
        ImageTooLarge: it has more parts, frames, scans or pixels than it may have.
        ImageBroken: its structure cannot be.
    """
    match kind:
        case "image/gif":
            _check_gif(data)
        case "image/webp":
            _check_webp(data)
        case "image/jpeg":
            _check_scans(data)
        case "image/png":
            return _without_texts(data)
        case "image/avif":
            return avif.still(data, most_avif)
    return data


def _check_frames(frames: int) -> None:
    if frames > _MOST_FRAMES:
        raise ImageTooLarge(f"The image has more than {_MOST_FRAMES:,} frames.")


def _check_gif(data: bytes) -> None:
    """Count the frames; the last may not break off, of which libvips shows what there is (GIF89a §18 to 20)."""
    parts, pieces = Parts(), Parts(len(data) // _GIF_BLOCK)
    frames = 0
    try:
        place = 13 + _colours(data[10])
        while place < len(data) and data[place] in b"!,":
            parts.count()
            if data[place] == ord(","):
                frames += 1
                _check_frames(frames)
                place += 11 + _colours(data[place + 9])
            else:
                place += 2
            while size := data[place]:
                pieces.count()
                place += size + 1
            place += 1
    except IndexError:
        raise ImageBroken() from None


def _colours(flags: int) -> int:
    """How many bytes a table of colours has, if there is one."""
    return 6 << (flags & 7) if flags & 0x80 else 0


def _check_webp(data: bytes) -> None:
    """Count the frames, and the chunks, of which libwebp makes lists (WebP Container Specification)."""
    _check_frames(data.count(b"ANMF"))  # by chance that stands in one file of a hundred, and once
    parts, place = Parts(), 12
    while place + 8 <= len(data):
        parts.count()
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 24 if data[place : place + 4] == b"ANMF" else 8 + size + size % 2


def _check_scans(data: bytes) -> None:
    parts = Parts()
    scans, place = 0, 2
    while (marker := _JPEG_MARKER.search(data, place)) and marker.group() != b"\xff\xd9":
        parts.count()
        place = marker.end() + (int.from_bytes(data[marker.end() : marker.end() + 2]) or 2)
        scans += marker.group() == b"\xff\xda"
        if scans > _MOST_SCANS:
            raise ImageTooLarge(f"The image is stored in more than {_MOST_SCANS:,} scans.")


def _without_texts(data: bytes) -> bytes:
    """A PNG without its chunks of text, that may be packed (PNG §11.3.3)."""
    parts = Parts()
    kept, start, place = [], 0, 8
    while place + 8 <= len(data):
        parts.count()
        end = place + 12 + int.from_bytes(data[place : place + 4])
        if data[place + 4 : place + 8] in (b"zTXt", b"iTXt", b"tEXt"):
            kept.append(data[start:place])
            start = end
        place = end
    return b"".join((*kept, data[start:])) if start else data
