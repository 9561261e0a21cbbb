"""The alarms of the stack: one row for each. Packaging writes the alarms into the template."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from .metrics import ENTRY_POINTS, FORBIDDEN, TOO_MANY, UNCOUNTED, EntryPoint, Metric, Tree, of_table

_PERIOD: Final = 300
"""The seconds in which CloudWatch adds up a metric."""


class Alarm(NamedTuple):
    """An alarm: a metric that reaches the threshold in each of some periods of 5 minutes.

    Attributes:
        name: the logical id.
        metrics: the metric; several metrics are added up.
        threshold: the value that raises the alarm, or the parameter with the value.
        periods: the number of periods.
        description: what has happened.
        condition: the condition of the template under which the alarm exists; None: always.
    """

    name: str
    metrics: tuple[Metric, ...]
    threshold: int | Tree
    periods: int
    description: str
    condition: str | None = None


def alarms() -> Tree:
    """Return the alarms, by logical id."""
    return {alarm.name: _resource(alarm) for alarm in _rows()}


def _rows() -> Iterator[Alarm]:
    for entry_point in ENTRY_POINTS:
        yield from _of_entry_point(entry_point)
    text = "Limits: requests got through without being counted, because the table is out of reach; the log says why."
    yield Alarm("Uncounted", (UNCOUNTED,), 1, 1, text)
    text = "AlarmOn403 or more answers of 403 in 5 minutes: someone tries what the rules refuse, or a rule is wrong."
    yield Alarm("Forbidden", (FORBIDDEN,), {"Ref": "AlarmOn403"}, 1, text)
    text = "AlarmOn429 or more answers of 429 in 5 minutes: callers are over a limit, or over ThrottleRate."
    yield Alarm("TooMany", (TOO_MANY,), {"Ref": "AlarmOn429"}, 1, text)
    # DynamoDB has UserErrors of the whole account only. A user error of ours is an answer of 503, or is Uncounted.
    yield Alarm("TableErrors", of_table("SystemErrors"), 1, 1, "Table: DynamoDB failed; see the AWS Health Dashboard.")
    text = "Table: DynamoDB refused requests because there were too many for the table or the account."
    yield Alarm("TableThrottles", of_table("ThrottledRequests"), 1, 1, text)


def _of_entry_point(each: EntryPoint) -> Iterator[Alarm]:
    for name, metric, threshold, periods, text in (
        ("Errors", each.of_function("Errors"), 1, 1, "an invocation failed or timed out; its log says why."),
        ("Throttles", each.of_function("Throttles"), 1, 1, "more requests at once than ReservedConcurrency."),
        ("Duration", each.of_function("Duration", "p99"), 2000, 3, "for 15 minutes, 1 % took 2 seconds or more."),
        ("ServerErrors", each.server_errors, 1, 1, "answers of 500 and above."),
    ):
        yield Alarm(each.prefix + name, (metric,), threshold, periods, f"{each.title}: {text}", each.condition)


def _resource(alarm: Alarm) -> Tree:
    """The resource of an alarm: the topic hears when the alarm begins and when it ends, and no data is no alarm."""
    topic = [{"Ref": "Alarms"}]
    properties = {
        "AlarmDescription": alarm.description,
        **(_watch(alarm.metrics[0]) if len(alarm.metrics) == 1 else {"Metrics": _sum(alarm.metrics)}),
        "EvaluationPeriods": alarm.periods,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": alarm.threshold,
        "TreatMissingData": "notBreaching",
        "AlarmActions": topic,
        "OKActions": topic,
    }
    condition = {"Condition": alarm.condition} if alarm.condition else {}
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": properties}


def _watch(metric: Metric) -> Tree:
    percentile = metric.statistic.startswith("p")
    statistic = {"ExtendedStatistic" if percentile else "Statistic": metric.statistic}
    return {**_named(metric), **statistic, "Period": _PERIOD}


def _sum(metrics: tuple[Metric, ...]) -> list[Tree]:
    """The sum of metrics; a metric without data in a period counts as 0, else the sum has no data either."""
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {"Metric": _named(metric), "Period": _PERIOD, "Stat": metric.statistic},
            "ReturnData": False,
        }
        for number, metric in enumerate(metrics, 1)
    ]
    total = " + ".join(f"FILL({query['Id']}, 0)" for query in queries)
    return [{"Id": "total", "Expression": total, "ReturnData": True}, *queries]


def _named(metric: Metric) -> Tree:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    named = {"Namespace": metric.namespace, "MetricName": metric.name}
    return {**named, "Dimensions": dimensions} if dimensions else named
