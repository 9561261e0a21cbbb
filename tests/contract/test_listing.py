"""Listings: curl follows every listed URL, to a store that verifies signatures."""

import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

from .drivers import Answer, over_http
from .sites import GUEST, SECRET, Site, Store, Table

CI = f"ci:{SECRET}"

# The longest come to 1,024 bytes with the mount's prefix and the directory's name before them.
ODD = (
    "plain.txt",
    "two words.txt",
    " leading and trailing ",
    "a+b.txt",
    "100% sure.txt",
    "%2F%20%zz.txt",
    "?query#fragment&a=b;c",
    "a;b,c=d:e@f!$*()",
    "quotes'\"`.txt",
    "<script>alert(1)</script>",
    "{braces}[brackets]|pipe\\backslash^",
    "~tilde",
    "'",
    "-",
    "...",
    "..dots../.hidden/trailing...",
    "c:\\windows\\..\\system",
    "\u00e9 is composed",
    "e\u0301 is not",
    "\u202eright-to-left.txt",
    "שלום/עולם.txt",
    "日本/語.txt",
    "🚀/👩\u200d👩\u200d👧.bin",
    "\ufeffmark",
    "\u2028line",
    "a//b.txt",
    "a///",
    "a///c",
    "-/login",
    "dir/file",
    "dir!/file",
    "dir.txt",
    "UPPER/case",
    "upper/case",
    "\U0010fffd/at the end",
    "\U0010ffff",
    "x" * 1013,
    "日" * 337 + "ab",
    "deep/" * 10 + "x" * 963,
)
MARKERS = ("a///",)  # an object whose name ends with a slash is a directory's, and no file


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
    found: dict[str, bytes] = {}
    for entry in entries(site, url):
        found |= walk(site, entry["url"]) if entry["type"] == "directory" else {entry["url"]: read(site, entry)}
    return found


def read(site: Site, entry: dict[str, Any]) -> bytes:
    """Return the body that the URL of a file leads to."""
    return site.curl("-L", entry["url"]).body


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
    assert answer.json() == {
        "path": "/one/",
        "entries": [
            {
                "name": "deep/",
                "type": "directory",
                "size": None,
                "modified": None,
                "etag": None,
                "url": site.at("/one/deep/"),
            },
            {
                "name": "file.txt",
                "type": "file",
                "size": 19,
                "modified": f"{head['LastModified']:%Y-%m-%dT%H:%M:%SZ}",
                "etag": head["ETag"],
                "url": site.at("/one/file.txt"),
            },
        ],
        "next": None,
    }


@pytest.fixture(scope="module")
def odd(store: Store) -> None:
    """Files with names of every kind."""
    put(store, *(f"tenant/odd/{name}" for name in ODD))


def test_every_url_leads_to_its_file(site: Site, odd: None) -> None:
    """Whatever the name of the file, from one level to the next and from the recursive list."""
    files = [name for name in ODD if name not in MARKERS]
    content = {site.of(f"odd/{name}"): f"tenant/odd/{name}".encode() for name in files}
    assert walk(site, site.at("/odd/")) == content
    everything = entries(site, f"{site.at('/odd/')}?recursive")
    assert [entry["url"] for entry in everything] == [site.of(f"odd/{entry['name']}") for entry in everything]
    assert [entry["name"] for entry in everything] == sorted(files)


def test_names_are_listed_unchanged_in_the_order_of_their_bytes(site: Site, odd: None) -> None:
    level = {name.partition("/")[0] + "/" * ("/" in name) for name in ODD}
    assert names(site, site.at("/odd/")) == sorted(level)


UNREACHABLE = (
    "./dot",
    "../dots",
    "deep/../dots",
    "deep/..",
    "bell\a",
    "delete\x7f",
    "c1\x85",
    "marker/",
)


def test_keys_that_no_url_reaches_are_not_listed(site: Site, store: Store) -> None:
    """Keys that every client collapses, and the markers of directories. All other keys are listed."""
    keys = ["tenant//lead", *(f"tenant/hard/{name}" for name in UNREACHABLE)]
    put(store, "tenant/hard/a", *keys, "tenant/hard/z", "tenant/lead")
    found = [names(site, site.at(path)) for path in ("/hard/", "/hard/?recursive", "/hard/deep/", "/hard/marker/")]
    top = names(site, f"{site.at('/')}?recursive")
    for key in keys:  # now, for the embedded store cannot list the versions of some
        store.client().delete_object(Bucket=store.bucket, Key=key)
    assert found == [["a", "deep/", "marker/", "z"], ["a", "z"], [], []]
    assert ("lead" in top, any(name.startswith("/") for name in top)) == (True, False)


def test_an_empty_directory(site: Site) -> None:
    """A directory without files looks like a directory that does not exist, as in S3."""
    answer = site.curl(site.at("/nothing/here/"))
    assert (answer.status, answer.json()["entries"], answer.json()["next"]) == (200, [], None)


def test_head(site: Site, store: Store) -> None:
    """The headers of GET without the body, and no redirect to the store."""
    put(store, "tenant/one/file.txt")
    answer = site.curl("-I", site.at("/one/"))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert ("location" in answer.headers, b"entries" in answer.body) == (False, False)
    assert site.curl("-I", site.at("/one/"), user=None).status == 401


def test_a_browser_gets_a_page(site: Site, odd: None) -> None:
    """No script in the name of a file can run."""
    page = site.curl("-H", "Accept: text/html", site.at("/odd/"))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert b"<script>alert" not in page.body
    assert b"&lt;script&gt;alert" in page.body
    assert site.of("odd/two words.txt").encode() in page.body


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
    assert [(entry["name"], read(site, entry)) for entry in everything] == [
        ("a", b"tenant/team/a"),
        ("archive!", b"tenant/team/archive!"),
        ("archive/inside/deep", b"archive/inside/deep"),
        ("archive/top", b"archive/top"),
        ("archive0", b"tenant/team/archive0"),
        ("z/file", b"tenant/team/z/file"),
    ]


def test_a_part_may_end_before_in_or_after_a_mount(site: Site, team: None) -> None:
    for query in ("", "&recursive"):
        whole = names(site, f"{site.at('/team/')}?{query}")
        for limit in (1, 2, 3):
            parts = [page.json()["entries"] for page in pages(site, f"{site.at('/team/')}?limit={limit}{query}")]
            assert [entry["name"] for part in parts for entry in part] == whole


def test_mounts_at_the_top(site: Site) -> None:
    """Mounts are listed although no bucket has keys with their names, and so are the directories above a mount."""
    assert {"brief/", "own/", "team/", "versions/"} <= set(names(site, site.at("/")))


def test_what_a_reader_may_not_see_is_not_listed(site: Site, team: None) -> None:
    for query in ("", "?recursive"):
        assert not any("private" in name for name in names(site, site.at("/team/") + query))
    assert site.curl(site.at("/team/private/")).status == 403
    assert site.curl(site.at("/"), user=GUEST).status == 403
    assert site.curl(site.at("/team/"), user=None).status == 401
    assert site.curl(site.at("/other/"), user=GUEST).status == 403


# Parts


@over_http  # the number of keys, not the driver, makes this test slow
def test_many_parts(site: Site, store: Store) -> None:
    """A file that stays is listed once and in order, whatever others add and delete."""
    files = [f"{number:04}" if number % 3 else f"{number:04}/file" for number in range(1_010)]
    put(store, *(f"tenant/many/{name}" for name in files))
    whole = site.curl(site.at("/many/")).json()
    assert (len(whole["entries"]), bool(whole["next"])) == (1_000, True)  # as many as S3 gives at once
    for query, names in (("", [name.removesuffix("file") for name in files]), ("&recursive", files)):
        with writing(store, "tenant/many/") as written:
            parts = [page.json()["entries"] for page in pages(site, f"{site.at('/many/')}?limit=100{query}")]
        found = [entry["name"] for part in parts for entry in part]
        assert all(len(part) == 100 for part in parts[:-1])
        assert len(written) > 3
        assert found == sorted(set(found))
        assert [name for name in found if name in set(names)] == names
    delete(store, [f"tenant/many/{name}" for name in files])


@contextmanager
def writing(store: Store, prefix: str) -> Iterator[list[str]]:
    """Put and delete files everywhere below a prefix for as long as the block runs; yields what was put."""
    s3, stop = store.client(), threading.Event()
    written: list[str] = []

    def write() -> None:
        while not stop.wait(0.01):
            key = f"{prefix}{len(written) * 7 % 1_010:04}-{len(written)}"
            s3.put_object(Bucket=store.bucket, Key=key, Body=b"")
            written.append(key)
            if len(written) % 2:
                s3.delete_object(Bucket=store.bucket, Key=written[len(written) // 2])

    with ThreadPoolExecutor(1) as writer:
        done = writer.submit(write)
        try:
            yield written
        finally:
            stop.set()
            done.result()
            delete(store, written)


def test_a_limit_is_a_number_from_1_to_1000(site: Site) -> None:
    for limit in ("0", "-1", "1001", "1e3", "1.5", "x", "", "%D9%A1", "00001", "9" * 99):
        answer = site.curl(f"{site.at('/one/')}?limit={limit}")
        assert (answer.status, answer.code) == (400, "bad-parameter"), limit
        assert "limit" in answer.json()["detail"]


def test_a_cursor_is_for_its_own_listing(site: Site, team: None) -> None:
    """A cursor that was changed, or is for another directory or another depth, is refused."""
    url = site.at("/team/")
    cursor = site.curl(f"{url}?limit=1").json()["next"]
    assert site.curl(f"{url}?limit=2&cursor={cursor}").status == 200
    middle = len(cursor) // 2
    tampered = (f"A{cursor[1:]}", cursor[:-1], f"{cursor}A", cursor[:middle] + "AAAA" + cursor[middle + 4 :], "x", "")
    urls = [f"{url}?limit=1&cursor={changed}" for changed in tampered]
    urls += [
        f"{url}?recursive&cursor={cursor}",
        f"{site.at('/one/')}?cursor={cursor}",
        f"{site.at('/')}?cursor={cursor}",
    ]
    for refused in urls:
        answer = site.curl(refused)
        assert (answer.status, answer.code) == (400, "bad-parameter"), refused


def test_no_name_can_be_read_from_a_cursor(site: Site, team: None) -> None:
    """A cursor can name a file that its reader may not see."""
    cursors = [page.json()["next"] or "" for page in pages(site, f"{site.at('/team/')}?limit=1&recursive")]
    assert not any("private" in decoded(cursor) for cursor in cursors)


def decoded(text: str) -> str:
    """Decode base64, as Latin-1."""
    return urlsafe_b64decode(text + "==").decode("latin-1")


# One-time links


def test_links(site: Site, team: None, table: Table) -> None:
    """The URL of each file opens once, without a key. The listing writes nothing to the table."""
    before = table.items()
    found = entries(site, f"{site.at('/team/archive/')}?recursive&links")
    assert table.items() == before
    assert [site.open(entry["url"]).body for entry in found] == [b"archive/inside/deep", b"archive/top"]
    assert [site.open(entry["url"]).status for entry in found] == [410, 410]
    assert len(table.items()) == len(before) + 2


def test_a_directory_in_a_listing_with_links_has_its_plain_url(site: Site, team: None) -> None:
    inside, top = entries(site, f"{site.at('/team/archive/')}?links")
    assert inside["url"] == site.at("/team/archive/inside/")
    assert "?token=" in top["url"]


def test_links_need_the_right_to_share(site: Site, team: None) -> None:
    """A guest may list, and not share."""
    assert site.curl(f"{site.at('/team/')}?links", user=GUEST).status == 403
    assert site.curl(f"{site.at('/team/')}?links", user=None).status == 401
