"""The renderer's results: Pillow opens the files that libvips wrote, and makes the images that they should show."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageSequence, ImageStat
from PIL.PngImagePlugin import PngInfo

from chalicelib.backends.images.colours import Colours, profile
from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.backends.images.sizes import SCALED_SIZES
from chalicelib.core.web.image_parameters import FITS, FORMATS, MAX_SIDE_PIXELS, Rendition
from chalicelib.core.web.problems.images import ImageBroken, NotAnImage
from tests.support import pictures
from tests.support.builders import soon
from tests.support.pictures import opened, pattern, written

RENDERER = VipsRenderer()
WIDTH, HEIGHT = 120, 80
PATTERN = pattern(WIDTH, HEIGHT)
ORIGINALS = {kind: written(PATTERN, kind) for kind in pictures.FORMATS}
STORED_IMAGES = Path(__file__).with_name("images")
ORIENTATIONS = range(1, 9)
SECRET = b"Taken at 52.5163 N, by Alice"


def rendered(
    data: bytes, width: int, height: int, fit: str = "contain", output: str = "png", quality: int = 0
) -> bytes:
    return RENDERER.render(data, Rendition(width, height, fit, output, quality), soon()).body


def shown(data: bytes, *rendition: Any, mode: str = "RGB") -> Image.Image:
    """The result as Pillow shows it."""
    return opened(rendered(data, *rendition)).convert(mode)


def frames_of(data: bytes) -> list[Image.Image]:
    return [frame.convert("RGB") for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]


def difference(image: Image.Image, expected: Image.Image) -> float:
    """The mean difference of all values, 0 to 255."""
    assert image.size == expected.size
    assert image.mode == expected.mode
    return max(ImageStat.Stat(ImageChops.difference(image, expected)).mean)


def plain(colour: str | tuple[int, ...], size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """Pixels that hardly compress, the same in every run."""
    return Image.frombytes("L", (width, height), Random(seed).randbytes(width * height))


def sized(image: Image.Image, width: int, height: int, fit: str) -> Image.Image:
    """An upright image as Pillow resizes it."""
    match fit:
        case "contain":
            return ImageOps.contain(image, (min(width, image.width), min(height, image.height)))
        case "cover":
            return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        case _:
            return image.resize((width, height), Image.Resampling.LANCZOS)


# -- sizes --


def test_a_pattern_survives_every_format_and_fit() -> None:
    assert set(SCALED_SIZES) == set(FITS)
    for kind, output, fit in product(pictures.FORMATS, FORMATS, FITS):
        image = RENDERER.render(ORIGINALS[kind], Rendition(60, 60, fit, output, 95), soon())
        assert image.media_type == f"image/{output}"
        assert opened(image.body).format == output.upper()
        expected = sized(opened(ORIGINALS[kind]).convert("RGB"), 60, 60, fit)
        # A lossy format blurs where two colours meet.
        assert difference(opened(image.body).convert("RGB"), expected) < 6, (kind, output, fit)


def test_contain_never_enlarges_and_the_other_fits_do() -> None:
    for data in ORIGINALS.values():
        for size in ((1000, 0), (0, 1000), (1000, 1000), (MAX_SIDE_PIXELS, MAX_SIDE_PIXELS)):
            assert opened(rendered(data, *size)).size == (WIDTH, HEIGHT)
        for fit in ("cover", "fill"):
            expected = sized(opened(data).convert("RGB"), 300, 160, fit)
            assert difference(shown(data, 300, 160, fit), expected) < 4


def test_a_side_without_a_size_has_a_limit() -> None:
    for wanted, size in (((0, 20), (MAX_SIDE_PIXELS, 16)), ((4000, 0), (4000, 16)), ((0, 10), (2500, 10))):
        assert opened(rendered(written(Image.new("L", (5000, 20)), "png"), *wanted)).size == size
        assert opened(rendered(written(Image.new("L", (20, 5000)), "png"), *wanted[::-1])).size == size[::-1]


@given(
    source=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    wanted=st.tuples(st.integers(0, 300), st.integers(0, 300)).filter(any),
    fit=st.sampled_from(FITS),
    orientation=st.sampled_from(ORIENTATIONS),
)
def test_every_format_has_the_same_size(
    source: tuple[int, int], wanted: tuple[int, int], fit: str, orientation: int
) -> None:
    if fit != "contain":
        wanted = (wanted[0] or 1, wanted[1] or 1)
    files = [pictures.oriented(Image.new("L", source), orientation, kind) for kind in ("png", "jpeg", "webp")]
    ((width, height),) = {opened(rendered(data, *wanted, fit)).size for data in files}
    if fit != "contain":
        assert (width, height) == wanted
    else:
        scale = min(1.0, *(side / own for side, own in zip(wanted, source, strict=True) if side))
        assert (width, height) == pytest.approx([max(1, side * scale) for side in source], abs=0.51)


def test_a_side_is_rounded_to_the_nearest_pixel_in_every_format() -> None:
    """683 rows at 124 of 1,024 pixels are 82.71; 5 rows at 2 of 4 pixels are 2.5, which is rounded up."""
    for kind in pictures.FORMATS:
        assert opened(rendered(written(Image.new("L", (1024, 683)), kind), 124, 0)).size == (124, 83), kind
        assert opened(rendered(written(Image.new("L", (4, 5)), kind), 2, 0)).size == (2, 3), kind


# -- orientation --


def test_every_orientation_is_upright() -> None:
    """`w` and `h` are sides of the upright image, and its middle is kept."""
    for (number, kind), orientation in product(enumerate(("jpeg", "png", "webp", "avif")), ORIENTATIONS):
        fit = FITS[(number + orientation) % len(FITS)]
        image = opened(rendered(pictures.oriented(PATTERN, orientation, kind), 60, 30, fit))
        assert "exif" not in image.info
        assert difference(image, sized(PATTERN, 60, 30, fit)) < 6, (kind, orientation, fit)


def test_every_frame_is_upright() -> None:
    """No frame shows a part of another frame."""
    uprights = [PATTERN, PATTERN.transpose(Image.Transpose.ROTATE_180), Image.new("RGB", PATTERN.size)]
    for orientation in ORIENTATIONS:
        first, *others = [opened(pictures.oriented(upright, orientation, "png")) for upright in uprights]
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = written(first, "webp", save_all=True, append_images=others, duration=100, exif=exif)
        for fit in FITS:
            frames = frames_of(rendered(data, 60, 30, fit, "webp", 100))
            for frame, upright in zip(frames, uprights, strict=True):
                assert difference(frame, sized(upright, 60, 30, fit)) < 12, fit  # WebP halves the resolution of colours
        assert difference(shown(data, 60, 30), sized(PATTERN, 60, 30, "contain")) < 6
    tiny = frames_of(rendered((STORED_IMAGES / "turned.webp").read_bytes(), 4, 0, "contain", "webp"))
    for frame, colour in zip(tiny, ("red", "blue"), strict=True):
        assert difference(frame, plain(colour, (2, 4))) < 3


# -- metadata and colour --


def tagged(kind: str) -> bytes:
    """An image with the secret in every place that its format has for metadata."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()  # ImageDescription
    exif.get_ifd(0x8825)[29] = SECRET.decode()  # GPSDateStamp
    texts = PngInfo()
    texts.add_text("Comment", SECRET.decode())
    texts.add_text("Packed", SECRET.decode(), zip=True)
    texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    icc = bytes(bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()) + SECRET)
    others = {"exif": exif, "xmp": b"<x:xmpmeta>" + SECRET, "comment": SECRET}
    options: dict[str, Any] = {"png": {"exif": exif, "pnginfo": texts}, "gif": {"comment": SECRET}}
    return written(PATTERN, kind, icc_profile=icc, **options.get(kind, others))


def test_no_metadata_is_left() -> None:
    for kind in pictures.FORMATS:
        data = tagged(kind)
        assert SECRET in data
        for output in FORMATS:
            body = rendered(data, 60, 60, "contain", output)
            assert not any(
                word in body for word in (SECRET, b"Exif", b"ICC_PROFILE", b"iCCP", b"ICCP", b"xmp", b"acsp")
            )
            assert not {"exif", "icc_profile", "xmp", "comment", "Comment"} & set(opened(body).info)


D65 = (0.3127, 0.3290)
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
MUTED = Image.eval(pattern(60, 40), lambda value: 40 + value * 2 // 3)  # sRGB can show these values of any colour space


def in_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """The image converted to sRGB as LittleCMS does it, which Pillow asks."""
    assert icc
    converted = ImageCms.profileToProfile(image, io.BytesIO(icc), ImageCms.createProfile("sRGB"))
    assert converted is not None
    return converted


def test_a_profile_is_converted_to_srgb() -> None:
    for kind, primaries in product(("jpeg", "png", "webp", "avif"), (P3, ADOBE)):
        icc = profile(Colours((D65, *primaries), 2.2), is_grey=False)
        data = written(MUTED, kind, icc_profile=icc)
        converted = in_srgb(opened(data).convert("RGB"), icc)
        assert difference(converted, MUTED) > 5
        assert difference(shown(data, WIDTH, 0), converted) < 4, (kind, primaries)


def test_the_profiles_have_the_published_colours() -> None:
    """sRGB by the published matrices of light and CIE XYZ under D65, and by the curve of IEC 61966-2-1."""
    for primaries, exponent, colour, expected in (
        (P3, 2.2, (200, 90, 80), (217, 80, 73)),
        (ADOBE, 2.2, (120, 150, 110), (105, 151, 108)),
        (BT2020, 1, (60, 70, 120), (122, 144, 187)),
    ):
        icc = profile(Colours((D65, *primaries), exponent), is_grey=False)
        assert difference(in_srgb(plain(colour), icc), plain(expected)) < 2


def with_chunks(image: Image.Image, chunks: dict[str, bytes]) -> bytes:
    """A PNG that declares its colours."""
    data = written(image, "png")
    return data[:33] + b"".join(pictures.png_chunk(name.encode(), body) for name, body in chunks.items()) + data[33:]


def hundred_thousandths(*numbers: float) -> bytes:
    """Numbers as gAMA and cHRM store them."""
    return b"".join(round(number * 100_000).to_bytes(4) for number in numbers)


LINEAR = hundred_thousandths(1)
GAMMA = hundred_thousandths(1 / 2.2)


def test_a_png_shows_its_declared_colours() -> None:
    """If several chunks declare colours, the better one counts."""
    adobe, bt709 = (hundred_thousandths(*D65, *sum(primaries, ())) for primaries in (ADOBE, BT709))
    for chunks, primaries, exponent in (
        ({"gAMA": GAMMA, "cHRM": adobe}, ADOBE, 2.2),
        ({"gAMA": LINEAR, "cHRM": adobe}, ADOBE, 1),
        ({"gAMA": LINEAR}, BT709, 1),
        ({"cICP": b"\x0c\x04\0\1", "gAMA": LINEAR, "sRGB": b"\0"}, P3, 2.2),
        ({"cICP": b"\x09\x08\0\1"}, BT2020, 1),
    ):
        expected = in_srgb(MUTED, profile(Colours((D65, *primaries), exponent), is_grey=False))
        assert difference(shown(with_chunks(MUTED, chunks), WIDTH, 0), expected) < 3, chunks
    for chunks in (  # sRGB, or impossible
        {"gAMA": GAMMA, "cHRM": bt709},
        {"gAMA": LINEAR, "cHRM": adobe, "sRGB": b"\0"},
        {"cICP": b"\1\x0d\0\1", "gAMA": LINEAR},
        {"gAMA": bytes(4)},
        {"gAMA": b"\0"},
        {"gAMA": LINEAR[:3] + b"\0", "cHRM": bytes(32)},
        {"cHRM": b"\xff" * 32},
        {"cICP": b"\x0c"},
    ):
        assert difference(shown(with_chunks(MUTED, chunks), WIDTH, 0), MUTED) == 0, chunks


def test_a_grey_png_has_a_curve_and_a_range() -> None:
    for mode, (chunks, value, expected) in product(
        ("L", "LA"),
        (({"gAMA": LINEAR}, 55, 128), ({"cICP": b"\1\x0d\0\0"}, 16, 0), ({"cICP": b"\1\x0d\0\0"}, 235, 255)),
    ):
        data = with_chunks(Image.new("L", (8, 8), value).convert(mode), chunks)
        assert difference(shown(data, 8, 0), plain((expected,) * 3)) <= 1, (mode, chunks)


def test_an_avif_shows_its_declared_colours() -> None:
    """By `colr`, else by its stream."""
    black_to_white = [(0, 0, 0), (255, 255, 255)]
    for name, (left, right) in {
        "eight": [(255, 0, 0), (255, 0, 0)],
        "mif1": [(255, 0, 0), (255, 0, 0)],  # `avif` is among the compatible brands
        "grey-limited": black_to_white,
        "p3": [(218, 0, 6), (218, 0, 6)],
        "grey-limited without colr": black_to_white,
        "p3 without colr": [(200, 30, 30), (200, 30, 30)],
    }.items():
        data = (STORED_IMAGES / f"{name.partition(' ')[0]}.avif").read_bytes()
        image = shown(data.replace(b"colrnclx", b"freenclx") if "without" in name else data, 4096, 0)
        for x, colour in ((0, left), (image.width - 1, right)):
            assert difference(image.crop((x, 0, x + 1, 1)), plain(colour, (1, 1))) < 2, name


def test_an_avif_that_the_decoder_cannot_read_is_refused_with_the_reason() -> None:
    """Every other matrix is read as Pillow reads it."""
    with pytest.raises(NotAnImage, match="reads no AVIF images of 10 bits a channel"):
        rendered((STORED_IMAGES / "ten.avif").read_bytes(), 64, 0)
    tile, configured = pictures.stream(written(PATTERN, "avif", subsampling="4:4:4"))
    for matrix, full_range in product(range(15), (0, 0x80)):
        codes = pictures.box(b"colr", b"nclx", bytes((0, 1, 0, 13, 0, matrix, full_range)))
        data = pictures.avif(pictures.Item(b"av01", tile, (pictures.extent(WIDTH, HEIGHT), configured, codes)))
        if matrix in (3, 10, 11, 13, 14) or (matrix, full_range) == (8, 0):
            with pytest.raises(NotAnImage, match=f"reads no AVIF images of the matrix {matrix}"):
                rendered(data, WIDTH, 0)
        else:
            assert difference(shown(data, WIDTH, 0), opened(data).convert("RGB")) < 3, (matrix, full_range)


def test_every_kind_of_pixels_is_read() -> None:
    """Grey, inks, palettes, one bit and sixteen bits."""
    for kind, mode in (("jpeg", "L"), ("jpeg", "CMYK"), *(("png", mode) for mode in ("L", "1", "P", "LA", "I;16"))):
        source = pattern(WIDTH, HEIGHT, "LA" if mode == "LA" else "L" if mode in ("L", "1", "I;16") else "RGB")
        if mode == "I;16":
            values = b"".join(bytes((value, value)) for value in source.tobytes())
            stored, expected = Image.frombytes(mode, source.size, values), source.convert("RGBA")
        else:
            stored, expected = source.convert(mode), source.convert(mode).convert("RGBA")
        # A CMYK without a profile is read like the inks of a printer; Pillow's plain sums are brighter.
        tolerance = {"CMYK": 80, "1": 12, "P": 12}.get(mode, 6)
        for output in FORMATS:
            image = opened(rendered(written(stored, kind), WIDTH, 0, "contain", output))
            assert image.mode in ("RGB", "RGBA")
            white = Image.new("RGBA", expected.size, "white")
            visible = Image.alpha_composite(white, expected) if output == "jpeg" else expected
            assert difference(image.convert("RGBA").convert("RGB"), visible.convert("RGB")) < tolerance, (mode, output)
    inks = shown(written(PATTERN.convert("CMYK"), "jpeg"), WIDTH, 0)  # Photoshop's inverted inks are not a negative
    for x, y, band in ((5, 5, 0), (5, 75, 2)):  # red, blue
        pixel = inks.getpixel((x, y))
        assert isinstance(pixel, tuple)
        assert max(pixel) == pixel[band]


def test_alpha_is_kept_or_becomes_white() -> None:
    source = pattern(WIDTH, HEIGHT, "RGBA")
    for kind, fit in product(("png", "webp", "avif"), FITS):
        data, expected = written(source, kind), sized(source, 60, 60, fit)
        for output in ("png", "webp", "avif"):
            image = opened(rendered(data, 60, 60, fit, output, 95))
            assert image.mode == "RGBA"
            assert difference(image.getchannel("A"), expected.getchannel("A")) < 4
        white = Image.alpha_composite(Image.new("RGBA", expected.size, "white"), expected).convert("RGB")
        assert difference(shown(data, 60, 60, fit, "jpeg", 95), white) < 8
    clear_left = Image.new("RGBA", (40, 40), "red")
    clear_left.paste((0, 0, 0, 0), (0, 0, 20, 40))
    data = written(clear_left, "gif")
    assert shown(data, 40, 0, "contain", "webp", mode="RGBA").getpixel((5, 20))[3] == 0  # type: ignore[index]
    assert min(shown(data, 40, 0, "contain", "jpeg").getpixel((5, 20))) > 250  # type: ignore[arg-type]


# -- frames, formats and quality --


def test_an_animation_stays_one_as_webp_and_is_its_first_frame_in_other_formats() -> None:
    """With every frame, its delay and the loop count."""
    durations = [100, 250, 40, 1000]
    mask = Image.new("L", (60, 40), 160)
    frames = [Image.composite(plain(c, (60, 40)), pattern(60, 40), mask) for c in ("red", "lime", "blue", "yellow")]
    for kind, fit in product(("gif", "webp"), FITS):
        data = pictures.animation(frames, kind, durations, 3)
        moving = Image.open(io.BytesIO(rendered(data, 30, 30, fit, "webp", 95)))
        assert getattr(moving, "n_frames", 1) == len(frames)
        for number, frame in enumerate(frames):
            moving.seek(number)
            moving.load()
            assert moving.info["duration"] == durations[number]
            assert difference(moving.convert("RGB"), sized(frame, 30, 30, fit)) < 8
        # A GIF stores how often the animation is repeated, a WebP how often it is shown.
        assert moving.info["loop"] == (4 if kind == "gif" else 3)
        for output in ("jpeg", "png", "avif"):
            image = opened(rendered(data, 30, 30, fit, output, 95))
            assert getattr(image, "n_frames", 1) == 1
            assert difference(image.convert("RGB"), sized(frames[0], 30, 30, fit)) < 8


def test_an_avif_is_its_still_picture() -> None:
    film = pictures.animation([pattern(60, 40), Image.new("RGB", (60, 40))], "avif", [100, 100], 0)
    assert film[8:12] == b"avis"
    assert difference(shown(film, 60, 0), pattern(60, 40)) < 6
    tile, configured = pictures.stream(written(pattern(64, 64), "avif"))
    item = pictures.Item(b"av01", tile, (pictures.extent(64, 64), configured))
    image = opened(rendered(pictures.avif(item, item), 32, 0, "contain", "webp"))
    assert (image.size, getattr(image, "n_frames", 1)) == ((32, 32), 1)


def test_format_and_quality_are_used() -> None:
    """Without a format the result has the image's own format, and WebP for a GIF; PNG ignores the quality."""
    for output in ("jpeg", "webp", "avif"):
        low, usual, high = (
            len(rendered(ORIGINALS["png"], 0, 60, "contain", output, quality)) for quality in (10, 0, 95)
        )
        assert low < usual < high
    assert rendered(ORIGINALS["jpeg"], 60, 0, quality=10) == rendered(ORIGINALS["jpeg"], 60, 0)
    assert difference(shown(ORIGINALS["png"], WIDTH, 0), PATTERN) == 0
    for kind, data in ORIGINALS.items():
        image = RENDERER.render(data, Rendition(20, 0, "contain", "", 0), soon())
        assert image.media_type == f"image/{'webp' if kind == 'gif' else kind}"


# -- broken images --


def test_an_incomplete_image_is_refused_and_never_half_black() -> None:
    """Cut at any place. If only invisible bytes are missing, the whole picture is shown."""
    for kind, fit in zip(pictures.FORMATS, cycle(FITS), strict=False):
        data = written(noise(WIDTH, HEIGHT), kind)
        whole = shown(data, 60, 60, fit)
        for size in sorted({*range(32, len(data), max(1, len(data) // 40)), *range(len(data) - 20, len(data))}):
            try:
                image = shown(data[:size], 60, 60, fit)
            except ImageBroken:
                continue
            assert size > len(data) - 20
            assert difference(image, whole) == 0
    for kind in ("gif", "webp"):
        data = pictures.animation([noise(60, 40, seed) for seed in range(4)], kind, [100] * 4, 0)
        for size in range(len(data) // 2, len(data) - 40, len(data) // 50):
            with pytest.raises(ImageBroken):
                rendered(data[:size], 30, 0, "contain", "webp")


SIZES = [(16, 0, "contain"), (50, 50, "cover"), (64, 0, "contain"), (100, 0, "contain"), (400, 300, "fill")]


def test_a_jpeg_gets_the_same_verdict_at_every_size() -> None:
    """Only its end marker may be missing; an end marker behind an incomplete picture does not help."""
    cases: list[tuple[dict[str, Any], int]] = [
        ({"progressive": True}, 257),
        ({}, 257),  # libvips would drop the last row
        ({}, 304),  # libvips would read the last rows alone
        ({"restart_marker_rows": 1}, 300),
    ]
    for options, height in cases:
        data = written(noise(400, height), "jpeg", **options)
        incomplete = [] if options else [data[:20_000] + data[30_000:]]
        for missing in (3, 4, 300, len(data) // 2):
            incomplete += [data[:-missing], data[:-missing] + b"\xff\xd9"]
        for size in SIZES:
            whole = shown(data, *size)
            for missing in (1, 2):
                assert difference(shown(data[:-missing], *size), whole) == 0
            for broken in incomplete:
                with pytest.raises(ImageBroken):
                    rendered(broken, *size)
    with_junk = data[:-2] + b"abc\xff\xd9"  # some cameras write bytes before the end marker
    assert rendered(with_junk, 50, 0) == rendered(data, 50, 0)
    for header in (b"", b"\x01", b"\x01\x01\x00\x00\x3f"):  # the header of a scan that is too short
        with pytest.raises(ImageBroken):
            rendered(b"\xff\xd8\xff\xda" + (2 + len(header)).to_bytes(2) + header, 50, 0)


def test_a_file_that_is_no_image_is_refused() -> None:
    for data in (b"", b"GIF", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4", b"BM", b"II*\0"):
        with pytest.raises(NotAnImage):
            rendered(data, 10, 10)


# -- the process --

_OTHER_FORMATS = """
import sys
from chalicelib.backends.images import libvips
from tests.support.pictures import pattern, written
pyvips = libvips.load()
files = {kind: written(pattern(8, 8), kind) for kind in ("tiff", "ppm", "bmp", "ico", "tga", "jpeg2000", "pcx")}
files["svg"] = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><rect width='9' height='9'/></svg>"
files |= {"psd": b"8BPS\\0\\1" + bytes(99), "vips": b"\\xb6\\xa6\\xf2\\x08" + bytes(99), "csv": b"1,2\\n3,4\\n"}
files |= {"pdf": b"%PDF-1.4\\n1 0 obj<<>>endobj\\ntrailer<</Root 1 0 R>>", "hdr": b"#?RADIANCE\\n\\n-Y 1 +X 1\\n1234"}
loads = {kind: lambda data=data: pyvips.Image.new_from_buffer(data, "") for kind, data in files.items()}
loads["file"] = lambda: pyvips.Image.new_from_file(sys.argv[1])
for kind, load in loads.items():
    try:
        load()
        print("reads", kind)
    except pyvips.Error:
        pass
for name in ("svgload_buffer", "tiffload_buffer", "uhdrload_buffer"):
    try:
        getattr(pyvips.Image, name)(files["svg"])
    except pyvips.Error as error:
        if "operation is blocked" not in str(error):
            print(name, error)
"""


def run(code: str, *arguments: Path) -> tuple[int, str]:
    """Run code in a fresh process; return its status, and all that it wrote."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_no_other_loader_answers_in_this_process(tmp_path: Path) -> None:
    """No other loader answers even to code that calls libvips itself."""
    file = tmp_path / "a.tiff"
    file.write_bytes(written(pattern(8, 8), "tiff"))
    assert run(_OTHER_FORMATS, file) == (0, "")


_LEFTOVERS = """
import logging, sys
from pathlib import Path
logging.basicConfig(level=logging.DEBUG)
from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import Rendition
from chalicelib.core.web.problems.images import ImageBroken
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


def test_nothing_of_an_image_is_logged_or_kept(tmp_path: Path) -> None:
    """Neither pixels, nor the texts of libvips, which quote the image and need not be UTF-8."""
    tile, configured = pictures.stream(ORIGINALS["avif"])
    properties = (pictures.extent(WIDTH, HEIGHT), configured, pictures.box(b"\xe4\xf6\xfc\xdf"))
    files = {**ORIGINALS, **{f"half {kind}": data[: len(data) // 2] for kind, data in ORIGINALS.items()}}
    files["quoted avif"] = pictures.avif(pictures.Item(b"av01", tile, properties))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert run(_LEFTOVERS, *(tmp_path / name for name in files)) == (0, "")


def test_threads_render_as_one_thread_does() -> None:
    cases = list(product(pictures.FORMATS, FORMATS))

    def render(case: tuple[str, str]) -> bytes:
        kind, output = case
        return rendered(ORIGINALS[kind], 40, 30, "cover", output)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(render, cases)) == list(map(render, cases))
