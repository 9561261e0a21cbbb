"""A visitor signs in and out, walks through directories and gets files, with scripts and without."""

from playwright.sync_api import expect

from .conftest import Visit
from .sites import Directory
from .visitor import click, download, names, sign_in


def test_signing_in_leads_back_and_signing_out_ends_the_session(visit: Visit, directory: Directory) -> None:
    public = directory.under("public")
    public.put("a.txt")
    page = visit(public.url, signed_in=False)
    expect(names(page)).to_have_text(["a.txt"])
    assert page.get_by_role("button").all_inner_texts() == []
    page.get_by_role("link", name="Sign in").click()
    sign_in(page)
    expect(page).to_have_url(public.url)
    expect(page.get_by_text("Signed in with key ann")).to_be_visible()
    expect(page.get_by_role("button", name="Upload", exact=True)).to_be_visible()
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
            assert page.locator("header button:visible").all_inner_texts() == ["Sign out"]
            assert page.locator("main button:visible").all_inner_texts() == ["Filter"]
            assert page.locator("main section:visible, dialog:visible").count() == 0
        page.get_by_role("link", name="b.txt", exact=True).click()
        shown = page.get_by_text("a text") if has_scripts else page.locator("noscript p")
        expect(shown).to_be_visible()
        expect(page).to_have_url(f"{directory.url_of('a b/ünï/b.txt')}?view")
        page.get_by_role("link", name="All files").click()
        breadcrumbs, first = page.get_by_role("navigation", name="Breadcrumb"), directory.prefix.strip("/")
        expect(breadcrumbs.get_by_role("listitem")).to_have_text(["Acme files", first, "a b"])
        breadcrumbs.get_by_role("link", name=first).click()
        expect(page).to_have_url(directory.url)
        click(page, "Sign out")
        page.goto(directory.url)
        expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()
