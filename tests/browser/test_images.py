"""A browser shows the smaller images that Signpost makes."""

import base64
from urllib.parse import quote

from playwright.sync_api import expect

from tests.support.fake_internet import HOST, FakeInternet
from tests.support.pictures import quarters, shows_quarters

from .conftest import Visit
from .sites import Directory
from .visitor import row

# Shows the answer to a POST of the page itself.
POST = """async ([url, body]) => {
  const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
  const answer = await fetch(url, {method: "POST", body: bytes});
  document.querySelector("#posted").src = URL.createObjectURL(await answer.blob());
}"""


def test_a_page_shows_an_image_from_each_endpoint(visit: Visit, directory: Directory, internet: FakeInternet) -> None:
    directory.put("a b.png", quarters(), "image/png")
    internet.serve("/a.jpg", quarters("jpeg"), "image/jpeg")
    endpoints = f"{directory.site.url}/-"
    page = visit(f"{endpoints}/login", bypass_csp=True)  # a page of our origin, but with images of its own
    source = quote(f"https://{HOST}/a.jpg", safe="")
    urls = {
        "stored": f"{directory.url_of('a b.png')}?w=64",
        "fetched": f"{endpoints}/resize?w=64&u={source}",
        "posted": "",
    }
    page.set_content("".join(f'<img id="{name}" src="{url}">' for name, url in urls.items()))
    page.evaluate(POST, [f"{endpoints}/thumbnail?w=64", base64.b64encode(quarters()).decode()])
    for name in urls:
        image = page.locator(f"#{name}")
        expect(image).to_have_js_property("naturalWidth", 64)
        assert shows_quarters(image.screenshot()), name


def test_a_directory_loads_a_thumbnail_when_it_comes_into_view(visit: Visit, directory: Directory) -> None:
    """A thumbnail that does not load leaves the icon of its file visible."""
    directory.put("a?b.png", quarters(), "image/png")
    directory.put("broken.png", b"no image", "image/png")
    for number in range(120):
        directory.put(f"c{number:03}.txt")
    directory.put("far.jpg", quarters("jpeg"), "image/jpeg")
    page = visit(directory.url)
    first, broken, far = (row(page, name).locator("img") for name in ("a?b.png", "broken.png", "far.jpg"))
    expect(first).to_have_js_property("complete", True)
    expect(first).to_have_js_property("naturalWidth", 96)
    assert shows_quarters(first.screenshot())
    expect(broken).to_have_js_property("naturalWidth", 0)
    expect(far).to_have_js_property("naturalWidth", 0)
    far.scroll_into_view_if_needed()
    expect(far).to_have_js_property("naturalWidth", 96)
