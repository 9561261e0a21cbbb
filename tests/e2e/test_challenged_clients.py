"""Clients that send a key only after a challenge, which both entry points rename on AWS and here (FACTS 1.7).

A link's token works with each of these clients; with a key each of them needs the CDN that restores the header's name.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    command = ("wget", "-q", "-r", "-np", "-nH", "--header", "Accept: text/html", "--reject-regex", "[?&]download")
    for url, key in (
        (origin.link("/kept/", uses=None), ()),
        (f"{cdn}/kept/", ("--user", "ci", "--password", SECRET)),
    ):
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


@pytest.mark.parametrize("origin", [dev_server.REST_API], indirect=True)
def test_ansible(origin: Site, cdn: str, tmp_path: Path) -> None:
    """The module get_url of Ansible; the module uri sends requests by the same code."""
    key = {"url_username": "ci", "url_password": SECRET}
    asked = {
        "by-link": {"url": origin.link("/kept/a.txt")},
        "by-cdn": key | {"url": f"{cdn}/kept/a.txt"},
        "direct": key | {"url": origin.at("/kept/a.txt")},
    }
    tasks = [
        {"get_url": one | {"dest": str(tmp_path / name)}, "ignore_errors": name == "direct"}
        for name, one in asked.items()
    ]
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    places = dict.fromkeys(("ANSIBLE_HOME", "ANSIBLE_REMOTE_TEMP", "ANSIBLE_LOCAL_TEMP"), str(tmp_path / "ansible"))
    interpreter = f"ansible_python_interpreter={sys.executable}"
    command = (ansible, "-c", "local", "-i", "localhost,", "-e", interpreter, "play.json")
    status, output = run(tmp_path, *command, **places)
    assert (status, "HTTP Error 401" in output) == (0, True), output
    read = {name: (tmp_path / name).read_text() for name in asked if (tmp_path / name).exists()}
    assert read == {"by-link": "kept/a.txt", "by-cdn": "kept/a.txt"}
