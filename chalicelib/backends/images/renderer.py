"""libvips: images are decoded, shrunk and encoded. docs/images.md says why it is libvips, and what its limits cost."""

import logging
from collections.abc import Iterator
from functools import cache
from itertools import islice
from threading import Lock
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.backends.bounded import within
from chalicelib.core.web.image_parameters import MAX_SIDE_PIXELS, Image, Rendition, kind_of, usual_quality
from chalicelib.core.web.problems import ImageBroken, ImageTooLarge, NotAnImage
from chalicelib.core.web.times import Deadline

from .colours import Colours, profile
from .containers import checked
from .gif import EMPTY_FRAMES, Frame, Gif, parsed

if TYPE_CHECKING:
    import pyvips

_MAX_PIXELS: Final = 50_000_000  # of all frames: the largest that phones take
_MAX_SOURCE_SIDE_PIXELS: Final = (
    65_535  # pixels: of a JPEG or GIF there are no more, and libvips shrinks by 2**20 at most
)
# Decoded whole and twice, as YUV and as RGB; and encoded in one go that nothing can interrupt.
_MAX_AVIF_SOURCE_PIXELS: Final = 16_000_000
_MAX_AVIF_RESULT_PIXELS: Final = 4_200_000

# The formats that are read, and of each libvips' loader. All others of its loaders are shut off.
_LOADERS: Final = {
    "image/jpeg": "VipsForeignLoadJpeg",
    "image/png": "VipsForeignLoadPng",
    "image/webp": "VipsForeignLoadWebp",
    "image/avif": "VipsForeignLoadHeif",
    "image/gif": "VipsForeignLoadNsgif",
}
_OWN_FORMATS: Final = {"image/jpeg": "jpeg", "image/png": "png", "image/avif": "avif"}  # of all others WebP
_ANIMATED: Final = "webp"
_MOVING: Final = ("image/gif", "image/webp")  # an AVIF's further pictures are no frames

_OPAQUE: Final = 255
_CLEARED: Final = 2  # of a GIF's frame, before the next one
_BROUGHT_BACK: Final = (3, 4)  # what was there before; 4 is what some encoders write for it

_ALONE: Final = Lock()  # libvips has one buffer for what it says of all images

# Each format's saver and what it takes besides the quality.
_SAVERS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "jpeg": ("jpegsave_buffer", {"optimize_coding": True, "interlace": True}),
    "png": ("pngsave_buffer", {}),
    "webp": ("webpsave_buffer", {}),
    "avif": ("heifsave_buffer", {"compression": "av1", "effort": 1}),
}


class VipsRenderer:
    """`ports.Renderer` by libvips, which is loaded by the first image.

    Args:
        seconds: the time that one image may take at most. An image that takes longer is too large, where a request has
            left less time than that the service is at fault.
    """

    def __init__(self, seconds: float = 6) -> None:
        self._seconds = seconds

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        """Return an image in another size or format; see `ports.Renderer.render`."""
        # Encoding cannot be interrupted, so libvips may work for a while after the deadline.
        return within(
            deadline,
            lambda: self._render(data, rendition, deadline),
            otherwise="There was too little time to make the image.",
        )

    def _render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        kind = kind_of(data)
        if kind is None:
            raise NotAnImage()
        vips = _vips()
        with _ALONE:
            until = monotonic() + min(self._seconds, deadline.left())
            try:
                return _rendered(vips, data, kind, rendition, until)
            except (vips.Error, UnicodeDecodeError, TimeoutError):
                if monotonic() > until:
                    deadline.left()  # raises where the request has no time left
                    raise ImageTooLarge("Rendering this takes too long.") from None
                raise ImageBroken() from None  # what libvips says of it may quote its bytes
            finally:
                # pyvips takes for UTF-8 what libvips says, and keeps what is none: all errors after it would be this.
                vips.vips_lib.vips_error_clear()


def _rendered(vips: ModuleType, data: bytes, kind: str, rendition: Rendition, until: float) -> Image:
    """Decode, shrink and encode."""
    source = _opened(vips, data, kind)
    made = rendition.format or _OWN_FORMATS.get(kind, _ANIMATED)
    number = _check(source.header, kind, made, rendition)
    scaled = _scaled_size(source.header, rendition)
    frames = [  # no name holds what they were made of, so it is freed before they are encoded
        _in_memory(_shaped(frame, source, scaled, rendition), until)
        for frame in islice(_whole(vips, source, kind, number, scaled, until), number)
    ]
    image = _joined(frames, source.header) if number > 1 else frames[0]
    if source.gif and image[3].min() == _OPAQUE:
        image = image[:3]
    saver, options = _SAVERS[made]
    quality = rendition.quality or usual_quality(made)
    watched = _watched(_flat(image) if made == "jpeg" else image, until)
    # No metadata is kept: neither camera and place nor, since all is sRGB, a profile.
    body = getattr(watched, saver)(keep="none", **options, **({"Q": quality} if quality else {}))
    return Image(f"image/{made}", body)


@cache
def _vips() -> ModuleType:
    """Load libvips, and shut off all that reads what came from elsewhere but the five loaders."""
    logging.getLogger("pyvips").setLevel(logging.CRITICAL)  # it logs what it is given, and that is the image
    import pyvips

    # What libvips warns of may quote the image too, and where that is no UTF-8, pyvips' own listener fails.
    pyvips.ffi.def_extern("_log_handler_callback")(lambda *_: None)
    pyvips.cache_set_max(0)  # it would keep images of one request for the next
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in _LOADERS.values():
        pyvips.operation_block_set(loader, False)
    module: ModuleType = pyvips
    return module


class _Source(NamedTuple):
    """An image that is open.

    Attributes:
        header: what it says of itself; its pixels are not decoded.
        data: the file.
        colours: what it declares by other means than a profile.
        gif: a GIF's frames.
    """

    header: "pyvips.Image"
    data: bytes
    colours: Colours | None
    gif: Gif | None = None


def _opened(vips: ModuleType, data: bytes, kind: str) -> _Source:
    if kind != "image/gif":
        checked_data, colours = checked(data, kind, _MAX_AVIF_SOURCE_PIXELS)
        return _Source(vips.Image.new_from_buffer(checked_data, ""), checked_data, colours)
    gif = parsed(data)
    header = vips.Image.black(gif.width, gif.height, bands=4).copy(interpretation="srgb")
    header.set_type(vips.GValue.gint_type, "n-pages", len(gif.frames))
    header.set_type(vips.GValue.gint_type, "loop", gif.loop)
    header.set_type(vips.GValue.array_int_type, "delay", [frame.delay for frame in gif.frames])
    return _Source(header, data, None, gif)


def _check(header: "pyvips.Image", kind: str, made: str, rendition: Rendition) -> int:
    """Refuse by its header what would take too much to decode or to encode; return how many frames are made."""
    frames = _field(header, "n-pages", 1)
    if (side := max(header.width, header.height)) > _MAX_SOURCE_SIDE_PIXELS:
        raise ImageTooLarge(f"A side of the image has {side:,} pixels and may have {_MAX_SOURCE_SIDE_PIXELS:,}.")
    made_frames = frames if made == _ANIMATED and kind in _MOVING else 1
    most = _MAX_AVIF_SOURCE_PIXELS if kind == "image/avif" else _MAX_PIXELS
    pixels = header.width * header.height * made_frames
    if max(pixels, pixels * _pixel_bytes(header) // 4) > most:
        fewer = "; fewer, where it is a progressive JPEG or has 16 bits a channel" if pixels <= most else ""
        raise ImageTooLarge(f"The image has {pixels:,} pixels and may have {most:,}{fewer}.")
    scaled = _scaled_size(header, rendition)
    width, height = scaled if rendition.fit == "contain" else (rendition.width, rendition.height)
    most = _MAX_AVIF_RESULT_PIXELS if made == "avif" else _MAX_PIXELS
    if width * height * made_frames > most:
        raise ImageTooLarge(f"As {made} that makes {width * height * made_frames:,} pixels, and it may be {most:,}.")
    return made_frames


def _scaled_size(header: "pyvips.Image", rendition: Rendition) -> tuple[int, int]:
    """The width and height that the upright image is scaled to, in pixels, before anything is cut off."""
    if rendition.fit == "fill":
        return rendition.width, rendition.height
    upright = (header.width, header.height)
    width, height = reversed(upright) if _field(header, "orientation", 1) >= 5 else upright
    scales = (rendition.width or MAX_SIDE_PIXELS) / width, (rendition.height or MAX_SIDE_PIXELS) / height
    if rendition.fit == "cover":
        scale = max(scales)
        return max(rendition.width, _nearest(width * scale)), max(rendition.height, _nearest(height * scale))
    scale = min(1, *scales)
    return _nearest(width * scale), _nearest(height * scale)


def _nearest(pixels: float) -> int:
    """A side in whole pixels, at least one. A half is rounded up; Python's `round` takes the even neighbour."""
    return max(1, int(pixels + 0.5))


def _pixel_bytes(image: "pyvips.Image") -> int:
    """What a pixel takes while the image is decoded; a progressive JPEG is held whole, two bytes a value."""
    return int(image.bands) * (1 if image.format == "uchar" and not _field(image, "jpeg-multiscan", 0) else 2)


def _field(image: "pyvips.Image", name: str, default: int) -> int:
    return int(image.get(name)) if image.get_typeof(name) else default


def _whole(
    vips: ModuleType, source: _Source, kind: str, number: int, scaled: tuple[int, int], until: float
) -> Iterator["pyvips.Image"]:
    """The frames, each in memory."""
    return _drawn(vips, source, until) if source.gif else _decoded(vips, source, kind, number, scaled, until)


def _decoded(
    vips: ModuleType, source: _Source, kind: str, number: int, scaled: tuple[int, int], until: float
) -> Iterator["pyvips.Image"]:
    """The frames as they are stored, each decoded whole: whatever is missing is an error at every size."""
    options: dict[str, object] = {"n": number} if number > 1 else {}
    shrink = _shrink(source.header, scaled)
    if kind == "image/jpeg":
        options["shrink"] = _whole_shrink(source.header, shrink)
    elif kind == "image/webp":
        options["scale"] = 1 / max(1, shrink)
    image = vips.Image.new_from_buffer(source.data, "", access="sequential", fail_on="error", **options)
    for frame in image.pagesplit() if number > 1 else [image]:
        whole = _in_memory(frame, until)
        _check_whole(vips)
        yield whole


def _shrink(header: "pyvips.Image", scaled: tuple[int, int]) -> float:
    """By how much both sides are shrunk at least."""
    width, height = reversed(scaled) if _field(header, "orientation", 1) >= 5 else scaled
    return min(int(header.width) / width, int(header.height) / height)


def _whole_shrink(header: "pyvips.Image", shrink: float) -> int:
    """By how much a JPEG is shrunk while it is decoded, which leaves half of it to do for another filter.

    libvips reads eight rows at a time and cuts off the last one where it is not whole: it must not be alone.
    """
    fits = [by for by in (8, 4, 2) if shrink >= 2 * by and (header.height % by == 0 or header.height // by % 8)]
    return fits[0] if fits else 1


def _drawn(vips: ModuleType, source: _Source, until: float) -> Iterator["pyvips.Image"]:
    """The frames of a GIF, each drawn over those before it, as browsers do."""
    canvas = source.header
    for frame in source.gif.frames if source.gif else ():
        drawn = _drawn_over(vips, canvas, frame, until)
        yield drawn
        if frame.disposal == _CLEARED:
            canvas = _cleared(vips, drawn, frame)
        elif frame.disposal not in _BROUGHT_BACK:
            canvas = drawn


def _cleared(vips: ModuleType, canvas: "pyvips.Image", frame: Frame) -> "pyvips.Image":
    """A canvas that is transparent in the place of a frame."""
    if not (frame.width and frame.height):
        return canvas
    return canvas.insert(vips.Image.black(frame.width, frame.height, bands=4), frame.left, frame.top)


def _drawn_over(vips: ModuleType, canvas: "pyvips.Image", frame: Frame, until: float) -> "pyvips.Image":
    """One frame on what was there before."""
    options = {"page": EMPTY_FRAMES, "access": "sequential", "fail_on": "error"}
    picture = vips.Image.new_from_buffer(frame.file(), "", **options)
    width, height = min(frame.width, canvas.width - frame.left), min(frame.height, canvas.height - frame.top)
    if frame.is_clear or min(width, height) <= 0:
        return _in_memory(picture[3].ifthenelse(picture, canvas), until)
    drawn = _in_memory(picture[3].ifthenelse(picture, _cleared(vips, canvas, frame)), until)
    # libnsgif leaves clear what is missing at the end of a frame.
    if not drawn.crop(frame.left, frame.top, width, height)[3].min():
        raise ImageBroken()
    return drawn


def _check_whole(vips: ModuleType) -> None:
    """Refuse a JPEG whose data ends before its picture: libjpeg fills it up with grey, and only warns of that."""
    told = vips.ffi.string(vips.vips_lib.vips_error_buffer())
    if b"Corrupt JPEG data" in told and b"extraneous bytes" not in told:
        raise vips.Error("the picture breaks off")


def _shaped(frame: "pyvips.Image", source: _Source, scaled: tuple[int, int], rendition: Rendition) -> "pyvips.Image":
    """A frame in its new size, upright, in sRGB with 8 bits a channel."""
    if source.colours:
        frame = _declared(frame, source.colours)
    image = frame.thumbnail_image(
        scaled[0],
        height=scaled[1],
        size="force",
        # Named where there is no profile to convert from, it would be computed in CIE XYZ, at twice the time.
        **({"output_profile": "srgb"} if frame.get_typeof("icc-profile-data") else {}),
    )
    plain = image.colourspace("srgb")
    if rendition.fit != "cover":
        return plain
    left, top = (plain.width - rendition.width) // 2, (plain.height - rendition.height) // 2
    return plain.crop(left, top, rendition.width, rendition.height)


def _joined(frames: list["pyvips.Image"], header: "pyvips.Image") -> "pyvips.Image":
    """One animation of all frames, shown as long and as often as the header says."""
    image = frames[0].pagejoin(frames[1:]).copy()
    for name in ("delay", "loop"):
        image.set_type(header.get_typeof(name), name, header.get(name))
    return image


def _declared(frame: "pyvips.Image", colours: Colours) -> "pyvips.Image":
    """A frame with a profile of the colours that are declared, and with its values from black to white."""
    if colours.narrow:
        one = 1 if frame.format == "uchar" else 256  # of 8 bits
        most = 255 if frame.format == "uchar" else 65_535
        values = frame[: frame.bands - 1] if frame.hasalpha() else frame
        scale = most / (219 * one)
        wide = values.linear(scale, -16 * one * scale).rint().cast(frame.format)
        frame = wide.bandjoin(frame[frame.bands - 1]) if frame.hasalpha() else wide
    icc = profile(colours, is_grey=frame.bands < 3)
    frame = frame.copy()
    if icc:
        frame.set_type(_vips().GValue.blob_type, "icc-profile-data", icc)
    return frame


def _in_memory(image: "pyvips.Image", until: float) -> "pyvips.Image":
    if monotonic() > until:
        raise TimeoutError
    return _watched(image, until).copy_memory()


def _flat(image: "pyvips.Image") -> "pyvips.Image":
    """The image on white, where it has a transparency that its format has not."""
    return image.flatten(background=255) if image.hasalpha() else image


def _watched(image: "pyvips.Image", until: float) -> "pyvips.Image":
    """The image, given up as soon as its time is over."""

    def look(watched: "pyvips.Image", _: Any) -> None:
        if monotonic() > until:
            watched.set_kill(True)

    image.set_progress(True)
    image.signal_connect("eval", look)
    return image
