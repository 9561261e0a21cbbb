"""The drivers of the contract suite: a request reaches the service in process, as an event, or over HTTP from curl.

Each driver understands the options of curl that the suite uses, so that a test is written once and runs with each.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from chalicelib import bootstrap
from chalicelib.core.application import Application
from chalicelib.core.web.message import Reply, Request
from chalicelib.default_backends import Backends
from chalicelib.environment import Environment
from chalicelib.settings.load import load
from tests.support.builders import HIDDEN_BY_REST_API, Fields, rest_event, url_event
from tests.support.entry_points import Answer, answer, entry_points

# With another store only curl runs, the driver that is nearest to a user.
DRIVERS = ("curl",) if "S3_ENDPOINT" in os.environ else ("in process", "event", "curl")

Handle = Callable[[str, str, str, Fields, bytes], Reply]
"""Answers a method, a raw path, a query, header fields and a body."""


Call = Sequence[str]
"""The arguments of curl for one URL."""


def curl(folder: Path, calls: Iterable[Call]) -> list[Answer]:
    """Send the calls one after another with one process of curl; where curl is missing, fail in CI and skip elsewhere.

    A process starts in the time of ten requests to the service, so loops of tests give all their calls at once.
    """
    if shutil.which("curl") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("curl is not installed")
    command, files = ["curl", "--fail-early"], list[tuple[Path, Path]]()
    for number, call in enumerate(calls):
        headers, body = folder / f"headers-{number}", folder / f"body-{number}"
        body.write_bytes(b"")
        command += ["--next"] if files else []
        command += ["-sS", "--max-time", "60", "--path-as-is", "-D", str(headers), "-o", str(body), *call]
        files.append((headers, body))
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)  # no timeout: with it, Python polls the process
    return [_answer(headers.read_text("latin-1"), body.read_bytes()) for headers, body in files]


def _answer(heads: str, body: bytes) -> Answer:
    *_, last = heads.strip().replace("\r", "").split("\n\n")
    first, *lines = last.split("\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), fields, body)


def application(file: Path, log: Path, environ: Mapping[str, str]) -> Application:
    """Build an application with the default backends, which appends its log lines to a file."""
    environment = Environment(environ)
    settings = load(file, environ, environment.region)

    def write(record: Mapping[str, object]) -> None:
        with log.open("a") as lines:
            lines.write(json.dumps(record) + "\n")

    backends = Backends(settings, environment, time.time, lambda text: write({"warning": text}))
    return bootstrap.build(settings, backends, clock=time.time, random=os.urandom, log=write)


def in_process(service: Application, base_url: str, *, is_rest_api: bool) -> Handle:
    """Answer by the application itself. A REST API hides some headers and the length of a HEAD (FACTS 1.6, 1.7)."""
    numbers = itertools.count()

    def handle(method: str, raw_path: str, query: str, headers: Fields, body: bytes) -> Reply:
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        request_id, deadline = f"request-{next(numbers)}", bootstrap.deadline(None)
        body = body if method == "POST" else b""
        hidden = HIDDEN_BY_REST_API if is_rest_api else frozenset[str]()
        fields = {name: value for name, value in headers if name not in hidden}
        request = Request(
            method, raw_path, parameters, fields, request_id, base_url, "127.0.0.1", deadline, body, not is_rest_api
        )
        return service.handle(request)

    return handle


def by_event(service: Application, *, is_rest_api: bool) -> Handle:
    """Answer an event of a REST API, or of a Function URL."""
    handlers = entry_points(service)
    handler = handlers.rest_api if is_rest_api else handlers.function_url

    def handle(method: str, raw_path: str, query: str, headers: Fields, body: bytes) -> Reply:
        event = (rest_event if is_rest_api else url_event)(method, raw_path, query, headers, body)
        return Reply(*answer(handler, event))

    return handle


class Client:
    """Does what curl does, for the options that the suite uses, without HTTP to the service.

    Args:
        base_url: the URL of the service. Requests for other URLs go over HTTP.
        handle: answers the requests for the service.
        folder: for the files of curl, which sends all requests that begin at another URL.
    """

    def __init__(self, base_url: str, handle: Handle, folder: Path) -> None:
        self._base_url = base_url
        self._handle = handle
        self._folder = folder

    def curl(self, calls: Iterable[Call]) -> list[Answer]:
        """Answer as curl would."""
        return [self._curl(call) for call in calls]

    def _curl(self, call: Call) -> Answer:
        if not any(argument.startswith(f"{self._base_url}/") for argument in call):
            return curl(self._folder, [call])[0]
        options = _OPTIONS.parse_args(call)
        url, body = options.url, _body(options)
        headers = _fields(options.header)
        method = options.request or ("PUT" if options.upload else "POST" if body is not None else "GET")
        method = "HEAD" if options.head else method
        headers |= {"range": f"bytes={options.range}"} if options.range else {}
        headers |= {"range": f"bytes={options.continue_at}-"} if options.continue_at else {}
        headers |= {"user-agent": options.user_agent or "curl/8.0"}
        if options.data is not None:
            headers.setdefault("content-type", "application/x-www-form-urlencoded")
        if body is not None and "transfer-encoding" not in headers:
            headers["content-length"] = str(len(body))
        while True:
            answer = self._ask(method, url, headers, body or b"", options.user)
            if not (options.location and 300 <= answer.status < 400 and "location" in answer.headers):
                return answer
            url = answer.headers["location"]
            if answer.status == 303:
                method, body = "HEAD" if method == "HEAD" else "GET", None
                headers = {name: value for name, value in headers.items() if not name.startswith("content-")}

    def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes, user: str | None) -> Answer:
        if not url.startswith(f"{self._base_url}/"):
            private = ("authorization", "cookie", "transfer-encoding")
            elsewhere = {name: value for name, value in headers.items() if name not in private}
            data = iter([body]) if "transfer-encoding" in headers else body  # requests sends an iterator in chunks
            response = requests.request(method, url, headers=elsewhere, data=data, allow_redirects=False, timeout=60)
            return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)
        parts = urlsplit(url)
        raw_path = url[len(self._base_url) :].partition("?")[0]
        sent = {"host": urlsplit(self._base_url).netloc, "x-forwarded-proto": "http", "accept": "*/*", **headers}
        if user:
            sent["authorization"] = requests.auth._basic_auth_str(*user.split(":", 1))
        fields = [(name, value) for name, value in sent.items() if value]  # like curl, send no header without a value
        reply = self._handle(method, raw_path, parts.query, fields, body)
        replied = {name.lower(): value for name, value in reply.headers.items()}
        replied |= {"set-cookie": reply.cookies[0]} if reply.cookies else {}
        return Answer(reply.status, {"content-length": str(len(reply.body)), **replied}, reply.body)


def _fields(lines: list[str]) -> dict[str, str]:
    """Return header fields by lower-case names. Repeated fields become a list, as a server combines them."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields


def _body(options: argparse.Namespace) -> bytes | None:
    if options.upload:
        return Path(options.upload).read_bytes()
    if options.data is not None:
        data = str(options.data)
        return Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
    return None


_OPTIONS = argparse.ArgumentParser()
_OPTIONS.add_argument("url")
_OPTIONS.add_argument("-L", dest="location", action="store_true")
_OPTIONS.add_argument("-I", dest="head", action="store_true")
_OPTIONS.add_argument("-X", dest="request")
_OPTIONS.add_argument("-T", dest="upload")
_OPTIONS.add_argument("-d", "--data-binary", dest="data")
_OPTIONS.add_argument("-H", dest="header", action="append", default=[])
_OPTIONS.add_argument("-u", dest="user")
_OPTIONS.add_argument("-r", dest="range")
_OPTIONS.add_argument("-C", dest="continue_at")
_OPTIONS.add_argument("-A", dest="user_agent")


over_http = pytest.mark.parametrize("driver", ["curl"], indirect=True, scope="session")
"""Marks a test that runs only over HTTP.

Only HTTP can run the test, because the test uses another program, a connection of its own, or the server's process. Or
the store alone decides about a URL, which is the same from every entry point.
"""

without_http = pytest.mark.parametrize("driver", DRIVERS[:2], indirect=True, scope="session")
"""Marks a test that tries many settings. By curl, a server for each of them takes two seconds, and decides the same.

Another store has the driver of curl alone.
"""
