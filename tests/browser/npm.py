"""The packages of npm that tests need, installed once for each package-lock.json."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest


def install(folder: Path, *commands: Sequence[str]) -> Path:
    """Return a copy of a folder after `npm ci` and other commands. If npm is missing, fail in CI and skip elsewhere.

    Args:
        folder: with a package-lock.json, from which the copy has its name.
        commands: run in the copy after `npm ci`.
    """
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:16]
    installed = Path(tempfile.gettempdir(), f"signpost-npm-{folder.name}-{lock}")
    if not installed.exists():
        if shutil.which("npm") is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("npm is not installed")
        with tempfile.TemporaryDirectory() as scratch:
            copy = shutil.copytree(folder, Path(scratch, folder.name))
            for command in (["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], *commands):
                subprocess.run(command, cwd=copy, check=True, stdout=subprocess.DEVNULL, timeout=100)
            with suppress(OSError):  # another worker was first
                copy.rename(installed)
    return installed
