"""A person who may open only parts of the tree is led to these parts by pages, and learns nothing else."""

import json
import re
from urllib.parse import urljoin

from tests.support.entry_points import Answer

from .sites import GUEST, Site, Store

BROWSER = ("-H", "Accept: text/html")


def links(site: Site, page: Answer, path: str = "/") -> list[str]:
    """The paths of the links of the page at a path to directories and files."""
    assert (page.status, page.headers["content-type"], page.headers["cache-control"]) == (
        200,
        "text/html; charset=utf-8",
        "no-store",
    )
    hrefs = re.findall(r'<a href="([^"?]*)"', page.body.decode())
    paths = [urljoin(site.at(path), href).removeprefix(site.url) for href in hrefs]
    return [path for path in paths if not path.startswith("/-/")]


def test_a_person_is_led_to_the_parts_that_the_rules_let_the_person_open(site: Site) -> None:
    """Each link of the page leads to a page."""
    page = site.curl(*BROWSER, site.at("/"), user=GUEST)
    parts = links(site, page)
    assert parts == ["/inbox/", "/notices/2026/", "/team/", "/versions/"]
    for path, answer in zip(
        parts, site.curl_all([(*BROWSER, site.at(path)) for path in parts], user=GUEST), strict=True
    ):
        assert links(site, answer, path)[:1] == ["/"]  # the way back
    notices = site.curl(*BROWSER, site.at("/notices/"), user=GUEST)
    assert links(site, notices, "/notices/") == ["/", "/notices/2026/"]
    head = site.curl("-I", *BROWSER, site.at("/"), user=GUEST)
    assert (head.status, head.headers["content-type"]) == (200, page.headers["content-type"])


def test_a_visitor_sees_the_parts_for_anyone_and_the_offer_to_sign_in(site: Site) -> None:
    page = site.curl(*BROWSER, site.at("/"), user=None)
    assert links(site, page) == ["/notices/2026/"]
    assert f'href="{site.url}/-/login?next=/"'.encode() in page.body
    assert not [name for name in (b"team", b"inbox", b"secret", b"guest") if name in page.body]


def test_programs_and_paths_without_parts_get_the_refusal(site: Site) -> None:
    for user, status in ((GUEST, 403), (None, 401)):
        calls = [
            *((site.at(path),) for path in ("/", "/notices/", "/inbox/")),
            *((*BROWSER, site.at(path)) for path in ("/secret/", "/team/private/", "/notices/2025/", "/public/")),
            *(("-X", method, *BROWSER, site.at("/")) for method in ("OPTIONS", "DELETE")),
        ]
        for call, answer in zip(calls, site.curl_all(calls, user=user), strict=True):
            assert answer.status == status, call


def test_a_person_who_may_write_and_not_list_gets_the_upload_page(site: Site, store: Store) -> None:
    """The page shows no file, and the log says which rule allows the uploads."""
    store.client().put_object(Bucket=store.bucket, Key="tenant/inbox/theirs.txt", Body=b"x")
    page = site.curl(*BROWSER, site.at("/inbox/"), user=GUEST)
    assert (page.status, b'id="uploads"' in page.body, b"theirs" in page.body) == (200, True, False)
    assert b'id="uploads"' not in site.curl(*BROWSER, site.at("/"), user=GUEST).body
    lines = [json.loads(line) for line in site.log.read_text().splitlines() if line.startswith("{")]
    logged = [[line[name] for name in ("path", "action", "status", "code")] for line in lines[-2:]]
    assert logged == [["/inbox/", "write", 200, None], ["/", "list", 200, None]]
    assert [line["rule"] is None for line in lines[-2:]] == [False, True]
