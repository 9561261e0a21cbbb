"""docs/uppy.md, run: Uppy's own packages upload with its configuration, from a page of another site."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, Route

from tests.contract.sites import Store

from .conftest import Visit
from .sites import SECRET, Site, client_of, open_site
from .test_parts import Sent, hold_back, number_of, wait_for
from .test_uploads import at_the_store

PAGE = Path(__file__).parent.parent.parent / "docs/uppy.md"
PACKAGES = Path(__file__).parent / "uppy"

HTML = """<!doctype html>
<title>Another site</title>
<script type="importmap">{"imports": {"@uppy/core": "./core.js", "@uppy/aws-s3": "./aws-s3.js"}}</script>
<script type="module" src="app.js"></script>
<input type="file">
"""

ADD = """() => {
    const [file] = document.querySelector("input").files;
    return uppy.addFile({ name: file.name, type: file.type, data: file });
}"""
UPLOAD = """async () => {
    const { successful, failed } = await uppy.upload();
    return [successful.length, failed.map(({ error }) => error)];
}"""
IN_PARTS = "uppy.getPlugin('AwsS3').setOptions({ shouldUseMultipart: true })"


@pytest.fixture(scope="session")
def bundled() -> Path:
    """A folder with the packages as modules for browsers; made once for each package-lock.json, with npm."""
    lock = hashlib.sha256((PACKAGES / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir(), f"signpost-uppy-{lock}")
    if not folder.exists():
        if shutil.which("npm") is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("npm is not installed")
        bundle = ["node_modules/.bin/esbuild", "@uppy/core", "@uppy/aws-s3", "--bundle", "--splitting"]
        with tempfile.TemporaryDirectory() as scratch:
            made = shutil.copytree(PACKAGES, Path(scratch, "uppy"))
            for command in (
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                [*bundle, "--format=esm", "--outdir=out", "--log-level=warning"],
            ):
                subprocess.run(command, cwd=made, check=True, stdout=subprocess.DEVNULL, timeout=100)
            with suppress(OSError):  # another worker may have been first
                (made / "out").rename(folder)
    return folder


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder as it is now, and says nothing."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class App(NamedTuple):
    """Another site: its folder, its address, and the Signpost that lets it call."""

    folder: Path
    url: str
    site: Site

    def open(self, page: Page, directory: str) -> None:
        """Open its page, which uploads into a directory."""
        (found,) = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
        for said, meant in (
            ("https://files.example.com/inbox/", self.site.at(directory)),
            ("Bearer SECRET", f"Bearer {SECRET}"),
        ):
            assert said in found
            found = found.replace(said, meant)
        (self.folder / "app.js").write_text(f"{found}\nwindow.uppy = uppy;\n")
        page.goto(self.url)
        page.wait_for_function("window.uppy")


@pytest.fixture(scope="module")
def app(bundled: Path, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The other site."""
    folder = tmp_path_factory.mktemp("app")
    shutil.copytree(bundled, folder, dirs_exist_ok=True)
    (folder / "index.html").write_text(HTML)
    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with open_site(store, tmp_path_factory.mktemp("site"), [url]) as site:
            yield App(folder, url, site)
        server.shutdown()


@pytest.fixture
def page(visit: Visit, app: App, place: str) -> Page:
    """Its page, where nobody is signed in."""
    page = visit(signed_in=False)
    app.open(page, place)
    return page


def add(page: Page, path: Path) -> str:
    """Give Uppy a file; returns what it calls it."""
    page.locator("input").set_input_files([path])
    return str(page.evaluate(ADD))


@pytest.fixture
def three_parts(tmp_path: Path) -> Path:
    """A file of three parts, for who wants it in parts."""
    path = tmp_path / "three parts.bin"
    path.write_bytes(os.urandom(12_000_000))
    return path


def test_a_file(page: Page, app: App, place: str, tmp_path: Path) -> None:
    path = tmp_path / "zwei ünï + & ?.txt"
    path.write_bytes(b"body")
    add(page, path)
    assert page.evaluate(UPLOAD) == [1, []]
    assert app.site.get(f"{place}{path.name}") == b"body"
    head = client_of(app.site.store).head_object(Bucket=app.site.store.bucket, Key=f"{place}{path.name}")
    assert head["ContentType"] == "text/plain"


def test_a_big_file_goes_in_parts(page: Page, app: App, place: str, tmp_path: Path) -> None:
    """Also where one of them fails."""
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(105_000_000))
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if number_of(route.request) != 3 or route.request.method != "PUT" or failed:
            return route.continue_()
        failed.append(route.request.url)
        return route.abort()

    at_the_store(page, app.site, fail_once)
    add(page, path)
    assert page.evaluate(UPLOAD) == [1, []]
    assert app.site.get(f"{place}{path.name}") == path.read_bytes()
    assert len(failed) == 1
    assert app.site.unfinished(f"{place}{path.name}") == []


def test_it_is_paused_and_resumed(page: Page, app: App, place: str, three_parts: Path) -> None:
    """And what arrived is not sent again."""
    key = place + three_parts.name
    page.evaluate(IN_PARTS)
    hold_back(page, app.site, 2)
    id = add(page, three_parts)
    page.evaluate("() => { window.uploaded = uppy.upload() }")
    wait_for(lambda: app.site.parts(key) == {1}, page)
    page.evaluate("id => uppy.pauseResume(id)", id)
    page.unroute_all(behavior="ignoreErrors")
    sent = Sent(page, app.site)
    page.evaluate("id => uppy.pauseResume(id)", id)
    assert page.evaluate("async () => (await uploaded).successful.length") == 1
    assert app.site.get(key) == three_parts.read_bytes()
    assert sent.numbers == [2, 3]


def test_what_is_cancelled_is_taken_back(page: Page, app: App, place: str, three_parts: Path) -> None:
    key = place + three_parts.name
    page.evaluate(IN_PARTS)
    hold_back(page, app.site, 2)
    add(page, three_parts)
    page.evaluate("() => { uppy.upload() }")
    wait_for(lambda: app.site.parts(key) == {1}, page)
    page.evaluate("uppy.cancelAll()")
    wait_for(lambda: app.site.unfinished(key) == [], page)
    assert app.site.keys(place) == set()


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_rule_that_bounds_the_size(page: Page, app: App, place: str, three_parts: Path, in_parts: bool) -> None:
    app.open(page, f"bounded/{place}")
    if in_parts:
        page.evaluate(IN_PARTS)
    add(page, three_parts)
    assert page.evaluate(UPLOAD) == [1, []]
    assert app.site.get(f"bounded/{place}{three_parts.name}") == three_parts.read_bytes()


def test_a_refusal_is_told(visit: Visit, app: App, place: str, tmp_path: Path) -> None:
    page = visit(signed_in=False, watched=False)  # Uppy tells the console, too
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    app.open(page, f"small/{place}")
    add(page, path)
    done, (error,) = page.evaluate(UPLOAD)
    assert done == 0
    assert "text/*" in error


def test_it_is_the_version_that_the_page_names() -> None:
    pinned = json.loads((PACKAGES / "package.json").read_text())["dependencies"]
    (said,) = re.findall(r"`@uppy/core` and `@uppy/aws-s3` (\d+\.\d+);", PAGE.read_text())
    assert {pinned[name].rpartition(".")[0] for name in ("@uppy/core", "@uppy/aws-s3")} == {said}
