"""The fake internet of the backends that ask other sites."""

from collections.abc import Iterator

import pytest

from tests.support.fake_internet import FakeInternet


@pytest.fixture(scope="module")
def internet() -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        yield internet
