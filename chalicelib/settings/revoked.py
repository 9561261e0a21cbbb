"""`[revoked]`: the keys and the people whose sessions, service tokens, links and JWTs are over."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.principals import ApiKey
from chalicelib.core.access.revocations import EVERYTHING

from .issuers import PERSON
from .mistakes import did_you_mean
from .schema import Table


def read_revoked(table: Table, keys: Sequence[ApiKey], issuers: Sequence[Issuer]) -> Mapping[str, float]:
    """Return the revoked principals, each with the Unix time in seconds before which all is revoked.

    Args:
        table: each key is `key:ID` or `user:ISSUER:ID`, and each value is true or a time.
        keys: the API keys of the file.
        issuers: the issuers of the file.
    """
    revoked: dict[str, float] = {}
    for name, value in table.values.items():
        _check_name(table, name, keys, issuers)
        if value is True:
            revoked[name] = EVERYTHING
        elif isinstance(value, datetime) and value.tzinfo:
            revoked[name] = value.timestamp()
        else:
            table.mistake(
                name,
                "must be true, which revokes everything, or the time before which all is revoked, with its offset: "
                f'"{name}" = 2026-11-29T12:00:00Z',
            )
    return revoked


def _check_name(table: Table, name: str, keys: Sequence[ApiKey], issuers: Sequence[Issuer]) -> None:
    """Report a name that revokes nothing. After a mistake in the tables of keys or issuers, their names are unknown."""
    kind, _, rest = name.partition(":")
    if kind == "key":
        ids = [key.id for key in keys]
        if rest not in ids and not table.mistakes.in_tables("keys"):
            table.mistake(name, f"names no key{did_you_mean(rest, ids)}")
    elif PERSON.passes(name):
        names, issuer = [issuer.name for issuer in issuers], rest.partition(":")[0]
        if issuer not in names and not table.mistakes.in_tables("issuers"):
            table.mistake(name, f"names no issuer{did_you_mean(issuer, names)}")
    else:
        choices = [*(f"key:{key.id}" for key in keys), *(f"user:{issuer.name}:ID" for issuer in issuers)]
        table.mistake(name, f'is neither a key ("key:ci") nor {PERSON.wanted}{did_you_mean(name, choices)}')
