"""Sign-in: `/-/login` opens a session in a browser with an API key, and `/-/logout` ends the session."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.principals import ApiKeys
from chalicelib.core.access.sessions import CLOSING_COOKIE, Sessions, check_same_origin
from chalicelib.core.access.sign_ins import SignIns
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.challenges import challenge
from chalicelib.core.web.form_body import form_fields
from chalicelib.core.web.message import Reply, Request, is_plain
from chalicelib.core.web.page_views import Fault, SignInView, visitor_of
from chalicelib.core.web.paths import LOGIN, LOGOUT, Path
from chalicelib.core.web.problems.access import CookieInvalid
from chalicelib.core.web.problems.base import NotOffered

if TYPE_CHECKING:
    from chalicelib.core.ports import Pages

_WRONG_KEY: Final = Fault("wrong-key", "The id or the secret is wrong. Check both, or ask for a new key.")

ProviderLogout = Callable[[str, Request], str]
"""Takes the name of an issuer and a request. Returns the URL of the page where the issuer ends its own session, empty
where there is no such page."""


class SignInPage:
    """Answers at `/-/login` and `/-/logout`.

    Args:
        api_keys: the keys that people sign in with.
        sign_ins: writes the sign-ins of keys.
        sessions: makes the cookies; None where the service has no signing secret, so nobody can sign in.
        issuers: the names of the issuers with which people sign in.
        provider_logout: finds the page of an issuer.
        closing_cookies: the values of `Set-Cookie` that delete the cookies of CDNs when a person signs out.
        pages: renders the page.
        realm: the name that browsers show when they ask for credentials.
    """

    def __init__(
        self,
        *,
        api_keys: ApiKeys,
        sign_ins: SignIns,
        sessions: Sessions | None,
        issuers: Sequence[str],
        provider_logout: ProviderLogout,
        closing_cookies: Sequence[str],
        pages: "Pages",
        realm: str,
    ) -> None:
        self._api_keys = api_keys
        self._sign_ins = sign_ins
        self._sessions = sessions
        self._issuers = issuers
        self._provider_logout = provider_logout
        self._closing_cookies = closing_cookies
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
            return self._sign_out(request, self._sessions, now)
        if request.method == "POST":
            return self._sign_in(request, self._sessions, now, log_entry)
        ended = request.query.get("ended", "")
        url = self._provider_logout(ended, request) if ended in self._issuers else ""
        return self.page(200, request, next_path_of(request.query), ended=(ended, url) if url else None)

    def page(
        self,
        status: int,
        request: Request,
        next_path: str,
        *,
        fault: Fault | None = None,
        key_id: str = "",
        ended: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Return the page to sign in.

        Args:
            status: the HTTP status.
            request: the request.
            next_path: the page after signing in.
            fault, key_id, ended: as in SignInView.
            headers: more header fields.
        """
        visitor = visitor_of(request, "", sign_in=True)
        html = self._pages.sign_in(SignInView(visitor, next_path, self._issuers, fault, key_id, ended))
        return replies.page(status, html, headers=headers)

    def _sign_in(self, request: Request, sessions: Sessions, now: float, log_entry: AccessLogEntry) -> Reply:
        check_same_origin(request)
        form = _form(request)
        secret = form.get("secret", "")
        key_id = form.get("id", "")
        api_key = self._api_keys.with_secret(secret, key_id)
        if api_key is None:
            headers = {"WWW-Authenticate": challenge(self._realm, basic=False)}
            return self.page(401, request, next_path_of(form), fault=_WRONG_KEY, key_id=key_id, headers=headers)
        log_entry.principal = self._api_keys.principal(api_key).name
        cookie = sessions.cookie_of_key(self._sign_ins.of_key(api_key, secret, now), request.deadline)
        return replies.see_other(request.base_url + next_path_of(form), cookie)

    def _sign_out(self, request: Request, sessions: Sessions, now: float) -> Reply:
        """End the session. The cookie goes, and so the next sign-in never starts by itself."""
        check_same_origin(request)
        session = None
        with suppress(CookieInvalid):
            session = sessions.read(request, now)
        default = f"{LOGIN}?ended={session.issuer}" if session and session.issuer else LOGIN
        url = request.base_url + next_path_of(_form(request), default)
        return replies.see_other(url, CLOSING_COOKIE, *self._closing_cookies)


def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form, each with its last value."""
    return {name: values[-1] for name, values in form_fields(request.body).items()}


def next_path_of(fields: Mapping[str, str], default: str = "/") -> str:
    """Return the path that the field `next` names, percent-encoded; the default in place of a text that is no path.

    The URL of the service stands before the path, so a browser never goes to another site. A path with two slashes or
    with a backslash at its start is refused all the same, because some programs read a site in such a path.
    """
    path = fields.get("next", "")
    return path if path.startswith("/") and path[1:2] not in ("/", "\\") and is_plain(path) else default
