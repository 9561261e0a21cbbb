"""A GIF becomes a WebP: Chromium must draw the same frames from both."""

from base64 import b64encode
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from chalicelib.backends.images.renderer import VipsRenderer
from chalicelib.core.web.image_parameters import Rendition
from chalicelib.core.web.problems.images import ImageBroken
from tests.support.builders import soon
from tests.support.pictures import drawn_gif, gif_frame

CELL = 8  # pixels of a side: WebP halves the resolution of colours, so a colour fills a cell
PALETTE = bytes((255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0, 0, 255, 255, 255, 0, 255, 255, 255, 255, 90, 90, 90))
OTHER = bytes(range(0, 240, 10))
TOLERANCE = 40  # of 255: WebP loses some

# For each frame its size in cells, its milliseconds, and the colour in the middle of each cell.
DECODE = """async ([file, type]) => {
    const data = Uint8Array.from(atob(file), letter => letter.charCodeAt(0));
    const decoder = new ImageDecoder({data, type});
    await decoder.tracks.ready;
    await decoder.completed;
    const frames = [];
    for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex++) {
        const {image} = await decoder.decode({frameIndex});
        const width = image.displayWidth / CELL, height = image.displayHeight / CELL;
        const context = new OffscreenCanvas(width, height).getContext("2d");
        context.imageSmoothingEnabled = false;
        context.drawImage(image, 0, 0, width, height);
        frames.push([width, height, image.duration / 1000, ...context.getImageData(0, 0, width, height).data]);
        image.close();
    }
    return frames;
}""".replace("CELL", str(CELL))


def cells(left: int, top: int, *rows: str, **options: Any) -> bytes:
    """A frame of cells; each digit is a colour of the palette."""
    size = (len(rows[0]) * CELL, len(rows) * CELL)
    pixels = [bytes(int(digit) for digit in row for _ in range(CELL)) for row in rows for _ in range(CELL)]
    return gif_frame((left * CELL, top * CELL), size, b"".join(pixels), **options)


def gif(width: int, height: int, *frames: bytes, palette: bytes = PALETTE) -> bytes:
    return drawn_gif(width * CELL, height * CELL, *frames, palette=palette)


GIFS = {
    "a frame in the middle": gif(4, 3, cells(1, 1, "01")),
    "frames that do not fill the canvas": gif(4, 3, cells(1, 1, "01"), cells(0, 0, "2")),
    "a cleared frame": gif(3, 2, cells(0, 0, "012", "345", disposal=2), cells(1, 1, "6")),
    "a cleared part": gif(3, 2, cells(0, 0, "012", "345"), cells(1, 0, "66", disposal=2), cells(0, 1, "3")),
    "a restored canvas": gif(
        3, 1, cells(0, 0, "012"), cells(0, 0, "6", disposal=3), cells(1, 0, "6", disposal=4), cells(2, 0, "0")
    ),
    "a clear colour": gif(
        3, 1, cells(0, 0, "012"), cells(0, 0, "343", clear=4), cells(0, 0, "646", clear=4, disposal=2), cells(0, 0, "0")
    ),
    "a canvas that a decoder may guess wrongly": gif(80, 60, cells(0, 0, "0"), cells(70, 50, "1")),
    "a wide canvas": gif(300, 1, cells(0, 0, "0"), cells(290, 0, "1")),
    "a first frame that is larger than the canvas": gif(1, 1, cells(1, 0, "01", "23")),
    "a second frame that is larger than the canvas": gif(2, 2, cells(0, 0, "01", "23"), cells(1, 1, "456", "456")),
    "a second frame outside": gif(1, 1, cells(0, 0, "0"), cells(2, 2, "1")),
    "colours outside the table": gif(2, 1, cells(0, 0, "01"), cells(0, 0, "27"), palette=PALETTE[:12]),
    "no table": gif(2, 1, cells(0, 0, "01"), palette=b""),
    "a table for a frame": gif(2, 1, cells(0, 0, "17", palette=OTHER), cells(1, 0, "1"), palette=b""),
    "a frame of nothing": gif(1, 1, cells(0, 0, "0"), gif_frame((0, 0), (0, 0), b"", disposal=2), cells(0, 0, "1")),
    "interlaced": gif(2, 3, cells(0, 0, "01", "23", "45", interlaced=True)),
}  # fmt: skip


def random_gifs() -> Iterator[tuple[str, bytes]]:
    """GIFs with frames of every kind, at any place."""
    for seed in range(40):
        random = Random(seed)
        width, height = random.randint(1, 6), random.randint(1, 6)
        frames = []
        for _ in range(random.randint(1, 6)):
            rows = ["".join(random.choices("01234567", k=random.randint(1, 5)))] * random.randint(1, 4)
            frames.append(
                cells(
                    random.randint(0, width),
                    random.randint(0, height),
                    *rows,
                    disposal=random.randrange(8),
                    clear=random.choice((None, random.randrange(8))),
                    delay=random.randint(2, 40),
                    palette=random.choice((b"", OTHER)),
                    interlaced=random.random() < 0.3,
                )
            )
        yield f"seed {seed}", gif(width, height, *frames)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page at a secure origin, where pages may decode images."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.route("**/*", lambda route: route.fulfill(body="<p>", content_type="text/html"))
        page.goto("https://gifs.example/")
        yield page


def shown(page: Page, data: bytes, kind: str) -> list[tuple[float, list[int]]]:
    """When each frame ends, in milliseconds, and its pixels; equal frames after each other count as one frame."""
    frames: list[tuple[float, list[int]]] = []
    for width, height, duration, *values in page.evaluate(DECODE, [b64encode(data).decode(), kind]):
        end = (frames[-1][0] if frames else 0) + duration
        if frames and frames[-1][1][2:] == values:
            frames.pop()
        frames.append((end, [width, height, *values]))
    return frames


def test_chromium_draws_the_same_frames(page: Page) -> None:
    for name, data in [*GIFS.items(), *random_gifs()]:
        output = VipsRenderer().render(data, Rendition(4096, 4096, "contain", "webp", 100), soon()).body
        expected, frames = shown(page, data, "image/gif"), shown(page, output, "image/webp")
        assert [end for end, _ in frames] == [end for end, _ in expected] or len(expected) == 1, name
        for (_, pixels), (_, expected_pixels) in zip(frames, expected, strict=True):
            assert pixels[:2] == expected_pixels[:2], name
            assert max(abs(a - b) for a, b in zip(pixels, expected_pixels, strict=True)) < TOLERANCE, name


def test_an_incomplete_frame_is_refused_and_chromium_fails_too(page: Page) -> None:
    data = drawn_gif(8, 8, gif_frame((0, 0), (8, 8), bytes(60)), palette=PALETTE)
    with pytest.raises(ImageBroken):
        VipsRenderer().render(data, Rendition(8, 8, "contain", "webp", 0), soon())
    with pytest.raises(Exception, match="Failed to decode frame"):
        shown(page, data, "image/gif")
