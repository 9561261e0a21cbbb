"""Rotation: an API key gets a new secret while clients, browsers and links still work with the old secret."""

import json
from pathlib import Path

from chalicelib.core.access.principals import sha256_of

from .sites import Site, Store, Table, open_site

SETTINGS = """
[[mounts]]
path = "/"
bucket = "{{bucket}}"
endpoint = "{{endpoint}}"
region = "{{region}}"

[[keys]]
id = "ci"
sha256 = {sha256}

[[rules]]
path = "/**"
allow = ["read", "share"]
to = ["key:ci"]
"""


def cookie_of(site: Site, secret: str) -> str:
    """The cookie of a browser that signs in with a secret."""
    origin = "/".join(site.url.split("/")[:3])
    answer = site.curl("-H", f"Origin: {origin}", "-d", f"id=ci&secret={secret}", site.at("/-/login"), user=None)
    assert answer.status == 303, answer
    return answer.headers["set-cookie"].partition(";")[0]


def test_a_new_secret_ends_no_link_and_its_old_secret_ends_with_its_sessions_alone(
    driver: str, store: Store, table: Table, tmp_path: Path
) -> None:
    link, cookies = "", {"old": "", "new": ""}
    for secrets, statuses in [
        # the values in the settings; the status with the old secret, the new secret, the session of each, and the link
        (["old"], [307, 401, 401, 401, 307]),
        (["new", "old"], [307, 307, 307, 401, 307]),
        (["new"], [401, 307, 401, 307, 307]),
    ]:
        values = [sha256_of(secret) for secret in secrets]
        settings = SETTINGS.format(sha256=json.dumps(values if len(values) > 1 else values[0]))
        with open_site(store, table, tmp_path, store.environ(), settings=settings, driver=driver) as site:
            if not link:
                made = site.curl("-d", '{"uses": null}', site.at("/a?link"), user="ci:old")
                link = f"/a?token={made.json()['token']}"
            calls = [("-u", f"ci:{secret}", site.at("/a")) for secret in cookies]
            calls += [("-H", f"Cookie: {cookie}", site.at("/a")) for cookie in cookies.values()]
            answers = site.curl_all([*calls, (site.at(link),)], user=None)
            assert [answer.status for answer in answers] == statuses, secrets
            cookies |= {secret: cookie_of(site, secret) for secret in secrets}
