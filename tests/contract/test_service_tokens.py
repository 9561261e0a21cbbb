"""Service tokens: a person who is signed in makes a token for curl, which has no more rights than the person has."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .drivers import over_http, without_http
from .sites import SECRET, Site, Store, Table, open_site
from .test_rotation import cookie_of

SETTINGS = """
[[mounts]]
path = "/"
bucket = "{{bucket}}"
endpoint = "{{endpoint}}"
region = "{{region}}"

[[keys]]
id = "ci"
sha256 = "{sha256}"

{more}

[[rules]]
path = "/builds/secret/**"
deny = ["read"]
to = ["key:ci"]

[[rules]]
path = "/builds/**"
allow = ["read", "list", "write", "share"]
to = ["key:ci"]

[[rules]]
path = "/other/**"
allow = ["read"]
to = ["key:ci"]
"""
DENY = '[[rules]]\npath = "/builds/new/**"\ndeny = ["read"]\nto = ["key:ci"]\n'


def settings(more: str = "", sha256: str = "{sha256}") -> str:
    return SETTINGS.format(more=more, sha256=sha256)


class Person:
    """A person who is signed in at a site with the key `ci`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.origin = "/".join(site.url.split("/")[:3])
        self.cookie = f"Cookie: {cookie_of(site, SECRET)}"

    def call(self, fields: Mapping[str, Any], *arguments: str) -> tuple[str, ...]:
        """The arguments of curl for a request that makes a token."""
        body = ("-H", "Content-Type: application/json", "-d", json.dumps(fields))
        origin = ("-H", f"Origin: {self.origin}")
        return ("-H", self.cookie, *origin, *body, *arguments, self.site.at("/-/token"))

    def make(self, **fields: Any) -> dict[str, Any]:
        """The answer with a new token."""
        answer = self.site.curl(*self.call(fields), user=None)
        assert (answer.status, answer.headers["cache-control"]) == (201, "no-store"), answer
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture(scope="module")
def token_site(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with a key for a directory, in which one directory is denied."""
    folder = tmp_path_factory.mktemp("tokens")
    with open_site(store, table, folder, store.environ(), settings=settings(), driver=driver) as site:
        yield site


@pytest.fixture(scope="module")
def person(token_site: Site) -> Person:
    return Person(token_site)


def bearer(token: str) -> tuple[str, str]:
    return ("-H", f"Authorization: Bearer {token}")


def test_a_token_reads_and_writes_within_its_path_and_actions_alone(person: Person) -> None:
    site = person.site
    token = person.make(path="/builds/", actions=["write", "read"])["token"]
    url = site.at("/builds/a.txt")
    uploaded = site.curl("-L", "-T", site.file(b"hello"), *bearer(token), url, user=None)
    read = site.curl("-L", url, user=f"any id:{token}")
    assert (uploaded.status, read.status, read.body) == (200, 200, b"hello")
    scope = "This service token is for read and write below /builds/ alone. Make another service token at /-/token."
    denied = "The key ci may not read here. Use another key, or ask the administrator for a rule that allows it."
    for method, path, text in [
        ("GET", "/builds/", scope),
        ("DELETE", "/builds/a.txt", scope),
        ("GET", "/builds", scope),
        ("GET", "/other/a.txt", scope),
        ("GET", "/builds/secret/a.txt", denied),
        ("POST", "/builds/a.txt?link", scope),
        ("GET", "/builds/a.txt?versionId=1", scope),
    ]:
        answer = site.curl("-X", method, *bearer(token), site.at(path), user=None)
        assert (answer.status, answer.code, answer.json()["detail"]) == (403, "forbidden", text), (method, path)
    line = json.loads(site.log.read_text().splitlines()[-1])
    assert (line["principal"], line["code"]) == ("key:ci", "forbidden")
    assert token[4:] not in site.log.read_text()


def test_a_token_for_a_file_opens_this_file_alone_and_reads_for_an_hour_by_default(person: Person) -> None:
    made, now = person.make(path="/builds/ü 1.txt"), time.time()
    end = time.mktime(time.strptime(made["expires_at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert made.keys() == {"token", "path", "actions", "expires_at", "curl", "netrc"}
    assert (made["path"], made["actions"], abs(end - now - 3600) < 60) == ("/builds/ü 1.txt", ["read"], True)
    url = person.site.at("/builds/%C3%BC%201.txt")
    assert made["curl"] == f'curl -L -H "Authorization: Bearer {made["token"]}" {url}'
    assert made["netrc"] == f"machine localhost login token password {made['token']}"
    calls = [(*bearer(made["token"]), url) for url in (url, f"{url}/", f"{url}x", person.site.at("/builds/"))]
    assert [answer.status for answer in person.site.curl_all(calls, user=None)] == [307, 403, 403, 403]


def test_only_a_session_makes_a_token_and_only_from_the_own_origin(person: Person) -> None:
    site, fields = person.site, {"path": "/builds/"}
    token = person.make(path="/builds/")["token"]
    link = site.curl("-d", '{"uses": null}', site.at("/builds/a.txt?link")).json()["token"]
    call = person.call(fields)
    for refused in (bearer(token), ("-u", f"ci:{SECRET}"), bearer(SECRET), ("-u", f"ci:{token}")):
        for other in (call, (site.at("/-/token"),)):
            answer = site.curl(*refused, *other, user=None)
            assert (answer.status, answer.code) == (403, "session-required"), refused
    assert site.curl(*call[:-1], f"{call[-1]}?token={link}", user=None).code == "session-required"
    for origin in ("Origin: null", "Origin: https://evil.example.com", "Origin:"):
        answer = site.curl(*[origin if part.startswith("Origin:") else part for part in call], user=None)
        assert (answer.status, answer.code) == (403, "cross-site"), origin
    for method in ("GET", "POST"):
        answer = site.curl("-X", method, "-H", f"Origin: {person.origin}", site.at("/-/token"), user=None)
        assert (answer.status, answer.code) == (401, "credentials-missing")


def test_a_request_for_a_token_that_cannot_be_made_is_refused_in_words(person: Person) -> None:
    longest = "expires_in must be a whole number from 1 to 43,"
    refused: list[tuple[Any, int, str]] = [
        ({}, 400, "path must be the path of a file"),
        ({"path": 1}, 400, "path must be the path of a file"),
        ({"path": "builds/"}, 400, "The path must start with a slash."),
        ({"path": "/a/../b"}, 400, "A segment of the path is '.' or '..'."),
        ({"path": "/a\n"}, 400, "The path holds a control character."),
        ({"path": "/\ud800"}, 400, "The path is not UTF-8."),
        ({"path": "/-/token"}, 400, "Paths below /-/ belong to the service"),
        ({"path": "/builds/" + "x" * 1020}, 414, "The key has"),
        ({"path": "/builds/", "actions": ["read", "fly"]}, 400, "actions must be a list"),
        ({"path": "/builds/", "actions": []}, 400, "actions must be a list"),
        ({"path": "/builds/", "actions": "read"}, 400, "actions must be a list"),
        ({"path": "/builds/", "expires_in": 43_201}, 400, longest),
        ({"path": "/builds/", "expires_in": 0}, 400, longest),
        ({"path": "/builds/", "expires_in": "60"}, 400, longest),
        ({"path": "/builds/", "hours": 1}, 400, "The body has the unknown field 'hours'."),
        ([1], 400, "The body must be JSON"),
        ({"path": "/builds/", "actions": ["read", "delete"]}, 403, "The key ci may not delete here."),
        ({"path": "/builds/secret/a"}, 403, "The key ci may not read here."),
        ({"path": "/"}, 403, "The key ci may not read here."),
    ]
    answers = person.site.curl_all([person.call(fields) for fields, _, _ in refused], user=None)
    for answer, (fields, status, text) in zip(answers, refused, strict=True):
        assert (answer.status, answer.json()["detail"][: len(text)]) == (status, text), fields
    lines = [json.loads(line) for line in person.site.log.read_text().splitlines() if line[0] == "{"]
    assert [line["rule"] for line in lines[-3:]] == [None, 1, None]


def test_a_browser_gets_the_page_and_a_form_that_is_refused_again_with_the_reason(person: Person) -> None:
    site = person.site
    browser = ("-H", "Accept: text/html", "-H", person.cookie, "-H", f"Origin: {person.origin}")
    page = site.curl(*browser, site.at("/-/token?path=/builds/%22%3E"), user=None)
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert b'value="/builds/&#34;&gt;"' in page.body
    made = site.curl(*browser, "-d", "path=/builds/&action=read&action=list&hours=12", site.at("/-/token"), user=None)
    assert (made.status, made.headers["cache-control"], b"Bearer spt_" in made.body) == (200, "no-store", True)
    assert made.headers["content-type"] == "text/html; charset=utf-8"
    for form, status, text in [
        ("path=/&action=read", 403, b"The key ci may not read here."),
        ("path=/builds/", 400, b"actions must be a list"),
        ("path=builds&action=read&hours=99999", 400, b"The path must start with a slash."),
        ("%ff=%ff&&&", 400, b"path must be the path of a file"),
    ]:
        answer = site.curl(*browser, "-d", form, site.at("/-/token"), user=None)
        assert (answer.status, text in answer.body, b"spt_" in answer.body) == (status, True, False), form
    signed_out = site.curl("-H", "Accept: text/html", site.at("/-/token?path=/a/"), user=None)
    assert (signed_out.status, b'value="/-/token?path=' in signed_out.body) == (401, True)


def test_a_token_ends_and_a_bad_token_is_refused_with_a_reason_for_the_log(person: Person) -> None:
    site = person.site
    short = person.make(path="/builds/", expires_in=1)["token"]
    good = person.make(path="/builds/", expires_in=43_000)["token"]
    time.sleep(1.1)
    changed, cookie = good[:-1] + ("A" if good[-1] != "A" else "B"), f"spt_{person.cookie.partition('=')[2]}"
    for token, reason in [
        (short, "The service token has expired."),
        *((bad, "The service did not make this service token.") for bad in (changed, cookie, "spt_", good[:-4])),
    ]:
        answer = site.curl(*bearer(token), site.at("/builds/a.txt"), user=None)
        assert (answer.status, answer.code) == (401, "credentials-invalid")
        line = json.loads(site.log.read_text().splitlines()[-1])
        assert (line["principal"], line["error"]) == (None, reason)
    assert site.curl(*bearer(good), site.at("/builds/a.txt"), user=None).status == 307


@without_http
def test_the_settings_of_the_moment_decide_about_a_token(
    driver: str, person: Person, store: Store, table: Table, tmp_path: Path
) -> None:
    """A site with the same signing secret and other settings stands for a deployment."""
    token = person.make(path="/builds/", actions=["read"])["token"]
    signed_in_at = int(time.time())
    for more, sha256, statuses in [
        ("", "{sha256}", [307, 307]),
        (DENY, "{sha256}", [403, 307]),
        ("", "0" * 64, [401, 401]),
        ("[revoked]\n'key:ci' = true", "{sha256}", [401, 401]),
        (f"[revoked]\n'key:ci' = {_toml_time(signed_in_at + 60)}", "{sha256}", [401, 401]),
        (f"[revoked]\n'key:ci' = {_toml_time(signed_in_at - 600)}", "{sha256}", [307, 307]),
    ]:
        text = settings(more, sha256)
        with open_site(store, table, tmp_path, store.environ(), settings=text, driver=driver) as site:
            calls = [(*bearer(token), site.at(path)) for path in ("/builds/new/a.txt", "/builds/a.txt")]
            assert [answer.status for answer in site.curl_all(calls, user=None)] == statuses, more


def _toml_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@over_http
def test_a_file_arrives_byte_for_byte_with_the_netrc_line(person: Person, tmp_path: Path) -> None:
    site, body = person.site, bytes(range(256)) * 5_000
    netrc = tmp_path / "netrc"
    netrc.write_text(person.make(path="/builds/", actions=["read", "write"])["netrc"] + "\n")
    url = site.at("/builds/bytes.bin")
    uploaded = site.curl("-L", "-T", site.file(body), "--netrc-file", str(netrc), url, user=None)
    read = site.curl("-L", "--netrc-file", str(netrc), url, user=None)
    assert (uploaded.status, read.status, read.body == body) == (200, 200, True)
