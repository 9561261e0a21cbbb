"""Waiting for a backend no longer than a request has time."""

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from chalicelib.core.web.problems import Unavailable
from chalicelib.core.web.times import Deadline

T = TypeVar("T")


def within(deadline: Deadline, work: Callable[[], T], *, otherwise: str) -> T:
    """Return the result of some work, or raise the exception of the work, before the deadline.

    The work runs in a thread. Nothing else bounds every wait: the time-outs of a socket begin anew with each byte that
    arrives, the resolver and a `credential_process` have none, and neither importing boto3 nor encoding an AVIF can be
    interrupted. Work that is not finished at the deadline goes on in its thread, so the work must end by itself.

    Args:
        deadline: of the request.
        work: takes its time.
        otherwise: tells the client of the work that is not finished.

    Raises:
        Unavailable: the work is not finished at the deadline.
    """
    from queue import Empty, SimpleQueue  # a redirect does without it

    outcome: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((work(), None))
        except BaseException as error:
            outcome.put((None, error))

    seconds = deadline.left()
    Thread(target=run, daemon=True).start()
    try:
        result, error = outcome.get(timeout=seconds)
    except Empty:
        raise Unavailable(otherwise, reason="no answer before the deadline of the request") from None
    if error is not None:
        try:
            raise error
        finally:
            del error  # else the exception and this frame would hold each other, and an image with them
    return result  # type: ignore[return-value]
