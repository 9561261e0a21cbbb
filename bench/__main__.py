"""`make bench`: ratios, each measured side by side in one run, for a person to read beside what they should be."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

import app
from bench.bare import app as bare
from chalicelib import wiring
from chalicelib.core.message import Reply
from tests.builders import Event, allow, basic, numbered, rest_event
from tests.fakes import Objects, ask, service
from tests.token_store import Tokens

PROJECT = Path(__file__).parent.parent
SECRET = "a-secret"
REDIRECT_LIMIT = 5.0  # times a bare Chalice route
IMPORT_LIMIT = 1.3  # times importing Chalice itself
RULES = (10, 100, 1_000, 10_000)
ROUNDS, CALLS = 40, 200
FILES = 1_000
LINKS_LIMIT = 20  # milliseconds that the links of so many files add
STARTS = 30

HEADERS = (
    ("Accept", "*/*"),
    ("Host", "files.example.com"),
    ("User-Agent", "curl/8.10.1"),
    ("X-Amzn-Trace-Id", "Root=1-67f0e4a1-0123456789abcdef01234567"),
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Proto", "https"),
)
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}
BUILD = wiring.exchange.__wrapped__  # past its cache: one service for each number of rules


def main() -> None:
    """Measure and print."""
    redirects = measure_redirects()
    base = redirects.pop("bare")
    print(f"A redirect: the fastest of {ROUNDS} rounds of {CALLS} calls, interleaved; wanted: at most {REDIRECT_LIMIT}")
    print(f"  {'a bare Chalice route':24}{base * 1e6:8.1f} µs")
    for name, seconds in redirects.items():
        print(f"  {name:24}{seconds * 1e6:8.1f} µs {seconds / base:6.2f} times")
    print(f"An import: the fastest of {STARTS} processes each, in turns; wanted: at most {IMPORT_LIMIT}")
    report(measure_starts({"chalice.app": "import chalice.app", "app": "import app"}))
    print("A cold start: the same, with the first redirect")
    event = json.dumps(get("/team-7/builds/first.tar.gz"))
    answer = f"import json; app.app(json.loads({event!r}), None)"
    yardstick = f"from bench.bare import app as bare; {answer.replace('app.app', 'bare')}"
    report(measure_starts({"a bare Chalice route": yardstick, "Signpost": f"import app; {answer}"}))

    print(f"A listing of {FILES:,} files: the fastest of {ROUNDS}; wanted of their links: at most {LINKS_LIMIT} ms")
    listings = measure_listings()
    report(listings)
    plain, linked = listings.values()
    print(f"  {'the links alone':24}{(linked - plain) * 1e3:8.1f} ms")


def measure_listings() -> dict[str, float]:
    """Seconds that a listing takes without and with a one-time link for each file, from a store in memory."""
    keys = [f"builds/{number:06}/first.tar.gz" for number in range(FILES)]
    by = service(
        rules=numbered(allow("/**", "read list share")),
        objects=Objects(buckets={"acme-files": keys}),
        tokens=Tokens(),
    )
    contenders: dict[str, Callable[[], Reply]] = {
        "without links": lambda: ask("GET", "/builds/", by=by, query={"recursive": ""}),
        "with ?links": lambda: ask("GET", "/builds/", by=by, query={"recursive": "", "links": ""}),
    }
    found = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            started = time.perf_counter()
            reply = call()
            found[name] = min(found[name], time.perf_counter() - started)
            assert reply.body.count(b'"url"') == FILES
    return found


def report(seconds: Mapping[str, float]) -> None:
    """Print each, and how many times the first it takes."""
    base = next(iter(seconds.values()))
    for name, value in seconds.items():
        print(f"  {name:24}{value * 1e3:8.1f} ms {value / base:6.2f} times")


def measure_redirects() -> dict[str, float]:
    """Seconds a call, the least of many rounds in which every contender has its turn."""
    event = get(f"/team-7/builds/{'x' * 20}.tar.gz")
    contenders: dict[str, Callable[[], object]] = {"bare": lambda: bare(event, None)}
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        for count in RULES:
            contenders[f"Signpost, {count:,} rules"] = redirecting(count, Path(folder), event)
        return least(contenders, nowhere)


def redirecting(rules: int, folder: Path, event: Event) -> Callable[[], object]:
    """A call of the REST door with so many rules, of which the last but one decides."""
    settings = folder / f"{rules}.toml"
    settings.write_text(toml(rules))
    os.environ |= {**CREDENTIALS, "SIGNPOST_CONFIG": str(settings)}
    exchange = BUILD()

    def call() -> object:
        wiring.exchange = lambda: exchange  # type: ignore[assignment]
        return app.app(event, None)

    answer: Any = call()
    assert answer["statusCode"] == 307, answer
    return call


def least(contenders: Mapping[str, Callable[[], object]], log: TextIO) -> dict[str, float]:
    """The fastest round of each, in seconds a call; the log goes to a file that keeps nothing."""
    found = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            started = time.perf_counter()
            for _ in range(CALLS):
                call()
            found[name] = min(found[name], (time.perf_counter() - started) / CALLS)
    log.flush()
    return found


def measure_starts(statements: Mapping[str, str]) -> dict[str, float]:
    """Seconds that each statement takes in a fresh process, the least of many, with everything compiled."""
    found = dict.fromkeys(statements, float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "signpost.toml").write_text(toml(100))
        environ = {
            **os.environ,
            **CREDENTIALS,
            "PYTHONPYCACHEPREFIX": folder,
            "PYTHONDONTWRITEBYTECODE": "",
            "SIGNPOST_CONFIG": f"{folder}/signpost.toml",
        }
        for _ in range(STARTS):
            for name, statement in statements.items():
                code = f"import time; t = time.perf_counter(); {statement}; print(); print(time.perf_counter() - t)"
                command = [sys.executable, "-c", code]
                run = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, check=True, text=True)
                found[name] = min(found[name], float(run.stdout.split("\n")[-2]))
    return found


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


def get(path: str) -> Event:
    """A GET as API Gateway sends it, with the headers of curl and of the edge."""
    return rest_event("GET", path, headers=[*HEADERS, *basic("ci", SECRET).items()])


if __name__ == "__main__":
    main()
