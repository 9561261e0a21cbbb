"""Token page: `/-/token` makes a service token for a person who is signed in, as a page and as JSON."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from chalicelib.core import replies
from chalicelib.core.access.principals import Principal, Scope
from chalicelib.core.access.rules import ACTIONS, RuleSet
from chalicelib.core.access.service_tokens import MAX_SECONDS_AFTER_SIGN_IN, ServiceTokens
from chalicelib.core.access.sessions import Session, Sessions, check_same_origin
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.form_body import form_fields
from chalicelib.core.web.json_body import json_object, number_field
from chalicelib.core.web.message import BLANKS, Reply, Request, origin_of
from chalicelib.core.web.numbers import whole_number
from chalicelib.core.web.page_views import NewServiceToken, TokenView, visitor_of
from chalicelib.core.web.paths import SERVICE_PATHS, Path, decode
from chalicelib.core.web.problems.access import CredentialsMissing, Forbidden, SessionRequired
from chalicelib.core.web.problems.base import BadRequest, NotOffered
from chalicelib.core.web.times import rfc3339

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages

DEFAULT_TOKEN_SECONDS: Final = 3_600

_FORM: Final = "application/x-www-form-urlencoded"
_EXAMPLE: Final = '{"path": "/builds/", "actions": ["read"], "expires_in": 3600}'


class TokenPage:
    """Answers at `/-/token`.

    Args:
        sessions: reads the cookie; None where the service has no signing secret.
        service_tokens: factory of the maker of tokens; not called without a signing secret.
        rules: decide which actions a person may do.
        pages: renders the page.
    """

    def __init__(
        self,
        *,
        sessions: Sessions | None,
        service_tokens: Callable[[], ServiceTokens],
        rules: RuleSet,
        pages: "Pages",
    ) -> None:
        self._sessions = sessions
        self._service_tokens = service_tokens
        self._rules = rules
        self._pages = pages

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the page, or make a token: with a form for the page, with JSON for JSON.

        The JSON is `{"path": "/builds/", "actions": ["read"], "expires_in": seconds}`. By default, a token reads, and
        lives an hour. A path that ends in a slash stands for everything below.

        Raises:
            NotOffered: the service has no signing secret.
            SessionRequired: the request has other credentials than a session.
            CrossSite: a page of another site sent the request.
            CredentialsMissing: nobody is signed in.
            BadRequest: the body cannot be used.
            Forbidden: the person may not do an action at the path.
        """
        if self._sessions is None:
            raise NotOffered("This service makes no tokens, because it has no signing secret. Use an API key.")
        if "authorization" in request.headers or "token" in request.query:
            raise SessionRequired()
        if request.method == "POST":
            check_same_origin(request)
        session = self._sessions.read(request, now)
        if session is None or session.principal is None:
            raise CredentialsMissing("Only a person who is signed in makes a service token. Sign in at /-/login first.")
        log_entry.principal = session.principal.name
        if request.method != "POST":
            return self._page(200, request, session, session.principal, _fields_of_link(request.query))
        if request.headers.get("content-type", "").partition(";")[0].strip(BLANKS).lower() == _FORM:
            return self._answer_form(request, session, session.principal, now, log_entry)
        fields = json_object(request.body, ("path", "actions", "expires_in"), _EXAMPLE)
        token, made = self._make(request, session, session.principal, fields, now)
        body = {"token": token, "path": made.path, "actions": made.actions, "expires_at": rfc3339(made.expires_at)}
        return replies.document(201, {**body, "curl": made.curl, "netrc": made.netrc})

    def _answer_form(
        self, request: Request, session: Session, principal: Principal, now: float, log_entry: AccessLogEntry
    ) -> Reply:
        """Answer a form with the page: with the new token, or with the form again and the reason of a refusal."""
        fields = _fields_of_form(request.body, _latest_end(session) - int(now))
        try:
            _, made = self._make(request, session, principal, fields, now)
        except (BadRequest, Forbidden) as problem:
            log_entry.add_problem(problem)
            return self._page(problem.status, request, session, principal, fields, fault=problem.detail)
        return self._page(200, request, session, principal, fields, made=made)

    def _page(
        self,
        status: int,
        request: Request,
        session: Session,
        principal: Principal,
        fields: Mapping[str, Any],
        *,
        fault: str = "",
        made: NewServiceToken | None = None,
    ) -> Reply:
        visitor = visitor_of(request, principal.name, sign_in=True, display_name=principal.display_name)
        actions = tuple(fields["actions"])
        view = TokenView(visitor, fields["path"], actions, _latest_end(session), fault, made)
        return replies.page(status, self._pages.token(view))

    def _make(
        self, request: Request, session: Session, principal: Principal, fields: Mapping[str, Any], now: float
    ) -> tuple[str, NewServiceToken]:
        """Return a new token, and the token as a page shows it."""
        path, actions = _path(fields), _actions(fields)
        longest = _latest_end(session) - int(now)
        seconds = number_field(fields, "expires_in", min(DEFAULT_TOKEN_SECONDS, longest), 1, longest)
        for action in actions:
            self._rules.authorize(principal, action, path)
        scope = Scope(path, actions, int(now) + seconds)
        token = self._service_tokens().make(session.sign_in, scope, request.deadline)
        curl, netrc = _curl(request.base_url, token, scope), _netrc(request.base_url, token)
        return token, NewServiceToken(path, actions, scope.ends_at, curl, netrc)


def _latest_end(session: Session) -> int:
    return session.time + MAX_SECONDS_AFTER_SIGN_IN


def _fields_of_link(query: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of the form that a link with `?path=` opens. A directory is listed, too."""
    path = query.get("path", "")
    return {"path": path, "actions": ["read", "list"] if path.endswith("/") else ["read"]}


def _fields_of_form(body: bytes, longest: int) -> dict[str, Any]:
    """Return the fields of a form as JSON has them. The life is cut to the longest life, which the page shows."""
    form = form_fields(body)
    hours = whole_number(form.get("hours", ["1"])[-1], 1, 12) or 1
    path = form.get("path", [""])[-1]
    return {"path": path, "actions": form.get("action", []), "expires_in": min(hours * 3600, longest)}


def _path(fields: Mapping[str, Any]) -> Path:
    """Return the path of the token; raise BadRequest for a path that no file has, or a path of the service itself."""
    path = fields.get("path")
    if not isinstance(path, str) or not path:
        raise BadRequest(f"path must be the path of a file, or of a directory with a slash at its end: {_EXAMPLE}.")
    decoded = decode(quote(path, errors="surrogatepass"))
    if decoded.startswith(SERVICE_PATHS):
        raise BadRequest("Paths below /-/ belong to the service, and a service token opens none of them.")
    return decoded


def _actions(fields: Mapping[str, Any]) -> tuple[str, ...]:
    actions = fields.get("actions", ["read"])
    if not isinstance(actions, list) or not actions or not all(action in ACTIONS for action in actions):
        raise BadRequest(f"actions must be a list of one or more of {', '.join(ACTIONS)}.")
    return tuple(action for action in ACTIONS if action in actions)


def _curl(base_url: str, token: str, scope: Scope) -> str:
    """Return a command for the first action of a token; FILE stands for a name that the person knows."""
    action = scope.actions[0]
    options = {"write": " -T FILE", "delete": " -X DELETE"}.get(action, "")
    # curl puts the name of FILE after the slash of an upload, and a directory can be listed as it is.
    needs_name = scope.path.endswith("/") and action != "write" and "list" not in scope.actions
    url = f"{base_url}{quote(scope.path)}{'FILE' if needs_name else ''}"
    return f'curl -L{options} -H "Authorization: Bearer {token}" {url}'


def _netrc(base_url: str, token: str) -> str:
    """Return a line of `.netrc`. The machine is the host alone: no program looks for a port there."""
    host = origin_of(base_url).partition("://")[2]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return f"machine {host} login token password {token}"
