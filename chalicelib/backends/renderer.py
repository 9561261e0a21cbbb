"""libvips: images are decoded, shrunk and encoded. docs/images.md says why it is libvips, and what its limits cost."""

import logging
from functools import cache
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.images import MOST_SIDE, Image, Rendition, kind_of, usual_quality
from chalicelib.core.problems import ImageBroken, ImageTooLarge, NotAnImage

from .containers import checked

if TYPE_CHECKING:
    import pyvips

_MOST_PIXELS: Final = 50_000_000  # of all frames: the largest that phones take
_MOST_SOURCE_SIDE: Final = 65_535  # pixels: of a JPEG or GIF there are no more, and libvips shrinks by 2**20 at most
# Decoded whole and twice, as YUV and as RGB; and encoded in one go that nothing can interrupt.
_MOST_AVIF_IN: Final = 16_000_000
_MOST_AVIF_OUT: Final = 4_200_000

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

_SIZES: Final = {"contain": "down", "cover": "both", "fill": "force"}

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
        seconds: how long one image may take; Lambda gives a request ten.
    """

    def __init__(self, seconds: float = 6) -> None:
        self._seconds = seconds

    def render(self, data: bytes, rendition: Rendition) -> Image:
        """Return an image in another size or format; see `ports.Renderer.render`."""
        kind = kind_of(data)
        if kind is None:
            raise NotAnImage()
        until = monotonic() + self._seconds
        data = checked(data, kind, _MOST_AVIF_IN)
        made = rendition.format or _OWN_FORMATS.get(kind, _ANIMATED)
        vips = _vips()
        try:
            header = vips.Image.new_from_buffer(data, "")
            image = _shrunk(vips, data, rendition, header, _check(header, kind, made, rendition))
            saver, options = _SAVERS[made]
            quality = rendition.quality or usual_quality(made)
            watched = _watched(_flat(image) if made == "jpeg" else image, until)
            # No metadata is kept: neither camera and place nor, since all is sRGB, a profile.
            body = getattr(watched, saver)(keep="none", **options, **({"Q": quality} if quality else {}))
        except (vips.Error, UnicodeDecodeError):
            # pyvips takes for UTF-8 what libvips says, and keeps what is none: all errors after it would be this one.
            vips.vips_lib.vips_error_clear()
            if monotonic() > until:
                raise ImageTooLarge("Rendering this takes too long.") from None
            raise ImageBroken() from None  # what libvips says of it may quote its bytes
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


def _check(header: "pyvips.Image", kind: str, made: str, rendition: Rendition) -> int:
    """Refuse by its header what would take too much to decode or to encode; return how many frames are made."""
    frames = _field(header, "n-pages", 1)
    if (side := max(header.width, header.height)) > _MOST_SOURCE_SIDE:
        raise ImageTooLarge(f"A side of the image has {side:,} pixels and may have {_MOST_SOURCE_SIDE:,}.")
    made_frames = frames if made == _ANIMATED and kind in _MOVING else 1
    most = _MOST_AVIF_IN if kind == "image/avif" else _MOST_PIXELS
    pixels = header.width * header.height * made_frames
    if max(pixels, pixels * _pixel_bytes(header) // 4) > most:
        fewer = "; fewer, where it is a progressive JPEG or has 16 bits a channel" if pixels <= most else ""
        raise ImageTooLarge(f"The image has {pixels:,} pixels and may have {most:,}{fewer}.")
    width, height = _made_size(header, rendition)
    most = _MOST_AVIF_OUT if made == "avif" else _MOST_PIXELS
    if width * height * made_frames > most:
        raise ImageTooLarge(f"As {made} that makes {width * height * made_frames:,} pixels, and it may be {most:,}.")
    return made_frames


def _made_size(header: "pyvips.Image", rendition: Rendition) -> tuple[int, int]:
    """The width and height of what is made, in pixels."""
    if rendition.fit != "contain":
        return rendition.width, rendition.height
    upright = (header.width, header.height)
    width, height = reversed(upright) if _field(header, "orientation", 1) >= 5 else upright
    scale = min(1, (rendition.width or MOST_SIDE) / width, (rendition.height or MOST_SIDE) / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _pixel_bytes(image: "pyvips.Image") -> int:
    """What a pixel takes while the image is decoded; a progressive JPEG is held whole, two bytes a value."""
    return int(image.bands) * (1 if image.format == "uchar" and not _field(image, "jpeg-multiscan", 0) else 2)


def _field(image: "pyvips.Image", name: str, default: int) -> int:
    return int(image.get(name)) if image.get_typeof(name) else default


def _shrunk(vips: ModuleType, data: bytes, rendition: Rendition, header: "pyvips.Image", frames: int) -> "pyvips.Image":
    """The image in its new size, upright, in sRGB with 8 bits a channel. libvips decodes no more of it than it must."""
    width, height = rendition.width or MOST_SIDE, rendition.height or MOST_SIDE
    size, cuts = _SIZES[rendition.fit], rendition.fit == "cover"
    cuts_frames = cuts and frames > 1  # libvips itself would cut them all as one tall image
    if cuts_frames:
        size, (width, height) = "force", _covering(header, width, height)
    image = vips.Image.thumbnail_buffer(
        data,
        width,
        height=height,
        size=size,
        crop="centre" if cuts and not cuts_frames else "none",
        # `fail_on` is passed on for the loader to see: libvips' own argument of that name does nothing for a buffer.
        option_string="fail_on=error" + (",n=-1" if frames > 1 else ""),
        # Named where there is no profile to convert from, it would be computed in CIE XYZ, at twice the time.
        **({"output_profile": "srgb"} if header.get_typeof("icc-profile-data") else {}),
    )
    plain = image.colourspace("srgb")
    return _cut(plain, rendition.width, rendition.height) if cuts_frames else plain


def _covering(image: "pyvips.Image", width: int, height: int) -> tuple[int, int]:
    """The least size in which an image covers another one."""
    scale = max(width / image.width, height / image.height)
    return max(width, round(image.width * scale)), max(height, round(image.height * scale))


def _cut(frames: "pyvips.Image", width: int, height: int) -> "pyvips.Image":
    """The middle of every frame."""
    left, top = (frames.width - width) // 2, (frames.get_page_height() - height) // 2
    first, *others = [frame.crop(left, top, width, height) for frame in frames.pagesplit()]
    return first.pagejoin(others)


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
