"""The deployment that `make package` writes, and containers that run the zip as Lambda runs it."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from local import embedded_s3
from tests.contract import probes
from tests.contract.sites import SECRET, SETTINGS, Store, Table, open_store, open_table
from tests.support.builders import Event, Fields, rest_event, url_event
from tests.support.entry_points import Answer

from .aws_account import PROJECT, Account
from .features import open_features_account
from .http import send
from .runtime_api import Function, recompile, runtime, start
from .stack import Stack, transform

# The beginnings of the names of all files that requirements.txt brings into a zip.
PACKAGES = ("_cffi_backend.", "_libvips.", "cffi", "cryptography", "jinja2", "markupsafe", "pycparser", "pyvips")

SIGNING_SECRET = "0123456789abcdef0123456789abcdef"


def package(project: Path, out: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m local.package` in the project, or in a copy."""
    command = [sys.executable, "-m", "local.package", out]
    return subprocess.run(command, cwd=project, env={**os.environ, **environ}, capture_output=True, text=True)


class EntryPoint(NamedTuple):
    """A handler, and the builder of its events."""

    handler: str
    event: Callable[..., Event]


REST_API = EntryPoint("app.app", rest_event)
FUNCTION_URL = EntryPoint("app.function_url", url_event)


class Container(NamedTuple):
    """A function that runs, and its entry point."""

    function: Function
    entry_point: EntryPoint

    def ask(self, method: str, raw_path: str, query: str = "", headers: Fields = (), body: bytes = b"") -> Answer:
        """Return the answer to a request."""
        return self.answer(self.entry_point.event(method, raw_path, query, headers, body))

    def answer(self, event: Event) -> Answer:
        """Return the answer to an event, as the platform reads the response of the function."""
        response = self.function.invoke(event)
        body = b64decode(response["body"]) if response["isBase64Encoded"] else response["body"].encode()
        return Answer(response["statusCode"], {k.lower(): v for k, v in response["headers"].items()}, body)

    def fetch(self, method: str, raw_path: str, query: str = "", headers: Fields = (), body: bytes = b"") -> Answer:
        """Send a request, follow the redirect without the credentials (FACTS 3), and return the answer of the store."""
        answer = self.ask(method, raw_path, query, headers, body)
        assert answer.status == 307, answer
        kept = [(name, value) for name, value in headers if name.lower() != "authorization"]
        return send(method, answer.headers["location"], kept, body)

    def log_lines(self) -> list[dict[str, Any]]:
        """The lines of the log; fails where a line is not JSON."""
        return [json.loads(line) for line in self.function.output().splitlines()]


class Machine(NamedTuple):
    """A machine with Lambda's Python and an unpacked zip, and nothing else."""

    python: Path
    code: Path
    folder: Path
    environ: dict[str, str]

    @contextmanager
    def run(self, entry_point: EntryPoint, settings: str | None = None, **environ: str) -> Iterator[Container]:
        """Start a container with the text of a settings file; None: with the settings in the zip."""
        name = uuid.uuid4().hex
        if settings is not None:
            file = self.folder / f"{name}.toml"
            file.write_text(settings)
            environ["SIGNPOST_CONFIG"] = str(file)
        output = self.folder / f"{name}.log"
        with start(self.python, self.code, entry_point.handler, self.environ | environ, output) as function:
            yield Container(function, entry_point)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with sam.json and deployment.zip, packaged once for all workers of pytest-xdist."""
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
def store() -> Iterator[Store]:
    """The S3 that checks the signatures of the service."""
    with open_store() as store:
        yield store


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """The table that counts the uses of links."""
    with open_table(f"links-{uuid.uuid4().hex}") as table:
        yield table


@pytest.fixture(scope="session")
def settings(store: Store) -> str:
    """The text of a settings file for the store."""
    sha256 = hashlib.sha256(SECRET.encode()).hexdigest()
    return SETTINGS.format(
        head="redirect", bucket=store.bucket, endpoint=store.endpoint, region=store.region, sha256=sha256
    )


@pytest.fixture(scope="session")
def machine(built: Path, store: Store, table: Table, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with the zip and the credentials of a role, and with a table and a secret, named as the stack does."""
    code = tmp_path_factory.mktemp("task")
    shutil.unpack_archive(built / "deployment.zip", code)
    recompile(code)
    owner = boto3.Session(embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY, region_name=embedded_s3.REGION)
    manager = owner.client("secretsmanager", endpoint_url=table.endpoint)
    secret = manager.create_secret(Name=f"signpost-{uuid.uuid4().hex}", SecretString=SIGNING_SECRET)["ARN"]
    environ = table.environ() | {"SIGNPOST_SECRET": secret, "AWS_ENDPOINT_URL_SECRETS_MANAGER": table.endpoint}
    environ |= store.session_environ() if probes.has_roles(store) else store.environ()
    return Machine(runtime(tmp_path_factory.mktemp("runtime")), code, tmp_path_factory.mktemp("containers"), environ)


@pytest.fixture(scope="session")
def containers(machine: Machine, settings: str) -> Iterator[tuple[Container, Container]]:
    """A container for each entry point, which all tests of a worker share."""
    with machine.run(REST_API, settings) as rest_api, machine.run(FUNCTION_URL, settings) as function_url:
        yield rest_api, function_url


@pytest.fixture(scope="session")
def stack(built: Path) -> Stack:
    """The stack that `make package` writes."""
    return transform(built / "sam.json")


@pytest.fixture(scope="session")
def account(stack: Stack) -> Iterator[Account]:
    """The account in which the features are tried."""
    with open_features_account(stack) as account:
        yield account
