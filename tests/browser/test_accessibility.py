"""Every state of the pages is usable with a screen reader, a keyboard, a finger and a small screen."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, ViewportSize, expect

from .conftest import Visit
from .screenshots import State, by_link, fill, link_not_valid, nothing, shared, sharing, signed_out
from .sites import Directory
from .visitor import click, file, in_state, make_link, names, sign_in

AXE = Axe()
WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 360, "height": 740}
LONG = "very-long-name-" * 12

TOO_WIDE = """
[...document.querySelectorAll("html, main, #listing, dialog[open], .card")]
    .filter((element) => element.scrollWidth > element.clientWidth)
    .map((element) => element.outerHTML.slice(0, 100))
"""


@pytest.fixture
def filled(directory: Directory) -> Directory:
    """A directory with names that are hard to show."""
    fill(directory)
    for name in (f"{LONG}.pdf", "שלום 日本.txt", "<b>bold"):
        directory.put(name)
    return directory


def check_accessibility(page: Page) -> None:
    """Check a page in two sizes and colours: axe finds no violation, and nothing is too wide."""
    for size, is_dark in ((WIDE, False), (NARROW, True)):
        page.set_viewport_size(size)
        # A moving colour could fail axe's check of the contrast.
        page.emulate_media(color_scheme="dark" if is_dark else "light", reduced_motion="reduce")
        assert page.evaluate(TOO_WIDE) == [], size
        result = AXE.run(page)
        assert result.violations_count == 0, f"{size} dark={is_dark}\n{result.generate_report()}"


def by_link_to_upload(page: Page, directory: Directory) -> None:
    """The page for the holder of a link to upload."""
    by_link(page, directory, "upload")


def deletion(page: Page, directory: Directory) -> None:
    """The question before a deletion."""
    click(page, f"Delete {LONG}.pdf")


def uploads(page: Page, directory: Directory) -> None:
    """An upload in each state."""
    page.route(f"{directory.site.store.endpoint}/**/failed.txt?*", lambda route: route.abort())
    page.route(f"{directory.site.store.endpoint}/**/sending.txt?*", lambda route: None)
    chosen = ("q3.csv", "failed.txt", "sending.txt", f"done-{LONG}")
    page.locator("#files").set_input_files([file(name, b"x", "") for name in chosen])
    for state in ("exists", "failed", "sending", "done"):
        expect(in_state(page, state)).to_have_count(1)


def selection(page: Page, directory: Directory) -> None:
    """Selected files, and the question before they are deleted; one file could not be deleted before."""
    page.route(re.compile("presign"), lambda route: route.fulfill(status=403, json={"detail": "Not this."}))
    page.get_by_role("checkbox", name="Select all").check()
    for _ in range(2):
        click(page, "Delete")
        if page.get_by_text("Not this.").count():
            return
        click(page.get_by_role("dialog"), "Delete")
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.get_by_role("checkbox", name="Select all").check()


def empty(page: Page, directory: Directory) -> None:
    """A directory without files, and with limits for uploads."""
    page.goto(directory.under("small").url)


def wrong_key(page: Page, directory: Directory) -> None:
    """The sign-in form after a wrong key."""
    page.goto(f"{directory.site.url}/-/login")
    sign_in(page, secret="wrong")
    expect(page.get_by_role("alert")).to_be_visible()


def qr_code(page: Page, directory: Directory) -> None:
    """A new link with its QR code."""
    make_link(page, "2025/")
    click(page, "QR code")
    expect(page.get_by_role("img", name="QR code to scan with a phone")).to_be_visible()


def links(page: Page, directory: Directory) -> None:
    """The list of the visitor's own links, with a long path."""
    make_link(page, f"{LONG}.pdf")
    click(page, "Close")
    page.get_by_role("link", name="Your links").click()
    expect(page.get_by_role("heading", name="Your links")).to_be_visible()


STATES = (nothing, sharing, shared, by_link, by_link_to_upload, link_not_valid, signed_out)


@pytest.mark.parametrize("state", [*STATES, deletion, uploads, selection, empty, wrong_key, qr_code, links])
def test_axe_finds_no_violation_and_nothing_is_too_wide(visit: Visit, filled: Directory, state: State) -> None:
    page = visit(filled.url)
    state(page, filled)
    check_accessibility(page)


def test_a_thumb_reaches_every_action(visit: Visit, filled: Directory) -> None:
    page = visit(filled.url, viewport=NARROW, has_touch=True)
    for button in (*page.get_by_role("button").all(), *page.get_by_role("link", name="Download").all()):
        box = button.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 360
        assert box["height"] >= 32


def test_the_keyboard_makes_a_link_and_the_focus_returns(visit: Visit, directory: Directory) -> None:
    directory.put("a.txt")
    page = visit(directory.url)
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
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Make a link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("The link")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_a_refreshed_table_keeps_its_order_and_the_focus(visit: Visit, directory: Directory) -> None:
    for name in ("a.txt", "c.txt"):
        directory.put(name)
    page = visit(directory.url)
    page.get_by_role("columnheader", name="Name").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    page.locator("#files").set_input_files([file("b.txt")])
    page.get_by_role("button", name="Delete c.txt").focus()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("button", name="Delete c.txt")).to_be_focused()
    expect(names(page)).to_have_text(["c.txt", "b.txt", "a.txt"])
