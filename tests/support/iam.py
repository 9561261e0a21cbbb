"""What IAM decides by a policy: a small evaluator, and the engine of moto with the patterns in moto's own writing."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from moto.iam.access_control import IAMPolicyStatement, PermissionResult

Document = Mapping[str, Any]
Context = Mapping[str, str]


def allows(policy: Document, action: str, resource: str, context: Context) -> bool:
    """Whether a statement allows a request, and no statement denies it (IAM User Guide, "Policy evaluation logic")."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(_like(pattern, action) for pattern in statement["Action"])
        and any(_like(pattern, resource) for pattern in statement["Resource"])
        and holds(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def moto_allows(policy: Document, action: str, resource: str, context: Context) -> bool:
    """The same decision by moto's engine.

    moto reads patterns as regular expressions, and knows no condition but `StringEquals`. So moto gets the statements
    whose conditions hold, with patterns in its own writing.
    """
    results = set()
    for statement in policy["Statement"]:
        if holds(statement.get("Condition", {}), context):
            readable = {
                "Effect": statement["Effect"],
                "Action": statement["Action"],
                "Resource": [_expression(each, "*") for each in statement["Resource"]],  # moto makes `.*` of each `*`
            }
            statement_of_moto = IAMPolicyStatement(readable)
            results.add(statement_of_moto.is_action_permitted(action, resource))
    return PermissionResult.PERMITTED in results and PermissionResult.DENIED not in results


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether all conditions hold; an unknown operator raises KeyError."""
    return all(
        _OPERATORS[operator](value if isinstance(value, list) else [value], context.get(key))
        for operator, keys in conditions.items()
        for key, value in keys.items()
    )


_OPERATORS: Mapping[str, Callable[[Sequence[str], str | None], bool]] = {
    "DateLessThan": lambda wanted, found: found is not None and found < wanted[0],
    "Null": lambda wanted, found: (found is None) is (wanted[0] == "true"),
    "StringEqualsIfExists": lambda wanted, found: found is None or found in wanted,
    "StringNotEqualsIfExists": lambda wanted, found: found is None or found not in wanted,
    "StringLike": lambda wanted, found: found is not None and any(_like(each, found) for each in wanted),
    "StringLikeIfExists": lambda wanted, found: found is None or any(_like(each, found) for each in wanted),
}


def _parts(pattern: str) -> list[str]:
    """The parts of a pattern: `*`, `?`, an escape such as `${*}`, or one character."""
    return re.findall(r"\$\{[*?$]\}|.", pattern, re.DOTALL)


@cache
def _expression(pattern: str, many: str) -> str:
    """A regular expression for a pattern, with no star of its own in it."""
    wild = {"*": many, "?": "."}
    return "".join(wild.get(part) or f"\\u{ord(part[2] if len(part) > 1 else part):04x}" for part in _parts(pattern))


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(_expression(pattern, ".*"), text, re.DOTALL) is not None


def read(text: str) -> Document:
    """The document of a text."""
    document: Document = json.loads(text)
    return document
