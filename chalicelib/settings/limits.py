"""`[[limits]]`: how many requests of a caller get through in a window of time."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from chalicelib.core.access.limits import Limit
from chalicelib.core.access.principals import ApiKey

from .rules import PrincipalNames, read_principals
from .schema import Table

_MAX_REQUESTS: Final = 1_000_000_000
_MAX_SECONDS: Final = 86_400  # a day, so that a caller who used up a window by mistake can wait for the next


def read_limits(tables: Sequence[Table], names: PrincipalNames, keys: Sequence[ApiKey]) -> tuple[Limit, ...]:
    """Return the limits in the order of the file, and warn of the limits that never count.

    Args:
        tables: the `[[limits]]` tables.
        names: the principals that the file makes.
        keys: the API keys of the file.
    """
    limits = tuple(_read_limit(table, names) for table in tables)
    public_tags = {tag for key in keys if key.in_urls for tag in key.principal().tags}
    for index, table in enumerate(tables):
        earlier = [limit for limit in limits[:index] if limit.per_seconds == limits[index].per_seconds]
        named = {tag for limit in earlier for tag in limit.to}
        if limits[index].to and all(_is_named(tag, named, public_tags) for tag in limits[index].to):
            table.warn("to", partial(_never_counts, limits[index].per_seconds))
    return limits


def _read_limit(table: Table, names: PrincipalNames) -> Limit:
    for key, example in (("requests", 1_000), ("per_seconds", 60)):
        if key not in table.values:
            table.mistake(key, f"is missing; give a number: {key} = {example}")
    limit = Limit(
        to=read_principals(table, names, protects=True),
        requests=table.whole_number("requests", 1, 1, _MAX_REQUESTS),
        per_seconds=table.whole_number("per_seconds", 1, 1, _MAX_SECONDS),
    )
    table.finish()
    return limit


def _is_named(tag: str, named: set[str], public_tags: set[str]) -> bool:
    """Whether earlier limits name all callers with a tag. A publishable key is not `authenticated`."""
    return tag in named or "anyone" in named or ("authenticated" in named and tag not in {"anyone", *public_tags})


def _never_counts(per_seconds: int) -> str:
    return (
        f"never counts, because earlier limits with per_seconds = {per_seconds} name all these callers, and the first "
        "limit decides: put this limit before them"
    )
