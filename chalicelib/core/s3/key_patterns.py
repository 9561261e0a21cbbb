"""Key patterns: the paths of a rule as segments, the keys of S3 as a pattern of IAM, and how two patterns relate.

A pattern of IAM is a text in which `MANY` stands for any characters, slashes too, and `ONE` for one character (IAM User
Guide, "IAM JSON policy elements: Resource"). No path, and no id that `{user}` stands for, has these two control
characters, so every other character is itself. `text_of` writes the pattern as IAM reads it.
"""

import re
from typing import Final

ONE: Final = "\0"
MANY: Final = "\1"

NAME: Final = ONE
"""A segment of a path that is not empty, as `*` in a rule."""
REST: Final = MANY
"""The last segment of a path, with any further segments, as `**` in a rule."""

_SPECIAL: Final = frozenset("*?$")
_LAST_CHARACTER: Final = "\xff"  # of a session policy (STS API Reference, GetScopedCredentials, "Policy")

Segments = tuple[str, ...]


def segments_of(path: str, user: str) -> Segments | None:
    """Return the segments of a rule's path for a caller; None where the path has `{user}`, and the caller has no id."""
    segments = path[1:].split("/")
    if "{user}" in segments and not user:
        return None
    last = [REST] if segments[-1] == "**" else segments[-1:]
    names = {"*": NAME, "{user}": user}
    return tuple(names.get(segment, segment) for segment in (*segments[:-1], *last))


def below(path: str) -> Segments:
    """Return the segments of everything below a literal path without its last slash, such as the path of a mount."""
    return (*path[1:].split("/"), REST) if path else (REST,)


def common(one: Segments, other: Segments) -> Segments | None:
    """Return the segments of the paths that match both; None where no path does."""
    found: list[str] = []
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left == REST:
            return (*found, *other[place:])
        if right == REST:
            return (*found, *one[place:])
        literal = right if left == NAME else left
        if NAME in (left, right) and literal != "":
            found.append(literal)
        elif left == right:
            found.append(left)
        else:
            return None
    return tuple(found) if len(one) == len(other) else None


def pattern_of(prefix: str, segments: Segments) -> str:
    """Return the smallest pattern of IAM with all keys of a mount's prefix and some segments.

    IAM's `*` crosses slashes, so the pattern can have more keys. The key that is the prefix alone belongs to no path,
    so the pattern leaves this key out.
    """
    if segments == (REST,):
        return f"{prefix}{ONE}{MANY}"
    return prefix + "/".join(ONE + MANY if segment == NAME else segment for segment in segments)


def too_many(prefix: str, segments: Segments) -> str | None:
    """Return the pattern of the keys in `pattern_of` that do not match the segments; None for no such pattern.

    A key that matches the pattern and has as many slashes as the segments has no slash in place of a name.
    """
    head = segments[: segments.index(NAME)]
    start = "".join(f"{segment}/" for segment in head)
    if REST not in segments:
        return prefix + start + f"{MANY}/" * (len(segments) - len(head)) + MANY
    return f"{prefix}{start}/{MANY}" if segments == (*head, NAME, REST) else None


def head_of(pattern: str) -> str:
    """Return the characters with which every key of a pattern begins."""
    return re.split(f"[{ONE}{MANY}]", pattern, maxsplit=1)[0]


def covers(outer: str, inner: str) -> bool:
    """Whether every key of the inner pattern matches the outer pattern. In doubt False."""
    head = head_of(outer)
    if outer == head + MANY:
        return inner.startswith(head)
    parts = {ONE: f"[^{MANY}]", MANY: ".*"}
    expression = "".join(parts.get(character) or re.escape(character) for character in outer)
    return re.fullmatch(expression, inner, re.DOTALL) is not None


def overlap(one: str, other: str) -> bool:
    """Whether a key matches both patterns."""
    heads = head_of(one), head_of(other)
    if not heads[0].startswith(heads[1]) and not heads[1].startswith(heads[0]):
        return False
    places = _skip_many(other, {0})  # in the other pattern, after each character of the first pattern
    for character in one:
        if character == MANY:
            first = min(places, default=len(other) + 1)
            places = set(range(first, len(other) + 1))
            continue
        following = {place for place in places if other[place : place + 1] == MANY}
        for place in places:
            if other[place : place + 1] not in ("", MANY) and (character in (ONE, other[place]) or other[place] == ONE):
                following.add(place + 1)
        places = _skip_many(other, following)
    return len(other) in places


def _skip_many(pattern: str, places: set[int]) -> set[int]:
    """Return the places with the places after each `MANY` there, which can stand for no character."""
    found = set(places)
    for place in sorted(places):
        while pattern[place : place + 1] == MANY:
            place += 1
            found.add(place)
    return found


def is_certain(pattern: str, *, on_aws: bool) -> bool:
    """Whether it is certain that IAM reads the text of a pattern as this pattern.

    A session policy has no character above U+00FF. Other stores than AWS read no `${*}` (tried with Ceph).
    """
    return max(pattern, default="") <= _LAST_CHARACTER and (on_aws or _SPECIAL.isdisjoint(pattern))


def text_of(pattern: str) -> str:
    """Return a pattern as IAM reads it: `*`, `?` and `$` of a key are `${*}`, `${?}` and `${$}` (IAM User Guide,
    "IAM policy elements: Variables and tags", "Special characters").
    """
    written = {ONE: "?", MANY: "*", **{character: f"${{{character}}}" for character in _SPECIAL}}
    return "".join(written.get(character, character) for character in pattern)
