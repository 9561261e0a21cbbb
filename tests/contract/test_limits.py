"""Limits of requests, as callers meet them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .drivers import without_http
from .sites import GUEST, SETTINGS, Site, Store, Table, open_site

# The first limit keeps the maker of links out of the last limit. Every test asks as another caller.
LIMITS = """
[[limits]]
to = ["key:ci"]
requests = 1_000
per_seconds = 86_400

[[limits]]
to = ["anyone"]
requests = 3
per_seconds = 86_400
"""


@pytest.fixture(scope="module")
def limited_site(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with limits of requests, and two files."""
    folder, keys = tmp_path_factory.mktemp("limits"), ("tenant/team/ranges.txt", "tenant/linked-limit.txt")
    for key in keys:
        store.client().put_object(Bucket=store.bucket, Key=key, Body=b"0123456789a")
    with open_site(store, table, folder, store.environ(), settings=SETTINGS + LIMITS, driver=driver) as site:
        yield site
    for key in keys:
        store.client().delete_object(Bucket=store.bucket, Key=key)


def test_a_principal_gets_429_after_its_requests_and_ranges_of_a_file_are_one_request(limited_site: Site) -> None:
    """A head and a refusal count; the end of the file still arrives after the limit is used up."""
    site, url = limited_site, limited_site.at("/team/ranges.txt")
    ranges = [("-L", "-r", f"{number}-{number}", url) for number in range(11)]
    answers = site.curl_all([*ranges, ("-I", url), (site.at("/secret/a"),), (url,), ranges[0]], user=GUEST)
    assert b"".join(answer.body for answer in answers[:11]) == b"0123456789a"
    head, refused, over, end = answers[11:]
    assert (head.status, refused.status, over.status, over.code) == (307, 403, 429, "too-many-requests")
    assert 0 < int(over.headers["retry-after"]) <= 86_400
    assert (end.status, end.body) == (206, b"0")
    page = site.curl("-H", "Accept: text/html", url, user=GUEST)
    assert (page.status, b"Too many requests" in page.body, b"Ask again in" in page.body) == (429, True, True)
    assert site.curl(url).status == 307  # another key


def test_holders_of_links_are_counted_by_link_and_never_against_the_maker(limited_site: Site) -> None:
    """No client chooses its address."""
    site = limited_site
    for _ in range(2):
        link = site.link("/linked-limit.txt", uses=None)
        calls = [("-H", f"X-Forwarded-For: 198.51.100.{number}", link) for number in range(4)]
        assert [answer.status for answer in site.curl_all(calls, user=None)] == [307, 307, 307, 429]
    assert site.curl(site.of("linked-limit.txt")).status == 307


@without_http
def test_without_the_table_the_settings_decide(driver: str, store: Store, table: Table, tmp_path: Path) -> None:
    for choice, status in (("admit", 307), ("refuse", 503)):
        folder = tmp_path / choice
        folder.mkdir()
        settings = SETTINGS.replace("[service]", f'[service]\nlimits_without_table = "{choice}"') + LIMITS
        with (
            open_site(store, table, folder, store.environ(), settings=settings, driver=driver) as site,
            table.gone(),
        ):
            assert site.curl(site.of("a.txt")).status == status
            assert ("limits: not counted" in site.log.read_text()) == (choice == "admit")
