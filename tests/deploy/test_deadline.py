"""Whatever AWS does, a request is answered before Lambda ends the function: 503, `Retry-After` and a log line."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

from chalicelib.core.access.link_tokens import LinkTokens
from chalicelib.core.access.principals import ANYONE, sha256_of
from chalicelib.core.access.signing import Signer
from tests.support.builders import CREDENTIALS, DEADLINE, NOW, basic, path, secret_of
from tests.support.entry_points import Answer
from tests.support.fakes import makers

from .aws_account import PROJECT
from .conftest import FUNCTION_URL, REST_API, Container, EntryPoint
from .faulty_aws import (
    SECRET,
    Fault,
    FaultyAws,
    drip_body,
    drip_headers,
    hang,
    in_turn,
    reset,
    silent,
    slow,
    unreachable,
)
from .runtime_api import start

TIMEOUT_SECONDS = 2.0
ROLE = "arn:aws:iam:::role/S3Access"
SETTINGS = """
service = {{ head = "inline" }}
credentials = {{ enabled = true }}
mounts = [
    {{ path = "/", bucket = "acme", endpoint = "http://127.0.0.1:{port}", inline = ["*.mpd"], role = "{role}" }},
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
    "in turn": in_turn(reset, drip_body, reset, drip_headers),
    "slow": slow,
}


def counted() -> str:
    """Return the query with a token of a link with many uses."""
    links = LinkTokens(Signer(lambda _: [SECRET.encode()], "link"), os.urandom)
    maker = makers().of(ANYONE, NOW)
    return f"token={links.make(path('/a.png'), 'read', 50, 4_000_000_000, maker, DEADLINE)[1]}"


class Kind(NamedTuple):
    """A request that needs AWS.

    Attributes:
        request: method, path, query and header fields.
        status: of the answer where AWS has no fault.
        spared: the faults that may leave the answer as it is.
        secret: the signing secret.
    """

    entry_point: EntryPoint
    request: tuple[Any, ...]
    status: int
    spared: tuple[str, ...] = ("slow",)
    secret: str = SECRET


KINDS = {
    "inline HEAD": Kind(FUNCTION_URL, ("HEAD", "/a.png", ""), 200, ("slow", "drip body", "in turn")),
    "playlist": Kind(REST_API, ("GET", "/a.mpd", ""), 200),
    "listing": Kind(REST_API, ("GET", "/", ""), 200),
    "smaller image": Kind(FUNCTION_URL, ("GET", "/a.png", "w=32"), 307, ()),
    "counted link": Kind(REST_API, ("GET", "/a.png", counted()), 307),
    "secret": Kind(
        *(FUNCTION_URL, ("GET", "/a.png", counted()), 307),
        secret="arn:aws:secretsmanager:eu-west-1:123456789012:secret:signpost-AbCdEf",
    ),
    "AWS keys": Kind(REST_API, ("GET", "/-/credentials", "", [*basic("ci").items()]), 200),
}


def log_lines(container: Container) -> list[Any]:
    """The log of the service, without the lines of other writers."""
    lines = (line.partition('{"id"') for line in container.function.output().splitlines())
    return [json.loads(brace + rest) for _, brace, rest in lines if brace]


def ask(container: Container, *request: Any) -> Answer:
    """Return the answer to a request; it has exactly one line in the log."""
    before = len(log_lines(container))
    answer = container.ask(*request)
    (line,) = log_lines(container)[before:]
    assert line["status"] == answer.status, line
    return answer


def warm(container: Container, *request: Any, status: int = 200) -> None:
    """Ask until the answer is right: a slow machine may load boto3 for longer than the first requests have."""
    assert status in (ask(container, *request).status for _ in range(20)), log_lines(container)[-1]


def assert_refused(container: Container, *request: Any) -> None:
    """Assert that the answer is a 503, after which the client tries again, with a reason in the log."""
    answer, line = ask(container, *request), log_lines(container)[-1]
    assert (answer.status, answer.headers["retry-after"]) == (503, "5"), line
    assert not answer.body or json.loads(answer.body)["code"] == "unavailable"
    assert "location" not in answer.headers
    assert line["error"]


@pytest.fixture
def aws() -> Iterator[FaultyAws]:
    with FaultyAws() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


@pytest.fixture
def containers(aws: FaultyAws, tmp_path: Path) -> Iterator[Mapping[str, Container]]:
    """A container for each kind of request; all have the same AWS."""
    with unreachable() as unreachable_port, silent() as silent_port, ExitStack() as running:
        ports = {"port": aws.server_port, "unreachable": unreachable_port, "silent": silent_port}
        (tmp_path / "signpost.toml").write_text(SETTINGS.format(**ports, role=ROLE, sha256=sha256_of(secret_of("ci"))))
        environ = {
            "SIGNPOST_CONFIG": str(tmp_path / "signpost.toml"),
            "SIGNPOST_TABLE": "links",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.server_port}",
            "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        }
        started = {}
        for name, kind in KINDS.items():
            own = {**environ, "SIGNPOST_SECRET": kind.secret}
            place = (Path(sys.executable), PROJECT, kind.entry_point.handler, own, tmp_path / name)
            started[name] = Container(running.enter_context(start(*place)), kind.entry_point)
            request = ("HEAD", "/a.png") if kind.entry_point == FUNCTION_URL else ("GET", "/")
            warm(started[name], *request)
            started[name].function.limit(TIMEOUT_SECONDS)
        yield started


def test_every_fault_of_aws_is_answered_in_time(aws: FaultyAws, containers: Mapping[str, Container]) -> None:
    """The containers meet all faults one after the other, and answer right as soon as the faults are over."""

    def meet(fault: str, name: str) -> None:
        kind = KINDS[name]
        if fault in kind.spared:
            assert ask(containers[name], *kind.request).status in (kind.status, 503), (fault, name)
        else:
            assert_refused(containers[name], *kind.request)

    with ThreadPoolExecutor(len(KINDS)) as pool:
        for fault in FAULTS:
            with aws.having(FAULTS[fault]):
                met = [pool.submit(meet, fault, name) for name in KINDS]
                for each in met:
                    each.result()
    for name, kind in KINDS.items():
        warm(containers[name], *kind.request, status=kind.status)
    # A connection, or the handshake of TLS, that never ends.
    with ThreadPoolExecutor() as pool:
        for name, raw_path in (("inline HEAD", "/unreachable/a.png"), ("smaller image", "/silent/a.png")):
            met.append(pool.submit(assert_refused, containers[name], "HEAD", raw_path))
    for each in met:
        each.result()
    warm(containers["inline HEAD"], "HEAD", "/a.png")
