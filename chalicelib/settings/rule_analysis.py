"""Which rules of a settings file can never match, and why.

The analysis is exact for the order of the rules: a rule is only reported where no request reaches the rule. A pattern
has endlessly many paths, but the hardest path to cover decides about all of them: the path that has, for each `*`, a
name that no other pattern has. A pattern that matches this path matches every path.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from chalicelib.core.access.principals import ANYONE, Principal
from chalicelib.core.access.rules import Node, Rule
from chalicelib.core.web.paths import SERVICE_PATHS

# No path of a rule has a control character, so no rule has this name.
_NEW_NAME: Final = "\0"

_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")


class Finding(NamedTuple):
    """A rule that can never match, or not for all that the rule names.

    Attributes:
        rule: the rule.
        key: the key of the rule's table that is the cause; None for the rule as a whole.
        reason: the cause and the remedy, in words. No text of the file is repeated.
        never: whether the rule can never match at all.
    """

    rule: Rule
    key: str | None
    reason: str
    never: bool


class RuleAnalysis:
    """Finds the rules that can never match.

    Args:
        rules: all rules, in the order of the file.
        principals: everyone whom the settings make, besides those who are anyone.
        mounts: the paths of all mounts, as `Mount.path`.
    """

    def __init__(self, rules: Sequence[Rule], principals: Iterable[Principal], mounts: Sequence[str]) -> None:
        self._root = Node()
        for rule in rules:
            self._root.add(rule)
        self._mounts = [path[1:].split("/") if path else [] for path in mounts]
        self._members: dict[str, list[Principal]] = {
            "anyone": [ANYONE],  # a rule that decides for these decides for everyone
            "authenticated": [Principal("\1", ("anyone", "authenticated"))],
        }
        for principal in principals:
            for tag in principal.tags:
                if tag not in ("anyone", "authenticated"):
                    self._members.setdefault(tag, []).append(principal)

    def finding(self, rule: Rule) -> Finding | None:
        """Return what is wrong with a rule; None where requests reach all that the rule names."""
        if _ESCAPE.search(rule.path):
            return Finding(rule, "path", _AN_ESCAPE, never=True)
        if not rule.path.startswith(SERVICE_PATHS) and not any(_leads_to(rule.path, mount) for mount in self._mounts):
            return Finding(
                rule, "path", "the path is outside every mount: correct the path, or add a mount", never=True
            )
        asked = [action for action in rule.actions if _is_asked(action, rule.path)]
        if not asked:
            return Finding(
                rule, "path", _NOT_ASKED_OWN if rule.path.startswith(SERVICE_PATHS) else _NOT_ASKED, never=True
            )
        known = [tag for tag in rule.to if tag in self._members]
        if known and not any(self._asking(rule, tag) for tag in known):
            return Finding(rule, "to", _PUBLISHABLE, never=True)
        decided = [self._deciders(rule, action, tag) for action in asked for tag in rule.to]
        before = sorted({earlier for deciders in decided for earlier in deciders or ()})
        if not before:  # the reader reports the principals that nothing makes
            return None
        if None not in decided:
            return Finding(rule, None, f"{_names(before)}: move this rule before, or delete this rule", never=True)
        allowing = [earlier for earlier in before if earlier.allows]
        if allowing and not rule.allows:
            reason = f"{_names(allowing)} for some actions or principals of this rule: move this rule before"
            return Finding(rule, None, reason, never=False)
        return None

    def _asking(self, rule: Rule, tag: str) -> list[Principal]:
        """Those with a tag who can ask at the paths of a rule; for tags that say little, the hardest to decide about.

        Nobody without credentials has an id, and a publishable key, which is not authenticated, opens no files.
        """
        has_id = tag == "anyone" and "{user}" in rule.path.split("/")
        members = self._members.get("authenticated" if has_id else tag, [])
        is_file = not rule.path.startswith(SERVICE_PATHS)
        return [one for one in members if one is ANYONE or not is_file or "authenticated" in one.tags]

    def _deciders(self, rule: Rule, action: str, tag: str) -> set[Rule] | None:
        """The earlier rules that decide all that a rule covers for an action and a tag; None where the rule decides."""
        found: set[Rule] = set()
        for member in self._asking(rule, tag):
            deciders = self._deciders_for(rule, action, member)
            if deciders is None:
                return None
            found |= deciders
        return found

    def _deciders_for(self, rule: Rule, action: str, principal: Principal) -> set[Rule] | None:
        questions = [(action, tag) for tag in principal.tags]

        def first(tables: "Iterable[dict[tuple[str, str], Rule]]") -> Rule | None:
            found = (table[question] for table in tables for question in questions if question in table)
            return min((earlier for earlier in found if earlier.number < rule.number), default=None)

        def follow(nodes: Sequence[Node], segment: str) -> list[Node]:
            name = {"*": _NEW_NAME, "{user}": principal.id}.get(segment, segment)
            return [child for node in nodes for child in node.follow(name, principal.id)]

        *segments, last = rule.path[1:].split("/")
        nodes = [self._root]
        if rule.path.startswith(SERVICE_PATHS):  # no pattern leads there, only the literal path
            nodes, segments = [self._root.literal[SERVICE_PATHS.strip("/")]], segments[1:]
        for segment in segments:
            above = first(node.below for node in nodes)
            if above:
                return {above}
            nodes = follow(nodes, segment)
        if last == "**":
            return _everything_below(nodes, first, follow, at_root=not segments)
        decider = first(node.below for node in nodes) or first(node.here for node in follow(nodes, last))
        return {decider} if decider else None


_First = Callable[[Iterable[dict[tuple[str, str], Rule]]], Rule | None]
_Follow = Callable[[Sequence[Node], str], list[Node]]


def _everything_below(nodes: Sequence[Node], first: _First, follow: _Follow, *, at_root: bool) -> set[Rule] | None:
    """The earlier rules that decide about everything below some nodes: a segment is empty, or any name."""
    if not nodes:
        return None
    decider = first(node.below for node in nodes)
    if decider:
        return {decider}
    found: set[Rule] = set()
    for segment in ("", "*"):
        following = follow(nodes, segment)
        ends = first(node.here for node in following)
        if ends is None:
            return None
        found.add(ends)
        if segment or not at_root:  # no path begins with two slashes
            deeper = _everything_below(following, first, follow, at_root=False)
            if deeper is None:
                return None
            found |= deeper
    return found


def _is_asked(action: str, path: str) -> bool:
    """Whether requests ask for an action at the paths of a pattern (`actions.action_of`)."""
    if path.startswith(SERVICE_PATHS):
        return action in ("read", "share")
    return action != "list" or path.endswith(("/", "/**"))


def _leads_to(path: str, mount: Sequence[str]) -> bool:
    """Whether a pattern matches a path in a mount, or of a directory that the mount is in, which is listed too."""
    segments = path[1:].split("/")
    for position, segment in enumerate(segments):
        if position == len(mount) or segment == "**" or (segment == "" and position == len(segments) - 1):
            return True
        if segment not in ("*", "{user}", mount[position]):
            return False
    return len(segments) == len(mount)


def _names(rules: Sequence[Rule]) -> str:
    """`rules[1] and rules[3] come first and decide`, for a few of the rules."""
    names = [f"rules[{rule.number}]" for rule in rules[:3]]
    if len(names) == 1:
        return f"{names[0]} comes first and decides"
    return f"{', '.join(names[:-1])} and {names[-1]} come first and decide"


_AN_ESCAPE: Final = (
    "the path holds an escape (a percent sign and two hex digits), and rules see every path decoded: write the "
    "character itself, or * for a segment that really has such a name"
)
_PUBLISHABLE: Final = (
    "a key with in_urls = true opens /-/resize and /-/thumbnail alone: name one of these, or another key"
)
_NOT_ASKED: Final = 'only directories are listed, and this path has no slash at its end: end the path with "/" or "/**"'
_NOT_ASKED_OWN: Final = 'here the service asks for no other actions than "read" and "share": name one of these'
