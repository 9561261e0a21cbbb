"""What the page of a directory gets to show: the template alone decides how, so the tests read the view."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urljoin, urlsplit

from chalicelib.core.web.message import Reply
from chalicelib.core.web.page_views import DirectoryView, Row
from tests.support.builders import BASE_URL, NOW, allow, basic, deny, mount, numbered
from tests.support.fakes import PlainPages, Signpost, ask, signpost, token_of_link
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.revocable_links import MemoryRevocableLinks
from tests.support.store import MemoryStore

RULES = numbered(
    deny("/a/sub/**", "share"),
    allow("/a/**", "read list write delete share", "key:ann", overwrite=False, max_bytes=9)._replace(
        content_types=("text/*",)
    ),
    allow("/inbox/**", "write share", "key:ann", max_bytes=10),
    allow("/p/2 ü.PNG", "read")._replace(image_sizes=("640x", "x64", "64x")),
    allow("/p/**", "share", "key:ann"),
    allow("/**", "read list"),
)
NAMES = ("a/1.txt", "a/2 ü+%.txt", "a/sub/x", "b", "p/1.jpg", "p/2 ü.PNG", "p/notes.txt", "p/sub/x.jpg")
AS_ANN = basic("ann")


class KeptViews(PlainPages):
    """Pages that keep their views."""

    def __init__(self) -> None:
        self.views: list[DirectoryView] = []

    def directory(self, view: DirectoryView) -> bytes:
        self.views.append(view)
        return b"<html>"


class Browser:
    """A browser in front of a service, which keeps the views of its pages."""

    def __init__(self, **rest: object) -> None:
        self.pages = KeptViews()
        store = MemoryStore(NAMES)
        store.put("big/1.jpg", bytes(33_554_433))  # larger than any image that is rendered
        settings = {"rules": RULES, "objects": store, "counter": MemoryLinkUseCounter(), "pages": self.pages, **rest}
        self.service: Signpost = signpost(**settings)  # type: ignore[arg-type]

    def open(self, raw_path: str, headers: Mapping[str, str] | None = None, **query: str) -> Reply:
        return ask(
            "GET",
            raw_path,
            service=self.service,
            query=query,
            headers={"accept": "text/html", "sec-fetch-mode": "navigate", **(headers or {})},
        )

    def view(self, raw_path: str = "/a/", headers: Mapping[str, str] | None = None, **query: str) -> DirectoryView:
        reply = self.open(raw_path, headers, **query)
        assert (reply.status, reply.body) == (200, b"<html>")
        return self.pages.views[-1]

    def new_token(self, raw_path: str, **wanted: object) -> str:
        return token_of_link(self.service, raw_path, "ann", **wanted)


def rows(view: DirectoryView) -> tuple[Row, ...]:
    assert view.rows is not None
    return view.rows


def test_the_page_shows_the_entries_of_the_json() -> None:
    browser = Browser()
    entries = json.loads(ask("GET", "/a/", service=browser.service).body)["entries"]
    page = [(row.name, row.url, row.size, row.is_directory) for row in rows(browser.view())]
    assert page == [(entry["name"], entry["url"], entry["size"], entry["size"] is None) for entry in entries]


def test_the_page_may_send_to_the_stores_of_its_mounts_and_to_no_other() -> None:
    mounts = [mount(), mount("/a/other", bucket="other"), mount("/elsewhere", bucket="elsewhere")]
    policy = Browser(mounts=mounts).open("/a/").headers["Content-Security-Policy"]
    stores = (f"https://{bucket}.s3.eu-west-1.amazonaws.com" for bucket in ("acme-files", "other"))
    assert f"connect-src 'self' {' '.join(stores)};" in policy


def test_the_crumbs_lead_from_the_top_to_the_directory() -> None:
    top = ("Acme files", f"{BASE_URL}/")
    assert Browser().view("/a/sub/").crumbs == (top, ("a", f"{BASE_URL}/a/"), ("sub", f"{BASE_URL}/a/sub/"))
    assert Browser().view("/").crumbs == (top,)


def test_the_page_offers_what_its_reader_may_do() -> None:
    view = Browser().view(headers=AS_ANN)
    assert [(row.name, row.may_delete, row.may_share) for row in rows(view)] == [
        ("1.txt", True, True),
        ("2 ü+%.txt", True, True),
        ("sub/", False, False),
    ]
    assert (view.may_share, view.uploads) == (True, (False, 9, ("text/*",), False, 5 * 1024**2, False, None, None))
    assert view.visitor == ("ann", True, False, None, True, BASE_URL, "", "")
    view = Browser().view()
    assert not any(row.may_delete or row.may_share for row in rows(view))
    assert (view.may_share, view.uploads) == (False, None)
    assert view.visitor == ("", False, False, None, True, BASE_URL, "", "")


def test_links_are_kept_for_a_visitor_with_credentials_and_where_there_is_a_table() -> None:
    """The list of a link's maker is not for the holder of the link. Without a table, no link has a number of uses."""
    browser = Browser(revocable_links=MemoryRevocableLinks())
    token = browser.new_token("/a/", uses=None, revocable=True)
    views = (browser.view(headers=AS_ANN), browser.view(), browser.view(token=token), Browser().view(headers=AS_ANN))
    assert [view.keeps_links for view in views] == [True, False, False, False]
    assert [view.counts_uses for view in views] == [True, True, True, False]
    assert views[2].visitor.link_maker == "ann"


def follow(browser: Browser, url: str) -> DirectoryView:
    """The page at a URL of a view of /a/."""
    parts = urlsplit(urljoin(f"{BASE_URL}/a/", url))
    return browser.view(parts.path, None, **dict(parse_qsl(parts.query, keep_blank_values=True)))


def test_the_parts_of_a_page_lead_to_each_other() -> None:
    """Also in a directory that is too large for one LIST, which has the order of S3."""
    browser = Browser()
    large = Browser(objects=MemoryStore([f"a/{number:04}" for number in range(1_001)]))
    for opened, limit, query in ((browser, "1", {}), (browser, "1", {"q": "."}), (large, "400", {})):
        views = [opened.view("/a/", None, limit=limit, **query)]
        while views[-1].navigation.next_url:
            views.append(follow(opened, views[-1].navigation.next_url))
        assert len(views) == (2 if query else 3)
        back = [follow(opened, view.navigation.previous_url) for view in views[1:]]
        assert [view.rows for view in back] == [view.rows for view in views[:-1]]
        assert all(follow(opened, view.navigation.first_url).rows == views[0].rows for view in views[1:])
        assert (views[0].navigation.first_url, views[0].navigation.previous_url) == ("", "")
        assert {view.navigation.text for view in views} == {query.get("q", "")}
        expected = {"", "ascending"} if opened is browser else {""}
        assert {column.direction for view in views for column in view.navigation.columns} == expected


def test_a_page_has_200_entries_and_the_order_that_its_columns_lead_to() -> None:
    browser = Browser(objects=MemoryStore([f"a/{number}" for number in range(300)]))
    view = browser.view()
    assert [row.name for row in rows(view)] == [str(number) for number in range(200)]
    assert [(column.name, column.direction) for column in view.navigation.columns] == [
        ("name", "ascending"), ("size", ""), ("modified", "")
    ]  # fmt: skip
    for position, name, direction in ((0, "299", "descending"), (1, "0", "descending"), (2, "0", "descending")):
        sorted_view = follow(browser, browser.view(q="9", limit="7").navigation.columns[position].url)
        assert (rows(sorted_view)[0].name, len(rows(sorted_view))) == (name.replace("0", "9"), 7)
        assert sorted_view.navigation.columns[position].direction == direction
        assert sorted_view.navigation.text == "9"
        assert sorted_view.navigation.fields == (("limit", "7"), ("sort", ("-name", "-size", "-modified")[position]))
        again = follow(browser, sorted_view.navigation.columns[position].url)
        assert again.navigation.columns[position].direction == "ascending"


def test_all_ways_from_a_grid_lead_to_grids() -> None:
    """The other layout shows the same part."""
    browser = Browser(objects=MemoryStore([f"a/{name}" for name in ("1.jpg", "2.jpg", "3.jpg", "up/x")]))
    token = browser.new_token("/a/", uses=None)
    for query in ({}, {"token": token}):
        first = browser.view("/a/", None, grid="", limit="2", **query)
        second = follow(browser, first.navigation.next_url)
        links = [rows(second)[1].url, first.crumbs[0].url, second.navigation.previous_url]
        links += [column.url for column in second.navigation.columns]
        for view in (first, second, *(follow(browser, url) for url in links)):
            assert view.navigation.is_grid
            assert ("grid", "") in view.navigation.fields
        as_list = follow(browser, second.navigation.layout_url)
        assert [row.name for row in rows(as_list)] == ["3.jpg", "up/"]
        assert (as_list.navigation.is_grid, "grid" in rows(as_list)[1].url) == (False, False)
        assert follow(browser, as_list.navigation.layout_url).rows == second.rows
    assert browser.view().navigation.layout_url == "?grid="
    assert browser.view(grid="").navigation.layout_url == "./"
    urls = [
        entry["url"]
        for entry in json.loads(ask("GET", "/a/", service=browser.service, query={"grid": ""}).body)["entries"]
    ]
    assert urls[-1] == f"{BASE_URL}/a/up/"


def test_all_ways_from_a_listing_lead_to_listings_where_a_directory_has_an_index_file() -> None:
    store = MemoryStore(["a/1.jpg", "a/up/x"])
    browser = Browser(objects=store, mounts=[mount()._replace(index_file="index.html")])
    view = browser.view("/a/", None, list="")
    links = [rows(view)[0].view_url, rows(view)[1].url, view.crumbs[0].url]
    links += [view.navigation.layout_url, view.navigation.columns[0].url]
    assert all("list=" in url for url in links)
    assert ("list", "") in view.navigation.fields


def test_a_long_trail_loses_the_first_parts_but_not_the_way_back() -> None:
    names = [f"a/{number:02}{'x' * 200}" for number in range(20)]
    browser = Browser(objects=MemoryStore(names))
    views = [browser.view(limit="1", sort="name")]
    while views[-1].navigation.next_url:
        views.append(follow(browser, views[-1].navigation.next_url))
        assert len(views[-1].navigation.next_url) < 3_000
        assert follow(browser, views[-1].navigation.previous_url).rows == views[-2].rows
    assert len(views) == len(names)


def test_the_holder_of_a_link_sees_no_more_than_the_link_opens() -> None:
    browser = Browser()
    token = browser.new_token("/a/", uses=None)
    view = browser.view(token=token, limit="2")
    assert view.crumbs == (("a", f"{BASE_URL}/a/?token={token}"),)
    names = ("1.txt", "2%20%C3%BC%2B%25.txt")
    assert [row.url for row in rows(view)] == [f"{BASE_URL}/a/{name}?token={token}" for name in names]
    assert not any(row.may_delete or row.may_share for row in rows(view))
    assert (view.may_share, view.uploads) == (False, None)
    assert view.visitor == ("", False, False, int(NOW) + 86_400, True, BASE_URL, "", "ann")
    next_url = browser.view(token=token, limit="1").navigation.next_url
    assert dict(parse_qsl(urlsplit(next_url).query))["token"] == token


def test_the_upload_page_of_a_write_link_lists_nothing_and_replaces_nothing() -> None:
    """Also where the maker of the link may replace files."""
    browser = Browser()
    for raw_path, max_bytes in (("/inbox/", 10), ("/a/", 9)):
        token = browser.new_token(raw_path, action="write", uses=None)
        view = browser.view(raw_path, token=token)
        assert (view.rows, view.may_share, view.navigation.next_url) == (None, False, "")
        assert view.uploads
        assert (view.uploads.overwrite, view.uploads.max_bytes, view.uploads.inbox) == (False, max_bytes, True)
        assert ask("GET", raw_path, service=browser.service, query={"token": token}).status == 403
        assert browser.open(f"{raw_path}x", token=token).status == 403


JPG, UMLAUT = f"{BASE_URL}/p/1.jpg?", f"{BASE_URL}/p/2%20%C3%BC.PNG?"


def thumbnails(raw_path: str = "/p/", headers: Mapping[str, str] | None = None, **query: str) -> list[str]:
    return [row.thumbnail for row in rows(Browser().view(raw_path, headers, **query))]


def test_a_file_with_the_name_of_an_image_has_a_thumbnail_of_a_size_that_its_rule_lists() -> None:
    assert thumbnails() == [f"{JPG}w=96&h=96&format=jpeg", f"{UMLAUT}h=64&format=jpeg", "", ""]
    assert thumbnails("/big/") == [""]
    assert thumbnails("/") == [""] * 4
    assert thumbnails(grid="") == [f"{JPG}w=400&h=400&fit=cover&format=jpeg", f"{UMLAUT}w=640&format=jpeg", "", ""]


def test_a_thumbnail_takes_no_use_of_a_link() -> None:
    """Its URL has no one-time token. With a link that counts uses, there are no thumbnails."""
    assert thumbnails(headers=AS_ANN, links="") == thumbnails()
    browser = Browser()
    counted, free = (browser.new_token("/p/", uses=uses) for uses in (9, None))
    assert [row.thumbnail for row in rows(browser.view("/p/", token=counted))] == [""] * 4
    page = [row.thumbnail for row in rows(browser.view("/p/", token=free))]
    assert page == [f"{JPG}token={free}&w=96&h=96&format=jpeg", f"{UMLAUT}token={free}&h=64&format=jpeg", "", ""]
