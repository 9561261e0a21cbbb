"""Containers: every image file is checked here before libvips opens the file.

libvips reads the width and the height of a file well, and `limits` judges these. The parsers of this package find the
rest: things that libvips or its decoders would believe, count or unpack without an end. README.md lists them.
A parser that reads a file differently than libvips must count more than libvips, never less.
"""

from typing import Final, NamedTuple

from . import avif, jpeg, png
from .colours import Colours
from .limits import MAX_AVIF_SOURCE_PIXELS, PartCounter, check_frames

_RIFF_HEADER_BYTES: Final = 12
_ANIMATION_FRAME: Final = b"ANMF"
_FRAME_HEADER_BYTES: Final = 24  # the chunk's header and the frame's place; chunks of its picture follow


class CheckedFile(NamedTuple):
    """An image file that libvips may open.

    Attributes:
        data: the file, without its compressed texts.
        colours: the colours that the file declares by other means than a profile, which libvips reads; None for no such
            declaration.
    """

    data: bytes
    colours: Colours | None = None


def check_file(data: bytes, media_type: str, max_avif_pixels: int = MAX_AVIF_SOURCE_PIXELS) -> CheckedFile:
    """Return the file that libvips may open instead of an image file: the same picture, without some metadata.

    Args:
        data: the file. A GIF is not checked here: `gif.parse` reads it.
        media_type: of the file, as `image_parameters.kind_of` returns it.
        max_avif_pixels: limit for the stream of an AVIF.

    Raises:
        ImageTooLarge: too many parts, frames, scans or pixels.
        NotAnImage: an AVIF that its decoder cannot read.
        ImageBroken: the structure of the file is impossible.
    """
    match media_type:
        case "image/webp":
            _check_webp(data)
        case "image/jpeg":
            return CheckedFile(jpeg.with_end_marker(data))
        case "image/png":
            return CheckedFile(*png.without_texts(data))
        case "image/avif":
            return CheckedFile(*avif.still_picture(data, max_avif_pixels))
    return CheckedFile(data)


def _check_webp(data: bytes) -> None:
    """Count the frames and the chunks: libwebp makes lists of both (WebP Container Specification)."""
    check_frames(data.count(_ANIMATION_FRAME))  # one file of a hundred has these letters by chance, and has them once
    parts, position = PartCounter(), _RIFF_HEADER_BYTES
    while position + 8 <= len(data):
        parts.count()
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        is_frame = data[position : position + 4] == _ANIMATION_FRAME
        position += _FRAME_HEADER_BYTES if is_frame else 8 + size + size % 2
