"""A deadline limits all waits of a request together, and times are written as RFC 3339 says."""

from datetime import UTC, datetime

import pytest

from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline, rfc3339


def test_a_deadline_counts_down_and_then_refuses() -> None:
    now = [100.0]
    deadline = Deadline(lambda: now[0], 9.0)
    for now[0], left in ((100.0, 9.0), (104.5, 4.5), (108.75, 0.25)):
        assert deadline.left() == left
    for now[0] in (109.0, 110.0):
        with pytest.raises(Unavailable) as refused:
            deadline.left()
        assert refused.value.headers == {"Retry-After": "5"}
        assert refused.value.reason == "the deadline of the request has passed"


def test_a_time_is_written_in_utc_with_whole_seconds() -> None:
    for seconds in (0, 1_700_000_000.9, 4_102_444_799):
        assert rfc3339(seconds) == f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"
