"""What is below `/-/`: signing in and out, and what pages load."""

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from chalicelib.core import replies
from chalicelib.core.access.principals import ApiKeys
from chalicelib.core.access.sessions import CLOSING_COOKIE, Sessions, check_same_origin
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request, is_plain
from chalicelib.core.web.page_views import SignInView, Visitor
from chalicelib.core.web.paths import Path
from chalicelib.core.web.problems import BadRequest, MethodNotAllowed, NotFound, NotOffered

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages

LOGIN: Final = "/-/login"
LOGOUT: Final = "/-/logout"
_ASSETS: Final = "/-/assets/"

_MAX_FORM_BYTES: Final = 8_192  # of a form: three fields, of which one is a path


class OwnPages:
    """Answers below `/-/`.

    Args:
        keys: to sign in with.
        sessions: None where nothing can be signed, so nobody can sign in.
        pages: makes them.
        realm: shown where credentials are asked for.
    """

    def __init__(self, *, keys: ApiKeys, sessions: Sessions | None, pages: "Pages", realm: str) -> None:
        self._keys = keys
        self._sessions = sessions
        self._pages = pages
        self._realm = realm

    def answer(self, request: Request, path: Path, now: float, trace: AccessLogEntry) -> Reply:
        """Answer one request.

        Raises:
            NotFound: there is no such page.
            MethodNotAllowed: it is not for that.
            NotOffered: nobody can sign in here.
            CrossSite: a page of another site wants to sign its visitor in or out.
            BadRequest: the form cannot be read.
        """
        allowed = methods_of(path)
        if request.method == "OPTIONS":
            return Reply(204, {"Allow": ", ".join(allowed), "Cache-Control": replies.NO_STORE})
        if request.method not in allowed:
            raise MethodNotAllowed(request.method, allowed)
        if path.startswith(_ASSETS):
            return self._asset(path.removeprefix(_ASSETS))
        if self._sessions is None:
            raise NotOffered("Nobody can sign in here: SIGNPOST_SECRET is not set. Send an API key: curl -u ID:SECRET.")
        if path == LOGOUT:
            check_same_origin(request)
            return replies.see_other(request.base_url + _next(_form(request), LOGIN), CLOSING_COOKIE)
        if request.method == "POST":
            return self._sign_in(request, self._sessions, now, trace)
        return self._page(200, request, {"next": request.query.get("next", "")}, failed=False)

    def _asset(self, name: str) -> Reply:
        found = self._pages.asset(name)
        if found is None:
            raise NotFound("There is no such file. Reload the page that asked for it.")
        return replies.asset(found)

    def _sign_in(self, request: Request, sessions: Sessions, now: float, trace: AccessLogEntry) -> Reply:
        check_same_origin(request)
        form = _form(request)
        key = self._keys.with_secret(form.get("secret", ""), form.get("id", ""))
        if key is None:
            return self._page(401, request, form, failed=True)
        trace.principal = self._keys.principal(key).name
        return replies.see_other(request.base_url + _next(form, "/"), sessions.cookie(key, now, request.deadline))

    def _page(self, status: int, request: Request, form: dict[str, str], *, failed: bool) -> Reply:
        visitor = Visitor("", by_cookie=False, link_expires_at=None, sign_in=True, base_url=request.base_url)
        html = self._pages.sign_in(SignInView(visitor, _next(form, "/"), failed))
        headers = {"WWW-Authenticate": replies.challenge(self._realm, basic=False)} if status == 401 else {}
        return replies.page(status, html, headers=headers)


def methods_of(path: Path) -> tuple[str, ...]:
    """Return the methods of a page; raise NotFound where there is no such page."""
    if path == LOGIN:
        return ("GET", "HEAD", "POST", "OPTIONS")
    if path == LOGOUT:
        return ("POST", "OPTIONS")
    if path.startswith(_ASSETS):
        return ("GET", "HEAD", "OPTIONS")
    raise NotFound("Paths below /-/ belong to the service, and it has nothing at this one.")


def _form(request: Request) -> dict[str, str]:
    """The fields of a form (HTML Standard, "application/x-www-form-urlencoded")."""
    if len(request.body) > _MAX_FORM_BYTES:
        raise BadRequest("The form is too long.")
    fields = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}


def _next(form: dict[str, str], default: str) -> str:
    """Where a form leads to: a path, to which our own address is prepended, so that it never leads to another site."""
    path = form.get("next", "")
    return path if path.startswith("/") and is_plain(path) else default
