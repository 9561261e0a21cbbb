"""The limits of images: a bomb is refused at once, each in a process of its own, and long work is stopped.

No test reads a clock. The cost of Python's part is the number of its calls, the cost of libvips' part is memory, and a
bomb that is refused before it is decoded is also refused if there is no time at all.
"""

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from chalicelib.backends.images.containers import check_file
from chalicelib.backends.images.iso_boxes import number_reader
from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import FITS, MAX_SIDE_PIXELS, Rendition
from chalicelib.core.web.problems.images import ImageBroken, ImageTooLarge
from tests.support import pictures
from tests.support.builders import soon
from tests.support.pictures import (
    Item,
    avif,
    black_png,
    extent,
    gif,
    pattern,
    png,
    png_chunk,
    resized_header,
    riff,
    webp_animation,
    webp_canvas,
    written,
)

MAX_CALLS, MAX_MEGABYTES = 400_000, 64  # of a bomb; so many calls take a tenth of a second
NO_TIME = -1  # seconds

STREAM, CONFIGURED = pictures.stream(written(pattern(64, 64), "avif"))
LARGE_STREAM, LARGE_CONFIGURED = pictures.stream(written(Image.new("RGB", (2000, 2000), "red"), "avif", speed=10))
TILE = Item(b"av01", STREAM, (extent(64, 64), CONFIGURED))
LARGE_TILE = Item(b"av01", LARGE_STREAM, (extent(2000, 2000), LARGE_CONFIGURED))
PIXEL = written(Image.new("RGB", (1, 1)), "webp")
SMALL = {kind: written(pattern(16, 12), kind) for kind in pictures.FORMATS}


def render(
    data: bytes, width: int = 32, height: int = 0, fit: str = "contain", output: str = "", seconds: float = 60
) -> bytes:
    rendition = Rendition(width, height, fit, output, 0)
    return VipsRenderer(seconds).render(data, rendition, soon(60)).body


def square(rows: int, canvas: int, declared: int, tile: Item) -> bytes:
    """An AVIF whose picture is a square of equal tiles."""
    tiles = tuple(range(2, 2 + rows * rows))
    body = pictures.grid(rows, rows, canvas, canvas)
    return avif(Item(b"grid", body, (extent(declared, declared),), tiles), *[tile] * rows**2)


def before_second_scan(jpeg: bytes, marker: bytes) -> bytes:
    position = jpeg.index(b"\xff\xda", jpeg.index(b"\xff\xda") + 2)
    return jpeg[:position] + marker + jpeg[position:]


def with_texts(number: int) -> bytes:
    """A PNG of one pixel with texts that each unpack to eight megabytes."""
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 7_900_000, 9))
    return black_png(1, 1)[:33] + text * number + black_png(1, 1)[33:]


# The status for each bomb; 0 for a file that may be rendered, as long as it costs no more.
BOMBS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "png of 50,000 by 50,000": (413, lambda: png(50_000, 50_000, pictures.zeros(2000))),
    "png of 50,000 by 50,000 with 10 MB of zeros": (413, lambda: png(50_000, 50_000, pictures.zeros(10**7))),
    "png of 16 bits": (413, lambda: png(7000, 7000, pictures.zeros(2000), depth=16, colour=6)),
    "png that declares a large size": (422, lambda: png(7000, 7000, pictures.zeros(2000), interlaced=True)),
    "png of compressed texts": (0, lambda: with_texts(900)),
    "png of many chunks": (413, lambda: black_png(1, 1)[:33] + png_chunk(b"tEXt", b"a\0b") * 300_000),
    "gif of 10,000 frames": (413, lambda: gif(1, 1, 10_000)),
    "gif of 1,000,000 frames": (413, lambda: gif(1, 1, 1_000_000)),
    "gif of a large screen": (413, lambda: gif(65_535, 65_535, 1)),
    "gif of a large frame": (413, lambda: gif(1, 1, 1, (60_000, 60_000))),
    "gif whose second frame is large": (422, lambda: gif(9, 9, 1)[:-1] + gif(9, 9, 1, (60_000, 60_000))[19:]),
    "gif of many blocks": (413, lambda: gif(1, 1, 1)[:-1] + b"\x21\xfe" + b"\x01a" * 8_000_000 + b"\0\x3b"),
    "gif of many extensions": (413, lambda: gif(1, 1, 1)[:-1] + b"\x21\xfe\0" * 10_000_000 + b"\x3b"),
    "webp of 10,000 frames": (413, lambda: webp_animation(1, 1, 10_000, PIXEL, (1, 1))),
    "webp of 500,000 frames": (413, lambda: webp_animation(1, 1, 500_000, PIXEL, (1, 1))),
    "webp of many chunks": (413, lambda: riff(webp_canvas(1, 1, 0), *[(b"ABCD", b"")] * 10**5, (b"VP8L", PIXEL[20:]))),
    "webp of a large canvas": (422, lambda: riff(webp_canvas(16_384, 16_384, 0), (b"VP8L", PIXEL[20:]))),
    "webp of a large moving canvas": (413, lambda: webp_animation(16_383, 16_383, 2, PIXEL, (1, 1))),
    "jpeg that declares an impossible size": (422, lambda: resized_header(SMALL["jpeg"], "jpeg", 65_535, 65_535)),
    "jpeg that declares a large size": (413, lambda: resized_header(SMALL["jpeg"], "jpeg", 65_500, 65_500)),
    "jpeg of 2,000 scans": (413, lambda: pictures.scans(7000, 7000, 2000)),
    # A marker without a length, which would hide the scans after it (ITU T.81 §B.1.1.3).
    "jpeg of hidden scans": (413, lambda: before_second_scan(pictures.scans(7000, 7000, 600), b"\xff\x01")),
    "jpeg of many segments": (413, lambda: b"\xff\xd8" + b"\xff\xe5\x00\x02" * 2_000_000 + b"\xff\xd9"),
    "avif that declares a large size": (413, lambda: resized_header(SMALL["avif"], "avif", 65_535, 65_535)),
    "avif that declares a small size": (
        413,
        lambda: resized_header(written(Image.new("RGB", (4100, 4100), "red"), "avif", speed=10), "avif", 64, 64),
    ),
    "avif of large tiles": (413, lambda: square(6, 128, 128, LARGE_TILE)),
    "avif on a large canvas": (413, lambda: square(2, 16_000, 128, TILE)),
    "avif of compressed metadata": (
        422,
        lambda: avif(TILE, Item(b"mime", zlib.compress(bytes(10**8)), encoding=b"deflate")),
    ),
    "avif of overlapping items": (
        422,
        lambda: avif(TILE, *[Item(b"av01", b"", extra_bytes=10**7)] * 600) + pictures.box(b"free", bytes(10**7)),
    ),
    "avif of many brands": (0, lambda: SMALL["avif"] + pictures.box(b"ftyp", b"mif1" * 3_900_000)),
    "avif of many units": (413, lambda: avif(Item(b"av01", b"\x12\0" * 10**6 + STREAM, TILE.properties))),
}

# Each bomb has a process of its own, a copy of one that has loaded libvips and has used nothing of it yet.
_MEASURE = """
import json, os, sys, threading
from pathlib import Path
from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import Rendition
from chalicelib.core.web.problems.base import Problem
from tests.support.builders import soon

def peak():  # in kB; the peak of getrusage begins with the parent's
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

def count(*_):
    global calls
    calls += 1

def answer(renderer):
    try:
        renderer.render(data, rendition, soon(60))
    except Problem as problem:
        return problem.status, problem.detail
    return 0, ""

import chalicelib.backends.images.libvips as libvips
libvips.load()
folder, rendition, calls = Path(sys.argv[1]), Rendition(32, 0, "contain", "webp", 0), 0
for file in folder.iterdir():
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0, file
        continue
    kind = file.name.partition(" ")[0]
    data, small = file.read_bytes(), (folder.parent / kind).read_bytes()
    VipsRenderer().render(small, rendition, soon(60))
    before = peak()
    threading.setprofile(count)  # the renderer works in a thread of its own
    usual = answer(VipsRenderer())
    threading.setprofile(None)
    without_time = answer(VipsRenderer(seconds=NO_TIME))
    print(json.dumps([file.name, usual, without_time, calls, (peak() - before) / 1024]), flush=True)
    os._exit(0)
""".replace("NO_TIME", str(NO_TIME))


def test_a_bomb_costs_little_and_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    for kind, image in SMALL.items():
        (tmp_path / kind).write_bytes(image)
    (tmp_path / "bombs").mkdir()
    for name, (_, bomb) in BOMBS.items():
        (tmp_path / "bombs" / name).write_bytes(bomb())
    environ = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # else the peak depends on which thread gets which arena
    command = [sys.executable, "-c", _MEASURE, str(tmp_path / "bombs")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    costs = {name: cost for name, *cost in map(json.loads, done.stdout.splitlines())}
    assert costs.keys() == BOMBS.keys()
    for name, (usual, without_time, calls, megabytes) in costs.items():
        assert usual[0] == BOMBS[name][0], name
        assert calls < MAX_CALLS, name
        assert megabytes < MAX_MEGABYTES, name
        if usual[0] == ImageTooLarge.status:
            assert without_time == usual, name


# -- the limits --


def test_each_limit_is_exact() -> None:
    """A file at the limit is rendered, a file above the limit is refused with the reason."""
    jpegs = {mode: written(pattern(16, 16).convert(mode), "jpeg", progressive=True) for mode in ("RGB", "CMYK")}
    frames: dict[str, Callable[[int], bytes]] = {
        "gif": lambda number: gif(1, 1, number),
        "webp": lambda number: webp_animation(1, 1, number, PIXEL, (1, 1)),
    }
    for at_limit, above_limit, reason in (
        (black_png(10_000, 5_000, depth=1, colour=0), black_png(10_001, 5_000, depth=1, colour=0), "50,005,000 pixels"),
        (black_png(65_535, 1), black_png(65_536, 1), "A side of the image has 65,536 pixels"),
        (frames["gif"](500), frames["gif"](501), "more than 500 frames"),
        (frames["webp"](500), frames["webp"](501), "more than 500 frames"),
        # The first scan of `scans` has the picture; the others refine it.
        (pictures.scans(64, 64, 99), pictures.scans(64, 64, 100), "more than 100 scans"),
    ):
        render(at_limit, 1, 0, output="png")
        with pytest.raises(ImageTooLarge, match=reason):
            render(above_limit, 1, 0, output="png")
    # A progressive JPEG is held whole, with two bytes for each value. Behind the header there are only 16 rows.
    for mode, pixels in (("RGB", 33_333_333), ("CMYK", 25_000_000)):
        with pytest.raises(ImageBroken):
            render(resized_header(jpegs[mode], "jpeg", 8000, pixels // 8000)[:-2])
        with pytest.raises(ImageTooLarge, match="fewer, if it is a progressive JPEG"):
            render(resized_header(jpegs[mode], "jpeg", 8000, pixels // 8000 + 1))


def test_the_result_has_limits_too() -> None:
    """All frames count together, and the upright size counts."""
    with pytest.raises(ImageTooLarge, match="51,000,000 pixels"):
        render(gif(1000, 1000, 51, (1000, 1000)))
    with pytest.raises(ImageTooLarge, match=r"would have 83,886,080 pixels\. As webp it may have 50,000,000"):
        render(gif(10, 10, 5, (10, 10)), MAX_SIDE_PIXELS, MAX_SIDE_PIXELS, "fill", "webp")
    with pytest.raises(ImageTooLarge, match=r"would have 4,202,000 pixels\. As avif it may have 4,200,000"):
        render(SMALL["png"], 2101, 2000, "fill", "avif")
    turned = pictures.oriented(Image.new("L", (4000, 1100)), 6, "png")  # 2,000 by 550 pixels, not 2,000 by 7,273
    render(turned, 2000, output="avif")


def test_work_that_takes_too_long_is_stopped() -> None:
    for kind, output in product(pictures.FORMATS, ("jpeg", "png", "webp")):
        with pytest.raises(ImageTooLarge, match="takes too long"):
            render(SMALL[kind], 400, 400, "fill", output, NO_TIME)
    for kind, fit in product(("gif", "webp"), FITS):
        data = pictures.animation([pattern(40, 30)] * 2 + [Image.new("RGB", (40, 30))], kind, [100] * 3, 0)
        with pytest.raises(ImageTooLarge, match="takes too long"):
            render(data, 190, 190, fit, "webp", NO_TIME)


# -- the parsers --


def has_pixels(data: bytes, pixels: int) -> None:
    """Assert that the parsers accept an AVIF with this limit, and refuse it with one pixel less."""
    check_file(data, "image/avif", pixels)
    with pytest.raises(ImageTooLarge, match=f"{pixels:,} pixels and may have {pixels - 1:,}"):
        check_file(data, "image/avif", pixels - 1)


def test_tiles_are_rendered_and_multiplied() -> None:
    assert pictures.opened(render(square(2, 128, 128, TILE), 128, output="png")).size == (128, 128)
    # Two by one grids, each of one by two tiles of 4,096 pixels: at most four times two times 4,096 pixels.
    inner = Item(b"grid", pictures.grid(1, 2, 128, 64), (extent(128, 64),), (4, 5))
    outer = Item(b"grid", pictures.grid(2, 1, 128, 128), (extent(128, 128),), (2, 3))
    has_pixels(avif(outer, inner, inner._replace(tiles=(6, 7)), *[TILE] * 4), 8 * 4096)


def unit(bits: str) -> bytes:
    """A unit of an AV1 stream that is a sequence header of these bits (AV1 §5.3.2, §5.5.1)."""
    bits = bits.replace(" ", "")
    body = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    return bytes((1 << 3 | 2, len(body))) + body


def test_every_kind_of_sequence_header_is_read() -> None:
    """The headers of Pillow and of libheif, of stills and of films, and all variants of AV1 §5.5.1."""
    film = pictures.animation([pattern(70, 30)] * 2, "avif", [100, 100], 0)
    output = render(SMALL["png"], 70, 30, "fill", "avif")
    for data in (film, output, written(pattern(70, 30), "avif"), written(pattern(70, 30, "RGBA"), "avif")):
        check_file(data, "image/avif", 72 * 32)
        with pytest.raises(ImageTooLarge):
            check_file(data, "image/avif", 70 * 30 - 1)
    for variant in (
        "000 1 1 00100",  # of a still picture
        "000 0 0 0 0 00000 000000000000 00100",
        "000 0 0 0 0 00000 000000000000 01000 1",  # a level that has tiers
        "000 0 0 0 1 00001 000000000000 00100 1 1111 000000000000 00100 0",  # two points, one of them with a delay
    ):
        header = unit(f"{variant} 1001 1001 {999:010b} {699:010b} {0:040b}")  # two sides of ten bits
        has_pixels(avif(Item(b"av01", b"\0\0" + header)), 700_000)  # the decoder skips zeros
        has_pixels(avif(Item(b"av01", b"", (pictures.box(b"av1C", bytes(4), header),))), 700_000)


def test_a_number_ends_with_its_data() -> None:
    read = number_reader(memoryview(b"\1\2\3"), 1)
    assert read(2) == 0x0203
    with pytest.raises(IndexError):
        read(1)


def test_an_avif_that_no_encoder_writes_is_refused() -> None:
    for name, item in {
        "another codec": Item(b"hvc1", STREAM),
        "a compressed item": Item(b"mime", b"", encoding=b"deflate"),
        "a unit without its size": Item(b"av01", b"\x08" + STREAM),
        "the timing of a film": Item(b"av01", unit("000 0 0 1")),
    }.items():
        with pytest.raises(ImageBroken):
            pytest.fail(f"{name}: {check_file(avif(TILE, item), 'image/avif')}")


def test_the_parsers_remove_what_no_picture_needs_and_nothing_else() -> None:
    """From a PNG the texts; from an AVIF the description of a film, which crashes libheif if it is damaged."""
    for kind in ("jpeg", "png", "webp"):
        assert check_file(SMALL[kind], f"image/{kind}").data == SMALL[kind]
    data = SMALL["png"]
    pixels, end = data.index(b"IDAT") - 4, len(data) - 12
    texts = png_chunk(b"iTXt", b"a\0\0\0\0\0b") + png_chunk(b"tEXt", b"a\0b") + png_chunk(b"zTXt", b"a\0\0b")
    with_texts = data[:pixels] + texts + data[pixels:end] + texts + data[end:]
    assert check_file(with_texts, "image/png").data == data
    film = pictures.animation([pattern(60, 40)] * 2, "avif", [100, 100], 0)
    still = check_file(film, "image/avif").data
    assert len(still) == len(film)
    assert still.index(b"free") == film.index(b"moov")
    assert not any(name in still for name in (b"moov", b"avis", b"msf1"))
