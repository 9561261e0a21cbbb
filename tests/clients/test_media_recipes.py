"""docs/recipes.md: films and maps, which programs and a browser read by ranges."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from local.dev_server import PROJECT
from tests.browser.sites import open_other_site
from tests.contract.sites import Site, Store

from .test_recipes import Recipe, require


@pytest.fixture(scope="module", autouse=True)
def film(store: Store) -> None:
    """The film that the page names."""
    clip = (PROJECT / "tests/browser/clip.mp4").read_bytes()
    store.client().put_object(Bucket=store.bucket, Key="tenant/films/film.mp4", Body=clip, ContentType="video/mp4")


def test_ffmpeg_reads_a_film(site: Site, tmp_path: Path) -> None:
    require("ffmpeg")
    recipe = Recipe(site, tmp_path, "ffmpeg")
    for printed in ("h264\n", ""):
        assert recipe.run() == printed
        assert (tmp_path / "frame.png").read_bytes().startswith(b"\x89PNG")
        (tmp_path / "frame.png").unlink()


def test_a_page_of_another_site_plays_a_film_and_seeks(site: Site, tmp_path: Path, chromium: Browser) -> None:
    (element,) = Recipe(site, tmp_path, "Video").texts("html")
    (tmp_path / "index.html").write_text(element)
    with open_other_site(tmp_path) as port, chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        played = page.locator("video").evaluate(
            """async (film) => {
                film.muted = true;
                await film.play();
                film.pause();
                const sought = new Promise((done) => film.addEventListener("seeked", done, { once: true }));
                film.currentTime = film.duration / 2;
                await sought;
                return film.currentTime === film.duration / 2 && film.videoWidth > 0;
            }"""
        )
    assert played is True


def test_gdal_reads_a_map(site: Site, tmp_path: Path) -> None:
    require("gdal_translate")
    grid = "ncols 2\nnrows 2\nxllcorner 10\nyllcorner 50\ncellsize 1\n1 2\n3 4\n"
    (tmp_path / "map.asc").write_text(grid)
    subprocess.run(["gdal_translate", "-q", "map.asc", "map.tif"], cwd=tmp_path, check=True, timeout=60)
    output = Recipe(site, tmp_path, "GDAL").run()
    assert "STATISTICS_MEAN=2.5" in output
    assert output.endswith("\n4\n")
