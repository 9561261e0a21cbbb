"""Whom the stack tells when something is wrong or dear, and what it asks and answers who deploys it."""

import re
from pathlib import Path
from typing import Any

import pytest

from .templates import Stack, given, transform


@pytest.fixture(scope="module")
def stack(built: Path) -> Stack:
    """What `make package` writes, transformed."""
    return transform(built / "sam.json")


@pytest.mark.parametrize(
    ("logical_id", "metric", "dimensions", "more"),
    [
        *[
            (f"{door}{alarm}", f"AWS/Lambda {metric}", {"FunctionName": {"Ref": function}}, more)
            for door, function in (("Rest", "APIHandler"), ("FunctionUrl", "FunctionUrlHandler"))
            for alarm, metric, more in (
                ("Errors", "Errors", {"Statistic": "Sum", "EvaluationPeriods": 1, "Threshold": 1}),
                ("Throttles", "Throttles", {"Statistic": "Sum", "EvaluationPeriods": 1, "Threshold": 1}),
                ("Duration", "Duration", {"ExtendedStatistic": "p99", "EvaluationPeriods": 3, "Threshold": 2000}),
            )
        ],
        (
            "RestServerErrors",
            "AWS/ApiGateway 5XXError",
            {"ApiName": {"Ref": "AWS::StackName"}, "Stage": "api"},
            {"Statistic": "Sum", "EvaluationPeriods": 1, "Threshold": 1},
        ),
        (
            "FunctionUrlServerErrors",
            "AWS/Lambda Url5xxCount",
            {"FunctionName": {"Ref": "FunctionUrlHandler"}},
            {"Statistic": "Sum", "EvaluationPeriods": 1, "Threshold": 1},
        ),
    ],
)
def test_alarm(stack: Stack, logical_id: str, metric: str, dimensions: dict[str, Any], more: dict[str, Any]) -> None:
    """Each tells the topic, and silence is no alarm."""
    alarm = dict(stack.at(logical_id))
    assert alarm.pop("AlarmDescription")
    namespace, _, name = metric.partition(" ")
    assert alarm == {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Period": 300,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Ref": "Alarms"}],
        **more,
    }


def test_the_alarm_of_the_api_watches_this_one(stack: Stack) -> None:
    """API Gateway names its metrics after the title, and two stacks in an account are two APIs."""
    assert stack.at("RestAPI", "Body", "info", "title") == {"Ref": "AWS::StackName"}


def test_alarms_are_mailed_to_the_address_that_was_given(stack: Stack) -> None:
    """And the topic says why it is not encrypted."""
    assert stack.resources["AlarmMail"]["Condition"] == "HasAlarmEmail"
    assert stack.at("AlarmMail") == {
        "TopicArn": {"Ref": "Alarms"},
        "Protocol": "email",
        "Endpoint": {"Ref": "AlarmEmail"},
    }
    assert "KmsMasterKeyId" in stack.at("Alarms") or stack.resources["Alarms"]["Metadata"]["Why"]


def test_the_budget_warns_before_it_is_spent(stack: Stack) -> None:
    """Where there is someone to warn."""
    subscribers = [{"SubscriptionType": "EMAIL", "Address": {"Ref": "AlarmEmail"}}]
    percent = {"ComparisonOperator": "GREATER_THAN", "ThresholdType": "PERCENTAGE"}
    assert stack.at("Budget", "Budget") == {
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": {"Ref": "MonthlyBudget"}, "Unit": "USD"},
    }
    assert stack.at("Budget", "NotificationsWithSubscribers") == given(
        "HasAlarmEmail",
        [
            {"Notification": {"NotificationType": kind, "Threshold": threshold, **percent}, "Subscribers": subscribers}
            for kind, threshold in (("ACTUAL", 80), ("FORECASTED", 100))
        ],
    )


@pytest.mark.parametrize(
    ("condition", "filled"),
    [
        ("HasBucketName", {"Ref": "BucketName"}),
        ("HasCorsOrigins", {"Fn::Join": ["", {"Ref": "CorsOrigins"}]}),
        ("HasReservedConcurrency", {"Ref": "ReservedConcurrency"}),
        ("HasAlarmEmail", {"Ref": "AlarmEmail"}),
    ],
)
def test_an_empty_parameter_is_none(stack: Stack, condition: str, filled: Any) -> None:
    """CloudFormation has no null."""
    assert stack.template["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [filled, ""]}]}


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("BucketName", ""),
        ("CorsOrigins", ""),
        ("ReservedConcurrency", "100"),
        ("ThrottleRate", 200),
        ("ThrottleBurst", 400),
        ("MonthlyBudget", 20),
        ("AlarmEmail", ""),
    ],
)
def test_parameter(stack: Stack, name: str, default: Any) -> None:
    """Each is explained, and none must be given."""
    parameter = stack.template["Parameters"][name]
    assert parameter["Default"] == default
    assert parameter["Description"].endswith((".", ",null"))
    assert parameter["Type"] != "Number" or parameter["MinValue"] == 1


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("BucketName", ["", "acme-files", "a1b"], ["a.b.c", "Acme", "ab", "-acme", "acme-", "a" * 64]),
        ("ReservedConcurrency", ["", "0", "100"], ["-1", "ten", "1.5"]),
        ("AlarmEmail", ["", "ops@example.com"], ["ops", "ops@", "a@b, c@d"]),
    ],
)
def test_a_parameter_that_would_fail_later_is_refused_at_once(
    stack: Stack, name: str, good: list[str], bad: list[str]
) -> None:
    """CloudFormation matches the whole value, and tells what is wanted."""
    parameter = stack.template["Parameters"][name]
    pattern = re.compile(parameter["AllowedPattern"])
    assert [value for value in [*good, *bad] if pattern.fullmatch(value)] == good
    assert parameter["ConstraintDescription"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RestUrl", {"Fn::Sub": "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api/"}),
        ("FunctionUrl", {"Fn::GetAtt": ["FunctionUrl", "FunctionUrl"]}),
        ("BucketName", {"Ref": "Bucket"}),
        ("TableName", {"Ref": "Table"}),
        ("SecretArn", {"Ref": "Secret"}),
    ],
)
def test_output(stack: Stack, name: str, value: Any) -> None:
    """What one wants to know next."""
    output = stack.template["Outputs"][name]
    assert output["Value"] == value
    assert output["Description"]
