"""The configuration in docs/uppy.md: Uppy's own packages upload from a page of another site."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, Route

from tests.contract.sites import SECRET, Store

from . import npm
from .conftest import Visit
from .multipart import SentParts, hold_back, part_number, wait_for
from .sites import Directory, Site, open_other_site, open_site
from .visitor import answer_for_store

DOCUMENT = Path(__file__).parent.parent.parent / "docs/uppy.md"
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
    """A folder with the packages as modules for browsers."""
    bundle = ["node_modules/.bin/esbuild", "@uppy/core", "@uppy/aws-s3", "--bundle", "--splitting"]
    return npm.install(PACKAGES, [*bundle, "--format=esm", "--outdir=out", "--log-level=warning"]) / "out"


class App(NamedTuple):
    """Another site: its folder, its URL, and the Signpost that its page may call."""

    folder: Path
    url: str
    site: Site

    def open(self, page: Page, directory: Directory) -> None:
        """Open the page, which uploads into a directory."""
        (script,) = re.findall(r"^```js\n(.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
        for example, value in (
            ("https://files.example.com/inbox/", directory.url),
            ("Bearer SECRET", f"Bearer {SECRET}"),
        ):
            assert example in script
            script = script.replace(example, value)
        (self.folder / "app.js").write_text(f"{script}\nwindow.uppy = uppy;\n")
        page.goto(self.url)
        page.wait_for_function("window.uppy")


@pytest.fixture(scope="module")
def app(bundled: Path, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The other site."""
    folder = tmp_path_factory.mktemp("app")
    shutil.copytree(bundled, folder, dirs_exist_ok=True)
    (folder / "index.html").write_text(HTML)
    with open_other_site(folder) as port:
        url = f"http://127.0.0.1:{port}"
        with open_site(store, tmp_path_factory.mktemp("site"), [url]) as site:
            yield App(folder, url, site)


@pytest.fixture
def target(app: App, directory: Directory) -> Directory:
    """The directory to upload into."""
    return directory._replace(site=app.site)


@pytest.fixture
def page(visit: Visit, app: App, target: Directory) -> Page:
    """The page, where nobody is signed in."""
    page = visit("about:blank", signed_in=False)
    app.open(page, target)
    return page


def add(page: Page, path: Path) -> str:
    """Give Uppy a file; returns Uppy's id of the file."""
    page.locator("input").set_input_files([path])
    return str(page.evaluate(ADD))


def test_uppy_uploads_a_large_file_in_parts_and_sends_a_failed_part_again(
    page: Page, target: Directory, tmp_path: Path
) -> None:
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(105_000_000))
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if part_number(route.request) != 3 or route.request.method != "PUT" or failed:
            return route.continue_()
        failed.append(route.request.url)
        return route.abort()

    answer_for_store(page, target.site, fail_once)
    add(page, path)
    assert page.evaluate(UPLOAD) == [1, []]
    assert target.get(path.name) == path.read_bytes()
    assert len(failed) == 1
    assert target.unfinished() == []


def test_uppy_pauses_resumes_and_cancels(page: Page, target: Directory, tmp_path: Path) -> None:
    """A resumed upload does not send a part again that arrived; a cancelled upload leaves nothing."""
    path = tmp_path / "three parts.bin"
    path.write_bytes(os.urandom(12_000_000))
    page.evaluate(IN_PARTS)
    for is_cancelled in (True, False):
        hold_back(page, target.site, 2)
        file_id = add(page, path)
        page.evaluate("() => { window.uploaded = uppy.upload() }")
        wait_for(page, lambda: target.parts() == {1})
        if is_cancelled:
            page.evaluate("uppy.cancelAll()")
            wait_for(page, lambda: target.unfinished() == [])
            assert target.names() == set()
            page.unroute_all(behavior="ignoreErrors")
    page.evaluate("id => uppy.pauseResume(id)", file_id)
    page.unroute_all(behavior="ignoreErrors")
    sent = SentParts(page, target.site)
    page.evaluate("id => uppy.pauseResume(id)", file_id)
    assert page.evaluate("async () => (await uploaded).successful.length") == 1
    assert target.get(path.name) == path.read_bytes()
    assert sent.numbers == [2, 3]


def test_uppy_uploads_a_file(page: Page, app: App, target: Directory, tmp_path: Path) -> None:
    """Also where a rule limits the size."""
    path = tmp_path / "zwei ünï + & ?.txt"
    path.write_bytes(b"x" * 12_000_000)
    for directory, in_parts in ((target, False), (target.under("bounded"), False), (target.under("bounded"), True)):
        app.open(page, directory)
        if in_parts:
            page.evaluate(IN_PARTS)
        add(page, path)
        assert page.evaluate(UPLOAD) == [1, []]
        assert directory.get(path.name) == path.read_bytes()
        assert directory.media_type(path.name) == "text/plain"
        assert (directory.part_count(path.name) > 0) == in_parts


def test_uppy_reports_a_refusal(visit: Visit, app: App, target: Directory, tmp_path: Path) -> None:
    page = visit("about:blank", signed_in=False, watched=False)  # Uppy reports to the console, too
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    app.open(page, target.under("small"))
    add(page, path)
    successful, (error,) = page.evaluate(UPLOAD)
    assert successful == 0
    assert "text/*" in error


def test_the_document_names_the_tested_version() -> None:
    pinned = json.loads((PACKAGES / "package.json").read_text())["dependencies"]
    (version,) = re.findall(r"`@uppy/core` and `@uppy/aws-s3` (\d+\.\d+);", DOCUMENT.read_text())
    assert {pinned[name].rpartition(".")[0] for name in ("@uppy/core", "@uppy/aws-s3")} == {version}
