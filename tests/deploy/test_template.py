"""What the stack is made of, read from what CloudFormation gets; and what AWS's own linter says to it."""

import json
from pathlib import Path
from typing import Any

import pytest

from .templates import Stack, arn, given, lint, transform

FUNCTIONS = ("APIHandler", "FunctionUrlHandler")


@pytest.fixture(scope="module")
def stack(built: Path) -> Stack:
    """What `make package` writes, transformed."""
    return transform(built / "sam.json")


def test_cfn_lint_finds_nothing_in_the_packaged_template(built: Path) -> None:
    """Neither errors nor warnings."""
    assert lint(built / "sam.json") == ""


def test_cfn_lint_finds_nothing_in_the_transformed_template(stack: Stack, tmp_path: Path) -> None:
    """Neither errors nor warnings."""
    file = tmp_path / "template.json"
    file.write_text(json.dumps(stack.template))
    assert lint(file) == ""


@pytest.mark.parametrize(
    ("logical_id", "path", "value"),
    [
        ("Bucket", ("BucketName",), given("HasBucketName", {"Ref": "BucketName"})),
        ("Bucket", ("PublicAccessBlockConfiguration", "BlockPublicAcls"), True),
        ("Bucket", ("PublicAccessBlockConfiguration", "BlockPublicPolicy"), True),
        ("Bucket", ("PublicAccessBlockConfiguration", "IgnorePublicAcls"), True),
        ("Bucket", ("PublicAccessBlockConfiguration", "RestrictPublicBuckets"), True),
        ("Bucket", ("OwnershipControls", "Rules"), [{"ObjectOwnership": "BucketOwnerEnforced"}]),
        (
            "Bucket",
            ("BucketEncryption", "ServerSideEncryptionConfiguration"),
            [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}],
        ),
        ("Bucket", ("VersioningConfiguration", "Status"), "Enabled"),
        ("Table", ("BillingMode",), "PAY_PER_REQUEST"),
        ("Table", ("AttributeDefinitions",), [{"AttributeName": "id", "AttributeType": "S"}]),
        ("Table", ("KeySchema",), [{"AttributeName": "id", "KeyType": "HASH"}]),
        ("Table", ("TimeToLiveSpecification",), {"AttributeName": "expires", "Enabled": True}),
        ("Table", ("PointInTimeRecoverySpecification",), {"PointInTimeRecoveryEnabled": True}),
        ("Table", ("SSESpecification",), {"SSEEnabled": True}),
        ("Secret", ("GenerateSecretString",), {"PasswordLength": 64, "ExcludePunctuation": True}),
        ("RestAPI", ("EndpointConfiguration", "Types"), ["REGIONAL"]),
        ("RestAPI", ("SecurityPolicy",), "SecurityPolicy_TLS13_1_2_PQ_2025_09"),
        ("RestAPI", ("EndpointAccessMode",), "BASIC"),
        ("RestAPIapiStage", ("StageName",), "api"),
        ("RestAPIapiStage", ("TracingEnabled",), False),
        ("RestAPIapiStage", ("AccessLogSetting", "DestinationArn"), arn("AccessLogGroup")),
        ("ApiLogsAccount", ("CloudWatchRoleArn",), arn("ApiLogsRole")),
        ("FunctionUrl", ("TargetFunctionArn",), arn("FunctionUrlHandler")),
        ("FunctionUrl", ("AuthType",), "NONE"),
        ("FunctionUrl", ("InvokeMode",), "BUFFERED"),
        ("AlarmMail", ("TopicArn",), {"Ref": "Alarms"}),
        ("AlarmMail", ("Protocol",), "email"),
        ("AlarmMail", ("Endpoint",), {"Ref": "AlarmEmail"}),
    ],
)
def test_property(stack: Stack, logical_id: str, path: tuple[str, ...], value: Any) -> None:
    """Each is a promise of its own."""
    assert stack.at(logical_id, *path) == value


@pytest.mark.parametrize("logical_id", ["Bucket", "BucketPolicy", "Table", "Secret"])
def test_data_outlives_the_stack(stack: Stack, logical_id: str) -> None:
    """Deletion and replacement keep it; a creation that fails leaves nothing in the way of the next."""
    resource = stack.resources[logical_id]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


@pytest.mark.parametrize("logical_id", ["ApiLogsRole", "ApiLogsAccount"])
def test_a_setting_of_the_account_outlives_the_stack(stack: Stack, logical_id: str) -> None:
    """Other APIs of the account log with it, even where the creation of this stack fails."""
    resource = stack.resources[logical_id]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_stage_waits_for_the_log_role(stack: Stack) -> None:
    """API Gateway refuses a stage with an access log in an account without one."""
    assert stack.resources["RestAPI"]["DependsOn"] == ["ApiLogsAccount"]
    assert stack.at("RestAPIapiStage", "RestApiId") == {"Ref": "RestAPI"}


def test_the_bucket_refuses_what_comes_without_tls(stack: Stack) -> None:
    """Everyone, and whatever they want."""
    assert stack.at("BucketPolicy", "Bucket") == {"Ref": "Bucket"}
    assert stack.at("BucketPolicy", "PolicyDocument", "Statement") == [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ]


def test_cors_lets_our_pages_and_those_of_the_configured_origins_use_the_bucket(stack: Stack) -> None:
    """Ours without more ado, others (`null` after a redirect, FACTS 3) where the parameter names them."""
    allowed = {
        "AllowedMethods": ["GET", "HEAD", "PUT", "POST", "DELETE"],
        "AllowedHeaders": ["*"],
        "ExposedHeaders": [
            "ETag",
            "Accept-Ranges",
            "Content-Range",
            "Content-Disposition",
            "Content-Encoding",
            "x-amz-version-id",
        ],
        "MaxAge": 3600,
    }
    own = [
        {"Fn::Sub": "https://*.execute-api.${AWS::Region}.${AWS::URLSuffix}"},
        {"Fn::Sub": "https://*.lambda-url.${AWS::Region}.on.aws"},
    ]
    assert stack.at("Bucket", "CorsConfiguration", "CorsRules") == [
        {"AllowedOrigins": own, **allowed},
        given("HasCorsOrigins", {"AllowedOrigins": {"Ref": "CorsOrigins"}, **allowed}),
    ]


@pytest.mark.parametrize(
    "rule",
    [
        {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"Prefix": "-/derived/", "ExpirationInDays": 90, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}, "ExpiredObjectDeleteMarker": True},
    ],
    ids=["incomplete uploads", "derivatives", "old versions"],
)
def test_what_nobody_needs_expires(stack: Stack, rule: dict[str, Any]) -> None:
    """And nothing else does: one rule each, and all of them on."""
    rules = stack.at("Bucket", "LifecycleConfiguration", "Rules")
    assert len(rules) == 3
    assert rule in [{k: v for k, v in it.items() if k not in ("Id", "Status")} for it in rules]
    assert {it["Status"] for it in rules} == {"Enabled"}


@pytest.mark.parametrize(
    ("logical_id", "handler", "logs"),
    [
        ("APIHandler", "app.app", "ApiHandlerLogGroup"),
        ("FunctionUrlHandler", "app.function_url", "FunctionUrlHandlerLogGroup"),
    ],
)
def test_function(stack: Stack, logical_id: str, handler: str, logs: str) -> None:
    """Both are the same but for the handler and the log."""
    function = {key: value for key, value in stack.at(logical_id).items() if key not in ("Tags", "Runtime")}
    assert function == {
        "Code": {"S3Bucket": "code", "S3Key": "deployment.zip"},
        "Handler": handler,
        "Role": arn("ApiHandlerRole"),
        "Architectures": ["arm64"],
        "MemorySize": 1024,
        "Timeout": 10,
        "TracingConfig": {"Mode": "PassThrough"},
        "LoggingConfig": {"LogGroup": {"Ref": logs}},
        "ReservedConcurrentExecutions": given("HasReservedConcurrency", {"Ref": "ReservedConcurrency"}),
        "Environment": {
            "Variables": {
                "SIGNPOST_BUCKET": {"Ref": "Bucket"},
                "SIGNPOST_TABLE": {"Ref": "Table"},
                "SIGNPOST_SECRET": {"Ref": "Secret"},
            }
        },
    }


def test_there_are_two_functions_on_one_python(stack: Stack) -> None:
    """Chalice takes the Python it runs on for the first; the wheels in the zip are for that."""
    assert {name: it["Runtime"] for name, it in stack.of_type("AWS::Lambda::Function").items()} == {
        name: stack.at("APIHandler", "Runtime") for name in FUNCTIONS
    }


@pytest.mark.parametrize(
    ("logical_id", "name"),
    [
        ("ApiHandlerLogGroup", "/aws/lambda/${AWS::StackName}-rest"),
        ("FunctionUrlHandlerLogGroup", "/aws/lambda/${AWS::StackName}-function-url"),
        ("AccessLogGroup", "/aws/apigateway/${AWS::StackName}"),
    ],
)
def test_logs_are_kept_for_a_month(stack: Stack, logical_id: str, name: str) -> None:
    """A name that needs no function lets the role name the group, and the group be there before the first line."""
    assert stack.at(logical_id) == {"LogGroupName": {"Fn::Sub": name}, "RetentionInDays": 30}


def test_the_rest_api_is_throttled_and_its_execution_not_logged(stack: Stack) -> None:
    """Execution logs hold headers and bodies."""
    assert stack.at("RestAPIapiStage", "MethodSettings") == [
        {
            "HttpMethod": "*",
            "ResourcePath": "/*",
            "ThrottlingRateLimit": {"Ref": "ThrottleRate"},
            "ThrottlingBurstLimit": {"Ref": "ThrottleBurst"},
            "LoggingLevel": "OFF",
            "DataTraceEnabled": False,
        }
    ]


def test_the_access_log_holds_no_token_and_no_person(stack: Stack) -> None:
    """One JSON object, and of the request only what is listed here: no query, header, cookie, body or address."""
    line = stack.at("RestAPIapiStage", "AccessLogSetting", "Format")
    assert json.loads(line) == {
        "id": "$context.requestId",
        "time": "$context.requestTimeEpoch",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "status": "$context.status",
        "error": "$context.error.responseType",
        "milliseconds": "$context.responseLatency",
        "bytes": "$context.responseLength",
    }


@pytest.mark.parametrize("path", ["/", "/{proxy+}"])
def test_the_rest_api_hands_every_method_to_the_function(stack: Stack, path: str) -> None:
    """So that what is not offered is refused in our words (FACTS 1.10)."""
    operations = stack.at("RestAPI", "Body", "paths", path)
    assert set(operations) == {"get", "head", "put", "post", "delete", "patch", "options"}
    for operation in operations.values():
        integration = operation["x-amazon-apigateway-integration"]
        assert integration["type"] == "aws_proxy"
        assert "${APIHandler.Arn}" in integration["uri"]["Fn::Sub"]
        assert "security" not in operation


def test_the_rest_api_has_no_other_path_and_takes_bytes(stack: Stack) -> None:
    """`*/*` is one setting for the whole API (FACTS 1.13)."""
    body = stack.at("RestAPI", "Body")
    assert set(body["paths"]) == {"/", "/{proxy+}"}
    assert body["x-amazon-apigateway-binary-media-types"] == ["*/*"]
