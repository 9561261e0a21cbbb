"""Sizes: from the size of an image and the request, the size of the result, for each `fit`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from chalicelib.core.web.image_parameters import MAX_SIDE_PIXELS, Rendition

from .libvips import field

if TYPE_CHECKING:
    import pyvips

_Size = tuple[int, int]  # width and height in pixels

_FIRST_TURNED_ORIENTATION: Final = 5  # EXIF 2.32 §4.6.4: from 5 to 8, the width is stored as the height
# libjpeg shrinks by these factors while it decodes.
_JPEG_SHRINKS: Final = (8, 4, 2)
_JPEG_ROWS: Final = 8  # of a JPEG, which libvips reads at a time


def scaled_size(header: "pyvips.Image", rendition: Rendition) -> _Size:
    """Return the size that the upright image is scaled to, before its edges are cut off."""
    return SCALED_SIZES[rendition.fit](_turned(header, (header.width, header.height)), rendition)


def result_size(scaled: _Size, rendition: Rendition) -> _Size:
    """Return the size of the result, after its edges are cut off."""
    return scaled if rendition.fit == "contain" else (rendition.width, rendition.height)


def shrink_factor(header: "pyvips.Image", scaled: _Size) -> float:
    """Return the factor by which both sides are shrunk at least."""
    width, height = _turned(header, scaled)
    return min(int(header.width) / width, int(header.height) / height)


def jpeg_shrink(header: "pyvips.Image", factor: float) -> int:
    """Return by how much libjpeg shrinks a JPEG while it decodes, which leaves half of the factor to a better filter.

    libvips reads eight rows at a time, and drops a last row that is not whole. So the last row must not be read alone.
    """
    for shrink in _JPEG_SHRINKS:
        if factor >= 2 * shrink and (header.height % shrink == 0 or header.height // shrink % _JPEG_ROWS):
            return shrink
    return 1


def _turned(header: "pyvips.Image", size: _Size) -> _Size:
    """The size with its sides swapped if the image is stored on its side."""
    return size[::-1] if field(header, "orientation", 1) >= _FIRST_TURNED_ORIENTATION else size


def _contain(upright: _Size, rendition: Rendition) -> _Size:
    scale = min(1, *_scales(upright, rendition))
    return _nearest(upright[0] * scale), _nearest(upright[1] * scale)


def _cover(upright: _Size, rendition: Rendition) -> _Size:
    scale = max(_scales(upright, rendition))
    return max(rendition.width, _nearest(upright[0] * scale)), max(rendition.height, _nearest(upright[1] * scale))


def _fill(_: _Size, rendition: Rendition) -> _Size:
    return rendition.width, rendition.height


# `image_parameters.FITS` names the same fits: a test compares the two.
SCALED_SIZES: Final[Mapping[str, Callable[[_Size, Rendition], _Size]]] = {
    "contain": _contain,
    "cover": _cover,
    "fill": _fill,
}


def _scales(upright: _Size, rendition: Rendition) -> tuple[float, float]:
    """The scale that each side asks for."""
    width, height = upright
    return (rendition.width or MAX_SIDE_PIXELS) / width, (rendition.height or MAX_SIDE_PIXELS) / height


def _nearest(pixels: float) -> int:
    """A side in whole pixels, at least one. A half is rounded up; Python's `round` takes the even neighbour."""
    return max(1, int(pixels + 0.5))
