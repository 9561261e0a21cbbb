"""The HTML pages, from views made by hand: what they show, what they load, and that a name never becomes markup."""

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urljoin

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.backends.templates import HtmlPages, readable_size
from chalicelib.core.access.rules import ACTIONS
from chalicelib.core.ports import Pages
from chalicelib.core.web.page_views import (
    Column,
    Crumb,
    DirectoryView,
    Fault,
    NavigationView,
    NewServiceToken,
    Part,
    PreviewView,
    ProblemView,
    Row,
    SignInView,
    TokenView,
    UploadForm,
    UploadsView,
    VersionedFile,
    VersionRow,
    VersionsView,
    Visitor,
)
from chalicelib.core.web.visible_text import visible
from tests.support.builders import NOW

BASE = "https://files.example.com"
ANYONE = Visitor("", by_key=False, by_cookie=False, link_expires_at=None, sign_in=True, base_url=BASE)
ANN = Visitor("ann", by_key=True, by_cookie=True, link_expires_at=None, sign_in=True, base_url=BASE)
GUEST = Visitor("", by_key=False, by_cookie=False, link_expires_at=int(NOW), sign_in=True, base_url=BASE)

COLUMNS = (Column("name", f"{BASE}/?sort=-name", "ascending"), Column("size", f"{BASE}/?sort=-size", ""))
ALONE = NavigationView(columns=COLUMNS, layout_url=f"{BASE}/reports/?grid=")
MIDDLE = ALONE._replace(
    first_url=f"{BASE}/?limit=1", previous_url=f"{BASE}/?cursor=b", next_url=f"{BASE}/?cursor=c", is_complete=False
)
ANY_UPLOADS = UploadsView(True, None, (), checksum=False, part_bytes=None, inbox=False, uses=None)
LIMITED_UPLOADS = UploadsView(
    False, 50_000_000, ("image/*", "text/plain"), False, part_bytes=5_242_880, inbox=False, uses=3
)

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

KINDS = {"image": "img", "video": "video", "audio": "audio", "pdf": "iframe", "text": "pre", "markdown": "div"}
"""The element that shows a file of each kind."""

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

    def labels(self, class_name: str) -> list[str]:
        """The names of the elements with a class, which other elements give."""
        texts = {element.attributes.get("id"): "".join(element.texts) for element in self.elements}
        labelled = [element for element in self.elements if class_name in element.attributes.get("class", "").split()]
        return [" ".join(texts[id] for id in element.attributes["aria-labelledby"].split()) for element in labelled]

    @property
    def text(self) -> str:
        return self.only("body").text


def row(name: str, *, may: bool = True, query: str = "", thumbnail: str = "") -> Row:
    is_directory = name.endswith("/")
    size, modified = (None, None) if is_directory else (1_234_567, NOW)
    url = f"{BASE}/reports/{quote(name)}{query}"
    view_url = "" if is_directory else f"{url}{'&' if query else '?'}view"
    return Row(name, is_directory, url, size, modified, may and not is_directory, may, thumbnail, view_url)


def view_of(*rows: Row, **fields: object) -> DirectoryView:
    crumbs = (Crumb("Acme files", f"{BASE}/"), Crumb("reports", f"{BASE}/reports/"))
    url = f"{BASE}/reports/"
    view = DirectoryView(ANN, crumbs, rows, ALONE, url, None, may_share=True)
    return view._replace(**fields)  # type: ignore[arg-type]


def directory(*rows: Row, **fields: object) -> Page:
    return Page(PAGES.directory(view_of(*rows, **fields)))


def problem(
    code: str = "forbidden", *, detail: str = "Do this.", next_path: str = "/reports/", visitor: Visitor = ANYONE
) -> Page:
    return Page(PAGES.problem(ProblemView(visitor, 403, "Forbidden", detail, code, "req-1", next_path, ["corp"])))


def preview(name: str = "a.txt", kind: str = "text", **fields: object) -> Page:
    url = f"{BASE}/reports/{quote(name)}"
    crumbs = (Crumb("Acme files", f"{BASE}/"), Crumb("reports", f"{BASE}/reports/"), Crumb(name, url))
    urls = {
        "url": url,
        "shown_url": f"{url}?w=9",
        "directory_url": f"{BASE}/reports/",
        "listing_url": f"{BASE}/reports/?limit=9",
    }
    view = PreviewView(
        visitor=ANN,
        crumbs=crumbs,
        kind=kind,
        size=9,
        modified="Tue, 14 Nov 2023 22:13:20 GMT",
        takes_use=False,
        store="https://s3",
        path="/a",
        **urls,
    )
    return Page(PAGES.preview(view._replace(**fields)))  # type: ignore[arg-type]


def sign_in(
    visitor: Visitor = ANYONE, next_path: str = "/reports/", fault: Fault | None = None, key_id: str = ""
) -> Page:
    return Page(PAGES.sign_in(SignInView(visitor, next_path, ["corp"], fault, key_id, None)))


def token(path: str = "/builds/", fault: str = "", made: NewServiceToken | None = None) -> Page:
    return Page(PAGES.token(TokenView(ANN, path, ("read", "list"), int(NOW), fault, made)))


def versions(name: str = "q3.csv") -> Page:
    """The page of a deleted file that the visitor can bring back in both ways, and of a directory."""
    url = f"{BASE}/reports/{quote(name)}?versionId=v"
    marker = VersionRow(f"{url}2", None, NOW, is_latest=True, may_undelete=True, may_restore=False)
    last = VersionRow(f"{url}1", 5, NOW, is_latest=False, may_undelete=False, may_restore=True)
    crumbs, part = (Crumb(name, f"{BASE}/"),), Part(name, True, f"{BASE}/a/?versions")
    return Page(PAGES.versions(VersionsView(ANN, crumbs, [part], [VersionedFile(name, [marker, last])], MIDDLE)))


def new_token(path: str = "/builds/") -> NewServiceToken:
    return NewServiceToken(path, ("read", "write"), int(NOW), f"curl {path} FILE", f"machine {path}")


# Safety


def test_no_page_has_inline_code_or_leads_to_another_site() -> None:
    nasty_rows = [row("q3/"), row("a.png", thumbnail=f"{BASE}/a.png?resize=96x96"), *map(row, NASTY_NAMES)]
    nasty_crumbs = tuple(Crumb(name, f"{BASE}/") for name in NASTY_NAMES)
    pages = [
        *(directory(), directory(row("a", may=False)), directory(visitor=GUEST), problem(next_path=""), problem()),
        directory(*nasty_rows, uploads=LIMITED_UPLOADS, navigation=MIDDLE, crumbs=nasty_crumbs),
        *(directory(navigation=ALONE._replace(text=name, fields=((name, name),))) for name in NASTY_NAMES),
        directory(rows=None, parts=tuple(Part(name, name.endswith("/"), f"{BASE}/") for name in NASTY_NAMES)),
        *(problem("made-up", detail=name, next_path=name) for name in NASTY_NAMES),
        *(
            sign_in(visitor, f"/{name}", Fault("sign-in-failed", name), name)
            for visitor in (ANYONE, ANN)
            for name in NASTY_NAMES
        ),
        *(sign_in(ANYONE._replace(name=name)) for name in NASTY_NAMES),
        *(token(name, name, new_token(name)) for name in NASTY_NAMES),
        *(preview(name, kind) for name in NASTY_NAMES for kind in ("", *KINDS)),
        *map(versions, NASTY_NAMES),
    ]
    for tag, attributes, texts in (element for page in pages for element in page.elements):
        assert tag not in {"style", "object", "embed", "base"}
        assert tag != "script" or (attributes.keys() == {"type", "src"} and "".join(texts) == "")
        assert not any(name.startswith("on") or name in {"style", "srcdoc"} for name in attributes)
        is_icon = attributes.get("rel") == "icon" and attributes["href"].startswith("data:image/")
        urls = {"href", "src", "action", "formaction", "data-url", "data-listing", "data-marker"}
        for name in urls & attributes.keys():
            assert is_icon or urljoin(f"{BASE}/reports/", attributes[name]).startswith(f"{BASE}/")


def test_a_name_is_a_text_everywhere() -> None:
    for name in NASTY_NAMES:
        page = directory(row(name), crumbs=(Crumb(name, f"{BASE}/"), Crumb(name, f"{BASE}/a/")))
        name = visible(name)
        assert page.only("title").texts == [name]
        assert [bdi.texts for bdi in page.all("bdi") if bdi.text not in ("", "ann")] == [[name]] * 4
        assert page.labels("icon") == [f"Download {name}", f"Share {name}", f"Delete {name}"]


@settings(max_examples=100)
@given(name=st.text(min_size=1))
def test_no_name_adds_an_element_or_breaks_a_page(name: str) -> None:
    assert [element.tag for element in directory(row("x")._replace(name=name)).elements] == PLAIN_TAGS


PLAIN_TAGS = [element.tag for element in directory(row("x")).elements]


# Versions


def test_a_version_names_its_file_and_time_in_each_action() -> None:
    page = versions("a<b")
    names = {element.attributes.get("id", ""): element.text for element in page.elements}
    ids = [
        element.attributes["aria-labelledby"].split()
        for tag in ("a", "button")
        for element in page.all(tag)
        if "aria-labelledby" in element.attributes
    ]
    time = "2023-11-14 22:13 UTC"
    assert [" ".join(names[id] for id in each) for each in ids] == [
        *(f"{action} a<b Earlier version, {time}" for action in ("Open", "Download")),
        *(f"Bring back a<b {what}, {time}" for what in ("Deleted", "Earlier version")),
    ]
    assert page.only("form", method="post", action=f"{BASE}/reports/a%3Cb?versionId=v1&restore")
    assert "hidden" in page.only("button", data_marker=f"{BASE}/reports/a%3Cb?versionId=v2").attributes


# Directories


def test_a_row_shows_its_file_or_directory_and_the_actions() -> None:
    page = directory(row("q3.csv"), row("old/"))
    file, folder = page.only("a", class_="file"), page.only("a", class_="directory")
    assert (file.attributes["href"], file.text) == ("q3.csv?view", "q3.csv")
    assert (folder.attributes["href"], folder.text) == ("old/", "old/ directory")
    assert (file.attributes["data-kind"], "data-kind" in folder.attributes) == ("text", False)
    size, modified = page.only("data"), page.only("time")
    assert (size.text, size.attributes) == ("1.2 MB", {"value": "1234567"})
    assert (modified.text, modified.attributes) == ("2023-11-14 22:13 UTC", {"datetime": "2023-11-14T22:13:20Z"})
    assert page.only("a", class_="icon download").attributes["href"] == "q3.csv?download"
    assert page.labels("icon") == ["Download q3.csv", "Share q3.csv", "Delete q3.csv", "Share old/"]


def test_a_program_that_mirrors_a_page_follows_one_relative_url_of_each_file() -> None:
    """A name that begins with a slash is not taken for a path or a host."""
    page = directory(*(row(name)._replace(view_url="") for name in ("q3.csv", "/a", "//a")))
    hrefs = [link.attributes["href"] for link in page.elements if link.attributes.get("class") == "file"]
    assert (hrefs, page.all("a", class_="icon download")) == (["q3.csv", ".//a", ".///a"], [])


def test_a_page_offers_only_what_the_visitor_may_do_and_hides_what_needs_a_script() -> None:
    assert [len(directory(counts_uses=offers).all("select", id="uses")) for offers in (True, False)] == [1, 0]
    denied = directory(row("q3.csv", may=False), may_share=False)
    assert not {"share", "delete", "choose"} & {button.attributes.get("data-do") for button in denied.all("button")}
    assert denied.all("input", type="file") == []
    assert [text.text for text in denied.all("noscript")] == ["Filter"]
    allowed = directory(row("q3.csv"), uploads=ANY_UPLOADS)
    assert "allow scripts" in "".join(text.text for text in allowed.all("noscript"))
    for action in ("share", "delete", "choose"):
        for button in allowed.all("button", data_do=action):
            assert {"hidden", "data-script"} <= button.attributes.keys()
    assert "hidden" in allowed.only("section", id="uploads").attributes


def test_an_inbox_has_a_form_for_a_browser_without_scripts() -> None:
    form = UploadForm(("image/png", "text/csv"), "", "", {}, 5 * 1024**3, 0)
    inbox = ANY_UPLOADS._replace(inbox=True)
    page = directory(uploads=inbox._replace(form=form))
    assert [link.text for link in page.all("a", class_="button", href=f"{BASE}/reports/?type=image/png")] == [
        "PNG pictures"
    ]
    assert (page.all("input", type="file", name="file"), "allow scripts" in page.text) == ([], False)
    fields = {"key": 'in/\u202e"><script>/${filename}', "policy": "e30="}
    signed = form._replace(types=(), url="https://bucket.example.com/", fields=fields, seconds=300)
    page = directory(uploads=inbox._replace(form=signed))
    sent = page.only("form", action="https://bucket.example.com/", method="post", enctype="multipart/form-data")
    inputs = page.elements[page.elements.index(sent) + 1 :][: len(fields) + 2]
    names = [element.attributes["name"] for element in inputs if element.tag == "input"]
    assert names == ["key", "policy", "file"]  # S3 ignores the fields after the file
    assert inputs[0].attributes["value"] == fields["key"]
    assert "works for 300 seconds" in page.text


def test_the_holder_of_a_link_keeps_the_token_and_sees_when_the_link_expires() -> None:
    page = directory(row("q3.csv", query="?token=abc", may=False), visitor=GUEST)
    assert "Shared with you by a link, until 2023-11-14 22:13 UTC." in page.text
    assert page.only("a", class_="icon download").attributes["href"] == "q3.csv?token=abc&download"


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


def test_the_parts_of_a_directory_lead_to_each_other_at_both_ends() -> None:
    middle = directory(row("a"), navigation=MIDDLE)
    for rel, url in (("prev", f"{BASE}/?cursor=b"), ("next", f"{BASE}/?cursor=c")):
        assert [link.attributes["href"] for link in middle.all("a", rel=rel)] == [url] * 2
    assert middle.text.count("First page") == 2
    assert "up to 20,000 names at a time" in middle.text
    alone, second = directory(row("a")), directory(navigation=MIDDLE._replace(first_url=MIDDLE.previous_url))
    assert alone.all("nav", class_="pages") == alone.all("div", class_="pages") == []
    assert "First page" not in second.text


def test_the_order_and_the_filter_work_without_scripts() -> None:
    page = directory(row("a"), navigation=ALONE._replace(text='"ä"', fields=(("sort", "-size"), ("recursive", ""))))
    sorts = [(head.attributes.get("aria-sort"), head.text) for head in page.all("th", scope="col")]
    assert sorts == [("ascending", "Name"), (None, "Size"), (None, "Actions")]
    assert [page.only("a", href=column.url).text for column in COLUMNS] == ["Name", "Size"]
    inputs = [
        (field.attributes["name"], field.attributes["value"])
        for field in page.all("input")
        if "name" in field.attributes
    ]
    assert inputs[:3] == [("q", '"ä"'), ("sort", "-size"), ("recursive", "")]
    assert [button.text for button in page.all("button")].count("Filter") == 1


def test_an_empty_directory_says_so() -> None:
    assert directory().only("p", class_="empty").text == "This directory is empty."
    assert "hidden" in directory().only("form", id="tools").attributes
    assert "Files that you upload will appear here." in directory(uploads=ANY_UPLOADS).text
    assert "This page has no files." in directory(navigation=MIDDLE).text
    assert "No name here contains ä." in directory(navigation=NavigationView(text="ä")).text


def test_a_visitor_who_may_only_upload_is_not_told_which_files_exist() -> None:
    inbox = ANY_UPLOADS._replace(overwrite=False, inbox=True)
    page = directory(visitor=GUEST, uploads=inbox, may_share=False, rows=None)
    assert page.only("p", class_="empty").text == "You may upload files here, but not see the files that are here."
    assert page.all("table") == []
    assert page.only("input", id="files")
    assert "Each file gets a unique name, so no file is replaced." in page.text
    assert "may not replace" not in page.text
    assert page.only("section").attributes["data-inbox"] == "yes"


def test_the_limits_of_uploads_are_shown_and_given_to_the_script() -> None:
    page = directory(uploads=LIMITED_UPLOADS)
    limits = (
        "Each file may have up to 50 MB. The files must be pictures or text/plain. "
        "The link still takes this number of files: 3. You may not replace a file."
    )
    assert limits in page.text
    assert page.only("input", id="files").attributes["accept"] == "image/*,text/plain"
    names = ("overwrite", "max-bytes", "types", "part-bytes", "checksum", "inbox", "uses")
    for uploads, values in (
        (LIMITED_UPLOADS, ["no", "50000000", "image/*,text/plain", "5242880", "no", "no", "3"]),
        (ANY_UPLOADS._replace(checksum=True), ["yes", "", "", "", "yes", "no", ""]),
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


def test_a_problem_leads_a_person_who_is_signed_in_to_all_files() -> None:
    """The top has no link to itself. A visitor who is not signed in may see nothing there."""
    for visitor, next_path, count in ((ANN, "/a", 1), (ANN, "", 1), (ANN, "/", 0), (ANYONE, "", 0)):
        assert len(problem(visitor=visitor, next_path=next_path).all("a", href=f"{BASE}/")) == count


def test_a_page_advises_to_sign_in_only_if_it_has_the_form() -> None:
    for code in ("credentials-missing", "credentials-invalid", "forbidden"):
        with_form, without_form = problem(code, next_path="/a%20b"), problem(code, next_path="")
        assert "Do this." not in with_form.text
        assert with_form.only("input", name="next").attributes["value"] == "/a%20b"
        assert "Do this." in without_form.text


def test_password_managers_know_the_form_and_a_wrong_key_is_reported() -> None:
    page, failed = sign_in(), sign_in(fault=Fault("wrong-key", "No."), key_id="ann")
    form = page.only("form", class_="sign-in").attributes
    assert (form["method"], form["action"]) == ("post", f"{BASE}/-/login")
    assert page.only("input", name="id").attributes["autocomplete"] == "username"
    secret = page.only("input", name="secret").attributes
    assert (secret["type"], secret["autocomplete"]) == ("password", "current-password")
    assert page.only("input", name="next").attributes == {"type": "hidden", "name": "next", "value": "/reports/"}
    assert page.all("p", role="alert") == []
    assert failed.only("p", role="alert").text == "The id or the secret is wrong. Check both, or ask for a new key."
    assert failed.only("input", name="id").attributes["value"] == "ann"
    assert failed.only("input", name="secret").attributes["aria-describedby"] == "fault"
    assert page.only("a", class_="button primary").attributes["href"] == f"{BASE}/-/login/corp?next=/reports/"


def test_the_page_of_tokens_shows_the_lines_of_a_new_token_and_keeps_the_form() -> None:
    page = token(fault="No.", made=new_token())
    assert [line.text for line in page.all("pre")] == ["curl /builds/ FILE", "machine /builds/"]
    assert "may read files, upload files below /builds/, until 2023-11-14 22:13 UTC." in page.text
    assert "Put the name of your file in the place of FILE." in page.text
    form = page.only("form", class_="sign-in").attributes
    assert (form["method"], form["action"]) == ("post", f"{BASE}/-/token")
    assert (page.only("input", id="path").attributes["value"], page.only("p", role="alert").text) == (
        "/builds/",
        "No token was made. No.",
    )
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


# Files


def test_the_page_of_a_file_loads_what_its_kind_needs_and_nothing_of_a_link_with_uses() -> None:
    for kind, tag in KINDS.items():
        shown = preview(kind=kind).all(tag)[-1].attributes
        assert kind in ("text", "markdown") or shown["src"] == f"{BASE}/reports/a.txt?w=9"
    for page, button in ((preview(kind=""), "Download"), (preview(kind="", takes_use=True), "Download, takes one use")):
        assert page.only("a", href=f"{BASE}/reports/a.txt?download").text == button
        assert not any(page.all(tag) for tag in ("img", "video", "audio", "iframe", "pre"))
    gone = preview(kind="", size=None)
    assert "This file does not exist any more." in gone.text
    assert gone.only("a", id="all-files").attributes["href"] == f"{BASE}/reports/"
    assert gone.all("a", href=f"{BASE}/reports/a.txt?download") == []


# Assets


def test_pages_and_scripts_load_assets_by_the_hash_of_their_content() -> None:
    """So a browser never combines an old script with a new script."""
    page = directory(navigation=ALONE._replace(is_grid=True))
    prefix = f"{BASE}/-/assets/"
    file = preview()
    links = [link for each in (page, token(), file) for link in each.all("link", rel="stylesheet")]
    styles = [link.attributes["href"].removeprefix(prefix) for link in links]
    script = page.only("script").attributes["src"].removeprefix(prefix)
    words = page.only("main").attributes["data-words"].removeprefix(prefix)
    media_types = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
    pages = (token(), file, versions())
    others = [other.only("script").attributes["src"].removeprefix(prefix) for other in pages]
    waiting, loaded = [*styles, script, *others, words], set[str]()
    while waiting:
        name = waiting.pop()
        stem, content_hash, extension = name.rsplit(".", 2)
        loaded.add(f"{stem}.{extension}")
        asset = PAGES.asset(name)
        assert asset is not None, name
        assert asset.media_type == media_types[extension]
        assert (
            re.search(r"^\s*//|^/\*", asset.body.decode(), re.MULTILINE) is None or "/" in name
        )  # a library's licence
        assert content_hash == hashlib.sha256(asset.body).hexdigest()[:16]
        waiting += re.findall(r'(?:from |import\(|importScripts\(|new URL\()"\./(.*?)"', asset.body.decode())
    files = {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*") if file.suffix in (".css", ".js")}
    assert loaded == files | {"words.en.js"}
    preloaded = {link.attributes["href"].removeprefix(prefix) for link in page.all("link", rel="modulepreload")}
    assert preloaded == imported_by(script)  # so a browser fetches no script of the first view after another


def imported_by(script: str) -> set[str]:
    """The names of a script and of all scripts that it imports when it loads."""
    names, waiting = set[str](), [script]
    while waiting:
        names.add(name := waiting.pop())
        asset = PAGES.asset(name)
        assert asset
        waiting += re.findall(r'from "\./(.*?)"', asset.body.decode())
    return names


FOLDER = Path(__file__).parents[3] / "chalicelib/pages"


def test_no_other_name_is_an_asset_and_assets_load_nothing_from_another_site() -> None:
    for name in ("", "page.css", "page.0000000000000000.css", "../pages/page.css", "layout.html", "page.js"):
        assert PAGES.asset(name) is None
    texts = [re.sub(r"/\*.*?\*/", "", file.read_text("utf-8"), flags=re.DOTALL) for file in FOLDER.glob("**/*.*")]
    assert {url for text in texts for url in re.findall(r"https?:/+\w[^'\"\s)]+", text)} == {
        "http://www.w3.org/2000/svg"
    }


def test_sizes_are_readable() -> None:
    texts = {0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1_000: "1.0 kB", 9_949: "9.9 kB", 9_950: "10 kB"}
    texts |= {999_499: "999 kB", 999_500: "1.0 MB", 1_234_567: "1.2 MB", 5 * 10**12: "5.0 TB", 5 * 10**15: "5000 TB"}
    assert {size: readable_size(size) for size in texts} == texts


def test_only_the_first_page_loads_the_template_engine() -> None:
    """No module loads the engine when it is imported: `test_architecture.py`."""
    pages = HtmlPages()
    pages.asset("page.css")
    assert "_templates" not in vars(pages)
    pages.sign_in(SignInView(ANYONE, "/", (), None, "", None))
    assert "_templates" in vars(pages)
