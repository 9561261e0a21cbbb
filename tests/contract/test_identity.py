"""Tokens of issuers: whoever has a valid token is a person of that issuer, with the groups of the token."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.token_issuer import AUDIENCE, CLAIMS, ISSUER, jwk, token

from .sites import Site, Store, Table, open_site

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
allow = ["read", "write"]
to = ["authenticated"]

[[rules]]
path = "/alice/**"
allow = ["read"]
to = ["user:corp:alice"]

[[rules]]
path = "/team/**"
allow = ["read"]
to = ["group:corp:dev"]

[[rules]]
path = "/edited/**"
allow = ["read", "list", "share"]
to = ["group:editors"]

[[rules]]
path = "/-/resize"
allow = ["share"]
to = ["group:editors"]

[[rules]]
path = "/**"
allow = ["read", "write"]
to = ["key:ci"]
"""


@pytest.fixture(scope="module")
def people_site(driver: str, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost with two tables of one issuer, whose keys are in a file beside the settings."""
    folder: Path = tmp_path_factory.mktemp("people")
    (folder / "keys.json").write_text(json.dumps({"keys": [jwk("rsa")]}))
    with open_site(store, table, folder, store.environ(), settings=SETTINGS, driver=driver) as site:
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
    dev, contractor = {"roles": ["dev"]}, {"roles": ["dev", "contractors"]}
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
        ("/team/x", {"realm_access": dev}, 307),
        ("/team/x", {"realm_access": contractor}, 403),
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


def test_a_person_makes_no_links(people_site: Site) -> None:
    assert people_site.put("edited/x", b"x").status == 200
    calls = [("-d", "{}", people_site.at(f"{path}?link")) for path in ("/edited/x", "/-/resize")]
    for answer in people_site.curl_all(
        [(*call, *bearer()) for call in (*calls, (people_site.at("/edited/?links"),))], user=None
    ):
        assert (answer.status, answer.code) == (501, "not-offered")
        assert answer.json()["detail"].startswith("A link needs an API key.")
