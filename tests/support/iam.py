"""What IAM decides by a policy: a small evaluator, and the engine of moto, which share no code for patterns.

moto's `IAMPolicy` judges which statements concern a request, by their actions and resources, and that a denial wins.
moto's `IAMPolicyStatement` judges each pattern of a condition `StringLike`. In both, moto itself reads `*`. moto reads
all else in a pattern as a regular expression, so it gets `?` as `.` and every other character as an escape, `${*}` too.

Which conditions hold, moto cannot judge: it knows `StringEquals` alone, and denies where a condition does not hold. So
only the small evaluator judges the operators, from `Null` to `IfExists`, and moto gets the statements that it keeps.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any

from moto.iam.access_control import IAMPolicy, IAMPolicyStatement, PermissionResult

Document = Mapping[str, Any]
Context = Mapping[str, str]
Like = Callable[[str, str], bool]
"""Whether a text matches a pattern of IAM."""


def allows(policy: Document, action: str, resource: str, context: Context) -> bool:
    """Whether a statement allows a request, and no statement denies it (IAM User Guide, "Policy evaluation logic")."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(_like(pattern, action) for pattern in statement["Action"])
        and any(_like(pattern, resource) for pattern in statement["Resource"])
        and _holds(statement.get("Condition", {}), context, _like)
    }
    return effects == {"Allow"}


def moto_allows(policy: Document, action: str, resource: str, context: Context) -> bool:
    """The same decision by moto's engine, as far as moto can judge."""
    statements = [
        {
            "Effect": statement["Effect"],
            "Action": [*map(_for_moto, statement["Action"])],
            "Resource": [*map(_for_moto, statement["Resource"])],
        }
        for statement in policy["Statement"]
        if _holds(statement.get("Condition", {}), context, _moto_like)
    ]
    of_moto = IAMPolicy({"policy_document": json.dumps({"Statement": statements})})
    return of_moto.is_action_permitted(action, resource) == PermissionResult.PERMITTED


def read(text: str) -> Document:
    """The document of a text."""
    document: Document = json.loads(text)
    return document


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Context, like: Like) -> bool:
    """Whether all conditions hold; an unknown operator raises KeyError."""
    return all(
        _OPERATORS[operator](value if isinstance(value, list) else [value], context.get(key), like)
        for operator, keys in conditions.items()
        for key, value in keys.items()
    )


_OPERATORS: Mapping[str, Callable[[Sequence[str], str | None, Like], bool]] = {
    "DateLessThan": lambda wanted, found, _: found is not None and found < wanted[0],
    "Null": lambda wanted, found, _: (found is None) is (wanted[0] == "true"),
    "StringEqualsIfExists": lambda wanted, found, _: found is None or found in wanted,
    "StringNotEqualsIfExists": lambda wanted, found, _: found is None or found not in wanted,
    "StringLike": lambda wanted, found, like: found is not None and any(like(each, found) for each in wanted),
    "StringLikeIfExists": lambda wanted, found, like: found is None or any(like(each, found) for each in wanted),
}


@lru_cache(100_000)
def _like(pattern: str, text: str) -> bool:
    """Whether a text matches, as `fnmatch` reads `*` and `?`. There, brackets stand for themselves and for no range."""
    literal = {"${*}": "[*]", "${?}": "[?]", "${$}": "$", "[": "[[]"}
    return fnmatchcase(text, re.sub(r"\$\{.\}|\[", lambda found: literal[found[0]], pattern))


@lru_cache(100_000)
def _moto_like(pattern: str, text: str) -> bool:
    """Whether a text matches, as moto judges an action."""
    statement = IAMPolicyStatement({"Effect": "Allow", "Action": [_for_moto(pattern)]})
    return statement.is_action_permitted(text) == PermissionResult.PERMITTED


@cache
def _for_moto(pattern: str) -> str:
    """A pattern in moto's own writing; its stars are left to moto."""
    written = re.sub(r"\$\{(.)\}|[^*?]", lambda found: f"\\U{ord(found[1] or found[0]):08x}", pattern)
    return written.replace("?", ".")
