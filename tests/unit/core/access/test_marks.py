"""A mark names one caller to everybody with the key, and to nobody else."""

import re

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.marks import Marks

KEY = b"k" * 32


@given(st.text(), st.text())
def test_each_caller_has_a_mark_that_is_always_the_same(caller: str, other: str) -> None:
    mark = Marks(KEY).of(caller)
    assert re.fullmatch("[a-z2-7]{16}", mark)
    assert mark == Marks(KEY).of(caller)
    assert (mark == Marks(KEY).of(other)) == (caller == other)
    assert mark != Marks(KEY[1:]).of(caller)


def test_a_mark_does_not_change_between_releases() -> None:
    """An old log is read with a new release."""
    assert Marks(KEY).of("key:ci") == "pcn4wmeo2byctscr"
