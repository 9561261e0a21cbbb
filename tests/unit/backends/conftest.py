"""What several tests of backends use: the fake internet, and the places of tables."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.support.fake_internet import FakeInternet

from .tables import Table, dynamodb, new_table


@pytest.fixture(scope="module")
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        yield internet


@pytest.fixture(scope="module", params=["memory", "embedded", "dynamodb_local"])
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """The endpoint of a table; empty for a table in memory."""
    with nullcontext("") if request.param == "memory" else dynamodb(request.param) as endpoint:
        yield endpoint


@pytest.fixture
def table(environment: pytest.MonkeyPatch) -> Iterator[Table]:
    """A table of the embedded DynamoDB."""
    with dynamodb("embedded") as endpoint:
        yield new_table(endpoint, environment)
