"""Image parameters: the sizes and formats that a request can ask for, and the kinds of images."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from .numbers import whole_number
from .problems.base import BadParameter
from .problems.images import SizeNotAllowed

FITS: Final = ("contain", "cover", "fill")
FORMATS: Final = ("jpeg", "png", "webp", "avif")

MAX_IMAGE_BYTES: Final = 32 * 1024**2  # of an image before it is rendered
MAX_SIDE_PIXELS: Final = 4_096  # of the width and the height of a rendered image

# The same number means another loss in each format; these qualities look alike. PNG has no loss, and no quality.
_QUALITIES: Final[Mapping[str, int]] = {"jpeg": 80, "webp": 80, "avif": 55}

# The file names with a thumbnail on pages, by their last letters.
_THUMBNAILS: Final = frozenset({"jpg", "jpeg", "png", "webp", "avif", "gif"})
_THUMBNAIL_PIXELS: Final = 96
_TILE_PIXELS: Final = (
    400  # of a square in a grid, which is about half as wide on screens, because many have two dots a pixel
)

_LARGE_BYTES: Final = 2_000_000  # of an image that takes a phone seconds to load
_SCREEN: Final = "2048x2048"


class Rendition(NamedTuple):
    """The parameters of a rendered image. Two queries with the same meaning give equal renditions.

    Attributes:
        width, height: pixels; 0 for the pixels that keep the shape of the image.
        fit: how the image fills width and height. `contain`: without a cut, and without enlarging; `cover`: fully, with
            the edges cut; `fill`: fully, distorted.
        format: one of `FORMATS`; empty for the format of the image, and WebP for a GIF.
        quality: 1 to 100; 0 for the usual quality of the format.
    """

    width: int
    height: int
    fit: str
    format: str
    quality: int

    @property
    def size(self) -> str:
        """The size as a rule lists sizes: `320x240`, `320x` or `x240`."""
        return f"{self.width or ''}x{self.height or ''}"


class Image(NamedTuple):
    """An image in a reply: its media type and its bytes."""

    media_type: str
    body: bytes

    def __repr__(self) -> str:
        """Hide the bytes."""
        return f"Image({self.media_type}, {len(self.body)} bytes)"


def are_in(query: Mapping[str, str]) -> bool:
    """Whether a query asks for an image in another size."""
    return "w" in query or "h" in query


def rendition(query: Mapping[str, str]) -> Rendition:
    """Read `w`, `h`, `fit`, `format` and `q`.

    Raises:
        BadParameter: a parameter is missing or cannot be used.
    """
    width, height = _number(query, "w", MAX_SIDE_PIXELS), _number(query, "h", MAX_SIDE_PIXELS)
    if not (width or height):
        raise BadParameter(
            "w", f"it is missing: say the width in pixels, 1 to {MAX_SIDE_PIXELS:,}, or the height as ?h."
        )
    fit = _choice(query, "fit", FITS) or FITS[0]
    for name, value in (("w", width), ("h", height)):
        if fit != FITS[0] and not value:
            raise BadParameter(name, f"it is missing: fit={fit} needs both w and h.")
    image_format = _choice(query, "format", FORMATS)
    quality = _number(query, "q", 100)
    if image_format == "png" or quality == usual_quality(image_format):
        quality = 0
    return Rendition(width, height, fit, image_format, quality)


def source_url(query: Mapping[str, str]) -> str:
    """Return the URL of the image that a request to `/-/resize` names; raise BadParameter where `u` is missing."""
    url = query.get("u")
    if not url:
        raise BadParameter("u", "it is missing: say the URL of the image, percent-encoded.")
    return url


def usual_quality(image_format: str) -> int:
    """Return the quality of a format for a request without `q`; 0 for PNG."""
    return _QUALITIES.get(image_format, 0)


def check_size(rendition: Rendition, sizes: tuple[str, ...]) -> None:
    """Raise SizeNotAllowed if the rule lists sizes, and the rendition has another size or an unusual quality.

    So an image has a limited number of derived images, although anyone can ask for images.
    """
    if sizes and (rendition.size not in sizes or rendition.quality):
        raise SizeNotAllowed(sizes)


def thumbnail(name: str, size: int, sizes: tuple[str, ...], *, is_tile: bool = False) -> str:
    """Return the query of a file's thumbnail on a page: a small JPEG; empty for a file without a thumbnail.

    Args:
        name: the name of the file; its extension decides.
        size: the bytes of the file.
        sizes: the sizes that its rule lists; empty where every size is allowed.
        is_tile: whether the thumbnail fills a square in a grid; false for a row of a list.
    """
    extension = name.lower().rpartition(".")[2]
    if extension not in _THUMBNAILS or size > MAX_IMAGE_BYTES:
        return ""
    pixels = _TILE_PIXELS if is_tile else _THUMBNAIL_PIXELS
    nearest = min(sizes, key=lambda size: abs(_longest_side(size) - pixels), default=f"{pixels}x{pixels}")
    return f"{query_of(nearest)}{'&fit=cover' if is_tile and not sizes else ''}&format=jpeg"


def screen_image(name: str, size: int, sizes: tuple[str, ...]) -> str:
    """Return the query of an image that fills a screen; empty where the page of a file shows the file itself.

    Args:
        name, size, sizes: as in `thumbnail`. A GIF may be an animation, so its page shows the file.
    """
    extension = name.lower().rpartition(".")[2]
    is_rendered = extension in _THUMBNAILS - {"gif"} and _LARGE_BYTES < size <= MAX_IMAGE_BYTES
    return query_of(_SCREEN) if is_rendered and (not sizes or _SCREEN in sizes) else ""


def is_size(text: object) -> bool:
    """Whether a text is a size for a rule: a width, a height or both, up to `MAX_SIDE_PIXELS` pixels."""
    sides = re.fullmatch(r"([1-9][0-9]{0,3})?x([1-9][0-9]{0,3})?", text) if isinstance(text, str) else None
    return bool(sides) and text != "x" and all(int(side) <= MAX_SIDE_PIXELS for side in str(text).split("x") if side)


def query_of(size: str) -> str:
    """Return the query for a size: `w=320&h=240` for `320x240`."""
    width, _, height = size.partition("x")
    return "&".join(f"{side}={pixels}" for side, pixels in (("w", width), ("h", height)) if pixels)


def kind_of(data: bytes) -> str | None:
    """Return the media type of an image, by its first bytes; None for a kind that the service does not read.

    The first 32 bytes are enough, except for an AVIF: its first box, `ftyp`, has the brand `avif` or `avis`.

    Sources: WHATWG MIME Sniffing §6.1; for AVIF ISO/IEC 14496-12 §4.3 and the AVIF specification §6.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:14] == b"WEBPVP":
        return "image/webp"
    end = int.from_bytes(data[:4])  # of the first box: a major brand, a version, and the compatible brands
    if data[4:8] == b"ftyp" and re.match(b"(?:.{4})*?avi[fs]", data[8:12] + data[16 : max(16, end)], re.DOTALL):
        return "image/avif"
    return None


def _longest_side(size: str) -> int:
    return max(int(side) for side in size.split("x") if side)


def _number(query: Mapping[str, str], name: str, maximum: int) -> int:
    text = query.get(name)
    if text is None:
        return 0
    number = whole_number(text, 1, maximum)
    if number is None:
        raise BadParameter(name, f"it must be a whole number from 1 to {maximum:,}.")
    return number


def _choice(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = query.get(name, "")
    if name in query and text not in choices:
        raise BadParameter(name, f"it must be one of {', '.join(choices)}.")
    return text
