"""The promises of the stack: data, access, logs, limits, alarms, and parameters. The policies have test_iam.py.

Most tests state what must hold for every resource of a kind; a value stands here where a mistake would cost files or
secrets.
"""

import hashlib
import json
import re
import subprocess
import sys
from base64 import b64encode
from operator import itemgetter
from pathlib import Path
from typing import Any

from chalicelib.backends.secrets import MIN_SECRET_CHARACTERS
from chalicelib.core.request_limits import NOT_COUNTED
from chalicelib.core.s3.mounts import DERIVED
from chalicelib.core.web.access_log import AccessLogEntry
from local import embedded_s3
from tests.support.builders import request

from .stack import ARN, Stack, strings, values

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


def watch(alarm: dict[str, Any]) -> tuple[str, dict[str, Any], Any]:
    """The metric of an alarm: the name, the dimensions and the namespace."""
    dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}
    return alarm["MetricName"], dimensions, alarm["Namespace"]


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
        **dict.fromkeys(stack.of_type("AWS::Logs::LogGroup"), ("RetainExceptOnCreate", "Retain")),
        **dict.fromkeys(("ApiLogsRole", "ApiLogsAccount"), ("Retain", "Retain")),
        **dict.fromkeys(("RestVersion", "FunctionUrlVersion"), (None, "Retain")),
    }


def test_the_bucket_is_private_encrypted_versioned_and_refuses_requests_without_tls(stack: Stack) -> None:
    bucket = stack.at("Bucket")
    assert bucket["BucketName"] == given("HasBucketName", {"Ref": "BucketName"})
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert stack.at("BucketPolicy", "Bucket") == {"Ref": "Bucket"}
    (statement,) = stack.at("BucketPolicy", "PolicyDocument", "Statement")
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def test_a_kms_key_encrypts_the_bucket_and_the_role_may_use_the_key_through_s3_only(stack: Stack) -> None:
    for parameters, expected in (
        ({}, {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}),
        (
            {"KmsKeyArn": KEY},
            {
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
                "BucketKeyEnabled": True,
            },
        ),
    ):
        created = stack.created(**parameters)
        assert created.at("Bucket", "BucketEncryption", "ServerSideEncryptionConfiguration") == [expected]
        allowed = [
            each for each in stack.role_policy(**parameters)["Statement"] if each["Action"][0].startswith("kms:")
        ]
        assert [each["Resource"] for each in allowed] == list(parameters.values())
    (statement,) = allowed
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert {*statement["Condition"]["StringEquals"]["kms:ViaService"]} == {f"s3.{embedded_s3.REGION}.amazonaws.com"}


EXISTING = {
    "ExistingBucket": "acme.files",
    "ExistingTable": "links-1",
    "ExistingSecretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:old-AbCdEf",
    "ExistingMarkKeyArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:mark-AbCdEf",
}


def test_what_exists_is_used_and_not_made(stack: Stack) -> None:
    """The functions, the role, the alarms and the outputs name it. Nothing of the stack is in its place."""
    created = stack.created(**EXISTING)
    left_out = {"Bucket", "BucketPolicy", "Table", "Secret", "MarkKey"}
    assert stack.created().resources.keys() - created.resources.keys() == left_out
    bucket, table, secret, mark_key = EXISTING.values()
    for function in created.of_type("AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"] == {
            "SIGNPOST_BUCKET": bucket,
            "SIGNPOST_TABLE": table,
            "SIGNPOST_SECRET": secret,
            "SIGNPOST_MARK_KEY": f"{{{{resolve:secretsmanager:{mark_key}}}}}",
        }
    resources = {each["Sid"]: each["Resource"] for each in stack.role_policy(**EXISTING)["Statement"]}
    assert (resources["Objects1"], resources["List1"]) == (f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}")
    assert resources["Table"] == f"{ARN.format('dynamodb')}table/{table}"
    assert resources["Secret"] == secret
    watched = [part["MetricStat"]["Metric"] for part in created.at("TableErrors", "Metrics")[1:]]
    assert {watch(each)[1]["TableName"] for each in watched} == {table}
    outputs = ("BucketName", "TableName", "SecretArn", "MarkKeyArn")
    assert [created.template["Outputs"][name]["Value"] for name in outputs] == [*EXISTING.values()]
    assert stack.refusals(**EXISTING) == []
    (reason,) = stack.refusals(ExistingBucket="acme-files", BucketName="acme-files")
    assert "BucketName" in reason
    assert "ExistingBucket" in reason


def test_pages_of_the_stack_and_of_configured_origins_may_use_the_bucket(stack: Stack) -> None:
    """Scripts send every method that is redirected, any header, and read the ETag of a part (`null`: FACTS 3)."""
    own, configured = stack.at("Bucket", "CorsConfiguration", "CorsRules")
    *origins, domain = own["AllowedOrigins"]
    assert domain == given("HasDomain", {"Fn::Sub": "https://${DomainName}"})
    names = [origin["Fn::Sub"].replace("${AWS::Region}", "r") for origin in origins]
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
    url = {"FunctionName": {"Ref": "FunctionUrlAlias"}, "Principal": "*"}
    assert stack.of_type("AWS::Lambda::Permission") == {
        "APIHandlerInvokePermission": {
            "FunctionName": {"Ref": "RestAlias"},
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
        ("DeploymentsRole", "codedeploy.amazonaws.com", "ManagedPolicyArns"),
    ):
        role = stack.at(logical_id)
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
        assert statement["Principal"] == {"Service": service}
        assert role.keys() == {"AssumeRolePolicyDocument", policies}
        if policies == "ManagedPolicyArns":
            (managed,) = role[policies]
            assert managed["Fn::Sub"].startswith("arn:${AWS::Partition}:iam::aws:policy/service-role/A")
    assert stack.of_type("AWS::IAM::Role").keys() == {"ApiHandlerRole", "ApiLogsRole", "DeploymentsRole"}
    documents = list(values(dict(stack.resources), "PolicyDocument", "AssumeRolePolicyDocument"))
    assert [document["Version"] for document in documents] == ["2012-10-17"] * 5  # no version: the language of 2008


def test_every_wildcard_has_a_reason_and_no_arn_is_written_out(stack: Stack) -> None:
    """In an action, a resource, a source or a principal; and a managed policy, because AWS's has a wildcard.

    X-Ray has no ARNs for traces.
    """
    for logical_id, resource in stack.resources.items():
        granted = values(resource, "Action", "Resource", "SourceArn", "Principal", "ManagedPolicyArns")
        if any("*" in text or ":policy/" in text for value in granted for text in strings(value)):
            assert resource.get("Metadata", {}).get("Why"), logical_id
        named = strings(list(values(stack.created().resources.get(logical_id, {}), "Resource")))
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
    assert stack.created().at("APIHandler", "Environment", "Variables") == {
        **{f"SIGNPOST_{name.upper()}": {"Ref": name} for name in ("Bucket", "Table", "Secret")},
        "SIGNPOST_MARK_KEY": {"Fn::Sub": "{{resolve:secretsmanager:${MarkKey}}}"},  # in clear: it is never fetched
    }
    target = {"TargetFunctionArn": arn("FunctionUrlHandler"), "Qualifier": "live"}
    assert stack.at("FunctionUrl") == {**target, "AuthType": "NONE", "InvokeMode": "BUFFERED"}
    assert stack.resources["FunctionUrl"]["DependsOn"] == ["FunctionUrlAlias"]


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
            assert integration["uri"]["Fn::Sub"].endswith("/functions/${RestAlias}/invocations")
            assert "security" not in operation


def test_the_rest_api_is_regional_throttled_and_needs_tls_1_2(stack: Stack) -> None:
    """Execution logs, which hold headers and bodies, are off."""
    api, stage = stack.at("RestAPI"), stack.at("RestAPIapiStage")
    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    assert api["SecurityPolicy"].startswith("SecurityPolicy_TLS13_1_2_")
    (settings,) = stage["MethodSettings"]
    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("OFF", False)


ENTRY_POINTS = {"Rest": "APIHandler", "FunctionUrl": "FunctionUrlHandler"}


def test_the_alias_runs_the_newest_code_or_a_version_of_this_zip(stack: Stack, built: Path) -> None:
    """So a URL is the same with and without versions. A version stays after the next one, for a rollback."""
    code = b64encode(hashlib.sha256((built / "deployment.zip").read_bytes()).digest()).decode()
    for value, published in (("off", False), ("on", True), ("canary", True)):
        made = stack.created(Versions=value)
        assert (len(made.of_type("AWS::Lambda::Version")), "AWS::CodeDeploy" in str(made.resources)) == (
            2 * published,
            value == "canary",
        )
        for prefix, function in ENTRY_POINTS.items():
            version = {"Fn::GetAtt": [f"{prefix}Version", "Version"]} if published else "$LATEST"
            alias = {"Name": "live", "FunctionName": {"Ref": function}, "FunctionVersion": version}
            assert made.at(f"{prefix}Alias") == alias
            if published:
                assert made.resources[f"{prefix}Version"]["UpdateReplacePolicy"] == "Retain"
                assert made.at(f"{prefix}Version", "CodeSha256") == code
                assert made.at(f"{prefix}Version", "FunctionName") == {"Ref": function}


def test_a_change_of_a_function_makes_a_version_and_a_layer_of_settings_does_not(stack: Stack) -> None:
    """`publish` itself publishes a version for a layer, and Lambda refuses a second version of the same function."""

    def described(**parameters: str) -> str:
        return str(stack.created(Versions="on", **parameters).at("RestVersion", "Description"))

    assert described(SettingsLayer=LAYER) == described()
    assert (
        len({described(), described(Tracing="on"), described(ExistingTable="abc"), described(ExistingBucket="aaa")})
        == 4
    )
    assert described() != stack.created(Versions="on").at("FunctionUrlVersion", "Description")


def test_a_canary_tries_a_version_and_the_alarms_on_errors_shift_the_requests_back(stack: Stack) -> None:
    made = stack.created(Versions="canary")
    assert "UpdatePolicy" not in stack.created(Versions="on").resources["RestAlias"]
    for prefix in ENTRY_POINTS:
        names = made.resources[f"{prefix}Alias"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        group = made.at(names["DeploymentGroupName"]["Ref"])
        assert group["ApplicationName"] == names["ApplicationName"] == {"Ref": "Deployments"}
        assert made.at("Deployments") == {"ComputePlatform": "Lambda"}
        assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
        assert group["ServiceRoleArn"] == arn("DeploymentsRole")
        alarms = [each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]]
        assert alarms == [f"{prefix}Errors", f"{prefix}ServerErrors"]
        assert (group["AlarmConfiguration"]["Enabled"], group["AutoRollbackConfiguration"]["Enabled"]) == (True, True)
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def test_a_domain_leads_to_the_stage_and_its_pages_may_use_the_bucket(stack: Stack) -> None:
    """The domain has the TLS of the API. A record is made in a given hosted zone only."""
    made, api = stack.created(**DOMAIN), stack.at("RestAPI")
    domain = made.at("Domain")
    assert (domain["DomainName"], domain["RegionalCertificateArn"]) == (DOMAIN["DomainName"], DOMAIN["CertificateArn"])
    assert domain["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    for name in ("SecurityPolicy", "EndpointAccessMode"):
        assert domain[name] == api[name]
    mapping = {"DomainName": {"Ref": "Domain"}, "RestApiId": {"Ref": "RestAPI"}, "Stage": {"Ref": "RestAPIapiStage"}}
    assert made.at("DomainMapping") == mapping
    assert f"https://{DOMAIN['DomainName']}" in made.at("Bucket", "CorsConfiguration", "CorsRules", 0, "AllowedOrigins")
    target = {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}
    assert made.template["Outputs"]["DomainTarget"]["Value"] == target
    assert not made.of_type("AWS::Route53::RecordSet")
    (record,) = stack.created(**DOMAIN, HostedZoneId="Z1").of_type("AWS::Route53::RecordSet").values()
    assert (record["Name"], record["HostedZoneId"], record["AliasTarget"]["DNSName"]) == (
        DOMAIN["DomainName"],
        "Z1",
        target,
    )
    assert stack.refusals(**DOMAIN) == stack.refusals(**DOMAIN, HostedZoneId="Z1") == []
    for wrong in ({"DomainName": "a.example"}, {"CertificateArn": DOMAIN["CertificateArn"]}, {"HostedZoneId": "Z1"}):
        assert len(stack.refusals(**wrong)) == 1
    assert len(stack.refusals(**DOMAIN, EntryPoints="function-url")) == 1


# Logs and alarms


def test_the_access_log_holds_no_token_and_no_person(stack: Stack) -> None:
    """One JSON object without path (`/-/t/TOKEN/…`), query, headers, body and address.

    Without a role, API Gateway refuses the stage.
    """
    setting = stack.at("RestAPIapiStage", "AccessLogSetting")
    assert setting["DestinationArn"] == arn("AccessLogGroup")
    logged = {text.removeprefix("$context.") for text in json.loads(setting["Format"]).values()}
    times = {"requestTimeEpoch", "responseLatency", "responseLength"}
    assert logged == {"requestId", "httpMethod", "status", "error.responseType", *times}
    assert stack.resources["RestAPI"]["DependsOn"] == ["ApiLogsAccount"]
    assert stack.at("ApiLogsAccount", "CloudWatchRoleArn") == arn("ApiLogsRole")


def test_no_log_is_kept_for_ever_or_is_in_the_way_of_a_stack_that_is_made_again(stack: Stack) -> None:
    """The groups outlive the stack, so a group has no fixed name. test_iam.py writes to the groups."""
    groups = stack.created(LogRetentionDays="7").of_type("AWS::Logs::LogGroup")
    assert groups.keys() == {"AccessLogGroup", *(group for _, group in FUNCTIONS.values())}
    assert all(group == {"RetentionInDays": "7"} for group in groups.values())
    assert {"Ref": "AccessLogGroup"} in [output["Value"] for output in stack.template["Outputs"].values()]


def test_each_alarm_tells_the_topic_when_it_begins_and_when_it_ends(stack: Stack) -> None:
    """No data is no alarm."""
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmDescription"]


def test_every_entry_point_has_alarms_for_errors_throttles_time_and_answers_of_500(stack: Stack) -> None:
    """API Gateway names its metrics after the title of the API."""
    watched = [watch(each) for each in stack.of_type("AWS::CloudWatch::Alarm").values() if "MetricName" in each]
    of_functions = [({"FunctionName": {"Ref": name}}, "AWS/Lambda") for name in FUNCTIONS]
    wanted: list[Any] = [(metric, *each) for metric in ("Errors", "Throttles", "Duration") for each in of_functions]
    api: dict[str, Any] = {"ApiName": {"Ref": "AWS::StackName"}, "Stage": "api"}
    wanted += [("5XXError", api, "AWS/ApiGateway"), ("Url5xxCount", *of_functions[1])]
    assert sorted(map(str, filter(itemgetter(1), watched))) == sorted(map(str, wanted))
    assert stack.at("RestAPI", "Body", "info", "title") == {"Ref": "AWS::StackName"}  # two stacks are two APIs


def test_alarms_count_refusals_and_requests_without_a_limit_in_the_logs(stack: Stack) -> None:
    """A refusal counts in the service's own log, and in the access log where API Gateway made the refusal itself."""
    own, gateway = {group for _, group in FUNCTIONS.values()}, {"AccessLogGroup"}
    filters = stack.of_type("AWS::Logs::MetricFilter").values()
    for name, threshold, logs, pattern in (
        ("Uncounted", 1, own, f'$.error = "{NOT_COUNTED}*"'),
        ("Forbidden", {"Ref": "AlarmOn403"}, own | gateway, "$.status = 403"),
        ("TooMany", {"Ref": "AlarmOn429"}, own | gateway, "$.status = 429"),
    ):
        alarm = stack.at(name)
        metric = {"MetricNamespace": alarm["Namespace"], "MetricName": alarm["MetricName"], "MetricValue": "1"}
        counting = {it["LogGroupName"]["Ref"]: it for it in filters if it["MetricTransformations"] == [metric]}
        assert counting.keys() == logs
        assert {counting[group]["FilterPattern"] for group in own} == {f"{{ {pattern} }}"}
        assert (alarm["Threshold"], alarm["Statistic"], alarm["Period"]) == (threshold, "Sum", 300)
        assert alarm["Namespace"] == {"Fn::Sub": "Signpost/${AWS::StackName}"}
    logged = AccessLogEntry().record(request(), 403, 1.0)
    assert (logged["status"], type(logged["status"])) == (403, int)  # in the access log of API Gateway it is a text
    assert '"status":"$context.status"' in stack.at("RestAPIapiStage", "AccessLogSetting", "Format")


def test_alarms_tell_errors_and_throttles_of_the_table(stack: Stack) -> None:
    """DynamoDB has a metric for each operation: all that the role may do."""
    (statement,) = (each for each in stack.role_policy()["Statement"] if each["Sid"] == "Table")
    for name, metric in (("TableErrors", "SystemErrors"), ("TableThrottles", "ThrottledRequests")):
        total, *parts = stack.at(name, "Metrics")
        watched = [watch(each["MetricStat"]["Metric"]) for each in parts]
        assert [(each[0], each[2]) for each in watched] == [(metric, "AWS/DynamoDB")] * len(parts)
        assert [f"dynamodb:{each[1]['Operation']}" for each in watched] == statement["Action"]
        assert total["Expression"] == " + ".join(f"FILL({each['Id']}, 0)" for each in parts)
        assert [each["ReturnData"] for each in (total, *parts)] == [True, *[False] * len(parts)]


def test_the_dashboard_shows_requests_refusals_and_the_metrics_of_all_alarms(stack: Stack) -> None:
    """With one entry point alone, the body is JSON too, and shows nothing of the other entry point."""
    requests = {"rest": {"Count", "4XXError"}, "function-url": {"UrlRequestCount", "Url4xxCount"}}
    for entry_points in ("both", *requests):
        created = stack.created(EntryPoints=entry_points, ExistingTable="links-1")
        shown = [each["properties"] for each in dashboard_body(created)["widgets"]]
        assert {each["region"] for each in shown} == {"${AWS::Region}"}
        lines = [line for each in shown for line in each.get("metrics", ())]
        watched = {*values(created.of_type("AWS::CloudWatch::Alarm"), "MetricName")}
        more = set().union(*(names for kind, names in requests.items() if entry_points in ("both", kind)))
        assert {line[1] for line in lines} == watched | more
        assert {line[3] for line in lines if line[0] == "AWS/DynamoDB"} == {"${TableName}"}
        functions = [name for name in FUNCTIONS if name in created.resources]
        assert [line[3] for line in lines if line[-1] == {"stat": "p50"}] == [f"${{{name}}}" for name in functions]
        logs = [f"SOURCE '${{{FUNCTIONS[name][1]}}}' | filter status >= 400 | stats count(*)" for name in functions]
        queries = [each["query"] for each in shown if "query" in each]
        assert [query.partition(" as answers by status, code ")[0] for query in queries] == logs
    assert [*values(created.at("Dashboard"), "TableName")] == ["links-1"]


def dashboard_body(created: Stack) -> dict[str, Any]:
    """The body of the dashboard, in which references stay as they are."""
    separator, parts = created.at("Dashboard", "DashboardBody")["Fn::Join"]
    texts = [part if isinstance(part, str) else part["Fn::Sub"] for part in parts]
    body: dict[str, Any] = json.loads(separator.join(text if isinstance(text, str) else text[0] for text in texts))
    return body


def test_alarms_and_the_budget_mail_the_given_address(stack: Stack) -> None:
    mail, address = stack.resources["AlarmMail"], {"Ref": "AlarmEmail"}
    assert mail["Condition"] == "HasAlarmEmail"
    assert (mail["Properties"]["TopicArn"], mail["Properties"]["Endpoint"]) == ({"Ref": "Alarms"}, address)
    assert stack.at("Budget", "Budget", "BudgetLimit", "Amount") == {"Ref": "MonthlyBudget"}
    condition, notifications, _ = stack.at("Budget", "NotificationsWithSubscribers")["Fn::If"]
    assert condition == "HasAlarmEmail"
    assert {each["Address"]["Ref"] for one in notifications for each in one["Subscribers"]} == {"AlarmEmail"}


# Parameters


# A value of each parameter that makes, leaves out or changes resources.
WEB_ACL = f"{ARN.format('wafv2')}regional/webacl/acme/1234abcd"
DOMAIN = {"DomainName": "files.example.com", "CertificateArn": f"{ARN.format('acm')}certificate/1234abcd-12ab"}
LAYER = f"{ARN.format('lambda')}layer:signpost-settings:7"
VALUES = {
    "BucketName": "acme-files",
    "CorsOrigins": "https://a.example,null",
    "ReservedConcurrency": "",
    "WebAclArn": WEB_ACL,
    "SettingsLayer": LAYER,
    "Tracing": "on",
    "Versions": "canary",
    **DOMAIN,
    "HostedZoneId": "Z1",
    "AlarmEmail": "ops@example.com",
    "KmsKeyArn": KEY,
    **EXISTING,
}


def test_with_any_parameters_nothing_refers_to_what_is_left_out(stack: Stack) -> None:
    """With each value alone, with all values together, and with none."""
    for entry_points in stack.template["Parameters"]["EntryPoints"]["AllowedValues"]:
        for given in [{}, VALUES, *({name: value} for name, value in VALUES.items())]:
            assert stack.created(EntryPoints=entry_points, **given).missing() == set(), given


def test_a_web_acl_guards_the_stage_and_the_stack_warns_where_the_function_url_is_open(stack: Stack) -> None:
    """WAF cannot guard a Function URL (FACTS 8.20): with the Function URL alone, nothing would be guarded."""
    stage = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${RestAPI}/stages/${Stage}"
    guard = {"WebACLArn": WEB_ACL, "ResourceArn": {"Fn::Sub": [stage, {"Stage": {"Ref": "RestAPIapiStage"}}]}}
    for entry_points, warns in (("both", True), ("rest", False)):
        made = stack.created(EntryPoints=entry_points, WebAclArn=WEB_ACL)
        assert list(made.of_type("AWS::WAFv2::WebACLAssociation").values()) == [guard]
        assert ("Warning" in made.template["Outputs"]) == warns
    (reason,) = stack.refusals(EntryPoints="function-url", WebAclArn=WEB_ACL)
    assert "set EntryPoints to rest" in reason
    assert stack.refusals(EntryPoints="function-url") == stack.refusals(WebAclArn=WEB_ACL) == []
    assert "Warning" not in stack.created().template["Outputs"]


def test_tracing_is_off_until_it_is_asked_for(stack: Stack) -> None:
    """Lambda and API Gateway trace, and only then the role may send traces."""
    traces = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    for tracing, mode, allowed in (("off", "PassThrough", set()), ("on", "Active", traces)):
        made = stack.created(Tracing=tracing)
        assert [each["TracingConfig"] for each in made.of_type("AWS::Lambda::Function").values()] == [
            {"Mode": mode}
        ] * 2
        assert made.at("RestAPIapiStage", "TracingEnabled") is (tracing == "on")
        actions = {action for each in made.role_policy()["Statement"] for action in each["Action"]}
        assert {action for action in actions if action.startswith("xray:")} == allowed


def test_both_functions_read_the_published_settings_of_a_layer(stack: Stack) -> None:
    functions = stack.created(SettingsLayer=LAYER).of_type("AWS::Lambda::Function")
    assert [each["Layers"] for each in functions.values()] == [[LAYER]] * 2
    assert not any("Layers" in each for each in stack.created().of_type("AWS::Lambda::Function").values())


def test_either_entry_point_can_be_left_out(stack: Stack) -> None:
    """Some regions have no Function URLs (FACTS 8.20). Nothing of the other entry point is made."""
    both, rest, url = (stack.created(EntryPoints=each) for each in ("both", "rest", "function-url"))
    rest_only, url_only = both.resources.keys() - url.resources.keys(), both.resources.keys() - rest.resources.keys()
    for ids, stranger in ((rest_only, "FunctionUrl"), (url_only, "Rest")):
        assert ids
        assert not [name for name in ids if name.startswith(stranger)]
    assert not [it["Type"] for it in url.resources.values() if "ApiGateway" in it["Type"]]
    assert {"APIHandler", "ApiLogsRole", "AccessLogGroup", "ApiHandlerLogGroup"} <= rest_only
    assert {"FunctionUrlHandler", "FunctionUrl", "FunctionUrlHandlerLogGroup"} <= url_only
    kept = rest.resources.keys() & url.resources.keys()
    assert {"Bucket", "Table", "Secret", "MarkKey", "ApiHandlerRole"} <= kept
    assert not [name for name in kept if name.startswith(("Rest", "FunctionUrl"))]
    outputs = both.template["Outputs"].keys()
    assert {name for name in outputs if name.startswith("FunctionUrl")} == outputs - rest.template["Outputs"].keys()
    assert {"RestUrl", "EndpointURL"} <= outputs - url.template["Outputs"].keys()
    for one, other in ((rest, "FunctionUrlHandler"), (url, "ApiHandler")):
        policy = json.dumps(one.at("ApiHandlerRole", "Policies"))
        assert f"{other}LogGroup" not in policy


def test_an_empty_parameter_means_none(stack: Stack) -> None:
    """CloudFormation has no null. test_docs.py has the defaults."""
    for name, value in {
        **{name: {"Ref": name} for name in ("BucketName", "ReservedConcurrency", "AlarmEmail")},
        "CorsOrigins": {"Fn::Join": ["", {"Ref": "CorsOrigins"}]},
    }.items():
        assert stack.template["Conditions"][f"Has{name}"] == {"Fn::Not": [{"Fn::Equals": [value, ""]}]}
    for parameter in stack.template["Parameters"].values():
        assert parameter["Description"]
        assert parameter["Type"] != "Number" or parameter.get("MinValue") == 1 or "AllowedValues" in parameter


def test_a_parameter_that_would_fail_later_is_refused_at_once(stack: Stack) -> None:
    """CloudFormation matches the whole value, and shows what is wanted."""
    for name, good, bad in (
        ("BucketName", ["", "acme-files", "a1b"], ["a.b.c", "Acme", "ab", "-acme", "acme-", "a" * 64]),
        ("ReservedConcurrency", ["", "0", "100"], ["-1", "ten", "1.5"]),
        ("WebAclArn", ["", WEB_ACL], ["acme", WEB_ACL.replace("regional", "global"), f"{WEB_ACL}/x"]),
        ("DomainName", ["", "files.example.com", "a-1.b.co"], ["https://a.example", "A.example", "a", "a.example/"]),
        ("CertificateArn", ["", DOMAIN["CertificateArn"]], ["certificate/1234abcd"]),
        ("HostedZoneId", ["", "Z1"], ["/hostedzone/Z1", "example.com"]),
        ("SettingsLayer", ["", LAYER], [LAYER.removesuffix(":7"), "7"]),
        ("AlarmEmail", ["", "ops@example.com"], ["ops", "ops@", "a@b, c@d"]),
    ):
        parameter = stack.template["Parameters"][name]
        accepted = [value for value in [*good, *bad] if re.fullmatch(parameter["AllowedPattern"], value)]
        assert accepted == good
        assert parameter["ConstraintDescription"]
