"""`make bench`: ratios, each measured side by side in one run, for a person to read beside what they should be."""

import json
import os
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from chalice.app import Chalice, Response

import app
from chalicelib import wiring

PROJECT = Path(__file__).parent.parent
SECRET = "a-secret"
REDIRECT_LIMIT = 5.0  # times a bare Chalice route
IMPORT_LIMIT = 1.3  # times importing Chalice itself
RULES = (10, 100, 1_000, 10_000)
ROUNDS, CALLS = 40, 200
IMPORTS = 40

BUILD = wiring.exchange.__wrapped__  # past its cache: one service for each number of rules

bare = Chalice("bare")


@bare.route("/{proxy+}")
def constant() -> Response:
    """Redirect to nowhere in particular."""
    return Response("", {"Location": "https://example.com/"}, 307)


def main() -> None:
    """Measure and print."""
    redirects = measure_redirects()
    imports = measure_imports()
    base = redirects.pop("bare")
    print(f"A redirect: the fastest of {ROUNDS} rounds of {CALLS} calls, interleaved")
    print(f"  {'a bare Chalice route':24}{base * 1e6:8.1f} µs")
    for name, seconds in redirects.items():
        print(f"  {name:24}{seconds * 1e6:8.1f} µs {seconds / base:6.2f} times")
    print(f"An import: the fastest of {IMPORTS} processes each, in turns")
    for name, seconds in imports.items():
        print(f"  {name:24}{seconds * 1e3:8.1f} ms {seconds / imports['chalice.app']:6.2f} times")
    print(f"Wanted: a redirect with 100 rules at most {REDIRECT_LIMIT} times, an import at most {IMPORT_LIMIT}")


def measure_redirects() -> dict[str, float]:
    """Seconds a call, the least of many rounds in which every contender has its turn."""
    event = rest_event(f"/team-7/builds/{'x' * 20}.tar.gz")
    contenders: dict[str, Callable[[], object]] = {"bare": lambda: bare(event, None)}
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        for count in RULES:
            contenders[f"Signpost, {count:,} rules"] = redirecting(count, Path(folder), event)
        return least(contenders, nowhere)


def redirecting(rules: int, folder: Path, event: Mapping[str, Any]) -> Callable[[], object]:
    """A call of the REST door with so many rules, of which the last but one decides."""
    settings = folder / f"{rules}.toml"
    settings.write_text(toml(rules))
    os.environ |= {"SIGNPOST_CONFIG": str(settings), "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}
    exchange = BUILD()

    def call() -> object:
        wiring.exchange = lambda: exchange  # type: ignore[assignment]
        return app.app(event, None)

    answer: Any = call()
    assert answer["statusCode"] == 307, answer
    return call


def least(contenders: Mapping[str, Callable[[], object]], log: TextIO) -> dict[str, float]:
    """The fastest round of each, in seconds a call; the log goes to a real file that keeps nothing."""
    found = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            started = time.perf_counter()
            for _ in range(CALLS):
                call()
            found[name] = min(found[name], (time.perf_counter() - started) / CALLS)
    log.flush()
    return found


def measure_imports() -> dict[str, float]:
    """Seconds to import each module in a fresh process, the least of many; both compiled, in a folder of their own."""
    found = {"chalice.app": float("inf"), "app": float("inf")}
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        for _ in range(IMPORTS):
            for name in found:
                code = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
                command = [sys.executable, "-c", code]
                run = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, check=True, text=True)
                found[name] = min(found[name], float(run.stdout))
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


def rest_event(path: str) -> dict[str, Any]:
    """A GET as API Gateway sends it, with the headers of curl and of the edge."""
    headers = {
        "Accept": "*/*",
        "Authorization": "Basic " + b64encode(f"ci:{SECRET}".encode()).decode(),
        "Host": "files.example.com",
        "User-Agent": "curl/8.10.1",
        "X-Amzn-Trace-Id": "Root=1-67f0e4a1-0123456789abcdef01234567",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    context = {"resourcePath": "/{proxy+}", "httpMethod": "GET", "path": f"/api{path}", "requestId": "a1b2c3d4"}
    event = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path[1:]},
        "stageVariables": None,
        "requestContext": context,
        "body": None,
        "isBase64Encoded": False,
    }
    return dict(json.loads(json.dumps(event)))


if __name__ == "__main__":
    main()
