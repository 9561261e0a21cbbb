"""A visitor finds, sorts and leafs through many files, with scripts and without. The store is in memory."""

import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.support.store import MemoryStore

from .conftest import Visit
from .sites import open_memory_site
from .visitor import names

MANY = [f"photo {number}.jpg" for number in range(5_000)]
PHONE: ViewportSize = {"width": 390, "height": 844}
CHANCE = random.Random(23)
ALPHABET = "aAbBzZäÄöéßñ0123 _-.,;:!?'\"()[]{}@*&#%`^+<=>|~$"
ODD = {"".join(CHANCE.choices(ALPHABET, k=CHANCE.randint(1, 6))).strip(".") + "x" for _ in range(600)}
SIZES = {"ä.txt": 3, "a 10.txt": 1, "a 9.txt": 2, "Z.txt": 4}


@pytest.fixture(scope="module")
def url(chromium: Browser) -> Iterator[str]:
    """Signpost with 5,000 files in `/public/many/`."""
    store = MemoryStore([*(f"public/many/{name}" for name in MANY), *(f"public/odd/{name}" for name in ODD)])
    for name, size in SIZES.items():
        store.put(f"public/few/{name}", bytes(size))
    with open_memory_site(store) as url:
        yield f"{url}/public"


def check(page: Page, count: int, first: str = "", last: str = "") -> None:
    """Check how many names a page has, and the first and the last of them."""
    expect(names(page)).to_have_count(count)
    if first:
        expect(names(page).first).to_have_text(first)
    if last:
        expect(names(page).last).to_have_text(last)


def click(page: Page, *links: str) -> None:
    """Click links one after another; the first where there are several."""
    for link in links:
        page.get_by_role("link", name=link, exact=True).first.click()


def test_a_file_is_found_among_5000_with_two_actions(visit: Visit, url: str) -> None:
    """The search is in the address: it stays when the page is loaded again, and when the visitor comes back."""
    page = visit(f"{url}/many/", signed_in=False, viewport=PHONE)
    expect(names(page)).to_have_count(200)
    page.get_by_label("Filter by name").click()  # 1
    page.keyboard.type("OTO 4321")  # 2
    expect(names(page)).to_have_text(["photo 4321.jpg"])
    expect(page.get_by_role("status").filter(has_text="1 name on this page")).to_be_visible()
    expect(page).to_have_url(f"{url}/many/?q=OTO+4321")
    page.reload()
    expect(names(page)).to_have_text(["photo 4321.jpg"])
    page.goto(f"{url}/few/")
    page.go_back()
    expect(names(page)).to_have_text(["photo 4321.jpg"])
    expect(page.get_by_label("Filter by name")).to_have_value("OTO 4321")
    page.get_by_label("Filter by name").fill("")
    expect(page.locator("tbody tr")).to_have_count(200)
    expect(page).to_have_url(f"{url}/many/")


def test_the_order_and_the_filter_stay_from_part_to_part_without_scripts(visit: Visit, url: str) -> None:
    """Each part has the links at both ends."""
    page = visit(f"{url}/many/", signed_in=False, java_script_enabled=False)
    expect(page.locator("[aria-sort]")).to_have_count(0)  # the order of S3, which is no order of names
    click(page, "Name")
    check(page, 200, "photo 0.jpg", "photo 199.jpg")
    page.get_by_label("Filter by name").fill("99")
    page.keyboard.press("Enter")
    check(page, 95, "photo 99.jpg", "photo 4999.jpg")
    click(page, "Name")
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    check(page, 95, "photo 4999.jpg", "photo 99.jpg")
    page.goto(f"{page.url}&limit=40")
    click(page, "Next page", "Next page")
    check(page, 15, last="photo 99.jpg")
    expect(page.get_by_role("link", name="Previous page")).to_have_count(2)
    last = page.url
    click(page, "Previous page")
    check(page, 40)
    page.go_back()
    expect(page).to_have_url(last)
    check(page, 15, last="photo 99.jpg")
    expect(page.get_by_label("Filter by name")).to_have_value("99")
    click(page, "First page")
    check(page, 40, "photo 4999.jpg")


def test_a_small_directory_has_the_order_of_the_visitors_language(visit: Visit, url: str) -> None:
    for locale, first in (
        ("de-DE", ["a 9.txt", "a 10.txt", "ä.txt", "Z.txt"]),
        ("sv-SE", ["a 9.txt", "a 10.txt", "Z.txt", "ä.txt"]),
    ):
        page = visit(f"{url}/few/", signed_in=False, locale=locale)
        expect(names(page)).to_have_text(first)
        page.goto(f"{url}/few/?sort=-name")
        expect(names(page)).to_have_text(first[::-1])
    for sort, expected in (
        ("-size", ["Z.txt", "ä.txt", "a 9.txt", "a 10.txt"]),
        ("size", ["a 10.txt", "a 9.txt", "ä.txt", "Z.txt"]),
    ):
        page.goto(f"{url}/few/?sort={sort}")
        expect(names(page)).to_have_text(expected)


def test_the_service_sorts_names_as_browsers_do(visit: Visit, url: str) -> None:
    page = visit(f"{url}/few/", signed_in=False)
    found = page.evaluate(
        """async (url) => {
            const { entries } = await (await fetch(url)).json();
            const names = entries.map((entry) => entry.name);
            const collator = new Intl.Collator("de", { numeric: true });
            const wrong = names.filter((name, index) => index && collator.compare(names[index - 1], name) > 0);
            return { count: names.length, wrong };
        }""",
        f"{url}/odd/?sort=name",
    )
    assert found == {"count": len(ODD), "wrong": []}
