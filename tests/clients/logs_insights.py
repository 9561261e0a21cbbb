"""An interpreter of the few commands of CloudWatch Logs Insights that docs/operating.md uses. It refuses all others.

Source: CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Event = Mapping[str, Any]
Rows = list[dict[str, Any]]

_CONDITION = re.compile(r'(@?\w+) (=|<|>=|like|in) ("[^"]*"|\d+|/.*/|\[.*\])')
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "<": lambda value, wanted: value < wanted,
    ">=": lambda value, wanted: value >= wanted,
    "like": lambda value, pattern: re.search(pattern, value) is not None,
    "in": lambda value, choices: value in choices,
}
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {"count": len, "max": max}


def run(query: str, events: Iterable[Event]) -> Rows:
    """Return the rows of a query. A field with the value null is missing, as a field that the event does not have."""
    rows: Rows = [{name: value for name, value in event.items() if value is not None} for event in events]
    for command in query.strip().split("\n| "):
        name, _, arguments = command.partition(" ")
        rows = {"filter": _filter, "stats": _stats, "fields": _fields, "sort": _sort}[name](rows, arguments)
    return rows


def _filter(rows: Rows, arguments: str) -> Rows:
    for text in arguments.split(" and "):
        match = _CONDITION.fullmatch(text)
        assert match, text
        name, operator, literal = match.groups()
        wanted = _value(literal)
        rows = [row for row in rows if name in row and _COMPARISONS[operator](row[name], wanted)]
    return rows


def _value(literal: str) -> Any:
    if literal[0] == "[":
        return [_value(item) for item in literal[1:-1].split(", ")]
    return int(literal) if literal.isdigit() else literal[1:-1]


def _stats(rows: Rows, arguments: str) -> Rows:
    aggregates, _, names = arguments.partition(" by ")
    by = names.split(", ")
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
    return [
        dict(zip(by, key, strict=True))
        | {name: value for text in aggregates.split(", ") for name, value in [_of(text, group)]}
        for key, group in groups.items()
    ]


def _of(text: str, rows: Rows) -> tuple[str, Any]:
    match = re.fullmatch(r"(\w+)\((\*|@?\w+)\) as (\w+)", text)
    assert match, text
    function, field, name = match.groups()
    return name, _AGGREGATES[function]([row if field == "*" else row[field] for row in rows])


def _fields(rows: Rows, arguments: str) -> Rows:
    return [{name: row.get(name) for name in arguments.split(", ")} for row in rows]


def _sort(rows: Rows, arguments: str) -> Rows:
    name, order = arguments.split(" ")
    return sorted(rows, key=lambda row: row[name], reverse={"asc": False, "desc": True}[order])
