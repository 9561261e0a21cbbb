"""Authorization: who asks, and whether the rules allow the request. The result is the Grant of the request."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Request, wants_page
from chalicelib.core.web.paths import IMAGE_ENDPOINTS, RESIZE, Path
from chalicelib.core.web.problems.access import LinkExpired, LinkInvalid

from .actions import action_of, revokes
from .principals import ApiKeys, Authenticator, UrlKeys, identify
from .rules import Grant, RuleSet

if TYPE_CHECKING:
    from .link_tokens import Link, LinkTokens
    from .makers import Makers
    from .resize_tokens import ResizeTokens


class Authorization:
    """Authorises requests. HEAD and OPTIONS are checked as all other methods are.

    Args:
        api_keys: the keys.
        authenticators: tried in this order where a request has no link.
        rules: the rules.
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
        makers: "Callable[[], Makers]",
        link_tokens: "Callable[[], LinkTokens]",
        resize_tokens: "Callable[[], ResizeTokens]",
    ) -> None:
        self._authenticators = authenticators
        self._image_authenticators: Sequence[Authenticator] = (UrlKeys(api_keys), *authenticators)
        self._rules = rules
        self._makers = makers
        self._link_tokens = link_tokens
        self._resize_tokens = resize_tokens

    def authorize(self, request: Request, path: Path, now: float, log_entry: AccessLogEntry) -> Grant:
        """Return the Grant of a request.

        Args:
            request: the request.
            path: the path of the request, decoded.
            now: Unix time in seconds.
            log_entry: receives the action, the principal and the rule.

        Raises:
            Problem: the request is refused.
        """
        token = request.query.get("token")
        action = log_entry.action = action_of(request.method, path, request.query)
        if token is None or revokes(request.method, request.query):
            grant = self._of_principal(request, action, path, now, log_entry)
        else:
            grant = self._of_link(request, token, action, path, now, log_entry)
        log_entry.rule = grant.rule.number
        if "versionId" in request.query and path not in IMAGE_ENDPOINTS:
            self._check_versions(grant)
        return grant

    def _of_principal(self, request: Request, action: str, path: Path, now: float, log_entry: AccessLogEntry) -> Grant:
        shows_image = action == "read" and path in IMAGE_ENDPOINTS
        principal = identify(request, self._image_authenticators if shows_image else self._authenticators, now)
        log_entry.principal, log_entry.display_name = principal.name, principal.display_name
        return self._rules.authorize(principal, action, path)

    def _of_link(
        self, request: Request, token: str, action: str, path: Path, now: float, log_entry: AccessLogEntry
    ) -> Grant:
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
        return self._rules.authorize_link(link, maker, action, path)

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
