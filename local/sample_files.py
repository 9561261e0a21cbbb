"""The files in the bucket of `make run`."""

import struct
import zlib
from typing import NamedTuple

import pyvips

NAME_WITH_SPACES = "a name with spaces, ünï and 日本.txt"


class SampleFile(NamedTuple):
    """A file to store."""

    key: str
    body: bytes
    content_type: str


def sample_files() -> list[SampleFile]:
    """Return the files: texts, a table, an image for everybody, and a photo."""
    return [
        SampleFile("hello.txt", b"Hello from a private bucket.\n", "text/plain"),
        SampleFile(NAME_WITH_SPACES, "Its name survived: ünï, 日本.\n".encode(), "text/plain; charset=utf-8"),
        SampleFile("reports/2026/q3.csv", b"month,builds\n2026-07,812\n2026-08,907\n2026-09,1044\n", "text/csv"),
        SampleFile("public/picture.png", gradient(), "image/png"),
        SampleFile("photos/evening.jpg", photo(), "image/jpeg"),
    ]


def gradient() -> bytes:
    """Return a PNG of 64 by 64 pixels with a gradient of colours (PNG specification, §5 and §11)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(value for x in range(64) for value in (x * 4, y * 4, 160)) for y in range(64))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def photo() -> bytes:
    """Return a JPEG of 1,600 by 1,000 pixels: an evening over hills, drawn by libvips in milliseconds."""
    width, height = 1600, 1000
    position = pyvips.Image.xyz(width, height)
    sky = position[1] / 560 * [150, 90, 40] + [60, 50, 110]
    distance = ((position[0] - 1100) ** 2 + (position[1] - 430) ** 2) ** 0.5
    glow = (1 - distance / 700) * [70, 50, 10]
    image = (distance < 90).ifthenelse([255, 236, 190], sky + (distance < 700).ifthenelse(glow, 0))
    for top, wave, colour in ((620, 0.4, [86, 62, 92]), (720, 0.25, [58, 44, 76]), (830, 0.6, [30, 26, 50])):
        image = (position[1] > (position[0] * wave).sin() * 40 + top).ifthenelse(colour, image)
    noise = pyvips.Image.gaussnoise(width, height, mean=0, sigma=4)
    body: bytes = (image + noise).cast("uchar").copy(interpretation="srgb").jpegsave_buffer(Q=88)
    return body
