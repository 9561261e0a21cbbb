"""Who may do what in the stack: the functions, the world, API Gateway."""

from pathlib import Path
from typing import Any

import pytest

from .templates import Stack, arn, strings, transform, values

OBJECTS = {"Fn::Sub": "${Bucket.Arn}/*"}


@pytest.fixture(scope="module")
def stack(built: Path) -> Stack:
    """What `make package` writes, transformed."""
    return transform(built / "sam.json")


def test_functions_are_invoked_through_our_two_urls_only(stack: Stack) -> None:
    """The REST API, and the two statements that a public Function URL needs (FACTS 1.11); the transform adds none."""
    api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${RestAPIId}/*"
    url = {"FunctionName": {"Ref": "FunctionUrlHandler"}, "Principal": "*"}
    assert stack.of_type("AWS::Lambda::Permission") == {
        "APIHandlerInvokePermission": {
            "FunctionName": {"Ref": "APIHandler"},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {"Fn::Sub": [api, {"RestAPIId": {"Ref": "RestAPI"}}]},
        },
        "FunctionUrlPermission": {**url, "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
        "FunctionUrlInvokePermission": {**url, "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
    }


def test_nothing_else_is_for_everyone(stack: Stack) -> None:
    """Beside those two statements, only the refusal of the bucket names everyone."""
    public = {
        logical_id
        for logical_id, resource in stack.resources.items()
        for principal in values(resource["Properties"], "Principal")
        if "*" in strings(principal)
    }
    assert public == {"BucketPolicy", "FunctionUrlPermission", "FunctionUrlInvokePermission"}
    assert stack.at("BucketPolicy", "PolicyDocument", "Statement", 0, "Effect") == "Deny"


@pytest.mark.parametrize(
    ("sid", "actions", "resource"),
    [
        (
            "Objects1",
            [
                "s3:GetObject",
                "s3:PutObject",
                "s3:AbortMultipartUpload",
                "s3:ListMultipartUploadParts",
                "s3:DeleteObject",
            ],
            OBJECTS,
        ),
        ("List1", ["s3:ListBucket"], arn("Bucket")),
        ("Table", ["dynamodb:GetItem", "dynamodb:UpdateItem"], arn("Table")),
        ("Secret", ["secretsmanager:GetSecretValue"], {"Ref": "Secret"}),
        (
            "Logs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [arn("ApiHandlerLogGroup"), arn("FunctionUrlHandlerLogGroup")],
        ),
    ],
)
def test_the_functions_may(stack: Stack, sid: str, actions: list[str], resource: Any) -> None:
    """What they need, on this stack's own resources."""
    statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    assert statement in stack.at("ApiHandlerRole", "Policies", 0, "PolicyDocument", "Statement")


def test_the_functions_may_do_nothing_else(stack: Stack) -> None:
    """One policy of five statements, and no managed one."""
    assert len(list(values(stack.resources["ApiHandlerRole"], "Effect"))) == 1 + 5
    assert set(stack.at("ApiHandlerRole")) == {"AssumeRolePolicyDocument", "Policies"}
    assert set(stack.of_type("AWS::IAM::Role")) == {"ApiHandlerRole", "ApiLogsRole"}


@pytest.mark.parametrize(
    ("logical_id", "service"),
    [("ApiHandlerRole", "lambda.amazonaws.com"), ("ApiLogsRole", "apigateway.amazonaws.com")],
)
def test_a_role_is_for_one_service(stack: Stack, logical_id: str, service: str) -> None:
    """And for nobody else."""
    (statement,) = stack.at(logical_id, "AssumeRolePolicyDocument", "Statement")
    assert statement["Principal"] == {"Service": service}
    assert statement["Action"] == "sts:AssumeRole"


def test_api_gateway_may_write_logs_with_the_policy_of_aws_for_it(stack: Stack) -> None:
    """It has `*` as its resource, and API Gateway takes no narrower one."""
    policy = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    role = stack.at("ApiLogsRole")
    assert set(role) == {"AssumeRolePolicyDocument", "ManagedPolicyArns"}
    assert role["ManagedPolicyArns"] == [{"Fn::Sub": policy}]


def test_policies_name_only_what_is_in_the_stack(stack: Stack) -> None:
    """No ARN written out, in whatever policy there is."""
    resources = [
        resource
        for kind in ("AWS::IAM::Role", "AWS::S3::BucketPolicy")
        for resource in values(stack.of_type(kind), "Resource")
    ]
    assert len(resources) == 6
    for resource in resources:
        for one in resource if isinstance(resource, list) else [resource]:
            name = (
                one.get("Ref") or one.get("Fn::GetAtt", [""])[0] or one["Fn::Sub"].partition(".")[0].removeprefix("${")
            )
            assert name in stack.resources


def test_policies_are_of_the_current_language(stack: Stack) -> None:
    """Without a version a policy is of 2008 (IAM User Guide, "Version")."""
    documents = list(values(dict(stack.resources), "PolicyDocument", "AssumeRolePolicyDocument"))
    assert [document["Version"] for document in documents] == ["2012-10-17"] * 4


def test_every_wildcard_says_why(stack: Stack) -> None:
    """In an action, a resource, a source or a principal; and a managed policy, since AWS's has one."""
    wild = {
        logical_id
        for logical_id, resource in stack.resources.items()
        for value in values(resource, "Action", "Resource", "SourceArn", "Principal", "ManagedPolicyArns")
        if any("*" in text or ":policy/" in text for text in strings(value))
    }
    assert wild == {
        "APIHandlerInvokePermission",
        "ApiHandlerRole",
        "ApiLogsRole",
        "BucketPolicy",
        "FunctionUrlInvokePermission",
        "FunctionUrlPermission",
    }
    for logical_id in wild:
        assert stack.resources[logical_id]["Metadata"]["Why"]
