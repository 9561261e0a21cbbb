"""What a browser gets at a directory that its visitor may not list."""

from urllib.parse import parse_qsl, urlsplit

from tests.support.builders import BASE_URL, allow, basic, deny, mount, numbered
from tests.support.fakes import Failing, ask, code

from .test_directory_pages import AS_ANN, Browser

RULES = numbered(
    allow("/users/{user}/**", "read list write", "key:ann"),
    allow("/inbox/**", "write", "key:ann", max_bytes=9),
    allow("/inbox/ann/**", "read list", "key:ann"),
    allow("/docs/a ü.txt", "read", "authenticated"),
    allow("/teams/*/public/**", "read list", "authenticated"),
)


def browser(**rest: object) -> Browser:
    """A browser in front of a store that fails where a request asks the store."""
    return Browser(rules=RULES, objects=Failing(AssertionError("asked")), **rest)


def test_the_page_has_the_parts_below_with_their_names_and_urls() -> None:
    mounts = [mount(), mount("/other", bucket="secret-bucket")]
    page = browser(mounts=mounts)
    view = page.view("/", AS_ANN)
    assert (view.rows, view.uploads, view.may_share, view.navigation.next_url, view.visitor.name) == (
        None,
        None,
        False,
        "",
        "ann",
    )
    assert view.parts == (
        ("docs/a ü.txt", False, f"{BASE_URL}/docs/a%20%C3%BC.txt?view"),
        ("inbox/", True, f"{BASE_URL}/inbox/"),
        ("inbox/ann/", True, f"{BASE_URL}/inbox/ann/"),
        ("users/ann/", True, f"{BASE_URL}/users/ann/"),
    )
    assert "secret-bucket" not in page.open("/", AS_ANN).headers["Content-Security-Policy"]
    assert [part.name for part in page.view("/users/", AS_ANN).parts] == ["ann/"]
    assert [part.name for part in page.view("/", basic("ci")).parts] == ["docs/a ü.txt"]


def test_the_upload_page_has_the_limits_of_the_rule_and_the_parts_below() -> None:
    page = browser()
    view = page.view("/inbox/", AS_ANN)
    assert view.uploads
    assert (view.uploads.max_bytes, view.uploads.inbox, [part.name for part in view.parts]) == (9, True, ["ann/"])
    assert [page.service.log[-1][name] for name in ("action", "rule")] == ["write", 2]
    assert "amazonaws.com" in page.open("/inbox/", AS_ANN).headers["Content-Security-Policy"]


def test_a_crumb_without_a_page_for_the_visitor_has_no_url() -> None:
    page = browser()
    assert page.view("/teams/red/", AS_ANN).crumbs == (
        *(("Acme files", f"{BASE_URL}/"), ("teams", ""), ("red", f"{BASE_URL}/teams/red/")),
    )
    shared = Browser(rules=numbered(allow("/a/b/", "list"), allow("/a/**", "read share write")))
    for action, directory, has_url in (("read", "/a/b/", [False, True]), ("write", "/a/b/c/", [True, True, True])):
        token = shared.new_token("/a/", action=action, uses=None)
        assert [crumb.url != "" for crumb in shared.view(directory, token=token).crumbs] == has_url


def test_a_listing_has_the_parts_that_no_listing_shows() -> None:
    """These are the parts below a directory that the person may not list, and the directories to upload into."""
    rules = (
        deny("/a/in/**", "list"),
        deny("/a/b/", "list"),
        allow("/", "list"),
        allow("/a/**", "list read share", "key:ann"),
    )
    named = (("/a/in/**", "write"), ("/a/b/c/**", "list"), ("/users/{user}/**", "list"))
    listed = Browser(rules=numbered(*rules, *(allow(path, actions, "key:ann") for path, actions in named)))
    assert [part.name for part in listed.view("/", AS_ANN).parts] == ["a/b/c/", "a/in/", "users/ann/"]
    first = listed.view("/a/", AS_ANN, limit="1")
    assert [part.name for part in first.parts] == ["b/c/", "in/"]
    assert listed.view("/a/", AS_ANN, **dict(parse_qsl(urlsplit(first.navigation.next_url).query))).parts == ()
    assert listed.view("/a/", token=listed.new_token("/a/", uses=None)).parts == ()


def test_the_refusal_stands_where_the_page_would_show_nothing() -> None:
    for raw_path in ("/docs/x/", "/teams/", "/users/bob/", "/docs/b.txt"):
        assert browser().open(raw_path, AS_ANN).status == 403
        assert browser().open(raw_path).status == 401
    listed = Browser(rules=numbered(allow("/", "list"), allow("/a/**", "list"), allow("/b/**", "write")))
    assert listed.open("/", links="").status == 401
    assert code(ask("GET", "/inbox/", service=browser().service, headers=AS_ANN)) == "forbidden"


def test_a_link_opens_no_parts_beyond_its_path() -> None:
    linked = Browser(rules=numbered(allow("/a/", "read share"), allow("/a/b/**", "list read share")))
    token = linked.new_token("/a/", uses=None)
    assert linked.open("/a/", token=token).status == 403
