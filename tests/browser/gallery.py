"""A page with an image from each of the three ways to get a smaller image, as a browser shows the page."""

import base64
from typing import Final
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.support.pictures import quarters, shows_quarters

# Shows three images; the last image is the answer to a request of the page itself.
_SHOW: Final = """async ({stored, fetched, thumbnail, body}) => {
  const show = (id, src) => document.body.append(Object.assign(new Image(), {id, src}));
  document.body.replaceChildren();
  show("stored", stored);
  show("fetched", fetched);
  const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  const answer = await fetch(thumbnail, {method: "POST", body: bytes});
  show("posted", URL.createObjectURL(await answer.blob()));
}"""


def check(page: Page, base: str, path: str, source: str) -> None:
    """Show the images on a page of the service's own origin, and assert that the browser shows all of them.

    Args:
        page: in a browser, whose context bypasses the Content-Security-Policy of the service's pages.
        base: the service's URL.
        path: of a stored image of four colours.
        source: the URL of such an image at another site.
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
