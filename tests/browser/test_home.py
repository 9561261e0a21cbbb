"""A person who may open only parts of the tree finds these parts, and no link of a breadcrumb is a dead end."""

from playwright.sync_api import Locator, Page, expect

from tests.contract.sites import GUEST

from .conftest import Visit
from .sites import Directory, Site
from .test_accessibility import check_accessibility
from .visitor import choose, file, in_state, sign_in


def parts(page: Page) -> Locator:
    """The names of the parts that a page leads to."""
    return page.get_by_role("main").get_by_role("listitem").get_by_role("link")


def test_a_person_signs_in_and_walks_to_every_part_and_back(visit: Visit, site: Site) -> None:
    Directory(site, "desk/guest/deep/").put("note.txt")
    Directory(site, "desk/in/").put("theirs.txt")
    page = visit(site.url, signed_in=False)
    expect(parts(page)).to_have_text(["public/"])
    check_accessibility(page)
    page.get_by_role("link", name="Sign in").click()
    sign_in(page, *GUEST.split(":"))
    expect(page).to_have_url(f"{site.url}/")
    expect(parts(page)).to_have_text(["desk/guest/", "desk/in/", "public/"])
    check_accessibility(page)
    crumbs = page.get_by_role("navigation", name="Breadcrumb").get_by_role("listitem")
    for path, names, linked in (
        ("desk/guest/deep/", ["Acme files", "desk", "guest"], 3),
        ("desk/in/new/", ["Acme files", "desk", "in"], 3),
        ("teams/red/open/x/", ["Acme files", "teams", "red", "open"], 3),
    ):
        page.goto(f"{site.url}/{path}")
        expect(crumbs).to_have_text(names)
        urls = [link.get_attribute("href") for link in crumbs.get_by_role("link").all()]
        assert len(urls) == linked
        for url in urls:
            answer = page.goto(str(url))
            assert answer
            assert answer.status == 200
    page.goto(f"{site.url}/desk/in/")
    expect(page.get_by_text("not see the files")).to_be_visible()
    choose(page, file("mine.txt", b"mine"))
    expect(in_state(page, "done")).to_have_count(1)
    uploaded = Directory(site, "desk/in/").names() - {"theirs.txt"}
    assert [name.startswith("mine") for name in uploaded] == [True]
    assert "theirs" not in page.content()
