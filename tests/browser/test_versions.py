"""A visitor sees the versions and the deleted files of a directory, reads them, and brings files back."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.contract.sites import GUEST, Store

from .conftest import Visit
from .sites import Directory, Site, open_versioned_site
from .test_accessibility import check_accessibility
from .visitor import click, sign_in


@pytest.fixture(scope="module")
def versioned(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost in front of a bucket that keeps versions."""
    with open_versioned_site(store, tmp_path_factory.mktemp("versions")) as site:
        yield site


def folder_of(site: Site, above: str = "") -> Directory:
    """A directory with a file that was replaced, and a file that was deleted."""
    directory = Directory(site, f"{above}{uuid4().hex[:8]}/")
    directory.put("report.txt", b"first")
    directory.put("report.txt", b"second, longer")
    directory.put("gone.txt", b"it was deleted")
    directory.delete("gone.txt")
    directory.put("plain.txt", b"never changed")
    return directory


def open_versions(visit: Visit, directory: Directory) -> Page:
    """Sign in, and go from the directory to its versions."""
    page = visit(f"{directory.url}?versions", signed_in=False)
    sign_in(page)
    expect(page.get_by_role("heading", name="Versions and deleted files of")).to_be_visible()
    page.goto(directory.url)
    page.get_by_role("link", name="Versions and deleted files").click()
    return page


def history(page: Page, name: str) -> Locator:
    """The versions of a file."""
    return page.get_by_role("region", name=name).get_by_role("listitem")


def test_a_visitor_reads_an_old_version_and_brings_it_back(visit: Visit, versioned: Site) -> None:
    directory = folder_of(versioned)
    page = open_versions(visit, directory)
    expect(page.get_by_role("heading", level=2)).to_have_text(["gone.txt", "report.txt"])
    current, earlier = history(page, "report.txt").all()
    expect(current).to_contain_text("Current version")
    expect(current.get_by_role("button")).to_have_count(0)
    expect(earlier).to_contain_text("5 byte")
    with page.expect_download() as started:
        earlier.get_by_role("link", name="Download").click()
    assert started.value.path().read_bytes() == b"first"
    page.get_by_label("Filter by name").fill("REPORT")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2)).to_have_count(1)
    history(page, "report.txt").nth(1).get_by_role("button").click()
    expect(history(page, "report.txt")).to_have_count(3)
    expect(page).to_have_url(f"{directory.url}?q=REPORT&versions=")
    assert directory.get("report.txt") == b"first"


def test_a_deleted_file_comes_back_in_both_ways(visit: Visit, versioned: Site) -> None:
    """With `purge` the delete marker is erased; without, the last version is copied. Both work by the keyboard."""
    for above in ("", "purge/"):
        directory = folder_of(versioned, above)
        page = open_versions(visit, directory)
        marker, last = history(page, "gone.txt").all()
        expect(marker).to_contain_text("Deleted")
        (marker if above else last).get_by_role("button", name="Bring back gone.txt").focus()
        page.keyboard.press("Enter")
        expect(history(page, "gone.txt")).to_have_count(0 if above else 3)
        assert directory.get("gone.txt") == b"it was deleted"


def test_the_question_before_a_deletion_says_where_a_deleted_file_stays(visit: Visit, versioned: Site) -> None:
    page = visit(folder_of(versioned).url, signed_in=False)
    sign_in(page)
    click(page, "Delete plain.txt")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(
        "If the bucket keeps versions, a deleted file stays in “Versions and deleted files”."
    )
    click(dialog, "Delete")
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Versions and deleted files").click()
    expect(history(page, "plain.txt").first).to_contain_text("Deleted")


def test_a_refused_undelete_says_why(visit: Visit, versioned: Site) -> None:
    page = open_versions(visit, folder_of(versioned, "purge/"))
    page.route("**/gone.txt?*presign*", lambda route: route.fulfill(status=503, json={"code": "unavailable"}))
    history(page, "gone.txt").first.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("not available now")
    check_accessibility(page)


def test_a_visitor_without_versions_sees_nothing_of_them(visit: Visit, versioned: Site) -> None:
    directory = folder_of(versioned)
    page = visit(directory.url, signed_in=False)
    sign_in(page, *GUEST.split(":"))
    expect(page.get_by_role("link", name="plain.txt", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Versions and deleted files")).to_have_count(0)
    click(page, "Delete plain.txt")
    expect(page.get_by_role("dialog").get_by_text("You cannot undo this.", exact=True)).to_be_visible()
    page.goto(f"{directory.url}?versions")
    expect(page.get_by_role("heading", name="You may not see this")).to_be_visible()
