"""The sites of the table: Signpost as each entry point, with the means of authentication."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import requests

from local import dev_server
from tests.contract.sites import SECRET, Site, Store, open_site, open_table
from tests.contract.test_service_tokens import Person

from .columns import Access

ENTRY_POINTS: Final = {"rest": dev_server.REST_API, "url": dev_server.FUNCTION_URL}
_SETTINGS: Final = """
[service]
head = "{head}"

[credentials]
enabled = true

[[mounts]]
path = "/"
bucket = "{bucket}"
prefix = "tenant/"
endpoint = "{endpoint}"
region = "{region}"
lfs = true
role = "arn:aws:iam:::role/S3Access"

[[keys]]
id = "ci"
sha256 = "{sha256}"

[[rules]]
path = "/**"
allow = ["read", "write", "delete", "list", "share"]
to = ["key:ci"]

[[rules]]
path = "/notices/2026/**"
allow = ["read", "list"]
to = ["anyone"]
"""


@contextmanager
def open_access(store: Store, scratch: Path) -> Iterator[dict[str, Access]]:
    """Run a service for each entry point, and make the means of authentication."""
    with open_table("signpost-clients-table") as table, ExitStack() as services:
        accesses = {}
        for name, entry_point in ENTRY_POINTS.items():
            folder = scratch / name
            folder.mkdir()
            service = open_site(store, table, folder, store.environ(), settings=_SETTINGS, entry_point=entry_point)
            accesses[name] = _access(services.enter_context(service))
        yield accesses


def _access(site: Site) -> Access:
    token = site.link("/files/", uses=None).partition("?token=")[2]
    made = Person(site).make(path="/", actions=["read", "list", "write", "delete"])
    return Access(site.url, token, made["token"], partial(_link, site))


def _link(site: Site, path: str, **wanted: str) -> str:
    """Make a link, by a request of its own: `Site.link` is for one thread."""
    answer = requests.post(f"{site.at(path)}?link", json=wanted, auth=("ci", SECRET), timeout=60)
    answer.raise_for_status()
    return str(answer.json()["url"])
