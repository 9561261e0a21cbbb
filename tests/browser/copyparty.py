"""copyparty, another server of files, with which `tasks` compares an upload."""

import os
import socket
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from tests.contract.sites import free_port

from .multipart import wait_for
from .person import Person

VERSION: Final = "1.20.26"
_MAX_START_SECONDS: Final = 30


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve an empty folder to anyone, who may also write; yields the URL."""
    python, port = _install(), free_port()
    address = ["-i", "127.0.0.1", "-p", f"{port}"]
    server = subprocess.Popen(
        [python, "-m", "copyparty", *address, "-v", f"{folder}::A", "--no-crt", "-q"],
        env={**os.environ, "HOME": f"{folder.parent}", "XDG_CONFIG_HOME": f"{folder.parent}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_listening(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def upload(person: Person, files: Sequence[Path]) -> None:
    """Upload files by the page of copyparty, and wait until the page says that they arrived."""
    page = person.page
    confirm = page.locator("#modal-ok")
    person.click(page.locator("#opa_up"))
    person.click(page.locator("#u2btn"))
    person.choose(confirm, files)
    person.click(confirm)
    count = page.locator("#u2cards a[act=ok] span")
    wait_for(page, lambda: count.text_content() == f"{len(files)}", seconds=300)


def _install() -> Path:
    """Install copyparty in an environment of its own, once; returns its Python."""
    folder = Path(tempfile.gettempdir(), f"signpost-copyparty-{VERSION}")
    python = folder / "bin" / "python"
    if not (folder / "bin" / "copyparty").exists():
        sys.stdout.write(f"Installing copyparty {VERSION} in {folder}.\n")
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"copyparty=={VERSION}"], check=True)
    return python


def _wait_until_listening(port: int) -> None:
    end = monotonic() + _MAX_START_SECONDS
    while monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.1)
    raise TimeoutError("copyparty did not start.")
