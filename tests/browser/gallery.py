"""A page with an image from each of the three ways to get one smaller, and what a browser shows of it."""

import base64
import io
from typing import Final
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Page, expect

COLOURS: Final = ((200, 30, 40), (20, 160, 60), (30, 60, 190), (230, 200, 40))  # of the quarters, row by row

# Shows three images; the last as the answer to a request of the page's own.
_SHOW: Final = """async ({stored, fetched, thumbnail, body}) => {
  const show = (id, src) => document.body.append(Object.assign(new Image(), {id, src}));
  document.body.replaceChildren();
  show("stored", stored);
  show("fetched", fetched);
  const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  const answer = await fetch(thumbnail, {method: "POST", body: bytes});
  show("posted", URL.createObjectURL(await answer.blob()));
}"""


def quarters(kind: str = "PNG") -> bytes:
    """An image of four colours."""
    image, file = Image.new("RGB", (640, 400)), io.BytesIO()
    for number, colour in enumerate(COLOURS):
        image.paste(colour, (number % 2 * 320, number // 2 * 200, 640, 400))
    image.save(file, kind)
    return file.getvalue()


def check(page: Page, base: str, path: str, source: str) -> None:
    """Show the images on a page of the service's own origin, and assert that all of them are seen.

    Args:
        page: in a browser, whose context bypasses the Content-Security-Policy of our own pages.
        base: the service's URL.
        path: of an image of four colours that is stored there.
        source: the URL of one at another site.
    """
    page.goto(f"{base}/-/login")
    shown = {
        "stored": f"{base}{path}?w=64",
        "fetched": f"{base}/-/resize?w=64&u={quote(source, safe='')}",
        "thumbnail": f"{base}/-/thumbnail?w=64",
        "body": base64.b64encode(quarters()).decode(),
    }
    page.evaluate(_SHOW, shown)
    for name in ("stored", "fetched", "posted"):
        image = page.locator(f"#{name}")
        expect(image).to_have_js_property("naturalWidth", 64)
        assert shows_quarters(image.screenshot()), name


def shows_quarters(picture: bytes) -> bool:
    """Whether a picture of a part of the screen is the image of four colours."""
    with Image.open(io.BytesIO(picture)) as found:
        places = [(found.width * (1 + n % 2 * 2) // 4, found.height * (1 + n // 2 * 2) // 4) for n in range(4)]
        pixels = [found.convert("RGB").getpixel(place) for place in places]
    return all(
        isinstance(pixel, tuple) and max(abs(one - other) for one, other in zip(pixel, colour, strict=True)) < 16
        for pixel, colour in zip(pixels, COLOURS, strict=True)
    )
