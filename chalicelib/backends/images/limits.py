"""Limits: what an image may have, so that rendering it fits into the memory and the time of a Lambda function.

Every limit is checked before a pixel is decoded. docs/images.md lists the limits for users.
"""

from typing import TYPE_CHECKING, Final

from chalicelib.core.web.problems.images import ImageTooLarge

if TYPE_CHECKING:
    import pyvips

MAX_PIXELS: Final = 50_000_000  # of all frames together, as many as the largest photos of phones have
# A JPEG or a GIF cannot have more, and libvips shrinks by 2**20 at most.
MAX_SOURCE_SIDE_PIXELS: Final = 65_535
# An AVIF is decoded whole, and held twice: as YUV and as RGB.
MAX_AVIF_SOURCE_PIXELS: Final = 16_000_000
# Nothing can interrupt the encoder of AVIF.
MAX_AVIF_RESULT_PIXELS: Final = 4_200_000
MAX_FRAMES: Final = 500
MAX_SCANS: Final = 100  # a progressive JPEG has about ten
_MAX_PARTS: Final = 20_000  # chunks, segments, boxes or units: many times what any encoder writes


class PartCounter:
    """Counts the parts of one file: each part costs time, however small the part is.

    Args:
        extra_parts: how many parts the file may have in addition, because of its size.
    """

    def __init__(self, extra_parts: int = 0) -> None:
        self._left = _MAX_PARTS + extra_parts

    def count(self) -> None:
        """Count one part; raise ImageTooLarge for one part too many."""
        self._left -= 1
        if self._left < 0:
            raise ImageTooLarge("The image has more parts than any encoder writes for an image of its size.")


def check_frames(frames: int) -> None:
    """Raise ImageTooLarge for too many frames."""
    if frames > MAX_FRAMES:
        raise ImageTooLarge(f"The image has more than {MAX_FRAMES:,} frames.")


def check_source(header: "pyvips.Image", *, frames: int, bytes_per_pixel: int, is_avif: bool) -> None:
    """Check an image by its header.

    Args:
        header: the opened image, before its pixels are decoded.
        frames: how many frames will be decoded.
        bytes_per_pixel: memory for one pixel while the image is decoded.
        is_avif: the image is an AVIF.

    Raises:
        ImageTooLarge: a side is too long, or the image has too many pixels.
    """
    if (side := max(header.width, header.height)) > MAX_SOURCE_SIDE_PIXELS:
        raise ImageTooLarge(f"A side of the image has {side:,} pixels and may have {MAX_SOURCE_SIDE_PIXELS:,}.")
    max_pixels = MAX_AVIF_SOURCE_PIXELS if is_avif else MAX_PIXELS
    pixels = header.width * header.height * frames
    if max(pixels, pixels * bytes_per_pixel // 4) > max_pixels:
        fewer = "; fewer, if it is a progressive JPEG or has 16 bits a channel" if pixels <= max_pixels else ""
        raise ImageTooLarge(f"The image has {pixels:,} pixels and may have {max_pixels:,}{fewer}.")


def check_result(size: tuple[int, int], frames: int, result_format: str) -> None:
    """Check the result before it is rendered.

    Args:
        size: width and height of the result in pixels.
        frames: of the result.
        result_format: one of `image_parameters.FORMATS`.

    Raises:
        ImageTooLarge: the result would have too many pixels.
    """
    max_pixels = MAX_AVIF_RESULT_PIXELS if result_format == "avif" else MAX_PIXELS
    pixels = size[0] * size[1] * frames
    if pixels > max_pixels:
        raise ImageTooLarge(f"The result would have {pixels:,} pixels. As {result_format} it may have {max_pixels:,}.")
