"""What the browser tests talk to: Signpost with its pages, links and sessions, and Chromium."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, FilePayload, Page, expect, sync_playwright

from local.__main__ import CORS
from tests.contract import sites
from tests.contract.sites import SECRET as SECRET
from tests.contract.sites import Store, open_table
from tests.contract.sites import client_of as client_of

PATIENCE: Final = 20_000  # milliseconds: a machine can be busy with other tests

_SETTINGS: Final = """
[service]
realm = "Acme files"
cors_origins = {origins}

[images]
hosts = ["images.example.com"]

[[mounts]]
path = "/"
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"

[[keys]]
id = "ann"
sha256 = "{sha256}"

[[rules]]
path = "/secret/**"
deny = ["read", "list", "write", "delete", "share"]
to = ["anyone"]

[[rules]]
path = "/public/**"
allow = ["read", "list"]
to = ["anyone"]

[[rules]]
path = "/kept/**"
allow = ["write"]
to = ["key:ann"]
overwrite = false

[[rules]]
path = "/small/**"
allow = ["write"]
to = ["key:ann"]
max_bytes = 1_000
content_types = ["text/*"]

[[rules]]
path = "/plain/**"
allow = ["write"]
to = ["key:ann"]
content_types = ["text/plain"]

[[rules]]
path = "/inbox/**"
deny = ["read"]
to = ["anyone"]

[[rules]]
path = "/bounded/**"
allow = ["write"]
to = ["key:ann"]
max_bytes = 200_000_000

[[rules]]
path = "/checked/**"
allow = ["write"]
to = ["key:ann"]
checksum = "sha256"

[[rules]]
path = "/**"
allow = ["read", "list", "write", "delete", "share"]
to = ["key:ann"]
"""

# No sandbox: Chromium has none to offer to root, which is who runs in a container. The rest keeps it off the network.
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Site(NamedTuple):
    """A running Signpost, and the store behind it."""

    url: str
    store: Store
    log: Path

    def at(self, key: str) -> str:
        """The URL of a key or a directory."""
        return f"{self.url}/{quote(key, safe='/')}"

    def put(self, key: str, body: bytes = b"", content_type: str = "text/plain") -> None:
        """Put an object there, past Signpost."""
        client_of(self.store).put_object(Bucket=self.store.bucket, Key=key, Body=body, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """What is there."""
        return client_of(self.store).get_object(Bucket=self.store.bucket, Key=key)["Body"].read()

    def type_of(self, key: str) -> str:
        """The media type that the store keeps with an object."""
        return client_of(self.store).head_object(Bucket=self.store.bucket, Key=key)["ContentType"]

    def delete(self, key: str) -> None:
        """Take an object away."""
        client_of(self.store).delete_object(Bucket=self.store.bucket, Key=key)

    def unfinished(self, key: str) -> list[str]:
        """The uploads in parts of a key that nobody finished or took back."""
        found = client_of(self.store).list_multipart_uploads(Bucket=self.store.bucket, Prefix=key)
        return [item["UploadId"] for item in found.get("Uploads", ()) if item["Key"] == key]

    def parts(self, key: str) -> set[int]:
        """The numbers of the parts that arrived of its one unfinished upload."""
        for upload in self.unfinished(key):
            found = client_of(self.store).list_parts(Bucket=self.store.bucket, Key=key, UploadId=upload)
            return {part["PartNumber"] for part in found.get("Parts", ())}
        return set()

    def keys(self, prefix: str) -> set[str]:
        """The keys that begin with this."""
        found = client_of(self.store).list_objects_v2(Bucket=self.store.bucket, Prefix=prefix)
        return {item["Key"] for item in found.get("Contents", ())}


@contextmanager
def open_site(
    store: Store, folder: Path, origins: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """Signpost in front of a store that lets pages of any site at its objects, with a table of an embedded AWS.

    Args:
        store: an S3.
        folder: for its settings and its log.
        origins: the other sites whose pages may call it.
        environ: what else it finds.
    """
    client_of(store).put_bucket_cors(Bucket=store.bucket, CORSConfiguration=CORS)
    settings = _SETTINGS.replace("{origins}", json.dumps([*origins]))
    with (
        open_table(f"signpost-browser-{uuid4().hex[:8]}") as table,
        sites.open_site(store, table, folder, {**store.environ(), **(environ or {})}, settings=settings) as site,
    ):
        yield Site(site.url, store, site.log)


expect.set_options(timeout=PATIENCE)


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Debian's Chromium; where it is missing, fail in CI and skip elsewhere."""
    chromium = shutil.which("chromium")
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium is not installed: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield browser
        browser.close()


def sign_in(page: Page, site: Site, secret: str = SECRET) -> None:
    """Sign in at the form, which leads to the topmost directory."""
    page.goto(f"{site.url}/-/login")
    page.get_by_label("Key id").fill("ann")
    page.get_by_label("Secret").fill(secret)
    page.get_by_role("button", name="Sign in").click()


def file(name: str, body: bytes = b"body", content_type: str = "text/plain") -> FilePayload:
    """A file as one chooses it."""
    return {"name": name, "mimeType": content_type, "buffer": body}


def slow_down(page: Page, upload: int) -> None:
    """Let a page send so many bytes in a second, and no more."""
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload},
    )


class Watch:
    """Notes what no page of ours may do: open a box, fail in a script, run or load something foreign."""

    def __init__(self, context: BrowserContext) -> None:
        self.seen: list[str] = []
        context.on("dialog", self._dismiss)
        context.on("weberror", lambda error: self.seen.append(f"error: {error.error}"))
        context.on("console", lambda message: self._note(message.type, message.text))

    def _dismiss(self, dialog: Dialog) -> None:
        if dialog.type != "beforeunload":  # which is ours, and dismissed stays on the page
            self.seen.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note(self, kind: str, text: str) -> None:
        # A violated Content-Security-Policy is an error too; an answer of 400 and above is, and is often meant.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.seen.append(f"{kind}: {text}")
