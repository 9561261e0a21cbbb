"""Tables for the counters of link uses: at the embedded DynamoDB, and at DynamoDB Local, the judge of expressions."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest

from chalicelib.backends.dynamodb import DynamoLinkUseCounter
from chalicelib.core.access.link_tokens import Link, Reading
from chalicelib.core.ports import LinkUseCounter
from chalicelib.core.web.paths import decode
from local import embedded_s3
from tests.support.builders import soon

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_800_000_000.123
EXPIRES_AT = 1_800_003_600


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


def new_link(uses: int = 1) -> Link:
    return Link(uuid.uuid4().hex[:16], decode("/a"), "read", uses, EXPIRES_AT, b"0123456789")


def redeem(
    counter: LinkUseCounter, link: Link, file: str = "ann", part: str = "whole", *, attempt: str = "", now: float = NOW
) -> None:
    """Redeem a GET of a range of a file, or a write for a file without a name; by default as a new attempt."""
    reading = Reading(file, part, part != "whole") if file else None
    counter.redeem(link, attempt=attempt or uuid.uuid4().hex, reading=reading, now=now, deadline=soon())
