"""Runs work for a request, and returns before the deadline of the request."""

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

T = TypeVar("T")


def within(deadline: Deadline, work: Callable[[], T], *, otherwise: str) -> T:
    """Return the result of `work`, or raise the exception of `work`, before the deadline.

    The work runs in a thread, because nothing else limits every wait: the time-out of a socket starts again with each
    byte that arrives, the resolver and a `credential_process` have no time-out, and neither the import of boto3 nor the
    encoding of an AVIF can be interrupted. After the deadline the thread continues, so the work must end by itself.

    Args:
        deadline: of the request.
        work: may take longer than the request has.
        otherwise: the detail for the client if the work does not end in time.

    Raises:
        Unavailable: the work did not end before the deadline.
    """
    from queue import Empty, SimpleQueue  # a redirect does not need the module

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
            del error  # otherwise the exception and this frame keep each other alive, with megabytes of an image
    return result  # type: ignore[return-value]
