"""Links: `POST path?link` makes a link, and `DELETE path?token=` revokes a link."""

from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.actions import revokes
from chalicelib.core.access.link_tokens import LINK_ACTIONS, MAX_LINK_SECONDS, MAX_USES, LinkTokens
from chalicelib.core.access.makers import Makers, is_maker
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.json_body import choice_field, flag_field, json_object, number_field
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.problems.access import CredentialsMissing, Forbidden, LinkInvalid, NotRevocable
from chalicelib.core.web.problems.base import BadRequest, NotOffered
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from chalicelib.core.ports import LinkUseCounter, RevocableLinks

DEFAULT_LINK_SECONDS: Final = 86_400

_EXAMPLE: Final = '{"action": "read", "expires_in": 3600, "uses": 1}'


class Links:
    """Makes links and revokes links.

    Args:
        rules: decide who may make a link.
        makers: writes who makes a link.
        link_tokens: makes and reads the tokens.
        counter: counts the uses; None where the service has no table.
        revocable_links: knows which revocable links are live; None where the service has no table.
    """

    def __init__(
        self,
        *,
        rules: RuleSet,
        makers: Makers,
        link_tokens: LinkTokens,
        counter: "LinkUseCounter | None",
        revocable_links: "RevocableLinks | None",
    ) -> None:
        self._rules = rules
        self._makers = makers
        self._link_tokens = link_tokens
        self._counter = counter
        self._revocable_links = revocable_links

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Make the link that the body of the request describes, or revoke the link of the token.

        The body is JSON: `{"action": "read" | "write", "expires_in": seconds, "uses": number, or null for no limit}`.
        By default a link reads a file once, within a day. `"revocable": true` is for a link without a number of uses.

        Raises:
            BadRequest: the body cannot be used.
            CredentialsMissing, Forbidden: the caller may not do the link's action, or did not make the link.
            LinkInvalid, NotRevocable: the token cannot be revoked.
            TooManyGroups: the groups of the caller do not fit into the token.
            TooManyLinks: the caller has too many live revocable links.
            NotOffered: the service has no table for this link, or cannot sign.
            Unavailable: the table does not answer.
        """
        if revokes(request.method, request.query):
            self._revoke(request.query["token"], grant, request.deadline)
            return Reply(204, {"Cache-Control": replies.NO_STORE})
        body = json_object(request.body, ("action", "expires_in", "uses", "revocable"), _EXAMPLE)
        action = choice_field(body, "action", LINK_ACTIONS)
        seconds = number_field(body, "expires_in", DEFAULT_LINK_SECONDS, 1, MAX_LINK_SECONDS)
        uses = 0 if body.get("uses", 1) is None else number_field(body, "uses", 1, 1, MAX_USES)
        if uses and self._counter is None:
            raise NotOffered(
                "This service has no table that counts the uses of links. "
                'Ask for a link without a number of uses: {"uses": null}.'
            )
        revocable_links = self._table(grant, uses) if flag_field(body, "revocable") else None
        self._rules.require(grant, action, grant.path)
        if action == "read" and grant.path.endswith("/") and grant.principal.scope:
            self._rules.require(grant, "list", grant.path)  # the link can list, and a service token gives no more
        expires_at, maker = end_of_link(grant, now, seconds), self._makers.of(grant.principal, now)
        link, token = self._link_tokens.make(
            grant.path, action, uses, expires_at, maker, request.deadline, revocable=revocable_links is not None
        )
        if revocable_links:
            name, shown_name = grant.principal.name, grant.principal.shown_name
            revocable_links.add(name, link, shown_name, now=now, deadline=request.deadline)
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

    def _table(self, grant: Grant, uses: int) -> "RevocableLinks":
        """Return the table for a new revocable link; raise a Problem where the link cannot be revocable."""
        if uses:
            raise BadRequest(
                "A link with a number of uses can always be revoked. "
                'Leave out `revocable`, or ask for {"uses": null, "revocable": true}.'
            )
        if "authenticated" not in grant.principal.tags:
            raise CredentialsMissing("Only a caller with an API key or a sign-in can list and revoke links. Send one.")
        if self._revocable_links is None:
            raise NotOffered(
                "This service has no table that knows which links are revoked. Ask for a link without `revocable`."
            )
        return self._revocable_links

    def _revoke(self, token: str, grant: Grant, deadline: Deadline) -> None:
        link = self._link_tokens.read(token, grant.path, deadline)
        if link.path != grant.path:
            raise LinkInvalid()
        if not is_maker(grant.principal, link.maker):
            raise Forbidden(grant.principal.name, "revoke someone else's link", None)
        if link.uses and self._counter:
            self._counter.revoke(link, deadline)
        elif link.revocable and self._revocable_links:
            self._revocable_links.revoke(grant.principal.name, link.id, link.expires_at, deadline)
        else:
            raise NotRevocable()


def end_of_link(grant: Grant, now: float, seconds: int) -> int:
    """Return the end of a new link, Unix time in seconds. A link ends with the service token that makes the link."""
    expires_at, scope = int(now) + seconds, grant.principal.scope
    return min(expires_at, scope.ends_at) if scope else expires_at
