"""A log line with metrics is a line in CloudWatch's embedded metric format, and costs few metrics."""

from collections.abc import Mapping

from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from chalicelib.core.web.metrics import with_metrics
from tests.support.builders import NOW

NAME = {"type": "string", "minLength": 1, "maxLength": 255}
NAMES = {"type": "array", "maxItems": 9, "items": NAME}
UNITS = ["Seconds", "Microseconds", "Milliseconds", "Bytes", "Percent", "Count", "None"]
METRIC = {"type": "object", "required": ["Name"], "properties": {"Name": NAME, "Unit": {"enum": UNITS}}}
DIRECTIVE = {
    "type": "object",
    "required": ["Namespace", "Dimensions", "Metrics"],
    "properties": {
        "Namespace": NAME,
        "Dimensions": {"type": "array", "minItems": 1, "items": NAMES},
        "Metrics": {"type": "array", "maxItems": 100, "items": {**METRIC, "additionalProperties": False}},
    },
    "additionalProperties": False,
}
METADATA = {
    "type": "object",
    "required": ["Timestamp", "CloudWatchMetrics"],
    "properties": {"Timestamp": {"type": "integer"}, "CloudWatchMetrics": {"type": "array", "items": DIRECTIVE}},
    "additionalProperties": False,
}
# CloudWatch User Guide, "Specification: Embedded metric format", "Embedded metric format example and JSON schema"
SCHEMA = Draft7Validator({"type": "object", "required": ["_aws"], "properties": {"_aws": METADATA}})


def metrics_of(record: Mapping[str, object]) -> dict[tuple[str, ...], float]:
    """What CloudWatch reads: the value of each metric, by its name and the values of its dimensions."""
    line = with_metrics(record, "files-rest", NOW)
    SCHEMA.validate(line)
    assert {name: line[name] for name in record} == record
    values: dict[tuple[str, ...], float] = {}
    for directive in line["_aws"]["CloudWatchMetrics"]:  # type: ignore[index]
        for metric in directive["Metrics"]:
            for dimensions in directive["Dimensions"]:
                texts, value = [line[name] for name in dimensions], line[metric["Name"]]
                assert all(isinstance(text, str) for text in texts)  # a dimension must be a text, a metric a number
                assert isinstance(value, int | float)
                values[(metric["Name"], *map(str, texts))] = value
    return values


def test_a_request_is_counted_with_its_latency_its_refusal_and_its_use_of_a_counted_link() -> None:
    answered: dict[tuple[str, ...], float] = {
        ("Requests", "files-rest"): 1,
        ("Latency", "files-rest"): 1.5,
        ("CountedLinks", "files-rest"): 0,
    }
    record: dict[str, object] = {"id": "x", "code": None, "ms": 1.5, "address": "192.0.2.1"}
    assert metrics_of(record) == answered
    assert metrics_of({**record, "counted": True}) == {**answered, ("CountedLinks", "files-rest"): 1}
    refused = {**answered, ("Refusals", "files-rest", "forbidden"): 1}
    assert metrics_of({**record, "code": "forbidden"}) == refused
