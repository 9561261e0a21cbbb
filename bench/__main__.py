"""`make bench`: CPU times, measured in the same rounds as their yardsticks. It fails where a figure is over its limit.

A busy machine disturbs single measurements, so a benchmark with a figure over its limit runs again, up to `MAX_TRIES`
times. With `BASE=REVISION` the redirects and the starts of that revision of Signpost run in the same rounds.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final

from chalicelib.core.web.message import Reply
from tests.support.builders import allow, basic, numbered
from tests.support.fakes import ask, signpost
from tests.support.link_use_counter import MemoryLinkUseCounter
from tests.support.store import MemoryStore

from .measuring import (
    BARE,
    CALLS,
    PROJECT,
    Report,
    compare,
    environ,
    interleave,
    interleaved,
    medians,
    redirect_event,
)
from .starts import SECRET, bench_aws_keys, bench_issuers, bench_starts

# A limit is a ratio of medians.
MAX_REDIRECT: Final = 3.5  # to a bare Chalice route
MAX_BY_RULES: Final = 1.15  # with the most rules to with the fewest: the cost does not grow with the rules
MAX_LINKS: Final = 2.5  # of a listing with a one-time link for each file to a listing without links
MAX_TRIES: Final = 3

RULES: Final = (10, 100, 1_000, 10_000)
GENERATIONS, ROUNDS = 8, 8  # a process can be lucky with its memory, so each contender has several
LISTINGS: Final = 20
FILES: Final = 1_000


def main() -> int:
    """Measure, print, and return 1 where a figure is over its limit."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--base", metavar="REVISION", help="a revision to compare with")
    options = parser.parse_args()
    with ExitStack() as stack:
        trees = {"Signpost": PROJECT}
        if options.base:
            trees[f"Signpost at {options.base}"] = stack.enter_context(checkout(options.base))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for count in RULES:
            (folder / f"{count}.toml").write_text(toml(count))
        benchmarks = (
            lambda report: bench_redirects(report, trees, folder),
            lambda report: bench_starts(report, trees, folder),
            lambda report: bench_issuers(report, folder),
            lambda report: bench_aws_keys(report, folder),
            bench_listings,
        )
        failures = [name for benchmark in benchmarks for name in failures_of(benchmark)]
    if failures:
        print(f"Over the limit: {'; '.join(failures)}.")
    return 1 if failures else 0


def failures_of(benchmark: Callable[[Report], None]) -> list[str]:
    """Run a benchmark, at most `MAX_TRIES` times; return the figures that were over their limit in the last run."""
    for _ in range(MAX_TRIES):
        report = Report()
        benchmark(report)
        if not report.failures:
            break
    return report.failures


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """The files of a revision, in a folder that goes away afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=PROJECT, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        yield Path(folder)


def bench_redirects(report: Report, trees: Mapping[str, Path], folder: Path) -> None:
    """A warm redirect at the REST API's entry point, by the number of rules."""
    event = redirect_event(f"/team-7/builds/{'x' * 20}.tar.gz", basic("ci", SECRET))
    contenders = {BARE: ("bench.bare", PROJECT, 10)}
    for tree_name, tree in trees.items():
        for count in RULES if tree is PROJECT else (100,):
            contenders[f"{tree_name}, {count:,} rules"] = ("app", tree, count)
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(GENERATIONS):
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(worker(module, tree, folder / f"{count}.toml", event))
                for name, (module, tree, count) in contenders.items()
            }
            interleave(workers, ROUNDS, measured)
    seconds = medians(measured)
    report.table("A redirect", seconds, 1e6, "µs")
    by_rules = [seconds[f"Signpost, {count:,} rules"] for count in RULES]
    report.limit("a redirect, in bare routes", median(by_rules) / seconds[BARE], MAX_REDIRECT)
    report.limit(f"a redirect with {RULES[-1]:,} rules, to {RULES[0]}", by_rules[-1] / by_rules[0], MAX_BY_RULES)
    compare(report, "a redirect", {name: seconds[f"{name}, 100 rules"] for name in trees})


@contextmanager
def worker(module: str, tree: Path, settings: Path, event: str) -> Iterator[Callable[[], float]]:
    """A process that measures one round of calls each time it is called."""
    command = [sys.executable, str(PROJECT / "bench" / "worker.py"), module, event]
    with subprocess.Popen(
        command, cwd=tree, env=environ(tree, settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, results = process.stdin, process.stdout
        results.readline()  # the seconds of the start

        def measure() -> float:
            print(CALLS, file=requests, flush=True)
            return float(results.readline())

        yield measure
        requests.close()


def bench_listings(report: Report) -> None:
    """A listing of files in a store in memory, without and with a one-time link for each file."""
    keys = [f"builds/{number:06}/first.tar.gz" for number in range(FILES)]
    files = signpost(
        rules=numbered(allow("/**", "read list share")),
        objects=MemoryStore(keys),
        counter=MemoryLinkUseCounter(),
    )

    def listing(query: Mapping[str, str]) -> Callable[[], float]:
        def measure() -> float:
            started = time.process_time()
            reply: Reply = ask("GET", "/builds/", service=files, query=query)
            seconds = time.process_time() - started
            assert reply.body.count(b'"url"') == FILES
            return seconds

        return measure

    seconds = interleaved(
        {"without links": listing({"recursive": ""}), "with ?links": listing({"recursive": "", "links": ""})}, LISTINGS
    )
    report.table(f"A listing of {FILES:,} files", seconds, 1e3, "ms")
    report.limit("links, in listings without", seconds["with ?links"] / seconds["without links"], MAX_LINKS)


def toml(rules: int) -> str:
    """Settings with a key, a mount and a number of rules."""
    tables = [
        f'[[mounts]]\npath = "/"\nbucket = "bench-bucket"\nregion = "eu-west-1"\n'
        f'[[keys]]\nid = "ci"\nsha256 = "{sha256(SECRET.encode()).hexdigest()}"\ngroups = ["builders"]\n'
    ]
    for number in range(rules - 2):
        tables.append(f'[[rules]]\npath = "/project-{number}/*/**"\nallow = ["read"]\nto = ["group:team-{number}"]\n')
    for path in ("/*/builds/**", "/**"):
        tables.append(f'[[rules]]\npath = "{path}"\nallow = ["read", "write"]\nto = ["group:builders"]\n')
    return "\n".join(tables)


if __name__ == "__main__":
    sys.exit(main())
