"""Signing in and out, finding one's way, and getting files, with scripts and without."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit
from .sites import SECRET, Site, sign_in


def names(page: Page) -> list[str]:
    """What the table shows, from the top."""
    return [text for text in page.locator("tbody tr:not([hidden]) bdi").all_inner_texts() if text]


def test_someone_signs_in_and_out(visit: Visit, site: Site, place: str) -> None:
    site.put(f"{place}a.txt")
    page = visit(signed_in=False)
    page.goto(site.at(place))
    expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()
    page.get_by_label("Key id").fill("ann")
    page.get_by_label("Secret").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is wrong")
    sign_in_here = page.url
    page.go_back()
    assert sign_in_here.endswith("/-/login")
    page.get_by_label("Key id").fill("ann")
    page.get_by_label("Secret").fill(SECRET)
    page.keyboard.press("Enter")
    expect(page).to_have_url(site.at(place))
    expect(page.get_by_text("You are key:ann")).to_be_visible()
    assert names(page) == ["a.txt"]
    page.get_by_role("button", name="Sign out").click()
    page.goto(site.at(place))
    expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()


def test_one_finds_the_way_down_and_up(visit: Visit, site: Site, place: str) -> None:
    site.put(f"{place}a b/ünï/deep.txt")
    page = visit()
    page.goto(site.at(place))
    page.get_by_role("link", name="a b/ directory").click()
    page.get_by_role("link", name="ünï/ directory").click()
    expect(page).to_have_url(site.at(f"{place}a b/ünï/"))
    expect(page.get_by_role("heading", name="ünï")).to_be_visible()
    way = page.get_by_role("navigation", name="Breadcrumb")
    assert way.get_by_role("listitem").all_inner_texts() == ["Acme files", place[:-1], "a b"]
    way.get_by_role("link", name=place[:-1]).click()
    expect(page).to_have_url(site.at(place))


def test_a_table_is_sorted_and_filtered(visit: Visit, site: Site, place: str) -> None:
    for name, size in (("file 10.txt", 2), ("file 9.txt", 3), ("Other.txt", 1)):
        site.put(place + name, b"x" * size)
    page = visit()
    page.goto(site.at(place))
    assert names(page) == ["Other.txt", "file 10.txt", "file 9.txt"]  # as the service lists them
    by_size, by_name = (page.get_by_role("columnheader", name=column) for column in ("Size", "Name"))
    by_size.get_by_role("button").click()
    assert names(page) == ["Other.txt", "file 10.txt", "file 9.txt"]
    expect(by_size).to_have_attribute("aria-sort", "ascending")
    expect(by_name).not_to_have_attribute("aria-sort", re.compile("."))
    by_size.get_by_role("button").click()
    assert names(page) == ["file 9.txt", "file 10.txt", "Other.txt"]
    by_name.get_by_role("button").click()
    assert names(page) == ["file 9.txt", "file 10.txt", "Other.txt"]  # as a person counts
    page.get_by_label("Filter by name").fill("OTHER")
    assert names(page) == ["Other.txt"]
    expect(page.get_by_text("1 of 3 on this page")).to_be_visible()


def test_a_long_directory_has_pages(visit: Visit, site: Site, place: str) -> None:
    for number in range(5):
        site.put(f"{place}{number}.txt")
    page = visit()
    page.goto(f"{site.at(place)}?limit=3")
    assert names(page) == ["0.txt", "1.txt", "2.txt"]
    page.get_by_role("link", name="Next page").click()
    assert names(page) == ["3.txt", "4.txt"]
    page.get_by_role("link", name="First page").click()
    assert names(page)[0] == "0.txt"


def test_a_file_is_seen_or_downloaded(visit: Visit, site: Site, place: str) -> None:
    name, body = "a name with spaces, ünï and 100%.txt", b"\0\1\2" * 1000
    site.put(place + name, body)
    page = visit()
    page.goto(site.at(place))
    with page.expect_download() as started:
        page.get_by_role("link", name=f"Download {name}").click()
    assert started.value.suggested_filename == name
    assert started.value.path().read_bytes() == body
    site.put(f"{place}b.txt", b"to be read")
    page.goto(site.at(place))
    page.get_by_role("link", name="b.txt", exact=True).click()
    expect(page.get_by_text("to be read")).to_be_visible()
    assert page.url.startswith(site.store.endpoint)


def test_everything_that_needs_no_script_works_without(visit: Visit, site: Site, place: str) -> None:
    site.put(f"{place}sub/a.txt", b"here")
    page = visit(signed_in=False, java_script_enabled=False)
    sign_in(page, site)
    page.goto(site.at(place))
    assert page.locator("button:visible").all_inner_texts() == ["Sign out"]
    page.get_by_role("link", name="sub/").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download a.txt").click()
    assert started.value.path().read_bytes() == b"here"
    assert page.locator("main button:visible, main input:visible, dialog:visible").count() == 0
    page.get_by_role("button", name="Sign out").click()
    page.goto(site.at(place))
    expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()


@pytest.mark.parametrize(
    ("signed_in", "path", "heading"),
    [
        (True, "secret/", "You may not see this"),
        (False, "secret/", "Sign in to see this"),
        (True, "-/nothing", "There is nothing here"),
        (False, "public/?token=made-up", "This link is not valid"),
    ],
)
def test_a_refusal_is_a_page(visit: Visit, site: Site, signed_in: bool, path: str, heading: str) -> None:
    page = visit(signed_in)
    page.goto(f"{site.url}/{path}")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()


def test_anyone_sees_what_is_public_and_is_offered_no_more(visit: Visit, site: Site, place: str) -> None:
    site.put(f"public/{place}a.txt")
    page = visit(signed_in=False)
    page.goto(site.at(f"public/{place}"))
    assert names(page) == ["a.txt"]
    assert page.get_by_role("button").all_inner_texts() == ["Name", "Size", "Modified"]
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Key id").fill("ann")
    page.get_by_label("Secret").fill(SECRET)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(site.at(f"public/{place}"))
    expect(page.get_by_role("button", name="Upload")).to_be_visible()
