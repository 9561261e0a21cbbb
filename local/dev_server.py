"""An entry point as a child process: what `make run` and the end-to-end tests both talk to."""

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
_START_SECONDS = 30


class NotStarted(Exception):
    """The server did not come up."""


def check_free(port: int, name: str) -> None:
    """Raise NotStarted where something listens on a port; `name` is the variable that moves it."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise NotStarted(f"Port {port} is in use. Choose another: make run {name}={port + 1}")


@contextmanager
def serve(
    port: int, environ: Mapping[str, str], output: IO[str] | None = None, *, entry_point: tuple[str, ...] = REST_API
) -> Iterator[subprocess.Popen[str]]:
    """Serve the app on 127.0.0.1 for as long as the block runs.

    Args:
        port: a free one.
        environ: the environment variables of the app, besides our own.
        output: where its log lines go; None for our own standard output.
        entry_point: `REST_API` or `FUNCTION_URL`.

    Raises:
        NotStarted: it ended, or did not listen within half a minute.
    """
    child = subprocess.Popen(
        [*entry_point, "--port", str(port)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
        stdout=output,
        stderr=output and subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a Ctrl-C is for us; we end the child ourselves
    )
    try:
        _wait_until_listening(port, child)
        yield child
    finally:
        child.terminate()
        child.wait()


def _wait_until_listening(port: int, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NotStarted(f"The service did not start on port {port}.")
