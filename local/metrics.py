"""The metrics of the stack, which the alarms and the dashboard read, and the filters that count lines of the logs.

AWS measures most of them. The filters count the others in the logs: the service's own log has the status of each
answer of the service, and the access log of API Gateway has each refusal that API Gateway made itself.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from chalicelib.core.request_limits import NOT_COUNTED

Tree = dict[str, Any]

TABLE: Final = {"Fn::If": ["MakesTable", {"Ref": "Table"}, {"Ref": "ExistingTable"}]}
"""The name of the table."""
_OWN_NAMESPACE: Final = {"Fn::Sub": "Signpost/${AWS::StackName}"}


class Metric(NamedTuple):
    """A metric of CloudWatch; the dimensions are parts of the template."""

    namespace: str | Tree
    name: str
    dimensions: Mapping[str, str | Tree]
    statistic: str = "Sum"


class EntryPoint(NamedTuple):
    """One of the two entry points.

    Attributes:
        prefix: the beginning of the logical ids of its alarms.
        condition: the condition of the template under which the entry point exists.
        title: its name for people.
        function, log_group: the logical ids of its function and of the function's log group.
        requests, refusals, server_errors: the requests, and the answers of 4xx and of 5xx.
    """

    prefix: str
    condition: str
    title: str
    function: str
    log_group: str
    requests: Metric
    refusals: Metric
    server_errors: Metric

    @property
    def version(self) -> str:
        """The logical id of the published version of the function."""
        return f"{self.prefix}Version"

    @property
    def alias(self) -> str:
        """The logical id of the alias that the entry point invokes."""
        return f"{self.prefix}Alias"

    def of_function(self, name: str, statistic: str = "Sum") -> Metric:
        """Return a metric of the function (Lambda Developer Guide, "Types of metrics for Lambda functions")."""
        return _of_function(self.function, name, statistic)


def _of_api(name: str) -> Metric:
    """A metric of the REST API, which API Gateway names after the title of the API: the name of the stack."""
    return Metric("AWS/ApiGateway", name, {"ApiName": {"Ref": "AWS::StackName"}, "Stage": "api"})


def _of_function(function: str, name: str, statistic: str = "Sum") -> Metric:
    """A metric of a function, by its logical id. Those of the Function URL are metrics of its function."""
    return Metric("AWS/Lambda", name, {"FunctionName": {"Ref": function}}, statistic)


REST_API: Final = EntryPoint(
    "Rest",
    "HasRestApi",
    "REST API",
    "APIHandler",
    "ApiHandlerLogGroup",
    _of_api("Count"),
    _of_api("4XXError"),
    _of_api("5XXError"),
)
FUNCTION_URL: Final = EntryPoint(
    "FunctionUrl",
    "HasFunctionUrl",
    "Function URL",
    "FunctionUrlHandler",
    "FunctionUrlHandlerLogGroup",
    _of_function("FunctionUrlHandler", "UrlRequestCount"),
    _of_function("FunctionUrlHandler", "Url4xxCount"),
    _of_function("FunctionUrlHandler", "Url5xxCount"),
)
ENTRY_POINTS: Final = (REST_API, FUNCTION_URL)

UNCOUNTED: Final = Metric(_OWN_NAMESPACE, "UncountedRequests", {})
FORBIDDEN: Final = Metric(_OWN_NAMESPACE, "Answers403", {})
TOO_MANY: Final = Metric(_OWN_NAMESPACE, "Answers429", {})

TABLE_OPERATIONS: Final = ("GetItem", "UpdateItem")
"""The calls of the service to the table."""


def of_table(name: str) -> tuple[Metric, ...]:
    """Return a metric of the table, one for each operation, because DynamoDB has no sum of all operations."""
    return tuple(Metric("AWS/DynamoDB", name, {"TableName": TABLE, "Operation": each}) for each in TABLE_OPERATIONS)


# The lines that a metric counts in the service's own log (CloudWatch Logs User Guide, "Filter pattern syntax").
_OWN_LINES: Final = (
    ("Uncounted", UNCOUNTED, f'{{ $.error = "{NOT_COUNTED}*" }}'),
    ("Forbidden", FORBIDDEN, "{ $.status = 403 }"),
    ("TooMany", TOO_MANY, "{ $.status = 429 }"),
)
# And in the access log, where each value is a text, and `error` is "-" in an answer that API Gateway only passes on.
_GATEWAY_LINES: Final = (
    ("Forbidden", FORBIDDEN, '{ $.status = "403" && $.error != "-" }'),  # a firewall
    ("TooMany", TOO_MANY, '{ $.status = "429" && $.error != "-" }'),  # ThrottleRate and ThrottleBurst
)


def filters() -> Tree:
    """Return the resources that count the lines, by logical id."""
    own = [(each.prefix, each.condition, each.log_group, _OWN_LINES) for each in ENTRY_POINTS]
    logs = [*own, ("Gateway", REST_API.condition, "AccessLogGroup", _GATEWAY_LINES)]
    return {
        f"{prefix}{name}": {"Condition": condition, **_filter(log_group, metric, pattern)}
        for prefix, condition, log_group, lines in logs
        for name, metric, pattern in lines
    }


def _filter(log_group: str, metric: Metric, pattern: str) -> Tree:
    counted = {"MetricNamespace": metric.namespace, "MetricName": metric.name, "MetricValue": "1"}
    properties = {"LogGroupName": {"Ref": log_group}, "FilterPattern": pattern, "MetricTransformations": [counted]}
    return {"Type": "AWS::Logs::MetricFilter", "Properties": properties}
