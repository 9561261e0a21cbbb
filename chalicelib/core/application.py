"""Application: one request, one reply, one log line. No exception escapes, and every reply gets the common headers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from . import replies
from .access.principals import ANYONE
from .web.access_log import AccessLogEntry
from .web.cors import Cors
from .web.message import Reply, Request, asked_path, with_token_in_query
from .web.problems.access import Forbidden, Unauthorized
from .web.problems.base import InternalError, Problem

if TYPE_CHECKING:
    from .ports import Clock, Log, Pages

Answer = Callable[[Request, float, AccessLogEntry], Reply]


class Application:
    """Turns the result or the exception of the service into a reply, and logs the request.

    Args:
        answer: answers a request, or raises an exception; `Service.answer`.
        cors: the origins whose pages may read the replies.
        pages: factory of the renderer of refusals.
        realm: the name that browsers show when they ask for credentials.
        sign_in: whether pages offer to sign in.
        issuers: the names of the issuers with which people sign in.
        public_url: the URL of the service; None where each request tells the URL.
        authorization_header: the header that stands in place of Authorization, in lower case; None for Authorization.
        address_of: returns the address of the client for the log; None where the log has no addresses.
        clock: the time.
        log: writes one record for each request.
    """

    def __init__(
        self,
        *,
        answer: Answer,
        cors: Cors,
        pages: "Callable[[], Pages]",
        realm: str,
        sign_in: bool,
        issuers: Sequence[str],
        public_url: str | None,
        authorization_header: str | None,
        address_of: Callable[[Request], str | None] | None,
        clock: "Clock",
        log: "Log",
    ) -> None:
        self._answer = answer
        self._cors = cors
        self._pages = pages
        self._realm = realm
        self._sign_in = sign_in
        self._issuers = issuers
        self._public_url = public_url
        self._authorization_header = authorization_header
        self._vary = f"{cors.vary}, {authorization_header}" if authorization_header else cors.vary
        self._address_of = address_of
        self._clock = clock
        self._log = log

    def handle(self, request: Request) -> Reply:
        """Answer a request of any kind, as the entry point got the request; never raise."""
        if self._public_url is not None:
            request = request._replace(base_url=self._public_url)
        if self._authorization_header is not None:
            request = request._replace(headers=_with_authorization(self._authorization_header, request.headers))
        request = with_token_in_query(request)
        return self._with_common_headers(request, self.answer(request))

    def answer(self, request: Request) -> Reply:
        """Answer a request, without the headers that all replies have, and log the request; never raise."""
        started = self._clock()
        log_entry = AccessLogEntry()
        try:
            reply = self._answer(request, started, log_entry)
        except Problem as problem:
            log_entry.add_problem(problem)
            reply = self._refuse(problem, request, log_entry)
        except Exception as error:
            log_entry.add_failure(error)
            reply = self._refuse(InternalError(), request, log_entry)
        if self._address_of is not None:
            log_entry.address = self._address_of(request)
        self._log(log_entry.record(request, reply.status, (self._clock() - started) * 1000))
        return reply

    def _refuse(self, problem: Problem, request: Request, log_entry: AccessLogEntry) -> Reply:
        def html() -> bytes:
            from .web.page_views import ProblemView, visitor_of  # most refusals are JSON

            is_anonymous = "token" in request.query or log_entry.principal in (None, ANYONE.name)
            principal = "" if is_anonymous else str(log_entry.principal)
            return self._pages().problem(
                ProblemView(
                    visitor=visitor_of(request, principal, sign_in=self._sign_in, display_name=log_entry.display_name),
                    status=problem.status,
                    title=problem.title,
                    detail=problem.detail,
                    code=problem.code,
                    request_id=request.request_id,
                    next_path=asked_path(request) if self._sign_in and _sign_in_may_help(problem, request) else "",
                    issuers=self._issuers,
                )
            )

        return replies.refusal(problem, request, realm=self._realm, sign_in=self._sign_in, html=html)

    def _with_common_headers(self, request: Request, reply: Reply) -> Reply:
        """Add the headers of every reply, compress texts, remove the body of the reply to HEAD (RFC 9110 §9.3.2)."""
        own_vary = reply.headers.get("Vary")
        headers = {
            "X-Request-Id": request.request_id,
            "Referrer-Policy": "no-referrer",
            **self._cors.headers(request),
            **reply.headers,
            "Vary": f"{self._vary}, {own_vary}" if own_vary else self._vary,
        }
        reply = reply.with_headers(headers)
        if not reply.body:
            return reply
        from .web.compression import compressed  # a redirect has no body

        reply = compressed(reply, request.headers.get("accept-encoding", ""))
        return reply._replace(body=b"") if request.method == "HEAD" else reply


def _with_authorization(name: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Put another header in the place of Authorization, which a CDN uses for its own signature (FACTS 1.14)."""
    replaced = dict(headers)
    replaced.pop("authorization", None)
    if name in replaced:
        replaced["authorization"] = replaced.pop(name)
    return replaced


def _sign_in_may_help(problem: Problem, request: Request) -> bool:
    """Whether signing in can change the answer. After signing in, the browser asks for the same URL by GET."""
    return isinstance(problem, Unauthorized | Forbidden) and request.method == "GET" and "token" not in request.query
