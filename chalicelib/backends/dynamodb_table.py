"""A table of DynamoDB: its client, and the form of a number in an item. Links and limits have items in the table."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .aws_calls import client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoTable:
    """The base of the backends that use the table.

    boto3 finds the credentials and the endpoint. The first call makes the only client.

    Args:
        table: the name of the table.
        region: the region of the table; None for the region that boto3 finds.
    """

    def __init__(self, table: str, region: str | None = None) -> None:
        self._table = table
        self._region = region

    @cached_property
    def _client(self) -> "DynamoDBClient":
        dynamodb: DynamoDBClient = client("dynamodb", region_name=self._region)
        return dynamodb


def number(value: float) -> dict[str, Any]:
    """Return a number as an item writes the number."""
    return {"N": repr(value)}
