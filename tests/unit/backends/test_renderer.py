"""What comes out of the renderer, as another reads it: Pillow opens what libvips wrote, and says what it should be."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageSequence, ImageStat
from PIL.PngImagePlugin import PngInfo

from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import FITS, FORMATS, MAX_SIDE_PIXELS, Rendition
from chalicelib.core.web.problems import ImageBroken, NotAnImage
from tests.support import pictures
from tests.support.builders import soon
from tests.support.pictures import opened, pattern, written

RENDERER = VipsRenderer()
WIDTH, HEIGHT = 120, 80
IMAGES = Path(__file__).with_name("images")
SECRET = b"Taken at 52.5163 N, by Alice"


def rendered(data: bytes, width: int, height: int, fit: str = "contain", made: str = "png", quality: int = 0) -> bytes:
    return RENDERER.render(data, Rendition(width, height, fit, made, quality), soon()).body


def difference(image: Image.Image, expected: Image.Image) -> float:
    """The mean difference of all values, 0 to 255."""
    assert image.size == expected.size
    assert image.mode == expected.mode
    return max(ImageStat.Stat(ImageChops.difference(image, expected)).mean)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """What can hardly be packed, and is always the same."""
    return Image.frombytes("L", (width, height), Random(seed).randbytes(width * height))


def sized(image: Image.Image, width: int, height: int, fit: str) -> Image.Image:
    """What Pillow makes of an upright image."""
    match fit:
        case "contain":
            return ImageOps.contain(image, (min(width, image.width), min(height, image.height)))
        case "cover":
            return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        case _:
            return image.resize((width, height), Image.Resampling.LANCZOS)


def frames_of(data: bytes) -> list[Image.Image]:
    """What Pillow shows of an animation."""
    image = Image.open(io.BytesIO(data))
    return [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]


@pytest.fixture(scope="module")
def originals() -> dict[str, bytes]:
    return {kind: written(pattern(WIDTH, HEIGHT), kind) for kind in pictures.FORMATS}


# -- sizes --


@pytest.mark.parametrize("kind", pictures.FORMATS)
@pytest.mark.parametrize("made", FORMATS)
@pytest.mark.parametrize("fit", FITS)
def test_a_pattern_survives_every_format_and_fit(originals: dict[str, bytes], kind: str, made: str, fit: str) -> None:
    expected = sized(opened(originals[kind]).convert("RGB"), 60, 60, fit)
    image = RENDERER.render(originals[kind], Rendition(60, 60, fit, made, 95), soon())
    assert image.media_type == f"image/{made}"
    assert opened(image.body).format == made.upper()
    assert difference(opened(image.body).convert("RGB"), expected) < 6  # a lossy one blurs where two colours meet


@pytest.mark.parametrize(("width", "height"), [(1000, 0), (0, 1000), (1000, 1000), (MAX_SIDE_PIXELS, MAX_SIDE_PIXELS)])
def test_contain_never_enlarges(originals: dict[str, bytes], width: int, height: int) -> None:
    for data in originals.values():
        assert opened(rendered(data, width, height)).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("fit", ["cover", "fill"])
def test_cover_and_fill_enlarge(originals: dict[str, bytes], fit: str) -> None:
    for data in originals.values():
        image = opened(rendered(data, 300, 160, fit)).convert("RGB")
        assert difference(image, sized(opened(data).convert("RGB"), 300, 160, fit)) < 4


def test_cover_cuts_the_middle() -> None:
    """A third of an image is left, and it is the one in the middle."""
    thirds = Image.new("RGB", (90, 30), "red")
    thirds.paste("lime", (30, 0, 60, 30))
    thirds.paste("blue", (60, 0, 90, 30))
    cut = opened(rendered(written(thirds, "png"), 30, 30, "cover"))
    assert cut.getcolors() == [(900, (0, 255, 0))]


@pytest.mark.parametrize(
    ("wanted", "size"), [((0, 20), (MAX_SIDE_PIXELS, 16)), ((4000, 0), (4000, 16)), ((0, 10), (2500, 10))]
)
def test_a_side_that_is_not_asked_for_has_its_bound(wanted: tuple[int, int], size: tuple[int, int]) -> None:
    wide = written(Image.new("L", (5000, 20)), "png")
    assert opened(rendered(wide, *wanted)).size == size
    tall = written(Image.new("L", (20, 5000)), "png")
    assert opened(rendered(tall, *wanted[::-1])).size == size[::-1]


@given(
    source=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    wanted=st.tuples(st.integers(0, 300), st.integers(0, 300)).filter(any),
    fit=st.sampled_from(FITS),
    orientation=st.integers(1, 8),
)
def test_dimensions_follow_the_rule_and_are_those_of_every_format(
    source: tuple[int, int], wanted: tuple[int, int], fit: str, orientation: int
) -> None:
    if fit != "contain":
        wanted = (wanted[0] or 1, wanted[1] or 1)
    image = Image.new("L", source)
    turned = [pictures.oriented(image, orientation, kind) for kind in ("png", "jpeg", "webp")]
    ((width, height),) = {opened(rendered(data, *wanted, fit)).size for data in turned}
    if fit != "contain":
        assert (width, height) == wanted
    else:
        scale = min(1.0, *(asked / side for asked, side in zip(wanted, source, strict=True) if asked))
        assert (width, height) == pytest.approx([max(1, side * scale) for side in source], abs=0.51)


def test_a_photo_has_the_nearest_size_in_every_format() -> None:
    """2,731 rows at 496 of 4,096 pixels are 330.71."""
    photo = Image.new("L", (4096, 2731))
    for kind in ("jpeg", "png", "webp", "gif", "avif"):
        assert opened(rendered(written(photo, kind), 496, 0)).size == (496, 331), kind


# -- the way up --


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("fit", FITS)
def test_each_orientation_is_upright(kind: str, orientation: int, fit: str) -> None:
    """`w` and `h` mean the upright image, and what is cut is its middle."""
    upright = pattern(WIDTH, HEIGHT)
    data = pictures.oriented(upright, orientation, kind)
    image = opened(rendered(data, 60, 30, fit))
    assert "exif" not in image.info
    assert difference(image, sized(upright, 60, 30, fit)) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_frame_is_upright(orientation: int) -> None:
    """And no frame shows a part of another."""
    upright = pattern(WIDTH, HEIGHT)
    uprights = [upright, upright.transpose(Image.Transpose.ROTATE_180), Image.new("RGB", upright.size)]
    turned = [opened(pictures.oriented(upright, orientation, "png")) for upright in uprights]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = written(turned[0], "webp", save_all=True, append_images=turned[1:], duration=100, exif=exif)
    for fit in FITS:
        frames = frames_of(rendered(data, 60, 30, fit, "webp", 100))
        for frame, upright in zip(frames, uprights, strict=True):
            assert difference(frame, sized(upright, 60, 30, fit)) < 12, fit  # WebP halves the resolution of colours
    assert difference(opened(rendered(data, 60, 30)), sized(uprights[0], 60, 30, "contain")) < 6


def test_a_tiny_animation_that_is_turned_keeps_its_frames_apart() -> None:
    first, second = frames_of(rendered((IMAGES / "turned.webp").read_bytes(), 4, 0, made="webp"))
    assert first.size == (2, 4)
    assert difference(first, Image.new("RGB", (2, 4), "red")) < 3
    assert difference(second, Image.new("RGB", (2, 4), "blue")) < 3


# -- metadata and colour --


def tagged(kind: str) -> bytes:
    """An image that carries a secret wherever its format has room for one."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()  # ImageDescription
    exif.get_ifd(0x8825)[29] = SECRET.decode()  # GPSDateStamp
    options: dict[str, object] = {"exif": exif, "xmp": b"<x:xmpmeta>" + SECRET, "comment": SECRET}
    if kind == "png":
        texts = PngInfo()
        texts.add_text("Comment", SECRET.decode())
        texts.add_text("Packed", SECRET.decode(), zip=True)
        texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        options = {"exif": exif, "pnginfo": texts}
    elif kind == "gif":
        options = {"comment": SECRET}
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return written(pattern(WIDTH, HEIGHT), kind, icc_profile=bytes(profile) + SECRET, **options)


@pytest.mark.parametrize("kind", pictures.FORMATS)
@pytest.mark.parametrize("made", FORMATS)
def test_no_metadata_is_left(kind: str, made: str) -> None:
    data = tagged(kind)
    assert SECRET in data
    body = rendered(data, 60, 60, made=made)
    assert not any(word in body for word in (SECRET, b"Exif", b"ICC_PROFILE", b"iCCP", b"ICCP", b"xmp", b"acsp"))
    assert not {"exif", "icc_profile", "xmp", "comment", "Comment"} & set(opened(body).info)


def profile(red: tuple[float, float], green: tuple[float, float], blue: tuple[float, float], gamma: float) -> bytes:
    """An ICC profile of a matrix and a curve (ICC.1 §8.3.3), for primaries given as CIE xy under D65."""

    def inverse(matrix: list[list[float]]) -> list[list[float]]:
        (a, b, c), (d, e, f), (g, h, i) = matrix
        determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
        adjugate = [
            [e * i - f * h, c * h - b * i, b * f - c * e],
            [f * g - d * i, a * i - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ]
        return [[value / determinant for value in row] for row in adjugate]

    def times(matrix: list[list[float]], vector: list[float]) -> list[float]:
        return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]

    columns = [[x / y, 1, (1 - x - y) / y] for x, y in (red, green, blue)]
    scale = times(inverse([list(row) for row in zip(*columns, strict=True)]), [0.9505, 1, 1.089])
    bradford = [[1.0479, 0.0229, -0.0502], [0.0296, 0.9904, -0.0171], [-0.0092, 0.0151, 0.7519]]  # D65 to D50
    to_d50 = [times(bradford, [value * by for value in column]) for column, by in zip(columns, scale, strict=True)]

    def numbers(*values: float) -> bytes:
        return b"XYZ " + bytes(4) + b"".join(round(value * 65536).to_bytes(4, signed=True) for value in values)

    curve = b"curv" + bytes(4) + (1).to_bytes(4) + round(gamma * 256).to_bytes(2) + bytes(2)
    text = b"desc" + bytes(4) + (2).to_bytes(4) + b"W\0" + bytes(78) + bytes(2)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none", b"wtpt": numbers(0.9642, 1, 0.8249)}
    tags |= {name: numbers(*value) for name, value in zip((b"rXYZ", b"gXYZ", b"bXYZ"), to_d50, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    place, table, bodies = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += name + (place + len(bodies)).to_bytes(4) + len(body).to_bytes(4)
        bodies += body + bytes(-len(body) % 4)
    size = (place + len(bodies)).to_bytes(4)
    header = size + bytes(4) + b"\x02\x10\0\0" + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    white = b"".join(round(value * 65536).to_bytes(4) for value in (0.9642, 1, 0.8249))
    return (header + white).ljust(128, b"\0") + len(tags).to_bytes(4) + table + bodies


BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
PROFILES = {
    "Display P3": profile((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), 2.2),
    "Adobe RGB": profile((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), 2.2),
}


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_converted_to_srgb(kind: str, name: str) -> None:
    """As LittleCMS does it, which Pillow asks."""
    source = Image.eval(pattern(WIDTH, HEIGHT), lambda value: 40 + value * 2 // 3)
    data = written(source, kind, icc_profile=PROFILES[name])
    converted = ImageCms.profileToProfile(
        opened(data).convert("RGB"), io.BytesIO(PROFILES[name]), ImageCms.createProfile("sRGB")
    )
    assert converted is not None
    image = opened(rendered(data, WIDTH, 0))
    assert difference(converted, source) > 5
    assert difference(image, converted) < 3


@pytest.mark.parametrize("kind", pictures.FORMATS)
def test_colours_without_a_profile_stay_as_they_are(kind: str) -> None:
    data = written(Image.new("RGB", (8, 8), (200, 100, 50)), kind)
    assert difference(opened(rendered(data, 8, 0)), opened(data).convert("RGB")) < 2


def test_an_avif_shows_the_colours_that_it_declares() -> None:
    for name, expected in {
        "eight": [(255, 0, 0), (255, 0, 0)],
        "mif1": [(255, 0, 0), (255, 0, 0)],  # `avif` is among the compatible brands
        "grey-limited": [(0, 0, 0), (255, 255, 255)],
        "p3": [(218, 0, 6), (218, 0, 6)],
    }.items():
        image = opened(rendered((IMAGES / f"{name}.avif").read_bytes(), 4096, 0)).convert("RGB")
        for left, colour in zip((0, image.width - 1), expected, strict=True):
            end = image.crop((left, 0, left + 1, 1))
            assert difference(end, Image.new("RGB", (1, 1), colour)) < 2, name


def test_colours_of_an_avif_are_those_of_its_stream_where_nothing_else_says_them() -> None:
    grey, wide = ((IMAGES / f"{name}.avif").read_bytes() for name in ("grey-limited", "p3"))
    image = opened(rendered(grey.replace(b"colrnclx", b"freenclx"), 4096, 0)).convert("RGB")
    assert image.getextrema() == ((0, 255),) * 3
    assert image.getpixel((0, 0)) == (0, 0, 0)
    plain = opened(rendered(wide.replace(b"colrnclx", b"freenclx"), 4096, 0))
    assert difference(plain, Image.new("RGB", plain.size, (200, 30, 30))) < 2


def test_an_avif_that_the_decoder_cannot_read_is_refused_with_the_reason() -> None:
    """And never as damaged. The values of most matrices are read right, as Pillow reads them."""
    with pytest.raises(NotAnImage, match="AVIF images of 10 bits a channel are not read"):
        rendered((IMAGES / "ten.avif").read_bytes(), 64, 0)
    source = pattern(WIDTH, HEIGHT)
    tile, configured = pictures.stream(written(source, "avif", subsampling="4:4:4"))
    for matrix in range(15):
        for full in (0, 0x80):
            codes = pictures.box(b"colr", b"nclx", bytes((0, 1, 0, 13, 0, matrix, full)))
            data = pictures.avif(pictures.Item(b"av01", tile, (pictures.extent(WIDTH, HEIGHT), configured, codes)))
            if matrix in (3, 10, 11, 13, 14) or (matrix, full) == (8, 0):
                with pytest.raises(NotAnImage, match=f"AVIF images of the matrix {matrix} are not read"):
                    rendered(data, WIDTH, 0)
            else:
                assert difference(opened(rendered(data, WIDTH, 0)), opened(data).convert("RGB")) < 3, (matrix, full)


def with_chunks(image: Image.Image, **chunks: bytes) -> bytes:
    """A PNG that declares something."""
    data = written(image, "png")
    return data[:33] + b"".join(pictures.png_chunk(name.encode(), body) for name, body in chunks.items()) + data[33:]


def hundred_thousandths(*numbers: float) -> bytes:
    """As gAMA and cHRM say them."""
    return b"".join(round(number * 100_000).to_bytes(4) for number in numbers)


ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def chromaticities(*primaries: tuple[float, float]) -> bytes:
    """As cHRM says them, under D65."""
    return hundred_thousandths(0.3127, 0.3290, *(number for pair in primaries for number in pair))


def test_a_png_shows_the_colours_that_it_declares() -> None:
    """By any of its chunks, of which the better one counts; LittleCMS says what they should be."""
    linear, adobe = hundred_thousandths(1), chromaticities(*ADOBE)
    srgb = {"sRGB": b"\0"}
    source = Image.eval(pattern(WIDTH, HEIGHT), lambda value: 40 + value * 2 // 3)
    for chunks, meant in (
        ({"gAMA": hundred_thousandths(1 / 2.2), "cHRM": adobe}, PROFILES["Adobe RGB"]),
        ({"gAMA": linear, "cHRM": adobe}, profile(*ADOBE, 1)),
        ({"gAMA": linear}, profile(*BT709, 1)),
        ({"cICP": b"\x0c\x04\0\1", "gAMA": linear, **srgb}, PROFILES["Display P3"]),
        ({"cICP": b"\x09\x08\0\1"}, profile((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), 1)),
    ):
        image = opened(rendered(with_chunks(source, **chunks), WIDTH, 0))
        expected = ImageCms.profileToProfile(source, io.BytesIO(meant), ImageCms.createProfile("sRGB"))
        assert expected is not None
        assert difference(image, expected) < 3, chunks
    for chunks in (
        {"gAMA": hundred_thousandths(1 / 2.2), "cHRM": chromaticities(*BT709)},
        {"gAMA": linear, "cHRM": adobe, **srgb},
        {"cICP": b"\1\x0d\0\1", "gAMA": linear},
        {"gAMA": bytes(4)},
        {"gAMA": b"\0"},
        {"gAMA": linear[:3] + b"\0", "cHRM": bytes(32)},
        {"cHRM": b"\xff" * 32},
        {"cICP": b"\x0c"},
    ):
        assert difference(opened(rendered(with_chunks(source, **chunks), WIDTH, 0)), source) == 0, chunks


def test_a_grey_png_has_its_own_curve_and_its_own_range() -> None:
    for mode in ("L", "LA"):
        for chunks, value, expected in (
            ({"gAMA": hundred_thousandths(1)}, 55, 128),
            ({"cICP": b"\1\x0d\0\0"}, 16, 0),
            ({"cICP": b"\1\x0d\0\0"}, 235, 255),
        ):
            grey = Image.new("L", (8, 8), value).convert(mode)
            image = opened(rendered(with_chunks(grey, **chunks), 8, 0)).convert("RGB")
            assert difference(image, Image.new("RGB", (8, 8), (expected,) * 3)) <= 1, (mode, chunks)


def sixteen_bits(grey: Image.Image) -> Image.Image:
    return Image.frombytes("I;16", grey.size, b"".join(bytes((value, value)) for value in grey.tobytes()))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("jpeg", "L"), ("jpeg", "CMYK"), ("png", "L"), ("png", "1"), ("png", "P"), ("png", "LA"), ("png", "I;16")],
)
@pytest.mark.parametrize("made", FORMATS)
def test_every_kind_of_pixels_is_read(kind: str, mode: str, made: str) -> None:
    """Grey, inks, palettes, one bit and sixteen."""
    plain = pattern(WIDTH, HEIGHT, "LA" if mode == "LA" else "L" if mode in ("L", "1", "I;16") else "RGB")
    stored = sixteen_bits(plain) if mode == "I;16" else plain.convert(mode)
    expected = (plain if mode == "I;16" else stored).convert("RGBA")
    image = opened(rendered(written(stored, kind), WIDTH, 0, made=made))
    assert image.mode in ("RGB", "RGBA")
    image = image.convert("RGBA")
    if made == "jpeg":
        expected = Image.alpha_composite(Image.new("RGBA", expected.size, "white"), expected)
    # A CMYK without a profile is read as a printer's inks are, and those of a plain sum are brighter.
    tolerance = {"CMYK": 80, "1": 12, "P": 12}.get(mode, 6)
    assert difference(image.convert("RGB"), expected.convert("RGB")) < tolerance


def test_inks_keep_their_colours() -> None:
    """Photoshop's inverted CMYK is not taken for its negative."""
    data = written(pattern(WIDTH, HEIGHT).convert("CMYK"), "jpeg")
    image = opened(rendered(data, WIDTH, 0))
    for (x, y), colour in {(5, 5): 0, (5, 75): 2}.items():  # red, blue
        pixel = image.getpixel((x, y))
        assert isinstance(pixel, tuple)
        assert max(pixel) == pixel[colour]


@pytest.mark.parametrize("kind", ["png", "webp", "avif"])
@pytest.mark.parametrize("fit", FITS)
def test_alpha_is_kept_where_there_is_room_for_it_and_else_white_beneath(kind: str, fit: str) -> None:
    source = pattern(WIDTH, HEIGHT, "RGBA")
    expected = sized(source, 60, 60, fit)
    for made in ("png", "webp", "avif"):
        image = opened(rendered(written(source, kind), 60, 60, fit, made, 95))
        assert image.mode == "RGBA"
        assert difference(image.getchannel("A"), expected.getchannel("A")) < 4
    flat = opened(rendered(written(source, kind), 60, 60, fit, "jpeg", 95))
    white = Image.alpha_composite(Image.new("RGBA", (60, expected.height), "white"), expected).convert("RGB")
    assert difference(flat, white) < 8
    assert max(flat.getpixel((5, 1))) > 245  # type: ignore[arg-type]  # almost clear above


def test_a_clear_gif_keeps_its_holes() -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 40))
    data = written(image, "gif")
    assert opened(rendered(data, 40, 0, made="webp")).getpixel((5, 20))[3] == 0  # type: ignore[index]
    assert min(opened(rendered(data, 40, 0, made="jpeg")).getpixel((5, 20))) > 250  # type: ignore[arg-type]


# -- frames --


@pytest.mark.parametrize("kind", ["gif", "webp"])
@pytest.mark.parametrize("fit", FITS)
def test_what_moves_stays_moving_as_webp(kind: str, fit: str) -> None:
    """With its frames, how long each is shown and how often all are."""
    colours, durations = ["red", "lime", "blue", "yellow"], [100, 250, 40, 1000]
    frames = [
        Image.composite(Image.new("RGB", (60, 40), c), pattern(60, 40), Image.new("L", (60, 40), 160)) for c in colours
    ]
    data = pictures.animation(frames, kind, durations, 3)
    moving = Image.open(io.BytesIO(rendered(data, 30, 30, fit, made="webp", quality=95)))
    assert getattr(moving, "n_frames", 1) == len(frames)
    for number, frame in enumerate(frames):
        moving.seek(number)
        moving.load()
        assert moving.info["duration"] == durations[number]
        assert difference(moving.convert("RGB"), sized(frame, 30, 30, fit)) < 8
    # A GIF counts how often it is repeated, a WebP how often it is shown.
    assert moving.info["loop"] in (3, 4)


@pytest.mark.parametrize("kind", ["gif", "webp"])
@pytest.mark.parametrize("made", ["jpeg", "png", "avif"])
def test_what_cannot_move_is_the_first_frame(kind: str, made: str) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")]
    data = pictures.animation(frames, kind, [100] * 3, 0)
    image = opened(rendered(data, 30, 20, made=made))
    assert getattr(image, "n_frames", 1) == 1
    assert difference(image.convert("RGB"), Image.new("RGB", (30, 20), "red")) < 3


def test_a_film_in_avif_is_its_still_picture() -> None:
    data = pictures.animation([pattern(60, 40), Image.new("RGB", (60, 40))], "avif", [100, 100], 0)
    assert data[8:12] == b"avis"
    assert difference(opened(rendered(data, 60, 0)), pattern(60, 40)) < 6


def test_an_avif_of_several_pictures_does_not_move() -> None:
    tile, configured = pictures.stream(written(pattern(64, 64), "avif"))
    item = pictures.Item(b"av01", tile, (pictures.extent(64, 64), configured))
    image = opened(rendered(pictures.avif(item, item), 32, 0, made="webp"))
    assert (image.size, getattr(image, "n_frames", 1)) == ((32, 32), 1)


# -- quality --


@pytest.mark.parametrize("made", ["jpeg", "webp", "avif"])
def test_quality_is_what_was_asked_for(originals: dict[str, bytes], made: str) -> None:
    low, usual, high = (rendered(originals["png"], 0, 60, made=made, quality=quality) for quality in (10, 0, 95))
    assert len(low) < len(usual) < len(high)


def test_png_loses_nothing_and_ignores_quality(originals: dict[str, bytes]) -> None:
    assert rendered(originals["jpeg"], 60, 0, quality=10) == rendered(originals["jpeg"], 60, 0, quality=0)
    assert difference(opened(rendered(originals["png"], WIDTH, 0)), pattern(WIDTH, HEIGHT)) == 0


@pytest.mark.parametrize(
    ("kind", "made"), [("jpeg", "jpeg"), ("png", "png"), ("webp", "webp"), ("avif", "avif"), ("gif", "webp")]
)
def test_the_format_is_the_images_own_where_none_is_asked_for(
    originals: dict[str, bytes], kind: str, made: str
) -> None:
    assert RENDERER.render(originals[kind], Rendition(20, 0, "contain", "", 0), soon()).media_type == f"image/{made}"


# -- what is broken --


@pytest.mark.parametrize("kind", pictures.FORMATS)
@pytest.mark.parametrize("fit", FITS)
def test_what_breaks_off_is_refused_and_never_half_black(kind: str, fit: str) -> None:
    """Cut anywhere; where nothing is missed that is shown, the whole picture comes out."""
    data = written(noise(WIDTH, HEIGHT), kind)
    whole = opened(rendered(data, 60, 60, fit)).convert("RGB")
    steps = sorted({*range(32, len(data), max(1, len(data) // 40)), *range(len(data) - 20, len(data))})
    for size in steps:
        try:
            image = opened(rendered(data[:size], 60, 60, fit)).convert("RGB")
        except ImageBroken:
            continue
        assert size > len(data) - 20
        assert difference(image, whole) == 0


SIZES = [(16, 0, "contain"), (50, 50, "cover"), (64, 0, "contain"), (100, 0, "contain"), (400, 300, "fill")]


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 30}, {"restart_marker_rows": 1}])
def test_a_jpeg_gets_one_verdict_at_every_size(options: dict[str, object]) -> None:
    """Only its end marker may be missing; with another one a picture that breaks off is no better."""
    for height in (300, 257, 304):  # the last rows that libvips cuts off, or reads alone
        data = written(noise(400, height), "jpeg", **options)
        whole = [opened(rendered(data, *size)) for size in SIZES]
        for missing in (1, 2):
            shown = [opened(rendered(data[:-missing], *size)) for size in SIZES]
            assert all(difference(*pair) == 0 for pair in zip(shown, whole, strict=True))
        for end in (3, 4, 10, 50, 300, len(data) // 2, len(data) - 700):
            for marker in (b"", b"\xff\xd9"):
                for size in SIZES:
                    with pytest.raises(ImageBroken):
                        rendered(data[:-end] + marker, *size)


def test_a_jpeg_whose_middle_is_missing_is_refused() -> None:
    data = written(noise(400, 300), "jpeg")
    for size in SIZES:
        with pytest.raises(ImageBroken):
            rendered(data[:20_000] + data[30_000:], *size)


def test_a_jpeg_whose_scan_header_is_too_short_is_refused() -> None:
    for header in (b"", b"\x01", b"\x01\x01\x00\x00\x3f"):
        with pytest.raises(ImageBroken):
            rendered(b"\xff\xd8\xff\xda" + (2 + len(header)).to_bytes(2) + header, 50, 0)


def test_a_jpeg_with_bytes_before_its_end_is_shown() -> None:
    """As some cameras write them."""
    data = written(noise(400, 300), "jpeg")
    assert rendered(data[:-2] + b"abc\xff\xd9", 50, 0) == rendered(data, 50, 0)


def test_an_animation_that_breaks_off_is_refused() -> None:
    frames = [noise(60, 40, seed) for seed in range(4)]
    for kind in ("gif", "webp"):
        data = pictures.animation(frames, kind, [100] * 4, 0)
        for size in range(len(data) // 2, len(data) - 40, len(data) // 50):
            with pytest.raises(ImageBroken):
                rendered(data[:size], 30, 0, made="webp")


@pytest.mark.parametrize(
    "data", [b"", b"GIF", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4", b"BM", b"II*\0"]
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        rendered(data, 10, 10)


# -- what else libvips could read --


_OTHERS = """
from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import Rendition
from tests.support.builders import soon
from tests.support.pictures import pattern, written
VipsRenderer().render(written(pattern(8, 8), "png"), Rendition(4, 0, "contain", "", 0), soon())
import pyvips
svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>"
files = {kind: written(pattern(8, 8), kind) for kind in ("tiff", "ppm", "bmp", "ico", "tga", "jpeg2000", "pcx")}
files["svg"] = svg
files |= {"psd": b"8BPS\\0\\1" + bytes(99), "vips": b"\\xb6\\xa6\\xf2\\x08" + bytes(99), "csv": b"1,2\\n3,4\\n"}
files |= {"pdf": b"%PDF-1.4\\n1 0 obj<<>>endobj\\ntrailer<</Root 1 0 R>>", "hdr": b"#?RADIANCE\\n\\n-Y 1 +X 1\\n1234"}
for kind, data in files.items():
    try:
        pyvips.Image.new_from_buffer(data, "")
        print("reads", kind)
    except pyvips.Error:
        pass
for name in ("svgload_buffer", "tiffload_buffer", "uhdrload_buffer"):
    try:
        getattr(pyvips.Image, name)(files["svg"])
    except pyvips.Error as error:
        if "operation is blocked" not in str(error):
            print(name, error)
try:
    pyvips.Image.new_from_file(__import__("sys").argv[1])
    print("reads a TIFF from a file")
except pyvips.Error:
    pass
"""


def test_no_other_loader_answers_in_this_process(tmp_path: Path) -> None:
    """Not even one who asks libvips itself."""
    file = tmp_path / "a.tiff"
    file.write_bytes(written(pattern(8, 8), "tiff"))
    done = subprocess.run([sys.executable, "-c", _OTHERS, file], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", "")


# -- what it leaves behind --

_WARNINGS = """
import logging, sys
from pathlib import Path
from random import Random
logging.basicConfig(level=logging.DEBUG)
from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import Rendition
from chalicelib.core.web.problems import ImageBroken
from tests.support.builders import soon
for name in sys.argv[1:]:
    try:
        VipsRenderer().render(Path(name).read_bytes(), Rendition(7, 0, "contain", "", 0), soon())
    except ImageBroken:
        pass
    import pyvips
    if pyvips.cache_get_size() or pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()):
        print("something is left of", name)
"""


def test_nothing_of_an_image_is_logged_or_kept(tmp_path: Path, originals: dict[str, bytes]) -> None:
    """Neither pixels nor what libvips says of them, which need not even be UTF-8."""
    cases = {**originals, **{f"half {kind}": data[: len(data) // 2] for kind, data in originals.items()}}
    tile, configured = pictures.stream(originals["avif"])
    properties = (pictures.extent(WIDTH, HEIGHT), configured, pictures.box(b"\xe4\xf6\xfc\xdf"))
    cases["quoted avif"] = pictures.avif(pictures.Item(b"av01", tile, properties))
    names = []
    for name, data in cases.items():
        names.append(str(tmp_path / name))
        Path(names[-1]).write_bytes(data)
    done = subprocess.run([sys.executable, "-c", _WARNINGS, *names], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# -- several at once --


def test_several_threads_render_right(originals: dict[str, bytes]) -> None:
    """As `chalice local` does."""
    wanted = [(kind, made, fit) for kind, made, fit in product(pictures.FORMATS, FORMATS, FITS)]

    def render(case: tuple[str, str, str]) -> bytes:
        kind, made, fit = case
        return rendered(originals[kind], 40, 30, fit, made)

    alone = [render(case) for case in wanted]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(render, wanted)) == alone
