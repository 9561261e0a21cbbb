"""The embedded AWS, one for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local import aws
from tests.local.embedded import Clock, Embedded


@pytest.fixture(scope="module")
def running() -> Iterator[Embedded]:
    clock = Clock()
    with aws.serve(clock=clock) as endpoint:
        yield Embedded(endpoint, clock)


@pytest.fixture
def embedded(running: Embedded) -> Embedded:
    """The embedded AWS, its clock set right."""
    running.clock.offset = 0
    return running
