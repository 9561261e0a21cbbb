"""rclone reads directories by the command of docs/clients.md, with each way to answer HEAD."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import dev_server
from local.dev_server import PROJECT
from tests.contract.sites import SECRET, Site, Store, open_site, open_table


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program; where it is missing, fail in CI and skip elsewhere."""
    if shutil.which(command[0]) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{command[0]} is not installed")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


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
    """Without the slash, rclone finds nothing."""
    (command,) = re.findall("`(rclone copy .*?)`", (PROJECT / "docs/clients.md").read_text())
    for number, at in enumerate((inline, site)):
        filled = shlex.split(command.replace("https://files.example.com", at.url).replace("SECRET", SECRET))
        folder = tmp_path / str(number)
        folder.mkdir()
        assert run(folder, *filled, "--config", "").returncode == 0
        assert "日" in (folder / "reports/2026/q3.csv").read_text()
    for path, names in (("reports/2026/", "q3.csv\nq3.parquet\n"), ("reports/2026", "")):
        listed = run(tmp_path, "rclone", "lsf", f":http:{path}", *filled[2:6], "--config", "")
        assert (listed.returncode, listed.stdout) == (0, names)
