"""The HTML pages, from views made by hand: what they show, what they load, and that a name never becomes markup."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.backends.templates import HtmlPages, readable_size
from chalicelib.core.access.rules import ACTIONS
from chalicelib.core.ports import Pages
from chalicelib.core.web.page_views import (
    Crumb,
    DirectoryView,
    NewServiceToken,
    ProblemView,
    Row,
    SignInView,
    TokenView,
    UploadsView,
    Visitor,
)
from tests.support.builders import NOW

BASE = "https://files.example.com"
ANYONE = Visitor("", by_key=False, by_cookie=False, link_expires_at=None, sign_in=True, base_url=BASE)
ANN = Visitor("ann", by_key=True, by_cookie=True, link_expires_at=None, sign_in=True, base_url=BASE)
GUEST = Visitor("", by_key=False, by_cookie=False, link_expires_at=int(NOW), sign_in=True, base_url=BASE)

ANY_UPLOADS = UploadsView(True, None, (), checksum=False, part_bytes=None, inbox=False)
LIMITED_UPLOADS = UploadsView(False, 50_000_000, ("image/*", "text/plain"), False, part_bytes=5_242_880, inbox=False)

NASTY_NAMES = (
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

PAGES: Pages = HtmlPages()


class Element(NamedTuple):
    """A start tag, and the texts up to its end tag."""

    tag: str
    attributes: dict[str, str]
    texts: list[str]

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


class Page(HTMLParser):
    """The elements of a page; each must be closed in the right place."""

    _VOID = frozenset({"meta", "link", "input", "br", "img"})  # elements without an end tag

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
        if tag not in self._VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements with a tag and attributes; `class_` and `data_do` stand for `class` and `data-do`."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element for element in self.elements if element.tag == tag and wanted.items() <= element.attributes.items()
        ]

    def only(self, tag: str, **attributes: str) -> Element:
        """The only element with a tag and attributes."""
        (element,) = self.all(tag, **attributes)
        return element

    @property
    def text(self) -> str:
        return self.only("body").text


def row(name: str, *, may: bool = True, query: str = "", thumbnail: str = "") -> Row:
    is_directory = name.endswith("/")
    size, modified = (None, None) if is_directory else (1_234_567, NOW)
    url = f"{BASE}/reports/{quote(name)}{query}"
    return Row(name, is_directory, url, size, modified, may and not is_directory, may, thumbnail)


def view_of(*rows: Row, **fields: object) -> DirectoryView:
    crumbs = (Crumb("Acme files", f"{BASE}/"), Crumb("reports", f"{BASE}/reports/"))
    view = DirectoryView(ANN, crumbs, rows, "", True, f"{BASE}/reports/", None, may_share=True)
    return view._replace(**fields)  # type: ignore[arg-type]


def directory(*rows: Row, **fields: object) -> Page:
    return Page(PAGES.directory(view_of(*rows, **fields)))


def problem(code: str = "forbidden", *, detail: str = "Do this.", next_path: str = "/reports/") -> Page:
    return Page(PAGES.problem(ProblemView(ANYONE, 403, "Forbidden", detail, code, "req-1", next_path, ["corp"])))


def sign_in(visitor: Visitor = ANYONE, next_path: str = "/reports/", fault: str = "") -> Page:
    return Page(PAGES.sign_in(SignInView(visitor, next_path, ["corp"], fault, None)))


def token(path: str = "/builds/", fault: str = "", made: NewServiceToken | None = None) -> Page:
    return Page(PAGES.token(TokenView(ANN, path, ("read", "list"), int(NOW), fault, made)))


def new_token(path: str = "/builds/") -> NewServiceToken:
    return NewServiceToken(path, ("read", "write"), int(NOW), f"curl {path} FILE", f"machine {path}")


# Safety


def test_no_page_has_inline_code_or_leads_to_another_site() -> None:
    nasty_rows = [row("q3/"), row("a.png", thumbnail=f"{BASE}/a.png?resize=96x96"), *map(row, NASTY_NAMES)]
    nasty_crumbs = tuple(Crumb(name, f"{BASE}/") for name in NASTY_NAMES)
    pages = [
        *(directory(), directory(row("a", may=False)), directory(visitor=GUEST), problem(next_path=""), problem()),
        directory(
            *nasty_rows, uploads=LIMITED_UPLOADS, next_url=f"{BASE}/?cursor=a", is_first=False, crumbs=nasty_crumbs
        ),
        *(problem("made-up", detail=name, next_path=name) for name in NASTY_NAMES),
        *(sign_in(visitor, f"/{name}", fault="No.") for visitor in (ANYONE, ANN) for name in NASTY_NAMES),
        *(sign_in(ANYONE._replace(name=name)) for name in NASTY_NAMES),
        *(token(name, name, new_token(name)) for name in NASTY_NAMES),
    ]
    for tag, attributes, texts in (element for page in pages for element in page.elements):
        assert tag not in {"style", "iframe", "object", "embed", "base"}
        assert tag != "script" or (attributes.keys() == {"type", "src"} and "".join(texts) == "")
        assert not any(name.startswith("on") or name in {"style", "srcdoc"} for name in attributes)
        is_icon = attributes.get("rel") == "icon" and attributes["href"].startswith("data:image/")
        for name in {"href", "src", "action", "formaction", "data-url"} & attributes.keys():
            assert is_icon or attributes[name].startswith(f"{BASE}/")


def test_a_name_is_a_text_everywhere() -> None:
    for name in NASTY_NAMES:
        page = directory(row(name), crumbs=(Crumb(name, f"{BASE}/"), Crumb(name, f"{BASE}/a/")))
        assert page.only("title").texts == [name]
        assert [bdi.texts for bdi in page.all("bdi") if bdi.text not in ("", "ann")] == [[name]] * 4
        icons = [element for element in page.elements if "icon" in element.attributes.get("class", "").split()]
        labels = [f"Download {name}", f"Share {name}", f"Delete {name}"]
        assert [icon.attributes["aria-label"] for icon in icons] == labels


@settings(max_examples=100)
@given(name=st.text(min_size=1))
def test_no_name_adds_an_element_or_breaks_a_page(name: str) -> None:
    assert [element.tag for element in directory(row("x")._replace(name=name)).elements] == PLAIN_TAGS


PLAIN_TAGS = [element.tag for element in directory(row("x")).elements]


# Directories


def test_a_row_shows_its_file_or_directory_and_the_actions() -> None:
    page = directory(row("q3.csv"), row("old/"))
    file, folder = page.only("a", class_="file"), page.only("a", class_="directory")
    assert (file.attributes["href"], file.text) == (f"{BASE}/reports/q3.csv", "q3.csv")
    assert (folder.attributes["href"], folder.text) == (f"{BASE}/reports/old/", "old/ directory")
    size, modified = page.only("data"), page.only("time")
    assert (size.text, size.attributes) == ("1.2 MB", {"value": "1234567", "title": "1,234,567 bytes"})
    assert (modified.text, modified.attributes) == ("14 Nov 2023, 22:13 UTC", {"datetime": "2023-11-14T22:13:20Z"})
    assert page.only("a", aria_label="Download q3.csv").attributes["href"] == f"{BASE}/reports/q3.csv?download"
    assert page.only("button", data_do="delete").attributes["data-url"] == f"{BASE}/reports/q3.csv"
    shared = [button.attributes["data-name"] for button in page.all("button", data_do="share")]
    assert shared == ["reports", "q3.csv", "old/"]


def test_a_page_offers_only_what_the_visitor_may_do_and_hides_what_needs_a_script() -> None:
    denied = directory(row("q3.csv", may=False), may_share=False)
    assert not {"share", "delete", "choose"} & {button.attributes.get("data-do") for button in denied.all("button")}
    assert denied.all("input", type="file") == []
    allowed = directory(row("q3.csv"), uploads=ANY_UPLOADS)
    for action in ("share", "delete", "choose"):
        for button in allowed.all("button", data_do=action):
            assert {"hidden", "data-script"} <= button.attributes.keys()
    for tag, element_id in (("section", "uploads"), ("div", "tools")):
        assert "hidden" in allowed.only(tag, id=element_id).attributes


def test_the_holder_of_a_link_keeps_the_token_and_sees_when_the_link_expires() -> None:
    page = directory(row("q3.csv", query="?token=abc", may=False), visitor=GUEST)
    assert "Shared with you by a link, until 14 Nov 2023, 22:13 UTC." in page.text
    assert page.only("a", class_="icon download").attributes["href"] == f"{BASE}/reports/q3.csv?token=abc&download"


def test_a_visitor_can_sign_in_and_sign_out() -> None:
    signed_in, anyone = directory(), directory(visitor=ANYONE)
    assert signed_in.only("form", action=f"{BASE}/-/logout").attributes["method"] == "post"
    assert anyone.only("a", href=f"{BASE}/-/login?next=/reports/").text == "Sign in"
    assert "Sign in" not in directory(visitor=ANYONE._replace(sign_in=False)).text
    by_header = directory(visitor=ANN._replace(by_cookie=False, sign_in=False))
    assert "Signed in with key ann" in by_header.text
    assert "Sign out" not in by_header.text
    alice = directory(visitor=ANN._replace(name="alice@example.com", by_key=False))
    assert "Signed in as alice@example.com" in alice.text


def test_the_pages_of_a_directory_lead_to_each_other() -> None:
    first = directory(row("a"), next_url=f"{BASE}/reports/?cursor=abc")
    assert first.only("a", rel="next").attributes["href"] == f"{BASE}/reports/?cursor=abc"
    assert "First page" not in first.text
    last = directory(row("a"), is_first=False)
    assert last.all("a", rel="next") == []
    assert last.only("a", class_="button").attributes["href"] == f"{BASE}/reports/"


def test_an_empty_directory_says_so() -> None:
    assert directory().only("p", class_="empty").text == "This directory is empty."
    assert "Files that you upload will appear here." in directory(uploads=ANY_UPLOADS).text
    assert "This page has no files." in directory(is_first=False).text


def test_a_visitor_who_may_only_upload_is_not_told_which_files_exist() -> None:
    inbox = ANY_UPLOADS._replace(overwrite=False, inbox=True)
    page = directory(visitor=GUEST, uploads=inbox, may_share=False, rows=None)
    assert page.only("p", class_="empty").text == "You may upload files here, but not see the files that are here."
    assert page.all("table") == []
    assert len(page.all("input", type="file")) == 1
    assert "Each file gets a unique name, so no file is replaced." in page.text
    assert "may not replace" not in page.text
    assert page.only("section").attributes["data-inbox"] == "yes"


def test_the_limits_of_uploads_are_shown_and_given_to_the_script() -> None:
    page = directory(uploads=LIMITED_UPLOADS)
    limits = "Each file may have up to 50 MB. The files must be image/* or text/plain. You may not replace a file."
    assert limits in page.text
    assert page.only("input", type="file").attributes["accept"] == "image/*,text/plain"
    names = ("overwrite", "max-bytes", "types", "part-bytes", "checksum", "inbox")
    for uploads, values in (
        (LIMITED_UPLOADS, ["no", "50000000", "image/*,text/plain", "5242880", "no", "no"]),
        (ANY_UPLOADS._replace(checksum=True), ["yes", "", "", "", "yes", "no"]),
    ):
        attributes = directory(uploads=uploads).only("section").attributes
        assert [attributes[f"data-{name}"] for name in names] == values


# Problems and sign-in


def test_a_problem_is_explained_in_words_and_an_unknown_problem_by_its_detail() -> None:
    used_up = problem("link-used-up", next_path="")
    assert used_up.only("h1").text == used_up.only("title").text == "This link has been used up"
    assert "403 link-used-up, request req-1" in used_up.text
    assert used_up.all("form") == []
    unknown = problem("made-up")
    assert unknown.only("h1").text == "Forbidden"
    assert "Do this." in unknown.text


def test_a_page_advises_to_sign_in_only_if_it_has_the_form() -> None:
    for code in ("credentials-missing", "credentials-invalid", "forbidden"):
        with_form, without_form = problem(code, next_path="/a%20b"), problem(code, next_path="")
        assert "Do this." not in with_form.text
        assert with_form.only("input", name="next").attributes["value"] == "/a%20b"
        assert "Do this." in without_form.text


def test_password_managers_know_the_form_and_a_wrong_key_is_reported() -> None:
    page, failed = sign_in(), sign_in(fault="The secret is wrong.")
    form = page.only("form", class_="sign-in").attributes
    assert (form["method"], form["action"]) == ("post", f"{BASE}/-/login")
    assert page.only("input", name="id").attributes["autocomplete"] == "username"
    secret = page.only("input", name="secret").attributes
    assert (secret["type"], secret["autocomplete"]) == ("password", "current-password")
    assert page.only("input", name="next").attributes == {"type": "hidden", "name": "next", "value": "/reports/"}
    assert page.all("p", role="alert") == []
    assert failed.only("p", role="alert").text == "The secret is wrong."
    assert failed.only("input", name="secret").attributes["aria-describedby"] == "fault"
    assert page.only("a", class_="button primary").attributes["href"] == f"{BASE}/-/login/corp?next=/reports/"


def test_the_page_of_tokens_shows_the_lines_of_a_new_token_and_keeps_the_form() -> None:
    page = token(fault="No.", made=new_token())
    assert [line.text for line in page.all("pre")] == ["curl /builds/ FILE", "machine /builds/"]
    assert "may read files, upload files below /builds/, until 14 Nov 2023, 22:13 UTC." in page.text
    assert "Put the name of your file in the place of FILE." in page.text
    form = page.only("form", class_="sign-in").attributes
    assert (form["method"], form["action"]) == ("post", f"{BASE}/-/token")
    assert (page.only("input", id="path").attributes["value"], page.only("p", role="alert").text) == ("/builds/", "No.")
    boxes = page.all("input", type="checkbox", name="action")
    assert tuple(box.attributes["value"] for box in boxes) == ACTIONS
    assert [box.attributes["value"] for box in boxes if "checked" in box.attributes] == ["read", "list"]
    assert repr(new_token()) == "NewServiceToken(/builds/ read,write until 1700000000)"
    assert token().all("pre") == token().all("p", role="alert") == []


def test_a_directory_leads_a_person_who_is_signed_in_to_the_page_of_tokens() -> None:
    page = directory(url=f"{BASE}/a%20%26%2B/")
    assert page.only("a", href=f"{BASE}/-/token?path=/a%20%26%2B/").text == "Token for curl"
    for visitor in (ANYONE, GUEST, ANN._replace(by_cookie=False)):
        assert "Token for curl" not in directory(visitor=visitor).text


# Assets


def test_pages_and_scripts_load_assets_by_the_hash_of_their_content() -> None:
    """So a browser never combines an old script with a new script."""
    page = directory()
    prefix = f"{BASE}/-/assets/"
    style = page.only("link", rel="stylesheet").attributes["href"].removeprefix(prefix)
    script = page.only("script").attributes["src"].removeprefix(prefix)
    media_types = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
    waiting, loaded = [style, script], set[str]()
    while waiting:
        name = waiting.pop()
        stem, content_hash, extension = name.split(".")
        loaded.add(f"{stem}.{extension}")
        asset = PAGES.asset(name)
        assert asset is not None, name
        assert asset.media_type == media_types[extension]
        assert content_hash == hashlib.sha256(asset.body).hexdigest()[:16]
        waiting += re.findall(r'from "\./(.*?)"', asset.body.decode())
    assert loaded == {file.name for file in FOLDER.iterdir() if file.suffix in (".css", ".js")}


FOLDER = Path(__file__).parents[3] / "chalicelib/pages"


def test_no_other_name_is_an_asset_and_assets_load_nothing_from_another_site() -> None:
    for name in ("", "page.css", "page.0000000000000000.css", "../pages/page.css", "layout.html", "page.js"):
        assert PAGES.asset(name) is None
    urls = {url for file in FOLDER.iterdir() for url in re.findall(r"https?:[^'\"\s)]+", file.read_text("utf-8"))}
    assert urls == {"http://www.w3.org/2000/svg"}


def test_sizes_are_readable() -> None:
    texts = {0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1_000: "1.0 kB", 9_949: "9.9 kB", 9_950: "10 kB"}
    texts |= {999_499: "999 kB", 999_500: "1.0 MB", 1_234_567: "1.2 MB", 5 * 10**12: "5.0 TB", 5 * 10**15: "5000 TB"}
    assert {size: readable_size(size) for size in texts} == texts


def test_only_the_first_page_loads_the_template_engine() -> None:
    """No module loads the engine when it is imported: `test_architecture.py`."""
    pages = HtmlPages()
    pages.asset("page.css")
    assert "_templates" not in vars(pages)
    pages.sign_in(SignInView(ANYONE, "/", (), "", None))
    assert "_templates" in vars(pages)
