"""The page as a newcomer meets it: `make run`, and what it prints, in a browser."""

import re

from playwright.sync_api import Browser, expect

from tests.e2e.test_make_run import Run, running

from .sites import PATIENCE, file

__all__ = ["running"]  # the fixture


def test_a_first_visit(chromium: Browser, running: Run) -> None:
    """Signs in with the printed key; uploads, downloads, deletes; shares a file that opens once."""
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{running.url}/")
    expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()
    page.get_by_label("Key id").fill("demo")
    page.get_by_label("Secret").fill(running.secret)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="reports/ directory").click()
    page.get_by_role("link", name="2026/ directory").click()
    page.locator("#files").set_input_files([file(name, name.encode()) for name in ("a.txt", "b ü.txt", "c+d%.txt")])
    for name in ("a.txt", "b ü.txt", "c+d%.txt"):
        with page.expect_download() as started:
            page.get_by_role("link", name=f"Download {name}").click()
        assert started.value.path().read_bytes() == name.encode()
    page.get_by_role("button", name="Delete a.txt").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Download a.txt")).to_have_count(0)
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link").first.click()
    page.get_by_role("button", name="Share hello.txt").click()
    page.get_by_role("dialog").get_by_label("How often").select_option("once")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link")).to_have_value(re.compile("token="))
    link = page.get_by_label("The link").input_value()
    guest = chromium.new_context().new_page()
    guest.goto(link)
    expect(guest.get_by_text("Hello from a private bucket.")).to_be_visible()
    guest.goto(link)
    expect(guest.get_by_role("heading", name="This link has been used up")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{running.url}/reports/")
    expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()
    context.close()
    guest.context.close()
