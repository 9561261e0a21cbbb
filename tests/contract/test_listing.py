"""Listings: curl follows every listed URL, to a store that verifies signatures."""

import gzip
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

from tests.support.entry_points import Answer

from .drivers import over_http
from .sites import GUEST, SECRET, Site, Store, Table

CI = f"ci:{SECRET}"

# The longest names give keys of 1,024 bytes, with the prefix of the mount and the name of the directory.
ODD = (
    "plain.txt",
    " leading and trailing ",
    "100% sure.txt",
    "%2F%20%zz.txt",
    "?query#fragment&a=b;c",
    "<script>alert(1)</script>",
    "{a}[b]|c\\^'\"`~a;b,c=d:e@f!$*()+",
    "...",
    "..dots../.hidden/trailing...",
    "c:\\windows\\..\\system",
    "\u00e9 is composed",
    "e\u0301 is not",
    "\u202eright-to-left.txt",
    "שלום/日本\u2028👩\u200d👩\u200d👧.txt",
    "\ufeffmark",
    "a//b.txt",
    "a///",
    "-/login",
    "dir/file",
    "dir!/file",
    "dir.txt",
    "UPPER/case",
    "upper/case",
    "\U0010ffff",
    "x" * 1013,
    "日" * 337 + "ab",
    "deep/" * 10 + "x" * 963,
)
MARKERS = ("a///",)  # an object whose name ends with a slash marks a directory, and is not a file


def put(store: Store, *keys: str) -> None:
    """Store these keys; the body of each object is its key."""
    s3 = store.client()
    for key in keys:
        s3.put_object(Bucket=store.bucket, Key=key, Body=key.encode())


def delete(store: Store, keys: Sequence[str]) -> None:
    """Delete these keys."""
    for start in range(0, len(keys), 1_000):
        names: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + 1_000]]
        store.client().delete_objects(Bucket=store.bucket, Delete={"Objects": names})


def entries(site: Site, url: str, user: str | None = CI) -> list[dict[str, Any]]:
    """Return the entries of the first part of a listing."""
    answer = site.curl(url, user=user)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), answer
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def names(site: Site, url: str, user: str | None = CI) -> list[str]:
    """Return the names in the first part of a listing."""
    return [entry["name"] for entry in entries(site, url, user)]


def walk(site: Site, url: str) -> dict[str, bytes]:
    """Return the bodies of all files that the URLs lead to, one level after another."""
    found = entries(site, url)
    bodies = read_all(site, [entry["url"] for entry in found if entry["type"] == "file"])
    for entry in found:
        bodies |= walk(site, entry["url"]) if entry["type"] == "directory" else {}
    return bodies


def read_all(site: Site, urls: list[str]) -> dict[str, bytes]:
    """Return the bodies of the files at these URLs."""
    answers = site.curl_all([("-L", url) for url in urls]) if urls else []
    return {url: answer.body for url, answer in zip(urls, answers, strict=True)}


def pages(site: Site, url: str) -> Iterator[Answer]:
    """Yield all parts of a listing; each request has the cursor of the part before."""
    answer = site.curl(url)
    yield answer
    while cursor := answer.json()["next"]:
        answer = site.curl(f"{url}&cursor={cursor}")
        yield answer


# Entries


def test_an_entry(site: Site, store: Store) -> None:
    """A file has the size, the time and the ETag of the store. A directory has only a name and a URL."""
    put(store, "tenant/one/file.txt", "tenant/one/deep/er.txt")
    head = store.client().head_object(Bucket=store.bucket, Key="tenant/one/file.txt")
    answer = site.curl(site.at("/one/"))
    assert answer.headers["cache-control"] == "no-store"
    modified, url = f"{head['LastModified']:%Y-%m-%dT%H:%M:%SZ}", site.at("/one/")
    facts = {"size": 19, "modified": modified, "etag": head["ETag"], "url": f"{url}file.txt"}
    directory = {"name": "deep/", "type": "directory", **dict.fromkeys(facts), "url": f"{url}deep/"}
    entries = [directory, {"name": "file.txt", "type": "file", **facts}]
    assert answer.json() == {"path": "/one/", "entries": entries, "next": None}


@pytest.fixture(scope="module")
def odd(store: Store) -> None:
    """Files with names of every kind."""
    put(store, *(f"tenant/odd/{name}" for name in ODD))


def test_every_url_leads_to_its_file(site: Site, odd: None) -> None:
    """This holds for every name of a file, from one level to the next and from the recursive list."""
    files = [name for name in ODD if name not in MARKERS]
    content = {site.of(f"odd/{name}"): f"tenant/odd/{name}".encode() for name in files}
    assert walk(site, site.at("/odd/")) == content
    everything = entries(site, f"{site.at('/odd/')}?recursive")
    assert [entry["url"] for entry in everything] == [site.of(f"odd/{entry['name']}") for entry in everything]
    assert [entry["name"] for entry in everything] == sorted(files)
    assert names(site, site.at("/odd/")) == sorted({name.partition("/")[0] + "/" * ("/" in name) for name in ODD})


def test_a_head_and_an_empty_directory(site: Site, store: Store) -> None:
    """HEAD gets the headers of GET without the body, and no redirect. A directory may be empty, as in S3."""
    answer = site.curl(site.at("/nothing/here/"))
    assert (answer.status, answer.json()["entries"], answer.json()["next"]) == (200, [], None)
    put(store, "tenant/one/file.txt")
    answer = site.curl("-I", site.at("/one/"))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert ("location" in answer.headers, b"entries" in answer.body) == (False, False)
    assert site.curl("-I", site.at("/one/"), user=None).status == 401


def test_a_long_text_is_compressed(site: Site, odd: None) -> None:
    """JSON and a page are in gzip for a client that accepts gzip. A redirect is as it was."""
    url, accepts_gzip = site.at("/odd/"), ("-H", "Accept-Encoding: br;q=0.5, gzip")
    for accept in ("*/*", "text/html"):
        plain, packed = (
            site.curl(url, "-H", f"Accept: {accept}"),
            site.curl(url, "-H", f"Accept: {accept}", *accepts_gzip),
        )
        assert (packed.headers["content-encoding"], gzip.decompress(packed.body)) == ("gzip", plain.body)
        assert len(packed.body) < len(plain.body) / 3
        assert plain.headers["vary"] == packed.headers["vary"]
        assert "Accept-Encoding" in packed.headers["vary"].split(", ")
    redirect = site.curl(site.of("odd/plain.txt"), *accepts_gzip)
    assert (redirect.status, redirect.headers["vary"], redirect.body) == (307, "Authorization, Cookie", b"")
    assert "content-encoding" not in redirect.headers


# Mounts and rules


@pytest.fixture(scope="module")
def team(store: Store) -> Iterator[None]:
    """A directory with a mount inside, and with a directory that nobody may see."""
    outer = ("a", "archive", "archive!", "archive/shadowed", "archive0", "private/hidden", "z/file")
    keys = [*(f"tenant/team/{name}" for name in outer), "archive/inside/deep", "archive/top"]
    put(store, *keys)
    yield
    delete(store, keys)


def test_a_mount_is_a_directory(site: Site, team: None) -> None:
    """The keys of the outer bucket at the place of the mount are hidden. The URLs lead into the mount."""
    assert names(site, site.at("/team/"), GUEST) == ["a", "archive!", "archive/", "archive0", "z/"]
    assert names(site, site.at("/team/archive/"), GUEST) == ["inside/", "top"]
    assert names(site, site.at("/team/archive/inside/"), GUEST) == ["deep"]


def test_a_recursive_list_has_the_files_of_mounts(site: Site, team: None) -> None:
    everything = entries(site, f"{site.at('/team/')}?recursive")
    bodies = read_all(site, [entry["url"] for entry in everything])
    assert [(entry["name"], bodies[entry["url"]]) for entry in everything] == [
        ("a", b"tenant/team/a"),
        ("archive!", b"tenant/team/archive!"),
        ("archive/inside/deep", b"archive/inside/deep"),
        ("archive/top", b"archive/top"),
        ("archive0", b"tenant/team/archive0"),
        ("z/file", b"tenant/team/z/file"),
    ]


def test_a_listing_has_no_entry_that_the_reader_may_not_see(site: Site, team: None) -> None:
    assert not any("private" in name for name in names(site, site.at("/team/")))
    for path, user, status in (("/team/private/", CI, 403), ("/", GUEST, 403), ("/team/", None, 401)):
        assert site.curl(site.at(path), user=user).status == status, path


# Parts


@over_http  # the number of keys, not the driver, makes this test slow
def test_a_long_listing_has_many_parts(site: Site, store: Store) -> None:
    """Every entry is in one part, and the parts are in order."""
    files = [f"{number:04}" if number % 3 else f"{number:04}/file" for number in range(110)]
    put(store, *(f"tenant/many/{name}" for name in files))
    for query, names in (("", [name.removesuffix("file") for name in files]), ("&recursive", files)):
        parts = [page.json()["entries"] for page in pages(site, f"{site.at('/many/')}?limit=20{query}")]
        assert all(len(part) == 20 for part in parts[:-1])
        assert [entry["name"] for part in parts for entry in part] == names
    delete(store, [f"tenant/many/{name}" for name in files])


def test_a_limit_is_a_number_from_1_to_1000(site: Site) -> None:
    limits = ("0", "-1", "1001", "1e3", "1.5", "x", "", "%D9%A1", "00001", "9" * 99)
    for answer in site.curl_all([(f"{site.at('/one/')}?limit={limit}",) for limit in limits]):
        assert (answer.status, answer.code) == (400, "bad-parameter")
        assert "limit" in answer.json()["detail"]


def test_a_cursor_is_for_its_own_listing(site: Site, team: None) -> None:
    """A cursor that was changed, or is for another directory or another depth, is refused."""
    url = site.at("/team/")
    cursor = site.curl(f"{url}?limit=1").json()["next"]
    assert site.curl(f"{url}?limit=2&cursor={cursor}").status == 200
    urls = [f"{url}?limit=1&cursor={changed}" for changed in (f"A{cursor[1:]}", cursor[:-1], f"{cursor}A", "x", "")]
    others = (f"{url}?recursive&", f"{site.at('/one/')}?", f"{site.at('/')}?")
    urls += [f"{other}cursor={cursor}" for other in others]
    for answer, refused in zip(site.curl_all([(url,) for url in urls]), urls, strict=True):
        assert (answer.status, answer.code) == (400, "bad-parameter"), refused


# Order and filter

STOCK = {
    "tenant/stock/b 10": 1,
    "tenant/stock/B 9": 3,
    "tenant/stock/ähre": 2,
    "tenant/stock/Äpfel": 2,
    "tenant/stock/d/x": 9,
}


@pytest.fixture(scope="module")
def stock(store: Store) -> Iterator[None]:
    """Files with names and sizes that have an order."""
    for key, size in STOCK.items():
        store.client().put_object(Bucket=store.bucket, Key=key, Body=bytes(size))
    yield
    delete(store, [*STOCK])


def test_a_listing_is_sorted_and_filtered_over_all_parts(site: Site, stock: None) -> None:
    """`next` keeps the order and the filter. `complete` says that all keys of the directory were sorted."""
    for query, expected in (
        ("sort=name", ["ähre", "Äpfel", "B 9", "b 10", "d/"]),
        ("sort=-name", ["d/", "b 10", "B 9", "Äpfel", "ähre"]),
        ("sort=size", ["d/", "b 10", "ähre", "Äpfel", "B 9"]),
        ("sort=-size", ["B 9", "ähre", "Äpfel", "b 10", "d/"]),
        ("q=B", ["B 9", "b 10"]),
        ("q=a%CC%88&sort=-name", ["Äpfel", "ähre"]),
        ("q=9&recursive", ["B 9"]),
    ):
        parts = [page.json() for page in pages(site, f"{site.at('/stock/')}?limit=2&{query}")]
        assert [entry["name"] for part in parts for entry in part["entries"]] == expected, query
        assert len(parts) == (len(expected) + 1) // 2 or "sort" not in query
        assert parts[0]["complete"] is ("sort" in query or len(parts) == 1)
    assert "complete" not in site.curl(site.at("/stock/")).json()
    newest = entries(site, f"{site.at('/stock/')}?sort=-modified")
    assert [entry["modified"] for entry in newest] == [*sorted((e["modified"] for e in newest[:4]), reverse=True), None]


def test_an_order_or_a_filter_that_cannot_be_used_is_refused(site: Site, stock: None) -> None:
    """A cursor is for its own order and filter."""
    url = site.at("/stock/")
    cursor = site.curl(f"{url}?limit=1&sort=name").json()["next"]
    refused = ("sort=etag", "sort=--name", f"q={'x' * 257}", f"cursor={cursor}", f"cursor={cursor}&sort=name&q=b")
    for query, answer in zip(refused, site.curl_all([(f"{url}?{query}",) for query in refused]), strict=True):
        assert (answer.status, answer.code) == (400, "bad-parameter"), query


# One-time links


def test_the_links_of_a_listing_open_once(site: Site, team: None, table: Table) -> None:
    """The URL of each file opens once, without a key. A listing writes nothing to the table. A guest may not share."""
    for user, status in ((GUEST, 403), (None, 401)):
        assert site.curl(f"{site.at('/team/')}?links", user=user).status == status
    inside, _ = entries(site, f"{site.at('/team/archive/')}?links")
    assert inside["url"] == site.at("/team/archive/inside/")  # a directory keeps its plain URL
    before = table.items()
    found = entries(site, f"{site.at('/team/archive/')}?recursive&links")
    assert table.items() == before
    assert [site.open(entry["url"]).body for entry in found] == [b"archive/inside/deep", b"archive/top"]
    assert [site.open(entry["url"]).status for entry in found] == [410, 410]
    assert len(table.items()) == len(before) + 2
