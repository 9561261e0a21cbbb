"""What the page of a file gets to show, and the way from a listing to the page and back."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.core.web.message import Reply
from chalicelib.core.web.page_views import PreviewView
from chalicelib.core.web.problems.base import Unavailable
from tests.support.builders import BASE_URL, allow, basic, deny, mount, numbered
from tests.support.fakes import PlainPages, Signpost, ask, signpost, token_of_link
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore

RULES = numbered(
    deny("/a/hidden/**", "list"),
    allow("/small/**", "read list")._replace(image_sizes=("96x96",)),
    allow("/a/**", "read list share versions", "key:ann"),
    allow("/a/**", "read list"),
    allow("/small/**", "share", "key:ann"),
)
AS_ANN = basic("ann")
S3 = "https://acme-files.s3.eu-west-1.amazonaws.com"
A = f"{BASE_URL}/a/"


class KeptViews(PlainPages):
    """Pages that keep the views of files."""

    def __init__(self) -> None:
        self.views: list[PreviewView] = []

    def preview(self, view: PreviewView) -> bytes:
        self.views.append(view)
        return b"<html>"


class Browser:
    """A browser in front of a service, which keeps the views of the pages of files."""

    def __init__(self) -> None:
        self.pages, self.store = KeptViews(), MemoryStore()
        for name in ("a/1 ü.jpg", "a/b.md", "a/c.txt", "a/d.pdf", "a/e.mp4", "a/f.mp3", "a/g.zip", "a/hidden/x.png"):
            self.store.put(name, b"123")
        self.store.put("a/long.txt", bytes(1_000_001))
        self.store.put("a/noname", b"1", "text/plain; charset=utf-8")
        for folder in ("a", "small"):
            for name in ("large.jpg", "large.gif"):
                self.store.put(f"{folder}/{name}", bytes(2_000_001))
        self.service: Signpost = signpost(
            rules=RULES,
            objects=self.store,
            counter=MemoryLinkUseCounter(),
            pages=self.pages,
            mounts=[mount(cache_seconds=60)],
        )

    def open(self, raw_path: str, headers: Mapping[str, str] | None = None, **query: str) -> Reply:
        fields = {"accept": "text/html", **(headers or {})}
        return ask("GET", raw_path, service=self.service, query={"view": "", **query}, headers=fields)

    def view(self, raw_path: str, headers: Mapping[str, str] | None = None, **query: str) -> PreviewView:
        reply = self.open(raw_path, headers, **query)
        assert (reply.status, reply.body) == (200, b"<html>")
        return self.pages.views[-1]

    def new_token(self, raw_path: str, **wanted: object) -> str:
        return token_of_link(self.service, raw_path, "ann", **wanted)


def test_a_kind_decides_what_the_page_may_load_from_the_store() -> None:
    browser = Browser()
    for name, kind, directive in (
        ("1%20%C3%BC.jpg", "image", "img-src"),
        ("b.md", "markdown", "connect-src"),
        ("c.txt", "text", "connect-src"),
        ("noname", "text", "connect-src"),
        ("d.pdf", "pdf", "frame-src"),
        ("e.mp4", "video", "media-src"),
        ("f.mp3", "audio", "media-src"),
        ("g.zip", "", ""),
        ("long.txt", "", ""),
    ):
        reply = browser.open(f"/a/{name}")
        policy = [part.split() for part in reply.headers["Content-Security-Policy"].split("; ")]
        assert [part[0] for part in policy if S3 in part] == ([directive] if directive else []), name
        assert (reply.headers["Cache-Control"], browser.pages.views[-1].kind) == ("no-store", kind)
    assert browser.view("/a/d.pdf").shown_url.startswith(f"{A}d.pdf?response-content-type=application%2Fpdf&")
    assert browser.view("/a/c.txt")[3:7] == (f"{A}c.txt", f"{A}c.txt", 3, "Tue, 14 Nov 2023 22:13:20 GMT")
    assert browser.store.calls[-1:] == ["HEAD a/c.txt"]
    browser.store.error = Unavailable("S3 does not answer.")
    assert browser.open("/a/c.txt").status == 503


def test_a_large_image_is_shown_in_the_size_of_a_screen_where_the_rule_allows_the_size() -> None:
    browser = Browser()
    small = "?w=2048&h=2048"
    for path, query in (("a/large.jpg", small), ("a/large.gif", ""), ("a/1 ü.jpg", ""), ("small/large.jpg", "")):
        view = browser.view("/" + path.replace(" ü", "%20%C3%BC"))
        assert view.shown_url == view.url + query


def test_an_address_has_the_order_and_the_filter_of_the_listing_and_no_cursor() -> None:
    browser = Browser()
    for listing, query, back in (
        ({}, "?view", ""),
        ({"sort": "-size", "q": "Ü", "limit": "1"}, "?view&sort=-size&q=%C3%9C", "?q=%C3%9C&sort=-size"),
        ({"sort": "-name", "q": "ü", "recursive": ""}, "?view&sort=-name", "?sort=-name"),
    ):
        program = {"accept": "text/html"}
        for headers in (program, {**program, "sec-fetch-mode": "navigate"}):
            page = ask("GET", "/a/", service=browser.service, query=listing, headers=headers).body.decode()
            assert (f"view_url='{A}" not in page) == (headers is program)
        address = f"{A}1%20%C3%BC.jpg{query}"
        assert f"view_url={address!r}" in page
        assert f"view_url='{A}g.zip?download'" in page or listing
        parts = urlsplit(address)
        view = browser.view(parts.path, None, **dict(parse_qsl(parts.query, keep_blank_values=True)))
        assert view.directory_url == f"{A}{back}"
        found = dict(parse_qsl(urlsplit(view.listing_url).query))
        assert found == {"limit": "1000", "sort": "name", **dict(parse_qsl(back.strip("?")))}
    assert browser.open("/a/c.txt", sort="by-name").status == 400


def test_the_page_leads_only_where_the_visitor_may_go() -> None:
    browser = Browser()
    assert browser.view("/a/hidden/x.png")[-4:-2] == ("", "")
    view = browser.view("/a/c.txt", AS_ANN, versionId="v1")
    assert (view.url, view.directory_url, view.listing_url) == (f"{A}c.txt?versionId=v1", A, "")
    token = browser.new_token("/a/", uses=None)
    view = browser.view("/a/c.txt", token=token)
    assert (view.url, view.directory_url) == (f"{A}c.txt?token={token}", f"{A}?token={token}")
    assert f"token={token}" in view.listing_url
    assert "token" not in view.path
    view = browser.view("/a/c.txt", token=browser.new_token("/a/c.txt", uses=None))
    assert ([crumb.name for crumb in view.crumbs], view.directory_url, view.listing_url) == (["c.txt"], "", "")


def test_the_page_takes_no_use_of_a_link_and_loads_nothing_of_the_file() -> None:
    browser = Browser()
    token = browser.new_token("/a/", uses=1)
    for _ in range(3):
        view = browser.view("/a/1%20%C3%BC.jpg", token=token)
        assert (view.kind, view.takes_use, view.listing_url, view.size) == ("", True, "", 3)
    assert ask("GET", "/a/c.txt", service=browser.service, query={"token": token, "view": ""}).status == 307
    for name in ("c.txt", "gone.txt"):
        assert browser.open(f"/a/{name}", token=token).status == 410


def test_a_file_that_is_gone_has_a_page_with_the_way_back() -> None:
    browser = Browser()
    reply = browser.open("/a/gone.jpg")
    view = browser.pages.views[-1]
    assert (reply.status, view.size, view.directory_url) == (404, None, A)
    assert S3 not in reply.headers["Content-Security-Policy"]
    record = browser.service.log[-1]
    assert (record["status"], record["code"], record["action"]) == (404, "not-found", "read")


@pytest.mark.parametrize("accept", ["", "*/*", "image/avif,*/*"])
def test_a_program_gets_the_file(accept: str) -> None:
    """No cache keeps this redirect, because a cache would give it to a browser too."""
    browser = Browser()
    reply = browser.open("/a/c.txt", {"accept": accept})
    assert (reply.status, reply.headers["Cache-Control"]) == (307, "no-store")
    assert browser.store.calls == []
