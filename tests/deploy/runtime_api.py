"""Lambda as a function sees Lambda: the runtime API, and AWS's own runtime client, which asks this API for events.

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
from typing import Any

from tests.support.builders import Event

PREFIX = "/2018-06-01/runtime"
# Both are 10 seconds on Lambda; a slow machine takes longer. test_deadline.py sets a time-out of its own.
TIMEOUT_SECONDS = 60
INIT_SECONDS = 60
_STARTED = "started"  # a report of our own: the function has taken an invocation
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"

# The packages in /var/runtime: the runtime client and boto3, each with its dependencies.
CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
BOTO3 = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")


class Failed(Exception):
    """The function reported an error, ended, or exceeded its time-out."""


class RuntimeApi(ThreadingHTTPServer):
    """The runtime API of one function, on a free port.

    Args:
        seconds: the time-out of the function.
    """

    daemon_threads = True

    def __init__(self, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.invocations: queue.Queue[tuple[str, bytes] | None] = queue.Queue()  # None: the connection ends
        self.reports: queue.Queue[tuple[str, Any]] = queue.Queue()  # paths without the prefix, and bodies

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors of this server, but not the end of a function that was killed with its connection open."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes

    def do_GET(self) -> None:
        """Wait for the next invocation and send it."""
        assert self.path == f"{PREFIX}/invocation/next"
        invocation = self.server.invocations.get()
        if invocation is None:
            self.close_connection = True
            return
        request_id, event = invocation
        self.send_response(200)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": len(event),
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": int((time.time() + self.server.seconds) * 1000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:f",
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.server.reports.put((_STARTED, request_id))
        self.wfile.write(event)

    def do_POST(self) -> None:
        """Receive a response or an error."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.reports.put((self.path.removeprefix(PREFIX), json.loads(body)))

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class Function:
    """A running function, which handles one event after another."""

    def __init__(self, api: RuntimeApi, process: subprocess.Popen[bytes], output: Path) -> None:
        self._api, self._process, self._output = api, process, output

    def invoke(self, event: Event) -> Any:
        """Return the response to an event.

        Raises:
            Failed: the function reported an error, ended, or exceeded its time-out.
        """
        request_id = str(uuid.uuid4())
        self._api.invocations.put((request_id, json.dumps(event).encode()))
        try:
            path, body = self._api.reports.get(timeout=INIT_SECONDS)
            if path == _STARTED:  # another report: the function failed before
                path, body = self._api.reports.get(timeout=self._api.seconds)
        except queue.Empty:
            self._process.kill()  # as Lambda does
            raise Failed(f"no answer, and the process returned {self._process.poll()}: {self.output()}") from None
        if path != f"/invocation/{request_id}/response":
            raise Failed(path, body)
        return body

    def limit(self, seconds: float) -> None:
        """Set the time-out of the next invocations."""
        self._api.seconds = seconds

    def output(self) -> str:
        """Return the standard output and error of the function, which Lambda writes to the log group."""
        return self._output.read_text("utf-8")


@contextmanager
def start(
    python: Path, code: Path, handler: str, environ: Mapping[str, str], output: Path, seconds: float = TIMEOUT_SECONDS
) -> Iterator[Function]:
    """Run a function while the block runs.

    Args:
        python: the interpreter, as `runtime` makes it.
        code: the directory with the unpacked zip.
        handler: `module.function`.
        environ: the environment variables of the configuration and the role.
        output: the file for the standard output and error.
        seconds: the time-out of the function, after which it is killed.
    """
    api = RuntimeApi(seconds)
    threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    defined = {  # Lambda Developer Guide, "Defined runtime environment variables"
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_FUNCTION_NAME": "signpost-test",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
        "AWS_REGION": "eu-west-1",
        "LAMBDA_TASK_ROOT": str(code),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only
        "TZ": ":UTC",
        "_HANDLER": handler,
    }
    with output.open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "awslambdaric", handler],
            cwd=code,
            env={**defined, **environ},
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


def runtime(folder: Path) -> Path:
    """Make a virtual environment with the packages of Lambda's Python runtime; return its Python.

    The packages are links to the packages of our own environment, so that nothing is downloaded.
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
    """Replace the libraries that are compiled for Lambda's machine by the same versions from our own environment.

    A second package for this machine is no way: Chalice makes none for x86_64, where the wheel of pyvips-binary needs
    glibc 2.27, and Chalice accepts 2.26 for Python 3.11.
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
