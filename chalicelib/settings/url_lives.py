"""The lives of URLs: `url_seconds` of a rule must be long enough for `stable_seconds` of its mounts."""

from collections.abc import Sequence

from chalicelib.core.access.rules import Rule
from chalicelib.core.s3.mounts import Mount

from .mistakes import Mistakes
from .unreachable_rules import reaches


def check_lives_of_rules(rules: Sequence[Rule], mounts: Sequence[Mount], mistakes: Mistakes) -> None:
    """Report each rule with a life that is too short for the window of a mount that the rule reaches."""
    for rule in rules:
        if rule.url_seconds is None:
            continue
        window = max((mount.stable_seconds for mount in _mounts_of(rule, mounts)), default=0)
        if rule.url_seconds < 2 * window:
            text = (
                f"is {rule.url_seconds}, but a mount here has stable_seconds = {window}: write at least {2 * window}, "
                "or lower stable_seconds"
            )
            mistakes.add(("rules", rule.number - 1, "url_seconds"), text)


def _mounts_of(rule: Rule, mounts: Sequence[Mount]) -> list[Mount]:
    """Return the mounts that have paths of a rule. Of the mounts around the whole rule, the longest has its paths."""
    literal = rule.path.partition("*")[0].partition("{")[0]
    around = sorted(
        (mount for mount in mounts if literal.startswith(f"{mount.path}/")), key=lambda each: len(each.path)
    )
    return [mount for mount in mounts if mount not in around[:-1] and reaches(rule.path, mount.path)]
