"""`make screenshots` writes docs/screenshots: pictures of the pages, of a running Signpost and its store."""

import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import pyvips
from playwright.sync_api import Browser, Page, ViewportSize, expect

from local.sample_files import photo
from tests.contract.sites import GUEST, open_store

from .sites import Directory, open_chromium, open_site, open_versioned_site
from .visitor import click, file, in_state, limit_upload, make_link, sign_in

_WIDE: Final[ViewportSize] = {"width": 960, "height": 580}
_NARROW: Final[ViewportSize] = {"width": 360, "height": 640}


State = Callable[[Page, Directory], None]
"""Brings a page into a state; the page shows the directory."""


def fill(directory: Directory) -> None:
    """Put the files of all states into a directory."""
    for name, body in (
        ("2025/all.csv", b""),
        ("q3.csv", b"month,builds\n" * 1_418),
        ("figures for the board.xlsx", b"x" * 88_213),
        ("evening.jpg", photo()),
        ("year in numbers, ünï.pdf", b"x" * 1_234_567),
    ):
        directory.put(name, body)


def nothing(page: Page, directory: Directory) -> None:
    """The directory, before the visitor does anything."""


def sharing(page: Page, directory: Directory) -> None:
    """The questions about a new link."""
    click(page, "Share 2025/")


def shared(page: Page, directory: Directory) -> None:
    """A new link."""
    make_link(page, "q3.csv", Number_of_uses="once")


def by_link(page: Page, directory: Directory, action: str = "view") -> None:
    """The page for the holder of a link."""
    link = make_link(page, action=action)
    page.context.clear_cookies()
    page.goto(link)


def link_not_valid(page: Page, directory: Directory) -> None:
    """The page for the holder of a broken link."""
    page.goto(f"{directory.url}?token=broken")


def signed_out(page: Page, directory: Directory) -> None:
    """The page for a visitor who has not signed in."""
    page.context.clear_cookies()
    page.reload()


def grid(page: Page, directory: Directory) -> None:
    """The directory as a grid, with more pictures."""
    for hour in (6, 7, 8, 17, 18, 19):
        directory.put(f"from the hill at {hour}.jpg", photo())
    page.get_by_role("link", name="Grid view").click()
    page.wait_for_load_state("networkidle")


def selection(page: Page, directory: Directory) -> None:
    """Three selected files."""
    for name in ("evening.jpg", "figures for the board.xlsx", "q3.csv"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    expect(page.get_by_text("3 selected")).to_be_visible()


def preview(page: Page, directory: Directory) -> None:
    """The page of a picture."""
    page.get_by_role("link", name="evening.jpg", exact=True).click()
    page.wait_for_load_state("networkidle")


def links(page: Page, directory: Directory) -> None:
    """The links of the visitor."""
    for name in ("q3.csv", "2025/"):
        make_link(page, name)
        click(page, "Close")
    page.get_by_role("link", name="Your links").click()


def home(page: Page, directory: Directory) -> None:
    """The first page of a visitor who may open only parts of the tree."""
    page.context.clear_cookies()
    page.goto(f"{directory.site.url}/-/login")
    sign_in(page, *GUEST.split(":"))
    expect(page.get_by_role("heading", name="What you may open")).to_be_visible()


def versions(page: Page, directory: Directory) -> None:
    """The versions and the deleted files of the directory, in a bucket that keeps versions."""
    directory.put("q3.csv", b"month,builds\n" * 1_500)
    directory.delete("evening.jpg")
    page.get_by_role("link", name="Versions and deleted files").click()
    expect(page.get_by_role("heading", name="q3.csv")).to_be_visible()


class Shot(NamedTuple):
    """A picture: its name, the state of the page, the size of the window, and the colours."""

    name: str
    state: State
    size: ViewportSize
    scheme: Literal["light", "dark"]


def uploads(page: Page, directory: Directory) -> None:
    """A file that is being sent, a file that arrived, a file that would replace another, and a failure."""
    page.route(f"{directory.site.store.endpoint}/**/minutes.txt?*", lambda route: route.abort())
    page.locator("#files").set_input_files([file("q3.csv"), file("minutes.txt"), file("plan.txt")])
    expect(in_state(page, "done")).to_have_count(1)
    limit_upload(page, 4_000_000)
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder, "recording.mp4")
        recording.touch()
        os.truncate(recording, 20_000_000)
        page.locator("#files").set_input_files([recording])
        expect(page.get_by_text(re.compile(r"^1?[4-9]\.?\d* MB of 20 MB, .* left$"))).to_be_visible()


SHOTS: Final = (
    Shot("directory", nothing, _WIDE, "light"),
    Shot("directory-narrow", nothing, _NARROW, "dark"),
    Shot("grid", grid, _WIDE, "light"),
    Shot("grid-narrow", grid, _NARROW, "dark"),
    Shot("selection", selection, _WIDE, "light"),
    Shot("preview", preview, _WIDE, "dark"),
    Shot("preview-narrow", preview, _NARROW, "light"),
    Shot("links", links, _WIDE, "light"),
    Shot("versions", versions, _WIDE, "light"),
    Shot("home-narrow", home, _NARROW, "light"),
    Shot("uploads", uploads, _WIDE, "dark"),
    Shot("uploads-narrow", uploads, _NARROW, "light"),
    Shot("sharing-narrow", sharing, _NARROW, "light"),
    Shot("shared-narrow", shared, _NARROW, "dark"),
    Shot("by-link-narrow", by_link, _NARROW, "light"),
    Shot("link-not-valid-narrow", link_not_valid, _NARROW, "dark"),
    Shot("signed-out", signed_out, _WIDE, "light"),
)


def main() -> None:
    """Write the pictures to the folder that the command line names."""
    folder = Path(sys.argv[1])
    with (
        tempfile.TemporaryDirectory() as scratch,
        tempfile.TemporaryDirectory() as versioned_scratch,
        open_store() as store,
        open_site(store, Path(scratch)) as site,
        open_versioned_site(store, Path(versioned_scratch)) as versioned,
        open_chromium() as browser,
    ):
        for shot in SHOTS:
            at = versioned if shot.state is versions else site
            take(browser, Directory(at, "reports/"), shot, folder / f"{shot.name}.png")


def take(browser: Browser, directory: Directory, shot: Shot, path: Path) -> None:
    """Take one picture of a directory that has the files of `fill` alone."""
    for name in directory.names():
        directory.delete(name)
    fill(directory)
    with browser.new_context(viewport=shot.size, color_scheme=shot.scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(directory.url)
        sign_in(page)
        page.wait_for_load_state("networkidle")  # thumbnails come after the page
        shot.state(page, directory)
        picture = pyvips.Image.new_from_buffer(page.screenshot(), "")
        picture.pngsave(str(path), palette=True)  # a fourth of the bytes
        if page.get_by_role("button", name="Cancel all").is_visible():
            click(page, "Cancel all")  # otherwise the rest of the file would still arrive


if __name__ == "__main__":
    main()
