"""Issuers of the whole world, where anyone can get a token: their tables must name an owner in `require`.

Without a named owner, `authenticated` in a rule would stand for every account of that issuer.
"""

import re
from collections.abc import Mapping
from typing import Final

from chalicelib.core.access.issuers import Issuer

from .schema import Table

GITHUB: Final = "https://token.actions.githubusercontent.com"
GITLAB: Final = "https://gitlab.com"
GOOGLE: Final = "https://accounts.google.com"
ENTRA: Final = "https://login.microsoftonline.com/common"

_NAME: Final = r"[^*]+"
_BELOW_OWNER: Final = r"[^*/]+/.*"
_PERSONAL_ACCOUNTS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"  # Microsoft's tenant of all personal accounts
_TENANTS_OF_ALL: Final = ("common", "organizations", "consumers", "{tenantid}", _PERSONAL_ACCOUNTS)

_OWNERS: Final[Mapping[str, Mapping[str, str]]] = {
    GITHUB: {
        "sub": rf"repo:{_BELOW_OWNER}",
        "repository": _BELOW_OWNER,
        **dict.fromkeys(("repository_id", "repository_owner", "repository_owner_id"), _NAME),
    },
    GITLAB: {
        "sub": rf"project_path:{_BELOW_OWNER}",
        "project_path": _BELOW_OWNER,
        "namespace_path": rf"{_NAME}|{_BELOW_OWNER}",
        **dict.fromkeys(("project_id", "namespace_id"), _NAME),
    },
    GOOGLE: {"hd": _NAME, "sub": _NAME},
    ENTRA: {"tid": rf"(?!{_PERSONAL_ACCOUNTS}){_NAME}"},
}
"""For each issuer, the claims that can name an owner, and the values that name an owner completely."""

_EXAMPLES: Final = {
    GITHUB: 'require = { repository_owner = "acme" }',
    GITLAB: 'require = { namespace_path = ["acme", "acme/*"] }',
    GOOGLE: 'require = { hd = "example.com" }',
    ENTRA: 'require = { tid = "TENANT-ID" }, and the same TENANT-ID in issuer',
}

# The values in which * stands within the name of an owner, at any issuer.
_OWNER_CLAIMS: Final = ("repository", "repository_owner", "namespace_path", "project_path", "hd", "tid")
_STAR_IN_OWNER: Final = r"[^/]*\*.*"
_STAR_IN_SUBJECT: Final = r"(?:repo|project_path):[^/]*\*.*|system:serviceaccount:[^:]*\*.*"


def check_owner(table: Table, issuer: Issuer) -> None:
    """Report a `require` with an incomplete name of an owner, and an issuer of the whole world without an owner."""
    for path, values in issuer.require:
        expression = _STAR_IN_OWNER if path[-1] in _OWNER_CLAIMS else _STAR_IN_SUBJECT
        if any("*" in value and re.fullmatch(expression, value) for value in values):
            table.mistake(
                "require",
                f'{".".join(path)} has a * within the name of an owner, and "acme*" would admit "acme-evil" too: '
                'write the whole name, and * only after a slash or a colon: "acme/*"',
            )
            return
    world = _world_issuer(issuer.issuer)
    if world and not any(_names_owner(_OWNERS[world], path, values) for path, values in issuer.require):
        table.mistake(
            "require",
            "must name an owner, because anyone can get a token of this issuer, so `authenticated` would be the whole "
            f"world: {_EXAMPLES[world]}",
        )


def _world_issuer(issuer: str) -> str | None:
    """Return the issuer of the whole world that an issuer is; None for all other issuers."""
    name = issuer.lower().rstrip("/")
    host, _, path = name.removeprefix("https://").partition("/")
    if host in ("login.microsoftonline.com", "sts.windows.net") and path.split("/")[0] in _TENANTS_OF_ALL:
        return ENTRA
    return name if name in _OWNERS else None


def _names_owner(owners: Mapping[str, str], path: tuple[str, ...], values: tuple[str, ...]) -> bool:
    expression = owners.get(path[0]) if len(path) == 1 else None
    return expression is not None and all(re.fullmatch(expression, value) for value in values)
