"""The programs of the browser tests: Signpost with its pages, a page of another site, and Chromium."""

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import pytest
from mypy_boto3_s3 import S3Client
from playwright.sync_api import Browser, expect, sync_playwright

from chalicelib.backends.templates import HtmlPages
from local.__main__ import CORS
from local.api_gateway import function_url
from tests.contract import sites
from tests.contract.sites import Store, client_of, open_table
from tests.support.entry_points import entry_points
from tests.support.fakes import signpost
from tests.support.store import MemoryStore

MAX_WAIT: Final = 30_000  # milliseconds of one step in a browser: the machine may be busy with other tests
expect.set_options(timeout=MAX_WAIT)

_SETTINGS: Final = """
rules = [
  {{ path = "/secret/**", to = ["anyone"], deny = ["read", "list", "write", "delete", "share"] }},
  {{ path = "/public/**", to = ["anyone"], allow = ["read", "list"] }},
  {{ path = "/kept/**", to = ["key:ann"], allow = ["write"], overwrite = false }},
  {{ path = "/small/**", to = ["key:ann"], allow = ["write"], max_bytes = 1_000, content_types = ["text/*"] }},
  {{ path = "/plain/**", to = ["key:ann"], allow = ["write"], content_types = ["text/plain"] }},
  {{ path = "/inbox/**", to = ["anyone"], deny = ["read"] }},
  {{ path = "/bounded/**", to = ["key:ann"], allow = ["write"], max_bytes = 200_000_000 }},
  {{ path = "/checked/**", to = ["key:ann"], allow = ["write"], checksum = "sha256", max_bytes = 200_000_000 }},
  {{ path = "/**", to = ["key:ann"], allow = ["read", "list", "write", "delete", "share"] }},
  {{ path = "/desk/{{user}}/**", to = ["key:guest"], allow = ["read", "list"] }},
  {{ path = "/desk/in/**", to = ["key:guest"], allow = ["write"] }},
  {{ path = "/teams/*/open/**", to = ["key:guest"], allow = ["read", "list"] }},
]
keys = [
  {{ id = "ann", sha256 = "{sha256}" }},
  {{ id = "guest", sha256 = "396252a90b568e756b7a060aa5cd88ae28291d5064b05e56827b58186acfb211" }},
]
mounts = [
  {{ path = "/", bucket = "{bucket}", endpoint = "{endpoint}", region = "{region}", inline = ["*.m3u8", "*.mpd"] }},
  {{ path = "/s", prefix = "s/", bucket = "{bucket}", endpoint = "{endpoint}", region = "{region}", url_seconds = 3 }},
  {{path="/s/m",prefix="s/m/",bucket="{bucket}",endpoint="{endpoint}",region="{region}",url_seconds=3,media_seconds=60}},
]
[images]
hosts = ["images.example.com"]
[service]
realm = "Acme files"
cors_origins = """  # and the list of the origins


_VERSIONED_SETTINGS: Final = """
rules = [
  {{ path = "/**", to = ["key:ann"], allow = ["read", "list", "write", "delete", "versions"] }},
  {{ path = "/purge/**", to = ["key:ann"], allow = ["purge"] }},
  {{ path = "/**", to = ["key:guest"], allow = ["read", "list", "write", "delete"] }},
]
keys = [
  {{ id = "ann", sha256 = "{sha256}" }},
  {{ id = "guest", sha256 = "396252a90b568e756b7a060aa5cd88ae28291d5064b05e56827b58186acfb211" }},
]
mounts = [{{ path = "/", bucket = "{bucket}-versions", endpoint = "{endpoint}", region = "{region}" }}]
"""


class Site(NamedTuple):
    """A running Signpost, the store behind it, and its log."""

    url: str
    store: Store
    log: Path


class Directory(NamedTuple):
    """A directory of a site. The methods ask the store, not Signpost; all names are relative to the directory."""

    site: Site
    prefix: str  # of the keys; ends with a slash

    @property
    def url(self) -> str:
        """The URL of the directory."""
        return self.url_of("")

    def url_of(self, name: str) -> str:
        """The URL of a name at Signpost."""
        return f"{self.site.url}/{quote(self.prefix + name)}"

    @property
    def bucket(self) -> str:
        """The bucket of the store."""
        return self.site.store.bucket

    @property
    def s3(self) -> S3Client:
        """A client of the store."""
        return client_of(self.site.store)

    def under(self, folder: str) -> "Directory":
        """The directory of the same name in another folder, for which the settings have another rule."""
        return self._replace(prefix=f"{folder}/{self.prefix}")

    def put(self, name: str, body: bytes = b"", content_type: str = "text/plain") -> None:
        """Store an object."""
        self.s3.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=body, ContentType=content_type)

    def get(self, name: str) -> bytes:
        """The content of an object."""
        return self.s3.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"].read()

    def media_type(self, name: str) -> str:
        """The media type of an object."""
        return self.s3.head_object(Bucket=self.bucket, Key=self.prefix + name)["ContentType"]

    def part_count(self, name: str) -> int:
        """The number of parts in which an object was uploaded, which is at the end of its ETag; 0 for a single PUT."""
        etag = self.s3.head_object(Bucket=self.bucket, Key=self.prefix + name)["ETag"].strip('"')
        return int(etag.partition("-")[2] or 0)

    def delete(self, name: str) -> None:
        """Delete an object."""
        self.s3.delete_object(Bucket=self.bucket, Key=self.prefix + name)

    def names(self) -> set[str]:
        """The names of all objects, also of the objects in directories below."""
        listing = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix)
        return {item["Key"].removeprefix(self.prefix) for item in listing.get("Contents", ())}

    def unfinished(self) -> list[tuple[str, str]]:
        """The key and the id of each multipart upload that was neither completed nor aborted."""
        uploads = self.s3.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix).get("Uploads", ())
        return [(upload["Key"], upload["UploadId"]) for upload in uploads]

    def part_sizes(self) -> dict[int, int]:
        """The sizes in bytes of the parts that arrived, by their numbers, of all unfinished uploads."""
        lists = [self.s3.list_parts(Bucket=self.bucket, Key=key, UploadId=id) for key, id in self.unfinished()]
        return {part["PartNumber"]: part["Size"] for parts in lists for part in parts.get("Parts", ())}

    def parts(self) -> set[int]:
        """The numbers of the parts that arrived, of all unfinished uploads."""
        return {*self.part_sizes()}

    def abort_uploads(self) -> None:
        """Delete the parts of the unfinished uploads, as the store does after some days."""
        for key, id in self.unfinished():
            self.s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=id)


@contextmanager
def open_site(
    store: Store, folder: Path, origins: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """Run Signpost with a store whose CORS rule allows all pages, and with a table of an embedded AWS.

    Args:
        store: an S3.
        folder: for the settings and the log.
        origins: the other sites whose pages may call Signpost.
        environ: more variables of the environment.
    """
    client_of(store).put_bucket_cors(Bucket=store.bucket, CORSConfiguration=CORS)
    settings = _SETTINGS + json.dumps([*origins])
    with (
        open_table(f"signpost-browser-{uuid4().hex[:8]}") as table,
        sites.open_site(store, table, folder, {**store.environ(), **(environ or {})}, settings=settings) as site,
    ):
        yield Site(site.url, store, site.log)


@contextmanager
def open_memory_site(store: MemoryStore) -> Iterator[str]:
    """Run Signpost with its pages in this process, over a store in memory; returns the URL."""
    handler = entry_points(signpost(objects=store, pages=HtmlPages()).application).function_url
    with function_url.listen(handler, 0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def open_versioned_site(store: Store, folder: Path) -> Iterator[Site]:
    """Run Signpost in front of a bucket that keeps versions."""
    bucket = f"{store.bucket}-versions"
    client_of(store).put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)
    with (
        open_table(f"signpost-versions-{uuid4().hex[:8]}") as table,
        sites.open_site(store, table, folder, store.environ(), settings=_VERSIONED_SETTINGS) as site,
    ):
        yield Site(site.url, store._replace(bucket=bucket), site.log)


class _QuietHandler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")  # the files of the folder change
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def open_other_site(folder: Path) -> Iterator[int]:
    """Serve the files of a folder as another site; returns the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_port
        server.shutdown()


def chromium_path() -> str:
    """The path of Debian's Chromium. If Chromium is not installed, fail in CI and skip elsewhere."""
    path = shutil.which("chromium")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium is not installed: apt install chromium")
    return path


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-gpu"])
        yield browser
        browser.close()
