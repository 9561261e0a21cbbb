"""Thousands of mutated images: each is rendered or refused, without a crash, a hang or another error.

`python -m tests.unit.backends.test_renderer_fuzz FIRST NUMBER [FILE]` renders the images of these seeds, and prints
every mistake. With NUMBER 1 it repeats one seed. FILE always holds the current seed, also if the process dies.
"""

import faulthandler
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

import pytest
from PIL import Image, ImageCms

from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import FITS, FORMATS, Rendition
from chalicelib.core.web.problems.images import ImageBroken, ImageTooLarge, NotAnImage
from tests.support import pictures
from tests.support.builders import soon
from tests.support.pictures import pattern, written

MUTATED_IMAGES = 30_000 if os.environ.get("CI") else 1_000
PROCESSES = 2 if os.environ.get("CI") else 1

_MAX_CPU_SECONDS: Final = 2  # for one image; all are small
_HANG_SECONDS: Final = 30
_NUMBERS: Final = (0, 1, 255, 256, 1000, 4095, 32_767, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("process", range(PROCESSES))
def test_a_mutated_image_is_rendered_or_refused(tmp_path: Path, process: int) -> None:
    """The renderer runs in another process, which may die."""
    number, file = MUTATED_IMAGES // PROCESSES, tmp_path / "seed"
    command = [sys.executable, "-m", __name__, str(process * number), str(number), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "VIPS_CONCURRENCY": "1"})
    output = f"{done.stdout}{done.stderr[-2000:]}"
    assert (done.returncode, output) == (0, ""), f"at seed {file.read_text().strip()}"


def originals() -> list[bytes]:
    """Small images of all formats and their variants."""
    colour, grey, clear = pattern(24, 16), pattern(24, 16, "L"), pattern(24, 16, "RGBA")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = [colour, colour.transpose(Image.Transpose.ROTATE_180), pattern(24, 16)]
    stream, configured = pictures.stream(written(pattern(16, 16), "avif"))
    tile = pictures.Item(b"av01", stream, (pictures.extent(16, 16), configured))
    grid = pictures.Item(b"grid", pictures.grid(1, 2, 32, 16), (pictures.extent(32, 16),), (2, 3))
    nclx = pictures.box(b"colr", b"nclx", bytes((0, 12, 0, 4, 0, 6, 0)))
    palette = bytes(48)
    gif_frames = [
        pictures.gif_frame((8, 0), (8, 8), bytes(64), disposal=2),
        pictures.gif_frame((0, 8), (8, 8), bytes(range(8)) * 8, disposal=3, clear=1, palette=palette, interlaced=True),
        pictures.gif_frame((4, 4), (30, 8), bytes(240)),
    ]
    png = written(colour, "png")
    chunks = ((b"cICP", b"\x09\x10\0\0"), (b"gAMA", b"\0\1\x86\xa0"), (b"cHRM", bytes(range(32))))
    return [
        png[:33] + b"".join(pictures.png_chunk(*chunk) for chunk in chunks) + png[33:],
        pictures.avif(tile._replace(properties=(*tile.properties, nclx))),
        written(colour, "jpeg", quality=50),
        written(colour, "jpeg", quality=50, progressive=True),
        written(grey, "jpeg", exif=exif, icc_profile=icc[:400]),
        written(colour, "jpeg", quality=50, icc_profile=icc, comment=b"a comment"),
        written(colour.convert("CMYK"), "jpeg", quality=50),
        pictures.scans(24, 16, 3),
        written(colour, "png", exif=exif),
        written(clear, "png", icc_profile=icc),
        written(colour.quantize(16), "png", transparency=3),
        written(grey.convert("1"), "png"),
        pictures.black_png(24, 16, depth=16, colour=6),
        pictures.black_png(8, 8, interlaced=True),
        written(colour, "webp", lossless=False, exif=exif),
        written(clear, "webp", icc_profile=icc),
        written(clear, "webp", lossless=False),
        written(colour, "gif"),
        written(clear, "gif", interlace=True),
        pictures.drawn_gif(24, 16, *gif_frames, palette=bytes(range(24))),
        written(colour, "avif", exif=exif),
        written(clear, "avif", quality=50, icc_profile=icc),
        written(grey, "avif", subsampling="4:0:0"),
        pictures.avif(grid, tile, tile),
        *(pictures.animation(frames, kind, [50, 60, 70], 2) for kind in ("webp", "gif", "avif")),
    ]


def mutated(data: bytes, others: list[bytes], random: Random) -> bytes:
    """An image with one to four mistakes, more often near its start, where its header is."""
    result = bytearray(data)
    for _ in range(random.randint(1, 4)):
        start = random.randrange(1 + min(len(result), random.choice((64, 400, len(result)))))
        end = start + random.choice((1, 2, 4, 16, 100))
        match random.randrange(9):
            case 0:
                result[start:end] = random.randbytes(end - start)
            case 1:
                result[start:start] = random.randbytes(end - start)
            case 2:
                result[start : start + 1] = bytes(byte ^ 1 << random.randrange(8) for byte in result[start : start + 1])
            case 3:
                del result[start:end]
            case 4:
                del result[random.randrange(1 + len(result)) :]
            case 5:
                result[start:start] = result[start:end] * random.choice((1, 2, 50))
            case 6:
                source = random.randrange(1 + len(result))
                result[start:end] = result[source : source + end - start]
            case 7:
                other = random.choice(others)
                source = random.randrange(len(other))
                result[start:end] = other[source : source + random.choice((end - start, 1000))]
            case 8:
                number = random.choice(_NUMBERS).to_bytes(4, random.choice(("big", "little")))
                result[start : start + 4] = number if random.random() < 0.5 else number.replace(b"\0\0", b"")
    return bytes(result)


def case(seed: int, images: list[bytes]) -> tuple[bytes, Rendition]:
    """The image and the rendition of a seed."""
    random = Random(seed)
    data = mutated(images[seed % len(images)], images, random)
    fit, output = random.choice(FITS), random.choice((*FORMATS, "jpeg", "png", "webp", ""))  # AVIF takes longest
    sides = [random.choice((1, 7, 16, 24, 40)) for _ in range(2)]
    if fit == "contain":
        sides[random.randrange(2)] = 0
    return data, Rendition(sides[0], sides[1], fit, output, random.choice((0, 1, 50, 100)))


def main(first: int, number: int, file: str = os.devnull) -> None:
    """Render the images of some seeds, and print every mistake."""
    renderer, images = VipsRenderer(), originals()
    for data in images:
        renderer.render(data, Rendition(7, 7, "cover", "", 0), soon())  # before the mutation, each one is correct
    current = os.open(file, os.O_WRONLY | os.O_CREAT)
    for seed in range(first, first + number):
        os.pwrite(current, b"%12d" % seed, 0)
        if seed % 100 == first % 100:
            faulthandler.dump_traceback_later(_HANG_SECONDS, exit=True)
        data, rendition = case(seed, images)
        start = time.process_time()
        try:
            mistake = "" if renderer.render(data, rendition, soon()).body else "no bytes"
        except (ImageBroken, ImageTooLarge, NotAnImage):
            mistake = ""
        except Exception as error:
            mistake = f"{type(error).__name__}: {error}"
        if (seconds := time.process_time() - start) > _MAX_CPU_SECONDS:
            mistake += f" {seconds:.1f} s"
        if mistake:
            sys.stdout.write(f"{seed}: {mistake}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
