"""Programs: curl from standard input, aria2, rclone."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import dev_server
from tests.e2e.sites import SECRET, Site, Store, open_site, open_table

from .conftest import FOLDERS


def run(folder: Path, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program; where it is missing, fail in CI and skip elsewhere."""
    if shutil.which(command[0]) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{command[0]} is not installed")
    return subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, timeout=60)


def test_curl_from_standard_input_is_refused_by_the_service(site: Site, tmp_path: Path) -> None:
    url = site.of("tables/new")
    done = run(
        tmp_path, "curl", "-sSL", "-u", f"ci:{SECRET}", "-T", "-", "-w", "%{http_code} %{num_redirects}", url, given="x"
    )
    assert done.stdout.endswith("411 0")
    assert "length-required" in done.stdout


def test_aria2_reads_by_a_token_and_sends_a_key_on(site: Site, token: str, tmp_path: Path) -> None:
    url = site.of("tables/q3.csv")
    aria2 = ("aria2c", "--quiet", "--no-conf", "--out", "q3.csv")
    assert run(tmp_path, *aria2, f"{url}?token={token}").returncode == 0
    assert "日" in (tmp_path / "q3.csv").read_text()
    (tmp_path / "q3.csv").unlink()
    key = ("--http-user=ci", f"--http-passwd={SECRET}")
    for options in (key, (f"--header=Authorization: Bearer {SECRET}",)):
        assert run(tmp_path, *aria2, *options, url).returncode == 22  # an HTTP status that aria2 does not expect
    assert "unrecognized option '--auth-no-challenge'" in run(tmp_path, *aria2, *key, "--auth-no-challenge", url).stderr


@pytest.fixture(scope="module")
def inline(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Signpost as a Function URL, which answers HEAD inline."""
    folder = tmp_path_factory.mktemp("inline")
    with (
        open_table("signpost-clients-inline") as table,
        open_site(store, table, folder, store.environ(), head="inline", entry_point=dev_server.FUNCTION_URL) as site,
    ):
        yield site


def test_rclone_copies_a_directory_whose_path_ends_in_a_slash(site: Site, inline: Site, tmp_path: Path) -> None:
    """With each way to answer HEAD; without the slash, rclone finds nothing where HEAD is redirected."""

    def rclone(at: Site, *command: str) -> str:
        headers = f"Authorization,Bearer {SECRET},Accept,text/html"
        done = run(tmp_path, "rclone", "--config", "", "--http-url", f"{at.url}/", "--http-headers", headers, *command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for number, at in enumerate((site, inline)):
        rclone(at, "copy", ":http:tables/", f"copy-{number}")
        for folder in FOLDERS[:2]:
            below = folder.removeprefix("tables/")
            assert "日" in (tmp_path / f"copy-{number}" / below / "q3.csv").read_text()
    assert "q3.csv" in rclone(site, "lsf", ":http:tables/")
    assert rclone(site, "lsf", ":http:tables") == ""
