"""One request, one reply, one log line: the frame around the pipeline, which nothing escapes."""

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import replies
from .cors import Cors
from .message import Reply, Request
from .problems import Forbidden, InternalError, Misconfigured, Problem
from .trace import Trace

if TYPE_CHECKING:
    from .ports import Clock, Log

Answer = Callable[[Request, float, Trace], Reply]


class Exchange:
    """Turns what the pipeline returns or raises into a reply, and logs it.

    Args:
        answer: the pipeline.
        cors: whose pages may read the replies.
        realm: shown where credentials are asked for.
        clock: the time.
        log: written to once a request.
    """

    def __init__(self, *, answer: Answer, cors: Cors, realm: str, clock: "Clock", log: "Log") -> None:
        self._answer = answer
        self._cors = cors
        self._realm = realm
        self._clock = clock
        self._log = log

    def handle(self, request: Request) -> Reply:
        """Answer a request, whatever it is; never raises."""
        started = self._clock()
        trace = Trace(request.raw_path)
        try:
            reply = self._answer(request, started, trace)
        except Problem as problem:
            _note(problem, trace)
            reply = replies.refusal(problem, request, self._realm)
        except Exception as error:
            trace.code, trace.error = InternalError.code, _where(error)
            reply = replies.refusal(InternalError(), request, self._realm)
        self._log(
            {
                "id": request.request_id,
                "principal": trace.principal,
                "method": request.method,
                "action": trace.action,
                "path": trace.path,
                "rule": trace.rule,
                "status": reply.status,
                "code": trace.code,
                "bucket": trace.bucket,
                "key": trace.key,
                "ms": round((self._clock() - started) * 1000, 3),
                **({"error": trace.error} if trace.error else {}),
            }
        )
        return self._dress(request, reply)

    def _dress(self, request: Request, reply: Reply) -> Reply:
        """Add what every answer carries; a HEAD loses its body (RFC 9110 §9.3.2)."""
        headers = {
            "X-Request-Id": request.request_id,
            "Referrer-Policy": "no-referrer",
            "Vary": self._cors.vary,
            **self._cors.headers(request),
            **reply.headers,
        }
        return Reply(reply.status, headers, b"" if request.method == "HEAD" else reply.body)


def _note(problem: Problem, trace: Trace) -> None:
    trace.code = problem.code
    if isinstance(problem, Forbidden):
        trace.rule = problem.rule
    elif isinstance(problem, Misconfigured):
        trace.error = problem.mistakes
    elif problem.status >= 500:
        trace.error = _where(problem.__cause__) if problem.__cause__ else problem.detail


def _where(error: BaseException) -> str:
    """Name an exception and where it came from, without its message, which may hold a URL or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    places = (f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return " < ".join([type(error).__name__, *places])
