"""Pictures for the tests: a pattern, turned pictures, animations, and files that no encoder writes."""

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from PIL import Image, ImageDraw, ImageOps

FORMATS: Final = ("jpeg", "png", "webp", "avif", "gif")

_QUARTERS: Final = ((200, 30, 40), (20, 160, 60), (30, 60, 190), (230, 200, 40))  # row by row
# For each EXIF orientation, how the stored image differs from the upright image.
_TURNED: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# The first pixel of each of the seven passes of an interlaced PNG, and the distance of its pixels (PNG §8.2).
_ADAM7: Final = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
_ORIENTATION: Final = 0x0112  # EXIF 2.32 §4.6.4


def pattern(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Four quadrants, red, green, blue and yellow, that become darker to the right; each corner has its own colour."""
    image = Image.new("RGB", (width, height), "red")
    draw = ImageDraw.Draw(image)
    for colour, left, top in (("lime", 1, 0), ("blue", 0, 1), ("yellow", 1, 1)):
        draw.rectangle((left * width // 2, top * height // 2, width, height), colour)
    shade = ImageOps.invert(Image.linear_gradient("L").rotate(90)).point(lambda value: 128 + value // 2)
    dark = Image.composite(image, Image.new("RGB", image.size), shade.resize(image.size))
    if mode in ("RGBA", "LA"):
        dark.putalpha(Image.linear_gradient("L").resize(image.size))  # transparent above, opaque below
    return dark.convert(mode)


def quarters(kind: str = "png", size: tuple[int, int] = (640, 400)) -> bytes:
    """Return a file that shows four colours."""
    image, (width, height) = Image.new("RGB", size), size
    for number, colour in enumerate(_QUARTERS):
        image.paste(colour, (number % 2 * width // 2, number // 2 * height // 2, width, height))
    return written(image, kind)


def shows_quarters(data: bytes) -> bool:
    """Whether an image, or the picture of a screen, shows the four colours of `quarters`."""
    image = opened(data).convert("RGB")
    for number, colour in enumerate(_QUARTERS):
        pixel = image.getpixel((image.width * (1 + number % 2 * 2) // 4, image.height * (1 + number // 2 * 2) // 4))
        if not isinstance(pixel, tuple) or max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) >= 16:
            return False
    return True


def written(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as a file; in a lossy format with little loss."""
    file = io.BytesIO()
    if kind in ("jpeg", "avif"):
        options = {"quality": 95, **options}
    elif kind == "webp":
        options = {"lossless": True, **options}
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    """Return the image in a file, as Pillow decodes it."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def oriented(upright: Image.Image, orientation: int, kind: str = "jpeg") -> bytes:
    """Return a file as a turned camera writes it: with turned pixels, and with the orientation in EXIF."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    stored = upright.transpose(_TURNED[orientation]) if orientation in _TURNED else upright
    return written(stored, kind, exif=exif)  # in an AVIF Pillow writes properties instead of EXIF


def animation(frames: Iterable[Image.Image], kind: str, durations: list[int], loop: int) -> bytes:
    """Return an animation; `durations` are in milliseconds."""
    first, *others = frames
    return written(first, kind, save_all=True, append_images=others, duration=durations, loop=loop)


# -- files that no encoder writes --


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk (PNG §5.3)."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, packed: bytes, *, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """A PNG that declares any size, with any zlib stream as its pixels; colour 0 is grey, 2 RGB, 6 RGBA."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def zeros(size: int) -> bytes:
    """A zlib stream of at most `size` bytes, which unpacks to a thousand times as many zeros."""
    packer = zlib.compressobj(9)
    start = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * ((size - len(start)) // len(block))


def black_png(width: int, height: int, *, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """A correct PNG of zeros."""
    bits = depth * {0: 1, 2: 3, 6: 4}[colour]
    passes = _ADAM7 if interlaced else [(0, 0, 1, 1)]
    sizes = [(-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes]
    rows = sum(high * (1 + (wide * bits + 7) // 8) for wide, high in sizes if wide > 0)
    return png(width, height, zlib.compress(bytes(rows), 1), depth=depth, colour=colour, interlaced=interlaced)


def gif(width: int, height: int, frames: int, frame: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF of many black frames; `width` and `height` are the size of its screen."""
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    control = b"\x21\xf9\x04\x00\x0a\x00\x00\x00"
    described = b"\x2c" + struct.pack("<HHHHB", 0, 0, *frame, 0)
    return header + (control + described + b"\x02\x02\x44\x01\x00") * frames + b"\x3b"


def drawn_gif(width: int, height: int, *frames: bytes, palette: bytes = bytes(768)) -> bytes:
    """A GIF of these frames, shown for ever."""
    size = (len(palette) // 6).bit_length() - 1
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80 | size if palette else 0, 0, 0) + palette
    return header + b"\x21\xff\x0bNETSCAPE2.0\x03\1\0\0\0" + b"".join(frames) + b"\x3b"


def gif_frame(
    place: tuple[int, int],
    size: tuple[int, int],
    pixels: bytes,
    *,
    disposal: int = 0,
    clear: int | None = None,
    delay: int = 5,
    palette: bytes = b"",
    interlaced: bool = False,
) -> bytes:
    """A frame with its control (GIF89a §20, §22, §23); pixels are below 8, `delay` is in hundredths of a second."""
    control = struct.pack("<BHBB", disposal << 2 | (clear is not None), delay, clear or 0, 0)
    flags = (0x80 | (len(palette) // 6).bit_length() - 1 if palette else 0) | interlaced << 6
    descriptor = b"\x2c" + struct.pack("<4HB", *place, *size, flags)
    if interlaced:  # every eighth row, then the rows in the middle between them, and so on (GIF89a appendix E)
        passes = ((0, 8), (4, 8), (2, 4), (1, 2))
        rows = [row for start, step in passes for row in range(start, size[1], step)]
        pixels = b"".join(pixels[row * size[0] : (row + 1) * size[0]] for row in rows)
    # Codes of four bits for eight colours; the table is cleared before the codes would need five bits.
    codes = [code for start in range(0, len(pixels), 6) for code in (8, *pixels[start : start + 6])] + [9]
    packed = bytes(low | high << 4 for low, high in zip(codes[::2], [*codes[1::2], 0], strict=False))
    blocks = [packed[start : start + 255] for start in range(0, len(packed), 255)]
    data = b"".join(bytes([len(block)]) + block for block in blocks)
    return b"\x21\xf9\x04" + control + descriptor + palette + b"\x03" + data + b"\0"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP file of these chunks."""
    body = b"WEBP" + b"".join(_riff_chunk(*chunk) for chunk in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_canvas(width: int, height: int, flags: int) -> tuple[bytes, bytes]:
    """The chunk VP8X; flag 2 means an animation, 16 means alpha."""
    return b"VP8X", struct.pack("<I", flags) + _three_bytes(width - 1) + _three_bytes(height - 1)


def webp_animation(width: int, height: int, frames: int, frame: bytes, size: tuple[int, int]) -> bytes:
    """A WebP of many equal frames; `frame` is a still WebP of this size."""
    place = _three_bytes(0) * 2 + _three_bytes(size[0] - 1) + _three_bytes(size[1] - 1) + _three_bytes(100) + b"\x00"
    moving = (b"ANMF", place + frame[12:])
    return riff(webp_canvas(width, height, 2), (b"ANIM", bytes(6)), *[moving] * frames)


def resized_header(data: bytes, kind: str, width: int, height: int) -> bytes:
    """The same JPEG or AVIF, except that it declares another size."""
    if kind == "avif":
        position, size = data.index(b"ispe") + 8, struct.pack(">II", width, height)
    else:
        position, size = 2, struct.pack(">HH", height, width)
        while data[position + 1] not in (0xC0, 0xC1, 0xC2):  # the frame header (ITU T.81 §B.2.2)
            position += 2 + int.from_bytes(data[position + 2 : position + 4])
        position += 5
    return data[:position] + size + data[position + len(size) :]


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _three_bytes(number: int) -> bytes:
    return number.to_bytes(3, "little")


def scans(width: int, height: int, number: int) -> bytes:
    """A progressive grey JPEG of many scans, which all have few bytes and change no block (ITU T.81 §G.1.2.2)."""
    blocks = -(-width // 8) * -(-height // 8)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    bits = ("0" + "1" * 14) * -(-blocks // 32767)  # the only code, and the number of blocks that it skips
    bits += "1" * (-len(bits) % 8)
    empty = bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    start = _segment(0xDB, b"\0" + b"\x01" * 64) + _segment(0xC2, frame)
    start += b"".join(
        _segment(0xC4, bytes([table, 1]) + bytes(15) + code) for table, code in ((0, b"\0"), (16, b"\xe0"))
    )
    first = _segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bytes(-(-blocks // 8))
    return b"\xff\xd8" + start + first + (_segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + empty) * number + b"\xff\xd9"


class Item(NamedTuple):
    """An item of an AVIF.

    Attributes:
        kind, body, properties: four letters, the item's bytes, and its property boxes.
        tiles: the numbers, from 1, of the items that a grid is made of.
        encoding: the compression of a text.
        extra_bytes: how much longer than its body the item claims to be.
    """

    kind: bytes
    body: bytes
    properties: tuple[bytes, ...] = ()
    tiles: tuple[int, ...] = ()
    encoding: bytes = b""
    extra_bytes: int = 0


def stream(data: bytes) -> tuple[bytes, bytes]:
    """Return the stream of an AVIF by Pillow, and the property that configures the decoder."""
    start = data.index(b"av1C") - 4
    return data[data.index(b"mdat") + 4 :], data[start : start + int.from_bytes(data[start : start + 4])]


def extent(width: int, height: int) -> bytes:
    """The property that declares a size."""
    return box(b"ispe", bytes(4), struct.pack(">II", width, height))


def grid(rows: int, columns: int, width: int, height: int) -> bytes:
    """The body of an item that is a grid of tiles (ISO/IEC 23008-12 §6.6.2.3)."""
    return struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)


def avif(*items: Item) -> bytes:
    """An AVIF of these items, which shows the first item."""
    head = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    position = len(head) + len(_meta_box(items, 0)) + 8
    return head + _meta_box(items, position) + box(b"mdat", *(item.body for item in items))


def _meta_box(items: Sequence[Item], position: int) -> bytes:
    """The box that describes the items, whose bodies begin at a position (ISO/IEC 14496-12 §8.11)."""
    entries, locations, properties, owners, references = b"", b"", b"", b"", b""
    index = 0
    for number, item in enumerate(items, 1):
        text = b"\0application/rdf+xml\0" + item.encoding if item.kind == b"mime" else b""
        entries += box(b"infe", b"\x02\0\0\0", struct.pack(">HH", number, 0), item.kind, text, b"\0")
        locations += struct.pack(">HHHII", number, 0, 1, position, len(item.body) + item.extra_bytes)
        position += len(item.body)
        properties += b"".join(item.properties)
        owners += struct.pack(">HB", number, len(item.properties))
        owners += bytes(0x80 | index + nth for nth in range(1, len(item.properties) + 1))
        index += len(item.properties)
        if item.tiles:
            references += box(b"dimg", struct.pack(f">HH{len(item.tiles)}H", number, len(item.tiles), *item.tiles))
    count = struct.pack(">H", len(items))
    return box(
        b"meta",
        bytes(4),
        box(b"hdlr", bytes(8), b"pict", bytes(13)),
        box(b"pitm", bytes(4), b"\0\x01"),
        box(b"iloc", bytes(4), b"\x44\0", count, locations),
        box(b"iinf", bytes(4), count, entries),
        box(b"iref", bytes(4), references) if references else b"",
        box(b"iprp", box(b"ipco", properties), box(b"ipma", bytes(6), count, owners)),
    )


def box(name: bytes, *parts: bytes) -> bytes:
    """A box (ISO/IEC 14496-12 §4.2)."""
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(body)) + body
