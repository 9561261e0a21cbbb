"""Work that ends before the deadline of a request, and calls to AWS whose failures become problems."""

import contextlib
import threading
import weakref
from collections.abc import Callable

import pytest

from chalicelib.backends.aws_calls import call
from chalicelib.backends.bounded import within
from chalicelib.core.web.problems.base import NotFound, Unavailable
from tests.support.builders import soon


class Failed(Exception):
    """Raised by the work."""


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def test_the_result_of_the_work_is_returned_or_its_exception_raised() -> None:
    assert within(soon(), lambda: 3, otherwise="") == 3
    for error in (Failed(), KeyError(), TimeoutError(), SystemExit()):
        with pytest.raises(type(error)) as raised:
            within(soon(), raising(error), otherwise="")
        assert raised.value is error


def test_work_that_never_ends_is_abandoned_at_the_deadline() -> None:
    end = threading.Event()
    with pytest.raises(Unavailable, match=r"It is away\. Try again") as refused:
        within(soon(0.05), end.wait, otherwise="It is away.")
    assert refused.value.reason == "no answer before the deadline of the request"
    end.set()


def test_work_does_not_start_after_the_deadline() -> None:
    started: list[int] = []
    with pytest.raises(Unavailable):
        within(soon(-1), lambda: started.append(1), otherwise="")
    assert started == []


def test_an_exception_is_freed_when_the_caller_has_handled_it() -> None:
    """Otherwise an image of megabytes stays in memory until the garbage collector runs."""
    references: list[weakref.ref[Exception]] = []

    class Referenced(Exception):
        def __init__(self) -> None:
            references.append(weakref.ref(self))

    def work() -> None:
        raise Referenced

    with contextlib.suppress(Referenced):  # pytest.raises would keep the exception
        within(soon(), work, otherwise="")
    assert references[0]() is None


def test_every_failure_of_a_call_is_a_503_except_a_problem_for_the_client() -> None:
    for error in (KeyError("a"), ValueError("a"), TypeError("a"), AttributeError("a"), OSError("a"), Failed()):
        with pytest.raises(Unavailable, match=r"It is away\.") as refused:
            call(soon(), raising(error), otherwise="It is away.")
        assert (refused.value.__cause__, refused.value.reason) == (error, "")
    with pytest.raises(NotFound):
        call(soon(), raising(NotFound("Nothing.")), otherwise="It is away.")
