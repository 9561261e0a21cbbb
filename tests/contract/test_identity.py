"""Tokens of issuers: whoever has a valid token is a person of that issuer, with the groups of the token."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core.web.times import rfc3339
from tests.support.entry_points import Answer
from tests.support.token_issuer import AUDIENCE, CLAIMS, ISSUER, jwk, token

from .sites import SECRET, Site, Store, Table, open_site

DEV, CONTRACTOR = ({"realm_access": {"roles": roles}} for roles in (["dev"], ["dev", "contractors"]))
MANY = [f"group:corp:a group of forty that one rule names, {number:02}" for number in range(40)]
SETTINGS = f"""
[[mounts]]
path = "/"
bucket = "{{bucket}}"
endpoint = "{{endpoint}}"
region = "{{region}}"

[[keys]]
id = "ci"
sha256 = "{{sha256}}"

[[issuers]]
name = "corp"
issuer = "{ISSUER}"
audience = ["{AUDIENCE}", "https://other.example.com"]
jwks = "keys.json"
groups = ["realm_access", "roles"]

[[issuers]]
name = "ci"
issuer = "{ISSUER}"
audience = "ci"
require = {{{{ repository = ["acme/*", "acme-two/site"] }}}}
jwks = "keys.json"

[groups]
editors = ["user:corp:alice", "user:ci:bot"]

[[rules]]
path = "/team/**"
deny = ["read"]
to = ["group:corp:contractors"]

[[rules]]
path = "/people/{{{{user}}}}/**"
allow = ["read", "write", "share"]
to = ["authenticated"]

[[rules]]
path = "/alice/**"
allow = ["read"]
to = ["user:corp:alice"]

[[rules]]
path = "/team/**"
allow = ["read", "list", "share"]
to = ["group:corp:dev"]

[[rules]]
path = "/many/**"
allow = ["read", "list", "share"]
to = {json.dumps(MANY)}

[[rules]]
path = "/edited/**"
allow = ["read", "list", "share"]
to = ["group:editors"]

[[rules]]
path = "/-/resize"
allow = ["share"]
to = ["authenticated"]

[images]
hosts = ["images.example.com"]

[[rules]]
path = "/**"
allow = ["read", "write", "share"]
to = ["key:ci"]
"""


@pytest.fixture(scope="module")
def people_site(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with two tables of one issuer, whose keys are in a file beside the settings."""
    with open_people_site(driver, store, table, tmp_path_factory.mktemp("people"), {}) as site:
        yield site


@contextmanager
def open_people_site(
    driver: str, store: Store, table: Table, folder: Path, changes: Mapping[str, str], more: str = ""
) -> Iterator[Site]:
    """Signpost with changed settings: each text of `changes` becomes another text, and `more` comes at the end."""
    (folder / "keys.json").write_text(json.dumps({"keys": [jwk("rsa")]}))
    settings = SETTINGS
    for old, new in changes.items():
        assert old in settings
        settings = settings.replace(old, new, 1)
    with open_site(store, table, folder, store.environ(), settings=settings + more, driver=driver) as site:
        yield site


def bearer(**claims: Any) -> tuple[str, ...]:
    return ("-H", f"Authorization: Bearer {token({**CLAIMS, 'exp': time.time() + 60, **claims})}")


def test_a_token_reads_and_writes_as_bearer_and_as_the_password_of_basic(people_site: Site) -> None:
    text = token({**CLAIMS, "exp": time.time() + 60})
    url = people_site.at("/people/corp:alice/a.txt")
    uploaded = people_site.curl("-L", "-T", people_site.file(b"hello"), url, user=f"any id:{text}")
    read = people_site.curl("-L", "-H", f"Authorization: Bearer {text}", url, user=None)
    assert (uploaded.status, read.status, read.body) == (200, 200, b"hello")
    assert people_site.curl(url, user=f":{text}").status == 307
    assert people_site.curl(url).status == 307  # an API key
    assert people_site.curl(url, user=None).status == 401
    assert text.split(".")[2] not in people_site.log.read_text()


def test_rules_decide_by_the_person_and_by_all_groups(people_site: Site) -> None:
    ci = {"aud": "ci", "repository": "acme/site", "sub": "bot"}
    requests: list[tuple[str, dict[str, Any], int]] = [
        ("/alice/x", {}, 307),
        ("/alice/x", {"sub": "bob"}, 403),
        ("/alice/x", {**ci, "sub": "alice"}, 403),  # the same issuer, but another table
        ("/people/corp:bob/x", {"sub": "bob"}, 307),
        ("/people/corp:bob/x", {}, 403),
        ("/people/bob/x", {"sub": "bob"}, 403),
        ("/people/ci:bot/x", ci, 307),
        ("/people/ci:a%2Fb/x", {**ci, "sub": "a/b"}, 403),
        ("/team/x", {}, 403),
        ("/team/x", DEV, 307),
        ("/team/x", CONTRACTOR, 403),
        ("/team/x", {"roles": ["dev"]}, 403),
        ("/edited/x", {}, 307),
        ("/edited/x", ci, 307),
        ("/edited/x", {"sub": "bob"}, 403),
    ]
    for path, claims, status in requests:
        assert people_site.curl(people_site.at(path), *bearer(**claims), user=None).status == status, (path, claims)
    assert people_site.curl("-X", "PUT", people_site.at("/people/corp:alice/x"), *bearer(), user=None).status == 307
    line = json.loads(people_site.log.read_text().splitlines()[-1])
    assert line["principal"] == "user:corp:alice"


def test_a_token_that_is_not_valid_here_is_a_401_whose_reason_only_the_log_has(people_site: Site) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"aud": "https://elsewhere.example.com"}, "issuer corp: aud has no value of `audience`"),
        ({"exp": time.time() - 60}, "The token has expired."),
        ({"iss": "https://elsewhere.example.com"}, "No table of [[issuers]] has the `iss` of the token."),
        ({"aud": "ci", "repository": "acme-evil/site"}, "issuer ci: repository has no value of `require`"),
    ]
    for claims, reason in refused:
        answer = people_site.curl(people_site.at("/edited/x"), *bearer(**claims), user=None)
        assert (answer.status, answer.code) == (401, "credentials-invalid")
        line = json.loads(people_site.log.read_text().splitlines()[-1])
        assert (line["principal"], reason in line["error"]) == (None, True)
        assert reason.encode() not in answer.body


def make_link(site: Site, path: str, *credentials: str, **wanted: Any) -> Answer:
    """Ask for a link, by default without a number of uses."""
    body = json.dumps({"uses": None, **wanted})
    return site.curl("-d", body, f"{site.at(path)}?link", *credentials, user=None)


def link(site: Site, path: str, *credentials: str, **wanted: Any) -> str:
    """The path and the query of a new link."""
    answer = make_link(site, path, *credentials, **wanted)
    assert answer.status == 201, answer.body
    return str(answer.json()["url"]).removeprefix(site.url)


def statuses(site: Site, urls: Iterable[str]) -> list[int]:
    """The statuses of URLs without credentials. Every link that is refused is refused as not valid."""
    answers = site.curl_all([(site.at(url),) for url in urls], user=None)
    assert all(answer.status == 307 or answer.code == "link-invalid" for answer in answers)
    return [answer.status for answer in answers]


def test_people_make_links_and_the_maker_is_who_asks(people_site: Site) -> None:
    """`{user}` is the maker, and the log names the maker."""
    for path, claims, opened, refused in (
        ("/edited/x", {}, ["/edited/x"], ["/edited/y", "/alice/x"]),
        ("/team/", DEV, ["/team/x", "/team/a/b"], ["/teams", "/edited/x"]),
        ("/people/corp:b%C3%B6b/", {"sub": "böb"}, ["/people/corp:b%C3%B6b/x"], ["/people/corp:alice/x"]),
    ):
        query = link(people_site, path, *bearer(**claims)).partition("?")[2]
        urls = [f"{url}?{query}" for url in (*refused, *opened)]
        assert statuses(people_site, urls) == [403] * len(refused) + [307] * len(opened), path
        log = people_site.log.read_text()
        assert json.loads(log.splitlines()[-1])["maker"] == f"user:corp:{claims.get('sub', 'alice')}"
        assert (query in log, len(query) <= len("token=") + 512) == (False, True)
    for path, claims in (("/alice/x", {}), ("/edited/x", {"sub": "bob"}), ("/team/x", CONTRACTOR)):
        assert make_link(people_site, path, *bearer(**claims)).code == "forbidden", path
    assert people_site.put("edited/x", b"x").status == 200
    (entry,) = people_site.curl(people_site.at("/edited/?links"), *bearer(), user=None).json()["entries"]
    assert [people_site.open(entry["url"]).status for _ in range(2)] == [200, 410]


def test_a_link_is_judged_as_if_its_maker_asked_by_the_settings_of_the_moment(
    driver: str, people_site: Site, store: Store, table: Table, tmp_path: Path
) -> None:
    signed_in_at = int(time.time()) - 1_000
    team, counted = "/team/?", link(people_site, "/edited/x", *bearer(), uses=3)
    links = {
        "own": link(people_site, "/people/corp:alice/x", *bearer()),
        "edited": link(people_site, "/edited/x", *bearer()),
        "team": link(people_site, "/team/", *bearer(**DEV, sub="dan", iat=signed_in_at)).replace(team, "/team/x?"),
        "new": link(people_site, "/team/", *bearer(**DEV, sub="dan", iat=signed_in_at + 500)).replace(team, "/team/x?"),
        "key": link(people_site, "/a", "-u", f"ci:{SECRET}"),
    }
    links["closed"] = links["team"].replace("/team/x?", "/team/closed/x?")
    assert set(statuses(people_site, links.values())) == {307}
    first, deny = '[[rules]]\npath = "/team/**"', '[[rules]]\npath = "{}"\ndeny = ["read"]\nto = ["{}"]\n\n'
    for changes, more, ended in (
        (
            {
                'editors = ["user:corp:alice", ': "editors = [",
                ', "share"]\nto = ["authenticated"]': ']\nto = ["authenticated"]',
                first: deny.format("/team/closed/**", "anyone") + first,
            },
            "",
            {"own", "edited", "closed"},
        ),
        # Nobody knows whether the makers are in this group: the links of people end, wherever the rule denies.
        ({first: deny.format("/elsewhere/**", "group:corp:interns") + first}, "", {*links} - {"key"}),
        (
            {},
            f"""
            [revoked]
            "user:corp:alice" = true
            "user:corp:dan" = {rfc3339(signed_in_at + 200)}
            "key:ci" = {rfc3339(signed_in_at + 9_000)}
            """,
            {"own", "edited", "team", "closed", "key"},
        ),
    ):
        with open_people_site(driver, store, table, tmp_path, changes, more) as site:
            assert {name for name, url in links.items() if statuses(site, [url]) == [403]} == ended
            if "interns" in str(changes):
                assert site.curl("-X", "DELETE", site.at(counted), *bearer(), user=None).status == 204
    assert people_site.curl(people_site.at(counted), user=None).code == "link-revoked"


def test_only_the_person_who_made_a_link_revokes_the_link(people_site: Site) -> None:
    """Another sign-in of the same person revokes the link, too."""
    url = people_site.at(link(people_site, "/edited/x", *bearer(), uses=3))
    bot = {"aud": "ci", "repository": "acme/site", "sub": "bot"}
    for credentials, status in (
        ((), 401),
        (bearer(**bot), 403),
        (("-u", f"ci:{SECRET}"), 403),
        (bearer(**DEV, iat=time.time() - 9), 204),
    ):
        assert people_site.curl("-X", "DELETE", url, *credentials, user=None).status == status
        assert people_site.curl(url, user=None).status == (410 if status == 204 else 307)


def test_a_link_of_too_many_groups_is_refused_in_words(people_site: Site) -> None:
    """The list of groups is never cut, because a rule could deny a group that is left out."""
    assert people_site.put("many/x", b"x").status == 200
    groups = [name.removeprefix("group:corp:") for name in MANY]
    few, many = (bearer(realm_access={"roles": [*roles, *"abc"]}) for roles in (groups[:5], groups))
    image = {"u": "https://images.example.com/a.png", "sizes": ["320x"]}
    for path, body in (("/many/x?link", '{"uses": null}'), ("/-/resize?link", json.dumps(image)), ("/many/?links", "")):
        call = (*(("-d", body) if body else ()), people_site.at(path))
        made, refused = people_site.curl_all([(*call, *few), (*call, *many)], user=None)
        assert (made.status, refused.status, refused.code) == (201 if body else 200, 403, "too-many-groups"), path
        assert "a link would have 2," in refused.json()["detail"]
        assert "may have 512" in refused.json()["detail"]
    assert people_site.curl(people_site.at("/many/x"), *many, user=None).status == 307
    assert statuses(people_site, [link(people_site, "/many/x", *few)]) == [307]
