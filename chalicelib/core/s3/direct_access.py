"""Direct access: what the rules let a caller do at S3 itself, as patterns of keys for each permission of IAM.

A policy of IAM has no order: of all statements, one that denies wins. So a rule that takes a part away from a later
rule becomes a denial, and this denial must take nothing away from any other rule. Where that does not hold, or where
IAM has no condition for a rule, the rule is not expressible: the caller is refused, or the access is left out. So the
policy never allows more than the rules.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from chalicelib.core.access.principals import Principal
from chalicelib.core.access.rules import Rule
from chalicelib.core.web.paths import SERVICE_PATHS
from chalicelib.core.web.problems.aws_credentials import PolicyTooLarge, RuleNotExpressible

from .key_patterns import (
    MANY,
    NAME,
    REST,
    Segments,
    below,
    common,
    is_certain,
    overlap,
    pattern_of,
    segments_of,
    too_many,
)
from .mounts import Mount, derived_places
from .opened_keys import Excluded, Opened, excludes, without_covered, without_duplicates

MAX_ALLOWING_RULES: Final = 64  # of one caller: more patterns than 2,048 characters can hold

# What each field of a rule means for AWS keys. A field that is not named here makes a rule not expressible.
PLAIN_FIELDS: Final = frozenset(
    # S3 makes no images, and no key lasts as long as a URL: each request with the keys has a signature of its own.
    {"number", "path", "allows", "actions", "to", "image_sizes", "url_seconds"}
)
UPLOAD_FIELDS: Final = frozenset({"overwrite", "max_bytes", "content_types", "checksum", "require_headers"})
HEADER_FIELDS: Final = frozenset({"pass_headers"})  # the policy refuses these headers, so it narrows the rule
_ACTIONS_OF_FIELDS: Final = {
    **dict.fromkeys(UPLOAD_FIELDS, ("write",)),
    **dict.fromkeys(HEADER_FIELDS, ("read", "write", "delete")),
}

_ORDER: Final = "and the rules after it have no equivalent in IAM, where the order of rules has no meaning"
_PATTERN: Final = "has a path that a pattern of IAM cannot stand for"
_NAMES: Final = "hides names that a listing of S3 would show"


class _Match(NamedTuple):
    rule: Rule
    segments: Segments


class _Part(NamedTuple):
    """Paths of a mount that rules allow, the matches of earlier rules that take a part away, and a rule's number."""

    segments: Segments
    closed: tuple[_Match, ...]
    number: int


class DirectAccess:
    """Translates the rules for one caller.

    Args:
        rules: all rules, in the order of the file.
        mounts: all mounts.
        principal: the caller; the scope of a service token bounds what is opened.
        narrow: whether access that IAM cannot express is left out, and not refused.
    """

    def __init__(self, *, rules: Iterable[Rule], mounts: Sequence[Mount], principal: Principal, narrow: bool) -> None:
        self._mounts, self._narrow, self._scope = mounts, narrow, principal.scope
        self._matches = list(_matches(rules, principal))
        if sum(match.rule.allows for match in self._matches) > MAX_ALLOWING_RULES:
            raise PolicyTooLarge()

    def objects(self, mount: Mount, actions: Sequence[str]) -> list[Opened]:
        """Return the keys of a mount for which the rules give all of some actions.

        Raises:
            RuleNotExpressible: IAM cannot express a rule, and nothing is left out.
        """
        always = [*self._never_keys(mount), *self._hidden(mount)]
        found: list[Opened] = []
        for part in self._parts(mount, actions):
            segments = _relative(mount, part.segments)
            pattern = pattern_of(mount.prefix, segments)
            excluded = [*always, *(self._closed(mount, match) for match in part.closed)]
            if NAME in segments:
                rest = too_many(mount.prefix, segments)
                if rest is None:
                    self._leave_out(part.number, _PATTERN)
                    continue
                excluded.append(Excluded(rest, part.number))
            if segments != ("",):
                self._add(found, mount, Opened(pattern, tuple(excluded), part.number))
        return found

    def listings(self, mount: Mount, actions: Sequence[str]) -> list[Opened]:
        """Return the prefixes of a mount with which the caller may list: the rules give `actions` for each key there.

        A listing of S3 shows each name, and the service shows names only where the caller may list and read. So only a
        rule for everything below a directory can be expressed, and no other rule may take a part away.

        Args:
            mount: the mount.
            actions: `list`, `read` and any further actions.

        Raises:
            RuleNotExpressible: as `objects`.
        """
        parts = [part for part in self._parts(mount, actions) if part.segments[-1] == REST]
        self._check_names(mount, {part.segments for part in parts}, actions)
        found: list[Opened] = []
        for part in parts:
            segments = _relative(mount, part.segments)
            if NAME in segments:
                self._leave_out(part.number, _PATTERN)
                continue
            excluded = [*self._never_keys(mount), *self._hidden(mount)]
            for match in part.closed:
                self._leave_out(match.rule.number, _NAMES)
                pattern = self._closed(mount, match).pattern + (MANY if match.segments[-1] == "" else "")
                excluded.append(Excluded(pattern, match.rule.number, exact=False))
            pattern = mount.prefix + "/".join(segments)
            self._add(found, mount, Opened(pattern, tuple(excluded), part.number))
        return found

    def _check_names(self, mount: Mount, opened: Container[Segments], actions: Sequence[str]) -> None:
        """Leave out the directories that the caller may list, where not every name below is shown to the caller."""
        if set(actions) == {"list", "read"}:
            for part in self._parts(mount, ("list",)):
                if part.segments[-1] in ("", REST) and part.segments not in opened:
                    self._leave_out(part.number, _NAMES)

    def checked(self, opened: Iterable[Opened]) -> tuple[list[Opened], list[Excluded]]:
        """Return what is opened in one bucket without what is in it twice, and all that must be denied.

        Raises:
            RuleNotExpressible: a denial would take away what another rule gives, and nothing is left out.
        """
        kept = without_duplicates(opened)
        denied = {each.pattern: each for one in kept for each in one.excluded}
        for each in denied.values():
            for one in kept:
                if overlap(each.pattern, one.pattern) and not excludes(one, each.pattern):
                    self._leave_out(each.number or one.number, _ORDER if each.number else _PATTERN)
        return kept, without_covered(denied.values())

    def _parts(self, mount: Mount, actions: Sequence[str]) -> list[_Part]:
        """Return the paths of a mount at which the rules allow all of some actions; the first rule decides."""
        base: Segments | None = below(mount.path)
        if self._scope is not None:
            scope = self._scope.path
            opened = below(scope[:-1]) if scope.endswith("/") else (*scope[1:].split("/"),)
            base = common(base, opened) if base and set(actions) <= {*self._scope.actions} else None
        parts = [] if base is None else [_Part(base, (), 0)]
        for action in actions:
            parts = [allowed for part in parts for allowed in self._allowed(part, action)]
        return parts

    def _allowed(self, part: _Part, action: str) -> Iterator[_Part]:
        closed: list[_Match] = []
        for match in self._matches:
            segments = common(part.segments, match.segments) if action in match.rule.actions else None
            if segments is None:
                continue
            if not match.rule.allows or self._is_held(match.rule, action):
                closed.append(match)
                if segments == part.segments:
                    return  # nothing is left for the rules after this rule
            else:
                taking = [other for other in closed if common(other.segments, segments)]
                if not any(common(other.segments, segments) == segments for other in taking):
                    yield _Part(segments, (*part.closed, *taking), match.rule.number)

    def _is_held(self, rule: Rule, action: str) -> bool:
        """Whether the policy leaves out what a rule allows, because a field of the rule has no condition in IAM."""
        for name, value in rule._asdict().items():
            if name not in PLAIN_FIELDS and value != Rule._field_defaults[name]:
                if action not in _ACTIONS_OF_FIELDS.get(name, (action,)):
                    continue
                self._leave_out(rule.number, f"has {name}, for which IAM has no condition")
                if name not in HEADER_FIELDS:
                    return True
        return False

    def _hidden(self, mount: Mount) -> Iterator[Excluded]:
        """The keys of a mount whose paths belong to the service, or to a mount inside this mount."""
        paths = [SERVICE_PATHS[:-1]] if not mount.path else []
        paths += [other.path for other in self._mounts if other.path.startswith(f"{mount.path}/")]
        for path in paths:
            key = mount.prefix + path.removeprefix(f"{mount.path}/")
            yield Excluded(f"{key}/{MANY}", 0)
            if path != SERVICE_PATHS[:-1]:
                yield Excluded(key, 0)

    def _never_keys(self, mount: Mount) -> Iterator[Excluded]:
        """The keys of a bucket that no path has: those of the service, and those that begin with a slash."""
        for place in derived_places(mount, self._mounts):
            yield Excluded(f"{place}{MANY}", 0)
        if not (mount.path and mount.prefix):
            yield Excluded(f"{mount.prefix}/{MANY}", 0)

    def _closed(self, mount: Mount, match: _Match) -> Excluded:
        segments = _relative(mount, common(below(mount.path), match.segments) or ())
        pattern = mount.prefix + MANY if segments == (REST,) else pattern_of(mount.prefix, segments)
        return Excluded(pattern, match.rule.number, exact=NAME not in segments)

    def _add(self, found: list[Opened], mount: Mount, one: Opened) -> None:
        """Add what is opened, with the keys in it that are excluded; leave it out where a text is not certain."""
        excluded = tuple(each for each in one.excluded if overlap(each.pattern, one.pattern))
        if excludes(one, one.pattern):
            return
        for pattern, number in ((one.pattern, one.number), *((each.pattern, each.number) for each in excluded)):
            if not is_certain(pattern, on_aws=mount.on_aws):
                self._leave_out(number or one.number, _PATTERN)
                return
        found.append(one._replace(excluded=excluded))

    def _leave_out(self, number: int, reason: str) -> None:
        if not self._narrow:
            raise RuleNotExpressible(number, reason)


def _matches(rules: Iterable[Rule], principal: Principal) -> Iterator[_Match]:
    """Yield the rules about files that are for a principal."""
    for rule in rules:
        if not rule.path.startswith(SERVICE_PATHS) and not set(rule.to).isdisjoint(principal.tags):
            segments = segments_of(rule.path, principal.id)
            if segments is not None:
                yield _Match(rule, segments)


def _relative(mount: Mount, segments: Segments) -> Segments:
    """Return segments below the path of a mount."""
    return segments[mount.path.count("/") :]
