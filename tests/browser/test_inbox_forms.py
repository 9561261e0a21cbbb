"""A visitor without scripts uploads to an inbox with a form, straight to S3."""

from playwright.sync_api import Page, Route, expect

from .conftest import Visit
from .sites import Directory
from .test_accessibility import check_accessibility
from .visitor import click, file, make_link


def upload(page: Page, name: str, body: bytes) -> None:
    """Send a file with the form of a page."""
    page.get_by_label("File to upload").set_input_files(file(name, body))
    click(page, "Upload")


def test_the_holder_of_a_link_uploads_without_scripts(visit: Visit, directory: Directory) -> None:
    """Two files of one name both arrive, and no URL of the store or after the upload has the token."""
    directory.put("a ü.txt", b"mine")
    link = make_link(visit(directory.url), action="upload")
    page = visit(link, signed_in=False, java_script_enabled=False)
    urls: list[str] = []
    page.on("request", lambda request: urls.append(f"{request.url} {request.headers.get('referer')}"))
    for body in (b"first", b"second"):
        upload(page, "a ü.txt", body)
        expect(page.get_by_role("heading", name="Your file has arrived")).to_be_visible()
        sent = [url for url in urls if "/-/assets/" not in url]
        assert not any(link.partition("token=")[2] in url for url in sent), sent
        page.goto(link)
        urls.clear()
    names = directory.names() - {"a ü.txt"}
    assert {directory.get(name) for name in names} == {b"first", b"second"}
    assert directory.get("a ü.txt") == b"mine"
    assert all(len(name) == len("/a ü.txt") + 24 and name.endswith("/a ü.txt") for name in names)


def test_axe_finds_no_violation_in_the_form_and_after_the_upload(visit: Visit, directory: Directory) -> None:
    """axe needs scripts, so the page is shown with scripts as it is without."""

    def without_scripts(route: Route) -> None:
        html = route.fetch().text()
        route.fulfill(body=html.replace("noscript>", "div>").replace('type="module"', 'type="none"'))

    small = directory.under("small")
    link = make_link(visit(small.url), action="upload")
    page = visit("about:blank", signed_in=False)
    page.route(f"{small.url}**", without_scripts)
    page.goto(link)
    page.get_by_role("link", name="CSV tables").click()
    expect(page.get_by_label("File to upload")).to_be_visible()
    check_accessibility(page)
    page.goto(f"{directory.site.url}/-/received")
    check_accessibility(page)


def test_a_person_without_scripts_first_chooses_the_type(visit: Visit, directory: Directory) -> None:
    small = directory.under("small")
    page = visit(make_link(visit(small.url), action="upload"), signed_in=False, java_script_enabled=False)
    expect(page.get_by_label("File to upload")).to_have_count(0)
    page.locator("noscript a", has_text="CSV tables").click()  # Playwright finds no role within a noscript
    expect(page.locator("#form-limits")).to_contain_text("up to 1.0 kB")
    upload(page, "a.csv", b"a,b")
    expect(page.get_by_role("heading", name="Your file has arrived")).to_be_visible()
    (name,) = small.names()
    assert small.media_type(name) == "text/csv"
    page.go_back()
    upload(page, "b.csv", b"x" * 1_001)
    expect(page.get_by_text("EntityTooLarge").last).to_be_visible()


def test_a_link_that_counts_has_no_form_and_a_browser_with_scripts_shows_none(
    visit: Visit, directory: Directory
) -> None:
    page = visit(directory.url)
    counted = make_link(page, action="upload", Number_of_uses="5 times")
    page = visit(counted, signed_in=False, java_script_enabled=False)
    expect(page.locator("noscript p")).to_contain_text("allow scripts")
    expect(page.get_by_label("File to upload")).to_have_count(0)
    inbox = visit(make_link(visit(directory.url), action="upload"), signed_in=False)
    expect(inbox.get_by_role("button", name="Upload", exact=True)).to_be_visible()
    expect(inbox.get_by_label("File to upload")).to_have_count(0)
