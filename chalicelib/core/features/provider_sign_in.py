"""Signing in with an issuer: `/-/login/NAME` begins, and `/-/callback/NAME` ends (OpenID Connect Core §3.1).

The flow is the authorization code flow with PKCE (RFC 7636). A fault is shown on the page to sign in, which keeps the
page that the person asked for.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from chalicelib.core import replies
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.sessions import CLOSING_COOKIE, Session, Sessions
from chalicelib.core.access.sign_in_states import (
    SignInStates,
    State,
    browser_cookie,
    challenge_of,
    set_browser_cookie,
)
from chalicelib.core.access.sign_ins import SignIns
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request, asked_path, navigates
from chalicelib.core.web.page_views import Fault
from chalicelib.core.web.paths import CALLBACK, Path
from chalicelib.core.web.problems.access import CookieInvalid, CredentialsInvalid, SignInFailed, TooManyGroups
from chalicelib.core.web.problems.base import NotFound, Problem, Unavailable

from .sign_in import SignInPage, next_path_of

if TYPE_CHECKING:
    from chalicelib.core.access.issuer_ports import Providers
    from chalicelib.core.access.issuer_tokens import IssuerTokens

MAX_AUTOMATIC: Final = 2  # sign-ins in a row that no person asked for
_MAX_RESTARTS: Final = 5  # many tabs that sign in at once set several cookies, one after the other

_NOT_ADMITTED: Final = Fault(
    "not-admitted",
    "Your identity provider signed you in, but this account is not admitted here. Sign in with another account, or ask "
    "the administrator.",
)
_UNAVAILABLE: Final = ("server_error", "temporarily_unavailable")  # RFC 6749 §4.1.2.1: as a 500 and a 503
# RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6: no other text of an answer is shown or logged.
_ERRORS: Final = (
    *("invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope"),
    *("interaction_required", "login_required", "consent_required"),
    *("account_selection_required", "invalid_request_uri", "invalid_request_object", "request_not_supported"),
)


class ProviderSignIn:
    """Answers at `/-/login/NAME` and `/-/callback/NAME`.

    Args:
        issuers: the issuers with which people sign in.
        providers: asks the issuers.
        issuer_tokens: verifies ID tokens.
        states: makes and reads the states.
        sign_ins: writes the sign-ins of people.
        sessions: makes the cookies.
        page: shows the faults.
    """

    def __init__(
        self,
        *,
        issuers: Sequence[Issuer],
        providers: "Providers",
        issuer_tokens: "IssuerTokens",
        states: SignInStates,
        sign_ins: SignIns,
        sessions: Sessions,
        page: SignInPage,
    ) -> None:
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._providers = providers
        self._issuer_tokens = issuer_tokens
        self._states = states
        self._sign_ins = sign_ins
        self._sessions = sessions
        self._page = page

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Send the browser to the issuer; or open the session of a browser that comes back from the issuer.

        Raises:
            NotFound: nobody signs in with an issuer of this name.
        """
        name = path.rpartition("/")[2]
        if name not in self._issuers:
            raise NotFound("No identity provider of this name signs people in here.")
        issuer = self._issuers[name]
        if path.startswith(CALLBACK):
            return self._callback(request, issuer, now, log_entry)
        next_path = next_path_of(request.query)
        try:
            return self._start(request, issuer, next_path, now)
        except Unavailable as problem:
            return self._fault(problem, request, next_path, now, log_entry)

    def again(self, request: Request, now: float, log_entry: AccessLogEntry) -> Reply | None:
        """Sign a person in again whose session has ended, where the request is a navigation; otherwise return None.

        At most two sign-ins in a row begin by themselves, so no mistake in the settings makes a loop.
        """
        session = self._session(request, now) if navigates(request) else None
        if (
            session is None
            or session.principal
            or session.issuer not in self._issuers
            or session.automatic >= MAX_AUTOMATIC
        ):
            return None
        issuer, next_path = self._issuers[session.issuer], next_path_of({"next": asked_path(request)})
        try:
            return self._start(request, issuer, next_path, now, automatic=session.automatic + 1)
        except Unavailable as problem:
            return self._fault(problem, request, next_path, now, log_entry)

    def _start(
        self, request: Request, issuer: Issuer, next_path: str, now: float, *, automatic: int = 0, restarts: int = 0
    ) -> Reply:
        """Send the browser to the issuer (OpenID Connect Core §3.1.2.1); raise Unavailable."""
        provider = self._providers.provider(issuer, request.deadline)
        known_cookie = browser_cookie(request)
        cookie = known_cookie or self._states.new_cookie()
        state = self._states.make(
            issuer.name, next_path, cookie, now, request.deadline, automatic=automatic, restarts=restarts
        )
        query = {
            "response_type": "code",
            "client_id": issuer.client_id,
            "redirect_uri": _redirect_uri(request, issuer),
            "scope": " ".join(issuer.scopes),
            "state": state.text,
            "nonce": self._states.nonce(state, cookie, request.deadline),
            "code_challenge": challenge_of(self._states.verifier(state, cookie, request.deadline)),
            "code_challenge_method": "S256",
        }
        url = _with_query(provider.authorization_endpoint, query)
        return replies.see_other(url, *(() if known_cookie else (set_browser_cookie(cookie),)))

    def _callback(self, request: Request, issuer: Issuer, now: float, log_entry: AccessLogEntry) -> Reply:
        state = self._states.read(request.query.get("state", ""), request.deadline)
        if state is None or state.issuer != issuer.name:
            problem = SignInFailed("This sign-in did not begin here. Begin again.", "`state` is not of this service")
            return self._fault(problem, request, "/", now, log_entry)
        try:
            return self._finish(request, issuer, state, now, log_entry)
        except (SignInFailed, CredentialsInvalid, TooManyGroups, Unavailable) as problem:
            return self._fault(problem, request, state.next_path, now, log_entry)

    def _finish(self, request: Request, issuer: Issuer, state: State, now: float, log_entry: AccessLogEntry) -> Reply:
        """Open the session of a person; or begin again, where the state is of another cookie than the request's."""
        code = self._code(request, issuer)
        cookie = browser_cookie(request)
        if cookie is None or not self._states.is_of_browser(state, cookie, request.deadline):
            return self._restart(request, issuer, state, cookie, now)
        if not state.is_young(now):
            raise SignInFailed("This sign-in took longer than ten minutes. Begin again.", "`state` is old")
        deadline = request.deadline
        verifier = self._states.verifier(state, cookie, deadline)
        token = self._providers.redeem_code(issuer, code, verifier, _redirect_uri(request, issuer), deadline)
        if token is None:
            raise SignInFailed(f"{issuer.name} did not accept its own code. Begin again.", "the code is refused")
        nonce = self._states.nonce(state, cookie, deadline)
        principal = self._issuer_tokens.id_token(issuer, token, nonce, now, deadline)
        log_entry.principal = principal.name
        sign_in = self._sign_ins.of_person(principal, now)
        if self._sign_ins.read(sign_in).principal is None:
            raise SignInFailed("The administrator ended your access. Ask the administrator.", "[revoked]")
        session_cookie = self._sessions.cookie_of_person(sign_in, principal.display_name, state.automatic, deadline)
        return replies.see_other(request.base_url + state.next_path, session_cookie)

    def _code(self, request: Request, issuer: Issuer) -> str:
        """Return the code in the answer of the issuer.

        Raises:
            SignInFailed: the answer is another answer, or is of another issuer.
            Unavailable: the issuer says that it cannot answer now.
        """
        named = request.query.get("iss")
        must_name = self._providers.provider(issuer, request.deadline).names_itself
        if named != issuer.issuer and (named is not None or must_name):  # RFC 9207 §2.4
            raise SignInFailed(f"The answer did not come from {issuer.name}. Begin again.", "`iss` is wrong or missing")
        error, code = request.query.get("error", ""), request.query.get("code", "")
        if error in _UNAVAILABLE:
            raise Unavailable(f"{issuer.name} is not available now.", reason=error)
        if error or not code:
            reason = error if error in _ERRORS else "no code"
            raise SignInFailed(f"{issuer.name} did not sign you in ({reason}). Try again.", reason)
        return code

    def _restart(self, request: Request, issuer: Issuer, state: State, cookie: str | None, now: float) -> Reply:
        """Begin the sign-in of another cookie again: many tabs that sign in at once set several cookies.

        The code in the request is not used, so nobody can sign a browser in as another person.
        """
        session = self._session(request, now)
        if session and session.principal and session.issuer == issuer.name:  # another tab has signed in meanwhile
            return replies.see_other(request.base_url + state.next_path)
        if not state.is_young(now) or state.restarts >= (_MAX_RESTARTS if cookie else 1):
            raise SignInFailed(
                "Your browser did not keep the cookie of this sign-in. Allow cookies for this site, and begin again.",
                "the cookie is missing, or is of another sign-in",
            )
        return self._start(
            request, issuer, state.next_path, now, automatic=state.automatic, restarts=state.restarts + 1
        )

    def _fault(
        self, problem: Problem, request: Request, next_path: str, now: float, log_entry: AccessLogEntry
    ) -> Reply:
        """Return the page to sign in, with a fault. It ends a session that is over, so nothing begins by itself."""
        log_entry.add_problem(problem)
        session = self._session(request, now)
        closing = () if session and session.principal else (CLOSING_COOKIE,)
        fault, status = Fault(problem.code, problem.detail), problem.status
        if isinstance(problem, CredentialsInvalid):
            fault, status = _NOT_ADMITTED, 403
        reply = self._page.page(status, request, next_path, fault=fault, headers=problem.headers)
        return reply._replace(cookies=closing)

    def _session(self, request: Request, now: float) -> Session | None:
        with suppress(CookieInvalid):
            return self._sessions.read(request, now)
        return None

    def logout_url(self, name: str, request: Request) -> str:
        """Return the URL where an issuer ends its own session; empty where the issuer has no such page, or is down."""
        issuer = self._issuers.get(name)
        if issuer is None:
            return ""
        with suppress(Unavailable):
            endpoint = self._providers.provider(issuer, request.deadline).end_session_endpoint
            query = {"client_id": issuer.client_id}  # OpenID Connect RP-Initiated Logout §2
            return _with_query(endpoint, query) if endpoint else ""
        return ""


def _with_query(endpoint: str, query: Mapping[str, str]) -> str:
    """Return the URL of an endpoint, which can have a query of its own (RFC 6749 §3.1)."""
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def _redirect_uri(request: Request, issuer: Issuer) -> str:
    return f"{request.base_url}{CALLBACK}{issuer.name}"
