"""Authorization: who asks, and whether the rules allow the request. The result is the Grant of the request."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Request, wants_page
from chalicelib.core.web.paths import IMAGE_ENDPOINTS, RESIZE, Path
from chalicelib.core.web.problems.access import LinkExpired, LinkInvalid

from .actions import asks_for_listing, revokes
from .principals import ApiKeys, Authenticator, Principal, UrlKeys, identify
from .rules import Grant, RuleSet

if TYPE_CHECKING:
    from .link_tokens import Link, LinkTokens
    from .makers import Makers
    from .resize_tokens import ResizeTokens


class Caller(NamedTuple):
    """Who makes a request, and for which action, before the rules answer.

    Attributes:
        principal: the caller; for a link the maker of the link, whose rights the caller uses.
        action: one of `rules.ACTIONS`.
        link: the link that the caller uses; None if the caller authenticated itself.
    """

    principal: Principal
    action: str
    link: "Link | None" = None


class Authorization:
    """Authorises requests. HEAD and OPTIONS are checked as all other methods are.

    Args:
        api_keys: the keys.
        authenticators: tried in this order where a request has no link.
        rules: the rules.
        index_of: returns the path of the file that stands for a directory; None for a directory without such a file.
        makers: factory of the reader of the makers of links.
        link_tokens: factory of the reader of the tokens of links.
        resize_tokens: factory of the reader of the tokens for `/-/resize`.
    """

    def __init__(
        self,
        *,
        api_keys: ApiKeys,
        authenticators: Sequence[Authenticator],
        rules: RuleSet,
        index_of: Callable[[Path], Path | None],
        makers: "Callable[[], Makers]",
        link_tokens: "Callable[[], LinkTokens]",
        resize_tokens: "Callable[[], ResizeTokens]",
    ) -> None:
        self._authenticators = authenticators
        self._image_authenticators: Sequence[Authenticator] = (UrlKeys(api_keys), *authenticators)
        self._rules = rules
        self._index_of = index_of
        self._makers = makers
        self._link_tokens = link_tokens
        self._resize_tokens = resize_tokens

    def identify(self, request: Request, path: Path, action: str, now: float, log_entry: AccessLogEntry) -> Caller:
        """Return who makes a request, before the rules answer.

        Args:
            request: the request.
            path: the path of the request, decoded.
            action: the action of the request.
            now: Unix time in seconds.
            log_entry: receives the action and the principal.

        Raises:
            Problem: the credentials are bad.
        """
        token = request.query.get("token")
        log_entry.action = action
        if token is None or revokes(request.method, request.query):
            shows_image = action == "read" and path in IMAGE_ENDPOINTS
            principal = identify(request, self._image_authenticators if shows_image else self._authenticators, now)
            log_entry.principal, log_entry.display_name = principal.name, principal.display_name
            return Caller(principal, action)
        if path == RESIZE:
            link = self._resize_tokens().read(request, path)
        else:
            link = self._link_tokens().read(token, path, request.deadline)
        log_entry.principal = f"link:{link.id}"
        check_not_expired(link, now)
        maker = self._makers().principal(link.maker)
        if maker is None:
            raise LinkInvalid()
        log_entry.maker = maker.name
        if link.action == "write" and action == "list" and wants_page(request):
            action = log_entry.action = "write"  # a browser with a link to upload gets the upload page
        return Caller(maker, action, link)

    def authorize(self, request: Request, caller: Caller, path: Path, log_entry: AccessLogEntry) -> Grant:
        """Return the Grant of a request; raise a Problem where the rules refuse the request.

        Args:
            request: the request.
            caller: the caller, from `identify`.
            path: the path of the request, decoded.
            log_entry: receives the action and the rule.
        """
        index = self._index(request, caller, path)
        if index is not None:
            caller, path = caller._replace(action="read"), index
        if caller.link:
            grant = self._rules.authorize_link(caller.link, caller.principal, caller.action, path)
        else:
            grant = self._rules.authorize(caller.principal, caller.action, path)
        log_entry.action, log_entry.rule = grant.action, grant.rule.number
        if grant.action == "versions":
            self._rules.require(grant, "list", path)
        elif "versionId" in request.query and path not in IMAGE_ENDPOINTS:
            self._check_versions(grant)
        return grant

    def _index(self, request: Request, caller: Caller, path: Path) -> Path | None:
        """Return the file that answers in place of the listing of a directory, where the caller may read the file."""
        if caller.action != "list" or asks_for_listing(request.query):
            return None
        index = self._index_of(path)
        return index if index is not None and self._rules.grant_for(caller, "read", index) else None

    def _check_versions(self, grant: Grant) -> None:
        """Raise a Problem where the caller may not use the versions of a file. No link opens versions."""
        if grant.link:
            raise LinkInvalid("A link opens the newest version of a file alone. Leave out ?versionId.")
        for action in ("purge",) if grant.action == "delete" else ("read", "versions"):
            self._rules.require(grant, action, grant.path)


def check_not_expired(link: "Link", now: float) -> None:
    """Raise LinkExpired for a link that has ended."""
    if now >= link.expires_at:
        raise LinkExpired()
