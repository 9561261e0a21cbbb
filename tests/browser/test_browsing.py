"""A visitor signs in and out, walks through directories and gets files, with scripts and without."""

import re

from playwright.sync_api import expect

from .conftest import Visit
from .sites import Directory
from .visitor import click, download, names, sign_in


def test_signing_in_leads_back_and_signing_out_ends_the_session(visit: Visit, directory: Directory) -> None:
    public = directory.under("public")
    public.put("a.txt")
    page = visit(public.url, signed_in=False)
    assert names(page) == ["a.txt"]
    assert page.get_by_role("button").all_inner_texts() == ["Name", "Size", "Modified"]
    page.get_by_role("link", name="Sign in").click()
    sign_in(page)
    expect(page).to_have_url(public.url)
    expect(page.get_by_text("Signed in with key ann")).to_be_visible()
    expect(page.get_by_role("button", name="Upload")).to_be_visible()
    click(page, "Sign out")
    page.goto(directory.url)
    expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()
    sign_in(page, secret="wrong")
    expect(page.get_by_role("alert")).to_contain_text("is wrong")
    assert page.url.endswith("/-/login")
    page.go_back()
    sign_in(page)
    expect(page).to_have_url(directory.url)


def test_a_visitor_walks_to_a_file_and_back_without_scripts_too(visit: Visit, directory: Directory) -> None:
    name, body = "a name with spaces, ünï and 100%.txt", b"\0\1\2" * 1000
    directory.put(f"a b/ünï/{name}", body)
    directory.put("a b/ünï/b.txt", b"a text")
    for has_scripts in (True, False):
        page = visit(directory.url, signed_in=False, java_script_enabled=has_scripts)
        sign_in(page)
        page.get_by_role("link", name="a b/ directory").click()
        page.get_by_role("link", name="ünï/ directory").click()
        expect(page).to_have_url(directory.url_of("a b/ünï/"))
        expect(page.get_by_role("heading", name="ünï")).to_be_visible()
        assert download(page, name) == body
        if not has_scripts:
            assert page.locator("button:visible").all_inner_texts() == ["Sign out"]
            assert page.locator("main button:visible, main input:visible, dialog:visible").count() == 0
        page.get_by_role("link", name="b.txt", exact=True).click()
        expect(page.get_by_text("a text")).to_be_visible()
        assert page.url.startswith(directory.site.store.endpoint)
        page.go_back()
        breadcrumbs, first = page.get_by_role("navigation", name="Breadcrumb"), directory.prefix.strip("/")
        assert breadcrumbs.get_by_role("listitem").all_inner_texts() == ["Acme files", first, "a b"]
        breadcrumbs.get_by_role("link", name=first).click()
        expect(page).to_have_url(directory.url)
        click(page, "Sign out")
        page.goto(directory.url)
        expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()


def test_a_table_is_sorted_filtered_and_split_into_pages(visit: Visit, directory: Directory) -> None:
    for name, size in (("file 10.txt", 2), ("file 9.txt", 3), ("Other.txt", 1)):
        directory.put(name, b"x" * size)
    page = visit(directory.url)
    assert names(page) == ["Other.txt", "file 10.txt", "file 9.txt"]  # the order of the service
    by_size, by_name = (page.get_by_role("columnheader", name=column) for column in ("Size", "Name"))
    click(by_size, "Size")
    assert names(page) == ["Other.txt", "file 10.txt", "file 9.txt"]
    expect(by_size).to_have_attribute("aria-sort", "ascending")
    expect(by_name).not_to_have_attribute("aria-sort", re.compile("."))
    click(by_size, "Size")
    assert names(page) == ["file 9.txt", "file 10.txt", "Other.txt"]
    click(by_name, "Name")
    assert names(page) == ["file 9.txt", "file 10.txt", "Other.txt"]  # numbers by their value
    page.get_by_label("Filter by name").fill("OTHER")
    assert names(page) == ["Other.txt"]
    expect(page.get_by_text("1 of 3 on this page")).to_be_visible()
    page.goto(f"{directory.url}?limit=2")
    page.get_by_role("link", name="Next page").click()
    assert names(page) == ["file 9.txt"]
    page.get_by_role("link", name="First page").click()
    assert names(page)[0] == "Other.txt"
