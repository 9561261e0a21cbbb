"""The promises of the stack: data, access, logs, limits, alarms, and parameters. The policies have test_iam.py.

Most tests state what must hold for every resource of a kind; a value stands here where a mistake would cost files or
secrets.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from chalicelib.backends.secrets import MIN_SECRET_CHARACTERS
from chalicelib.core.request_limits import NOT_COUNTED
from chalicelib.core.s3.mounts import DERIVED
from local import embedded_s3

from .stack import Stack, strings, values

FUNCTIONS = {
    "APIHandler": ("app.app", "ApiHandlerLogGroup"),
    "FunctionUrlHandler": ("app.function_url", "FunctionUrlHandlerLogGroup"),
}


def arn(logical_id: str) -> dict[str, list[str]]:
    """The ARN of a resource of the stack."""
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def given(condition: str, value: Any) -> dict[str, list[Any]]:
    """A value that exists only under a condition."""
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def test_cfn_lint_accepts_the_template(built: Path) -> None:
    """AWS's linter, which transforms the template first, reports no error and no warning."""
    program = str(Path(sys.executable).with_name("cfn-lint"))
    command = [program, "--regions", embedded_s3.REGION, "--format", "parseable", "--", str(built / "sam.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


# Data


def test_data_outlives_the_stack(stack: Stack) -> None:
    """The roles of API Gateway stay too: other APIs log by these roles, even where the creation of this stack fails."""
    kept = {name: (it.get("DeletionPolicy"), it.get("UpdateReplacePolicy")) for name, it in stack.resources.items()}
    assert {name: policies for name, policies in kept.items() if any(policies)} == {
        **dict.fromkeys(("Bucket", "BucketPolicy", "Table", "Secret", "MarkKey"), ("RetainExceptOnCreate", "Retain")),
        **dict.fromkeys(("ApiLogsRole", "ApiLogsAccount"), ("Retain", "Retain")),
    }


def test_the_bucket_is_private_encrypted_versioned_and_refuses_requests_without_tls(stack: Stack) -> None:
    bucket = stack.at("Bucket")
    assert bucket["BucketName"] == given("HasBucketName", {"Ref": "BucketName"})
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert list(values(bucket["BucketEncryption"], "SSEAlgorithm")) == ["AES256"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert stack.at("BucketPolicy", "Bucket") == {"Ref": "Bucket"}
    (statement,) = stack.at("BucketPolicy", "PolicyDocument", "Statement")
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_pages_of_the_stack_and_of_configured_origins_may_use_the_bucket(stack: Stack) -> None:
    """Scripts send every method that is redirected, any header, and read the ETag of a part (`null`: FACTS 3)."""
    own, configured = stack.at("Bucket", "CorsConfiguration", "CorsRules")
    names = [origin["Fn::Sub"].replace("${AWS::Region}", "r") for origin in own["AllowedOrigins"]]
    assert names == ["https://*.execute-api.r.${AWS::URLSuffix}", "https://*.lambda-url.r.on.aws"]
    assert configured == given("HasCorsOrigins", {**own, "AllowedOrigins": {"Ref": "CorsOrigins"}})
    assert {*own["AllowedMethods"]} == {"GET", "HEAD", "PUT", "POST", "DELETE"}
    assert own["AllowedHeaders"] == ["*"]
    ranges = {"Accept-Ranges", "Content-Range"}
    assert {*own["ExposedHeaders"]} >= {"ETag", "Content-Disposition", "Content-Encoding", "x-amz-version-id", *ranges}


def test_only_derived_images_old_versions_and_incomplete_uploads_expire(stack: Stack) -> None:
    rules = stack.at("Bucket", "LifecycleConfiguration", "Rules")
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    assert [{name: rule[name] for name in rule.keys() - {"Id", "Status"}} for rule in rules] == [
        {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"Prefix": DERIVED, "ExpirationInDays": 90, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}, "ExpiredObjectDeleteMarker": True},
    ]


def test_the_table_can_be_restored_and_the_secrets_are_long_and_have_no_comma(stack: Stack) -> None:
    """test_iam.py uses the table. A comma separates two secrets."""
    table = stack.at("Table")
    assert table["TimeToLiveSpecification"]["Enabled"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    for name in ("Secret", "MarkKey"):
        secret = stack.at(name, "GenerateSecretString")
        assert secret["PasswordLength"] >= MIN_SECRET_CHARACTERS
        assert secret["ExcludePunctuation"]


# Access


def test_only_our_two_urls_invoke_the_functions_and_nothing_else_is_public(stack: Stack) -> None:
    """A public Function URL needs two statements (FACTS 1.11). The refusal of the bucket names everyone, too."""
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
    principals = {name: list(values(it["Properties"], "Principal")) for name, it in stack.resources.items()}
    public = {name for name, principal in principals.items() if "*" in strings(principal)}
    assert public == {"BucketPolicy", "FunctionUrlPermission", "FunctionUrlInvokePermission"}


def test_each_role_is_for_one_service_and_has_one_policy(stack: Stack) -> None:
    """API Gateway accepts only AWS's own policy for its logs, whose resource is `*`. The functions' has test_iam.py."""
    for logical_id, service, policies in (
        ("ApiHandlerRole", "lambda.amazonaws.com", "Policies"),
        ("ApiLogsRole", "apigateway.amazonaws.com", "ManagedPolicyArns"),
    ):
        role = stack.at(logical_id)
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
        assert statement["Principal"] == {"Service": service}
        assert role.keys() == {"AssumeRolePolicyDocument", policies}
    managed = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    assert stack.at("ApiLogsRole", "ManagedPolicyArns") == [{"Fn::Sub": managed}]
    assert stack.of_type("AWS::IAM::Role").keys() == {"ApiHandlerRole", "ApiLogsRole"}
    documents = list(values(dict(stack.resources), "PolicyDocument", "AssumeRolePolicyDocument"))
    assert [document["Version"] for document in documents] == ["2012-10-17"] * 4  # no version: the language of 2008


def test_every_wildcard_has_a_reason_and_no_arn_is_written_out(stack: Stack) -> None:
    """In an action, a resource, a source or a principal; and a managed policy, because AWS's has a wildcard."""
    for logical_id, resource in stack.resources.items():
        granted = values(resource, "Action", "Resource", "SourceArn", "Principal", "ManagedPolicyArns")
        if any("*" in text or ":policy/" in text for value in granted for text in strings(value)):
            assert resource.get("Metadata", {}).get("Why"), logical_id
        named = strings(list(values(resource, "Resource")))
        assert not [text for text in named if text == "*" or text.startswith("arn:")], logical_id


# Functions and API


def test_both_functions_are_the_same_except_for_handler_and_log(stack: Stack) -> None:
    """The Python is the Python that packages, because the wheels in the zip are for that Python."""
    functions = stack.of_type("AWS::Lambda::Function")
    assert functions.keys() == FUNCTIONS.keys()
    for name, (handler, group) in FUNCTIONS.items():
        assert (functions[name]["Handler"], functions[name]["LoggingConfig"]["LogGroup"]) == (handler, {"Ref": group})
    rest, url = (
        {key: value for key, value in function.items() if key not in ("Handler", "LoggingConfig", "Tags")}
        for function in functions.values()
    )
    assert rest == url
    assert rest["Runtime"] == "python{}.{}".format(*sys.version_info)
    assert rest["Role"] == arn("ApiHandlerRole")
    assert rest["Architectures"] == ["arm64"]
    assert rest["ReservedConcurrentExecutions"] == given("HasReservedConcurrency", {"Ref": "ReservedConcurrency"})
    assert rest["Environment"]["Variables"] == {
        **{f"SIGNPOST_{name.upper()}": {"Ref": name} for name in ("Bucket", "Table", "Secret")},
        "SIGNPOST_MARK_KEY": {"Fn::Sub": "{{resolve:secretsmanager:${MarkKey}}}"},  # in clear: it is never fetched
    }
    url = {"TargetFunctionArn": arn("FunctionUrlHandler"), "AuthType": "NONE", "InvokeMode": "BUFFERED"}
    assert stack.at("FunctionUrl") == url


def test_the_rest_api_hands_every_method_and_every_byte_to_the_function(stack: Stack) -> None:
    """So the service itself refuses a method (FACTS 1.10). `*/*` is for the whole API (FACTS 1.13)."""
    api = stack.at("RestAPI", "Body")
    assert api["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert api["paths"].keys() == {"/", "/{proxy+}"}
    for operations in api["paths"].values():
        assert operations.keys() == {"get", "head", "put", "post", "delete", "patch", "options"}
        for operation in operations.values():
            integration = operation["x-amazon-apigateway-integration"]
            assert integration["type"] == "aws_proxy"
            assert "${APIHandler.Arn}" in integration["uri"]["Fn::Sub"]
            assert "security" not in operation


def test_the_rest_api_is_regional_throttled_and_needs_tls_1_2(stack: Stack) -> None:
    """Execution logs, which hold headers and bodies, and traces are off."""
    api, stage = stack.at("RestAPI"), stack.at("RestAPIapiStage")
    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    assert api["SecurityPolicy"].startswith("SecurityPolicy_TLS13_1_2_")
    assert not stage["TracingEnabled"]
    (settings,) = stage["MethodSettings"]
    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("OFF", False)


# Logs and alarms


def test_the_access_log_holds_no_token_and_no_person(stack: Stack) -> None:
    """One JSON object without query, headers, body and address. Without a role, API Gateway refuses the stage."""
    setting = stack.at("RestAPIapiStage", "AccessLogSetting")
    assert setting["DestinationArn"] == arn("AccessLogGroup")
    logged = {text.removeprefix("$context.") for text in json.loads(setting["Format"]).values()}
    times = {"requestTimeEpoch", "responseLatency", "responseLength"}
    assert logged == {"requestId", "httpMethod", "path", "status", "error.responseType", *times}
    assert stack.resources["RestAPI"]["DependsOn"] == ["ApiLogsAccount"]
    assert stack.at("ApiLogsAccount", "CloudWatchRoleArn") == arn("ApiLogsRole")


def test_no_log_is_kept_for_ever(stack: Stack) -> None:
    """test_iam.py writes to the groups."""
    assert all(group.get("RetentionInDays") for group in stack.of_type("AWS::Logs::LogGroup").values())


def test_every_entry_point_has_alarms_for_errors_throttles_time_and_answers_of_500(stack: Stack) -> None:
    """Each tells the topic, and no data is no alarm. API Gateway names its metrics after the title of the API."""
    alarms, own = set(), stack.of_type("AWS::CloudWatch::Alarm")
    own.pop("Uncounted")  # see the next test
    for alarm in own.values():
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        watched = dimensions["FunctionName"]["Ref"] if "FunctionName" in dimensions else dimensions.pop("Stage")
        alarms.add((watched, alarm["MetricName"]))
        assert dimensions in ({"FunctionName": {"Ref": watched}}, {"ApiName": {"Ref": "AWS::StackName"}})
        assert alarm["Namespace"] == ("AWS/ApiGateway" if watched == "api" else "AWS/Lambda")
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
        assert alarm["TreatMissingData"] == "notBreaching"
    metrics = {(name, metric) for name in FUNCTIONS for metric in ("Errors", "Throttles", "Duration")}
    assert alarms == {*metrics, ("api", "5XXError"), ("FunctionUrlHandler", "Url5xxCount")}
    assert stack.at("RestAPI", "Body", "info", "title") == {"Ref": "AWS::StackName"}  # two stacks are two APIs


def test_an_alarm_tells_where_limits_let_requests_through_uncounted(stack: Stack) -> None:
    """The filters of both logs count into one metric of this stack."""
    alarm = stack.of_type("AWS::CloudWatch::Alarm")["Uncounted"]
    filters = stack.of_type("AWS::Logs::MetricFilter").values()
    assert {each["LogGroupName"]["Ref"] for each in filters} == {"ApiHandlerLogGroup", "FunctionUrlHandlerLogGroup"}
    for each in filters:
        (metric,) = each["MetricTransformations"]
        assert (metric["MetricNamespace"], metric["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])
        assert each["FilterPattern"] == f'{{ $.error = "{NOT_COUNTED}*" }}'
    assert alarm["Namespace"] == {"Fn::Sub": "Signpost/${AWS::StackName}"}
    assert (alarm["AlarmActions"], alarm["TreatMissingData"]) == ([{"Ref": "Alarms"}], "notBreaching")


def test_alarms_and_the_budget_mail_the_given_address(stack: Stack) -> None:
    mail, address = stack.resources["AlarmMail"], {"Ref": "AlarmEmail"}
    assert mail["Condition"] == "HasAlarmEmail"
    assert (mail["Properties"]["TopicArn"], mail["Properties"]["Endpoint"]) == ({"Ref": "Alarms"}, address)
    assert stack.at("Budget", "Budget", "BudgetLimit", "Amount") == {"Ref": "MonthlyBudget"}
    condition, notifications, _ = stack.at("Budget", "NotificationsWithSubscribers")["Fn::If"]
    assert condition == "HasAlarmEmail"
    assert {each["Address"]["Ref"] for one in notifications for each in one["Subscribers"]} == {"AlarmEmail"}


# Parameters


def test_an_empty_parameter_means_none(stack: Stack) -> None:
    """CloudFormation has no null. test_docs.py has the defaults."""
    for name, value in {
        **{name: {"Ref": name} for name in ("BucketName", "ReservedConcurrency", "AlarmEmail")},
        "CorsOrigins": {"Fn::Join": ["", {"Ref": "CorsOrigins"}]},
    }.items():
        assert stack.template["Conditions"][f"Has{name}"] == {"Fn::Not": [{"Fn::Equals": [value, ""]}]}
    for parameter in stack.template["Parameters"].values():
        assert parameter["Description"]
        assert parameter["Type"] != "Number" or parameter["MinValue"] == 1


def test_a_parameter_that_would_fail_later_is_refused_at_once(stack: Stack) -> None:
    """CloudFormation matches the whole value, and shows what is wanted."""
    for name, good, bad in (
        ("BucketName", ["", "acme-files", "a1b"], ["a.b.c", "Acme", "ab", "-acme", "acme-", "a" * 64]),
        ("ReservedConcurrency", ["", "0", "100"], ["-1", "ten", "1.5"]),
        ("AlarmEmail", ["", "ops@example.com"], ["ops", "ops@", "a@b, c@d"]),
    ):
        parameter = stack.template["Parameters"][name]
        accepted = [value for value in [*good, *bad] if re.fullmatch(parameter["AllowedPattern"], value)]
        assert accepted == good
        assert parameter["ConstraintDescription"]
