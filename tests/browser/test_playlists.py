"""The players in docs/playlists.md: private HLS and DASH by a cookie, a link, and a token in the path, with seeking."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from playwright.sync_api import Page, Response

from tests.contract.sites import SECRET, Store

from . import npm
from .conftest import Visit
from .sites import Directory, Site, open_other_site, open_site

DOCUMENT = (Path(__file__).parent.parent.parent / "docs/playlists.md").read_text()
PATH_HLS, PATH_DASH, QUERY_HLS, QUERY_DASH = re.findall(r"^```js\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
PLAYERS = ("hls.js/dist/hls.min.js", "dashjs/dist/modern/umd/dash.all.min.js")
EXAMPLE = "https://files.example.com"
SECONDS = 120  # far more than a player loads before a seek


class App(NamedTuple):
    """The files of the players, the URL of another site, and the Signpost that its page may call."""

    players: list[Path]
    url: str
    site: Site


@pytest.fixture(scope="module")
def app(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The other site, whose page is empty."""
    packages, folder = npm.install(Path(__file__).parent / "players"), tmp_path_factory.mktemp("app")
    (folder / "index.html").write_text('<!doctype html><title>A page</title><link rel="icon" href="data:,">')
    with open_other_site(folder) as port:
        url = f"http://127.0.0.1:{port}"
        with open_site(store, tmp_path_factory.mktemp("site"), [url]) as site:
            yield App([packages / "node_modules" / file for file in PLAYERS], url, site)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a clip as HLS and as DASH."""
    if shutil.which("ffmpeg") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("ffmpeg is not installed: apt install ffmpeg")
    folder = tmp_path_factory.mktemp("clip")
    source = ["-f", "lavfi", "-i", f"testsrc=size=160x120:rate=10:duration={SECONDS}"]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "20"]
    commands = re.findall(r"^ffmpeg -i film\.mp4 (.*)$", DOCUMENT, re.MULTILINE)
    for arguments in ([*source, *encoder, "film.mp4"], *(["-i", "film.mp4", *each.split()] for each in commands)):
        subprocess.run(["ffmpeg", "-loglevel", "error", *arguments], cwd=folder, check=True)
    return folder


@pytest.fixture
def films(app: App, directory: Directory, clip: Path) -> Directory:
    """A private directory with the clip, whose playlists have the type of a page."""
    films = directory._replace(site=app.site)
    for file in clip.iterdir():
        films.put(file.name, file.read_bytes(), "text/html" if file.suffix in (".m3u8", ".mpd") else "video/mp4")
    return films


def play(page: Page, url: str, app: App, films: Directory, script: str) -> None:
    """Run a player on a page: play, seek to a place that is not loaded yet, and play on, without a refusal."""
    refused: list[str] = []
    from_store: list[str] = []

    def note(response: Response) -> None:
        if response.status >= 400:
            refused.append(f"{response.status} {response.url}")
        elif response.url.startswith(films.site.store.endpoint):
            from_store.append(response.url)

    page.goto(url)
    page.set_content("<video muted autoplay></video>")
    for player in app.players:
        page.add_script_tag(path=player)
    page.on("response", note)
    page.add_script_tag(content=script)
    page.wait_for_function("document.querySelector('video').currentTime > 0.5")
    before_seek = len(from_store)
    page.locator("video").evaluate(f"video => {{ video.currentTime = {SECONDS - 10} }}")
    page.wait_for_function(f"document.querySelector('video').currentTime > {SECONDS - 9.5}")
    page.remove_listener("response", note)
    assert refused == []
    assert 0 < before_seek < len(from_store)


def test_private_playlists_play_and_seek(visit: Visit, app: App, films: Directory) -> None:
    """The page is on another site; for the cookie, the page has the service's own origin, as behind one CDN."""
    link = requests.post(f"{films.url}?link", json={"uses": None}, auth=("ann", SECRET), timeout=60).json()
    by_path = f"{films.site.url}/-/t/{link['token']}/{films.prefix}"
    function, _, _ = QUERY_HLS.partition("const hls")
    for page_url, start, scripts in (
        (f"{films.site.url}/-/login", films.url, [PATH_HLS, PATH_DASH]),
        (app.url, films.url, [QUERY_HLS, function + QUERY_DASH]),
        (app.url, by_path, [PATH_HLS, PATH_DASH]),
    ):
        page = visit("about:blank", signed_in=page_url != app.url, bypass_csp=True)
        for script in scripts:
            script = script.replace(f"{EXAMPLE}/-/t/TOKEN/films/", start).replace(f"{EXAMPLE}/films/", start)
            play(page, page_url, app, films, script.replace("TOKEN", link["token"]))
    for name in ("film.m3u8", "film.mpd"):
        subprocess.run(["ffmpeg", "-loglevel", "error", "-i", by_path + name, "-f", "null", "-"], check=True)


def test_the_document_names_the_tested_versions() -> None:
    package = (Path(__file__).parent / "players/package.json").read_text()
    for name, version in re.findall(r"^(hls|dash)\.js (\d+\.\d+):$", DOCUMENT, re.MULTILINE):
        assert re.search(rf'"{name}\.?js": "{version}\.', package)
