"""`python -m bench.large_uploads`: uploads large files by links in Chromium, and prints the seconds and the memory.

The store is the one that S3_ENDPOINT names, as for `make test-s3`: the embedded S3 keeps its files in memory. The store
needs the place of one file at a time, and so does the folder for temporary files. The script is not a part of CI.
"""

import argparse
import hashlib
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from uuid import uuid4

from playwright.sync_api import Page, Request, expect

from local.__main__ import CORS
from tests.browser.multipart import part_number
from tests.browser.sites import open_chromium
from tests.contract.sites import Site, Store, client_of, open_site, open_store, open_table

SETTINGS: Final = """
[[mounts]]
path = "/"
bucket = "{bucket}"
endpoint = "{endpoint}"
region = "{region}"

[[keys]]
id = "ci"
sha256 = "{sha256}"

[[rules]]
path = "/checked/**"
allow = ["write"]
to = ["key:ci"]
checksum = "sha256"

[[rules]]
path = "/**"
allow = ["write", "share"]
to = ["key:ci"]
"""

MAX_SECONDS: Final = 1_800  # of one upload
BLOCK_BYTES: Final = 1024**2


class Task(NamedTuple):
    """An upload.

    Attributes:
        name: what the table says.
        folder: decides the rule: below `checked/` the rule demands a SHA-256.
        size: bytes of the file.
        uses: of the link; None for a link that does not count, whose files go in parts.
        is_interrupted: whether the page is reloaded at half of the file.
    """

    name: str
    folder: str
    size: int
    uses: int | None
    is_interrupted: bool


TASKS: Final = {
    "parts": Task("2.3 GB with SHA-256, in parts", "checked", 2_300_000_000, None, is_interrupted=False),
    "whole": Task("2.3 GB with SHA-256, one request", "checked", 2_300_000_000, 1, is_interrupted=False),
    "resumed": Task("5.5 GB in parts, reloaded at half", "open", 5_500_000_000, None, is_interrupted=True),
}


class Result(NamedTuple):
    """The result of an upload: seconds, the largest process of Chromium, and the parts before and after a reload."""

    seconds: float
    peak_bytes: int
    parts: str


class Readable(Protocol):
    """A file, or the body of an object."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; none at the end."""
        ...


def main() -> None:
    """Upload the files, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []], metavar="TASK", help=f"{', '.join(TASKS)}; all")
    names = parser.parse_args().tasks or [*TASKS]
    print("| upload | seconds | peak of the largest process | parts before and after the reload |\n|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory() as scratch,
        open_store() as store,
        open_table(f"signpost-bench-{uuid4().hex[:8]}") as table,
        open_site(store, table, Path(scratch), store.environ(), settings=SETTINGS) as site,
    ):
        client_of(store).put_bucket_cors(Bucket=store.bucket, CORSConfiguration=CORS)
        for task in (TASKS[name] for name in names):
            result = upload(task, site, store, Path(scratch))
            print(
                f"| {task.name} | {result.seconds:.0f} | {result.peak_bytes / 1e6:.0f} MB | {result.parts} |",
                flush=True,
            )


def upload(task: Task, site: Site, store: Store, scratch: Path) -> Result:
    """Upload one file, compare the object with the file, and delete both."""
    path = sparse_file(scratch / "large.bin", task.size)
    link = site.link(f"/{task.folder}/", action="write", uses=task.uses)
    with open_chromium() as chromium, measured_memory() as memory:
        page = chromium.new_page()
        page.on("dialog", lambda dialog: dialog.accept())  # the page asks before it is left
        page.goto(link)
        start = time.monotonic()
        page.locator("#files").set_input_files([path])
        arrived = interrupt(page, store, path) if task.is_interrupted else 0
        sent: list[Request] = []
        page.on("requestfinished", lambda request: sent.append(request) if is_part(request, store) else None)
        expect(page.locator("#queue [data-state=done]")).to_have_count(1, timeout=MAX_SECONDS * 1000)
        seconds = time.monotonic() - start
    (item,) = client_of(store).list_objects_v2(Bucket=store.bucket, Prefix=f"{task.folder}/")["Contents"]
    body = client_of(store).get_object(Bucket=store.bucket, Key=item["Key"])["Body"]
    with path.open("rb") as file:
        assert sha256(body) == sha256(file), "the object differs from the file"
    client_of(store).delete_object(Bucket=store.bucket, Key=item["Key"])
    path.unlink()
    return Result(seconds, memory[0], f"{arrived} + {len(sent)}")


def interrupt(page: Page, store: Store, path: Path) -> int:
    """Reload the page at half of the file, and choose the file again; return the number of parts that arrived."""
    half = re.compile(r"^(0\.[5-9]|1)")
    expect(page.locator("#queue progress")).to_have_attribute("value", half, timeout=MAX_SECONDS * 1000)
    page.reload()
    expect(page.locator("#unfinished li")).to_have_count(1)
    (unfinished,) = client_of(store).list_multipart_uploads(Bucket=store.bucket)["Uploads"]
    pages = (
        client_of(store)
        .get_paginator("list_parts")
        .paginate(Bucket=store.bucket, Key=unfinished["Key"], UploadId=unfinished["UploadId"])
    )
    arrived = sum(len(found.get("Parts", ())) for found in pages)
    page.locator("#files").set_input_files([path])
    return arrived


def is_part(request: Request, store: Store) -> bool:
    """Whether a request sends a part to the store."""
    return request.url.startswith(store.endpoint) and request.method == "PUT" and part_number(request) is not None


def sparse_file(path: Path, size: int) -> Path:
    """Write a file with a random block after each hundred million bytes, and at its end; the rest takes no place."""
    with path.open("wb") as file:
        for position in (*range(0, size - BLOCK_BYTES, 100_000_000), size - BLOCK_BYTES):
            file.seek(position)
            file.write(os.urandom(BLOCK_BYTES))
    return path


def sha256(file: Readable) -> str:
    """The SHA-256 of a file or of an object."""
    digest = hashlib.sha256()
    while block := file.read(16 * BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


@contextmanager
def measured_memory() -> Iterator[list[int]]:
    """Measure the memory of Chromium while a block runs: the bytes of the process that had most at any time."""
    peak, end = [0], threading.Event()

    def measure() -> None:
        while not end.wait(0.5):
            peak[0] = max(peak[0], *map(peak_bytes, Path("/proc").glob("[0-9]*")))

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        yield peak
    finally:
        end.set()
        thread.join()


def peak_bytes(process: Path) -> int:
    """The most memory that a process of this Chromium had; 0 for another process (proc(5), VmHWM)."""
    try:
        command, status = (process / "cmdline").read_bytes(), (process / "status").read_text()
    except OSError:  # the process has ended
        return 0
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if b"chromium" not in command.split(b"\0")[0] or not is_own(process) or "VmHWM" not in fields:
        return 0
    return int(fields["VmHWM"].split()[0]) * 1024


def is_own(process: Path) -> bool:
    """Whether a process descends from this process."""
    number = int(process.name)
    while number > 1 and number != os.getpid():
        try:
            number = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return number == os.getpid()


if __name__ == "__main__":
    main()
