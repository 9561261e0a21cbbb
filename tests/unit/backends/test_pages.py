"""The pages, from views made by hand: what they show, that nothing in a view becomes markup, and what they load."""

import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.backends.templates import HtmlPages, readable_size
from chalicelib.core.ports import Pages
from chalicelib.core.web.page_views import Crumb, DirectoryView, ProblemView, Row, SignInView, Uploads, Visitor
from tests.support.builders import NOW

BASE = "https://files.example.com"
ANYONE = Visitor("", by_cookie=False, link_expires_at=None, sign_in=True, base_url=BASE)
ANN = Visitor("key:ann", by_cookie=True, link_expires_at=None, sign_in=True, base_url=BASE)
GUEST = Visitor("", by_cookie=False, link_expires_at=int(NOW), sign_in=True, base_url=BASE)

NASTY = (
    "<img src=x onerror=alert(1)>.txt",
    "</title><script>alert(1)</script>",
    "\" onmouseover='alert(1)' x=\"",
    "' onmouseover=alert(1) x='",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "&lt;b&gt;&amp;",
    "\u202egpj.exe",
    "a\u2028b",
)

# Elements of HTML that have no end tag.
VOID = {"meta", "link", "input", "br"}


class Element(NamedTuple):
    """A start tag, and the text up to its end tag."""

    tag: str
    attributes: dict[str, str]
    text: list[str]

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


class Reader(HTMLParser):
    """Reads a page into its elements, and holds that each is closed where it should be."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attributes}, [])
        assert len(element.attributes) == len(attributes)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements of a tag that have these attributes; `class_` and `data_do` stand for `class` and `data-do`."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [one for one in self.elements if one.tag == tag and wanted.items() <= one.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        """The only one."""
        (found,) = self.all(tag, **attributes)
        return found

    def text(self) -> str:
        return self.one("body").words


def row(name: str, *, size: int = 1_234_567, may: bool = True, query: str = "") -> Row:
    is_directory = name.endswith("/")
    url = f"{BASE}/reports/{quote(name)}{query}"
    if is_directory:
        return Row(name, True, url, None, None, may_delete=False, may_share=may, thumbnail="")
    return Row(name, False, url, size, NOW, may_delete=may, may_share=may, thumbnail="")


def directory(
    *rows: Row,
    visitor: Visitor = ANN,
    uploads: Uploads | None = None,
    may_share: bool = True,
    next_url: str = "",
    is_first: bool = True,
) -> DirectoryView:
    crumbs = (Crumb("Acme files", f"{BASE}/"), Crumb("reports", f"{BASE}/reports/"))
    return DirectoryView(visitor, crumbs, rows, next_url, is_first, f"{BASE}/reports/", uploads, may_share)


def problem(code: str = "forbidden", *, detail: str = "Do this.", next_path: str = "/reports/") -> ProblemView:
    return ProblemView(ANYONE, 403, "Forbidden", detail, code, "req-1", next_path)


@pytest.fixture(scope="module")
def pages() -> HtmlPages:
    return HtmlPages()


def every_page(pages: HtmlPages) -> list[bytes]:
    """Each page in its states, with names that would like to be more than names."""
    everything = directory(
        row("q3/"),
        *map(row, NASTY),
        uploads=Uploads(
            overwrite=False,
            max_bytes=1_000,
            content_types=("image/*", "text/plain"),
            checksum=False,
            part_bytes=5_242_880,
            inbox=False,
        ),
        next_url=f"{BASE}/reports/?cursor=abc",
        is_first=False,
    )
    named = everything._replace(crumbs=tuple(Crumb(name, f"{BASE}/") for name in NASTY))
    return [
        *(pages.directory(view) for view in (directory(), everything, named, directory(row("a", may=False)))),
        pages.directory(directory(visitor=GUEST)),
        *(pages.problem(problem("made-up", detail=name, next_path=name)) for name in NASTY),
        *(pages.problem(problem(next_path=path)) for path in ("", "/reports/")),
        *(pages.sign_in(SignInView(one, f"/{name}", True)) for one in (ANYONE, ANN) for name in NASTY),
        *(pages.sign_in(SignInView(ANYONE._replace(name=name), "/", False)) for name in NASTY),
    ]


def test_it_is_what_the_core_asks_for(pages: HtmlPages) -> None:
    wanted: Pages = pages
    assert wanted.asset("page.css") is None


def test_no_page_has_a_script_a_style_or_a_handler_of_its_own(pages: HtmlPages) -> None:
    for html in every_page(pages):
        for tag, attributes, text in Reader(html).elements:
            assert tag not in {"style", "iframe", "object", "embed", "base", "img"}
            assert tag != "script" or (attributes.keys() == {"type", "src"} and "".join(text) == "")
            assert not any(name.startswith("on") or name in {"style", "srcdoc"} for name in attributes)


def test_whatever_a_page_leads_to_is_this_service(pages: HtmlPages) -> None:
    for html in every_page(pages):
        for tag, attributes, _ in Reader(html).elements:
            for name in ("href", "src", "action", "formaction", "data-url"):
                url = attributes.get(name)
                icon = (
                    tag == "link" and attributes["rel"] == "icon" and url is not None and url.startswith("data:image/")
                )
                assert url is None or icon or url.startswith(f"{BASE}/")


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_text_wherever_it_stands(pages: HtmlPages, name: str) -> None:
    view = directory(row(name))._replace(crumbs=(Crumb(name, BASE + "/"), Crumb(name, BASE + "/a/")))
    page = Reader(pages.directory(view))
    assert page.one("title").text == [name]
    assert [bdi.text for bdi in page.all("bdi") if "".join(bdi.text) not in ("", "key:ann")] == [[name]] * 4
    labels = [
        one.attributes["aria-label"] for one in page.elements if "icon" in one.attributes.get("class", "").split()
    ]
    assert labels == [f"Download {name}", f"Share {name}", f"Delete {name}"]


@settings(max_examples=100)  # each is a page rendered and read; the letters that matter are few
@given(name=st.text(min_size=1))
def test_any_name_at_all(name: str) -> None:
    """Nothing that can be a name breaks a page, or is more in it than a text."""
    page = Reader(_PAGES.directory(directory(row("x")._replace(name=name))))
    assert [one.tag for one in page.elements] == _PLAIN


_PAGES = HtmlPages()
_PLAIN = [one.tag for one in Reader(_PAGES.directory(directory(row("x")))).elements]


def test_a_row_says_and_offers_everything(pages: HtmlPages) -> None:
    page = Reader(pages.directory(directory(row("q3.csv"), row("old/"))))
    assert page.one("a", class_="file").attributes["href"] == f"{BASE}/reports/q3.csv"
    assert page.one("a", class_="file").words == "q3.csv"
    assert page.one("a", class_="directory").attributes["href"] == f"{BASE}/reports/old/"
    assert page.one("a", class_="directory").words == "old/ directory"
    assert page.one("data").attributes == {"value": "1234567", "title": "1,234,567 bytes"}
    assert page.one("data").words == "1.2 MB"
    assert page.one("time").attributes == {"datetime": "2023-11-14T22:13:20Z"}
    assert page.one("time").words == "14 Nov 2023, 22:13 UTC"
    assert page.one("a", aria_label="Download q3.csv").attributes["href"] == f"{BASE}/reports/q3.csv?download"
    assert page.one("button", data_do="delete").attributes["data-url"] == f"{BASE}/reports/q3.csv"
    assert [one.attributes["data-name"] for one in page.all("button", data_do="share")] == ["reports", "q3.csv", "old/"]


def test_what_a_visitor_may_not_do_is_not_offered(pages: HtmlPages) -> None:
    page = Reader(pages.directory(directory(row("q3.csv", may=False), may_share=False)))
    offered = {one.attributes["data-do"] for one in page.all("button") if "data-do" in one.attributes}
    assert not offered & {"share", "delete", "choose"}
    assert page.all("input", type="file") == []


def test_what_takes_a_script_is_hidden_until_one_shows_it(pages: HtmlPages) -> None:
    page = Reader(pages.directory(directory(row("q3.csv"), uploads=Uploads(True, None, (), False, None, inbox=False))))
    for button in page.all("button"):
        alone = button.attributes.get("data-do") in {"share", "delete", "choose"}
        assert not alone or {"hidden", "data-script"} <= button.attributes.keys()
    assert all(
        "hidden" in page.one(tag, id=name).attributes for tag, name in (("section", "uploads"), ("div", "tools"))
    )


def test_the_holder_of_a_link_keeps_it_and_knows_its_end(pages: HtmlPages) -> None:
    page = Reader(pages.directory(directory(row("q3.csv", query="?token=abc", may=False), visitor=GUEST)))
    assert "Shared with you by a link, until 14 Nov 2023, 22:13 UTC." in page.text()
    assert page.one("a", class_="icon download").attributes["href"] == f"{BASE}/reports/q3.csv?token=abc&download"


def test_a_visitor_can_sign_in_and_out(pages: HtmlPages) -> None:
    signed_in, anyone = Reader(pages.directory(directory())), Reader(pages.directory(directory(visitor=ANYONE)))
    assert "You are key:ann" in signed_in.text()
    assert signed_in.one("form", action=f"{BASE}/-/logout").attributes["method"] == "post"
    assert anyone.one("a", href=f"{BASE}/-/login?next=/reports/").words == "Sign in"
    nowhere = Reader(pages.directory(directory(visitor=ANYONE._replace(sign_in=False))))
    assert "Sign in" not in nowhere.text()
    by_header = Reader(pages.directory(directory(visitor=ANN._replace(by_cookie=False, sign_in=False))))
    assert "You are key:ann" in by_header.text()
    assert "Sign out" not in by_header.text()


def test_the_parts_of_a_directory_lead_to_each_other(pages: HtmlPages) -> None:
    first = Reader(pages.directory(directory(row("a"), next_url=f"{BASE}/reports/?cursor=abc")))
    assert first.one("a", rel="next").attributes["href"] == f"{BASE}/reports/?cursor=abc"
    assert "First page" not in first.text()
    last = Reader(pages.directory(directory(row("a"), is_first=False)))
    assert last.all("a", rel="next") == []
    assert last.one("a", class_="button").attributes["href"] == f"{BASE}/reports/"


def test_an_empty_directory_says_so(pages: HtmlPages) -> None:
    uploads = Uploads(True, None, (), False, None, inbox=False)
    assert Reader(pages.directory(directory())).one("p", class_="empty").words == "Nothing is here yet."
    assert "that you upload appear here" in Reader(pages.directory(directory(uploads=uploads))).text()
    assert "Nothing on this page." in Reader(pages.directory(directory(is_first=False))).text()


def test_whoever_may_only_upload_is_not_told_that_nothing_is_there(pages: HtmlPages) -> None:
    uploads = Uploads(False, None, (), False, None, inbox=True)
    drop = directory(visitor=GUEST, uploads=uploads, may_share=False)._replace(rows=None)
    page = Reader(pages.directory(drop))
    assert page.one("p", class_="empty").words == "You may upload here. What is here is not shown to you."
    assert page.all("table") == []
    assert len(page.all("input", type="file")) == 1
    assert "Each file gets a unique name, so no file is replaced." in page.text()
    assert "cannot be replaced" not in page.text()
    assert page.one("section").attributes["data-inbox"] == "yes"


def test_the_rule_for_uploads_is_said_before_it_is_broken(pages: HtmlPages) -> None:
    uploads = Uploads(
        overwrite=False,
        max_bytes=50_000_000,
        content_types=("image/*", "text/plain"),
        checksum=False,
        part_bytes=5_242_880,
        inbox=False,
    )
    page = Reader(pages.directory(directory(uploads=uploads)))
    said = "Each may have up to 50 MB. They must be image/* or text/plain. What is there cannot be replaced."
    assert said in page.text()
    assert page.one("input", type="file").attributes["accept"] == "image/*,text/plain"
    assert (
        page.one("section").attributes
        | {
            "data-overwrite": "no",
            "data-max-bytes": "50000000",
            "data-types": "image/*,text/plain",
            "data-part-bytes": "5242880",
            "data-checksum": "no",
            "data-inbox": "no",
        }
        == page.one("section").attributes
    )
    free = (
        Reader(pages.directory(directory(uploads=Uploads(True, None, (), False, None, inbox=False))))
        .one("section")
        .attributes
    )
    assert (free["data-overwrite"], free["data-max-bytes"], free["data-types"]) == ("yes", "", "")
    checked = (
        Reader(pages.directory(directory(uploads=Uploads(True, None, (), True, None, inbox=False))))
        .one("section")
        .attributes
    )
    assert (checked["data-part-bytes"], checked["data-checksum"]) == ("", "yes")


def test_a_refusal_is_said_in_words_with_what_to_do(pages: HtmlPages) -> None:
    used_up = Reader(pages.problem(problem("link-used-up", next_path="")))
    assert used_up.one("h1").words == used_up.one("title").words == "This link has been used up"
    assert "403 link-used-up, request req-1" in used_up.text()
    assert used_up.all("form") == []
    unknown = Reader(pages.problem(problem("made-up")))
    assert unknown.one("h1").words == "Forbidden"
    assert "Do this." in unknown.text()


@pytest.mark.parametrize("code", ["credentials-missing", "forbidden"])
def test_signing_in_is_advised_only_where_the_page_offers_it(pages: HtmlPages, code: str) -> None:
    offered, absent = (Reader(pages.problem(problem(code, next_path=path))) for path in ("/a%20b", ""))
    assert "Do this." not in offered.text()
    assert offered.one("input", name="next").attributes["value"] == "/a%20b"
    assert "Do this." in absent.text()


def test_the_form_to_sign_in_is_one_that_password_managers_know(pages: HtmlPages) -> None:
    page = Reader(pages.sign_in(SignInView(ANYONE, "/reports/", failed=False)))
    form = page.one("form", class_="sign-in").attributes
    assert (form["method"], form["action"]) == ("post", f"{BASE}/-/login")
    assert page.one("input", name="id").attributes["autocomplete"] == "username"
    secret = page.one("input", name="secret").attributes
    assert (secret["type"], secret["autocomplete"]) == ("password", "current-password")
    assert page.one("input", name="next").attributes == {"type": "hidden", "name": "next", "value": "/reports/"}
    assert page.all("p", role="alert") == []


def test_a_wrong_key_is_said(pages: HtmlPages) -> None:
    page = Reader(pages.sign_in(SignInView(ANYONE, "/", failed=True)))
    assert "is wrong" in page.one("p", role="alert").words
    assert page.one("input", name="secret").attributes["aria-describedby"] == "failed"


def test_pages_load_assets_whose_name_is_their_content(pages: HtmlPages) -> None:
    page = Reader(pages.directory(directory()))
    urls = [page.one("link", rel="stylesheet").attributes["href"], page.one("script").attributes["src"]]
    for url, media_type in zip(urls, ("text/css; charset=utf-8", "text/javascript; charset=utf-8"), strict=True):
        name = url.removeprefix(f"{BASE}/-/assets/")
        asset = pages.asset(name)
        assert asset is not None
        assert asset.media_type == media_type
        assert name.split(".")[1] == hashlib.sha256(asset.body).hexdigest()[:16]


def test_scripts_import_each_other_by_such_names(pages: HtmlPages) -> None:
    """So that no old one is ever met by a new one."""
    waiting = [Reader(pages.directory(directory())).one("script").attributes["src"].rpartition("/")[2]]
    seen = set()
    while waiting:
        name = waiting.pop()
        seen.add(name.partition(".")[0])
        asset = pages.asset(name)
        assert asset is not None
        assert name.split(".")[1] == hashlib.sha256(asset.body).hexdigest()[:16]
        waiting += re.findall(r'from "\./(.*?)"', asset.body.decode())
    assert seen == {"page", "parts", "chosen_file", "store"}


@pytest.mark.parametrize(
    "name", ["", "page.css", "page.0000000000000000.css", "../pages/page.css", "layout.html", "page.js", "parts.js"]
)
def test_no_other_name_is_an_asset(pages: HtmlPages, name: str) -> None:
    assert pages.asset(name) is None


def test_assets_load_nothing_from_elsewhere() -> None:
    folder = Path(__file__).parents[3] / "chalicelib/pages"
    urls = {url for file in folder.iterdir() for url in re.findall(r"https?:[^'\"\s)]+", file.read_text("utf-8"))}
    assert urls == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_234_567, "1.2 MB"),
        (5 * 1000**4, "5.0 TB"),
        (5_000 * 1000**4, "5000 TB"),
    ],
)
def test_sizes_are_read_by_people(size: int, text: str) -> None:
    assert readable_size(size) == text


FRESH = """
import json, sys
from chalicelib.backends.templates import HtmlPages
from chalicelib.core.web.page_views import SignInView, Visitor
pages = HtmlPages()
before = "jinja2" in sys.modules
pages.asset("page.css")
between = "jinja2" in sys.modules
pages.sign_in(SignInView(Visitor("", False, None, True, ""), "/", False))
print(json.dumps([before, between, "jinja2" in sys.modules]))
"""


def test_the_template_engine_is_loaded_by_the_first_page() -> None:
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, check=True)
    assert json.loads(done.stdout) == [False, False, True]
