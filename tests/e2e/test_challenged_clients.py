"""Clients that send a key only after a challenge, which both entry points rename on AWS and here (FACTS 1.7).

A link's token works with each of these clients; with a key each of them needs the CDN that restores the header's name.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from ansible.module_utils.urls import open_url

from local import dev_server
from tests.contract.sites import SECRET, Site, Store, Table, open_site

CDN = Path(__file__).with_name("cdn.mjs")


@pytest.fixture(scope="module", params=[dev_server.REST_API, dev_server.FUNCTION_URL], ids=["rest-api", "function-url"])
def origin(
    request: pytest.FixtureRequest, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Signpost with two files, behind each entry point."""
    folder = tmp_path_factory.mktemp("origin")
    with open_site(store, table, folder, store.environ(), entry_point=request.param) as site:
        for key in ("kept/a.txt", "kept/sub/b.txt"):
            assert site.put(key, key.encode()).status == 200
        yield site


@pytest.fixture(scope="module")
def cdn(origin: Site) -> Iterator[str]:
    """The URL of a CDN in front of Signpost; the function of docs/cdn runs on the answers of Signpost."""
    needs("node")
    with subprocess.Popen(["node", CDN, origin.url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://localhost:{process.stdout.readline().strip()}"
        process.terminate()


def needs(program: str) -> None:
    """If a program is missing, fail in CI and skip elsewhere."""
    if shutil.which(program) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not installed")


def run(folder: Path, *command: str, **environ: str) -> tuple[int, str]:
    """Run a program; return its exit code and its output."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout


def test_wget(origin: Site, cdn: str, tmp_path: Path) -> None:
    needs("wget")
    with_key = ("wget", "-q", "-O-", "--user", "ci", "--password", SECRET)
    assert run(tmp_path, "wget", "-q", "-O-", origin.link("/kept/a.txt")) == (0, "kept/a.txt")
    assert run(tmp_path, *with_key, f"{cdn}/kept/a.txt") == (0, "kept/a.txt")
    assert run(tmp_path, *with_key, origin.at("/kept/a.txt")) == (6, "")


def test_wget_mirrors_a_directory(origin: Site, cdn: str, tmp_path: Path) -> None:
    needs("wget")
    command = ("wget", "-q", "-r", "-np", "-nH", "--header", "Accept: text/html")
    for url, key in ((origin.link("/kept/", uses=None), ()), (f"{cdn}/kept/", ("--user", "ci", "--password", SECRET))):
        assert run(tmp_path, *command, *key, url) == (0, "")
        files = {path.name.partition("?")[0]: path.read_text() for path in tmp_path.rglob("*.txt*")}
        assert files == {"a.txt": "kept/a.txt", "b.txt": "kept/sub/b.txt"}
        shutil.rmtree(tmp_path / "kept")


def test_lftp(origin: Site, cdn: str, tmp_path: Path) -> None:
    needs("lftp")
    once = "set net:max-retries 1; "
    with_key = f"{once} open -u ci,{SECRET} %s && cat kept/a.txt"
    assert run(tmp_path, "lftp", "-c", f"{once} cat {origin.link('/kept/a.txt')}") == (0, "kept/a.txt")
    assert run(tmp_path, "lftp", "-c", with_key % cdn) == (0, "kept/a.txt")
    assert run(tmp_path, "lftp", "-c", with_key % origin.url) == (1, "")
    mirror = f"{once} set http:accept text/html; open -u ci,{SECRET} {cdn} && mirror kept"
    assert run(tmp_path, "lftp", "-c", mirror)[0] == 0
    copies = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert copies == {name: name for name in ("kept/a.txt", "kept/sub/b.txt")}


@pytest.mark.parametrize("origin", [dev_server.REST_API], indirect=True)
def test_ansible(origin: Site, cdn: str) -> None:
    """The function by which the modules get_url and uri ask."""
    key = {"url_username": "ci", "url_password": SECRET}
    assert open_url(origin.link("/kept/a.txt")).read() == b"kept/a.txt"
    assert open_url(f"{cdn}/kept/a.txt", **key).read() == b"kept/a.txt"
    with pytest.raises(HTTPError, match="401") as refused:
        open_url(origin.at("/kept/a.txt"), **key)
    refused.value.close()
