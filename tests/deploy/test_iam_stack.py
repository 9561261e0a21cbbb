"""The policy of the stack: it serves what that of the stages does, and no more; for links see test_iam_links."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from moto.iam.access_control import IAMPolicy, PermissionResult

from tests.deploy.deployments import BUCKET, Account
from tests.deploy.features import BEYOND, NEEDED_FOR, OTHER, broken, open_buckets, site
from tests.deploy.policies import ARN, LOG_GROUP, REFERENCES, SECRET, Document, actions, policy, without_action

POLICY = policy("dev")
STACK = policy("stack")


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with open_buckets() as account:
        yield account


def test_the_stack_serves_the_same(account: Account, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """But for the log: its groups are its own, so their making is not asked of the role."""
    missing = set().union(*(NEEDED_FOR[action] for action in BEYOND))
    assert broken(site(account, STACK, environment, tmp_path)) == {"log"} | missing
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
