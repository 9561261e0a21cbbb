"""Pictures for the tests: patterns, orientations, and those that want to do harm, as bytes."""

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from PIL import Image, ImageDraw, ImageOps

FORMATS: Final = ("jpeg", "png", "webp", "avif", "gif")

# What makes of an upright image the one that a camera stores with this EXIF orientation.
_TURNED: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
# Where the seven images of an interlaced PNG begin, and how far apart their pixels are (PNG §8.2).
_ADAM7: Final = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
_ORIENTATION: Final = 0x0112  # EXIF 2.32 §4.6.4


def pattern(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Four quadrants, red, green, blue and yellow, that grow darker from left to right; no two ends are alike."""
    image = Image.new("RGB", (width, height), "red")
    draw = ImageDraw.Draw(image)
    for colour, left, top in (("lime", 1, 0), ("blue", 0, 1), ("yellow", 1, 1)):
        draw.rectangle((left * width // 2, top * height // 2, width, height), colour)
    shade = ImageOps.invert(Image.linear_gradient("L").rotate(90)).point(lambda value: 128 + value // 2)
    dark = Image.composite(image, Image.new("RGB", image.size), shade.resize(image.size))
    if mode in ("RGBA", "LA"):
        dark.putalpha(Image.linear_gradient("L").resize(image.size))  # from clear to full
    return dark.convert(mode)


def written(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image in a format; losing little where the format loses."""
    file = io.BytesIO()
    if kind in ("jpeg", "avif"):
        options = {"quality": 95, **options}
    elif kind == "webp":
        options = {"lossless": True, **options}
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    """Return what Pillow reads."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def oriented(upright: Image.Image, orientation: int, kind: str = "jpeg") -> bytes:
    """Return an image that is stored as a turned camera does, and says so."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    stored = upright.transpose(_TURNED[orientation]) if orientation in _TURNED else upright
    return written(stored, kind, exif=exif)  # of an AVIF Pillow makes it the properties that it has for that


def animation(frames: Iterable[Image.Image], kind: str, durations: list[int], loop: int) -> bytes:
    """Return frames that move, each shown for as many milliseconds."""
    first, *others = frames
    return written(first, kind, save_all=True, append_images=others, duration=durations, loop=loop)


# -- bytes that no encoder makes --


def png_chunk(name: bytes, body: bytes) -> bytes:
    """PNG §5.3."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, packed: bytes, *, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """A PNG of any size with any zlib stream as its pixels; colour 0 is grey, 2 RGB, 6 RGBA."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def zeros(size: int) -> bytes:
    """A zlib stream of at most as many bytes, that unpacks to a thousand times as many zeros."""
    packer = zlib.compressobj(9)
    start = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * ((size - len(start)) // len(block))


def black_png(width: int, height: int, *, depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """A PNG of zeros, whole and right."""
    bits = depth * {0: 1, 2: 3, 6: 4}[colour]
    passes = _ADAM7 if interlaced else [(0, 0, 1, 1)]
    sizes = [(-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes]
    rows = sum(high * (1 + (wide * bits + 7) // 8) for wide, high in sizes if wide > 0)
    return png(width, height, zlib.compress(bytes(rows), 1), depth=depth, colour=colour, interlaced=interlaced)


def gif(width: int, height: int, frames: int, frame: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF of many frames, all black; `width` and `height` are of the screen."""
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    control = b"\x21\xf9\x04\x00\x0a\x00\x00\x00"
    described = b"\x2c" + struct.pack("<HHHHB", 0, 0, *frame, 0)
    return header + (control + described + b"\x02\x02\x44\x01\x00") * frames + b"\x3b"


def drawn_gif(width: int, height: int, *frames: bytes, palette: bytes = bytes(768)) -> bytes:
    """A GIF of these frames, that is shown for ever."""
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
    """A frame of pixels below 8, with its control (GIF89a §20, §22, §23); `delay` is in hundredths of a second."""
    control = struct.pack("<BHBB", disposal << 2 | (clear is not None), delay, clear or 0, 0)
    flags = (0x80 | (len(palette) // 6).bit_length() - 1 if palette else 0) | interlaced << 6
    descriptor = b"\x2c" + struct.pack("<4HB", *place, *size, flags)
    if interlaced:  # every eighth row, those in their middles, and so on (GIF89a appendix E)
        passes = ((0, 8), (4, 8), (2, 4), (1, 2))
        rows = [row for start, step in passes for row in range(start, size[1], step)]
        pixels = b"".join(pixels[row * size[0] : (row + 1) * size[0]] for row in rows)
    # Codes of four bits for eight colours, cleared before they would have to grow.
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
    """The chunk VP8X; 2 in `flags` says that it moves, 16 that it has alpha."""
    return b"VP8X", struct.pack("<I", flags) + _three(width - 1) + _three(height - 1)


def webp_animation(width: int, height: int, frames: int, frame: bytes, size: tuple[int, int]) -> bytes:
    """A WebP of many frames; `frame` is a still image, whose own chunk becomes each of them."""
    place = _three(0) * 2 + _three(size[0] - 1) + _three(size[1] - 1) + _three(100) + b"\x00"
    moving = (b"ANMF", place + frame[12:])
    return riff(webp_canvas(width, height, 2), (b"ANIM", bytes(6)), *[moving] * frames)


def resized_header(data: bytes, kind: str, width: int, height: int) -> bytes:
    """The same bytes, only that they claim to be of another size."""
    place, form, plus = {
        "jpeg": (_start_of_frame(data) + 5 if kind == "jpeg" else 0, ">HH", 0),
        "png": (16, ">II", 0),
        "gif": (6, "<HH", 0),
        "webp": (24, "", -1),  # of VP8X
        "avif": (data.find(b"ispe") + 8, ">II", 0),
    }[kind]
    sides = (height, width) if kind == "jpeg" else (width, height)
    said = struct.pack(form, *sides) if form else b"".join(_three(side + plus) for side in sides)
    lying = data[:place] + said + data[place + len(said) :]
    if kind == "png":
        return lying[:29] + struct.pack(">I", zlib.crc32(lying[12:29])) + lying[33:]
    return lying


def _start_of_frame(data: bytes) -> int:
    """Where a JPEG says its size (ITU T.81 §B.2.2)."""
    place = 2
    while data[place + 1] not in (0xC0, 0xC1, 0xC2):
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
    return place


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def scans(width: int, height: int, number: int) -> bytes:
    """A progressive grey JPEG of many scans, each of a few bytes, that say nothing of any block (ITU T.81 §G.1.2.2)."""
    blocks = -(-width // 8) * -(-height // 8)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    bits = ("0" + "1" * 14) * -(-blocks // 32767)  # the one code there is, and how many blocks it stands for
    bits += "1" * (-len(bits) % 8)
    empty = bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    start = _segment(0xDB, b"\0" + b"\x01" * 64) + _segment(0xC2, frame)
    start += b"".join(
        _segment(0xC4, bytes([table, 1]) + bytes(15) + code) for table, code in ((0, b"\0"), (16, b"\xe0"))
    )
    first = _segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bytes(-(-blocks // 8))
    return b"\xff\xd8" + start + first + (_segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + empty) * number + b"\xff\xd9"


class Item(NamedTuple):
    """Of an AVIF.

    Attributes:
        kind, body, properties: what it is, its bytes, and its property boxes.
        of: the numbers, from 1, of the items that it is made of.
        encoding: how it is packed, if it is a text.
        more: how many bytes too many it says it has.
    """

    kind: bytes
    body: bytes
    properties: tuple[bytes, ...] = ()
    of: tuple[int, ...] = ()
    encoding: bytes = b""
    more: int = 0


def stream(data: bytes) -> tuple[bytes, bytes]:
    """Of an AVIF by Pillow: its stream, and the property that describes it."""
    start = data.index(b"av1C") - 4
    return data[data.index(b"mdat") + 4 :], data[start : start + int.from_bytes(data[start : start + 4])]


def extent(width: int, height: int) -> bytes:
    """The property that says a size."""
    return box(b"ispe", bytes(4), struct.pack(">II", width, height))


def grid(rows: int, columns: int, width: int, height: int) -> bytes:
    """What an item says that is made of tiles (ISO/IEC 23008-12 §6.6.2.3)."""
    return struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)


def avif(*items: Item) -> bytes:
    """An AVIF of these items, of which the first is shown."""
    head = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    place = len(head) + len(_described(items, 0)) + 8
    return head + _described(items, place) + box(b"mdat", *(item.body for item in items))


def _described(items: Sequence[Item], place: int) -> bytes:
    """The box that says what the items are, whose bytes begin at a place (ISO/IEC 14496-12 §8.11)."""
    entries, places, properties, owners, references = b"", b"", b"", b"", b""
    index = 0
    for number, item in enumerate(items, 1):
        text = b"\0application/rdf+xml\0" + item.encoding if item.kind == b"mime" else b""
        entries += box(b"infe", b"\x02\0\0\0", struct.pack(">HH", number, 0), item.kind, text, b"\0")
        places += struct.pack(">HHHII", number, 0, 1, place, len(item.body) + item.more)
        place += len(item.body)
        properties += b"".join(item.properties)
        owners += struct.pack(">HB", number, len(item.properties))
        owners += bytes(0x80 | index + nth for nth in range(1, len(item.properties) + 1))
        index += len(item.properties)
        if item.of:
            references += box(b"dimg", struct.pack(f">HH{len(item.of)}H", number, len(item.of), *item.of))
    count = struct.pack(">H", len(items))
    return box(
        b"meta",
        bytes(4),
        box(b"hdlr", bytes(8), b"pict", bytes(13)),
        box(b"pitm", bytes(4), b"\0\x01"),
        box(b"iloc", bytes(4), b"\x44\0", count, places),
        box(b"iinf", bytes(4), count, entries),
        box(b"iref", bytes(4), references) if references else b"",
        box(b"iprp", box(b"ipco", properties), box(b"ipma", bytes(6), count, owners)),
    )


def box(name: bytes, *parts: bytes) -> bytes:
    """ISO/IEC 14496-12 §4.2."""
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(body)) + body
