"""Every state of a page holds for people with other eyes, hands and screens."""

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, ViewportSize, expect

from .conftest import Visit
from .sites import Site, file, sign_in

AXE = Axe()
WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 360, "height": 740}


TOO_WIDE = """
[...document.querySelectorAll("html, main, #listing, dialog[open], .card")]
    .filter((element) => element.scrollWidth > element.clientWidth)
    .map((element) => element.outerHTML.slice(0, 100))
"""


def hold(page: Page) -> None:
    """Assert that axe finds nothing and that nothing is wider than the screen: light and wide, dark and narrow."""
    look(page, WIDE, "light")
    look(page, NARROW, "dark")


def look(page: Page, size: ViewportSize, scheme: Literal["light", "dark"]) -> None:
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate(TOO_WIDE) == [], size
    found = AXE.run(page)
    assert found.violations_count == 0, f"{size} {scheme}\n{found.generate_report()}"


@pytest.fixture
def filled(site: Site, place: str) -> str:
    """A directory of everything that can be in one."""
    for name in ("a.txt", "sub/b.txt", "very-long-name-" * 12 + ".pdf", "שלום 日本.txt", "<b>bold"):
        site.put(place + name, b"x" * 1_234_567 if name == "a.txt" else b"")
    return place


def directory(page: Page, site: Site, place: str) -> None:
    page.goto(site.at(place))


def sharing(page: Page, site: Site, place: str) -> None:
    page.goto(site.at(place))
    page.get_by_role("button", name="Share sub/").click()


def shared(page: Page, site: Site, place: str) -> None:
    sharing(page, site, place)
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link")).to_be_visible()


def by_link(page: Page, site: Site, place: str) -> None:
    shared(page, site, place)
    link = page.get_by_label("The link").input_value()
    page.context.clear_cookies()
    page.goto(link)


def by_link_to_upload(page: Page, site: Site, place: str) -> None:
    sharing(page, site, place)
    page.get_by_role("radio", name="upload").check()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link")).to_be_visible()
    link = page.get_by_label("The link").input_value()
    page.context.clear_cookies()
    page.goto(link)


def deletion(page: Page, site: Site, place: str) -> None:
    page.goto(site.at(place))
    page.get_by_role("button", name="Delete very-long").click()


def uploads(page: Page, site: Site, place: str) -> None:
    page.goto(site.at(place))
    page.route(f"{site.store.endpoint}/**/failed.txt?*", lambda route: route.abort())
    page.route(f"{site.store.endpoint}/**/sending.txt?*", lambda route: None)
    names = ("a.txt", "failed.txt", "sending.txt", "done-" + "very-long-name-" * 12)
    page.locator("#files").set_input_files([file(name, b"x", "") for name in names])
    for state in ("exists", "failed", "sending", "done"):
        expect(page.locator(f"#queue [data-state={state}]")).to_have_count(1)


def empty(page: Page, site: Site, place: str) -> None:
    page.goto(site.at(f"small/{place}"))


def forbidden(page: Page, site: Site, place: str) -> None:
    page.goto(site.at("secret/"))


def wrong_key(page: Page, site: Site, place: str) -> None:
    sign_in(page, site, "wrong")


STATES = (directory, sharing, shared, by_link, by_link_to_upload, deletion, uploads, empty, forbidden, wrong_key)


@pytest.mark.parametrize("show", STATES)
def test_a_state_holds(visit: Visit, site: Site, filled: str, show: Callable[[Page, Site, str], None]) -> None:
    page = visit(reduced_motion="reduce")  # or a colour is looked at while it changes
    show(page, site, filled)
    hold(page)


def test_actions_are_in_reach_of_a_thumb(visit: Visit, site: Site, filled: str) -> None:
    page = visit(viewport=NARROW, has_touch=True)
    page.goto(site.at(filled))
    for button in (*page.get_by_role("button").all(), *page.get_by_role("link", name="Download").all()):
        box = button.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["height"] >= 32


def test_the_keyboard_shares_and_comes_back(visit: Visit, site: Site, place: str) -> None:
    site.put(f"{place}a.txt")
    page = visit()
    page.goto(site.at(place))
    button = page.get_by_role("button", name="Share a.txt")
    for _ in range(20):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    expect(button).to_be_focused()
    assert button.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Share a.txt")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Number of uses")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Make a link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("The link")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_the_focus_stays_where_it_was_when_the_table_is_read_anew(visit: Visit, site: Site, place: str) -> None:
    for name in ("a.txt", "c.txt"):
        site.put(place + name)
    page = visit()
    page.goto(site.at(place))
    page.get_by_role("columnheader", name="Name").get_by_role("button").click()
    page.locator("#files").set_input_files([file("b.txt")])
    page.get_by_role("button", name="Delete c.txt").focus()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("button", name="Delete c.txt")).to_be_focused()
    assert page.locator("tbody bdi").all_inner_texts() == ["c.txt", "b.txt", "a.txt"]
