"""Opened keys: patterns of keys that a caller may reach, without the keys in them that are excluded."""

from collections.abc import Iterable
from typing import NamedTuple

from .key_patterns import MANY, covers, head_of, overlap


class Excluded(NamedTuple):
    """Keys that a caller may not reach.

    Attributes:
        pattern: the keys.
        number: the number of the rule that excludes them; 0 for keys that no path of the mount has.
        exact: whether the pattern has no other key than those to exclude.
    """

    pattern: str
    number: int
    exact: bool = True


class Opened(NamedTuple):
    """Keys that a caller may reach by one rule, or by one rule for each action that is needed.

    Attributes:
        pattern: the keys. In a listing, the prefixes.
        excluded: the keys in `pattern` that the rules do not give.
        number: the number of the rule.
    """

    pattern: str
    excluded: tuple[Excluded, ...]
    number: int


def without_covered(excluded: Iterable[Excluded]) -> list[Excluded]:
    """Return what is excluded, without the parts that another part covers."""
    kept: list[Excluded] = []
    for each in excluded:
        if not any(covers(other.pattern, each.pattern) for other in kept):
            kept = [*(other for other in kept if not covers(each.pattern, other.pattern)), each]
    return kept


def excludes(one: Opened, pattern: str) -> bool:
    """Whether all keys of a pattern are excluded for certain."""
    return any(own.exact and covers(own.pattern, pattern) for own in one.excluded)


def includes(outer: Opened, inner: Opened) -> bool:
    """Whether one opens all that another opens."""
    return covers(outer.pattern, inner.pattern) and all(
        excludes(inner, each.pattern) for each in outer.excluded if overlap(each.pattern, inner.pattern)
    )


def without_duplicates(opened: Iterable[Opened]) -> list[Opened]:
    """Return what is opened, in the order of the rules, without what another opens too."""
    kept: list[Opened] = []
    for one in sorted(opened, key=lambda one: one.number):
        if not any(includes(other, one) for other in kept):
            kept = [*(other for other in kept if not includes(one, other)), one]
    return kept


def ancestors(opened: Opened, excluded: Excluded) -> list[str]:
    """Return the prefixes with which a listing would show a key that is excluded, without the key's own prefixes."""
    head = head_of(excluded.pattern)
    start = len(head_of(opened.pattern))
    ends = [head[:end] for end in range(start, len(head))]
    return ends if excluded.pattern in (head, head + MANY) else [*ends, head, head + MANY]
