"""Sign-in: `/-/login` opens a session in a browser with an API key, and `/-/logout` ends the session."""

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from chalicelib.core import replies
from chalicelib.core.access.principals import ApiKeys
from chalicelib.core.access.sessions import CLOSING_COOKIE, Sessions, check_same_origin
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.challenges import challenge
from chalicelib.core.web.message import Reply, Request, is_plain
from chalicelib.core.web.page_views import SignInView, visitor_of
from chalicelib.core.web.paths import LOGIN, LOGOUT, Path
from chalicelib.core.web.problems.base import BadRequest, NotOffered

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages

_MAX_FORM_BYTES: Final = 8_192  # a form has three fields, and one of them is a path


class SignIn:
    """Answers at `/-/login` and `/-/logout`.

    Args:
        api_keys: the keys that people sign in with.
        sessions: makes the cookies; None where the service has no signing secret, so nobody can sign in.
        pages: renders the page.
        realm: the name that browsers show when they ask for credentials.
    """

    def __init__(self, *, api_keys: ApiKeys, sessions: Sessions | None, pages: "Pages", realm: str) -> None:
        self._api_keys = api_keys
        self._sessions = sessions
        self._pages = pages
        self._realm = realm

    def answer(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with the page to sign in, or sign a person in or out.

        Raises:
            NotOffered: nobody can sign in here.
            CrossSite: a page of another site sent the form.
            BadRequest: the form cannot be read.
        """
        if self._sessions is None:
            raise NotOffered(
                "Nobody can sign in here, because this service has no signing secret. "
                "Send an API key: curl -u ID:SECRET."
            )
        if path == LOGOUT:
            check_same_origin(request)
            return replies.see_other(request.base_url + _next_path(_form(request), LOGIN), CLOSING_COOKIE)
        if request.method == "POST":
            return self._sign_in(request, self._sessions, now, log_entry)
        return self._page(200, request, {"next": request.query.get("next", "")}, failed=False)

    def _sign_in(self, request: Request, sessions: Sessions, now: float, log_entry: AccessLogEntry) -> Reply:
        check_same_origin(request)
        form = _form(request)
        secret = form.get("secret", "")
        api_key = self._api_keys.with_secret(secret, form.get("id", ""))
        if api_key is None:
            return self._page(401, request, form, failed=True)
        log_entry.principal = self._api_keys.principal(api_key).name
        cookie = sessions.cookie(api_key, secret, now, request.deadline)
        return replies.see_other(request.base_url + _next_path(form, "/"), cookie)

    def _page(self, status: int, request: Request, form: dict[str, str], *, failed: bool) -> Reply:
        visitor = visitor_of(request, "", sign_in=True)
        html = self._pages.sign_in(SignInView(visitor, _next_path(form, "/"), failed))
        headers = {"WWW-Authenticate": challenge(self._realm, basic=False)} if status == 401 else {}
        return replies.page(status, html, headers=headers)


def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form (HTML Standard, "application/x-www-form-urlencoded")."""
    if len(request.body) > _MAX_FORM_BYTES:
        raise BadRequest("The form is too long.")
    fields = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def _next_path(form: dict[str, str], default: str) -> str:
    """Return the path that the form leads to. The URL of the service stands before the path, never another site."""
    path = form.get("next", "")
    return path if path.startswith("/") and is_plain(path) else default
