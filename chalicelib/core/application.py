"""One request, one reply, one log line: the frame around the pipeline, which nothing escapes."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from . import replies
from .access.principals import ANYONE
from .web.access_log import AccessLogEntry
from .web.cors import Cors
from .web.message import Reply, Request
from .web.problems import Forbidden, InternalError, Problem, Unauthorized

if TYPE_CHECKING:
    from .ports import Clock, Log, Pages

Answer = Callable[[Request, float, AccessLogEntry], Reply]


class Application:
    """Turns what the pipeline returns or raises into a reply, and logs it.

    Args:
        answer: the pipeline.
        cors: whose pages may read the replies.
        pages: returns what makes those of refusals.
        realm: shown where credentials are asked for.
        sign_in: whether pages offer to sign in.
        public_url: how clients call us; None where each request tells.
        authorization_header: the header that is read in place of Authorization, in lower case; None for Authorization
            itself.
        clock: the time.
        log: written to once a request.
    """

    def __init__(
        self,
        *,
        answer: Answer,
        cors: Cors,
        pages: "Callable[[], Pages]",
        realm: str,
        sign_in: bool,
        public_url: str | None,
        authorization_header: str | None,
        clock: "Clock",
        log: "Log",
    ) -> None:
        self._answer = answer
        self._cors = cors
        self._pages = pages
        self._realm = realm
        self._sign_in = sign_in
        self._public_url = public_url
        self._authorization_header = authorization_header
        self._vary = f"{cors.vary}, {authorization_header}" if authorization_header else cors.vary
        self._clock = clock
        self._log = log

    def handle(self, request: Request) -> Reply:
        """Answer a request, whatever it is; never raises."""
        if self._public_url is not None:
            request = request._replace(base_url=self._public_url)
        if self._authorization_header is not None:
            request = request._replace(headers=_authorized_by(self._authorization_header, request.headers))
        started = self._clock()
        trace = AccessLogEntry(request.raw_path)
        try:
            reply = self._answer(request, started, trace)
        except Problem as problem:
            trace.add_problem(problem)
            reply = self._refuse(problem, request, trace)
        except Exception as error:
            trace.add_failure(error)
            reply = self._refuse(InternalError(), request, trace)
        self._log(trace.record(request, reply.status, (self._clock() - started) * 1000))
        return self._dress(request, reply)

    def _refuse(self, problem: Problem, request: Request, trace: AccessLogEntry) -> Reply:
        def html() -> bytes:
            from .web.page_views import ProblemView, Visitor

            name = "" if "token" in request.query or trace.principal in (None, ANYONE.name) else str(trace.principal)
            by_cookie = bool(name) and "authorization" not in request.headers
            return self._pages().problem(
                ProblemView(
                    visitor=Visitor(name, by_cookie, None, self._sign_in, request.base_url),
                    status=problem.status,
                    title=problem.title,
                    detail=problem.detail,
                    code=problem.code,
                    request_id=request.request_id,
                    next_path=request.raw_path if self._sign_in and _may_help(problem, request) else "",
                )
            )

        return replies.refusal(problem, request, realm=self._realm, sign_in=self._sign_in, html=html)

    def _dress(self, request: Request, reply: Reply) -> Reply:
        """Add what every answer carries; a HEAD loses its body (RFC 9110 §9.3.2)."""
        headers = {
            "X-Request-Id": request.request_id,
            "Referrer-Policy": "no-referrer",
            "Vary": self._vary,
            **self._cors.headers(request),
            **reply.headers,
        }
        return Reply(reply.status, headers, b"" if request.method == "HEAD" else reply.body)


def _authorized_by(name: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Put a header in the place of Authorization, which a CDN uses for itself (FACTS 1.14)."""
    found = dict(headers)
    found.pop("authorization", None)
    if name in found:
        found["authorization"] = found.pop(name)
    return found


def _may_help(problem: Problem, request: Request) -> bool:
    """Whether signing in, or with another key, may help: where it leads to is then asked for again by a GET."""
    return isinstance(problem, Unauthorized | Forbidden) and request.method == "GET" and "token" not in request.query
