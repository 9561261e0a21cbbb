"""Commands in Python: each runs in a process of its own, forked from a server that has imported the libraries once."""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

FILE: Final = "command.py"
_OUTPUT: Final = ".output"
_processes: Final = multiprocessing.get_context("forkserver")


def preload(modules: Iterable[str]) -> None:
    """Name the modules that the server imports; those that are missing are left out."""
    _processes.set_forkserver_preload(list(modules))


def run(folder: Path, environ: Mapping[str, str], max_seconds: float) -> tuple[int | None, bytes]:
    """Run `command.py` of a folder in it.

    Returns:
        The exit code, None after `max_seconds`, and the output.
    """
    process = _processes.Process(target=_run, args=(str(folder), dict(environ)))
    process.start()
    process.join(max_seconds)
    if process.is_alive():
        process.kill()
        process.join()
        return None, (folder / _OUTPUT).read_bytes()
    return process.exitcode, (folder / _OUTPUT).read_bytes()


def _run(folder: str, environ: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    output = os.open(_OUTPUT, os.O_WRONLY | os.O_CREAT)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    runpy.run_path(FILE, run_name="__main__")
