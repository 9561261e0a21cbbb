"""The renderer: libvips decodes an image, shrinks it and encodes it. docs/images.md says why libvips."""

from collections.abc import Iterator
from itertools import islice
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from chalicelib.backends.bounded import within
from chalicelib.core.web.image_parameters import Image, Rendition, kind_of, usual_quality
from chalicelib.core.web.problems.images import ImageBroken, ImageTooLarge, NotAnImage
from chalicelib.core.web.times import Deadline

from . import animation, gif, libvips, limits, sizes
from .colours import Colours, profile
from .containers import check_file

if TYPE_CHECKING:
    import pyvips

_OWN_FORMATS: Final = {"image/jpeg": "jpeg", "image/png": "png", "image/avif": "avif"}  # all others become WebP
_ANIMATED_FORMAT: Final = "webp"
_ANIMATED_TYPES: Final = ("image/gif", "image/webp")  # an AVIF's further pictures are not frames

# For each of `image_parameters.FORMATS`, the method that saves it, and the options in addition to the quality.
_SAVERS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "jpeg": ("jpegsave_buffer", {"optimize_coding": True, "interlace": True}),
    "png": ("pngsave_buffer", {}),
    "webp": ("webpsave_buffer", {}),
    "avif": ("heifsave_buffer", {"compression": "av1", "effort": 1}),
}

_OPAQUE: Final = 255
_WHITE: Final = 255
_LIBVIPS_LOCK: Final = Lock()  # libvips has one error buffer for all images


class VipsRenderer:
    """`ports.Renderer` by libvips, which the first image loads.

    Args:
        seconds: the longest time for one image. An image that takes longer is too large. A request with less time left
            gets Unavailable in place of ImageTooLarge.
    """

    def __init__(self, seconds: float = 6) -> None:
        self._seconds = seconds

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        """Return an image in another size or format; see `ports.Renderer.render`."""
        # Nothing can interrupt an encoder, so libvips may work for a while after the deadline.
        return within(
            deadline,
            lambda: self._render(data, rendition, deadline),
            otherwise="There was too little time to make the image.",
        )

    def _render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        media_type = kind_of(data)
        if media_type is None:
            raise NotAnImage()
        vips = libvips.load()
        with _LIBVIPS_LOCK:
            ends_at = monotonic() + min(self._seconds, deadline.left())
            try:
                return _rendered(_open(data, media_type), rendition, ends_at)
            except (vips.Error, UnicodeDecodeError, TimeoutError):
                if monotonic() > ends_at:
                    deadline.left()  # raises if the request has no time left
                    raise ImageTooLarge("Rendering this takes too long.") from None
                raise ImageBroken() from None  # without the text of libvips, which may quote the image
            finally:
                libvips.clear_errors()


class _Source(NamedTuple):
    """An open image.

    Attributes:
        media_type: its kind.
        header: its size and metadata; its pixels are not decoded.
        data: the file.
        colours: the colours that the file declares by other means than a profile.
        frames: the frames of a GIF; None for another format.
    """

    media_type: str
    header: "pyvips.Image"
    data: bytes
    colours: Colours | None = None
    frames: list[gif.Frame] | None = None


def _open(data: bytes, media_type: str) -> _Source:
    if media_type == "image/gif":
        parsed = gif.parse(data)
        return _Source(media_type, animation.blank_canvas(parsed), data, frames=parsed.frames)
    checked_data, colours = check_file(data, media_type)
    return _Source(media_type, libvips.load().Image.new_from_buffer(checked_data, ""), checked_data, colours)


def _rendered(source: _Source, rendition: Rendition, ends_at: float) -> Image:
    """Check the limits, decode, shrink and encode."""
    result_format = rendition.format or _OWN_FORMATS.get(source.media_type, _ANIMATED_FORMAT)
    is_animated = result_format == _ANIMATED_FORMAT and source.media_type in _ANIMATED_TYPES
    frame_count = libvips.field(source.header, "n-pages", 1) if is_animated else 1
    scaled = _checked_size(source, rendition, frame_count, result_format)
    frames = [  # no name holds the decoded frames, so their memory is free before the encoder begins
        libvips.in_memory(_shaped(frame, source.colours, scaled, rendition), ends_at)
        for frame in islice(_decoded(source, frame_count, scaled, ends_at), frame_count)
    ]
    image = animation.joined(frames, source.header) if frame_count > 1 else frames[0]
    if source.frames and image[3].min() == _OPAQUE:
        image = image[:3]
    return Image(f"image/{result_format}", _encoded(image, result_format, rendition.quality, ends_at))


def _checked_size(source: _Source, rendition: Rendition, frame_count: int, result_format: str) -> tuple[int, int]:
    """The size that the image is scaled to; raise ImageTooLarge if the image or the result is too large."""
    header = source.header
    is_avif = source.media_type == "image/avif"
    limits.check_source(header, frames=frame_count, bytes_per_pixel=_bytes_per_pixel(header), is_avif=is_avif)
    scaled = sizes.scaled_size(header, rendition)
    limits.check_result(sizes.result_size(scaled, rendition), frame_count, result_format)
    return scaled


def _bytes_per_pixel(header: "pyvips.Image") -> int:
    """Memory for one pixel during decoding; libjpeg holds a whole progressive JPEG, with two bytes for each value."""
    is_one_byte = header.format == "uchar" and not libvips.field(header, "jpeg-multiscan", 0)
    return int(header.bands) * (1 if is_one_byte else 2)


def _decoded(source: _Source, frame_count: int, scaled: tuple[int, int], ends_at: float) -> Iterator["pyvips.Image"]:
    """The frames, each in memory and whole: a missing part is an error at every size."""
    if source.frames:
        yield from animation.drawn_frames(source.header, source.frames, ends_at)
        return
    options: dict[str, object] = {"n": frame_count} if frame_count > 1 else {}
    factor = sizes.shrink_factor(source.header, scaled)
    if source.media_type == "image/jpeg":
        options["shrink"] = sizes.jpeg_shrink(source.header, factor)
    elif source.media_type == "image/webp":
        options["scale"] = 1 / max(1, factor)
    image = libvips.load().Image.new_from_buffer(source.data, "", access="sequential", fail_on="error", **options)
    for frame in image.pagesplit() if frame_count > 1 else [image]:
        whole = libvips.in_memory(frame, ends_at)
        _check_whole()
        yield whole


def _check_whole() -> None:
    """Refuse a JPEG whose data ends before its picture: libjpeg fills the rest with grey, and only warns."""
    warnings = libvips.error_text()
    if b"Corrupt JPEG data" in warnings and b"extraneous bytes" not in warnings:
        raise ImageBroken()


def _shaped(
    frame: "pyvips.Image", colours: Colours | None, scaled: tuple[int, int], rendition: Rendition
) -> "pyvips.Image":
    """A frame in its new size, upright, in sRGB with 8 bits a channel."""
    if colours:
        frame = _with_profile(_full_range(frame) if colours.narrow else frame, colours)
    image = frame.thumbnail_image(
        scaled[0],
        height=scaled[1],
        size="force",
        # With this option but without a profile, libvips would compute in CIE XYZ, which takes twice the time.
        **({"output_profile": "srgb"} if frame.get_typeof("icc-profile-data") else {}),
    )
    srgb = image.colourspace("srgb")
    if rendition.fit != "cover":
        return srgb
    left, top = (srgb.width - rendition.width) // 2, (srgb.height - rendition.height) // 2
    return srgb.crop(left, top, rendition.width, rendition.height)


def _full_range(frame: "pyvips.Image") -> "pyvips.Image":
    """A frame whose values go from 16 to 235 of 255, stretched to the whole range; alpha stays as it is."""
    step = 1 if frame.format == "uchar" else 256  # one step of 8 bits
    max_value = 255 if frame.format == "uchar" else 65_535
    scale = max_value / (219 * step)
    values = frame[: frame.bands - 1] if frame.hasalpha() else frame
    wide = values.linear(scale, -16 * step * scale).rint().cast(frame.format)
    return wide.bandjoin(frame[frame.bands - 1]) if frame.hasalpha() else wide


def _with_profile(frame: "pyvips.Image", colours: Colours) -> "pyvips.Image":
    icc = profile(colours, is_grey=frame.bands < 3)
    frame = frame.copy()
    if icc:
        frame.set_type(libvips.load().GValue.blob_type, "icc-profile-data", icc)
    return frame


def _encoded(image: "pyvips.Image", result_format: str, quality: int, ends_at: float) -> bytes:
    """A file without metadata: no camera, no place, and, as every result is sRGB, no profile."""
    if result_format == "jpeg" and image.hasalpha():
        image = image.flatten(background=_WHITE)
    saver, options = _SAVERS[result_format]
    quality = quality or usual_quality(result_format)
    save = getattr(libvips.stoppable(image, ends_at), saver)
    body: bytes = save(keep="none", **options, **({"Q": quality} if quality else {}))
    return body
