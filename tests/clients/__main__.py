"""`make clients`: run all clients, and write the table of docs/clients.md; `--check` compares the table.

A cell that fails has its reason in clients.toml, and a cell that works has no reason there: anything else is a fault.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.contract.sites import open_store

from . import catalogue, cells, forked_python, objects, sites, table
from .cells import Cell, Result
from .columns import COLUMNS

_LANES = 3  # of 2 cores: a client also waits
_S3_PORT = 80 if os.geteuid() == 0 else 0  # like S3 of AWS: some clients leave a port out of `Host`, which is signed


def main() -> int:
    """Install the clients, run them, and write or compare the table."""
    parser = argparse.ArgumentParser(prog="make clients", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the table in place of writing it")
    parser.add_argument("--only", nargs="*", default=(), help="the clients to run; the table keeps the other rows")
    options = parser.parse_args()
    everyone = catalogue.read()
    clients = [client for client in everyone if not options.only or client.name in options.only]
    started = time.monotonic()
    modules = catalogue.install(clients)
    _print(f"Installed in {time.monotonic() - started:.0f} s.")
    started = time.monotonic()
    versions = {client: version for client in clients if (version := client.installed_version())}
    results = _run([Cell(it, key) for it in versions for key in COLUMNS if it.command(key)], modules)
    works = sum(result.works for _, result in results)
    _print(f"{works} of {len(results)} cells work, {time.monotonic() - started:.0f} s.")
    rows = {client.name: table.row(client, version, results) for client, version in versions.items()}
    faults = _faults(results)
    if options.check:
        faults += table.differences(rows)
        if "CI" in os.environ:
            faults += [f"{client.name} is not installed." for client in clients if client not in versions]
    else:
        table.write([client.name for client in everyone], rows)
    _print(*faults)
    return 1 if faults else 0


def _run(asked: Sequence[Cell], modules: Path) -> list[tuple[Cell, Result]]:
    with tempfile.TemporaryDirectory() as name, open_store(_S3_PORT) as store:
        scratch = Path(name)
        (scratch / "node_modules").symlink_to(modules / "node_modules")
        (scratch / "programs").mkdir()
        for client in dict.fromkeys(cell.client for cell in asked):
            cells.build(client, scratch / "programs")
        objects.fill(store, scratch)
        forked_python.preload(dict.fromkeys(module for cell in asked for module in cell.client.language.modules))
        with sites.open_access(store, scratch) as accesses, ThreadPoolExecutor(_LANES) as lanes:
            results = lanes.map(lambda cell: cells.run(cell, accesses, store, scratch), asked)
            return list(zip(asked, results, strict=True))


def _faults(results: Iterable[tuple[Cell, Result]]) -> list[str]:
    """The cells that fail without a reason, and those that work with a reason."""
    found = []
    for (client, key), result in results:
        where = f"{client.name}, {COLUMNS[key].heading}"
        if not result.works and key not in client.why:
            found.append(f"{where}: fails without a reason in clients.toml.\n{result.report}")
        elif result.works and key in client.why:
            found.append(f"{where}: works, and clients.toml has a reason.")
    return found


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
