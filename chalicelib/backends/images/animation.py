"""Animations: the frames of a GIF drawn as browsers draw them, and frames joined into one animation.

libnsgif, libvips' decoder, guesses the size of the canvas, and clears to a colour where browsers clear to transparent.
So libvips decodes one frame at a time, and this module does the drawing. Chromium judges the result
(tests/browser/test_gif_frames.py).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from chalicelib.core.web.problems.images import ImageBroken

from . import libvips
from .gif import FRAME_PAGE, Frame, Gif

if TYPE_CHECKING:
    import pyvips

# Disposals of a frame (GIF89a §23).
_CLEARED: Final = 2
_RESTORED: Final = (3, 4)  # some encoders write 4 for 3

_ALPHA: Final = 3  # the band


def blank_canvas(gif: Gif) -> "pyvips.Image":
    """Return a transparent canvas of the GIF's size, with the metadata of the animation."""
    vips = libvips.load()
    canvas = vips.Image.black(gif.width, gif.height, bands=4).copy(interpretation="srgb")
    canvas.set_type(vips.GValue.gint_type, "n-pages", len(gif.frames))
    canvas.set_type(vips.GValue.gint_type, "loop", gif.loop)
    canvas.set_type(vips.GValue.array_int_type, "delay", [frame.delay for frame in gif.frames])
    return canvas


def drawn_frames(canvas: "pyvips.Image", frames: list[Frame], ends_at: float) -> Iterator["pyvips.Image"]:
    """Yield the canvas after each frame.

    Args:
        canvas: before the first frame.
        frames: in order.
        ends_at: when to give up, in seconds of `time.monotonic`.

    Raises:
        ImageBroken: the pixels of a frame are incomplete.
    """
    for frame in frames:
        drawn = _draw(canvas, frame, ends_at)
        yield drawn
        if frame.disposal == _CLEARED:
            canvas = _clear(drawn, frame)
        elif frame.disposal not in _RESTORED:
            canvas = drawn


def joined(frames: list["pyvips.Image"], header: "pyvips.Image") -> "pyvips.Image":
    """Return one animation of all frames, with the delays and the loop count of the header."""
    image = frames[0].pagejoin(frames[1:]).copy()
    for name in ("delay", "loop"):
        image.set_type(header.get_typeof(name), name, header.get(name))
    return image


def _clear(canvas: "pyvips.Image", frame: Frame) -> "pyvips.Image":
    """The canvas, transparent where the frame is."""
    if not (frame.width and frame.height):
        return canvas
    return canvas.insert(libvips.load().Image.black(frame.width, frame.height, bands=4), frame.left, frame.top)


def _draw(canvas: "pyvips.Image", frame: Frame, ends_at: float) -> "pyvips.Image":
    """The canvas with the frame on it."""
    options = {"page": FRAME_PAGE, "access": "sequential", "fail_on": "error"}
    picture = libvips.load().Image.new_from_buffer(frame.file(), "", **options)
    width, height = min(frame.width, canvas.width - frame.left), min(frame.height, canvas.height - frame.top)
    if frame.is_clear or min(width, height) <= 0:
        return libvips.in_memory(picture[_ALPHA].ifthenelse(picture, canvas), ends_at)
    drawn = libvips.in_memory(picture[_ALPHA].ifthenelse(picture, _clear(canvas, frame)), ends_at)
    # libnsgif leaves the missing pixels of an incomplete frame transparent.
    if not drawn.crop(frame.left, frame.top, width, height)[_ALPHA].min():
        raise ImageBroken()
    return drawn
