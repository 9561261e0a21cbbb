"""Every feature works with the policies, and without any one of their actions a feature fails; and they allow no more.

The service runs here with the credentials of a role that has the policy, redirects are followed, and S3 and the other
services ask moto's IAM what the role may do (`tests.deploy.moto_repairs`).
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from moto.iam.access_control import IAMPolicy, PermissionResult

from chalicelib.iam_policy import policy as made_policy
from tests.support.builders import mount

from .aws_account import Account
from .features import FEATURES, NEEDED_FOR, OTHER_BUCKET, PARAMETER, RULES, SECRET, Document, Site, broken, open_site
from .stack import ARN, BUCKET, REFERENCES, TABLE, Stack

MOUNTS = [mount(bucket=BUCKET)]
EVERYTHING = made_policy(MOUNTS, RULES, TABLE, SECRET, PARAMETER)

Open = Callable[[Document], Site]


@pytest.fixture
def with_policy(account: Account, environment: pytest.MonkeyPatch, tmp_path: Path) -> Open:
    """Opens the service with a role that has a policy."""
    return lambda document: open_site(account, document, environment, tmp_path)


def actions(document: Document) -> set[str]:
    """All actions that a policy allows."""
    return {action for statement in document["Statement"] for action in statement["Action"]}


def without(document: Document, action: str) -> Document:
    """The policy without an action, and without statements that have no other action."""
    kept = [{**each, "Action": [it for it in each["Action"] if it != action]} for each in document["Statement"]]
    return document | {"Statement": [statement for statement in kept if statement["Action"]]}


def needing(removed: set[str]) -> set[str]:
    """The features that need one of the actions."""
    return set().union(*(NEEDED_FOR[action] for action in removed))


def test_every_feature_works_with_the_whole_policy_and_none_without_a_policy(with_policy: Open, stack: Stack) -> None:
    site = with_policy(EVERYTHING)
    assert broken(site) == set()
    expires = stack.at("Table", "TimeToLiveSpecification", "AttributeName")
    items = site.account.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert [item[expires].keys() for item in items] == [{"N"}] * 2  # DynamoDB deletes the items then
    assert site.status("GET", "/elsewhere/a.txt") == 403  # a bucket that the policy does not name
    useless = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": "*"}
    assert broken(with_policy(EVERYTHING | {"Statement": [useless]})) == FEATURES.keys()


def test_every_action_is_needed(with_policy: Open) -> None:
    assert actions(EVERYTHING) == NEEDED_FOR.keys()
    for action, features in NEEDED_FOR.items():
        assert broken(with_policy(without(EVERYTHING, action)), features) == features, action


def test_the_shipped_policies_allow_what_the_shipped_settings_need(with_policy: Open, stack: Stack) -> None:
    """The policy of the stages has nothing for links; the role of the stack makes no log group and reads no parameter.

    No rule of the shipped settings reads versions, deletes versions or sets tags. tests/unit/test_iam_policy.py
    compares the files of the stages.
    """
    rules = {"s3:GetObjectVersion", "s3:PutObjectTagging", "s3:DeleteObjectVersion"}
    rules |= {"s3:ListBucketVersions", "s3:GetBucketVersioning"}
    links = {action for action in NEEDED_FOR if action.partition(":")[0] in ("dynamodb", "secretsmanager", "ssm")}
    for document, missing in (
        (made_policy(MOUNTS), rules | links),
        (made_policy(MOUNTS, (), TABLE), rules | {"secretsmanager:GetSecretValue", "ssm:GetParameter"}),
        (stack.role_policy(), rules | {"ssm:GetParameter", "logs:CreateLogGroup"}),
    ):
        assert NEEDED_FOR.keys() - actions(document) == missing
        assert actions(document) <= NEEDED_FOR.keys()
        assert broken(with_policy(document)) == needing(missing)


def test_the_functions_of_the_stack_write_to_their_log_groups(account: Account, stack: Stack) -> None:
    """The role may not make a group: a group of the stack has a retention."""
    functions = stack.of_type("AWS::Lambda::Function")
    assert len(functions) == 2
    for properties in functions.values():
        group = stack.resolve(properties["LoggingConfig"]["LogGroup"])
        account.client("logs").create_log_group(logGroupName=group)
        account.write_log(account.assume(stack.role_policy()), group)
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            with pytest.raises(ClientError, match="AccessDenied"):
                account.write_log(account.assume(without(stack.role_policy(), action)), group)


TABLE_ARN = REFERENCES["Table.Arn"]
LOG_GROUP = f"{ARN.format('logs')}log-group:/aws/lambda"
REFUSED = {
    f"arn:aws:s3:::{OTHER_BUCKET}/a.txt": "s3:GetObject s3:PutObject s3:DeleteObject",
    f"arn:aws:s3:::{BUCKET}-2/a.txt": "s3:PutObject",
    f"arn:aws:s3:::{OTHER_BUCKET}": "s3:ListBucket",
    f"arn:aws:s3:::{BUCKET}": "s3:DeleteBucket s3:PutBucketPolicy s3:PutBucketVersioning",
    f"arn:aws:s3:::{BUCKET}/a.txt": "s3:PutObjectAcl s3:BypassGovernanceRetention",
    TABLE_ARN: "dynamodb:Scan dynamodb:PutItem dynamodb:DeleteItem dynamodb:DeleteTable",
    f"{TABLE_ARN}-2": "dynamodb:GetItem dynamodb:UpdateItem",
    SECRET: "secretsmanager:PutSecretValue secretsmanager:DeleteSecret",
    f"{ARN.format('secretsmanager')}secret:other-AbCdEf": "secretsmanager:GetSecretValue",
    PARAMETER: "ssm:PutParameter",
    f"{PARAMETER}-2": "ssm:GetParameter",
    f"{LOG_GROUP}/signpost-rest:*": "logs:DeleteLogGroup",
    f"{LOG_GROUP}/signpost-rest:log-stream:a": "logs:GetLogEvents",
    f"{LOG_GROUP}/other:log-stream:a": "logs:PutLogEvents",
    "arn:aws:iam::123456789012:role/admin": "iam:PassRole",
    f"{ARN.format('lambda')}function:signpost-dev": "lambda:InvokeFunction",
    "*": "s3:ListAllMyBuckets secretsmanager:ListSecrets",
}


def allows(document: Document, action: str, resource: str) -> bool:
    """Whether a policy allows an action, in moto's judgement."""
    return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource) is PermissionResult.PERMITTED


def test_nothing_else_is_allowed(stack: Stack) -> None:
    for document in (EVERYTHING, stack.role_policy()):
        assert allows(document, "s3:GetObject", f"arn:aws:s3:::{BUCKET}/a.txt")
        for resource, refused in REFUSED.items():
            assert [action for action in refused.split() if allows(document, action, resource)] == [], resource


def test_a_mount_opens_its_prefix_only() -> None:
    document = made_policy([mount(bucket=BUCKET, prefix="tenant/")])
    keys = ("tenant/a.txt", "a.txt", "tenant", "tenant-2/a.txt")
    allowed = [allows(document, "s3:PutObject", f"arn:aws:s3:::{BUCKET}/{key}") for key in keys]
    assert allowed == [True, False, False, False]


def test_a_secret_that_is_no_arn_is_in_no_policy() -> None:
    """A secret in clear may contain text that looks like a part of an ARN. An ARN may have white space around it."""
    clear = "0123456789abcdef0123456789abcdef"
    for secret in (clear, f"{clear},a:b:ssm:c:d:e", f"arn:aws:kms:{clear}", ""):
        assert made_policy(MOUNTS, (), None, secret) == made_policy(MOUNTS)
    assert made_policy(MOUNTS, (), None, f" {SECRET}\n") == made_policy(MOUNTS, (), None, SECRET)


def test_a_bucket_that_the_role_may_not_read_is_a_503(with_policy: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """The log names the object, and has no credentials."""
    site = with_policy(EVERYTHING)
    answer = site.ask("HEAD", "/elsewhere/a.txt", head="inline")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "location" not in answer.headers
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert (record["status"], record["bucket"], record["key"]) == (503, OTHER_BUCKET, "a.txt")
    assert record["id"] == answer.headers["x-request-id"]
    assert not [secret for secret in (*site.environ.values(), "X-Amz-") if secret in line]
