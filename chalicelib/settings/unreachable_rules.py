"""Which rules of a settings file can never match, and why.

The analysis is exact for the order of the rules: a rule is reported only where no request reaches the rule. A pattern
matches infinitely many paths, but one of these paths decides about all of them: the path that has, for each `*`, a
name that no rule has. A pattern that matches this path matches every path of the rule.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

from chalicelib.core.access.principals import ANYONE, Principal
from chalicelib.core.access.rules import Node, Rule
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.web.paths import SERVICE_PATHS

from .mistakes import Mistakes, Place

# The path of a rule has no control characters, so no rule has this name and this id.
_NEW_NAME: Final = "\0"
NEW_ID: Final = "\1"
"""The id of a caller about whom no rule says anything."""

_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")

_HAS_ESCAPE: Final = (
    "the path has an escape (a percent sign and two hex digits), but a rule is compared with decoded paths: write the "
    "character itself, or * for a segment that really has such a name"
)
_OUTSIDE_MOUNTS: Final = "the path is outside every mount: correct the path, or add a mount"
_NOT_A_DIRECTORY: Final = (
    'only directories are listed, and this path has no slash at its end: end the path with "/" or "/**"'
)
_NOT_ASKED_OF_SERVICE: Final = (
    'here requests need no other actions than "read" and "share": name one of these two actions'
)
_PUBLISHABLE: Final = (
    "a key with in_urls = true opens only /-/resize and /-/thumbnail: name one of these paths, or another key"
)
_NO_USER: Final = "an id with a slash has no {user}: name a path without {user}, or choose another claim as the subject"

_First = Callable[[Iterable[dict[tuple[str, str], Rule]]], Rule | None]
_Follow = Callable[[Sequence[Node], str], list[Node]]


def report_unreachable(
    rules: Sequence[Rule],
    principals: Iterable[Principal],
    mounts: Sequence[Mount],
    mistakes: Mistakes,
    *,
    examined: Iterable[Rule],
) -> None:
    """Report some of the rules where they can never match: a deny rule is a mistake, an allow rule is a warning.

    A table that has a mistake already gets no second report, and causes none: a rule with a mistake decides nothing
    here, and where a mount has a mistake, every path can be in a mount.
    """
    sound = [rule for rule in rules if not mistakes.in_table("rules", rule.number - 1)]
    mount_paths = [""] if mistakes.in_tables("mounts") else [mount.path for mount in mounts]
    analysis = RuleAnalysis(sound, principals, mount_paths)
    for rule in examined:
        index = rule.number - 1
        finding = None if mistakes.in_table("rules", index) else analysis.finding(rule)
        if finding is None:
            continue
        place: Place = ("rules", index, finding.key)
        text = f"{'can never match' if finding.never else 'denies less than it names'}: {finding.reason}"
        if finding.never and not rule.allows:
            mistakes.add(place, text)
        else:
            mistakes.warn(place, partial(str, text))


class Finding(NamedTuple):
    """The reason why a rule can never match, or matches less than it names.

    Attributes:
        key: the key of the rule's table that is the cause; None for the whole table.
        reason: the cause, and what to do. It has no text of the file.
        never: whether the rule can never match at all.
    """

    key: str | None
    reason: str
    never: bool


class RuleAnalysis:
    """Finds the rules that can never match.

    Args:
        rules: all rules, in the order of the file.
        principals: the principals of all API keys, and the people that rules can mean (`people.people`).
        mounts: the paths of all mounts, as `Mount.path`.
    """

    def __init__(self, rules: Sequence[Rule], principals: Iterable[Principal], mounts: Sequence[str]) -> None:
        self._root = Node()
        for rule in rules:
            self._root.add(rule)
        self._mounts = mounts
        self._members: dict[str, list[Principal]] = {
            "anyone": [ANYONE],  # a rule that decides for ANYONE decides for everyone
            "authenticated": [Principal(NEW_ID, ("anyone", "authenticated"))],
        }
        for principal in principals:
            for tag in principal.tags:
                if tag not in ("anyone", "authenticated"):
                    self._members.setdefault(tag, []).append(principal)

    def finding(self, rule: Rule) -> Finding | None:
        """Return why a rule matches less than it names; None where requests reach all that the rule names."""
        is_of_service = rule.path.startswith(SERVICE_PATHS)
        if _ESCAPE.search(rule.path):
            return Finding("path", _HAS_ESCAPE, never=True)
        if not is_of_service and not any(reaches(rule.path, mount) for mount in self._mounts):
            return Finding("path", _OUTSIDE_MOUNTS, never=True)
        actions = [action for action in rule.actions if _is_asked(action, rule.path)]
        if not actions:
            return Finding("path", _NOT_ASKED_OF_SERVICE if is_of_service else _NOT_A_DIRECTORY, never=True)
        known_tags = [tag for tag in rule.to if tag in self._members]
        if known_tags and not any(self._callers(rule, tag) for tag in known_tags):
            no_user = not any(member.id for tag in known_tags for member in self._members[tag])
            return Finding("to", _NO_USER if no_user else _PUBLISHABLE, never=True)
        return self._shadowed(rule, actions)

    def _shadowed(self, rule: Rule, actions: Sequence[str]) -> Finding | None:
        """Why earlier rules leave a rule less than it names; None where they leave the rule everything."""
        deciders = [self._deciders(rule, action, tag) for action in actions for tag in rule.to]
        earlier = sorted({decider for some in deciders for decider in some or ()}, key=lambda decider: decider.number)
        if not earlier:  # the reader of the rules reports a principal that nothing makes
            return None
        if None not in deciders:
            return Finding(None, f"{_names(earlier)}: move this rule before, or delete this rule", never=True)
        allowing = [decider for decider in earlier if decider.allows]
        if allowing and not rule.allows:
            reason = f"{_names(allowing)} for some actions or principals of this rule: move this rule before"
            return Finding(None, reason, never=False)
        return None

    def _callers(self, rule: Rule, tag: str) -> list[Principal]:
        """The principals with a tag who can ask at the paths of a rule; of many, the hardest to decide.

        A caller without an id has no `{user}`. A publishable key, which does not authenticate, opens no files.
        """
        needs_id = "{user}" in rule.path.split("/")
        members = self._members.get("authenticated" if needs_id and tag == "anyone" else tag, [])
        members = [member for member in members if member.id or not needs_id]
        if rule.path.startswith(SERVICE_PATHS):
            return members
        return [member for member in members if member is ANYONE or "authenticated" in member.tags]

    def _deciders(self, rule: Rule, action: str, tag: str) -> set[Rule] | None:
        """The earlier rules that decide all that a rule covers for an action and a tag; None where the rule decides."""
        deciders: set[Rule] = set()
        for caller in self._callers(rule, tag):
            deciders_for_caller = self._deciders_for(rule, action, caller)
            if deciders_for_caller is None:
                return None
            deciders |= deciders_for_caller
        return deciders

    def _deciders_for(self, rule: Rule, action: str, principal: Principal) -> set[Rule] | None:
        action_tags = [(action, tag) for tag in principal.tags]

        def first(tables: "Iterable[dict[tuple[str, str], Rule]]") -> Rule | None:
            rules = (table[action_tag] for table in tables for action_tag in action_tags if action_tag in table)
            earlier = (other for other in rules if other.number < rule.number)
            return min(earlier, key=lambda other: other.number, default=None)

        def follow(nodes: Sequence[Node], segment: str) -> list[Node]:
            name = {"*": _NEW_NAME, "{user}": principal.id}.get(segment, segment)
            return [child for node in nodes for child in node.follow(name, principal.id)]

        *segments, last = rule.path[1:].split("/")
        nodes = [self._root]
        if rule.path.startswith(SERVICE_PATHS):  # no pattern matches such a path, only the path itself
            nodes, segments = [self._root.literal[SERVICE_PATHS.strip("/")]], segments[1:]
        for segment in segments:
            above = first(node.below for node in nodes)
            if above:
                return {above}
            nodes = follow(nodes, segment)
        if last == "**":
            return _deciders_below(nodes, first, follow, at_root=not segments)
        decider = first(node.below for node in nodes) or first(node.here for node in follow(nodes, last))
        return {decider} if decider else None


def _deciders_below(nodes: Sequence[Node], first: _First, follow: _Follow, *, at_root: bool) -> set[Rule] | None:
    """The earlier rules that decide everything below some nodes; None where they leave a path undecided.

    Each next segment of a path is empty or has a name.
    """
    if not nodes:
        return None
    decider = first(node.below for node in nodes)
    if decider:
        return {decider}
    deciders: set[Rule] = set()
    for segment in ("", "*"):
        children = follow(nodes, segment)
        decider = first(node.here for node in children)
        if decider is None:
            return None
        deciders.add(decider)
        if segment or not at_root:  # no path starts with two slashes
            deeper = _deciders_below(children, first, follow, at_root=False)
            if deeper is None:
                return None
            deciders |= deeper
    return deciders


def _is_asked(action: str, path: str) -> bool:
    """Whether a request at the paths of a pattern can need an action (`actions.action_of`)."""
    if path.startswith(SERVICE_PATHS):
        return action in ("read", "share")
    return action != "list" or path.endswith(("/", "/**"))


def reaches(path: str, mount_path: str) -> bool:
    """Whether a pattern matches a path in a mount, or a directory above the mount, which is listed too."""
    segments, mount = path[1:].split("/"), mount_path[1:].split("/") if mount_path else []
    for position, segment in enumerate(segments):
        if position == len(mount) or segment == "**" or (segment == "" and position == len(segments) - 1):
            return True
        if segment not in ("*", "{user}", mount[position]):
            return False
    return len(segments) == len(mount)


def _names(rules: Sequence[Rule]) -> str:
    """`rules[1] and rules[3] come first and decide`, for at most three of the rules."""
    names = [f"rules[{rule.number}]" for rule in rules[:3]]
    if len(names) == 1:
        return f"{names[0]} comes first and decides"
    return f"{', '.join(names[:-1])} and {names[-1]} come first and decide"
