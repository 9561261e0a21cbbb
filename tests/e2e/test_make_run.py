"""`make run` and the README, as a newcomer uses them: every printed command runs unchanged."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from tests.contract.sites import free_port

PROJECT = Path(__file__).parent.parent.parent
README = (PROJECT / "README.md").read_text()


class Run(NamedTuple):
    """A running `make run`."""

    process: subprocess.Popen[str]
    url: str
    s3_port: int
    printed: str
    secret: str


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def running() -> Iterator[Run]:
    """Start `make run` on free ports, wait for its last line, and interrupt it at the end as Ctrl-C does."""
    for program in ("make", "curl"):
        if shutil.which(program) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not installed")
    port, s3_port = free_ports(), free_port()
    command = ["make", "--silent", "run", f"PORT={port}", f"S3_PORT={s3_port}"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "S3_"))}
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    )
    assert process.stdout
    printed = ""
    for line in process.stdout:
        printed += line
        if "Ctrl-C" in line:
            break
    found = re.search(r"demo:(\S+)", printed)
    assert found, printed
    yield Run(process, f"http://localhost:{port}", s3_port, printed, found[1])
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=20)


def free_ports() -> int:
    """A free port whose next port is free; both are below the ports that the kernel gives to clients."""
    first = 20_000 + os.getpid() % 5_000
    return next(port for port in range(first, 32_000) if not (listens(port) or listens(port + 1)))


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-ec", command], cwd=folder, capture_output=True, timeout=60)


def test_printed_commands(running: Run, tmp_path: Path) -> None:
    """The commands work in their order, and the last two commands get refusals with helpful words."""
    shutil.copy(PROJECT / "README.md", tmp_path)
    commands = re.findall(r"^ {4}(curl .*)$", running.printed, re.MULTILINE)
    outputs = [shell(command, tmp_path) for command in commands]
    assert [done.returncode for done in outputs] == [0] * 15
    hello, odd, part, head, picture, evening, small, put, two_steps, delete, *rest = (done.stdout for done in outputs)
    listing, made, opened, missing, wrong = rest
    assert hello == b"Hello from a private bucket.\n"
    assert "ünï, 日本" in odd.decode()
    assert part == b"Hello"
    assert re.search(rb"HTTP/1.1 307.*HTTP/1.1 200.*Content-Length: 50", head, re.DOTALL)
    assert (picture, (tmp_path / "picture.png").read_bytes()[:4]) == (b"", b"\x89PNG")
    assert (evening, small) == (b"", b"")
    for name, kind, size in (("evening.webp", "WEBP", (320, 200)), ("small.png", "PNG", (32, 32))):
        with Image.open(tmp_path / name) as shown:
            assert (shown.format, shown.size) == (kind, size)
    assert (put, two_steps, delete) == (b"", b"", b"")
    assert [entry["name"] for entry in json.loads(listing)["entries"]] == ["2026/"]
    assert json.loads(made)["uses"] == 1
    assert opened == hello
    assert b"credentials-missing" in missing
    assert b"curl -u ID:SECRET" in missing
    assert b"credentials-invalid" in wrong
    read = f"curl -sL -u demo:{running.secret} {running.url}/notes/"
    assert shell(f"{read}two-steps.md", tmp_path).stdout == (PROJECT / "README.md").read_bytes()
    assert b"NoSuchKey" in shell(f"{read}readme.md", tmp_path).stdout


def test_readme_commands(running: Run, tmp_path: Path) -> None:
    """Each command of the README runs; a `make` goal only must exist, because the goals run this test."""
    shutil.copy(PROJECT / "README.md", tmp_path)
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "example.toml").write_text(example)
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 8
    for block in blocks:
        commands = re.sub(r"^make (\w+)", rf"make -C {PROJECT} --dry-run \1", block, flags=re.MULTILINE)
        commands = commands.replace("http://localhost:8000", running.url).replace("SECRET", running.secret)
        commands = commands.replace(".venv/bin/python", sys.executable).replace("curl ", "curl --fail -sS ")
        done = shell(f"export PYTHONPATH={PROJECT}\n{commands}", tmp_path)
        assert done.returncode == 0, (commands, done.stderr)


def test_both_entry_points_are_served(running: Run) -> None:
    """The next port has the Function URL, which answers HEAD; both entry points rename the challenge, as on AWS."""
    port = int(running.url.rpartition(":")[2])
    assert f"http://localhost:{port + 1}" in running.printed
    for number in (port, port + 1):
        url = f"http://localhost:{number}"
        refused = shell(f"curl -sI {url}/hello.txt", Path()).stdout.decode()
        assert "x-amzn-Remapped-WWW-Authenticate: Basic" in refused
        assert not re.search("^www-authenticate", refused, re.IGNORECASE | re.MULTILINE)
        assert shell(f"curl -sL -u demo:{running.secret} {url}/hello.txt", Path()).stdout.startswith(b"Hello")


def test_ports_in_use(running: Run) -> None:
    """A second `make run` names the port that is in use, and tells how to choose another port."""
    port = running.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "local", "--port", port], cwd=PROJECT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert done.stderr == f"Port {port} is in use. Choose another: make run PORT={int(port) + 1}\n"


def test_an_interrupt_stops_all_programs(running: Run) -> None:
    """After Ctrl-C no program listens. This must be the last test of the module."""
    os.killpg(running.process.pid, signal.SIGINT)
    output, _ = running.process.communicate(timeout=20)
    assert "Stopped." in output
    assert "Traceback" not in output
    port = int(running.url.rpartition(":")[2])
    assert not listens(port)
    assert not listens(port + 1)
    assert not listens(running.s3_port)
