"""Images: what may be asked of them, what they are, and what a derivative is called."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from .numbers import whole_number
from .problems import BadParameter, SizeNotAllowed

FITS: Final = ("contain", "cover", "fill")
FORMATS: Final = ("jpeg", "png", "webp", "avif")

MAX_IMAGE_BYTES: Final = 32 * 1024**2  # of an image that is rendered
MAX_SIDE_PIXELS: Final = 4_096  # pixels of what is made of it

# A number of another quality means another loss in each format; these look alike. PNG loses nothing, so it has none.
_QUALITIES: Final[Mapping[str, int]] = {"jpeg": 80, "webp": 80, "avif": 55}

# Of what ends so a page shows a small image: on white and still, whatever it is.
_THUMBNAILS: Final = frozenset({"jpg", "jpeg", "png", "webp", "avif", "gif"})
_THUMBNAIL: Final = "96x96"

_RENDERING: Final = "2"  # another number gives all derivatives new names: for when the same is rendered otherwise


class Rendition(NamedTuple):
    """What is made of an image, in the one way to say it.

    Attributes:
        width, height: pixels; 0 for what the other makes of it.
        fit: how the image fills them. `contain`: as much of them as it can without being cut or enlarged; `cover`: all
            of them, cut at the edges; `fill`: all of them, distorted.
        format: one of `FORMATS`; empty for the image's own, and WebP for a GIF.
        quality: 1 to 100; 0 for the usual one of the format.
    """

    width: int
    height: int
    fit: str
    format: str
    quality: int

    @property
    def size(self) -> str:
        """As a rule lists it: `320x240`, `320x` or `x240`."""
        return f"{self.width or ''}x{self.height or ''}"


class Image(NamedTuple):
    """An image as it is answered: its media type and its bytes."""

    media_type: str
    body: bytes

    def __repr__(self) -> str:
        """Without the bytes."""
        return f"Image({self.media_type}, {len(self.body)} bytes)"


def is_asked(query: Mapping[str, str]) -> bool:
    """Whether a query asks for an image in another size."""
    return "w" in query or "h" in query


def rendition(query: Mapping[str, str]) -> Rendition:
    """Read `w`, `h`, `fit`, `format` and `q`.

    Raises:
        BadParameter: one is missing or cannot be used.
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
    made = _choice(query, "format", FORMATS)
    quality = _number(query, "q", 100)
    return Rendition(width, height, fit, made, 0 if made == "png" or quality == usual_quality(made) else quality)


def usual_quality(made: str) -> int:
    """Return the quality that is used in a format where none is asked for."""
    return _QUALITIES.get(made, 0)


def check_size(rendition: Rendition, sizes: tuple[str, ...]) -> None:
    """Raise SizeNotAllowed where a rule lists sizes, and this is none of them, or has a quality of its own.

    So there are only so many derivatives of an image, however many strangers ask.
    """
    if sizes and (rendition.size not in sizes or rendition.quality):
        raise SizeNotAllowed(sizes)


def thumbnail(name: str, size: int, sizes: tuple[str, ...]) -> str:
    """Return the query that asks for a small still image of a file, as a page shows it; empty where there is none.

    Args:
        name: the file's; its last few letters say what it should be.
        size: bytes.
        sizes: those that its rule lists; none where any is allowed.
    """
    extension = name.lower().rpartition(".")[2]
    if extension not in _THUMBNAILS or size > MAX_IMAGE_BYTES:
        return ""
    return f"{query_of(min(sizes, key=_longest_side, default=_THUMBNAIL))}&format=jpeg"


def is_size(text: object) -> bool:
    """Whether a text is a size as a rule lists it: a width, a height or both, up to `MAX_SIDE_PIXELS` pixels."""
    sides = re.fullmatch(r"([1-9][0-9]{0,3})?x([1-9][0-9]{0,3})?", text) if isinstance(text, str) else None
    return bool(sides) and text != "x" and all(int(side) <= MAX_SIDE_PIXELS for side in str(text).split("x") if side)


def query_of(size: str) -> str:
    """Return the query that asks for a size: `w=320&h=240` for `320x240`."""
    width, _, height = size.partition("x")
    return "&".join(f"{side}={pixels}" for side, pixels in (("w", width), ("h", height)) if pixels)


def kind_of(data: bytes) -> str | None:
    """Return the media type that the start of an image tells, None for what is none that we read.

    The first 32 bytes tell all but an AVIF, which its first box tells: `avif` is one of the brands there, or `avis`.

    Sources: WHATWG MIME Sniffing §6.1 for all but AVIF; ISO/IEC 14496-12 §4.3 and the AVIF specification §6 for that.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:14] == b"WEBPVP":
        return "image/webp"
    end = int.from_bytes(data[:4])  # of the first box; its brands are a major one, a version, and the compatible ones
    if data[4:8] == b"ftyp" and re.match(b"(?:.{4})*?avi[fs]", data[8:12] + data[16 : max(16, end)], re.DOTALL):
        return "image/avif"
    return None


def derivative_name(key: str, etag: str, rendition: Rendition) -> str:
    """Name what is made of an object: other for another object, another content and another rendition.

    Args:
        key: the object's.
        etag: as S3 says it.
        rendition: what is made of it.
    """
    said = "\0".join((_RENDERING, key, etag, *map(str, rendition)))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def content_name(image: Image) -> str:
    """Name an image by what it is."""
    return hashlib.sha256(image.body).hexdigest()


def _longest_side(size: str) -> int:
    return max(int(side) for side in size.split("x") if side)


def _number(query: Mapping[str, str], name: str, most: int) -> int:
    text = query.get(name)
    if text is None:
        return 0
    number = whole_number(text, 1, most)
    if number is None:
        raise BadParameter(name, f"it must be a whole number from 1 to {most:,}.")
    return number


def _choice(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = query.get(name, "")
    if name in query and text not in choices:
        raise BadParameter(name, f"it must be one of {', '.join(choices)}.")
    return text
