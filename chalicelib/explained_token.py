"""Explains the token of an issuer: the table that it is for, the principal that it makes, and why it is refused."""

from typing import NamedTuple

from .core.access.issuer_claims import choose_issuer, principal_of
from .core.access.issuer_tokens import IssuerTokens
from .core.access.jwt import read_token
from .core.access.principals import Principal
from .core.web.problems.access import CredentialsInvalid
from .core.web.problems.base import Unavailable
from .core.web.times import Deadline, rfc3339
from .settings.load import Settings


class ExplainedToken(NamedTuple):
    """A token in words.

    Attributes:
        lines: the table, the principal and its groups, and the answer where the token is refused.
        principal: the principal that the claims make; None where they make none.
        refused: whether the service refuses the token.
    """

    lines: tuple[str, ...]
    principal: Principal | None
    refused: bool


def explain_token(
    settings: Settings, tokens: IssuerTokens, text: str, now: float, deadline: Deadline
) -> ExplainedToken:
    """Explain a token. The lines have the names and the groups of the token, and never the token itself.

    Args:
        settings: the settings of the service.
        tokens: verifies the token; the keys of the issuer may be fetched.
        text: the token.
        now: Unix time in seconds.
        deadline: for a fetch of keys.
    """
    lines: list[str] = []
    principal = None
    try:
        token = read_token(text)
        issuer = choose_issuer(settings.issuers, token.claims)
        end = _end(token.claims.get("exp"))
        lines.append(f"token   for the table of issuer {issuer.name}, signed with {token.algorithm!a}{end}")
        principal = principal_of(issuer, token.claims, settings.groups)
        groups = [tag for tag in principal.tags if tag.startswith("group:")]
        lines.append(f"caller  {principal.name!r}, {{user}} is {principal.id!r}")
        lines.append(f"groups  {', '.join(map(repr, groups)) or 'none'}")
        tokens.principal(text, now, deadline)
    except (CredentialsInvalid, Unavailable) as problem:
        lines.append(f"answer  {problem.status} {problem.code}: {problem.reason}")
        return ExplainedToken(tuple(lines), principal, refused=True)
    return ExplainedToken(tuple(lines), principal, refused=False)


def _end(end: object) -> str:
    if isinstance(end, int | float) and 0 <= end < 2**33:  # a later year has five digits
        return f", ends at {rfc3339(end)}"
    return ""
