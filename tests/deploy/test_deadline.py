"""Whatever AWS does, a request is answered before Lambda ends the function: 503, `Retry-After` and a log line."""

import json
import os
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

from chalicelib.core.access.link_tokens import LinkTokens
from chalicelib.core.access.signing import Signer
from tests.support.builders import CREDENTIALS, DEADLINE, Event, path, rest_event, url_event

from .conftest import PROJECT
from .faulty_aws import (
    SECRET,
    Fault,
    FaultyAws,
    drip_body,
    drip_headers,
    hang,
    reset,
    silent,
    slow,
    together,
    unreachable,
)
from .runtime_api import Function, start

SECONDS = 2.0  # the function's time-out
SETTINGS = """
service = {{ head = "inline" }}
mounts = [
    {{ path = "/", bucket = "acme", endpoint = "http://127.0.0.1:{port}" }},
    {{ path = "/unreachable", bucket = "acme", endpoint = "http://127.0.0.1:{unreachable}" }},
    {{ path = "/silent", bucket = "acme", endpoint = "https://127.0.0.1:{silent}" }},
]
keys = [{{ id = "ci", sha256 = "{sha256}" }}]
rules = [
    {{ path = "/**", allow = ["read", "list", "share"], to = ["anyone"] }},
]
"""

FAULTS: Mapping[str, Fault] = {
    "hang": hang,
    "drip headers": drip_headers,
    "drip body": drip_body,
    "reset": reset,
    "together": together(reset, drip_body, reset, drip_headers),
    "slow": slow,
}


class Kind(NamedTuple):
    """A request that needs AWS, the entry point, the status where AWS is right, and the faults that do not matter."""

    event: Event
    handler: str
    status: int
    spared: tuple[str, ...] = ("slow",)
    secret: str = SECRET


def counted() -> str:
    """A token with many uses."""
    links = LinkTokens(Signer(lambda _: [SECRET.encode()], "link"), os.urandom)
    return links.make(path("/a.png"), "read", 50, 4_000_000_000, "anyone", DEADLINE)[1]


KINDS = {
    "inline HEAD": Kind(url_event("HEAD", "/a.png"), "app.function_url", 200, ("slow", "drip body", "together")),
    "listing": Kind(rest_event("GET", "/"), "app.app", 200),
    "smaller image": Kind(url_event("GET", "/a.png", "w=32"), "app.function_url", 307, ()),
    "counted link": Kind(rest_event("GET", "/a.png", f"token={counted()}"), "app.app", 307),
    "secret": Kind(
        *(url_event("GET", "/a.png", f"token={counted()}"), "app.function_url", 307, ("slow",)),
        secret="arn:aws:secretsmanager:eu-west-1:123456789012:secret:signpost-AbCdEf",
    ),
}


class Container:
    """A function that runs, and what it logs."""

    def __init__(self, function: Function) -> None:
        self._function = function

    def lines(self) -> list[Any]:
        """The log of the service, among what others write."""
        lines = (line.partition('{"id"') for line in self._function.output().splitlines())
        return [json.loads(brace + rest) for _, brace, rest in lines if brace]

    def answer(self, event: Event) -> tuple[int, dict[str, str], bytes]:
        """Answer an event, with exactly one line in the log."""
        before = len(self.lines())
        response = self._function.invoke(event)
        (line,) = self.lines()[before:]
        assert line["status"] == response["statusCode"], line
        headers = {name.lower(): value for name, value in response["headers"].items()}
        return response["statusCode"], headers, b64decode(response["body"])

    def warmed(self, event: Event, status: int) -> None:
        """Ask until the answer is right: loading boto3 may take longer than the first requests have."""
        assert status in (self.answer(event)[0] for _ in range(20)), self.lines()[-1]

    def refuses(self, event: Event) -> None:
        """Assert that the answer is a 503 for the client to try again, with a reason in the log."""
        status, headers, body = self.answer(event)
        assert (status, headers["retry-after"]) == (503, "5"), self.lines()[-1]
        assert not body or json.loads(body)["code"] == "unavailable"
        assert "location" not in headers
        assert self.lines()[-1]["error"]


@pytest.fixture
def aws() -> Iterator[FaultyAws]:
    with FaultyAws() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()


@pytest.fixture
def environ(aws: FaultyAws, tmp_path: Path) -> Iterator[dict[str, str]]:
    with unreachable() as unreachable_port, silent() as silent_port:
        ports = {"port": aws.server_port, "unreachable": unreachable_port, "silent": silent_port}
        (tmp_path / "signpost.toml").write_text(SETTINGS.format(**ports, sha256="0" * 64))
        yield {
            "SIGNPOST_CONFIG": str(tmp_path / "signpost.toml"),
            "SIGNPOST_TABLE": "links",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.server_port}",
            "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        }


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_of_aws_is_answered_in_time(
    aws: FaultyAws, environ: dict[str, str], tmp_path: Path, name: str
) -> None:
    """One container meets all faults one after the other, and answers right as soon as they are over."""
    kind = KINDS[name]
    environ["SIGNPOST_SECRET"] = kind.secret
    with start(Path(sys.executable), PROJECT, kind.handler, environ, tmp_path / "output", SECONDS) as function:
        container = Container(function)
        container.warmed(KINDS["listing"].event if kind.handler == "app.app" else url_event("HEAD", "/a.png"), 200)
        for fault in FAULTS:
            with aws.having(FAULTS[fault]):
                if fault in kind.spared:
                    assert container.answer(kind.event)[0] in (kind.status, 503)
                else:
                    container.refuses(kind.event)
        container.warmed(kind.event, kind.status)


def test_a_connection_or_a_handshake_that_never_ends_is_given_up(environ: dict[str, str], tmp_path: Path) -> None:
    with start(Path(sys.executable), PROJECT, "app.function_url", environ, tmp_path / "output", SECONDS) as function:
        container = Container(function)
        container.warmed(url_event("HEAD", "/a.png"), 200)
        for place in ("unreachable", "silent"):
            container.refuses(url_event("HEAD", f"/{place}/a.png"))
        container.warmed(url_event("HEAD", "/a.png"), 200)
