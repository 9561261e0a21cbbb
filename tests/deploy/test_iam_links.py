"""What links need of a policy: the stack's own, and the one that is printed for a table and a secret.

The stores run here with the credentials of a role that has the policy, and moto's IAM is asked what the role may do.
"""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from botocore.exceptions import ClientError

from chalicelib.backends.dynamodb import DynamoLinkUseCounter
from chalicelib.backends.secrets import secret_source
from chalicelib.core.access.link_tokens import Link
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems import Unavailable
from chalicelib.iam_policy import policy as made_policy
from local import embedded_s3
from tests.deploy.deployments import BUCKET, Account, open_account
from tests.deploy.policies import ARN, SECRET, TABLE, Document, actions, policy, without_action
from tests.support.builders import mount, soon

LINK = Link("0123456789abcdef", decode("/a"), "read", 1_000, 1_900_000_000, b"0123456789")
SIGNING = "0123456789abcdef0123456789abcdef"
PARAMETER = f"{ARN.format('ssm')}parameter/signpost/secret"


class Kept(NamedTuple):
    """What an account keeps for links: the table, the parameter, and the secret, whose ARN AWS makes up."""

    account: Account
    secret: str

    def assume(self, document: Document) -> dict[str, str]:
        """The credentials of a role with this policy, in which `SECRET` stands for the secret."""
        written: Document = json.loads(json.dumps(document).replace(SECRET, self.secret))
        return self.account.assume(self.account.make_role(written))


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    with open_account() as account:
        for name in (TABLE, f"{TABLE}-2"):
            account.client("dynamodb").create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        account.client("ssm").put_parameter(Name="/signpost/secret", Value=SIGNING, Type="SecureString")
        secret = account.client("secretsmanager").create_secret(Name="signpost", SecretString=SIGNING)["ARN"]
        yield Kept(account, secret)


Refused = Callable[[Document], set[str]]


@pytest.fixture
def refused(kept: Kept, environment: pytest.MonkeyPatch) -> Refused:
    """Says which of the actions fail with a policy."""

    def with_policy(document: Document) -> set[str]:
        environment.setenv("AWS_DEFAULT_REGION", embedded_s3.REGION)
        environment.setenv("AWS_ENDPOINT_URL", kept.account.endpoint)
        environment.setattr("boto3.DEFAULT_SESSION", None)
        for name, value in kept.assume(document).items():
            environment.setenv(name, value)
        tokens = DynamoLinkUseCounter(TABLE)
        asked: list[tuple[str, Callable[[], object]]] = [
            ("dynamodb:GetItem", lambda: tokens.check(LINK, soon())),
            ("dynamodb:UpdateItem", lambda: tokens.redeem(LINK, attempt="a", reading=None, now=0, deadline=soon())),
            ("dynamodb:UpdateItem", lambda: tokens.revoke(LINK._replace(id="revoked"), soon())),
            ("secretsmanager:GetSecretValue", lambda: secret_source(kept.secret)(soon())),
            ("ssm:GetParameter", lambda: secret_source(PARAMETER)(soon())),
        ]
        return {action for action, ask in asked if not works(ask)}

    return with_policy


def works(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Unavailable:
        return False
    return True


MOUNTS = [mount(bucket=BUCKET)]
EVERYTHING = {"dynamodb:GetItem", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue", "ssm:GetParameter"}
DOCUMENTS = {
    "stack": policy("stack"),
    "table and secret": made_policy(MOUNTS, (), TABLE, SECRET),
    "table and parameter": made_policy(MOUNTS, (), TABLE, PARAMETER),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_policy_allows_what_links_need_and_each_action_is_needed(refused: Refused, name: str) -> None:
    document = DOCUMENTS[name]
    allowed = EVERYTHING & {*actions(document)}
    assert len(allowed) == 3
    assert refused(document) == EVERYTHING - allowed
    for action in allowed:
        assert refused(without_action(document, action)) == EVERYTHING - allowed | {action}


def test_without_links_nothing_of_them_is_allowed(refused: Refused) -> None:
    assert made_policy(MOUNTS) == policy("dev")
    assert refused(policy("dev")) == EVERYTHING
    assert refused(made_policy(MOUNTS, (), TABLE)) == EVERYTHING - {"dynamodb:GetItem", "dynamodb:UpdateItem"}


def test_a_secret_that_is_no_arn_is_in_no_policy() -> None:
    """It may hold what looks like a part of one."""
    for secret in (SIGNING, f"{SIGNING},a:b:ssm:c:d:e", f"arn:aws:kms:{SIGNING}", ""):
        assert made_policy(MOUNTS, (), None, secret) == made_policy(MOUNTS)


def test_an_arn_may_have_white_space_around_it() -> None:
    """As where it was read from a file."""
    assert made_policy(MOUNTS, (), None, f" {SECRET}\n") == made_policy(MOUNTS, (), None, SECRET)


def test_the_table_of_another_partition() -> None:
    (table,) = (
        part for part in made_policy([mount(region="cn-north-1")], (), TABLE)["Statement"] if part["Sid"] == "Table"
    )
    assert table["Resource"] == f"arn:aws-cn:dynamodb:*:*:table/{TABLE}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_else_is_kept_there_is_closed(kept: Kept, name: str) -> None:
    environ = kept.assume(DOCUMENTS[name])
    services = ("dynamodb", "secretsmanager", "ssm")
    dynamodb, manager, ssm = (kept.account.client(service, environ) for service in services)
    key = {"id": {"S": "a"}}
    calls: list[Callable[[], object]] = [
        lambda: dynamodb.get_item(TableName=f"{TABLE}-2", Key=key),
        lambda: dynamodb.put_item(TableName=TABLE, Item=key),
        lambda: dynamodb.delete_item(TableName=TABLE, Key=key),
        lambda: dynamodb.scan(TableName=TABLE),
        lambda: dynamodb.delete_table(TableName=TABLE),
        lambda: manager.list_secrets(),
        lambda: manager.put_secret_value(SecretId=kept.secret, SecretString=SIGNING),
        lambda: manager.delete_secret(SecretId=kept.secret),
        lambda: ssm.get_parameter(Name=f"{PARAMETER}-2"),
        lambda: ssm.put_parameter(Name=PARAMETER, Value=SIGNING, Type="String", Overwrite=True),
    ]
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
