"""`make bench-images`: compares libvips with Pillow on the same photos, and prints the table of docs/images.md.

Each measurement is a process of its own.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.support.builders import soon

ROUNDS: Final = 5
WIDTH: Final = 320

# The distributions that each engine adds to the zip.
ENGINES: Final = {"libvips": ("pyvips", "pyvips-binary", "cffi", "pycparser"), "Pillow": ("pillow",)}


class Case(NamedTuple):
    """A photo, and the format of the smaller image."""

    name: str
    file: str
    output: str


CASES: Final = (
    Case("JPEG 12 MP", "photo.jpg", "jpeg"),
    Case("JPEG 12 MP", "photo.jpg", "webp"),
    Case("JPEG 12 MP", "photo.jpg", "avif"),
    Case("PNG 12 MP with alpha", "alpha.png", "png"),
    Case("WebP 12 MP", "photo.webp", "webp"),
    Case("AVIF 12 MP", "photo.avif", "jpeg"),
    Case("GIF, 40 frames of 640 by 480", "animated.gif", "webp"),
)


def main() -> None:
    """Make the photos, measure each engine on each of them, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        make_photos(Path(folder))
        print(f"| to {WIDTH} pixels | libvips | Pillow | peak, libvips | peak, Pillow |\n|---|---|---|---|---|")
        for case in CASES:
            vips, pillow = (measure(engine, Path(folder, case.file), case.output) for engine in ENGINES)
            times = f"{vips['seconds'] * 1e3:.0f} ms | {pillow['seconds'] * 1e3:.0f} ms"
            print(f"| {case.name} → {case.output} | {times} | {vips['peak']:.0f} MB | {pillow['peak']:.0f} MB |")
        imports = [min(measure(engine, None, "")["seconds"] for _ in range(ROUNDS)) for engine in ENGINES]
    print("| import | " + " | ".join(f"{seconds * 1e3:.0f} ms" for seconds in imports) + " | | |")
    print("| in the zip | " + " | ".join(f"{zipped(names) / 1e6:.1f} MB" for names in ENGINES.values()) + " | | |")


def make_photos(folder: Path) -> None:
    """Write the photos: soft colours with the noise of a sensor, the same in every run."""
    from PIL import Image, ImageChops

    def photo(width: int, height: int, turn: int) -> Image.Image:
        mandelbrot = Image.effect_mandelbrot((width // 8, height // 8), (-2 + turn / 100, -1.2, 0.6, 1.2), 60)
        base = Image.merge(
            "RGB", [mandelbrot, mandelbrot.rotate(180), Image.linear_gradient("L").resize(mandelbrot.size)]
        )
        noise = Image.radial_gradient("L").resize((61, 47)).resize((width, height), Image.Resampling.NEAREST)
        return ImageChops.add(base.resize((width, height), Image.Resampling.BICUBIC), noise.convert("RGB"), 1.4)

    whole = photo(4000, 3000, 0)
    whole.save(folder / "photo.jpg", quality=90)
    whole.save(folder / "photo.webp", quality=85)
    whole.save(folder / "photo.avif", quality=70)
    whole.putalpha(Image.linear_gradient("L").resize(whole.size))
    whole.save(folder / "alpha.png")
    first, *others = (photo(640, 480, turn) for turn in range(40))
    first.save(folder / "animated.gif", save_all=True, append_images=others, duration=50, loop=0)


def measure(engine: str, photo: Path | None, output: str) -> dict[str, float]:
    """Measure in a fresh process: return seconds, and by how many megabytes the peak of memory grew.

    Without a photo, return the seconds of the import.
    """
    command = [sys.executable, "-m", "bench.images", engine, str(photo or ""), output]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def measure_here(engine: str, photo: str, output: str) -> dict[str, float]:
    """Measure in this process."""
    started = time.perf_counter()
    render = with_libvips() if engine == "libvips" else with_pillow()
    if not photo:
        return {"seconds": time.perf_counter() - started}
    data = Path(photo).read_bytes()
    before, least = _peak(), float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        render(data, output)
        least = min(least, time.perf_counter() - started)
    return {"seconds": least, "peak": (_peak() - before) / 1024}


def with_libvips() -> Callable[[bytes, str], bytes]:
    """Load libvips, and return the service's own renderer."""
    import pyvips  # noqa: F401

    from chalicelib.backends.images.renderer import VipsRenderer
    from chalicelib.core.web.image_parameters import rendition

    renderer = VipsRenderer(seconds=60)
    return lambda data, output: renderer.render(data, rendition({"w": str(WIDTH), "format": output}), soon()).body


def with_pillow() -> Callable[[bytes, str], bytes]:
    """Load Pillow, and return a renderer that uses everything that makes Pillow quick."""
    from PIL import AvifImagePlugin, Image, ImageCms, ImageOps, WebPImagePlugin  # noqa: F401

    def smaller(image: Image.Image) -> Image.Image:
        plain = (
            image if image.mode in ("RGB", "RGBA") else image.convert("RGBA" if "transparency" in image.info else "RGB")
        )
        plain.thumbnail((WIDTH, 4096), Image.Resampling.LANCZOS, reducing_gap=2.0)
        return plain

    def render(data: bytes, output: str) -> bytes:
        file, image = io.BytesIO(), Image.open(io.BytesIO(data))
        image.draft("RGB", (WIDTH * 2, WIDTH * 2))
        frames = []
        for number in range(getattr(image, "n_frames", 1) if output == "webp" else 1):
            image.seek(number)
            frames.append(smaller(ImageOps.exif_transpose(image)))
        options: dict[str, Any] = {"quality": {"avif": 55}.get(output, 80)} if output != "png" else {}
        more = {"save_all": True, "append_images": frames[1:]} if len(frames) > 1 else {}
        frames[0].save(file, output.upper(), **options, **more)
        return file.getvalue()

    return render


def zipped(distributions: tuple[str, ...]) -> int:
    """Return the bytes of all files of some distributions, compressed as in the zip."""
    total = 0
    for name in distributions:
        for file in metadata.files(name) or ():
            path = Path(str(file.locate()))
            if path.is_file() and "__pycache__" not in path.parts and ".." not in file.parts:
                total += len(zlib.compress(path.read_bytes(), 9))
    return total


def _peak() -> int:
    """The peak of this process's memory in kB. (The peak of `getrusage` begins with the memory of the parent.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure_here(*sys.argv[1:])))
    else:
        os.environ.pop("VIPS_CONCURRENCY", None)
        main()
