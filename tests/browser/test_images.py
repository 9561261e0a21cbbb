"""Images in a browser: in a page of one's own, and small ones in the list of a directory."""

from playwright.sync_api import expect

from tests.support.fake_internet import HOST, FakeInternet
from tests.support.pictures import quarters, shows_quarters

from . import gallery
from .conftest import Visit
from .sites import Site


def test_images_of_all_three_ways(visit: Visit, site: Site, place: str, internet: FakeInternet) -> None:
    site.put(f"{place}a b.png", quarters(), "image/png")
    internet.serve("/a.jpg", quarters("jpeg"), "image/jpeg")
    gallery.check(visit(bypass_csp=True), site.url, f"/{place}a%20b.png", f"https://{HOST}/a.jpg")


def test_a_directory_shows_its_images_once_they_are_in_sight(visit: Visit, site: Site, place: str) -> None:
    """And beneath each its icon, which stays where there is nothing to show."""
    site.put(f"{place}a?b.png", quarters(), "image/png")
    site.put(f"{place}broken.png", b"no image", "image/png")
    for number in range(120):
        site.put(f"{place}c{number:03}.txt")
    site.put(f"{place}far.jpg", quarters("jpeg"), "image/jpeg")
    page = visit()
    page.goto(site.at(place))
    first, broken, far = (page.get_by_role("row").filter(has_text=name) for name in ("a?b", "broken", "far"))
    shown = first.locator("img")
    expect(shown).to_have_js_property("complete", True)
    expect(shown).to_have_js_property("naturalWidth", 96)
    assert shows_quarters(shown.screenshot())
    expect(broken.locator("img")).to_have_js_property("naturalWidth", 0)
    expect(far.locator("img")).to_have_js_property("naturalWidth", 0)
    far.scroll_into_view_if_needed()
    expect(far.locator("img")).to_have_js_property("naturalWidth", 96)


def test_a_link_that_opens_once_is_not_used_up_by_pictures(visit: Visit, site: Site, place: str) -> None:
    """Who comes by a link without a number sees them; who comes by one that is counted does not."""
    site.put(f"{place}a.png", quarters(), "image/png")
    owner = visit()
    owner.goto(site.at(place))

    def shared(uses: int | None) -> str:
        answer = owner.request.post(f"{site.at(place)}?link", data={"uses": uses}, headers={"Origin": site.url})
        return str(answer.json()["url"])

    page = visit(signed_in=False)
    page.goto(shared(None))
    expect(page.locator("img")).to_have_js_property("naturalWidth", 96)
    counted = shared(3)
    page.goto(counted)
    expect(page.get_by_role("link", name="a.png", exact=True)).to_be_visible()
    expect(page.locator("img")).to_have_count(0)
    page.goto(f"{site.at(place)}?links")
    expect(page.locator("img")).to_have_count(0)
