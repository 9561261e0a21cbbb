"""Sharing: links are made, and taken back, at the request of someone who may."""

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.core.access.link_tokens import LINK_ACTIONS, MAX_LINK_SECONDS, MAX_USES, Link, LinkTokens
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.access.signing import fingerprint
from chalicelib.core.web.message import Request
from chalicelib.core.web.problems import BadRequest, Forbidden, LinkInvalid, NotOffered, NotRevocable
from chalicelib.core.web.times import Deadline

if TYPE_CHECKING:
    from chalicelib.core.ports import LinkUseCounter

DEFAULT_LINK_SECONDS: Final = 86_400  # seconds

_MAX_BODY_BYTES: Final = 4_096  # of the request's body, which has three short fields


class Shared(NamedTuple):
    """A link that was made, with its token, which is shown to whoever asked for it and kept nowhere."""

    link: Link
    token: str

    def __repr__(self) -> str:
        """Without the token."""
        return f"Shared({self.link.id})"


class Sharing:
    """Makes links and revokes them.

    Args:
        rules: which say who may.
        links: the tokens.
        tokens: where uses are counted; None where there is no table.
    """

    def __init__(self, *, rules: RuleSet, links: LinkTokens, tokens: "LinkUseCounter | None") -> None:
        self._rules = rules
        self._links = links
        self._tokens = tokens

    def make(self, request: Request, grant: Grant, now: float) -> Shared:
        """Make the link that a request's body describes, as JSON; what it leaves out is a file that opens once today.

        Args:
            request: `{"action": "read" | "write", "expires_in": seconds, "uses": number, or null for no limit}`.
            grant: to share the path.
            now: Unix time in seconds.

        Raises:
            BadRequest: the body cannot be used.
            CredentialsMissing, Forbidden: whoever asks may not do that action here themselves.
            NotOffered: uses cannot be counted, or nothing can be signed.
        """
        body = wanted(
            request.body, ("action", "expires_in", "uses"), '{"action": "read", "expires_in": 3600, "uses": 1}'
        )
        action = _choice(body, "action", LINK_ACTIONS)
        seconds = number(body, "expires_in", DEFAULT_LINK_SECONDS, 1, MAX_LINK_SECONDS)
        uses = 0 if body.get("uses", 1) is None else number(body, "uses", 1, 1, MAX_USES)
        if uses and self._tokens is None:
            raise NotOffered(
                "Uses are counted in a table, and this service has none: SIGNPOST_TABLE is not set. "
                'Ask for a link without a number of uses: {"uses": null}.'
            )
        self._rules.require(grant, action, grant.path)
        return Shared(
            *self._links.make(grant.path, action, uses, int(now) + seconds, grant.principal.name, request.deadline)
        )

    def once(self, grant: Grant, now: float, deadline: Deadline) -> str | None:
        """Return a token to read a file once within a day, for whoever may share it; None for others.

        Raises:
            NotOffered: uses cannot be counted.
        """
        if self._rules.grant_for(grant, "share", grant.path) is None:
            return None
        if self._tokens is None:
            raise NotOffered("Uses are counted in a table, and this service has none: SIGNPOST_TABLE is not set.")
        return self._links.make(grant.path, "read", 1, int(now) + DEFAULT_LINK_SECONDS, grant.principal.name, deadline)[
            1
        ]

    def revoke(self, token: str, grant: Grant, deadline: Deadline) -> Link:
        """Let a link never be used again, and return it.

        Args:
            token: of a link to the very path that the grant is for.
            grant: to share it.
            deadline: of the request.

        Raises:
            LinkInvalid: it was not made here, or for another path.
            Forbidden: someone else made it.
            NotRevocable: it has no number of uses, so the table is never asked about it.
            Unavailable: the table does not answer.
        """
        link = self._links.read(token, grant.path, deadline)
        if link.path != grant.path:
            raise LinkInvalid()
        if link.issuer != fingerprint(grant.principal.name):
            raise Forbidden(grant.principal.name, "revoke someone else's link", None)
        if not link.uses or self._tokens is None:
            raise NotRevocable()
        self._tokens.revoke(link, deadline)
        return link


def wanted(body: bytes, fields: tuple[str, ...], example: str) -> dict[str, Any]:
    """Return the JSON that describes a link; raise BadRequest for anything but an object of these fields."""
    try:
        found = json.loads(body or b"{}") if len(body) <= _MAX_BODY_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRequest(f"The body must be JSON: {example}.")
    unknown = found.keys() - set(fields)
    if unknown:
        raise BadRequest(f"The body has the unknown field {min(unknown)!a}. It takes {', '.join(fields)}.")
    return found


def number(found: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    """Return a field that is a whole number; raise BadRequest for anything else."""
    value = found.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadRequest(f"{name} must be a whole number from {least:,} to {most:,}.")
    return value


def _choice(found: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = found.get(name, choices[0])
    if value not in choices:
        raise BadRequest(f"{name} must be one of {', '.join(choices)}.")
    return str(value)
