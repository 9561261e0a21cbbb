"""A visitor uploads small files: several at once, with the progress, failures and limits."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit
from .sites import Directory
from .visitor import CORS, answer_for_store, choose, click, file, in_state, item, limit_upload, row


@pytest.fixture
def page(visit: Visit, directory: Directory) -> Page:
    """The page of an empty directory."""
    return visit(directory.url)


def test_several_files_arrive_with_progress_and_appear(page: Page, directory: Directory) -> None:
    expect(page.get_by_text("Files that you upload will appear here.")).to_be_visible()
    bodies = {"<b>one.txt": b"first", "100% zwei ünï + & ?.txt": b"second", "empty": b""}
    choose(page, *(file(name, body, "") for name, body in bodies.items()))
    expect(page.get_by_text("3 of 3 uploaded")).to_be_visible()
    limit_upload(page, 2_000_000)
    bodies["big.bin"] = b"\0" * 4_000_000
    choose(page, file("big.bin", bodies["big.bin"]))
    expect(item(page, "big.bin")).to_contain_text(re.compile(r"[\d.]+ [kM]B of 4.0 MB, [\d.]+ [kM]B/s, \d+ sec left"))
    assert 0 < float(item(page, "big.bin").get_by_role("progressbar").get_attribute("value") or 0) < 1
    for name, body in bodies.items():
        expect(item(page, name)).to_contain_text("Uploaded")
        expect(row(page, name)).to_be_visible()
        assert directory.get(name) == body
    expect(row(page, "big.bin")).to_contain_text("4.0 MB")
    click(page, "Clear finished uploads")
    expect(page.locator("#queue li")).to_have_count(0)


def test_at_most_eight_files_are_sent_at_once_and_the_page_warns_before_the_visitor_leaves(
    page: Page, directory: Directory
) -> None:
    answer_for_store(page, directory.site, lambda route: None)
    names = [f"{number}.txt" for number in range(10)]
    choose(page, *map(file, names))
    expect(in_state(page, "sending")).to_have_count(8)
    expect(in_state(page, "waiting")).to_have_count(2)
    expect(page.get_by_role("progressbar", name="Progress of all uploads")).to_be_visible()
    page.keyboard.press("Tab")
    click(item(page, names[0]), "Cancel")
    expect(item(page, names[0])).to_contain_text("Cancelled.")
    expect(item(page, names[0]).get_by_role("button", name="Retry")).to_be_focused()
    expect(in_state(page, "sending")).to_have_count(8)
    expect(in_state(page, "waiting")).to_have_count(1)
    with page.expect_event("dialog") as dialog:
        page.get_by_role("link", name="Acme files").click(no_wait_after=True)
    assert dialog.value.type == "beforeunload"
    click(page, "Cancel all")
    expect(in_state(page, "cancelled")).to_have_count(10)
    assert directory.names() == set()
    page.unroute_all(behavior="ignoreErrors")
    click(item(page, names[0]), "Retry")
    expect(item(page, names[0])).to_contain_text("Uploaded")
    expect(page.locator("#queue li").last).to_contain_text(names[0])
    assert directory.get(names[0]) == b"body"
    page.get_by_role("link", name="Acme files").click()
    expect(page).to_have_url(f"{directory.site.url}/")


def test_many_small_files_are_presigned_together(page: Page, directory: Directory) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method in ("PUT", "POST") else None)
    bodies = {f"{number}.bin": f"{number}".encode() for number in range(60)}
    choose(page, *(file(name, body) for name, body in bodies.items()))
    expect(page.get_by_text("60 of 60 uploaded")).to_be_visible()
    of_service = [url for url in asked if url.startswith(directory.site.url)]
    assert of_service == [f"{directory.site.url}/-/uploads"] * 2
    assert {name: directory.get(name) for name in directory.names()} == bodies


def test_a_failed_upload_shows_the_reason_and_is_retried(page: Page, directory: Directory) -> None:
    slow_down = "<Error><Message>Slow down</Message></Error>"
    for name, reason, handle in (
        ("offline.txt", "The connection failed. Check your connection, then retry.", lambda route: route.abort()),
        (
            "refused.txt",
            "Retry asks for a new permission.",
            lambda route: route.fulfill(status=403, headers=CORS),
        ),
        (
            "slow.txt",
            "The store answered 503: Slow down",
            lambda route: route.fulfill(status=503, headers=CORS, body=slow_down),
        ),
    ):
        answer_for_store(page, directory.site, handle)
        choose(page, file(name))
        expect(item(page, name)).to_contain_text(reason)
        expect(page.get_by_role("status").filter(has_text=f"{name}: The ").filter(has_text=reason)).to_have_count(1)
        page.unroute_all()
        click(item(page, name), "Retry")
        expect(item(page, name)).to_contain_text("Uploaded")
        assert directory.get(name) == b"body"


def test_a_refusal_of_the_service_is_shown(page: Page) -> None:
    choose(page, file("bad\u0085name.txt"))
    expect(item(page, "name.txt")).to_contain_text("The path holds a control character. Leave it out.")
    page.context.clear_cookies()
    choose(page, file("a.txt"))
    expect(item(page, "a.txt")).to_contain_text("You are signed out. Sign in again in another tab, then retry.")


def test_a_file_is_replaced_only_after_a_question(page: Page, directory: Directory) -> None:
    """The page asks before it sends; if the page does not show the old file, the store's refusal makes the page ask."""
    directory.put("a.txt", b"old")
    for choice, result in (
        ("Keep the old file", "Not uploaded"),
        ("Keep both", "Uploaded as a (2).txt"),
        ("Keep both", "Uploaded as a (3).txt"),
        ("Replace", "Uploaded"),
    ):
        choose(page, file("a.txt", b"new"))
        expect(item(page, "a.txt")).to_contain_text("Replace it?")
        assert directory.get("a.txt") == b"old"
        click(item(page, "a.txt"), choice)
        expect(item(page, "a.txt")).to_contain_text(result)
        page.reload()  # now the page shows the old file
    assert directory.get("a.txt") == b"new"


def test_one_choice_is_for_all_files_whose_names_exist(page: Page, directory: Directory) -> None:
    names = [f"{number}.txt" for number in range(4)]
    for name in names[:3]:
        directory.put(name, b"old")
    page.reload()
    for choice, kept in (("Skip all", b"old"), ("Keep both for all", b"old"), ("Replace all", b"new")):
        choose(page, *(file(name, b"new") for name in names))
        expect(page.get_by_text("files exist already.")).to_be_visible()
        assert directory.get(names[0]) == b"old"
        click(page, choice)
        expect(in_state(page, "done").or_(in_state(page, "cancelled"))).to_have_count(len(names))
        expect(page.get_by_role("status").filter(has_text="Failed or refused: 0.")).to_have_count(1)
        assert [directory.get(name) for name in names] == [*[kept] * 3, b"new"]
        click(page, "Clear finished uploads")
    assert {f"{number} (2).txt" for number in range(4)} <= directory.names()


def test_a_folder_keeps_its_paths(page: Page, directory: Directory, tmp_path: Path) -> None:
    paths = {"trip/a b+c%25 ü日.txt": b"one", "trip/day 1/b.txt": b"two", "trip/day 1/deep/c.d/e": b""}
    for path, body in paths.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(body)
    with page.expect_file_chooser() as chooser:
        click(page, "Upload a folder")
    chooser.value.set_files(tmp_path / "trip")
    expect(page.get_by_text("3 of 3 uploaded")).to_be_visible()
    assert {path: directory.get(path) for path in paths} == paths
    expect(page.locator("tbody").get_by_text("trip/")).to_be_visible()


def test_the_limits_of_a_rule_are_checked_before_a_file_is_sent(visit: Visit, directory: Directory) -> None:
    kept, small = directory.under("kept"), directory.under("small")
    kept.put("a.txt", b"old")
    page = visit(kept.url)
    choose(page, file("a.txt", b"new"), file("b.txt", b"new"))
    expect(item(page, "a.txt")).to_contain_text("you may not replace it")
    expect(item(page, "a.txt").get_by_role("button", name="Replace")).to_have_count(0)
    click(item(page, "a.txt"), "Keep both")
    expect(item(page, "a.txt")).to_contain_text("Uploaded as a (2).txt")
    expect(item(page, "b.txt")).to_contain_text("Uploaded")
    assert kept.get("a.txt") == b"old"
    page.goto(small.url)
    expect(page.get_by_text("Each file may have up to 1.0 kB. The files must be texts.")).to_be_visible()
    choose(page, file("big.txt", b"x" * 1_001), file("a.png", b"", "image/png"), file("fits.txt", b"x" * 1_000))
    expect(item(page, "big.txt")).to_contain_text("Too big: the file has 1.0 kB, and the limit is 1.0 kB.")
    expect(item(page, "a.png")).to_contain_text("Wrong type: the file is image/png, and must be texts.")
    expect(item(page, "fits.txt")).to_contain_text("Uploaded")
    assert small.names() == {"fits.txt"}


def test_a_text_in_utf_8_is_stored_with_its_charset(visit: Visit, directory: Directory) -> None:
    """Without a charset browsers guess, and may show the é of a text as two letters."""
    text, latin_1 = "é日😀".encode(), "é".encode("latin-1")
    utf_8, unchanged = "text/plain; charset=utf-8", "text/plain"
    cases = {
        "text": (text, "text/plain", utf_8),
        "empty": (b"", "text/plain", utf_8),
        "bom": (b"\xef\xbb\xbf" + text, "text/plain", utf_8),
        "page": (text, "text/html", "text/html; charset=utf-8"),
        "parameter": (text, "text/plain;format=flowed", "text/plain;format=flowed; charset=utf-8"),
        "own": (text, "text/plain;charset=utf-8", "text/plain;charset=utf-8"),
        "other": (latin_1, "text/plain;charset=latin1", "text/plain;charset=latin1"),
        "latin-1": (latin_1, "text/plain", unchanged),
        "utf-16": ("é日".encode("utf-16"), "text/plain", unchanged),
        "cut short": (text[:-1], "text/plain", unchanged),
        "surrogate": (b"\xed\xa0\x80", "text/plain", unchanged),
    }
    small = directory.under("small")
    page = visit(small.url)
    choose(page, *(file(name, body, media_type) for name, (body, media_type, _) in cases.items()))
    expect(in_state(page, "done")).to_have_count(len(cases))
    assert {name: small.media_type(name) for name in cases} == {name: case[2] for name, case in cases.items()}
    page.goto(small.url_of("text"))
    assert page.inner_text("body") == "é日😀"
    page.goto(directory.under("plain").url)
    choose(page, *(file(name, *cases[name][:2]) for name in ("text", "own", "page")))
    expect(in_state(page, "done")).to_have_count(2)
    expect(item(page, "page")).to_contain_text("the file is text/html, and must be text/plain.")
    page.goto(directory.url)
    choose(page, file("a.json", text, "application/json"), file("a.svg", text, "image/svg+xml"), file("none", text, ""))
    expect(in_state(page, "done")).to_have_count(3)
    assert [directory.media_type(name) for name in ("a.json", "a.svg")] == ["application/json", "image/svg+xml"]
    assert "charset" not in directory.media_type("none")


def test_a_file_can_be_dropped_anywhere(page: Page, directory: Directory) -> None:
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
    assert directory.get("a.txt") == b"dropped"
