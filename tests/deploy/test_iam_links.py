"""What links need of the policies: that of the stack, and those that are printed for a table and a secret.

The stores run here with the credentials of a role that has the policy, and moto's IAM is asked what the role may do.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest
from botocore.exceptions import ClientError
from moto.iam.access_control import IAMPolicy, PermissionResult

from chalicelib.backends.secrets import secret_source
from chalicelib.backends.tokens import DynamoTokens
from chalicelib.core.links import Link
from chalicelib.core.paths import decode
from chalicelib.core.problems import Unavailable
from chalicelib.policy import policy as made_policy
from local import aws
from tests.builders import mount
from tests.deploy.deployments import BUCKET, Account, open_account
from tests.deploy.policies import SECRET, TABLE, Document, actions, policy, without_action

LINK = Link("0123456789abcdef", decode("/a"), "read", 1_000, 1_900_000_000, b"0123456789")
TEXT = "0123456789abcdef0123456789abcdef"


class Kept(NamedTuple):
    """What an account keeps for links: the table `TABLE`, and a secret in either place, by its ARN."""

    account: Account
    secret: str
    parameter: str

    def broken(self, document: Document, environment: pytest.MonkeyPatch) -> set[str]:
        """The actions that fail with a policy, which may name the stack's secret, `SECRET`, for that of the account."""
        written = json.loads(json.dumps(document).replace(SECRET, self.secret))
        for name, value in self.account.assume(self.account.make_role(written)).items():
            environment.setenv(name, value)
        environment.setattr("boto3.DEFAULT_SESSION", None)
        tokens = DynamoTokens(TABLE)
        asked: dict[str, Callable[[], object]] = {
            "dynamodb:GetItem": lambda: tokens.check(LINK),
            "dynamodb:UpdateItem": lambda: tokens.redeem(LINK, client="a", attempt="a", resumes=False, now=0),
            "secretsmanager:GetSecretValue": secret_source(self.secret),
            "ssm:GetParameter": secret_source(self.parameter),
        }
        return {action for action, ask in asked.items() if not works(ask)}


def works(ask: Callable[[], object]) -> bool:
    with suppress(Unavailable):
        ask()
        return True
    return False
