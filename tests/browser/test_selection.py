"""A visitor selects many files and folders: deletes the files, and downloads everything as one zip or as a list."""

import re
import socket
import socketserver
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.contract.sites import SECRET, Store

from .conftest import Visit
from .sites import Directory, open_site
from .visitor import click, names, sign_in

BODIES = {"a b+c%25 ü日.txt": b"one", "b.bin": bytes(range(256)) * 4_000, "c.txt": b"", "trip/day 1/d.txt": b"four"}


@pytest.fixture
def page(visit: Visit, directory: Directory) -> Page:
    """The page of a directory with some files."""
    for name, body in BODIES.items():
        directory.put(name, body)
    return visit(directory.url)


def select(page: Page, name: str, *modifiers: str) -> None:
    """Click the checkbox of a row."""
    page.get_by_role("checkbox", name=f"Select {name}", exact=True).click(modifiers=modifiers)  # type: ignore[arg-type]


def downloaded(page: Page, button: str, path: Path) -> Path:
    """Click a button, and save the file that the browser downloads."""
    with page.expect_download() as started:
        click(page, button)
    started.value.save_as(path / started.value.suggested_filename)
    return path / started.value.suggested_filename


def contents(path: Path) -> dict[str, bytes]:
    """The files of a zip, whose checksums are right."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_thirty_files_are_deleted_in_four_clicks(visit: Visit, directory: Directory) -> None:
    """A file that the service does not delete stays, with the reason, and can be deleted later."""
    for number in range(32):
        directory.put(f"{number:02}.txt")
    page = visit(directory.url)
    page.route(re.compile(r"/07\.txt\?presign"), lambda route: route.fulfill(status=403, json={"detail": "Not this."}))
    select(page, "00.txt")
    select(page, "29.txt", "Shift")
    expect(page.get_by_text("30 selected")).to_be_visible()
    click(page, "Delete")
    click(page.get_by_role("dialog", name="Delete 30 files?"), "Delete")
    expect(page.get_by_role("status").filter(has_text="Deleted: 29. Not deleted: 1.")).to_have_count(1)
    expect(names(page)).to_have_text(["07.txt", "30.txt", "31.txt"])
    expect(page.get_by_role("row").filter(has_text="Not this.")).to_contain_text("07.txt")
    assert directory.names() == {"07.txt", "30.txt", "31.txt"}
    page.unroute_all()
    page.get_by_role("checkbox", name="Select all").check()
    click(page, "Delete")
    click(page.get_by_role("dialog"), "Delete")
    expect(page.get_by_text("This directory is empty.")).to_be_visible()
    assert directory.names() == set()


def test_everything_is_downloaded_as_one_zip(page: Page, directory: Directory, tmp_path: Path) -> None:
    """Also by the keyboard. A file that was deleted meanwhile is left out, and named."""
    box = page.get_by_role("checkbox", name="Select all")
    box.focus()
    page.keyboard.press("Space")
    assert contents(downloaded(page, "Download as zip", tmp_path)) == BODIES
    expect(page.locator("#selection-state")).to_have_text("The zip is complete: 4 files, 1.0 MB.")
    assert page.url == directory.url
    directory.delete("c.txt")
    zipped = contents(downloaded(page, "Download as zip", tmp_path))
    assert zipped == {name: body for name, body in BODIES.items() if name != "c.txt"}
    expect(page.locator("#selection-state")).to_contain_text("Left out: c.txt: The store answered 404.")
    box.uncheck()
    select(page, "trip/")
    folder = downloaded(page, "Download as zip", tmp_path)
    assert (folder.name, contents(folder)) == ("trip.zip", {"trip/day 1/d.txt": b"four"})


def test_the_lists_work_with_curl_and_aria2(page: Page, directory: Directory, tmp_path: Path) -> None:
    page.get_by_role("checkbox", name="Select all").check()
    file = downloaded(page, "URLs for curl", tmp_path)
    subprocess.run(["curl", "-sS", "-K", file, "-u", f"ann:{SECRET}"], cwd=tmp_path, check=True, timeout=60)
    assert {name: (tmp_path / name).read_bytes() for name in BODIES} == BODIES
    file = downloaded(page, "URLs for aria2", tmp_path)
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {urlsplit(directory.url).hostname} login ann password {SECRET}\n")
    netrc.chmod(0o600)
    options = ["--quiet", "--no-conf", f"--netrc-path={netrc}", f"--dir={tmp_path / 'aria2'}"]
    subprocess.run(["aria2c", *options, "-i", file], check=True, timeout=60)
    assert {name: (tmp_path / "aria2" / name).read_bytes() for name in BODIES} == BODIES


def test_no_name_leads_a_list_out_of_the_directory_of_the_downloads(
    visit: Visit, directory: Directory, tmp_path: Path
) -> None:
    directory.put("/etc/passwd", b"x")
    page = visit(directory.url)
    page.get_by_role("checkbox", name="Select all").check()
    assert 'output = "%2Fetc/passwd"' in downloaded(page, "URLs for curl", tmp_path).read_text()
    assert contents(downloaded(page, "Download as zip", tmp_path)) == {"%2Fetc/passwd": b"x"}


class CuttingStore(socketserver.ThreadingTCPServer):
    """A proxy of a store that cuts the first answers after some bytes, as a bad connection does."""

    daemon_threads = True

    def __init__(self, store: Store) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        address = urlsplit(store.endpoint)
        self.store, self.cuts = (address.hostname, address.port), list[int]()
        self.on_cut: Callable[[], object] = lambda: None
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class _Passing(socketserver.BaseRequestHandler):
    server: CuttingStore

    def handle(self) -> None:
        with socket.create_connection(self.server.store) as store:
            asking = threading.Thread(target=self._pass, args=(self.request, store, []))
            asking.start()
            self._pass(store, self.request, self.server.cuts)
            asking.join()

    def _pass(self, source: socket.socket, target: socket.socket, cuts: list[int]) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(8_192):
                passed = passed + len(data) if cuts else 0  # a connection can have brought whole answers before
                if cuts and passed > cuts[0]:
                    cuts.pop(0)
                    self.server.on_cut()
                    break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cut_directory(store: Store, tmp_path: Path) -> Iterator[tuple[Directory, CuttingStore]]:
    """A directory of a site whose store cuts answers."""
    with CuttingStore(store) as proxy:
        endpoint = f"http://127.0.0.1:{proxy.server_address[1]}"
        with open_site(store._replace(endpoint=endpoint), tmp_path) as site:
            yield Directory(site._replace(store=store), "cut/"), proxy
        proxy.shutdown()


def test_a_zip_goes_on_where_the_connection_failed(
    chromium: Browser, cut_directory: tuple[Directory, CuttingStore], tmp_path: Path
) -> None:
    """If the file was deleted meanwhile, the download fails, and the page says why."""
    directory, proxy = cut_directory
    directory.put("b.bin", BODIES["b.bin"])
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{directory.site.url}/-/login?next=/{directory.prefix}")
        sign_in(page)
        select(page, "b.bin")
        proxy.cuts += [500_000, 200_000]
        assert contents(downloaded(page, "Download as zip", tmp_path)) == {"b.bin": BODIES["b.bin"]}
        assert proxy.cuts == []
        proxy.on_cut = lambda: directory.delete("b.bin")
        proxy.cuts.append(500_000)  # a connection that is still open has this list
        with page.expect_download() as started:
            click(page, "Download as zip")
        assert started.value.failure()
        reason = "The zip is not complete: b.bin could not be read. The store answered 404."
        expect(page.locator("#selection-state")).to_have_text(reason)


def test_the_deletion_of_nothing_is_not_offered(visit: Visit, directory: Directory) -> None:
    """A visitor who may only read gets the downloads."""
    public = directory.under("public")
    public.put("a.txt", b"a")

    page = visit(public.url, signed_in=False)
    select(page, "a.txt")
    expect(page.get_by_role("button", name="Download as zip")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
