"""`make screenshots`: docs/screenshots, what the pages look like in each state, with everything real behind them."""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from playwright.sync_api import Browser, Page, ViewportSize, expect

from local.sample_files import photo
from tests.contract.sites import open_store

from .sites import Site, file, open_chromium, open_site, sign_in, slow_down

_WIDE: Final[ViewportSize] = {"width": 960, "height": 580}
_NARROW: Final[ViewportSize] = {"width": 360, "height": 640}
_PLACE: Final = "reports/"


class Shot(NamedTuple):
    """A picture: what is done on a page that shows a directory, and how it is looked at."""

    name: str
    show: Callable[[Page, Site], None]
    size: ViewportSize
    scheme: Literal["light", "dark"]


def directory(page: Page, site: Site) -> None:
    """What it looks like by itself."""


def uploads(page: Page, site: Site) -> None:
    """One on its way, one done, one that would replace another, one that failed."""
    page.route(f"{site.store.endpoint}/**/minutes.txt?*", lambda route: route.abort())
    page.locator("#files").set_input_files([file("q3.csv"), file("minutes.txt"), file("plan.txt")])
    expect(page.locator("#queue [data-state=done]")).to_have_count(1)
    slow_down(page, 4_000_000)
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder, "recording.mp4")
        with recording.open("wb") as output:
            output.truncate(20_000_000)
        page.locator("#files").set_input_files([recording])
        expect(page.get_by_text(re.compile(r"^1?[4-9]\.?\d* MB of 20 MB, .* left$"))).to_be_visible()


def sharing(page: Page, site: Site) -> None:
    """The question what a link should open."""
    page.get_by_role("button", name="Share 2025/").click()


def shared(page: Page, site: Site) -> None:
    """A link."""
    page.get_by_role("button", name="Share q3.csv").click()
    page.get_by_label("Number of uses").select_option("once")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link")).to_be_visible()


def by_link(page: Page, site: Site) -> None:
    """What someone sees who comes by a link."""
    page.get_by_role("button", name="Share", exact=True).click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link")).to_be_visible()
    link = page.get_by_label("The link").input_value()
    page.context.clear_cookies()
    page.goto(link)


def link_not_valid(page: Page, site: Site) -> None:
    """What someone sees whose link is broken."""
    page.goto(f"{site.at(_PLACE)}?token=broken")


def signed_out(page: Page, site: Site) -> None:
    """What someone sees who has not signed in."""
    page.context.clear_cookies()
    page.reload()


SHOTS: Final = (
    Shot("directory", directory, _WIDE, "light"),
    Shot("directory-narrow", directory, _NARROW, "dark"),
    Shot("uploads", uploads, _WIDE, "dark"),
    Shot("uploads-narrow", uploads, _NARROW, "light"),
    Shot("sharing-narrow", sharing, _NARROW, "light"),
    Shot("shared-narrow", shared, _NARROW, "dark"),
    Shot("by-link-narrow", by_link, _NARROW, "light"),
    Shot("link-not-valid-narrow", link_not_valid, _NARROW, "dark"),
    Shot("signed-out", signed_out, _WIDE, "light"),
)


def main() -> None:
    """Write the pictures to the directory that the command line names."""
    folder = Path(sys.argv[1])
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_store() as store,
        open_site(store, Path(scratch)) as site,
        open_chromium() as browser,
    ):
        for shot in SHOTS:
            take(browser, site, shot, folder / f"{shot.name}.png")


def fill(site: Site) -> None:
    """Put into the directory what every picture begins with."""
    for key in site.keys(_PLACE):
        site.delete(key)
    for name, body in (
        ("2025/all.csv", b""),
        ("q3.csv", b"month,builds\n" * 1_418),
        ("figures for the board.xlsx", b"x" * 88_213),
        ("evening.jpg", photo()),
        ("year in numbers, ünï.pdf", b"x" * 1_234_567),
    ):
        site.put(_PLACE + name, body)


def take(browser: Browser, site: Site, shot: Shot, path: Path) -> None:
    """Take one picture."""
    fill(site)
    with browser.new_context(viewport=shot.size, color_scheme=shot.scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        sign_in(page, site)
        page.goto(site.at(_PLACE), wait_until="networkidle")  # small images come after the page
        shot.show(page, site)
        page.screenshot(path=path)
        for button in page.get_by_role("button", name="Cancel").all():
            button.click()  # or what is left of the file would still arrive


if __name__ == "__main__":
    main()
