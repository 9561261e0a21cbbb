"""Lambda, as a function sees it: the runtime API, and AWS's own runtime client that asks it for work.

The protocol: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes"; FACTS 5.4.
"""

import json
import queue
import shutil
import subprocess
import sys
import threading
import time
import uuid
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.builders import Event

PREFIX = "/2018-06-01/runtime"
SECONDS = 10  # config.json's lambda_timeout
INIT_SECONDS = 10  # Lambda Developer Guide, "Runtime environment": the time-out of the init phase
_STARTED = "started"  # a report of our own: the function has taken an invocation
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"

# What stands in /var/runtime besides Python itself: the client and boto3, each with what it needs.
CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
BOTO3 = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")


class Failed(Exception):
    """The function reported an error, or nothing at all in the time it has."""


class Report(NamedTuple):
    """What the client posted: where, without the prefix, and the body."""

    path: str
    body: Any


class RuntimeApi(ThreadingHTTPServer):
    """The runtime API of one function, on a free port.

    Args:
        seconds: the function's time-out.
    """

    daemon_threads = True

    def __init__(self, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.invocations: queue.Queue[tuple[str, bytes] | None] = queue.Queue()  # None ends it
        self.reports: queue.Queue[Report] = queue.Queue()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what goes wrong here, but not that a function was killed with its connection open."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def address(self) -> str:
        """The value of AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes

    def do_GET(self) -> None:
        """Hand out the next invocation, as soon as there is one."""
        assert self.path == f"{PREFIX}/invocation/next"
        invocation = self.server.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        request_id, event = invocation
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(event)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + self.server.seconds) * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f")
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0")
        self.end_headers()
        self.server.reports.put(Report(_STARTED, request_id))
        self.wfile.write(event)

    def do_POST(self) -> None:
        """Take a response or an error."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.reports.put(Report(self.path.removeprefix(PREFIX), json.loads(body)))

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class Function:
    """A running function: one container, which handles one event after another."""

    def __init__(self, api: RuntimeApi, process: subprocess.Popen[bytes], output: Path) -> None:
        self._api = api
        self._process = process
        self._output = output

    def invoke(self, event: Event) -> Any:
        """Return the function's response to an event.

        Raises:
            Failed: it answers with an error, ends, or takes longer than it may.
        """
        request_id = str(uuid.uuid4())
        self._api.invocations.put((request_id, json.dumps(event).encode()))
        try:
            report = self._api.reports.get(timeout=INIT_SECONDS)
            if report.path == _STARTED:  # else it failed before
                report = self._api.reports.get(timeout=self._api.seconds)
        except queue.Empty:
            self._process.kill()  # as Lambda does; the next event would find another container
            raise Failed(f"no answer, and the process returned {self._process.poll()}: {self.output()}") from None
        if report.path != f"/invocation/{request_id}/response":
            raise Failed(*report)
        return report.body

    def output(self) -> str:
        """What it has written to standard output and error, which Lambda sends to its log group."""
        return self._output.read_text("utf-8")


@contextmanager
def start(
    python: Path, code: Path, handler: str, environ: Mapping[str, str], output: Path, seconds: float = SECONDS
) -> Iterator[Function]:
    """Run a function for as long as the block does.

    Args:
        python: the interpreter, as `runtime` makes it.
        code: the directory with the unpacked zip.
        handler: `module.function`.
        environ: what the function's configuration and role add to the environment.
        output: the file that takes its standard output and error.
        seconds: the time-out of the function, after which it is killed.
    """
    api = RuntimeApi(seconds)
    threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    with output.open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "awslambdaric", handler],
            cwd=code,
            env=_environ(api, code, handler) | dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Function(api, process, output)
    finally:
        process.kill()
        process.wait()
        api.invocations.put(None)
        api.shutdown()
        api.server_close()


def _environ(api: RuntimeApi, code: Path, handler: str) -> dict[str, str]:
    """All of it: nothing is inherited (Lambda Developer Guide, "Defined runtime environment variables")."""
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_FUNCTION_NAME": "signpost-test",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_RUNTIME_API": api.address(),
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "LAMBDA_TASK_ROOT": str(code),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only
        "TZ": ":UTC",
        "_HANDLER": handler,
    }


def runtime(folder: Path) -> Path:
    """Make a virtual environment with what Lambda's Python runtime holds, of the versions here; return its Python.

    The packages are links to those of our own environment, so that nothing is downloaded.
    """
    venv.create(folder, symlinks=True, with_pip=False)
    packages = folder / "lib" / PYTHON / "site-packages"
    for name in (*CLIENT, *BOTO3):
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
        for top in tops:
            (packages / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder / "bin" / "python"


def recompile(code: Path) -> None:
    """Replace what is compiled for Lambda's machine by what our own environment has of the same versions.

    Instead of a second package, for this machine: Chalice makes none for x86_64, where the wheel of pyvips-binary asks
    for glibc 2.27, one more than it takes for Python 3.11.
    """
    for compiled in [*code.rglob("*.so"), *code.rglob("*.so.*")]:
        compiled.unlink()
    for info in code.glob("*.dist-info"):
        name, version = info.stem.split("-")
        distribution = metadata.distribution(name)
        assert distribution.version == version, f"{name} is {distribution.version} here, and {version} in the zip"
        for file in distribution.files or ():
            if ".so" in file.suffixes:
                (code / file).parent.mkdir(exist_ok=True)
                shutil.copyfile(str(distribution.locate_file(file)), code / file)
