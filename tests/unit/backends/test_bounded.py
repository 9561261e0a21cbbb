"""Waiting for work no longer than a request has time, whatever the work waits for."""

import contextlib
import threading
import weakref

import pytest

from chalicelib.backends.aws_calls import call
from chalicelib.backends.bounded import within
from chalicelib.core.web.problems import NotFound, Unavailable
from tests.support.builders import soon


class Told(Exception):
    """What the work raises."""


def fails(error: BaseException) -> None:
    raise error


def test_the_result_or_the_exception_of_the_work_is_returned() -> None:
    assert within(soon(), lambda: 3, otherwise="") == 3
    for error in (Told(), KeyError(), TimeoutError(), SystemExit()):
        with pytest.raises(type(error)) as raised:
            within(soon(), lambda error=error: fails(error), otherwise="")  # type: ignore[misc]
        assert raised.value is error


def test_work_that_never_ends_is_given_up() -> None:
    over = threading.Event()
    with pytest.raises(Unavailable, match=r"It is away\. Try again") as refused:
        within(soon(0.05), over.wait, otherwise="It is away.")
    assert refused.value.reason == "no answer before the deadline of the request"
    over.set()


def test_work_does_not_begin_after_the_deadline() -> None:
    begun: list[int] = []
    with pytest.raises(Unavailable):
        within(soon(-1), lambda: begun.append(1), otherwise="")
    assert begun == []


def test_nothing_of_work_that_failed_is_held() -> None:
    """An image of megabytes would wait for the garbage collector."""
    held: list[weakref.ref[Exception]] = []

    class Held(Exception):
        def __init__(self) -> None:
            held.append(weakref.ref(self))

    def work() -> None:
        raise Held

    with contextlib.suppress(Held):
        within(soon(), work, otherwise="")
    assert held[0]() is None


def test_every_failure_of_a_call_is_a_fault_of_the_service_unless_the_client_must_know() -> None:
    for error in (KeyError("a"), ValueError("a"), TypeError("a"), AttributeError("a"), OSError("a"), Told()):
        with pytest.raises(Unavailable) as refused:
            call(soon(), lambda error=error: fails(error), otherwise="It is away.")  # type: ignore[misc]
        assert (refused.value.__cause__, refused.value.reason) == (error, "")
    with pytest.raises(NotFound):
        call(soon(), lambda: fails(NotFound("Nothing.")), otherwise="It is away.")
