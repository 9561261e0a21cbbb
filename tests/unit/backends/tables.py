"""Tables of a real and of an embedded DynamoDB, for the tests of the backends that use a table."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest

from chalicelib.backends.dynamodb import DynamoLinkUseCounter
from chalicelib.core.access.link_tokens import Link
from local import embedded_s3

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Table(NamedTuple):
    """A new table; the environment leads boto3 to it."""

    name: str
    client: "DynamoDBClient"

    def counter(self) -> DynamoLinkUseCounter:
        return DynamoLinkUseCounter(self.name)

    def item(self, link: Link) -> dict[str, Any]:
        return dict(self.client.get_item(TableName=self.name, Key={"id": {"S": link.id}})["Item"])

    def create(self, key: str = "id") -> "Table":
        self.client.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return self

    def delete(self) -> None:
        self.client.delete_table(TableName=self.name)


@contextmanager
def dynamodb(kind: str) -> Iterator[str]:
    """The endpoint of a DynamoDB; in CI, DynamoDB Local must run."""
    if kind == "embedded":
        with embedded_s3.serve() as endpoint:
            yield endpoint
        return
    local = os.environ.get("DYNAMODB_ENDPOINT")
    if local is None:
        why = "DYNAMODB_ENDPOINT does not say where DynamoDB Local runs: see CONTRIBUTING.md"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    yield local


def new_table(endpoint: str, environment: pytest.MonkeyPatch) -> Table:
    environment.setenv("AWS_ACCESS_KEY_ID", embedded_s3.ACCESS_KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.SECRET_KEY)
    environment.setenv("AWS_DEFAULT_REGION", embedded_s3.REGION)
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    return Table(f"links-{uuid.uuid4().hex}", boto3.client("dynamodb")).create()
