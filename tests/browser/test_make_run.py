"""The pages of `make run` work for a newcomer."""

from playwright.sync_api import Browser, expect

from tests.e2e.test_make_run import Run, running

from .sites import MAX_WAIT
from .visitor import choose, click, delete, download, file, make_link, sign_in

__all__ = ["running"]  # the fixture


def test_a_first_visit(chromium: Browser, running: Run) -> None:
    """The printed key signs in; the page uploads, downloads and deletes; a link opens a file once."""
    with chromium.new_context() as context, chromium.new_context() as guest_context:
        context.set_default_timeout(MAX_WAIT)
        page, guest = context.new_page(), guest_context.new_page()
        page.goto(f"{running.url}/")
        page.get_by_role("link", name="Sign in").click()
        sign_in(page, "demo", running.secret)
        link = make_link(page, "hello.txt", Number_of_uses="once")
        click(page, "Close")
        guest.goto(link)
        with guest.expect_download() as started:
            guest.get_by_role("link", name="Download, takes one use").click()
        assert started.value.path().read_text().startswith("Hello from a private bucket.")
        guest.goto(link)
        expect(guest.get_by_role("heading", name="This link has been used up")).to_be_visible()
        page.get_by_role("link", name="reports/ directory").click()
        page.get_by_role("link", name="2026/ directory").click()
        names = ("a.txt", "b ü.txt", "c+d%.txt")
        choose(page, *(file(name, name.encode()) for name in names))
        for name in names:
            assert download(page, name) == name.encode()
        delete(page, "a.txt")
        expect(page.get_by_role("link", name="Download a.txt")).to_have_count(0)
