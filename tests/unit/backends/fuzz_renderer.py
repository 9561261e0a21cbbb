"""Renders mutated images, each made from the number of its seed: `python -m tests.fuzz_renderer FIRST NUMBER [FILE]`.

`FILE` holds the seed that is being tried, for whoever finds this process dead. `python -m tests.fuzz_renderer SEED 1`
does one again. The end is silent, or says of each seed what was wrong.
"""

import faulthandler
import os
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

from PIL import Image, ImageCms

from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import FITS, FORMATS, Rendition
from chalicelib.core.web.problems import ImageBroken, ImageTooLarge, NotAnImage
from tests.support import pictures
from tests.support.builders import soon
from tests.support.pictures import pattern, written

_MOST_SECONDS: Final = 2  # of the processor, for one image; all are small
_NUMBERS: Final = (0, 1, 255, 256, 1000, 4095, 32_767, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_HANGS: Final = 30  # seconds: then it will not come back


def originals() -> list[bytes]:
    """Small images of all formats in their varieties."""
    colour, grey, clear = pattern(24, 16), pattern(24, 16, "L"), pattern(24, 16, "RGBA")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = [colour, colour.transpose(Image.Transpose.ROTATE_180), pattern(24, 16)]
    tile, configured = pictures.stream(written(pattern(16, 16), "avif"))
    tiles = [pictures.Item(b"av01", tile, (pictures.extent(16, 16), configured))] * 2
    grid = pictures.Item(b"grid", pictures.grid(1, 2, 32, 16), (pictures.extent(32, 16),), (2, 3))
    parts = [
        pictures.gif_frame((8, 0), (8, 8), bytes(64), disposal=2),
        pictures.gif_frame(
            (0, 8), (8, 8), bytes(range(8)) * 8, disposal=3, clear=1, palette=bytes(48), interlaced=True
        ),
        pictures.gif_frame((4, 4), (30, 8), bytes(240)),
    ]
    plain = written(colour, "png")
    chunks = ((b"cICP", b"\x09\x10\0\0"), (b"gAMA", b"\0\1\x86\xa0"), (b"cHRM", bytes(range(32))))
    declared = plain[:33] + b"".join(pictures.png_chunk(*chunk) for chunk in chunks) + plain[33:]
    nclx = pictures.box(b"colr", b"nclx", bytes((0, 12, 0, 4, 0, 6, 0)))
    return [
        declared,
        pictures.avif(pictures.Item(b"av01", tile, (pictures.extent(16, 16), configured, nclx))),
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
        pictures.animation(frames, "webp", [50, 60, 70], 2),
        written(colour, "gif"),
        written(clear, "gif", interlace=True),
        pictures.animation(frames, "gif", [50, 60, 70], 2),
        pictures.drawn_gif(24, 16, *parts, palette=bytes(range(24))),
        written(colour, "avif", exif=exif),
        written(clear, "avif", quality=50, icc_profile=icc),
        written(grey, "avif", subsampling="4:0:0"),
        pictures.animation(frames, "avif", [50, 60, 70], 2),
        pictures.avif(grid, *tiles),
    ]


def mutated(data: bytes, others: list[bytes], random: Random) -> bytes:
    """An image with one to four things wrong; more often near its start, where its header is."""
    made = bytearray(data)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(1 + min(len(made), random.choice((64, 400, len(made)))))
        end = place + random.choice((1, 2, 4, 16, 100))
        match random.randrange(9):
            case 0:
                made[place:end] = random.randbytes(end - place)
            case 1:
                made[place:place] = random.randbytes(end - place)
            case 2:
                made[place : place + 1] = bytes(byte ^ 1 << random.randrange(8) for byte in made[place : place + 1])
            case 3:
                del made[place:end]
            case 4:
                del made[random.randrange(1 + len(made)) :]
            case 5:
                made[place:place] = made[place:end] * random.choice((1, 2, 50))
            case 6:
                source = random.randrange(1 + len(made))
                made[place:end] = made[source : source + end - place]
            case 7:
                other = random.choice(others)
                source = random.randrange(len(other))
                made[place:end] = other[source : source + random.choice((end - place, 1000))]
            case 8:
                number = random.choice(_NUMBERS).to_bytes(4, random.choice(("big", "little")))
                made[place : place + 4] = number if random.random() < 0.5 else number.replace(b"\0\0", b"")
    return bytes(made)


def case(seed: int, seeds: list[bytes]) -> tuple[bytes, Rendition]:
    """What a seed means."""
    random = Random(seed)
    data = mutated(seeds[seed % len(seeds)], seeds, random)
    fit, made = random.choice(FITS), random.choice((*FORMATS, "jpeg", "png", "webp", ""))  # AVIF takes longest
    sides = [random.choice((1, 7, 16, 24, 40)) for _ in range(2)]
    if fit == "contain":
        sides[random.randrange(2)] = 0
    return data, Rendition(sides[0], sides[1], fit, made, random.choice((0, 1, 50, 100)))


def main(first: int, number: int, file: Path | None) -> None:
    """Render what the seeds mean, and print what is wrong."""
    renderer, seeds = VipsRenderer(), originals()
    for data in seeds:
        renderer.render(data, Rendition(7, 7, "cover", "", 0), soon())  # each of them is right
    trying = os.open(file or os.devnull, os.O_WRONLY | os.O_CREAT)
    for seed in range(first, first + number):
        os.pwrite(trying, b"%12d" % seed, 0)
        if seed % 100 == first % 100:
            faulthandler.dump_traceback_later(_HANGS, exit=True)
        data, rendition = case(seed, seeds)
        start = time.process_time()
        try:
            image = renderer.render(data, rendition, soon())
            if not image.body:
                print(f"{seed}: nothing")
        except (ImageBroken, ImageTooLarge, NotAnImage):
            pass
        except Exception as error:
            print(f"{seed}: {type(error).__name__}: {error}")
        if time.process_time() - start > _MOST_SECONDS:
            print(f"{seed}: {time.process_time() - start:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)
