"""What images may cost: bombs are refused at once, each in a process of its own, and long work is given up.

No test reads a clock. The cost of Python's part is the number of its calls, that of libvips' part is memory, and a bomb
that is refused before it is decoded is refused when there is no time at all.
"""

import io
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from chalicelib.backends.images.containers import check_file
from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import MAX_SIDE_PIXELS, Rendition, kind_of
from chalicelib.core.web.problems import ImageBroken, ImageTooLarge
from tests.support import pictures
from tests.support.builders import soon
from tests.support.pictures import Item, gif, pattern, png, resized_header, riff, webp_animation, webp_canvas, written

CALLS, MEGABYTES = 400_000, 64  # that a bomb may cost; so many calls take a tenth of a second
NO_TIME = -1  # seconds
MOST_AVIF = 16_000_000

TILE, CONFIGURED = pictures.stream(written(pattern(64, 64), "avif"))
LARGE, LARGE_CONFIGURED = pictures.stream(written(Image.new("RGB", (2000, 2000), "red"), "avif", speed=10))
PIXEL = written(Image.new("RGB", (1, 1)), "webp")


def renders(data: bytes, width: int = 32, height: int = 0, fit: str = "contain", made: str = "") -> None:
    VipsRenderer().render(data, Rendition(width, height, fit, made, 0), soon())


def small(kind: str) -> bytes:
    return written(pattern(16, 12), kind)


def tile(width: int = 64, height: int = 64) -> Item:
    return Item(b"av01", TILE, (pictures.extent(width, height), CONFIGURED))


def large(said: int = 2000) -> Item:
    return Item(b"av01", LARGE, (pictures.extent(said, said), LARGE_CONFIGURED))


def gridded(rows: int, width: int, said: int, tiles: list[Item]) -> bytes:
    """An AVIF whose picture is a square of tiles."""
    of = tuple(range(2, 2 + rows * rows))
    return pictures.avif(
        Item(b"grid", pictures.grid(rows, rows, width, width), (pictures.extent(said, said),), of), *tiles
    )


def hidden() -> bytes:
    """An AVIF of 25 million pixels that claims to have 4,096."""
    data = written(Image.new("RGB", (5000, 5000), "red"), "avif", speed=10)
    return pictures.resized_header(data, "avif", 64, 64)


def alone(jpeg: bytes) -> bytes:
    """A JPEG whose further scans come after a marker without a length, and would be its own (ITU T.81 §B.1.1.3)."""
    place = jpeg.index(b"\xff\xda", jpeg.index(b"\xff\xda") + 2)
    return jpeg[:place] + b"\xff\x01" + jpeg[place:]


def overlapping() -> bytes:
    """An AVIF of 600 items, each of which is all that comes after it."""
    return pictures.avif(tile(), *[Item(b"av01", b"", more=10**7)] * 600) + pictures.box(b"free", bytes(10**7))


def many_brands() -> bytes:
    return small("avif") + pictures.box(b"ftyp", b"mif1" * 3_900_000)


def packed_metadata() -> bytes:
    """An AVIF with a description that unpacks to a hundred megabytes."""
    return pictures.avif(tile(), Item(b"mime", zlib.compress(bytes(10**8)), encoding=b"deflate"))


def growing() -> bytes:
    """A GIF whose second frame is larger than all of it."""
    return gif(9, 9, 1)[:-1] + gif(9, 9, 1, (60_000, 60_000))[19:]


def texts(number: int) -> bytes:
    """A PNG of one pixel with texts that unpack to eight megabytes each."""
    packed = zlib.compress(b"a" * 7_900_000, 9)
    chunks = b"".join(pictures.png_chunk(b"zTXt", b"Comment\0\0" + packed) for _ in range(number))
    black = pictures.black_png(1, 1)
    return black[:33] + chunks + black[33:]


# What must be refused, and how; 0 where it may be rendered, if only it costs no more.
BOMBS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "png of 50,000 by 50,000": (413, lambda: png(50_000, 50_000, pictures.zeros(2000))),
    "png of 50,000 by 50,000 with 10 MB of zeros": (413, lambda: png(50_000, 50_000, pictures.zeros(10**7))),
    "png of 16 bits": (413, lambda: png(7000, 7000, pictures.zeros(2000), depth=16, colour=6)),
    "png that claims to be large": (422, lambda: png(7000, 7000, pictures.zeros(2000), interlaced=True)),
    "png of packed texts": (0, lambda: texts(900)),
    "png of many chunks": (413, lambda: pictures.black_png(1, 1)[:33] + pictures.png_chunk(b"tEXt", b"a\0b") * 300_000),
    "gif of 10,000 frames": (413, lambda: gif(1, 1, 10_000)),
    "gif of 1,000,000 frames": (413, lambda: gif(1, 1, 1_000_000)),
    "gif of a large screen": (413, lambda: gif(65_535, 65_535, 1)),
    "gif of a large frame": (413, lambda: gif(1, 1, 1, (60_000, 60_000))),
    "gif whose second frame is large": (422, growing),
    "gif of many blocks": (413, lambda: gif(1, 1, 1)[:-1] + b"\x21\xfe" + b"\x01a" * 8_000_000 + b"\0\x3b"),
    "gif of many extensions": (413, lambda: gif(1, 1, 1)[:-1] + b"\x21\xfe\0" * 10_000_000 + b"\x3b"),
    "webp of 10,000 frames": (413, lambda: webp_animation(1, 1, 10_000, PIXEL, (1, 1))),
    "webp of 500,000 frames": (413, lambda: webp_animation(1, 1, 500_000, PIXEL, (1, 1))),
    "webp of many chunks": (413, lambda: riff(webp_canvas(1, 1, 0), *[(b"ABCD", b"")] * 10**6, (b"VP8L", PIXEL[20:]))),
    "webp of a large canvas": (422, lambda: riff(webp_canvas(16_384, 16_384, 0), (b"VP8L", PIXEL[20:]))),
    "webp of a large moving canvas": (413, lambda: webp_animation(16_383, 16_383, 2, PIXEL, (1, 1))),
    "jpeg that claims to be larger than can be": (422, lambda: resized_header(small("jpeg"), "jpeg", 65_535, 65_535)),
    "jpeg that claims to be very large": (413, lambda: resized_header(small("jpeg"), "jpeg", 65_500, 65_500)),
    "jpeg of 2,000 scans": (413, lambda: pictures.scans(7000, 7000, 2000)),
    "jpeg of scans behind a marker that stands alone": (413, lambda: alone(pictures.scans(7000, 7000, 600))),
    "jpeg of many segments": (413, lambda: b"\xff\xd8" + b"\xff\xe5\x00\x02" * 2_000_000 + b"\xff\xd9"),
    "avif that claims to be large": (413, lambda: resized_header(small("avif"), "avif", 65_535, 65_535)),
    "avif that claims to be small": (413, hidden),
    "avif of large tiles": (413, lambda: gridded(6, 128, 128, [large()] * 36)),
    "avif on a large canvas": (413, lambda: gridded(2, 16_000, 128, [tile()] * 4)),
    "avif of packed metadata": (422, packed_metadata),
    "avif of overlapping items": (422, overlapping),
    "avif of many brands": (0, many_brands),
    "avif of many units": (413, lambda: pictures.avif(Item(b"av01", b"\x12\0" * 10**6 + TILE, tile().properties))),
}  # fmt: skip

_MEASURE = """
import json, sys, threading
from pathlib import Path
from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import Rendition
from chalicelib.core.web.problems import Problem
from tests.support.builders import soon

def peak():  # in kB; that of getrusage begins with what the parent had
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

data, small = (Path(name).read_bytes() for name in sys.argv[1:])
rendition, calls = Rendition(32, 0, "contain", "webp", 0), 0
VipsRenderer().render(small, rendition, soon(60))
before = peak()
threading.setprofile(count)  # it renders in a thread of its own
usual = answer(VipsRenderer())
threading.setprofile(None)
print(json.dumps([usual, answer(VipsRenderer(seconds=NO_TIME)), calls, (peak() - before) / 1024]))
""".replace("NO_TIME", str(NO_TIME))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_few_calls_and_64_megabytes_and_is_refused_before_it_is_decoded(tmp_path: Path, name: str) -> None:
    status, bomb = BOMBS[name]
    data = bomb()
    files = [tmp_path / "bomb", tmp_path / "small"]
    files[0].write_bytes(data)
    files[1].write_bytes(small((kind_of(data) or "").removeprefix("image/")))
    done = subprocess.run([sys.executable, "-c", _MEASURE, *files], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    usual, without_time, calls, megabytes = json.loads(done.stdout)
    assert usual[0] == status
    assert calls < CALLS
    assert megabytes < MEGABYTES
    if status == ImageTooLarge.status:
        assert without_time == usual


# -- the limits themselves --


def test_an_image_may_have_fifty_million_pixels() -> None:
    renders(pictures.black_png(10_000, 5_000, depth=1, colour=0))
    with pytest.raises(ImageTooLarge, match="50,005,000 pixels and may have 50,000,000"):
        renders(pictures.black_png(10_001, 5_000, depth=1, colour=0))


@pytest.mark.parametrize(("mode", "most"), [("RGB", 33_333_333), ("CMYK", 25_000_000)])
def test_a_progressive_jpeg_may_have_fewer(mode: str, most: int) -> None:
    """It is held whole, two bytes a value."""
    data = written(pattern(16, 16).convert(mode), "jpeg", progressive=True)
    height = most // 8000
    with pytest.raises(ImageBroken):  # there are no more pixels than those of 16 rows
        renders(pictures.resized_header(data, "jpeg", 8000, height)[:-2])
    with pytest.raises(ImageTooLarge, match="fewer"):
        renders(pictures.resized_header(data, "jpeg", 8000, height + 1))


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_image_may_have_five_hundred_frames(kind: str) -> None:
    def moving(frames: int) -> bytes:
        return pictures.gif(1, 1, frames) if kind == "gif" else pictures.webp_animation(1, 1, frames, PIXEL, (1, 1))

    image = VipsRenderer(seconds=60).render(moving(500), Rendition(1, 0, "contain", "webp", 0), soon(60))
    assert getattr(Image.open(io.BytesIO(image.body)), "n_frames", 1) >= 1
    with pytest.raises(ImageTooLarge, match="more than 500 frames"):
        renders(moving(501))


def test_all_frames_together_are_held_to_the_limits() -> None:
    """Where they are made: the first alone is smaller."""
    data = pictures.gif(1000, 1000, 51, (1000, 1000))[:-1] + b"\x3b"
    with pytest.raises(ImageTooLarge, match="51,000,000 pixels"):
        renders(data)
    with pytest.raises(ImageTooLarge, match="As webp it may have"):
        renders(pictures.gif(10, 10, 5, (10, 10)), MAX_SIDE_PIXELS, MAX_SIDE_PIXELS, "fill", "webp")


def test_an_avif_is_made_of_at_most_4_200_000_pixels() -> None:
    data = small("png")
    with pytest.raises(ImageTooLarge, match=r"would have 4,202,000 pixels. As avif it may have 4,200,000"):
        renders(data, 2101, 2000, "fill", "avif")


def test_what_is_made_is_measured_upright() -> None:
    """Of 4,000 by 1,100 pixels that are stored turned; a width of 1,100 would be 4,400,000."""
    data = pictures.oriented(Image.new("L", (4000, 1100)), 6, "png")
    renders(data, 2000, made="avif")


def test_a_jpeg_may_have_a_hundred_scans() -> None:
    """Of which the first is the one that all others refine."""
    renders(pictures.scans(64, 64, 99))
    with pytest.raises(ImageTooLarge, match="more than 100 scans"):
        renders(pictures.scans(64, 64, 100))


def test_a_picture_of_tiles_is_rendered() -> None:
    data = gridded(2, 128, 128, [tile()] * 4)
    image = VipsRenderer().render(data, Rendition(128, 0, "contain", "png", 0), soon())
    assert Image.open(io.BytesIO(image.body)).size == (128, 128)


@pytest.mark.parametrize("most", [16_383, 16_384])
def test_tiles_of_tiles_are_multiplied(most: int) -> None:
    """Two by two, each of two by one, and both of 4,096 pixels: no more than four times two times that."""
    inner = Item(b"grid", pictures.grid(1, 2, 128, 64), (pictures.extent(128, 64),), (4, 5))
    outer = Item(b"grid", pictures.grid(2, 1, 128, 128), (pictures.extent(128, 128),), (2, 3))
    data = pictures.avif(outer, inner, inner._replace(of=(6, 7)), *[tile()] * 4)
    check_file(data, "image/avif", 8 * 4096)
    with pytest.raises(ImageTooLarge):
        check_file(data, "image/avif", most)


def test_the_size_of_a_stream_is_read_as_its_encoder_means_it() -> None:
    """Both kinds of sequence headers: libheif's and Pillow's, of a still and of a film."""
    films = pictures.animation([pattern(70, 30)] * 2, "avif", [100, 100], 0)
    made = VipsRenderer().render(small("png"), Rendition(70, 30, "fill", "avif", 0), soon()).body
    for data in (films, made, written(pattern(70, 30), "avif"), written(pattern(70, 30, "RGBA"), "avif")):
        check_file(data, "image/avif", 72 * 32)
        with pytest.raises(ImageTooLarge):
            check_file(data, "image/avif", 70 * 30 - 1)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_what_is_right_is_let_through_as_it_is(kind: str) -> None:
    data = written(pattern(300, 200), kind)
    assert check_file(data, f"image/{kind}", MOST_AVIF).data == data


def unit(bits: str) -> bytes:
    """A unit of an AV1 stream, a sequence header of these bits (AV1 §5.3.2, §5.5.1)."""
    bits = bits.replace(" ", "")
    body = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    return bytes((1 << 3 | 2, len(body))) + body


@pytest.mark.parametrize(
    "bits",
    [
        "000 1 1 00100",  # of a still picture
        "000 0 0 0 0 00000 000000000000 00100",
        "000 0 0 0 0 00000 000000000000 01000 1",  # a level that has tiers
        "000 0 0 0 1 00001 000000000000 00100 1 1111 000000000000 00100 0",  # two points, one shown with a delay
    ],
)
def test_every_sequence_header_is_read(bits: str) -> None:
    """Of 1,000 by 700 pixels, of 10 bits each."""
    data = pictures.avif(Item(b"av01", unit(f"{bits} 1001 1001 {999:010b} {699:010b} {0:040b}")))
    check_file(data, "image/avif", 700_000)
    with pytest.raises(ImageTooLarge, match="700,000 pixels"):
        check_file(data, "image/avif", 699_999)


@pytest.mark.parametrize(
    "items",
    [
        [Item(b"hvc1", TILE)],
        [Item(b"mime", b"", encoding=b"deflate")],
        [Item(b"av01", b"\x08" + TILE)],
        [Item(b"av01", unit("000 0 0 1"))],
    ],
    ids=["another codec", "packed", "a unit without its size", "a film's times"],
)
def test_what_no_encoder_makes_is_refused(items: list[Item]) -> None:
    with pytest.raises(ImageBroken):
        check_file(pictures.avif(tile(), *items), "image/avif", MOST_AVIF)


def test_of_an_avif_only_the_pictures_are_let_through() -> None:
    """What describes a film crashes libheif, where it is damaged."""
    film = pictures.animation([pattern(60, 40)] * 2, "avif", [100, 100], 0)
    still = check_file(film, "image/avif", MOST_AVIF).data
    assert len(still) == len(film)
    assert still.index(b"free") == film.index(b"moov")
    assert b"moov" not in still
    assert not any(brand in still[:44] for brand in (b"avis", b"msf1"))


def test_a_side_may_have_65_535_pixels() -> None:
    renders(pictures.black_png(65_535, 1))
    with pytest.raises(ImageTooLarge, match="A side of the image has 65,536 pixels"):
        renders(pictures.black_png(65_536, 1))


def test_texts_are_taken_from_a_png_and_nothing_else() -> None:
    plain = small("png")
    place = plain.index(b"IDAT") - 4
    text = pictures.png_chunk(b"iTXt", b"a\0\0\0\0\0b") + pictures.png_chunk(b"tEXt", b"a\0b")
    end = len(plain) - 12
    assert check_file(plain[:place] + text + plain[place:end] + text + plain[end:], "image/png", 0).data == plain


# -- time --


@pytest.mark.parametrize("kind", pictures.FORMATS)
@pytest.mark.parametrize("made", ["jpeg", "png", "webp"])
def test_what_takes_too_long_is_given_up(kind: str, made: str) -> None:
    with pytest.raises(ImageTooLarge, match="takes too long"):
        VipsRenderer(seconds=NO_TIME).render(small(kind), Rendition(400, 400, "fill", made, 0), soon())


@pytest.mark.parametrize("kind", ["gif", "webp"])
@pytest.mark.parametrize("fit", ["contain", "cover", "fill"])
def test_what_moves_too_long_is_given_up(kind: str, fit: str) -> None:
    data = pictures.animation([pattern(40, 30)] * 2 + [Image.new("RGB", (40, 30))], kind, [100] * 3, 0)
    with pytest.raises(ImageTooLarge, match="takes too long"):
        VipsRenderer(seconds=NO_TIME).render(data, Rendition(190, 190, fit, "webp", 0), soon())
