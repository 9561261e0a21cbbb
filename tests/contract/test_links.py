"""Links, opened as their receivers open them: by curl and without a key, from a store that verifies signatures."""

import json
import os
import string
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from botocore.exceptions import ClientError

from local.dev_server import PROJECT

from .drivers import Answer, over_http
from .sites import GUEST, REFUSED, SETTINGS, SIGNING_SECRET, Site, Store, Table, open_site

BODY = b"0123456789"


@pytest.fixture(scope="module", autouse=True)
def files(store: Store) -> Iterator[None]:
    """What there is to link to."""
    keys = (
        "tenant/linked.txt",
        "tenant/team/a.txt",
        "tenant/team/ours/b.txt",
        "tenant/team/deep/er/b #1?.txt",
        "tenant/team/private/c.txt",
        "tenant/beside.txt",
        "archive/d.txt",
    )
    for key in keys:
        store.client().put_object(Bucket=store.bucket, Key=key, Body=BODY)
    yield
    for key in keys:
        store.client().delete_object(Bucket=store.bucket, Key=key)


def stored(store: Store, key: str) -> bytes | None:
    """What the bucket holds at a key below the mount's prefix."""
    try:
        return store.client().get_object(Bucket=store.bucket, Key=f"tenant/{key}")["Body"].read()
    except ClientError:
        return None


def gone(answer: Answer) -> bool:
    """Whether a link is used up, and no way leads to the store."""
    return (answer.status, answer.code, "location" in answer.headers) == (410, "link-used-up", False)


# Reading


def test_a_link_opens_once(site: Site) -> None:
    """Without more words it is for one download within a day."""
    made = site.curl("-X", "POST", f"{site.of('linked.txt')}?link").json()
    assert made["url"] == f"{site.of('linked.txt')}?token={made['token']}"
    assert (made["uses"], len(made["token"])) == (1, 60)
    assert site.open(made["url"]).body == BODY
    assert gone(site.open(made["url"]))


def test_three_uses(site: Site) -> None:
    """So many downloads as it was made for."""
    link = site.link("/linked.txt", uses=3)
    assert [site.open(link).status for _ in range(4)] == [200, 200, 200, 410]


def test_no_number_of_uses(site: Site, table: Table) -> None:
    """As many as one likes, for which the table is not asked."""
    link = site.link("/linked.txt", uses=None)
    with table.gone():
        assert [site.open(link).status for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("key", ["100% sure.txt", "a+b;c&d='e'.txt", "日本/ünï #1?.txt", "a//b.txt", "e\u0301.txt"])
def test_a_name_of_any_kind(site: Site, key: str) -> None:
    """The link is the file's own URL, spelled as it was asked for."""
    site.put(key, key.encode())
    link = site.link(f"/{quote(key)}")
    assert link.startswith(f"{site.of(key)}?token=")
    assert site.open(link).body == key.encode()


def test_the_redirect_is_for_one_client(site: Site) -> None:
    """Nothing keeps it, though others here may be kept, and the store is not told the token (FACTS 3.3)."""
    assert site.curl(site.at("/team/archive/d.txt")).headers["cache-control"] == "private, max-age=60"
    for path in ("/linked.txt", "/team/archive/d.txt"):
        headers = site.curl(site.link(path), user=None).headers
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")


def test_resume(site: Site) -> None:
    """A download that broke off goes on, and parts are read one by one, by the client that took the use."""
    link = site.link("/linked.txt")
    assert site.open(link, "-r", "0-3").body == BODY[:4]
    assert site.open(link, "-C", "4").body == BODY[4:]
    assert [site.open(link, "-r", f"{at}-{at}").body for at in range(10)] == [BODY[at : at + 1] for at in range(10)]
    assert gone(site.open(link))


def test_resume_of_another_client(site: Site) -> None:
    """Parts are for whoever took the use, not for whoever says Range."""
    link = site.link("/linked.txt")
    assert site.open(link).body == BODY
    assert gone(site.open(link, "-r", "4-", "-A", "another/1.0"))
    assert site.open(link, "-r", "4-").body == BODY[4:]


@pytest.mark.parametrize(
    "ahead",
    ["Sec-Purpose: prefetch", "Sec-Purpose: prefetch;prerender", "Purpose: prefetch", "X-Moz: prefetch"],
)
def test_a_prefetch_takes_no_use(site: Site, ahead: str) -> None:
    """What a browser fetches ahead of its user is refused, and the user gets the file."""
    link = site.link("/linked.txt")
    answer = site.open(link, "-H", ahead)
    assert (answer.status, answer.code) == (403, "prefetch-refused")
    assert site.open(link).body == BODY
    assert gone(site.open(link))


def test_a_look_takes_no_use(site: Site) -> None:
    """HEAD and OPTIONS are answered while there is a use, and not after."""
    link = site.link("/linked.txt")
    for _ in range(3):
        assert site.open(link, "-I").headers["content-length"] == "10"
        assert site.open(link, "-X", "OPTIONS").status == 204
    assert site.open(link).body == BODY
    assert [site.open(link, *look).status for look in (("-I",), ("-X", "OPTIONS"))] == [410, 410]


def test_a_look_that_is_answered_inline(session_site: Site) -> None:
    """The same where the service asks the store itself, with a role's credentials."""
    link = session_site.link("/linked.txt")
    assert session_site.open(link, "-I").headers["content-length"] == "10"
    assert session_site.open(link).body == BODY
    assert session_site.open(link, "-I").status == 410


def test_presign(site: Site) -> None:
    """The URL as JSON is as good as the redirect, and is paid for like it."""
    link = site.link("/linked.txt")
    signed = site.open(f"{link}&presign").json()
    assert site.curl(signed["url"], user=None).body == BODY
    assert gone(site.open(f"{link}&presign"))


def test_a_download_under_another_name(site: Site) -> None:
    """What a URL may ask for, a link may."""
    answer = site.open(f"{site.link('/linked.txt')}&download=its%20name.txt")
    assert answer.headers["content-disposition"] == 'attachment; filename="its name.txt"'


def test_a_token_goes_before_a_key(site: Site) -> None:
    """Whoever asks with both comes by the link."""
    link = site.link("/linked.txt")
    assert site.curl("-L", link, user="ci:wrong").body == BODY
    assert gone(site.curl("-L", link))


# Writing

ONCE = ("-H", "If-None-Match: *")  # a link that may not read replaces no file


def test_upload(site: Site, store: Store) -> None:
    """Someone without credentials puts a file where the link says, once, and nothing else."""
    link = site.link("/dropped.txt", action="write")
    assert site.open(link, *ONCE, "-T", site.file(b"first")).status == 200
    assert gone(site.open(link, *ONCE, "-T", site.file(b"second")))
    assert stored(store, "dropped.txt") == b"first"


def test_a_link_to_write_does_not_read(site: Site, store: Store) -> None:
    """Nor lists, nor deletes, nor makes links."""
    link = site.link("/mine.txt", action="write", uses=2)
    site.open(link, *ONCE, "-T", site.file(b"mine"))
    directory = site.link("/drops/", action="write", uses=2)
    assert site.open(link).status == 403
    assert site.open(link, "-I").status == 403
    assert site.open(directory).status == 403
    assert site.open(link, "-X", "DELETE").status == 401
    assert site.open(f"{link}&link", "-X", "POST").status == 403
    assert stored(store, "mine.txt") == b"mine"


def test_upload_in_two_steps(site: Site, store: Store) -> None:
    """An empty PUT asks where to send it, for clients that cannot repeat a body."""
    link = site.link("/two-steps.txt", action="write")
    location = site.curl("-X", "PUT", "-d", "", *ONCE, link, user=None).headers["location"]
    assert site.curl("-T", site.file(b"two"), *ONCE, location, user=None).status == 200
    assert stored(store, "two-steps.txt") == b"two"


def test_upload_within_what_the_issuer_may(site: Site, store: Store) -> None:
    """The rule of whoever made the link holds for its receiver, and what is refused can be sent again, better."""
    link = site.link("/limited/dropped.txt", action="write")
    text, once = ("-H", "Content-Type: text/plain"), ONCE

    def put(query: str, *arguments: str) -> tuple[int, bytes | None]:
        return site.open(link + query, "-T", site.file(b"hello"), *arguments).status, stored(store, key)

    key = "limited/dropped.txt"
    assert put("", *text, *once) == (411, None)
    assert put("&size=11", *text, *once) == (413, None)
    assert put("&size=5", *once) == (415, None)
    assert put("&size=5", *text) == (428, None)
    assert put("&size=5", *text, *once, "-H", "Transfer-Encoding: chunked") == (411, None)
    assert put("&size=5", *text, *once) == (200, b"hello")
    assert put("&size=5", *text, *once) == (410, b"hello")


# Directories


def test_a_directory(site: Site) -> None:
    """A link to one lists it, and every URL in the list opens as it is, at any depth and in a mount inside."""
    link = site.link("/team/", uses=None)
    found = walk(site, link)
    paths = ("/team/a.txt", "/team/archive/d.txt", "/team/deep/er/b%20%231%3F.txt", "/team/ours/b.txt")
    assert found == dict.fromkeys(paths, BODY)
    deep = site.open(f"{link}&recursive").json()["entries"]
    assert {entry["url"] for entry in deep} == {f"{site.at(path)}?{link.partition('?')[2]}" for path in found}


def walk(site: Site, url: str) -> dict[str, bytes]:
    """All files that one gets to by following the URLs of listings."""
    found: dict[str, bytes] = {}
    for entry in site.open(url).json()["entries"]:
        if entry["type"] == "directory":
            found |= walk(site, entry["url"])
        else:
            found[entry["url"].removeprefix(site.url).partition("?")[0]] = site.open(entry["url"]).body
    return found


@pytest.mark.parametrize(
    "path",
    ["/linked.txt", "/", "/team", "/tea", "/team-mates/x", "/team/private/c.txt", "/team/private/", "/TEAM/a.txt"],
)
def test_nothing_beside_a_directory(site: Site, path: str) -> None:
    """Neither what is next to it, nor above it, nor what its issuer may not read."""
    query = site.link("/team/", uses=None).partition("?")[2]
    answer = site.open(f"{site.at(path)}?{query}")
    assert (answer.status, answer.code) == (403, "link-invalid")


def test_a_directory_is_read_only(site: Site, store: Store) -> None:
    """A link to read writes nothing, and makes no other links."""
    link = site.link("/team/", uses=None)
    inside = link.replace("/team/", "/team/new.txt")
    assert site.open(inside, "-T", site.file(b"x")).status == 403
    assert site.open(f"{inside}&link", "-X", "POST").status == 403
    assert site.open(f"{link}&links").status == 403
    assert stored(store, "team/new.txt") is None


def test_a_directory_to_put_files_into(site: Site, store: Store) -> None:
    """Under any name below it, one for each use."""
    link = site.link("/drops/", action="write", uses=2)
    names = ("one.txt", "deep/two.txt", "three.txt")
    answers = [site.open(link.replace("/drops/", f"/drops/{name}"), *ONCE, "-T", site.file(b"x")) for name in names]
    assert [answer.status for answer in answers] == [200, 200, 410]
    assert [stored(store, f"drops/{name}") for name in names] == [b"x", b"x", None]


def test_an_inbox_keeps_what_is_in_it(site: Site, store: Store) -> None:
    """Of a file that is there its holder learns that the name is taken, and changes nothing in any way."""
    site.put("inbox/theirs.txt", b"theirs")
    link = site.link("/inbox/", action="write", uses=None).replace("/inbox/", "/inbox/theirs.txt")
    tries = {
        "a plain PUT": site.open(link, "-T", site.file(b"mine")),
        "If-Match": site.open(link, "-T", site.file(b"mine"), "-H", "If-Match: *"),
        "If-None-Match": site.open(link, "-T", site.file(b"mine"), *ONCE),
        "two steps": site.open(f"{link}&presign", "-X", "PUT", "-d", ""),
        "parts at their end": site.open(f"{link}&uploadId=u", "-d", "<x/>"),
        "a version": site.open(f"{link}&versionId=null", *ONCE, "-T", site.file(b"mine")),
        "a form": site.open(f"{link.replace('theirs.txt', '')}&form", "-d", ""),
        "a redirect to elsewhere": site.open(
            link, *ONCE, "-H", "x-amz-website-redirect-location: /x", "-T", site.file(b"m")
        ),
    }
    statuses = {"a plain PUT": 428, "If-Match": 428, "If-None-Match": 412, "two steps": 428, "parts at their end": 428}
    statuses |= {"a version": 403, "a form": 501, "a redirect to elsewhere": 400}
    assert {name: answer.status for name, answer in tries.items()} == statuses
    location = site.curl("-X", "PUT", "-d", "", *ONCE, link, user=None).headers["location"]
    assert site.curl("-T", site.file(b"mine"), location, user=None).status in REFUSED
    assert stored(store, "inbox/theirs.txt") == b"theirs"


def test_a_page_to_put_files_from(site: Site) -> None:
    """A browser gets one, which tells nothing of what is there; to see it takes no use, and to upload does."""
    site.put("drops/other.txt", b"x")
    link = site.link("/drops/", action="write")
    for _ in range(2):
        page = site.open(link, "-H", "Accept: text/html")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"other.txt" not in page.body
    assert site.open(link.replace("/drops/", "/drops/mine.txt"), *ONCE, "-T", site.file(b"x")).status == 200
    assert site.open(link, "-H", "Accept: text/html").status == 410


def test_uses_of_a_directory(site: Site) -> None:
    """The list takes one, and so does each file."""
    link = site.link("/team/deep/", uses=2)
    first, *_ = site.open(f"{link}&recursive").json()["entries"]
    assert site.open(first["url"]).body == BODY
    assert gone(site.open(first["url"]))
    assert gone(site.open(link))


# What is refused, and takes nothing


def test_a_refusal_takes_no_use(site: Site, store: Store, table: Table, tmp_path: Path) -> None:
    """Whatever goes wrong before the redirect, the one use is still there."""
    link = site.link("/linked.txt")
    query = link.partition("?")[2]
    refused = {
        "another path": site.open(f"{site.at('/beside.txt')}?{query}"),
        "another method": site.open(link, "-T", site.file(b"x")),
        "parts": site.open(f"{link}&uploads", "-X", "POST"),
        "a method that there is not": site.open(link, "-X", "PATCH"),
        "a header": site.open(link, "-H", "x-amz-acl: public-read"),
        "a path that cannot be": site.open(f"{site.at('/a/%2e%2e/linked.txt')}?{query}"),
        "a token": site.open(f"{link}x"),
        "revoked by no one": site.open(link, "-X", "DELETE"),
        "revoked by a guest": site.curl("-X", "DELETE", link, user=GUEST),
    }
    expired = store.environ() | {"AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"}
    with open_site(store, table, tmp_path, expired) as other:
        refused["expired credentials"] = other.open(link.replace(site.url, other.url))
    assert {why: answer.status for why, answer in refused.items()} == {
        "another path": 403,
        "another method": 403,
        "parts": 403,
        "a method that there is not": 405,
        "a header": 400,
        "a path that cannot be": 400,
        "a token": 403,
        "revoked by no one": 401,
        "revoked by a guest": 403,
        "expired credentials": 503,
    }
    assert not any("location" in answer.headers for answer in refused.values())
    assert site.open(link).body == BODY


@over_http
def test_every_character_of_a_token_counts(site: Site) -> None:
    """Changed, left out or added, one is enough to make it someone else's invention."""
    path, _, token = site.link("/linked.txt").rpartition("=")
    alphabet = string.ascii_letters + string.digits + "-_"
    others = [alphabet[alphabet.index(letter) - 1] for letter in token]
    forged = [
        *(token[:at] + other + token[at + 1 :] for at, other in enumerate(others)),
        *(token[:at] + token[at + 1 :] for at in range(len(token))),
        *(f"{token}{more}" for more in ("A", "AA", "AAA", "AAAA", "=", "%20", "%0A", "%00", "%C3%BC")),
        *("", token.swapcase(), token[::-1], token * 2, "A" * 60, "x" * 4000),
    ]
    with requests.Session() as client:
        answers = [client.get(f"{path}={one}", allow_redirects=False, timeout=10) for one in forged]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "link-invalid")}
    assert len(answers) == 135
    assert site.open(f"{path}={token}").body == BODY


@over_http
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/beside.txt"),
        ("GET", "/team/archive/d.txt"),
        ("GET", "/own/tenant/linked.txt"),
        ("GET", "/linked.txt/"),
        ("GET", "/linked.txt/more"),
        ("GET", "/LINKED.txt"),
        ("GET", "/"),
        ("PUT", "/linked.txt"),
        ("HEAD", "/beside.txt"),
        ("OPTIONS", "/beside.txt"),
    ],
)
def test_a_token_for_something_else(site: Site, method: str, path: str) -> None:
    """It is for its own path, though another may lead to the same object, and for its own action."""
    query = site.link("/linked.txt", uses=None).partition("?")[2]
    answer = requests.request(method, f"{site.at(path)}?{query}", allow_redirects=False, timeout=10)
    assert answer.status_code == 403


def test_expired(site: Site) -> None:
    """A link works for its life, and no longer."""
    links = [site.link("/linked.txt", expires_in=1, uses=uses) for uses in (1, None)]
    time.sleep(1.1)
    for link in links:
        answer = site.open(link)
        assert (answer.status, answer.code) == (410, "link-expired")


# Who may make links, and take them back


def test_making_one_needs_the_right_to_share(site: Site) -> None:
    """And to do what the link is for; a guest may read, and not share."""
    url = f"{site.at('/team/a.txt')}?link"
    assert site.curl("-X", "POST", url, user=GUEST).status == 403
    assert site.curl("-X", "POST", url, user=None).status == 401
    assert site.curl("-X", "POST", f"{site.at('/team/private/c.txt')}?link").status == 403
    assert site.curl("-X", "POST", url).status == 201


def test_revoked_before_it_is_used(site: Site) -> None:
    """DELETE of the link by whoever made it ends it, for looking too."""
    link = site.link("/linked.txt", uses=5)
    assert site.curl("-X", "DELETE", link).status == 204
    for look in ((), ("-I",), ("-r", "0-3")):
        assert site.open(link, *look).status == 410
    assert site.open(link).code == "link-revoked"


def test_revoked_after_it_was_used(site: Site, store: Store) -> None:
    """What is left of it, parts for the client that had one included; the file itself stays."""
    link = site.link("/linked.txt", uses=5)
    assert site.open(link).body == BODY
    assert [site.curl("-X", "DELETE", link).status for _ in range(2)] == [204, 204]
    assert [site.open(link, *part).code for part in ((), ("-r", "4-"))] == ["link-revoked"] * 2
    assert stored(store, "linked.txt") == BODY


def test_revoked_by_its_issuer_alone(site: Site) -> None:
    """Not by its holder, nor by another key, even one that may share there too."""
    for path in ("/team/a.txt", "/team/ours/b.txt"):
        link = site.link(path)
        assert site.curl("-X", "DELETE", link, user=GUEST).status == 403
        assert site.curl("-X", "DELETE", link, user=None).status == 401
        assert site.open(link).body == BODY
    assert site.curl("-X", "POST", f"{site.at('/team/ours/b.txt')}?link", user=GUEST).status == 201


def test_a_link_that_cannot_be_revoked(site: Site) -> None:
    """Without a number of uses the table is never asked, and that is said."""
    answer = site.curl("-X", "DELETE", site.link("/linked.txt", uses=None))
    assert (answer.status, answer.code) == (409, "not-revocable")


def test_a_link_ends_with_the_right_to_share(site: Site, store: Store, table: Table, tmp_path: Path) -> None:
    """Taken from its issuer, the right is gone from all links that were made by it."""
    link = site.link("/linked.txt", uses=None)
    assert SETTINGS.count(', "share"]') == 1  # that of the key which makes them
    with open_site(store, table, tmp_path, store.environ(), settings=SETTINGS.replace(', "share"]', "]")) as other:
        assert other.curl("-L", other.at("/linked.txt")).body == BODY
        assert other.open(link.replace(site.url, other.url)).status == 403


def test_the_signing_secret_is_replaced_in_two_steps(site: Site, store: Store, table: Table, tmp_path: Path) -> None:
    """A second one is added at the end: old links still open. The first is removed: they open no more."""
    new = "another-signing-secret-of-the-tests"
    old_link = site.link("/linked.txt", uses=None)

    def with_secrets(secrets: str, *links: str) -> tuple[str, list[int]]:
        with open_site(store, table, tmp_path, store.environ() | {"SIGNPOST_SECRET": secrets}) as other:
            opened = [other.open(link.replace(site.url, other.url)).status for link in links]
            return other.link("/linked.txt", uses=None).replace(other.url, site.url), opened

    new_link, opened = with_secrets(f"{SIGNING_SECRET} {new}", old_link)
    assert (opened, site.open(new_link).status) == ([200], 403)
    assert with_secrets(new, old_link, new_link)[1] == [403, 200]


def test_the_administrators_link(site: Site) -> None:
    """`python -m chalicelib link` prints one that opens."""
    environ = os.environ | {"SIGNPOST_CONFIG": str(site.folder / "signpost.toml"), "SIGNPOST_SECRET": SIGNING_SECRET}
    environ |= {"OWN_ACCESS_KEY": "x", "OWN_SECRET_KEY": "x"}
    command = [sys.executable, "-m", "chalicelib", "link", "/linked.txt", "--as", "ci"]
    printed = subprocess.run(command, cwd=PROJECT, env=environ, check=True, capture_output=True, text=True, timeout=30)
    link = site.url + printed.stdout.strip()
    assert site.open(link).body == BODY
    assert gone(site.open(link))


# When many come at once, and when the table is away


@over_http
@pytest.mark.parametrize("uses", [1, 3])
def test_a_race(site: Site, uses: int) -> None:
    """Of fifty equal requests with a Range exactly so many are redirected as the link has uses."""
    link = site.link("/linked.txt", uses=uses)
    together = threading.Barrier(50)

    def client(number: int) -> int:
        together.wait()
        headers = {"User-Agent": "client/1", "Range": "bytes=0-"}
        answer = requests.get(link, headers=headers, allow_redirects=False, timeout=30)
        assert ("Location" in answer.headers) == (answer.status_code == 307)
        return answer.status_code

    with ThreadPoolExecutor(50) as clients:
        assert Counter(clients.map(client, range(50))) == {307: uses, 410: 50 - uses}


def test_no_table_no_redirect(site: Site, table: Table) -> None:
    """Where uses cannot be counted the answer is to try again later, and the link is not lost by it."""
    link, half_used = site.link("/linked.txt"), site.link("/linked.txt", uses=2)
    assert site.open(half_used).body == BODY
    with table.gone():
        for one in (link, half_used):
            for arguments in ((), ("-I",), ("-r", "4-"), ("-X", "OPTIONS")):
                answer = site.open(one, *arguments)
                assert (answer.status, "location" in answer.headers) == (503, False)
                assert answer.headers["retry-after"] == "5"
            assert site.curl("-X", "DELETE", one).status == 503
    assert site.open(link).body == BODY


@over_http
def test_no_token_in_the_log(site: Site) -> None:
    """Neither of a link that was made, used, refused nor revoked; its id is there in its place."""
    made = site.link("/linked.txt", uses=2)
    token = made.rpartition("=")[2]
    site.open(made)
    site.open(f"{site.at('/beside.txt')}?token={token}")
    site.open(site.link("/team/", uses=None))
    site.curl("-X", "DELETE", made)
    log = site.log.read_text()
    assert token not in log
    assert "token=" not in log
    assert '"principal":"link:' in log


def test_the_table_holds_nothing_to_use(site: Site, table: Table) -> None:
    """Whoever reads it finds neither tokens, nor paths, nor addresses."""
    token = site.open(link := site.link("/linked.txt", uses=2)) and link.rpartition("=")[2]
    text = json.dumps(table.items())
    assert '"attempts"' in text
    for secret in (token, "linked.txt", "127.0.0.1", "curl"):
        assert secret not in text
