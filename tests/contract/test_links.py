"""Links, opened as their receivers open links: without a key, from a store that verifies signatures."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError

from chalicelib.core.access.link_tokens import MAX_LINK_SECONDS, MAX_USES
from tests.support.entry_points import Answer

from .drivers import over_http
from .sites import GUEST, REFUSED, Site, Store, Table, open_site

BODY = b"0123456789"


@pytest.fixture(scope="module", autouse=True)
def files(store: Store) -> Iterator[None]:
    """Files to link to."""
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
    """Return the object at a key below the prefix of the mount; None where there is no object."""
    try:
        return store.client().get_object(Bucket=store.bucket, Key=f"tenant/{key}")["Body"].read()
    except ClientError:
        return None


def gone(answer: Answer) -> bool:
    """Whether a link is used up, and the answer does not lead to the store."""
    return (answer.status, answer.code, "location" in answer.headers) == (410, "link-used-up", False)


# Reading


def test_a_link_opens_once_by_default_and_otherwise_as_often_as_its_number_of_uses(site: Site) -> None:
    link = site.curl("-X", "POST", f"{site.of('linked.txt')}?link").json()
    assert link["url"] == f"{site.of('linked.txt')}?token={link['token']}"
    assert (link["uses"], len(link["token"])) == (1, 64)
    assert site.open(link["url"]).body == BODY
    assert gone(site.open(link["url"]))
    answers = site.curl_all([("-L", site.link("/linked.txt", uses=3))] * 4, user=None)
    assert [answer.status for answer in answers] == [200, 200, 200, 410]


def test_a_link_without_a_number_of_uses_needs_no_table(site: Site, table: Table) -> None:
    link = site.link("/linked.txt", uses=None)
    with table.gone():
        assert [site.open(link).status for _ in range(3)] == [200, 200, 200]


def test_a_request_for_a_link_that_cannot_be_made_is_refused(site: Site) -> None:
    values: dict[str, list[object]] = {
        "action": ["delete", "list", []],
        "expires_in": [0, -1, "60", 1.5, None, True, MAX_LINK_SECONDS + 1],
        "uses": [0, "1", 1e9, MAX_USES + 1],
        "use": [1],
        "\ud800": [1],
    }
    bodies = [json.dumps({name: value}) for name, wrong in values.items() for value in wrong]
    bodies += ["{", "[]", "null", '"read"', "[" * 4_000, '{"expires_in": ' + "9" * 4_900 + "}"]
    bodies += ['{"uses": 1}' + " " * 5_000 + "}"]
    answers = site.curl_all([("-d", body, f"{site.at('/linked.txt')}?link") for body in bodies])
    for answer, body in zip(answers, bodies, strict=True):
        assert (answer.status, answer.code) == (400, "bad-request"), body[:24]


def test_a_link_is_the_url_of_its_file_whatever_the_name(site: Site) -> None:
    keys = ("100% sure.txt", "a+b;c&d='e'.txt", "日本/ünï #1?.txt", "a//b.txt", "e\u0301.txt")
    site.curl_all([("-L", "-T", site.file(key.encode()), site.of(key)) for key in keys])
    made = site.curl_all([("-X", "POST", f"{site.of(key)}?link") for key in keys])
    links = [answer.json()["url"] for answer in made]
    assert all(link.startswith(f"{site.of(key)}?token=") for link, key in zip(links, keys, strict=True))
    assert [answer.body.decode() for answer in site.curl_all([("-L", link) for link in links], None)] == [*keys]


def test_a_token_in_the_path_is_the_same_as_a_token_in_the_query(site: Site, store: Store) -> None:
    """So a program that joins a relative path to the URL keeps the token. No log has the token."""
    token = site.link("/team/", uses=None).rpartition("=")[2]
    writes = site.link("/inbox/", uses=None, action="write").rpartition("=")[2]
    paths = ("team/a.txt", "team/deep/er/b%20%231%3F.txt", "team/../team/a.txt", "beside.txt", "team/private/c.txt", "")
    answers = [site.open(site.at(f"/-/t/{token}/{path}")) for path in paths]
    assert [answer.body for answer in answers[:2]] == [BODY, BODY]
    assert [answer.status for answer in answers[2:]] == [400, 403, 403, 403]
    twice = f"/-/t/{token}/-/t/{token}/team/a.txt"
    spelled = [f"/-/t/{token}", f"/%2D/t/{token}/team/a.txt", twice]
    spelled += [f"/-/{start}/{token}/team/a.txt" for start in ("t/", "/t", "T")]
    assert {site.open(site.at(path)).status for path in spelled} == {404}
    listed = site.open(site.at(f"/-/t/{token}/team/deep/er/")).json()["entries"]
    assert site.open(listed[0]["url"]).body == BODY
    new = ("-T", site.file(BODY), "-H", "If-None-Match: *", site.at(f"/-/t/{writes}/inbox/by-path.txt"))
    assert site.curl("-L", *new, user=None).status == 200
    assert stored(store, "inbox/by-path.txt") == BODY
    log = site.log.read_text()
    assert token not in log
    assert writes not in log
    assert '"path": "/team/a.txt"' in log.replace('":"', '": "')


def test_no_cache_keeps_the_redirect_of_a_link(site: Site) -> None:
    """This holds also where caches keep other redirects. The store does not see the token (FACTS 3.3)."""
    assert site.curl(site.at("/team/archive/d.txt")).headers["cache-control"] == "private, max-age=60"
    for path in ("/linked.txt", "/team/archive/d.txt"):
        headers = site.curl(site.link(path), user=None).headers
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")


def test_the_client_that_took_the_use_resumes_and_reads_ranges(site: Site) -> None:
    link = site.link("/linked.txt")
    assert site.open(link, "-r", "0-3").body == BODY[:4]
    assert site.open(link, "-C", "4").body == BODY[4:]
    *ranges, whole = site.curl_all([("-L", *(("-r", f"{at}-{at}") if at < 10 else ()), link) for at in range(11)], None)
    assert [answer.body for answer in ranges] == [BODY[at : at + 1] for at in range(10)]
    assert gone(whole)


def test_a_prefetch_is_refused_and_takes_no_use(site: Site) -> None:
    link = site.link("/linked.txt")
    headers = (
        "Sec-Purpose: prefetch",
        "Sec-Purpose: prefetch;prerender",
        "Sec-Purpose: Prefetch",
        "Sec-Purpose: a, prefetch ;anonymous-client-ip",
        "Purpose: prefetch",
        "X-Moz: prefetch",
        "X-Purpose: preview",
    )
    for answer, header in zip(site.curl_all([("-H", header, link) for header in headers], None), headers, strict=True):
        assert (answer.status, answer.code) == (403, "prefetch-refused"), header
    assert site.open(link).body == BODY
    assert gone(site.open(link))


def test_head_and_options_take_no_use_and_answer_410_when_used_up(site: Site, session_site: Site) -> None:
    """This holds also where the service asks the store with the credentials of a role, and answers HEAD inline."""
    for each in (site, session_site):
        link = each.link("/linked.txt")
        looks = (("-L", "-I", link), ("-X", "OPTIONS", link))
        *answers, whole, used_up, options = each.curl_all([*looks * 3, ("-L", link), *looks], user=None)
        assert [head.headers["content-length"] for head in answers[::2]] == ["10"] * 3
        assert [answer.status for answer in answers[1::2]] == [204] * 3
        assert (whole.body, used_up.status, options.status) == (BODY, 410, 410)


def test_presign_takes_a_use_and_names_the_download(site: Site) -> None:
    url = f"{site.link('/linked.txt')}&presign&download=its%20name.txt"
    answer = site.curl(site.open(url).json()["url"], user=None)
    assert (answer.body, answer.headers["content-disposition"]) == (BODY, 'attachment; filename="its name.txt"')
    assert gone(site.open(url))


def test_a_token_decides_whatever_key_is_sent_beside_the_token(site: Site) -> None:
    link = site.link("/linked.txt")
    assert site.curl("-L", link, user="ci:wrong").body == BODY
    assert gone(site.curl("-L", link))
    assert site.curl(f"{site.at('/linked.txt')}?token=x").code == "link-invalid"


# Writing

ONCE = ("-H", "If-None-Match: *")  # a link that may not read replaces no file


def test_a_write_link_uploads_once_and_replaces_nothing(site: Site, store: Store) -> None:
    link = site.link("/dropped.txt", action="write")
    assert site.open(link, *ONCE, "-T", site.file(b"first")).status == 200
    assert gone(site.open(link, *ONCE, "-T", site.file(b"second")))
    assert stored(store, "dropped.txt") == b"first"


def test_a_write_link_does_not_read(site: Site, store: Store) -> None:
    """A write link does not list, delete or make links either."""
    link = site.link("/mine.txt", action="write", uses=2)
    site.open(link, *ONCE, "-T", site.file(b"mine"))
    directory = site.link("/drops/", action="write", uses=2)
    assert site.open(link).status == 403
    assert site.open(link, "-I").status == 403
    assert site.open(directory).status == 403
    assert site.open(link, "-X", "DELETE").status == 401
    assert site.open(f"{link}&link", "-X", "POST").status == 403
    assert stored(store, "mine.txt") == b"mine"


def test_an_upload_by_a_link_keeps_the_rule_of_its_maker(site: Site, store: Store) -> None:
    """An upload that is refused takes no use, so the holder can repair the request and send it again."""
    link = site.link("/limited/dropped.txt", action="write")
    text, once = ("-H", "Content-Type: text/plain"), ONCE

    def put(query: str, *arguments: str) -> tuple[int, bytes | None]:
        return site.open(link + query, "-T", site.file(b"hello"), *arguments).status, stored(store, key)

    key = "limited/dropped.txt"
    assert put("", *text, *once) == (411, None)
    assert put("&size=11", *text, *once) == (413, None)
    assert put("&size=5", *once) == (415, None)
    assert put("&size=5", *text) == (428, None)
    assert put("&size=5", *text, *once) == (200, b"hello")
    assert put("&size=5", *text, *once) == (410, b"hello")


def test_only_a_write_link_without_a_number_of_uses_uploads_in_parts(site: Site) -> None:
    free, counted = (site.link("/parts.txt", action="write", uses=uses) for uses in (None, 5))
    for method, query in (
        ("POST", "uploads"),
        ("PUT", "partNumber=1&uploadId=u&size=5"),
        ("POST", "uploadId=u"),
        ("GET", "uploadId=u"),
        ("DELETE", "uploadId=u"),
    ):
        call = ("-X", method, *(("-d", "") if method in ("PUT", "POST") else ()), *ONCE)
        urls = (free, counted, free.replace("parts", "others"))
        answers = site.curl_all([(*call, f"{url}&{query}") for url in urls], user=None)
        assert [answer.status for answer in answers] == [307, 501, 403], (method, query)
        assert answers[1].code == "not-offered"


# Directories


def test_a_link_to_a_directory_opens_everything_below(site: Site) -> None:
    """Every listed URL opens, at any depth and in a mount inside. The holder writes nothing, and makes no links."""
    link = site.link("/team/", uses=None)
    inside = link.replace("/team/", "/team/new.txt")
    for url, arguments in ((inside, ("-X", "PUT")), (f"{inside}&link", ("-X", "POST")), (f"{link}&links", ())):
        assert site.open(url, *arguments).status == 403
    files = walk(site, link)
    paths = ("/team/a.txt", "/team/archive/d.txt", "/team/deep/er/b%20%231%3F.txt", "/team/ours/b.txt")
    assert files == dict.fromkeys(paths, BODY)
    deep = site.open(f"{link}&recursive").json()["entries"]
    assert {entry["url"] for entry in deep} == {f"{site.at(path)}?{link.partition('?')[2]}" for path in files}


def walk(site: Site, url: str) -> dict[str, bytes]:
    """Return all files that the URLs of listings lead to."""
    files: dict[str, bytes] = {}
    for entry in site.open(url).json()["entries"]:
        if entry["type"] == "directory":
            files |= walk(site, entry["url"])
        else:
            files[entry["url"].removeprefix(site.url).partition("?")[0]] = site.open(entry["url"]).body
    return files


def test_a_write_link_of_a_directory_uploads_a_file_for_each_use(site: Site, store: Store) -> None:
    link = site.link("/drops/", action="write", uses=2)
    names = ("one.txt", "deep/two.txt", "three.txt")
    answers = [site.open(link.replace("/drops/", f"/drops/{name}"), *ONCE, "-T", site.file(b"x")) for name in names]
    assert [answer.status for answer in answers] == [200, 200, 410]
    assert [stored(store, f"drops/{name}") for name in names] == [b"x", b"x", None]


def test_a_write_link_of_a_directory_replaces_no_file(site: Site, store: Store) -> None:
    """The holder learns that the name of a stored file is taken, and cannot change the file in any way."""
    site.put("inbox/theirs.txt", b"theirs")
    link = site.link("/inbox/", action="write", uses=None).replace("/inbox/", "/inbox/theirs.txt")
    mine = ("-T", site.file(b"mine"))
    for status, url, arguments in (
        (428, link, mine),
        (428, link, (*mine, "-H", "If-Match: *")),
        (428, link, (*mine, "-H", 'If-None-Match: "e"')),
        (412, link, (*mine, *ONCE)),
        (428, f"{link}&presign", ("-X", "PUT", "-d", "")),
        (428, f"{link}&uploadId=u", ("-d", "<x/>")),
        (403, f"{link}&versionId=null", (*mine, *ONCE)),
        (501, f"{link.replace('theirs.txt', '')}&form", ("-d", "")),
        (400, link, (*mine, *ONCE, "-H", "x-amz-website-redirect-location: /x")),
    ):
        assert site.open(url, *arguments).status == status, (url, arguments)
    location = site.curl("-X", "PUT", "-d", "", *ONCE, link, user=None).headers["location"]
    assert site.curl("-T", site.file(b"mine"), location, user=None).status in REFUSED
    assert stored(store, "inbox/theirs.txt") == b"theirs"


def test_a_browser_gets_an_upload_page_that_lists_nothing(site: Site) -> None:
    """The page takes no use, and an upload takes a use."""
    site.put("drops/other.txt", b"x")
    link = site.link("/drops/", action="write")
    for _ in range(2):
        page = site.open(link, "-H", "Accept: text/html")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"other.txt" not in page.body
    assert site.open(link.replace("/drops/", "/drops/mine.txt"), *ONCE, "-T", site.file(b"x")).status == 200
    assert site.open(link, "-H", "Accept: text/html").status == 410


def test_a_page_is_in_the_language_of_its_reader_and_json_is_in_english(site: Site) -> None:
    german = ("-H", "Accept-Language: de-AT, en;q=0.5", site.at("/team/?token=x"))
    page, problem = site.curl("-H", "Accept: text/html", *german, user=None), site.curl(*german, user=None)
    assert "Dieser Link ist ungültig" in page.body.decode()
    assert "This link is not valid." in problem.json()["detail"]
    assert ["Accept-Language" in answer.headers["vary"] for answer in (page, problem)] == [True, False]


def test_a_listing_and_each_file_take_a_use(site: Site) -> None:
    link = site.link("/team/deep/", uses=2)
    first, *_ = site.open(f"{link}&recursive").json()["entries"]
    assert site.open(first["url"]).body == BODY
    assert gone(site.open(first["url"]))
    assert gone(site.open(link))


# Requests that are refused, and take no use


def test_a_refusal_takes_no_use(driver: str, site: Site, store: Store, table: Table, tmp_path: Path) -> None:
    link = site.link("/linked.txt")
    query = link.partition("?")[2]
    refused = [
        (403, site.open(f"{site.at('/beside.txt')}?{query}")),
        (403, site.open(link, "-T", site.file(b"x"))),
        (403, site.open(f"{link}&uploads", "-X", "POST")),
        (405, site.open(link, "-X", "PATCH")),
        (400, site.open(link, "-H", "x-amz-acl: public-read")),
        (400, site.open(f"{site.at('/a/%2e%2e/linked.txt')}?{query}")),
        (403, site.open(f"{link}x")),
        (401, site.open(link, "-X", "DELETE")),
        (403, site.curl("-X", "DELETE", link, user=GUEST)),
    ]
    expired = store.environ() | {"AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"}
    with open_site(store, table, tmp_path, expired, driver=driver) as other:
        refused.append((503, other.open(link.replace(site.url, other.url))))
    for status, answer in refused:
        assert (answer.status, "location" in answer.headers) == (status, False), answer
    assert site.open(link).body == BODY


@over_http
def test_a_link_expires(site: Site) -> None:
    links = [site.link("/linked.txt", expires_in=1, uses=uses) for uses in (1, None)]
    time.sleep(1.1)
    for link in links:
        answer = site.open(link)
        assert (answer.status, answer.code) == (410, "link-expired")


# Who may make links, and who may revoke links


def test_a_link_can_be_revoked_before_and_after_it_is_used(site: Site, store: Store) -> None:
    """The client that took a use gets no more ranges. The file stays, whatever the token of the DELETE is."""
    for used in (0, 1):
        link = site.link("/linked.txt", uses=5)
        assert [site.open(link).body for _ in range(used)] == [BODY] * used
        assert [site.curl("-X", "DELETE", link).status for _ in range(2)] == [204, 204]
        assert site.open(link, "-I").status == 410
        assert [site.open(link, *part).code for part in ((), ("-r", "4-"))] == ["link-revoked"] * 2
    for token in ("x", ""):
        assert site.curl("-X", "DELETE", f"{site.at('/linked.txt')}?token={token}").status == 403
    assert stored(store, "linked.txt") == BODY


def test_only_its_maker_revokes_a_link_at_its_own_path(site: Site) -> None:
    """Neither its holder nor another key revokes the link, even a key that may share the file, too."""
    link = site.link("/team/")
    for url, status in ((link.replace("/team/", "/team/a.txt"), 403), (link, 204)):
        assert site.curl("-X", "DELETE", url).status == status
    for path in ("/team/a.txt", "/team/ours/b.txt"):
        link = site.link(path)
        assert site.curl("-X", "DELETE", link, user=GUEST).status == 403
        assert site.curl("-X", "DELETE", link, user=None).status == 401
        assert site.open(link).body == BODY
    assert site.curl("-X", "POST", f"{site.at('/team/ours/b.txt')}?link", user=GUEST).status == 201


def test_a_link_without_a_number_of_uses_cannot_be_revoked(site: Site) -> None:
    answer = site.curl("-X", "DELETE", site.link("/linked.txt", uses=None))
    assert (answer.status, answer.code) == (409, "not-revocable")


# Many requests at once, and no table


@over_http
def test_of_twenty_equal_requests_at_once_as_many_succeed_as_there_are_uses(site: Site) -> None:
    together = threading.Barrier(20)

    def client(link: str) -> int:
        together.wait()
        headers = {"User-Agent": "client/1", "Range": "bytes=0-"}
        answer = requests.get(link, headers=headers, allow_redirects=False, timeout=30)
        assert ("Location" in answer.headers) == (answer.status_code == 307)
        return answer.status_code

    for uses in (1, 3):
        with ThreadPoolExecutor(20) as clients:
            statuses = Counter(clients.map(client, [site.link("/linked.txt", uses=uses)] * 20))
        assert statuses == {307: uses, 410: 20 - uses}


def test_an_unreachable_table_is_a_503_and_no_redirect(site: Site, table: Table) -> None:
    """The client can try again later, and the link keeps its uses."""
    link, half_used = site.link("/linked.txt"), site.link("/linked.txt", uses=2)
    assert site.open(half_used).body == BODY
    with table.gone():
        for each_link in (link, half_used):
            for arguments in ((), ("-I",), ("-r", "4-"), ("-X", "OPTIONS")):
                answer = site.open(each_link, *arguments)
                assert (answer.status, "location" in answer.headers) == (503, False)
                assert answer.headers["retry-after"] == "5"
            assert site.curl("-X", "DELETE", each_link).status == 503
    assert site.open(link).body == BODY


def test_the_log_names_the_link_and_not_its_token(site: Site) -> None:
    """This holds also where the link was refused or revoked."""
    link = site.link("/linked.txt", uses=2)
    token = link.rpartition("=")[2]
    site.open(link)
    site.open(f"{site.at('/beside.txt')}?token={token}")
    site.open(site.link("/team/", uses=None))
    site.curl("-X", "DELETE", link)
    log = site.log.read_text().replace('": ', '":')
    assert token not in log
    assert "token=" not in log
    assert '"principal":"link:' in log


def test_the_table_holds_no_tokens_paths_or_addresses(site: Site, table: Table) -> None:
    token = site.open(link := site.link("/linked.txt", uses=2)) and link.rpartition("=")[2]
    text = json.dumps(table.items())
    assert '"attempts"' in text
    for secret in (token, "linked.txt", "127.0.0.1", "curl"):
        assert secret not in text
