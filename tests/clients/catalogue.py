"""The clients of the table of docs/clients.md, as clients.toml names them: how each is installed, and its commands."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import distributions
from pathlib import Path
from typing import Final, NamedTuple

from tests.browser import npm

from .columns import COLUMNS

FILE: Final = Path(__file__).with_name("clients.toml")
AWS_CLIENTS: Final = Path(sys.prefix) / "aws-clients"  # the environment of requirements-aws-clients.txt
_NPM: Final = Path(__file__).with_name("npm")


class Language(NamedTuple):
    """A language of commands.

    Args:
        program: runs a command.
        file: the name of the file that a command is in.
        before: comes before each command.
        modules: of Python, which are imported once for all commands.
    """

    program: str
    file: str
    before: str = ""
    modules: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Client:
    """An entry of clients.toml.

    Args:
        name: as the table names it.
        package: `apt:NAME`, `pip:NAME` or `npm:NAME`.
        commands: the command of each column that the client has a function for; "-" where it has none.
        why: the reason of each cell that fails, in at most five words.
        version: a command that prints the version; empty for the version of the package.
        build: a command that makes a program of the client, run once.
        language: of the commands.
        object: the object that the client downloads, which is the bytes `DATA` or has them in it.
        stored: behind the target of an upload, where the client puts the bytes.
        before: comes before each command.
    """

    name: str
    package: str
    language: Language
    commands: Mapping[str, str]
    why: Mapping[str, str]
    version: str = ""
    build: str = ""
    object: str = "plain/data.bin"
    stored: str = ""
    before: str = ""

    def command(self, column: str) -> str | None:
        """The command of a column; None where the client has no such function."""
        names = [name for name in COLUMNS[column].commands if name in self.commands]
        if not names or self.commands.get(column) == "-":
            return None
        best = next((name for name in names if name == column or name not in self.why), names[0])
        return "\n".join([self.language.before, self.before, self.commands[best], ""])

    def installed_version(self) -> str | None:
        """The version that is installed; None where the client is missing."""
        registry, _, package = self.package.partition(":")
        if self.version:
            done = subprocess.run(["sh", "-c", self.version], capture_output=True, text=True, check=False)
            text = done.stdout + done.stderr if done.returncode == 0 else ""
        elif registry == "apt":
            text = _debian_version(package)
        elif registry == "npm":
            lock = json.loads((_NPM / "package-lock.json").read_text())
            text = lock["packages"][f"node_modules/{package}"]["version"]
        else:
            places = [*sys.path, *map(str, AWS_CLIENTS.glob("lib/*/site-packages"))]
            text = next((it.version for it in distributions(name=package, path=places)), "")
        found = re.search(r"\d+(\.\d+)+", text)
        return found and found[0]


_FIELDS: Final = {field.name for field in fields(Client)}


def read() -> list[Client]:
    """Read clients.toml.

    Raises:
        ValueError: a reason has more than five words, or names no column.
    """
    file, clients = tomllib.loads(FILE.read_text()), []
    languages = {name: Language(**entry) for name, entry in file["languages"].items()}
    for name, entry in file["clients"].items():
        language = languages[entry.pop("language", "sh")]
        commands = {key: entry.pop(key) for key in [*entry] if key not in _FIELDS}
        client = Client(name, language=language, commands=commands, why=entry.pop("why", {}), **entry)
        for column, reason in client.why.items():
            if column not in COLUMNS or len(reason.split()) > 5:
                raise ValueError(f"{FILE.name}: {name}: {column} = {reason!r} is no reason of at most five words.")
        clients.append(client)
    return clients


def install(clients: Iterable[Client]) -> Path:
    """Install what is missing, by apt as root, and by npm.

    Returns:
        The folder in which Node finds the packages of npm. pip's packages are those of requirements-clients.txt
        and requirements-aws-clients.txt.
    """
    missing = [client.package for client in clients if not client.installed_version()]
    packages = sorted({package.removeprefix("apt:") for package in missing if package.startswith("apt:")})
    if packages and os.geteuid() == 0:
        environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", *command], env=environ, stdout=subprocess.DEVNULL, check=True)
    return npm.install(_NPM)


def _debian_version(package: str) -> str:
    """The version of an installed package, without Debian's own number; empty where it is not installed."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${source:Upstream-Version}", package]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no Debian
        return ""
    status, _, version = done.stdout.partition(" ")
    return version if status == "installed" else ""
