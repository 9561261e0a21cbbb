"""The dashboard of the stack: the metrics of the alarms, and more. Packaging writes the dashboard into the template."""

import json
from collections.abc import Iterable
from typing import Any, Final

from .metrics import ENTRY_POINTS, FORBIDDEN, TABLE, TOO_MANY, UNCOUNTED, EntryPoint, Metric, Tree, of_table

_WIDTH: Final = 24
"""The columns of a dashboard."""


def dashboard() -> Tree:
    """Return the resource, by its logical id.

    The body is a text of JSON (CloudWatch API Reference, "Dashboard body structure and syntax"), in which the widgets
    of an entry point have a condition. Widgets without a place fill the rows from left to right.
    """
    shared = {"Fn::Sub": [_row(_shared()), {"TableName": TABLE}]}
    own = [{"Fn::If": [each.condition, {"Fn::Sub": f",{_row(_of_entry_point(each))}"}, ""]} for each in ENTRY_POINTS]
    properties = {
        "DashboardName": {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"},  # the names of all regions are in one list
        "DashboardBody": {"Fn::Join": ["", ['{"widgets":[', shared, *own, "]}"]]},
    }
    return {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}


def _shared() -> list[Tree]:
    table = [*of_table("SystemErrors"), *of_table("ThrottledRequests")]
    return [
        _graph("Answers of 403 and 429, and requests that limits did not count", (FORBIDDEN, TOO_MANY, UNCOUNTED)),
        _graph("Table: errors and throttles", table),
    ]


def _of_entry_point(each: EntryPoint) -> list[Tree]:
    counts = (each.requests, each.refusals, each.server_errors)
    failures = (each.of_function("Errors"), each.of_function("Throttles"))
    times = (each.of_function("Duration", "p50"), each.of_function("Duration", "p99"))
    query = "filter status >= 400 | stats count(*) as answers by status, code | sort answers desc"
    codes = {"query": f"SOURCE '${{{each.log_group}}}' | {query}", "view": "table"}
    return [
        _graph(f"{each.title}: requests, and answers of 4xx and 5xx", counts),
        _widget("log", f"{each.title}: refusals by code", codes),
        _graph(f"{each.title}: failed and throttled invocations", failures),
        _graph(f"{each.title}: milliseconds, half of the requests and 99 %", times),
    ]


def _graph(title: str, metrics: Iterable[Metric]) -> Tree:
    return _widget("metric", title, {"metrics": [_line(each) for each in metrics], "period": 300, "view": "timeSeries"})


def _line(metric: Metric) -> list[Any]:
    dimensions = (text for name, value in metric.dimensions.items() for text in (name, _text(value)))
    return [_text(metric.namespace), metric.name, *dimensions, {"stat": metric.statistic}]


def _widget(kind: str, title: str, properties: Tree) -> Tree:
    return {"type": kind, "properties": {"title": title, "region": "${AWS::Region}", **properties}}


def _row(widgets: list[Tree]) -> str:
    """A row of widgets that have the same width, as the inside of a JSON array."""
    width = _WIDTH // len(widgets)
    return ",".join(json.dumps({**each, "width": width, "height": 6}, separators=(",", ":")) for each in widgets)


def _text(value: str | Tree) -> str:
    """The text of a part of the template, inside `Fn::Sub`."""
    match value:
        case {"Ref": str(name)}:
            return f"${{{name}}}"
        case {"Fn::Sub": str(text)}:
            return text
        case str(text):
            return text
    return "${TableName}"  # TABLE, the only part with a condition
