"""The deployment as `make package` writes it, and the zip alone, run as Lambda runs it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.e2e import probes
from tests.e2e.sites import SECRET, SETTINGS, Store, open_store
from tests.support.builders import Event, Fields, rest_event, url_event
from tests.support.entry_points import Answer

from .runtime_api import Function, recompile, runtime, start

PROJECT = Path(__file__).parent.parent.parent


def package(project: Path, out: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m local.package` in a copy of the project, or in the project itself."""
    command = [sys.executable, "-m", "local.package", out]
    return subprocess.run(command, cwd=project, env={**os.environ, **environ}, capture_output=True, text=True)


class Door(NamedTuple):
    """A handler, the events that it is for, and what its URLs have before their paths."""

    handler: str
    event: Callable[..., Event]
    prefix: str = ""


REST_API = Door("app.app", rest_event, "/api")
FUNCTION_URL = Door("app.function_url", url_event)


class Running(NamedTuple):
    """A handler that runs."""

    function: Function
    event: Callable[..., Event]
    prefix: str

    def ask(
        self, method: str, raw_path: str, query: str = "", headers: Fields = (), body: bytes = b"", **more: str
    ) -> Answer:
        """Send a request through the door."""
        return self.answer(self.event(method, raw_path, query, headers, body, **more))

    def answer(self, event: Event) -> Answer:
        """Send an event through the door; what comes back is read as API Gateway and the Function URL read it."""
        response = self.function.invoke(event)
        body = b64decode(response["body"]) if response["isBase64Encoded"] else response["body"].encode()
        return Answer(response["statusCode"], {k.lower(): v for k, v in response["headers"].items()}, body)

    def fetch(
        self, method: str, raw_path: str, query: str = "", headers: Fields = (), body: bytes = b"", **more: str
    ) -> Answer:
        """Send a request through the door and once more to where it is redirected, but for the key (FACTS 3)."""
        answer = self.ask(method, raw_path, query, headers, body, **more)
        assert answer.status == 307, answer
        kept = {name: value for name, value in headers if name.lower() not in ("authorization", "cookie")}
        return follow(answer.headers["location"], method, kept, body)


def follow(location: str, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send a request to S3."""
    url = urlsplit(location)
    connection = (HTTPSConnection if url.scheme == "https" else HTTPConnection)(url.netloc, timeout=30)
    try:
        connection.request(method, f"{url.path}?{url.query}", body or None, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


class Lambda(NamedTuple):
    """A machine with Lambda's Python and the unpacked zip, and nothing else."""

    python: Path
    code: Path
    folder: Path
    environ: dict[str, str]

    @contextmanager
    def run(self, door: Door, settings: str | None = None, **environ: str) -> Iterator[Running]:
        """Start one container; without settings it reads those in the zip."""
        output = self.folder / "output"
        if settings is not None:
            environ["SIGNPOST_CONFIG"] = str(self.folder / "signpost.toml")
            Path(environ["SIGNPOST_CONFIG"]).write_text(settings)
        with start(self.python, self.code, door.handler, self.environ | environ, output) as function:
            yield Running(function, door.event, door.prefix)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with sam.json and deployment.zip, made once for all workers of pytest-xdist."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    out = shared / "build"
    with (shared / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            done = package(PROJECT, str(out))
            assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lambda's Python."""
    return runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture(scope="session")
def code(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, unpacked; what is compiled in it, for this machine."""
    folder = tmp_path_factory.mktemp("task")
    shutil.unpack_archive(built / "deployment.zip", folder)
    recompile(folder)
    return folder


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """The S3 that judges our signatures."""
    with open_store() as store:
        yield store


@pytest.fixture(scope="session")
def toml(store: Store) -> str:
    """Settings for that bucket."""
    sha256 = hashlib.sha256(SECRET.encode()).hexdigest()
    return SETTINGS.format(
        head="redirect", bucket=store.bucket, endpoint=store.endpoint, region=store.region, sha256=sha256
    )


@pytest.fixture
def machine(python: Path, code: Path, store: Store, tmp_path: Path) -> Lambda:
    """A machine with the credentials of a role."""
    return Lambda(python, code, tmp_path, store.session_environ() if probes.has_roles(store) else store.environ())


@pytest.fixture(params=[REST_API, FUNCTION_URL], ids=lambda door: door.handler)
def door(request: pytest.FixtureRequest) -> Door:
    """Each of both doors."""
    found: Door = request.param
    return found


@pytest.fixture
def running(machine: Lambda, door: Door, toml: str) -> Iterator[Running]:
    """A fresh container."""
    with machine.run(door, toml) as running:
        yield running
