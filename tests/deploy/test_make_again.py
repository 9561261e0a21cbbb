"""A stack that is deleted and made again takes back its files, table and secrets, by the commands of docs/deploy.md.

moto's CloudFormation makes the part of the transformed template that it can make: the data, the role and the functions.
It reads parameters and conditions by itself. moto does not know `RetainExceptOnCreate`, which is `Retain` for a
resource that was created once (CloudFormation User Guide, "DeletionPolicy attribute"), and keeps no list of the
resources of a deleted stack. So the command of the page that lists what was retained is not run here.
"""

import json
import re
from ast import literal_eval
from collections.abc import Iterator
from typing import Any, Final

import pytest

from local import embedded_s3

from .aws_account import PROJECT, Account, open_account
from .stack import Stack

KINDS: Final = (
    *("S3::Bucket", "DynamoDB::Table", "SecretsManager::Secret"),
    *("IAM::Role", "Lambda::Function", "Logs::LogGroup"),
)
OUTPUTS: Final = ("BucketName", "TableName", "SecretArn", "MarkKeyArn")
ITEM: Final = {"id": {"S": "used-up"}}


@pytest.fixture
def own_account() -> Iterator[Account]:
    """An account with the code of the functions."""
    with open_account() as account:
        account.client("s3").create_bucket(
            Bucket="code", CreateBucketConfiguration={"LocationConstraint": embedded_s3.REGION}
        )
        account.client("s3").put_object(Bucket="code", Key="deployment.zip", Body=b"zip")
        yield account


class Operator:
    """A person who follows the page."""

    def __init__(self, account: Account, stack: Stack) -> None:
        self._aws = account.client("cloudformation")
        resources = {
            name: each for name, each in stack.resources.items() if each["Type"].removeprefix("AWS::") in KINDS
        }
        outputs = {name: stack.template["Outputs"][name] for name in OUTPUTS}
        self._template = json.dumps({**stack.template, "Resources": resources, "Outputs": outputs}).replace(
            "RetainExceptOnCreate", "Retain"
        )

    def deploy(self, **overrides: str) -> dict[str, str]:
        """Make the stack with values of parameters, and return the outputs."""
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in overrides.items()]
        self._aws.create_stack(StackName="signpost", TemplateBody=self._template, Parameters=parameters)
        (stack,) = self._aws.describe_stacks(StackName="signpost")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def delete(self) -> None:
        """Delete the stack."""
        self._aws.delete_stack(StackName="signpost")
        assert self._aws.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"] == []


def overrides_of_the_page(outputs: dict[str, str]) -> dict[str, str]:
    """Return the parameters of the page's command; a word in capitals is the output of this name."""
    (line,) = re.findall(r"--parameter-overrides (ExistingBucket=.*)", (PROJECT / "docs/deploy.md").read_text())
    words = {re.sub(r"\B([A-Z])", r"_\1", name).upper(): value for name, value in outputs.items()}
    return {name: words[word] for name, word in (pair.split("=") for pair in line.split())}


def contents(account: Account, outputs: dict[str, str], environ: dict[str, str] | None = None) -> tuple[Any, ...]:
    """Read the file, the item and the secret, as the owner or with the credentials of a role."""
    bucket, table, secret, _ = (outputs[name] for name in OUTPUTS)
    return (
        account.client("s3", environ).get_object(Bucket=bucket, Key="a.txt")["Body"].read(),
        account.client("dynamodb", environ).get_item(TableName=table, Key=ITEM).get("Item"),
        account.client("secretsmanager", environ).get_secret_value(SecretId=secret)["SecretString"],
    )


def policy_of(account: Account, role: str) -> dict[str, Any]:
    """Return the policy of a role; moto writes it as Python does, with None for a part that does not exist."""
    iam, place = account.client("iam"), {"RoleName": role.rpartition("/")[2]}
    (name,) = iam.list_role_policies(**place)["PolicyNames"]
    document = literal_eval(iam.get_role_policy(**place, PolicyName=name)["PolicyDocument"])
    return {**document, "Statement": [statement for statement in document["Statement"] if statement]}


def test_a_stack_that_is_made_again_takes_back_what_was_retained(own_account: Account, stack: Stack) -> None:
    operator = Operator(own_account, stack)
    first = operator.deploy(BucketName="acme-files")
    own_account.client("s3").put_object(Bucket=first["BucketName"], Key="a.txt", Body=b"file")
    own_account.client("dynamodb").put_item(TableName=first["TableName"], Item=ITEM)
    before = contents(own_account, first)
    assert before[:2] == (b"file", ITEM)
    operator.delete()
    assert contents(own_account, first) == before
    assert own_account.client("lambda").list_functions()["Functions"] == []

    assert operator.deploy(**overrides_of_the_page(first)) == first
    assert contents(own_account, first) == before
    roles = set()
    for function in own_account.client("lambda").list_functions()["Functions"]:
        variables = function["Environment"]["Variables"]
        named = [variables[f"SIGNPOST_{name}"] for name in ("BUCKET", "TABLE", "SECRET", "MARK_KEY")]
        assert named == [
            *(first[name] for name in OUTPUTS[:3]),
            f"{{{{resolve:secretsmanager:{first['MarkKeyArn']}}}}}",
        ]
        roles.add(function["Role"])
    (role,) = roles
    assert contents(own_account, first, own_account.assume(policy_of(own_account, role))) == before
    buckets = {bucket["Name"] for bucket in own_account.client("s3").list_buckets()["Buckets"]}
    assert buckets == {first["BucketName"], "code"}
    assert own_account.client("dynamodb").list_tables()["TableNames"] == [first["TableName"]]
    assert len(own_account.client("secretsmanager").list_secrets()["SecretList"]) == 2
