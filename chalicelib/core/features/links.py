"""Links: `POST path?link` makes a link, and `DELETE path?token=` revokes a link."""

from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.actions import revokes
from chalicelib.core.access.link_tokens import LINK_ACTIONS, MAX_LINK_SECONDS, MAX_USES, LinkTokens
from chalicelib.core.access.makers import Makers, is_maker
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.json_body import choice_field, json_object, number_field
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.problems.access import Forbidden, LinkInvalid, NotRevocable
from chalicelib.core.web.problems.base import NotOffered
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from chalicelib.core.ports import LinkUseCounter

DEFAULT_LINK_SECONDS: Final = 86_400

_EXAMPLE: Final = '{"action": "read", "expires_in": 3600, "uses": 1}'


class Links:
    """Makes links and revokes links.

    Args:
        rules: decide who may make a link.
        makers: writes who makes a link.
        link_tokens: makes and reads the tokens.
        counter: counts the uses; None where the service has no table.
    """

    def __init__(
        self, *, rules: RuleSet, makers: Makers, link_tokens: LinkTokens, counter: "LinkUseCounter | None"
    ) -> None:
        self._rules = rules
        self._makers = makers
        self._link_tokens = link_tokens
        self._counter = counter

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Make the link that the body of the request describes, or revoke the link of the token.

        The body is JSON: `{"action": "read" | "write", "expires_in": seconds, "uses": number, or null for no limit}`.
        By default a link reads a file once, within a day.

        Raises:
            BadRequest: the body cannot be used.
            CredentialsMissing, Forbidden: the caller may not do the link's action, or did not make the link.
            LinkInvalid, NotRevocable: the token cannot be revoked.
            TooManyGroups: the groups of the caller do not fit into the token.
            NotOffered: the service cannot count uses, or cannot sign.
            Unavailable: the table does not answer.
        """
        if revokes(request.method, request.query):
            self._revoke(request.query["token"], grant, request.deadline)
            return Reply(204, {"Cache-Control": replies.NO_STORE})
        body = json_object(request.body, ("action", "expires_in", "uses"), _EXAMPLE)
        action = choice_field(body, "action", LINK_ACTIONS)
        seconds = number_field(body, "expires_in", DEFAULT_LINK_SECONDS, 1, MAX_LINK_SECONDS)
        uses = 0 if body.get("uses", 1) is None else number_field(body, "uses", 1, 1, MAX_USES)
        if uses and self._counter is None:
            raise NotOffered(
                "This service has no table that counts the uses of links. "
                'Ask for a link without a number of uses: {"uses": null}.'
            )
        self._rules.require(grant, action, grant.path)
        if action == "read" and grant.path.endswith("/") and grant.principal.scope:
            self._rules.require(grant, "list", grant.path)  # the link can list, and a service token gives no more
        expires_at, maker = end_of_link(grant, now, seconds), self._makers.of(grant.principal, now)
        link, token = self._link_tokens.make(grant.path, action, uses, expires_at, maker, request.deadline)
        return replies.created_link(request, f"token={token}", token, link.expires_at, {"uses": link.uses or None})

    def one_time_token(self, grant: Grant, now: float, deadline: Deadline) -> str | None:
        """Return a token that reads a file once within a day; None where the caller may not share the file.

        Raises:
            TooManyGroups: the groups of the caller do not fit into the token.
            NotOffered: the service cannot count uses.
        """
        if self._rules.grant_for(grant, "share", grant.path) is None:
            return None
        if self._counter is None:
            raise NotOffered(
                "This service has no table that counts the uses of links. Ask for the listing without ?links."
            )
        expires_at, maker = end_of_link(grant, now, DEFAULT_LINK_SECONDS), self._makers.of(grant.principal, now)
        return self._link_tokens.make(grant.path, "read", 1, expires_at, maker, deadline)[1]

    def _revoke(self, token: str, grant: Grant, deadline: Deadline) -> None:
        link = self._link_tokens.read(token, grant.path, deadline)
        if link.path != grant.path:
            raise LinkInvalid()
        if not is_maker(grant.principal, link.maker):
            raise Forbidden(grant.principal.name, "revoke someone else's link", None)
        if not link.uses or self._counter is None:
            raise NotRevocable()
        self._counter.revoke(link, deadline)


def end_of_link(grant: Grant, now: float, seconds: int) -> int:
    """Return the end of a new link, Unix time in seconds. A link ends with the service token that makes the link."""
    expires_at, scope = int(now) + seconds, grant.principal.scope
    return min(expires_at, scope.ends_at) if scope else expires_at
