"""Metrics: the members that make a log line a line in CloudWatch's embedded metric format.

Source: CloudWatch User Guide, "Specification: Embedded metric format". CloudWatch Logs reads the metrics from the line,
so no call is made. Each pair of a metric and the values of its dimensions costs as one custom metric.
"""

from collections.abc import Mapping
from typing import Any, Final

NAMESPACE: Final = "Signpost"

_REQUESTS: Final = {
    "Namespace": NAMESPACE,
    "Dimensions": [["function"]],
    "Metrics": [
        {"Name": "Requests", "Unit": "Count"},
        {"Name": "Latency", "Unit": "Milliseconds"},
        {"Name": "CountedLinks", "Unit": "Count"},
    ],
}
_REFUSALS: Final = {
    "Namespace": NAMESPACE,
    "Dimensions": [["function", "code"]],
    "Metrics": [{"Name": "Refusals", "Unit": "Count"}],
}


def with_metrics(record: Mapping[str, Any], function_name: str, now: float) -> dict[str, object]:
    """Return a record of the log with its metrics: one request, its latency, its refusal, its use of a counted link.

    Args:
        record: of a request, as `AccessLogEntry.record` returns it.
        function_name: the name of the function, a dimension of all metrics.
        now: Unix time in seconds.
    """
    directives, refusals = ([_REQUESTS, _REFUSALS], {"Refusals": 1}) if record["code"] else ([_REQUESTS], {})
    return {
        **record,
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": directives},
        "function": function_name,
        "Requests": 1,
        "Latency": record["ms"],
        "CountedLinks": int(record.get("counted", False)),
        **refusals,
    }
