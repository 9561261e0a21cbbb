"""Links: `POST path?link` makes a link, and `DELETE path?token=` revokes a link."""

from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.actions import revokes
from chalicelib.core.access.link_tokens import LINK_ACTIONS, MAX_LINK_SECONDS, MAX_USES, LinkTokens
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.access.signing import fingerprint
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
        link_tokens: makes and reads the tokens.
        counter: counts the uses; None where the service has no table.
    """

    def __init__(self, *, rules: RuleSet, link_tokens: LinkTokens, counter: "LinkUseCounter | None") -> None:
        self._rules = rules
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
            NotOffered: the service cannot count uses, or cannot sign; or the caller is a person of an issuer.
            Unavailable: the table does not answer.
        """
        if revokes(request.method, request.query):
            self._revoke(request.query["token"], grant, request.deadline)
            return Reply(204, {"Cache-Control": replies.NO_STORE})
        check_maker(grant)
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
        link, token = self._link_tokens.make(
            grant.path, action, uses, int(now) + seconds, grant.principal.name, request.deadline
        )
        return replies.created_link(request, f"token={token}", token, link.expires_at, {"uses": link.uses or None})

    def one_time_token(self, grant: Grant, now: float, deadline: Deadline) -> str | None:
        """Return a token that reads a file once within a day; None where the caller may not share the file.

        Raises:
            NotOffered: the service cannot count uses; or the caller is a person of an issuer.
        """
        if self._rules.grant_for(grant, "share", grant.path) is None:
            return None
        check_maker(grant)
        if self._counter is None:
            raise NotOffered(
                "This service has no table that counts the uses of links. Ask for the listing without ?links."
            )
        expires_at = int(now) + DEFAULT_LINK_SECONDS
        return self._link_tokens.make(grant.path, "read", 1, expires_at, grant.principal.name, deadline)[1]

    def _revoke(self, token: str, grant: Grant, deadline: Deadline) -> None:
        link = self._link_tokens.read(token, grant.path, deadline)
        if link.path != grant.path:
            raise LinkInvalid()
        if link.maker != fingerprint(grant.principal.name):
            raise Forbidden(grant.principal.name, "revoke someone else's link", None)
        if not link.uses or self._counter is None:
            raise NotRevocable()
        self._counter.revoke(link, deadline)


def check_maker(grant: Grant) -> None:
    """Raise NotOffered for a person of an issuer: the token of a link has no place for the groups of its maker."""
    if grant.principal.name.startswith("user:"):
        raise NotOffered("A link needs an API key. Ask with an API key that may share this path.")
