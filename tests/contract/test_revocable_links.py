"""Revocable links: the table knows them at each use, and `/-/links` lists them for their maker alone."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from .drivers import over_http, without_http
from .sites import GUEST, SECRET, Site, Store, Table
from .test_rotation import cookie_of

BODY = b"0123456789"


@pytest.fixture(scope="module", autouse=True)
def files(store: Store) -> Iterator[None]:
    """Files to link to."""
    keys = ("tenant/kept.txt", "tenant/lent/a.txt", "tenant/team/ours/b.txt")
    for key in keys:
        store.client().put_object(Bucket=store.bucket, Key=key, Body=BODY)
    yield
    for key in keys:
        store.client().delete_object(Bucket=store.bucket, Key=key)


def make(site: Site, path: str, action: str = "read") -> str:
    """The URL of a new revocable link."""
    return site.link(path, action=action, uses=None, revocable=True)


def listed(site: Site, **credentials: Any) -> dict[str, dict[str, Any]]:
    """The links of `/-/links` by their ids."""
    answer = site.curl(site.at("/-/links"), **credentials)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store"), answer
    return {link["id"]: link for link in answer.json()["links"]}


def id_of(link: str) -> str:
    """The id of a link: a part of its token, which is no secret."""
    return link.partition("token=")[2][8:24]


def test_a_revocable_link_opens_until_its_maker_revokes_it_by_its_id_or_by_its_url(site: Site, store: Store) -> None:
    """For every method: the holder of a revoked link gets no redirect, no page and no answer of the store."""
    reads: list[tuple[str, ...]] = [(), ("-I",), ("-X", "OPTIONS"), ("-r", "4-")]
    write = ("-X", "PUT", "-d", "", "-H", "If-None-Match: *")
    for path, action, inside, calls, by_url in (
        ("/kept.txt", "read", "/kept.txt", reads, False),
        ("/lent/", "read", "/lent/", reads[:3], True),
        ("/lent/", "write", "/lent/new.txt", [write], True),
    ):
        link_id = id_of(link := make(site, path, action))
        used = [(*call, link.replace(f"{path}?", f"{inside}?")) for call in calls]
        assert {answer.status for answer in site.curl_all(used, None)} <= {200, 204, 307}, (path, action)
        shown = listed(site)[link_id]
        assert (shown.pop("expires_at")[-1], shown) == ("Z", {"id": link_id, "path": path, "action": action})
        revoke = ("-X", "DELETE", link if by_url else site.at(f"/-/links/{link_id}"))
        assert [answer.status for answer in site.curl_all([revoke] * 2)] == [204, 204 if by_url else 404]
        assert link_id not in listed(site)
        for answer in site.curl_all(used, None):
            assert (answer.status, "location" in answer.headers) == (410, False), (path, by_url)
    assert site.curl("-L", site.at("/kept.txt")).body == BODY


def test_a_link_that_cannot_be_revocable_is_refused_in_words(site: Site) -> None:
    for fields, text in (
        ({"revocable": True}, "A link with a number of uses can always be revoked."),
        ({"revocable": True, "uses": 5}, "A link with a number of uses can always be revoked."),
        ({"revocable": 1, "uses": None}, "revocable must be true or false."),
        ({"revocable": None, "uses": None}, "revocable must be true or false."),
    ):
        answer = site.curl("-d", json.dumps(fields), f"{site.at('/kept.txt')}?link")
        assert (answer.status, answer.json()["detail"][: len(text)]) == (400, text), fields
    link = site.link("/kept.txt", uses=None, revocable=False)
    assert site.curl("-X", "DELETE", link).code == "not-revocable"


def test_only_the_maker_sees_and_revokes_a_link(site: Site) -> None:
    """Neither another key, nor the holder of the link, nor a browser on a page of another site."""
    link_id = id_of(link := make(site, "/team/ours/b.txt"))
    others = site.curl("-d", '{"uses": null, "revocable": true}', f"{site.at('/team/ours/b.txt')}?link", user=GUEST)
    assert others.status == 201
    assert link_id not in listed(site, user=GUEST)
    assert len(listed(site, user=GUEST)) == 1
    token, url = link.partition("?")[2], site.at(f"/-/links/{link_id}")
    cookie, origin = f"Cookie: {cookie_of(site, SECRET)}", "/".join(site.url.split("/")[:3])
    attacks: list[tuple[int, str | None, tuple[str, ...]]] = [
        (404, GUEST, ("-X", "DELETE", url)),
        (403, GUEST, ("-X", "DELETE", link)),
        (401, None, ("-X", "DELETE", url)),
        (401, "ci:wrong", ("-X", "DELETE", url)),
        (403, None, ("-X", "DELETE", f"{url}?{token}")),
        (403, None, (site.at(f"/-/links?{token}"),)),
        (401, None, (site.at("/-/links"),)),
        (403, f"ci:{SECRET}", ("-d", "", url)),
        (403, f"ci:{SECRET}", ("-d", "", "-H", "Origin: https://evil.example.com", url)),
        (403, None, ("-d", "", "-H", "Origin: null", "-H", cookie, url)),
        (403, None, ("-X", "DELETE", "-H", "Origin: https://evil.example.com", "-H", cookie, url)),
        (403, None, ("-X", "DELETE", "-H", cookie, url)),
        *(
            (404, f"ci:{SECRET}", ("-X", "DELETE", f"{url[:-1]}{end}"))
            for end in ("", "%00"[1:], "?", "/", "é", "x" * 99)
        ),
        (404, f"ci:{SECRET}", ("-X", "DELETE", site.at("/-/links/"))),
        (405, f"ci:{SECRET}", ("-X", "DELETE", site.at("/-/links"))),
        (405, f"ci:{SECRET}", (url,)),
        (405, f"ci:{SECRET}", ("-X", "PUT", "-d", "", url)),
    ]
    answers = site.curl_all([(*call, *(("-u", user) if user else ())) for _, user, call in attacks], user=None)
    assert [answer.status for answer in answers] == [status for status, *_ in attacks]
    for path, methods in (("", "GET, HEAD, OPTIONS"), (f"/{link_id}", "POST, DELETE, OPTIONS")):
        answer = site.curl("-X", "OPTIONS", site.at(f"/-/links{path}"), user=None)
        assert (answer.status, answer.headers["allow"]) == (204, methods)
    assert site.open(link).body == BODY
    page = site.curl("-H", cookie, "-H", "Accept: text/html", site.at("/-/links"), user=None)
    assert (page.status, f'action="{url}"'.encode() in page.body) == (200, True)
    form = site.curl("-d", "", "-H", cookie, "-H", f"Origin: {origin}", url, user=None)
    assert (form.status, form.headers["location"]) == (303, site.at("/-/links"))
    assert site.open(link).code == "link-revoked"
    assert token.partition("=")[2] not in site.log.read_text()


@without_http
def test_a_service_token_sees_and_revokes_the_links_that_it_may_share(site: Site) -> None:
    cookie, origin = f"Cookie: {cookie_of(site, SECRET)}", "/".join(site.url.split("/")[:3])

    def bearer(path: str, *actions: str) -> tuple[str, str]:
        body = json.dumps({"path": path, "actions": actions})
        fields = ("-H", "Content-Type: application/json", "-H", cookie, "-H", f"Origin: {origin}")
        made = site.curl("-d", body, *fields, site.at("/-/token"), user=None)
        return "-H", f"Authorization: Bearer {made.json()['token']}"

    def sees(token: tuple[str, str]) -> set[str]:
        seen = {link["id"]: link["path"] for link in site.curl(*token, site.at("/-/links"), user=None).json()["links"]}
        return {path for link_id, path in seen.items() if link_id not in before}

    before = listed(site).keys()
    link, outside = make(site, "/lent/a.txt"), make(site, "/kept.txt")
    below, file = bearer("/lent/", "read", "share"), bearer("/kept.txt", "read", "share")
    reader = bearer("/lent/", "read", "write")
    assert (sees(below), sees(file), sees(reader)) == ({"/lent/a.txt"}, {"/kept.txt"}, set())
    url = site.at(f"/-/links/{id_of(link)}")
    for token, status in ((file, 404), (reader, 404), (below, 204)):
        assert site.curl(*token, "-X", "DELETE", url, user=None).status == status
    assert [site.open(each).status for each in (link, outside)] == [410, 200]


def test_an_unreachable_table_is_a_503_and_a_new_table_knows_no_link(site: Site, table: Table) -> None:
    link_id = id_of(link := make(site, "/lent/"))
    free = site.link("/kept.txt", uses=None)
    calls = [(link,), ("-I", link), (link.replace("/lent/", "/lent/a.txt"),), ("-X", "OPTIONS", link)]
    with table.gone():
        answers = site.curl_all(calls, user=None)
        wanted = ("-d", '{"uses": null, "revocable": true}', f"{site.at('/kept.txt')}?link")
        asked = [
            (site.at("/-/links"),),
            ("-X", "DELETE", site.at(f"/-/links/{link_id}")),
            ("-X", "DELETE", link),
            wanted,
        ]
        for answer in (*answers, *site.curl_all(asked)):
            assert (answer.status, "location" in answer.headers, answer.headers["retry-after"]) == (503, False, "5")
        assert site.open(free).body == BODY
    assert {answer.status for answer in site.curl_all(calls, user=None)} == {410}


@over_http
def test_no_request_after_a_revocation_is_redirected_however_many_race(site: Site) -> None:
    link_id = id_of(link := make(site, "/kept.txt"))
    revoked = threading.Event()

    def use(_: int) -> set[int]:
        """Use the link until it is revoked; return the statuses of the requests that began afterwards."""
        late: set[int] = set()
        while not late:
            is_late = revoked.is_set()
            status = requests.get(link, allow_redirects=False, timeout=30).status_code
            assert status in (307, 410)
            late |= {status} if is_late else set()
        return late

    with ThreadPoolExecutor(6) as clients:
        racing = clients.map(use, range(6))
        assert site.curl("-X", "DELETE", site.at(f"/-/links/{link_id}")).status == 204
        revoked.set()
    assert set.union(*racing) == {410}
