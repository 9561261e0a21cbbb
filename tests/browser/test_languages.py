"""The pages in German, in a language from right to left, on a phone, on paper, and without scripts."""

import json
from pathlib import Path
from shutil import copytree

from playwright.sync_api import Page, Route, expect

import chalicelib
from chalicelib.backends.templates import HtmlPages
from chalicelib.core.web.page_views import Column, Crumb, DirectoryView, NavigationView, Row, UploadsView, Visitor

from .conftest import Visit
from .sites import Directory
from .test_accessibility import check_accessibility
from .visitor import file, item

WORDS = Path(chalicelib.__file__).parent / "pages/words"
DISGUISED = "annexe\u202egpj.exe"
AUSTRIA = {"locale": "de-AT", "timezone_id": "Europe/Vienna"}


def test_a_german_reader_gets_words_sizes_and_dates_in_german(visit: Visit, directory: Directory) -> None:
    directory.put("bericht.csv", b"x" * 1_234)
    directory.put(DISGUISED)
    page = visit(directory.url, **AUSTRIA)
    row = page.get_by_role("row", name="bericht.csv")
    expect(row).to_contain_text("1,2 kB")
    expect(row.locator("time")).to_contain_text("ME")  # MEZ or MESZ
    expect(page.get_by_text("annexe[U+202E]gpj.exe")).to_be_visible()
    page.locator("#files").set_input_files([file("neu.txt"), file("bericht.csv")])
    expect(item(page, "neu.txt")).to_contain_text("Hochgeladen, 4 Byte")
    expect(item(page, "bericht.csv")).to_contain_text("Eine Datei mit diesem Namen gibt es schon. Ersetzen?")
    check_accessibility(page)
    page = visit(f"{directory.site.url}/-/token", **AUSTRIA)
    expect(page.get_by_text("Es endet spätestens am")).to_contain_text("ME")


def test_a_german_problem_says_what_to_do_and_a_wrong_secret_keeps_the_id(visit: Visit, directory: Directory) -> None:
    page = visit(f"{directory.url}?token=x", signed_in=False, **AUSTRIA)
    expect(page.get_by_role("heading")).to_have_text("Dieser Link ist ungültig")
    page.goto(directory.url)
    page.get_by_label("ID des Schlüssels").fill("ann")
    page.get_by_label("Geheimnis").fill("falsch")
    page.get_by_role("button", name="Anmelden").click()
    expect(page.get_by_role("alert")).to_contain_text("Die ID oder das Geheimnis ist falsch.")
    expect(page.get_by_label("ID des Schlüssels")).to_have_value("ann")
    expect(page.get_by_label("Geheimnis")).to_be_focused()
    check_accessibility(page)


def test_one_more_file_gives_a_language_from_right_to_left(visit: Visit, directory: Directory, tmp_path: Path) -> None:
    """The page is of this language although the service has no such file: the test renders the page itself."""
    words = json.loads((copytree(WORDS, tmp_path / "words") / "en.json").read_text("utf-8"))
    arabic = {"direction": "rtl", "page": {"filter": "ابحث"}, "script": {"filter.shown": "{count} اسم"}}
    (tmp_path / "words/ar.json").write_text(json.dumps(arabic), encoding="utf-8")
    pages = HtmlPages(str(tmp_path / "words"))
    site = directory.site.url

    def answer(route: Route) -> None:
        asset = pages.asset(route.request.url.rpartition("/")[2])
        if asset is None:
            visitor = Visitor("ann", True, True, None, True, site, route.request.headers["accept-language"])
            route.fulfill(body=pages.directory(view_for(visitor)), content_type="text/html; charset=utf-8")
        else:
            route.fulfill(body=asset.body, content_type=asset.media_type)

    page = visit("about:blank", locale="ar-EG")
    page.route(f"{site}/**", answer)
    page.goto(f"{site}/a/")
    assert page.locator("html").get_attribute("dir") == "rtl"
    assert words["page"]["column.name"] in page.get_by_role("columnheader").all_inner_texts()
    name, size = (page.locator(f"tbody .{column}").first.bounding_box() for column in ("name", "size"))
    assert name
    assert size
    assert name["x"] > size["x"]
    page.get_by_label("ابحث").fill("b")
    expect(page.locator("#shown")).to_contain_text("اسم")
    check_accessibility(page)


def view_for(visitor: Visitor) -> DirectoryView:
    """A directory with a file that the visitor may change."""
    url = f"{visitor.base_url}/a/"
    crumbs = (Crumb("Acme files", f"{visitor.base_url}/"), Crumb("a", url))
    row = Row("b.zip", False, f"{url}b.zip", 1_234_567, 1_700_000_000, may_delete=True, may_share=True, thumbnail="")
    columns = (Column("name", url, "ascending"), Column("size", url, ""))
    uploads = UploadsView(True, 50_000_000, (), checksum=False, part_bytes=None, inbox=False, uses=None)
    return DirectoryView(visitor, crumbs, (row,), NavigationView(columns=columns), url, uploads, may_share=True)


def test_a_phone_paper_and_a_browser_without_scripts_get_what_fits_them(visit: Visit, directory: Directory) -> None:
    directory.put("a.txt")

    def shown(page: Page) -> list[bool]:
        page.wait_for_load_state("networkidle")  # the scripts wait for their words
        drop = page.get_by_text("Drop files anywhere on this page to upload them.")
        buttons = [page.get_by_role("button", name=name, exact=True) for name in ("Upload", "Delete a.txt")]
        return [part.is_visible() for part in (drop, page.locator("noscript p"), *buttons)]

    page = visit(directory.url)
    assert shown(page) == [True, False, True, True]
    page.emulate_media(media="print")
    assert shown(page) == [False, False, False, False]
    assert shown(visit(directory.url, is_mobile=True, has_touch=True)) == [False, False, True, True]
    assert shown(visit(directory.url, java_script_enabled=False)) == [False, True, False, False]
