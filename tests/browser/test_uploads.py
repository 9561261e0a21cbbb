"""Uploading from the page: several at once, with an end that is said and can be mended."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from .conftest import Visit
from .sites import Site, file, slow_down

BIG = 200_000_000
CORS = {"Access-Control-Allow-Origin": "*"}


def choose(page: Page, *files: FilePayload) -> None:
    """Choose files in the box that the button opens."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload", exact=True).click()
    chooser.value.set_files(files)


def item(page: Page, name: str) -> Locator:
    """A file in the queue."""
    return page.get_by_role("region", name="Uploads").get_by_role("listitem").filter(has_text=name)


def row(page: Page, name: str) -> Locator:
    """A file in the table."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def at_the_store(page: Page, site: Site, handle: Callable[[Route], None]) -> None:
    """Answer in the store's place."""
    page.route(f"{site.store.endpoint}/**", handle)


@pytest.fixture
def page(visit: Visit, site: Site, place: str) -> Page:
    """The page of an empty directory."""
    page = visit()
    page.goto(site.at(place))
    return page


def test_several_files_are_uploaded_and_appear(page: Page, site: Site, place: str, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    with big.open("wb") as output:
        output.truncate(BIG)
        output.seek(BIG - 3)
        output.write(b"end")
    expect(page.get_by_text("Files that you upload will appear here.")).to_be_visible()
    page.locator("#files").set_input_files([big])
    expect(item(page, "big.bin").get_by_role("progressbar")).to_be_visible()
    choose(page, file("<b>one.txt", b"first"), file("100% zwei ünï + & ?.txt", b"second"), file("empty", b"", ""))
    for name in ("<b>one.txt", "100% zwei ünï + & ?.txt", "empty", "big.bin"):
        expect(item(page, name)).to_contain_text("Uploaded", timeout=60_000)
        expect(row(page, name)).to_be_visible()
    expect(row(page, "big.bin")).to_contain_text("200 MB")
    expect(page.get_by_text("4 of 4 uploaded")).to_be_visible()
    assert site.get(f"{place}<b>one.txt") == b"first"
    assert site.get(f"{place}100% zwei ünï + & ?.txt") == b"second"
    assert site.get(f"{place}big.bin")[-3:] == b"end"
    page.get_by_role("button", name="Clear finished uploads").click()
    expect(item(page, "")).to_have_count(0)


def test_progress_is_shown_with_speed_and_time(page: Page) -> None:
    slow_down(page, 2_000_000)
    choose(page, file("a.bin", b"\0" * 4_000_000))
    expect(item(page, "a.bin")).to_contain_text(re.compile(r"[\d.]+ [kM]B of 4.0 MB, [\d.]+ [kM]B/s, \d+ s left"))
    assert 0 < float(item(page, "a.bin").get_by_role("progressbar").get_attribute("value") or 0) < 1
    expect(item(page, "a.bin")).to_contain_text("Uploaded")


def test_no_more_than_three_are_sent_at_once(page: Page, site: Site) -> None:
    at_the_store(page, site, lambda route: None)
    choose(page, *(file(f"{number}.txt") for number in range(5)))
    expect(page.locator("#queue [data-state=sending]")).to_have_count(3)
    expect(page.locator("#queue [data-state=waiting]")).to_have_count(2)
    item(page, "0.txt").get_by_role("button", name="Cancel").click()
    expect(page.locator("#queue [data-state=sending]")).to_have_count(3)
    expect(page.locator("#queue [data-state=waiting]")).to_have_count(1)


def test_one_is_cancelled_and_tried_again(page: Page, site: Site, place: str) -> None:
    at_the_store(page, site, lambda route: None)
    choose(page, file("a.txt"))
    page.keyboard.press("Tab")
    item(page, "a.txt").get_by_role("button", name="Cancel").click()
    expect(item(page, "a.txt")).to_contain_text("Cancelled.")
    retry = item(page, "a.txt").get_by_role("button", name="Retry")
    expect(retry).to_be_focused()
    assert site.keys(place) == set()
    page.unroute_all(behavior="ignoreErrors")
    retry.click()
    expect(item(page, "a.txt")).to_contain_text("Uploaded")
    assert site.get(f"{place}a.txt") == b"body"


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (lambda route: route.abort(), "The connection failed. Check your connection, then retry."),
        (lambda route: route.fulfill(status=403, headers=CORS), "Retry asks for a new permission."),
        (
            lambda route: route.fulfill(status=503, headers=CORS, body="<Error><Message>Slow down</Message></Error>"),
            "The store answered 503: Slow down",
        ),
    ],
)
def test_what_fails_says_why_and_is_tried_again(
    page: Page, site: Site, place: str, failure: Callable[[Route], None], said: str
) -> None:
    at_the_store(page, site, failure)
    choose(page, file("a.txt"))
    expect(item(page, "a.txt")).to_contain_text(said)
    expect(page.get_by_role("status").filter(has_text="a.txt: The ").filter(has_text=said)).to_have_count(1)
    page.unroute_all()
    item(page, "a.txt").get_by_role("button", name="Retry").click()
    expect(item(page, "a.txt")).to_contain_text("Uploaded")
    assert site.get(f"{place}a.txt") == b"body"


def test_a_refusal_of_the_service_is_shown_in_its_words(page: Page) -> None:
    choose(page, file("bad\u0085name.txt"))
    expect(item(page, "name.txt")).to_contain_text("The path holds a control character. Leave it out.")


def test_a_session_that_ended_meanwhile_is_told(page: Page) -> None:
    page.context.clear_cookies()
    choose(page, file("a.txt"))
    expect(item(page, "a.txt")).to_contain_text("You are signed out. Sign in again in another tab, then retry.")


def test_what_is_there_is_replaced_only_if_one_says_so(page: Page, site: Site, place: str) -> None:
    site.put(f"{place}a.txt", b"old")
    page.reload()
    choose(page, file("a.txt", b"new"))
    expect(item(page, "a.txt")).to_contain_text("Replace it?")
    item(page, "a.txt").get_by_role("button", name="Keep the old file").click()
    expect(item(page, "a.txt")).to_contain_text("Not uploaded")
    assert site.get(f"{place}a.txt") == b"old"
    choose(page, file("a.txt", b"new"))
    item(page, "a.txt").get_by_role("button", name="Replace").click()
    expect(item(page, "a.txt").last).to_contain_text("Uploaded")
    assert site.get(f"{place}a.txt") == b"new"


def test_what_came_meanwhile_is_not_replaced_either(page: Page, site: Site, place: str) -> None:
    site.put(f"{place}a.txt", b"old")  # the page does not show it
    choose(page, file("a.txt", b"new"))
    expect(item(page, "a.txt")).to_contain_text("Replace it?")
    assert site.get(f"{place}a.txt") == b"old"


def test_what_cannot_be_replaced_is_told_before(visit: Visit, site: Site, place: str) -> None:
    site.put(f"kept/{place}a.txt", b"old")
    page = visit()
    page.goto(site.at(f"kept/{place}"))
    choose(page, file("a.txt", b"new"), file("b.txt", b"new"))
    expect(item(page, "a.txt")).to_contain_text("you may not replace it")
    expect(item(page, "a.txt").get_by_role("button")).to_have_count(0)
    expect(item(page, "b.txt")).to_contain_text("Uploaded")
    assert site.get(f"kept/{place}a.txt") == b"old"


def test_what_the_rule_refuses_never_leaves_the_page(visit: Visit, site: Site, place: str) -> None:
    page = visit()
    page.goto(site.at(f"small/{place}"))
    expect(page.get_by_text("Each may have up to 1.0 kB. They must be text/*.")).to_be_visible()
    choose(page, file("big.txt", b"x" * 1_001), file("a.png", b"", "image/png"), file("fits.txt", b"x" * 1_000))
    expect(item(page, "big.txt")).to_contain_text("Too big: the file has 1.0 kB, and the limit is 1.0 kB.")
    expect(item(page, "a.png")).to_contain_text("Wrong type: the file is image/png, and must be text/*.")
    expect(item(page, "fits.txt")).to_contain_text("Uploaded")
    assert site.keys(f"small/{place}") == {f"small/{place}fits.txt"}


def test_a_text_in_utf_8_is_stored_with_its_charset(visit: Visit, site: Site, place: str) -> None:
    """Without a charset, browsers guess: the é of a text comes out as two letters."""
    page = visit()
    page.goto(site.at(f"small/{place}"))
    text = "é日😀".encode()
    utf_8, kept = "text/plain; charset=utf-8", "text/plain"
    cases = {
        "text": (text, "text/plain", utf_8),
        "empty": (b"", "text/plain", utf_8),
        "bom": (b"\xef\xbb\xbf" + text, "text/plain", utf_8),
        "page": (text, "text/html", "text/html; charset=utf-8"),
        "parameter": (text, "text/plain;format=flowed", "text/plain;format=flowed; charset=utf-8"),
        "own": (text, "text/plain;charset=utf-8", "text/plain;charset=utf-8"),
        "other": ("é".encode("latin-1"), "text/plain;charset=latin1", "text/plain;charset=latin1"),
        "latin-1": ("é".encode("latin-1"), "text/plain", kept),
        "utf-16": ("é日".encode("utf-16"), "text/plain", kept),
        "cut short": (text[:-1], "text/plain", kept),
        "surrogate": (b"\xed\xa0\x80", "text/plain", kept),
    }
    choose(page, *(file(name, body, given) for name, (body, given, _) in cases.items()))
    expect(page.locator("#queue [data-state=done]")).to_have_count(len(cases))
    assert {name: site.type_of(f"small/{place}{name}") for name in cases} == {
        name: case[2] for name, case in cases.items()
    }
    page.goto(site.at(f"small/{place}text"))
    assert page.inner_text("body") == "é日😀"
    page.goto(site.at(f"plain/{place}"))
    choose(page, file("text", *cases["text"][:2]), file("own", *cases["own"][:2]), file("page", *cases["page"][:2]))
    expect(page.locator("#queue [data-state=done]")).to_have_count(2)
    expect(item(page, "page")).to_contain_text("the file is text/html, and must be text/plain.")
    page.goto(site.at(place))
    choose(page, file("a.json", text, "application/json"), file("a.svg", text, "image/svg+xml"), file("none", text, ""))
    expect(page.locator("#queue [data-state=done]")).to_have_count(3)
    assert [site.type_of(f"{place}{name}") for name in ("a.json", "a.svg")] == ["application/json", "image/svg+xml"]
    assert "charset" not in site.type_of(f"{place}none")


def test_files_are_dropped_anywhere(page: Page, site: Site, place: str) -> None:
    page.evaluate(
        """() => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(["dropped"], "a.txt", { type: "text/plain" }));
            const fire = (name) =>
                document.body.dispatchEvent(new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true }));
            fire("dragenter");
            if (document.querySelector("#drop").hidden) throw new Error("nothing shows where to drop");
            fire("dragover");
            fire("drop");
        }"""
    )
    expect(page.get_by_text("Drop to upload into")).to_be_hidden()
    expect(item(page, "a.txt")).to_contain_text("Uploaded")
    assert site.get(f"{place}a.txt") == b"dropped"


def test_leaving_is_asked_about_while_something_is_under_way(page: Page, site: Site) -> None:
    at_the_store(page, site, lambda route: None)
    choose(page, file("a.txt"))
    expect(page.locator("#queue [data-state=sending]")).to_have_count(1)
    with page.expect_event("dialog") as asked:
        page.get_by_role("link", name="Acme files").click(no_wait_after=True)
    assert asked.value.type == "beforeunload"
    item(page, "a.txt").get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="Acme files").click()
    expect(page).to_have_url(f"{site.url}/")
