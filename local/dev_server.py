"""One entry point as a child process, for `make run` and for the end-to-end tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).parent.parent
REST_API = (str(Path(sys.executable).with_name("chalice")), "local", "--no-autoreload")
FUNCTION_URL = (sys.executable, "-m", "local.api_gateway.function_url")
_MAX_START_SECONDS = 30


class NotStarted(Exception):
    """The server did not start."""


def check_free(port: int, name: str) -> None:
    """Check that no program listens on a port.

    Args:
        port: the number.
        name: the variable of `make run` that chooses the port.

    Raises:
        NotStarted: the port is in use.
    """
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise NotStarted(f"Port {port} is in use. Choose another: make run {name}={port + 1}")


@contextmanager
def serve(
    port: int, environ: Mapping[str, str], output: IO[str] | None = None, *, entry_point: tuple[str, ...] = REST_API
) -> Iterator[subprocess.Popen[str]]:
    """Serve the app on 127.0.0.1 for as long as the block runs.

    Args:
        port: to listen on.
        environ: environment variables for the app, added to the variables of this process.
        output: receives the log lines; None for the standard output of this process.
        entry_point: `REST_API` or `FUNCTION_URL`.

    Raises:
        NotStarted: the server ended, or did not listen within half a minute.
    """
    child = subprocess.Popen(
        [*entry_point, "--port", str(port)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
        stdout=output,
        stderr=output and subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C then reaches this process only, which ends the child
    )
    try:
        _wait_until_listening(port, child)
        yield child
    finally:
        child.terminate()
        child.wait()


def _wait_until_listening(port: int, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _MAX_START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NotStarted(f"The service did not start on port {port}. The lines above say why.")
