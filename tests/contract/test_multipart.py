"""Uploads in parts with plain curl: every call is a redirect."""

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from . import probes
from .drivers import over_http
from .sites import SECRET, Site, Store, client_of
from .upload_sites import MIN_PART_BYTES, begin, complete, send, unfinished_uploads

PIECES = (b"1" * MIN_PART_BYTES, b"2" * MIN_PART_BYTES, b"the rest")


def send_all(site: Site, path: str, upload_id: str) -> dict[int, str]:
    """Upload all pieces at once, with a curl that follows the redirect of each; return their entity tags."""
    folder, names = site.folder, [site.file(piece) for piece in PIECES]
    words: list[str] = []
    for number, piece in enumerate(names, 1):
        url = f"{site.at(path)}?partNumber={number}&uploadId={upload_id}"
        words += [*(() if number == 1 else ("--next",)), "-sSL", "-u", f"ci:{SECRET}", "-T", piece]
        words += ["-D", f"{folder}/part-{number}", url]
    subprocess.run(["curl", "--parallel", *words], check=True, capture_output=True, timeout=60)
    found = [re.findall(r"(?im)^etag: (\S+)", (folder / f"part-{number}").read_text()) for number in (1, 2, 3)]
    return {number: tags[-1] for number, tags in enumerate(found, 1)}


@over_http
def test_a_file_in_parts(upload_site: Site, store: Store, name: str) -> None:
    """The parts, sent in parallel, become one object with the type and the headers of the first call."""
    path = f"/kept/{name}"
    upload_id = begin(upload_site, path, "-H", "Cache-Control: private, max-age=60", "-H", "x-amz-meta-from: ci")
    parts = send_all(upload_site, path, upload_id)
    listed = upload_site.curl("-L", f"{upload_site.at(path)}?uploadId={upload_id}")
    assert listed.status == 200
    assert re.findall(rb"<PartNumber>(\d+)</PartNumber>", listed.body) == [b"1", b"2", b"3"]
    page = upload_site.curl("-L", f"{upload_site.at(path)}?uploadId={upload_id}&max-parts=1&part-number-marker=1")
    assert re.findall(rb"<PartNumber>(\d+)</PartNumber>", page.body) == [b"2"]
    assert complete(upload_site, path, upload_id, parts).status == 200
    stored = client_of(store).get_object(Bucket=store.bucket, Key=f"tenant{path}")
    assert stored["Body"].read() == b"".join(PIECES)
    assert (stored["ContentType"], stored["CacheControl"]) == ("text/plain", "private, max-age=60")
    assert stored["Metadata"] == {"from": "ci"}
    assert upload_id not in unfinished_uploads(store)


@over_http
@pytest.mark.usefixtures("unchanged")
def test_an_aborted_upload_has_no_parts_and_takes_no_more_parts(upload_site: Site, store: Store, name: str) -> None:
    path = f"/free/{name}"
    upload_id = begin(upload_site, path)
    part = send(upload_site, path, upload_id, 1, b"gone").headers["etag"]
    url = f"{upload_site.at(path)}?uploadId={upload_id}"
    assert upload_site.curl("-L", "-X", "DELETE", url).status == 204
    assert upload_id not in unfinished_uploads(store)
    assert send(upload_site, path, upload_id, 1, b"late").status == 404
    assert complete(upload_site, path, upload_id, {1: part}).status in (404, 500)  # 500 from Ceph's gateway
    assert upload_site.curl("-L", url).status == 404


def test_a_file_in_parts_by_a_role(session_site: Site, store: Store, name: str) -> None:
    """On Lambda, each URL has a session token."""
    probes.need(probes.has_roles(store), "STS")
    path = f"/free/{name}"
    upload_id = begin(session_site, path)
    parts = {1: send(session_site, path, upload_id, 1, b"by a role").headers["etag"]}
    assert complete(session_site, path, upload_id, parts).status == 200
    assert session_site.curl("-L", session_site.at(path)).body == b"by a role"


def test_each_call_needs_the_right_to_write(upload_site: Site, name: str) -> None:
    upload_id = begin(upload_site, f"/free/{name}")
    url = upload_site.at(f"/free/{name}")
    for method, query in (
        ("POST", "uploads"),
        ("PUT", f"partNumber=1&uploadId={upload_id}"),
        ("GET", f"uploadId={upload_id}"),
        ("POST", f"uploadId={upload_id}"),
        ("DELETE", f"uploadId={upload_id}"),
    ):
        for user in (None, "ci:wrong"):
            assert upload_site.curl("-X", method, "-d", "", f"{url}?{query}", user=user).status == 401


def peak_memory(site: Site) -> int:
    """Return the greatest amount of memory that the service has used, in KiB."""
    port = site.url.rpartition(":")[2]
    children = ""
    for path in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            children += f" {path.read_text()}"
    for pid in children.split():
        if port in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            assert found
            return int(found[1])
    raise AssertionError("the service is not a child of this process")


@over_http
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="only Linux tells how much memory a process used")
def test_memory_does_not_grow_with_the_file(upload_site: Site, store: Store, name: str) -> None:
    """60 MB go to the store; the service answers each request before the first byte."""
    path, size = f"/free/{name}", 60 * 1024**2
    whole = upload_site.folder / name
    with whole.open("wb") as file:
        file.truncate(size)
    upload_id = begin(upload_site, path)
    upload_site.put("free/warm.txt", b"x")
    before = peak_memory(upload_site)
    upload = ("-T", str(whole), "-w", "%{http_code} %{size_upload}", "-o", "/dev/null")
    for url in (upload_site.at(path), f"{upload_site.at(path)}?partNumber=1&uploadId={upload_id}"):
        command = ["curl", "-sS", "-u", f"ci:{SECRET}", *upload, url]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "307 0"
        done = subprocess.run([*command, "-L"], check=True, capture_output=True, text=True, timeout=100)
        assert done.stdout == f"200 {size}"
    assert client_of(store).head_object(Bucket=store.bucket, Key=f"tenant{path}")["ContentLength"] == size
    assert peak_memory(upload_site) - before < 5 * 1024
    upload_site.curl("-L", "-X", "DELETE", f"{upload_site.at(path)}?uploadId={upload_id}")
