"""Signpost with a rule for each promise that a rule can demand of an upload, and the content of its bucket."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.entry_points import Answer

from .sites import Site, Store, Table, client_of, open_site

MIN_PART_BYTES = 5 * 1024**2  # bytes, of all parts but the last
MAX_UPLOAD_BYTES = 2 * MIN_PART_BYTES + 1024**2  # bytes, of an upload below /parts/

SETTINGS = """
[[mounts]]
path = "/"
bucket = "{bucket}"
prefix = "tenant/"
endpoint = "{endpoint}"
region = "{region}"

[[mounts]]
path = "/brief"
bucket = "{bucket}"
prefix = "brief/"
endpoint = "{endpoint}"
region = "{region}"
url_seconds = 3

[[keys]]
id = "ci"
sha256 = "{sha256}"

[[rules]]
path = "/sized/**"
allow = ["write"]
to = ["key:ci"]
max_bytes = 10

[[rules]]
path = "/typed/**"
allow = ["write"]
to = ["key:ci"]
content_types = ["text/*"]

[[rules]]
path = "/once/**"
allow = ["write"]
to = ["key:ci"]
overwrite = false

[[rules]]
path = "/summed/**"
allow = ["write"]
to = ["key:ci"]
checksum = "sha256"

[[rules]]
path = "/kept/**"
allow = ["write"]
to = ["key:ci"]
require_headers = {{ "cache-control" = "private, max-age=60", "x-amz-meta-from" = "ci" }}

[[rules]]
path = "/parts/**"
allow = ["write"]
to = ["key:ci"]
max_bytes = 11534336

[[rules]]
path = "/photos/**"
allow = ["write"]
to = ["key:ci"]
max_bytes = 1000
content_types = ["image/*"]
require_headers = {{ "x-amz-meta-from" = "a form" }}

[[rules]]
path = "/**"
allow = ["read", "list", "write", "delete", "share"]
to = ["key:ci"]
pass_headers = ["x-amz-tagging", "x-amz-storage-class"]
"""


@contextmanager
def open_upload_site(store: Store, table: Table, folder: Path, driver: str) -> Iterator[Site]:
    """Signpost with the rules of `SETTINGS`."""
    with open_site(store, table, folder, store.environ(), settings=SETTINGS, driver=driver) as site:
        yield site


def bucket_content(store: Store) -> set[str]:
    """The content of the bucket, as a text for each object and for each part of an upload that is not completed."""
    s3, bucket = client_of(store), store.bucket
    objects = s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    found = {f"{item['Key']} {item['Size']} {item['ETag']}" for item in objects}
    for upload_id, key in unfinished_uploads(store).items():
        parts = s3.list_parts(Bucket=bucket, Key=key, UploadId=upload_id).get("Parts", ())
        found |= {f"{key} {upload_id} {part['PartNumber']} {part['ETag']}" for part in parts}
    return found


def unfinished_uploads(store: Store) -> dict[str, str]:
    """The uploads in parts that are not completed: their ids, with their keys."""
    found = client_of(store).list_multipart_uploads(Bucket=store.bucket).get("Uploads", ())
    return {upload["UploadId"]: upload["Key"] for upload in found}


def sha256(body: bytes) -> str:
    """The header with a body's checksum."""
    return f"x-amz-checksum-sha256: {base64.b64encode(hashlib.sha256(body).digest()).decode()}"


def begin(site: Site, path: str, *arguments: str) -> str:
    """Begin an upload in parts with curl, and return its id."""
    answer = site.curl("-L", "-d", "", "-H", "Content-Type: text/plain", *arguments, f"{site.at(path)}?uploads")
    found = re.search(rb"<UploadId>(.+)</UploadId>", answer.body)
    assert found, answer
    return found[1].decode()


def send(site: Site, path: str, upload_id: str, number: int, body: bytes, *arguments: str, query: str = "") -> Answer:
    """Upload one part with curl."""
    url = f"{site.at(path)}?partNumber={number}&uploadId={upload_id}{query}"
    return site.curl("-L", "-T", site.file(body), *arguments, url)


def options(fields: Iterable[str]) -> list[str]:
    """Return header fields as options of curl."""
    return [word for field in fields for word in ("-H", field)]


def form_call(site: Site, url: str, fields: Mapping[str, str], body: bytes, name: str) -> tuple[str, ...]:
    """Return a call of curl that sends a form as a browser does: the file last."""
    words = [word for field, value in fields.items() for word in ("--form-string", f"{field}={value}")]
    return (*words, "-F", f"file=@{site.file(body)};filename={name}", url)


def listing(parts: dict[int, str]) -> str:
    """The body that completes an upload: the number and entity tag of each part."""
    lines = (
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in sorted(parts.items())
    )
    return f"<CompleteMultipartUpload>{''.join(lines)}</CompleteMultipartUpload>"


def complete(site: Site, path: str, upload_id: str, parts: dict[int, str], *arguments: str) -> Answer:
    """Complete an upload with curl."""
    body = ("--data-binary", listing(parts))
    return site.curl("-L", *body, *arguments, f"{site.at(path)}?uploadId={upload_id}")
