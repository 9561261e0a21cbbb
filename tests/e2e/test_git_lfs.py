"""docs/git-lfs.md: its commands run unchanged with git-lfs itself, which pushes, clones and resumes."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local import dev_server
from tests.contract.sites import SECRET, Site, Store, Table, open_site
from tests.contract.test_service_tokens import Person
from tests.support.token_issuer import AUDIENCE, CLAIMS, ISSUER, jwk, token

from .test_challenged_clients import needs
from .test_docs import blocks

SIZE = 3_000_000
CUT_AFTER = 1_000_000
KEYS = f"""
[[keys]]
id = "ci"
sha256 = "{{sha256}}"
groups = ["builders"]

[[issuers]]
name = "corp"
issuer = "{ISSUER}"
audience = "{AUDIENCE}"
jwks = "keys.json"

[[rules]]
path = "/lfs/site/**"
allow = ["read", "write"]
to = ["user:corp:alice"]
"""
PUSH, CLONE, APPROVE, HEADER = (block.strip() for block in blocks("git-lfs.md", "sh"))


class CuttingProxy(ThreadingHTTPServer):
    """Passes requests on to a store, and can cut an answer.

    Attributes:
        url: for clients.
        ranges: the `Range` of each GET, None without one.
        cuts: whether the next answer ends after `CUT_AFTER` bytes.
    """

    daemon_threads = True

    def __init__(self, store: Store) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.store = urlsplit(store.endpoint).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.ranges: list[str | None] = []
        self.cuts = False


class _Passing(BaseHTTPRequestHandler):
    server: CuttingProxy

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("range"))
        self.do_PUT()

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with closing(HTTPConnection(self.server.store)) as store:
            store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for field in self.headers.items():
                store.putheader(*field)
            store.endheaders(body)
            answer = store.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.read(CUT_AFTER if self.server.cuts else None))
            self.server.cuts, self.close_connection = False, True

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class Developer:
    """A person with a home of their own, for the settings of git.

    Args:
        home: an empty folder.
        site: stands for the service in the commands of the page.
        remote: stands for the repository at a git host.
    """

    def __init__(self, home: Path, site: Site, remote: Path) -> None:
        home.mkdir()
        self.home, self._site, self._remote = home, site, remote
        self.run("git config --global user.name A; git config --global user.email a@b; git lfs install")

    def run(self, commands: str, **environ: str) -> str:
        """Run commands, and return everything that the commands print."""
        for shown, real in (
            ("https://files.example.com", self._site.url),
            ("https://git.example.com/site.git", str(self._remote)),
            ("username=ID", "username=ci"),
            ("SECRET", SECRET),
        ):
            commands = commands.replace(shown, real)
        environ |= {"PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_TERMINAL_PROMPT": "0"}
        command = ["bash", "-ec", commands]
        done = subprocess.run(command, cwd=self.home, env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr + self._site.log.read_text()[-5_000:]
        return done.stdout + done.stderr

    def push(self, content: bytes) -> str:
        """Push a new design from the clone."""
        (self.home / "copy" / "design.psd").write_bytes(content)
        return self.run(f"cd copy; {PUSH}")

    def clone(self) -> bytes:
        """Clone anew, and return the design."""
        self.run(f"rm -rf copy; {CLONE}")
        return (self.home / "copy" / "design.psd").read_bytes()


@pytest.fixture(scope="module")
def proxy(store: Store) -> Iterator[CuttingProxy]:
    with CuttingProxy(store) as proxy:
        threading.Thread(target=proxy.serve_forever).start()
        yield proxy
        proxy.shutdown()


@pytest.fixture(scope="module", params=[dev_server.REST_API, dev_server.FUNCTION_URL], ids=["rest-api", "function-url"])
def lfs_site(
    request: pytest.FixtureRequest,
    store: Store,
    proxy: CuttingProxy,
    table: Table,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Signpost with the settings of the page, which sends clients to the proxy."""
    needs("git-lfs")
    folder = tmp_path_factory.mktemp("lfs")
    (folder / "keys.json").write_text(json.dumps({"keys": [jwk("rsa")]}))
    (settings,) = blocks("git-lfs.md", "toml")
    real = f'bucket = "{{bucket}}"\nendpoint = "{{endpoint}}"\npublic_endpoint = "{proxy.url}"'
    settings = settings.replace('bucket = "acme-lfs"', real).replace("eu-west-1", "{region}") + KEYS
    with open_site(store, table, folder, store.environ(), settings=settings, entry_point=request.param) as site:
        yield site


@pytest.fixture
def ann(lfs_site: Site, tmp_path: Path) -> Developer:
    """A developer with an API key, who has an empty clone."""
    ann = Developer(tmp_path / "ann", lfs_site, tmp_path / "remote.git")
    ann.run(f"git init -q --bare -b main {tmp_path / 'remote.git'}; {CLONE}; {APPROVE}")
    return ann


def test_the_commands_of_the_page_push_and_clone(ann: Developer) -> None:
    content = os.urandom(9)
    assert "lock" not in ann.push(content)
    assert ann.clone() == content


@pytest.mark.parametrize("lfs_site", [dev_server.REST_API], indirect=True)
def test_tokens_of_an_issuer_and_service_tokens_push_and_clone(ann: Developer, lfs_site: Site, tmp_path: Path) -> None:
    content = os.urandom(9)
    ann.push(content)
    tokens = (
        token({**CLAIMS, "exp": time.time() + 60}),
        Person(lfs_site).make(path="/lfs/site/", actions=["read", "write"])["token"],
    )
    for number, text in enumerate(tokens):
        password = APPROVE.replace("ID", "any").replace("SECRET", text)
        for way in (f"{password}; git lfs pull", HEADER):
            bob = Developer(tmp_path / f"bob-{number}-{len(way)}", lfs_site, tmp_path / "remote.git")
            bob.run(f"GIT_LFS_SKIP_SMUDGE=1 {CLONE}; cd copy; {way}", TOKEN=text)
            assert (bob.home / "copy" / "design.psd").read_bytes() == content
            content = os.urandom(9)
            bob.push(content)
    assert ann.clone() == content
    log = lfs_site.log.read_text()
    assert not any(text in log for text in (*tokens, "X-Amz-Signature"))


@pytest.mark.parametrize("lfs_site", [dev_server.FUNCTION_URL], indirect=True)
def test_a_download_goes_on_where_it_was_cut(ann: Developer, proxy: CuttingProxy) -> None:
    content = os.urandom(SIZE)
    ann.push(content)
    proxy.ranges, proxy.cuts = [], True
    assert ann.clone() == content
    assert proxy.ranges == [None, f"bytes={CUT_AFTER}-{SIZE - 1}"]
