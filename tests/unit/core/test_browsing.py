"""A directory as JSON and as a page: the same entries, and what the page offers is what its reader may do."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib.core.access.rules import Rule
from chalicelib.core.ports import ListedKeys
from chalicelib.core.s3.mounts import Target
from chalicelib.core.web.message import Reply
from chalicelib.core.web.page_views import DirectoryView, Row
from chalicelib.core.web.times import Deadline
from tests.support.builders import ANN, BASE_URL, DEADLINE, NOW, allow, basic, deny, mount, numbered
from tests.support.fakes import Objects, PlainPages, Signpost, ask, code, signpost
from tests.support.file_store import Files
from tests.support.token_store import Tokens

KEYS = ["a/1.txt", "a/2 ü+%.txt", "a/sub/x", "b"]
RULES = numbered(
    deny("/a/sub/**", "share"),
    allow("/a/**", "read list write delete share", "key:ann", overwrite=False, max_bytes=9)._replace(
        content_types=("text/*",)
    ),
    allow("/**", "read list"),
)
BROWSER = {"accept": "text/html,*/*;q=0.8"}


def a_service(rules: tuple[Rule, ...] = RULES, counter: Tokens | None = None, **rest: Any) -> Signpost:
    return signpost(rules=rules, objects=Objects(buckets={"acme-files": KEYS}), counter=counter, **rest)


def read(raw_path: str = "/a/", headers: Mapping[str, str] | None = None, **query: str) -> Reply:
    return ask("GET", raw_path, by=a_service(counter=Tokens()), query=query, headers=headers)


def test_a_program_gets_json() -> None:
    reply = read()
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.headers["Cache-Control"] == "no-store"
    assert json.loads(reply.body) == {
        "path": "/a/",
        "entries": [
            {
                "name": "1.txt",
                "type": "file",
                "size": 7,
                "modified": "2023-11-14T22:13:20Z",
                "etag": '"7"',
                "url": "https://files.example.com/a/1.txt",
            },
            {
                "name": "2 ü+%.txt",
                "type": "file",
                "size": 11,
                "modified": "2023-11-14T22:13:20Z",
                "etag": '"11"',
                "url": "https://files.example.com/a/2%20%C3%BC%2B%25.txt",
            },
            {
                "name": "sub/",
                "type": "directory",
                "size": None,
                "modified": None,
                "etag": None,
                "url": "https://files.example.com/a/sub/",
            },
        ],
        "next": None,
    }


def test_all_levels_are_named_from_the_directory() -> None:
    found = json.loads(read("/a/", recursive="").body)
    assert [entry["name"] for entry in found["entries"]] == ["1.txt", "2 ü+%.txt", "sub/x"]


def test_next_is_the_cursor_of_what_follows() -> None:
    first = json.loads(read(limit="2").body)
    second = json.loads(read(limit="2", cursor=first["next"]).body)
    assert [entry["name"] for entry in (*first["entries"], *second["entries"])] == ["1.txt", "2 ü+%.txt", "sub/"]
    assert second["next"] is None


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "", "1.5", "٣", "00001", "9" * 99])
def test_a_limit_is_a_number_up_to_a_thousand(limit: str) -> None:
    reply = read(limit=limit)
    assert (reply.status, code(reply)) == (400, "bad-parameter")


@pytest.mark.parametrize("cursor", ["", "x", "a" * 64, "é"])
def test_a_cursor_that_was_not_made_here_is_refused(cursor: str) -> None:
    assert (read(cursor=cursor).status, code(read(cursor=cursor))) == (400, "bad-parameter")


def test_head_says_what_get_would() -> None:
    get, head = read(), ask("HEAD", "/a/", by=a_service())
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


# One-time links


def test_links_open_each_file_once() -> None:
    by = a_service(counter=Tokens())
    listed = json.loads(ask("GET", "/a/", by=by, query={"links": ""}, headers=basic("ann")).body)
    files = [entry["url"] for entry in listed["entries"] if entry["type"] == "file"]
    assert len(files) == 2
    for url in files:
        parts = urlsplit(url)
        again = [ask("GET", parts.path, by=by, query=dict(parse_qsl(parts.query))).status for _ in range(2)]
        assert again == [307, 410]
    assert [entry["url"] for entry in listed["entries"] if entry["type"] == "directory"] == [f"{BASE_URL}/a/sub/"]


def test_links_are_for_what_their_maker_may_share() -> None:
    by = a_service(counter=Tokens())
    assert ask("GET", "/a/", by=by, query={"links": ""}).status == 401
    assert ask("GET", "/", by=by, query={"links": ""}, headers=basic("ann")).status == 403
    listed = json.loads(ask("GET", "/a/", by=by, query={"links": "", "recursive": ""}, headers=basic("ann")).body)
    shared = {entry["name"]: "token" in entry["url"] for entry in listed["entries"]}
    assert shared == {"1.txt": True, "2 ü+%.txt": True, "sub/x": False}


def test_links_write_nothing() -> None:
    tokens = Tokens()
    tokens.reachable = False
    assert ask("GET", "/a/", by=a_service(counter=tokens), query={"links": ""}, headers=basic("ann")).status == 200


def test_links_need_a_table_to_be_counted_in() -> None:
    reply = ask("GET", "/a/", by=a_service(), query={"links": ""}, headers=basic("ann"))
    assert (reply.status, code(reply)) == (501, "not-offered")


# The page


class Seen(PlainPages):
    """Pages that keep what they were given."""

    def __init__(self) -> None:
        self.directories: list[DirectoryView] = []

    def directory(self, view: DirectoryView) -> bytes:
        self.directories.append(view)
        return b"<html>"


def page(
    raw_path: str = "/a/",
    who: Mapping[str, str] | None = None,
    *,
    rules: tuple[Rule, ...] = RULES,
    query: Mapping[str, str] | None = None,
) -> DirectoryView:
    seen = Seen()
    by = a_service(rules, counter=Tokens(), pages=seen)
    reply = ask("GET", raw_path, by=by, query=query, headers={**BROWSER, **(who or {})})
    assert (reply.status, reply.body) == (200, b"<html>")
    return seen.directories[0]


def rows(view: DirectoryView) -> tuple[Row, ...]:
    assert view.rows is not None
    return view.rows


def test_a_browser_gets_a_page_that_may_reach_the_store_and_nothing_else() -> None:
    reply = read(headers=BROWSER)
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (
        "connect-src 'self' https://acme-files.s3.eu-west-1.amazonaws.com;" in reply.headers["Content-Security-Policy"]
    )


def test_the_page_shows_the_same_entries() -> None:
    view = page()
    listed = json.loads(read().body)["entries"]
    assert [(row.name, row.url, row.size) for row in rows(view)] == [
        (entry["name"], entry["url"], entry["size"]) for entry in listed
    ]
    assert [row.is_directory for row in rows(view)] == [False, False, True]


def test_the_crumbs_lead_from_the_top_to_here() -> None:
    assert page("/a/sub/").crumbs == (
        ("Acme files", f"{BASE_URL}/"),
        ("a", f"{BASE_URL}/a/"),
        ("sub", f"{BASE_URL}/a/sub/"),
    )
    assert page("/").crumbs == (("Acme files", f"{BASE_URL}/"),)


def test_the_page_offers_what_its_reader_may_do() -> None:
    view = page(who=basic("ann"))
    assert [(row.name, row.may_delete, row.may_share) for row in rows(view)] == [
        ("1.txt", True, True),
        ("2 ü+%.txt", True, True),
        ("sub/", False, False),
    ]
    assert view.may_share
    assert view.uploads == (False, 9, ("text/*",), False, 5 * 1024**2, False)
    assert view.visitor == ("key:ann", False, None, True, BASE_URL)


def test_the_page_offers_anyone_nothing_but_to_read() -> None:
    view = page()
    assert not any(row.may_delete or row.may_share for row in rows(view))
    assert (view.may_share, view.uploads) == (False, None)
    assert view.visitor == ("", False, None, True, BASE_URL)


def test_whoever_is_signed_in_by_a_cookie_can_sign_out() -> None:
    from chalicelib.core.access.principals import ApiKeys
    from chalicelib.core.access.sessions import Sessions
    from tests.support.builders import KEYS as API_KEYS
    from tests.support.fakes import signer

    cookie = Sessions(ApiKeys(API_KEYS), signer("session")).cookie(ANN, NOW, DEADLINE).partition(";")[0]
    assert page(who={"cookie": cookie}).visitor == ("key:ann", True, None, True, BASE_URL)


def test_the_next_part_of_a_page_is_a_link() -> None:
    view = page(query={"limit": "2"})
    assert (len(rows(view)), view.is_first) == (2, True)
    following = dict(parse_qsl(urlsplit(view.next_url).query))
    rest = page(query=following)
    assert ([row.name for row in rows(rest)], rest.is_first, rest.next_url) == (["sub/"], False, "")


def test_the_holder_of_a_link_sees_no_more_than_it_opens() -> None:
    tokens, seen = Tokens(), Seen()
    by = a_service(counter=tokens, pages=seen)
    made = ask("POST", "/a/", by=by, query={"link": ""}, headers=basic("ann"), body=b'{"uses": null}')
    token = json.loads(made.body)["token"]
    ask("GET", "/a/", by=by, query={"token": token, "limit": "2"}, headers=BROWSER)
    (view,) = seen.directories
    assert view.crumbs == (("a", f"{BASE_URL}/a/?token={token}"),)
    assert [row.url for row in rows(view)] == [
        f"{BASE_URL}/a/1.txt?token={token}",
        f"{BASE_URL}/a/2%20%C3%BC%2B%25.txt?token={token}",
    ]
    assert not any(row.may_delete or row.may_share for row in rows(view))
    assert (view.may_share, view.uploads) == (False, None)
    assert view.visitor == ("", False, int(NOW) + 86_400, True, BASE_URL)
    assert dict(parse_qsl(urlsplit(view.next_url).query))["token"] == token


def test_the_page_may_send_to_the_stores_of_what_is_inside() -> None:
    mounts = [mount(), mount("/a/other", bucket="other"), mount("/elsewhere", bucket="elsewhere")]
    reply = ask("GET", "/a/", by=a_service(mounts=mounts), headers=BROWSER)
    policy = reply.headers["Content-Security-Policy"]
    assert "https://other.s3.eu-west-1.amazonaws.com" in policy
    assert "elsewhere" not in policy


# Thumbnails

PICTURES = ["p/1.jpg", "p/2 ü.PNG", "p/notes.txt", "p/sub/x.jpg", "big/1.jpg"]
PICTURE_RULES = numbered(
    allow("/p/2 ü.PNG", "read")._replace(image_sizes=("640x", "x64", "64x")),
    allow("/**", "read list share"),
)


class Gallery(Objects):
    """A store in which what is below `big/` is larger than anything that is rendered."""

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
        page = super().list(target, DEADLINE, recursive=recursive, after=after, limit=limit)
        return page._replace(keys=[one._replace(size=33_554_433) if "big/" in one.key else one for one in page.keys])


def thumbnails(raw_path: str = "/p/", headers: Mapping[str, str] | None = None, **query: str) -> list[str]:
    """What the page of a directory shows of each entry."""
    seen = Seen()
    store = Gallery(buckets={"acme-files": PICTURES})
    by = signpost(rules=PICTURE_RULES, objects=store, counter=Tokens(), pages=seen)
    if "uses" in query:
        body = json.dumps({"uses": json.loads(query.pop("uses"))}).encode()
        made = ask("POST", raw_path, by=by, query={"link": ""}, headers=headers, body=body)
        query["token"] = json.loads(made.body)["token"]
    assert ask("GET", raw_path, by=by, query=query, headers={**BROWSER, **(headers or {})}).status == 200
    found = [row.thumbnail for row in rows(seen.directories[0])]
    return [url.replace(query["token"], "TOKEN") if "token" in query else url for url in found]


JPG, UMLAUT = f"{BASE_URL}/p/1.jpg?", f"{BASE_URL}/p/2%20%C3%BC.PNG?"


def test_files_that_are_called_images_have_a_small_one_of_a_size_that_their_rule_lists() -> None:
    assert thumbnails() == [f"{JPG}w=96&h=96&format=jpeg", f"{UMLAUT}h=64&format=jpeg", "", ""]
    assert thumbnails("/big/") == [""]
    assert thumbnails("/") == ["", ""]


def test_a_small_image_is_asked_for_as_its_reader_and_by_no_link_of_its_own() -> None:
    """A one-time link is for the file: to look at a page must not use it up."""
    assert thumbnails(headers=basic("ann"), links="") == thumbnails()


def test_by_a_link_that_is_counted_there_are_none() -> None:
    assert thumbnails(headers=basic("ann"), uses="9") == ["", "", "", ""]


def test_by_any_other_link_they_are_asked_for_by_it() -> None:
    expected = [f"{JPG}token=TOKEN&w=96&h=96&format=jpeg", f"{UMLAUT}token=TOKEN&h=64&format=jpeg", "", ""]
    assert thumbnails(headers=basic("ann"), uses="null") == expected


def test_what_is_shown_can_be_had() -> None:
    by = signpost(rules=PICTURE_RULES, objects=Files(dict.fromkeys(PICTURES, b"\xff\xd8\xff" + bytes(99))))
    for url in thumbnails()[:2]:
        parts = urlsplit(url)
        assert ask("GET", parts.path, by=by, query=dict(parse_qsl(parts.query))).status == 307
