"""The grid of a directory: pictures as tiles, which the browser keeps."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.pictures import quarters, shows_quarters

from .conftest import Visit
from .sites import Directory
from .test_accessibility import NARROW, WIDE, check_accessibility
from .visitor import click, download, make_link, names, row

PICTURES = [f"{number:02}.jpg" for number in range(1, 41)]


@pytest.fixture
def album(directory: Directory) -> Directory:
    """A directory with pictures, other files, and a folder."""
    for name in PICTURES:
        directory.put(name, quarters("jpeg"), "image/jpeg")
    for name in ("broken.png", "notes.txt", "trip/a.txt"):
        directory.put(name, b"text")
    return directory


def look_through(page: Page) -> None:
    """Bring each picture into view, and wait for the picture."""
    for name in PICTURES:
        picture = row(page, name).locator("img")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("naturalWidth", 400)


class Fetched:
    """The answers with pictures that came from the service or the store, and not from a cache of the browser."""

    def __init__(self, page: Page) -> None:
        self.urls: list[str] = []
        self._kept: set[str] = set()  # the requests that the cache in memory answered
        client = page.context.new_cdp_session(page)
        client.on("Network.requestServedFromCache", lambda event: self._kept.add(event["requestId"]))
        client.on("Network.requestWillBeSent", lambda event: self._note(event, "redirectResponse"))
        client.on("Network.responseReceived", lambda event: self._note(event, "response"))
        client.send("Network.enable")

    def _note(self, event: dict[str, Any], name: str) -> None:
        answer = event.get(name, {"url": "", "fromDiskCache": True})
        is_picture = "-/derived/" in answer["url"] or ".jpg" in answer["url"]
        if is_picture and not answer["fromDiskCache"] and event["requestId"] not in self._kept:
            self.urls.append(answer["url"])


def test_the_browser_keeps_the_pictures_of_a_grid(visit: Visit, album: Directory) -> None:
    """Neither a second visit nor a reload asks the service or the store for a picture."""
    grid = f"{album.url}?grid"
    page = visit(f"{album.site.url}/-/links")
    fetched = Fetched(page)
    page.goto(grid)
    look_through(page)
    assert len({*fetched.urls}) == 2 * len(PICTURES)  # redirects and pictures
    fetched.urls.clear()
    page.goto(f"{album.site.url}/-/links")
    page.goto(grid)
    look_through(page)
    page.reload()
    look_through(page)
    assert fetched.urls == []


def test_pictures_fill_squares_in_as_many_columns_as_the_screen_has_room_for(visit: Visit, album: Directory) -> None:
    page = visit(album.url)
    page.get_by_role("link", name="Grid view").click()
    for size, columns in ((WIDE, 5), (NARROW, 2)):
        page.set_viewport_size(size)
        picture = row(page, "01.jpg").locator("img")
        expect(picture).to_have_js_property("naturalWidth", 400)
        assert shows_quarters(picture.screenshot())
        boxes = [each.bounding_box() for each in page.locator("#listing tbody tr").all()]
        assert len({box["x"] for box in boxes if box}) == columns
        square = picture.bounding_box()
        assert square
        assert round(square["width"]) == round(square["height"])
    check_accessibility(page)


def test_the_keyboard_and_a_finger_do_with_tiles_what_they_do_with_rows(visit: Visit, album: Directory) -> None:
    page = visit(f"{album.url}?grid", viewport=NARROW)
    page.get_by_role("checkbox", name="Select 01.jpg").focus()
    for press, focused in (
        ("Space", page.get_by_role("checkbox", name="Select 01.jpg", checked=True)),
        ("Tab", page.get_by_role("link", name="01.jpg", exact=True)),
        ("Tab", page.get_by_role("link", name="Download 01.jpg")),
        ("Tab", page.get_by_role("button", name="Share 01.jpg")),
        ("Tab", page.get_by_role("button", name="Delete 01.jpg")),
        ("Tab", page.get_by_role("checkbox", name="Select 02.jpg")),
    ):
        page.keyboard.press(press)
        expect(focused).to_be_focused()
    page.get_by_role("checkbox", name="Select 03.jpg").click(modifiers=["Shift"])
    expect(page.get_by_text("3 selected")).to_be_visible()
    click(page, "Delete")
    click(page.get_by_role("dialog"), "Delete")
    expect(page.get_by_role("link", name="01.jpg", exact=True)).to_be_hidden()
    assert album.names().isdisjoint(PICTURES[:3])
    assert download(page, "04.jpg") == quarters("jpeg")
    guest = visit(make_link(page), signed_in=False)
    guest.get_by_role("link", name="Grid view").click()
    expect(row(guest, "05.jpg").locator("img")).to_have_js_property("naturalWidth", 400)


def test_all_ways_from_a_grid_lead_to_grids(visit: Visit, album: Directory) -> None:
    """Also without scripts."""
    page = visit(f"{album.url}?limit=9", java_script_enabled=False)
    tiles = page.locator(".tiles")
    page.get_by_role("link", name="Grid view").click()
    for way in ("Next", "Previous", "Size", "Size", "trip/ directory", album.prefix.strip("/")):
        page.get_by_role("link", name=way).first.click()
        expect(tiles).to_be_visible()
    page.get_by_label("Filter by name").fill("3")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=3**")
    page.reload()
    expect(tiles).to_be_visible()
    page.get_by_role("link", name="List view").click()
    expect(names(page)).to_have_text([name for name in PICTURES if "3" in name])
    expect(tiles).to_be_hidden()
