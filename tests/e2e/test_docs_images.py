"""docs/images.md: its commands run, its settings are valid, and its limits are the limits of the code."""

from pathlib import Path

import pytest

from chalicelib.backends.images import limits
from chalicelib.core.web import image_parameters
from local.dev_server import PROJECT
from local.sample_files import photo
from tests.contract.sites import Site, Store
from tests.support.pictures import opened
from tests.support.settings_files import MOUNT, loaded

from .test_docs import blocks, run


@pytest.fixture(scope="module", autouse=True)
def evening(store: Store) -> None:
    """The photo that the commands of the page name."""
    store.client().put_object(Bucket=store.bucket, Key="tenant/photos/evening.jpg", Body=photo())


def test_commands(site: Site, tmp_path: Path) -> None:
    commands = blocks("images.md", "sh")
    assert len(commands) == 2
    for command in commands:
        run(site, ["bash", "-ec", command.replace("curl ", "curl --fail -sS ")], tmp_path)
    for name, kind, size in (
        ("small.webp", "WEBP", (320, 200)),
        ("thumbnail.webp", "WEBP", (128, 80)),
        ("thumbnail.png", "PNG", (64, 64)),
    ):
        image = opened((tmp_path / name).read_bytes())
        assert (image.format, image.size) == (kind, size)


def test_settings(tmp_path: Path) -> None:
    text = "".join(blocks("images.md", "toml")).replace('"…"', f'"{"1" * 64}"')
    settings = loaded(tmp_path, MOUNT + text)
    assert settings.image_hosts == ("images.example.com", "*.cdn.example.com")
    assert [rule.path for rule in settings.rules] == ["/public/**", "/-/resize", "/-/resize", "/-/resize"]
    assert [(key.id, key.in_urls) for key in settings.keys] == [("site", True)]
    assert settings.rules[0].image_sizes == ("320x", "x240", "96x96")


def test_limits() -> None:
    side = f"{image_parameters.MAX_SIDE_PIXELS:,}"
    page = (PROJECT / "docs/images.md").read_text()
    for row in (
        f"{image_parameters.MAX_IMAGE_BYTES // 1024**2} MB | the file of an image",
        f"{limits.MAX_PIXELS:,} pixels | ",
        f"{limits.MAX_AVIF_SOURCE_PIXELS:,} pixels | an AVIF",
        f"{limits.MAX_SOURCE_SIDE_PIXELS:,} pixels | a side",
        f"{limits.MAX_FRAMES} | frames",
        f"{limits.MAX_SCANS} | scans",
        f"{side} by {side} pixels | the result",
        f"{limits.MAX_AVIF_RESULT_PIXELS:,} pixels | the result as AVIF",
    ):
        assert f"| {row}" in page, row
