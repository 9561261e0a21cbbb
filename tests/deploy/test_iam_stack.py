"""The policy of the stack: it serves what that of the stages does, counts a use, reads its secret, and no more."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError
from moto.iam.access_control import IAMPolicy, PermissionResult

from local import aws
from tests.deploy.deployments import BUCKET, Account
from tests.deploy.features import OTHER, Document, actions, broken, open_buckets, policy, site, without_action

ARN = f"arn:aws:{{}}:{aws.REGION}:123456789012:"
TABLE = "signpost-links"
SECRET = f"{ARN.format('secretsmanager')}secret:signpost-AbCdEf"
LOG_GROUP = f"{ARN.format('logs')}log-group:/aws/lambda/signpost-{{}}:*"
# What CloudFormation puts in place of a reference to a resource of the stack.
REFERENCES: Final = {
    "Bucket.Arn": f"arn:aws:s3:::{BUCKET}",
    "Table.Arn": f"{ARN.format('dynamodb')}table/{TABLE}",
    "Secret": SECRET,
    "ApiHandlerLogGroup.Arn": LOG_GROUP.format("APIHandler"),
    "FunctionUrlHandlerLogGroup.Arn": LOG_GROUP.format("FunctionUrlHandler"),
}


def resolved(value: Any) -> Any:
    """A part of a template as CloudFormation resolves it; it fails on a reference that is not known."""
    match value:
        case {"Ref": name}:
            return REFERENCES[name]
        case {"Fn::GetAtt": path}:
            return REFERENCES[".".join(path) if isinstance(path, list) else path]
        case {"Fn::Sub": str(text)}:
            before, _, rest = text.partition("${")
            name, _, after = rest.partition("}")
            return f"{before}{REFERENCES[name]}{after}"
        case dict():
            return {name: resolved(part) for name, part in value.items()}
        case list():
            return [resolved(part) for part in value]
    return value


POLICY = policy("dev")
STACK: Document = resolved(policy("stack"))


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with open_buckets() as account:
        yield account


def test_the_stack_serves_the_same(account: Account, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """But for the log: its groups are its own, so their making is not asked of the role."""
    assert broken(site(account, STACK, environment, tmp_path)) == {"log"}
    s3 = {action for action in actions(STACK) if action.startswith("s3:")}
    assert s3 == {action for action in actions(POLICY) if action.startswith("s3:")}


@pytest.mark.parametrize("name", ["APIHandler", "FunctionUrlHandler"])
def test_the_functions_of_the_stack_can_log(account: Account, name: str) -> None:
    group = f"/aws/lambda/signpost-{name}"
    account.client("logs").create_log_group(logGroupName=group)
    account.write_log(account.assume(account.make_role(STACK)), group)
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        with pytest.raises(ClientError, match="AccessDenied"):
            account.write_log(account.assume(account.make_role(without_action(STACK, action))), group)


def test_the_stack_may_count_a_use_and_read_its_secret(account: Account) -> None:
    account.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    secret = account.client("secretsmanager").create_secret(Name="signpost", SecretString="s")["ARN"]
    environ = account.assume(account.make_role(json.loads(json.dumps(STACK).replace(SECRET, secret))))
    dynamodb, manager = account.client("dynamodb", environ), account.client("secretsmanager", environ)
    use: Any = {
        "TableName": TABLE,
        "Key": {"id": {"S": "link"}},
        "UpdateExpression": "ADD uses :one",
        "ConditionExpression": "attribute_not_exists(uses)",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    dynamodb.update_item(**use)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(**use)
    assert manager.get_secret_value(SecretId=secret)["SecretString"] == "s"
    refused: list[Callable[[], object]] = [
        lambda: dynamodb.scan(TableName=TABLE),
        lambda: dynamodb.delete_table(TableName=TABLE),
        lambda: manager.list_secrets(),
        lambda: manager.delete_secret(SecretId=secret),
    ]
    for call in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


REFUSED = [
    ("s3:GetObject", f"arn:aws:s3:::{OTHER}/a.txt"),
    ("s3:PutObject", f"arn:aws:s3:::{BUCKET}-2/a.txt"),
    ("s3:ListBucket", f"arn:aws:s3:::{OTHER}"),
    ("s3:DeleteBucket", f"arn:aws:s3:::{BUCKET}"),
    ("s3:PutBucketPolicy", f"arn:aws:s3:::{BUCKET}"),
    ("s3:PutBucketVersioning", f"arn:aws:s3:::{BUCKET}"),
    ("s3:PutObjectAcl", f"arn:aws:s3:::{BUCKET}/a.txt"),
    ("s3:BypassGovernanceRetention", f"arn:aws:s3:::{BUCKET}/a.txt"),
    ("s3:ListAllMyBuckets", "*"),
    ("dynamodb:Scan", REFERENCES["Table.Arn"]),
    ("dynamodb:DeleteTable", REFERENCES["Table.Arn"]),
    ("dynamodb:DeleteItem", REFERENCES["Table.Arn"]),
    ("dynamodb:UpdateItem", f"{REFERENCES['Table.Arn']}-2"),
    ("secretsmanager:PutSecretValue", SECRET),
    ("secretsmanager:GetSecretValue", f"{ARN.format('secretsmanager')}secret:other-AbCdEf"),
    ("secretsmanager:ListSecrets", "*"),
    ("logs:DeleteLogGroup", LOG_GROUP.format("APIHandler")),
    ("logs:GetLogEvents", LOG_GROUP.format("APIHandler").replace("*", "log-stream:a")),
    ("logs:PutLogEvents", f"{ARN.format('logs')}log-group:/aws/lambda/other:log-stream:a"),
    ("iam:PassRole", "arn:aws:iam::123456789012:role/admin"),
    ("lambda:InvokeFunction", f"{ARN.format('lambda')}function:signpost-dev"),
]


@pytest.mark.parametrize(("action", "resource"), REFUSED)
@pytest.mark.parametrize("document", [POLICY, STACK], ids=["dev", "stack"])
def test_nothing_else_is_allowed(document: Document, action: str, resource: str) -> None:
    assert IAMPolicy(json.dumps(document)).is_action_permitted(action, resource) is PermissionResult.NEUTRAL
