"""A deadline: all waits share the time that is left, and nothing is waited for after it."""

import pytest

from chalicelib.core.web.problems import Unavailable
from chalicelib.core.web.times import Deadline


def test_it_counts_down_and_then_refuses() -> None:
    now = [100.0]
    deadline = Deadline(lambda: now[0], 9.0)
    found = []
    for now[0] in (100.0, 104.5, 108.75):
        found.append(deadline.left())
    assert found == [9.0, 4.5, 0.25]
    for now[0] in (109.0, 110.0):
        with pytest.raises(Unavailable) as refused:
            deadline.left()
        assert refused.value.headers == {"Retry-After": "5"}
        assert refused.value.reason == "the deadline of the request has passed"
