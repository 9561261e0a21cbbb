"""Issuers of the whole world, where anyone can get a token: their tables must name an owner in `require`.

Without a named owner, `authenticated` in a rule would stand for every account of that issuer.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from chalicelib.core.access.issuers import Issuer

from .schema import Table

_NAME: Final = r"[^*]+"
_BELOW_OWNER: Final = r"[^*/]+/.*"
_PERSONAL_ACCOUNTS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"  # Microsoft's tenant of all personal accounts


class WorldIssuer(NamedTuple):
    """An issuer where anyone can get a token.

    Attributes:
        issuer: a regular expression of the issuer, in lower case and without a slash at its end.
        owners: the claims that can name an owner, and a regular expression of the values that name an owner completely.
        example: a `require` that names an owner.
    """

    issuer: str
    owners: Mapping[str, str]
    example: str


_WORLD_ISSUERS: Final = (
    WorldIssuer(
        r"https://token\.actions\.githubusercontent\.com",
        {
            "sub": rf"repo:{_BELOW_OWNER}",
            "repository": _BELOW_OWNER,
            **dict.fromkeys(("repository_id", "repository_owner", "repository_owner_id"), _NAME),
        },
        'require = { repository_owner = "acme" }',
    ),
    WorldIssuer(
        r"https://gitlab\.com",
        {
            "sub": rf"project_path:{_BELOW_OWNER}",
            "project_path": _BELOW_OWNER,
            "namespace_path": rf"{_NAME}|{_BELOW_OWNER}",
            **dict.fromkeys(("project_id", "namespace_id"), _NAME),
        },
        'require = { namespace_path = ["acme", "acme/*"] }',
    ),
    WorldIssuer(
        r"(?:https://)?accounts\.google\.com",
        {"hd": _NAME, "sub": _NAME},
        'require = { hd = "example.com" }',
    ),
    WorldIssuer(
        r"https://(?:login\.microsoftonline\.com|sts\.windows\.net)"
        rf"/(?:common|organizations|consumers|\{{tenantid\}}|{_PERSONAL_ACCOUNTS})(?:/v2\.0)?",
        {"tid": rf"(?!{_PERSONAL_ACCOUNTS}){_NAME}"},
        'require = { tid = "TENANT-ID" }, and the same TENANT-ID in issuer',
    ),
)

# The values in which * stands within the name of an owner, at any issuer: "acme*" would admit "acme-evil".
_OWNER_CLAIMS: Final = ("repository", "repository_owner", "namespace_path", "project_path", "hd", "tid")
_STAR_IN_OWNER: Final = r"[^/]*\*.*"
_STAR_IN_SUBJECT: Final = r"(?:repo|project_path):[^/]*\*.*|system:serviceaccount:[^:]*\*.*"


def check_owner(table: Table, issuer: Issuer) -> None:
    """Report a `require` with an incomplete name of an owner, and an issuer of the whole world without an owner."""
    for path, values in issuer.require:
        expression = _STAR_IN_OWNER if path[-1] in _OWNER_CLAIMS else _STAR_IN_SUBJECT
        if any(re.fullmatch(expression, value) for value in values):
            table.mistake(
                "require",
                f'{".".join(path)} has a * within the name of an owner, and "acme*" would admit "acme-evil" too: '
                'write the whole name, and * only after a slash or a colon: "acme/*"',
            )
            return
    name = issuer.issuer.lower().rstrip("/")
    world = next((world for world in _WORLD_ISSUERS if re.fullmatch(world.issuer, name)), None)
    if world and not any(_names_owner(world, path, values) for path, values in issuer.require):
        table.mistake(
            "require",
            "must name an owner, because anyone can get a token of this issuer, so `authenticated` would be the whole "
            f"world: {world.example}",
        )


def _names_owner(world: WorldIssuer, path: tuple[str, ...], values: tuple[str, ...]) -> bool:
    expression = world.owners.get(path[0]) if len(path) == 1 else None
    return expression is not None and all(re.fullmatch(expression, value) for value in values)
