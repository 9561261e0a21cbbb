"""One embedded S3, and one app that echoes its events, for each module of tests."""

from collections.abc import Iterator

import pytest

from local import embedded_s3

from .embedded import Clock, Embedded
from .wire import echo_app, serving


@pytest.fixture(scope="module")
def running() -> Iterator[Embedded]:
    """The embedded S3 of the module."""
    clock = Clock()
    with embedded_s3.serve(clock=clock) as endpoint:
        yield Embedded(endpoint, clock)


@pytest.fixture
def embedded(running: Embedded) -> Embedded:
    """The embedded S3 with its clock at the right time."""
    running.clock.offset = 0
    return running


@pytest.fixture
def silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Check that the test prints nothing: no request line, no traceback."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of the app that echoes."""
    with serving(echo_app()) as port:
        yield port
