"""The embedded AWS and a served app that echoes its events, one of each for a module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local import embedded_s3
from tests.local.embedded import Clock, Embedded
from tests.local.wire import echo_app, serving


@pytest.fixture(scope="module")
def running() -> Iterator[Embedded]:
    clock = Clock()
    with embedded_s3.serve(clock=clock) as endpoint:
        yield Embedded(endpoint, clock)


@pytest.fixture
def embedded(running: Embedded) -> Embedded:
    """The embedded AWS, its clock set right."""
    running.clock.offset = 0
    return running


@pytest.fixture
def silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever a client sends, the console shows nothing: no request line, no traceback."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where that app is served."""
    with serving(echo_app()) as port:
        yield port
