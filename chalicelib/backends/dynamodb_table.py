"""A table of DynamoDB: its client, its reads, and the forms of keys and numbers. Links and limits have items there."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.web.problems.base import Unavailable

from .aws_calls import client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SECONDS: Final = 3_600
"""How long an item stays after its end, so that a service with a slow clock still sees the item."""


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

    def _read(self, item_id: str, otherwise: str) -> dict[str, Any]:
        """Return an item as it was written last, empty where there is none.

        Args:
            item_id: the id of the item.
            otherwise: the detail for the client where the answer is not that of DynamoDB; raises Unavailable.
        """
        answer = self._client.get_item(
            TableName=self._table, Key=key(item_id), ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
        )
        check_answer(answer["ConsumedCapacity"]["CapacityUnits"] > 0, otherwise)  # also where there is no item
        return dict(answer.get("Item", {}))


def check_answer(is_proof: bool, otherwise: str) -> None:
    """Raise Unavailable, with a detail for the client, unless the answer proves that DynamoDB did the work.

    boto3 reads a proxy's page with status 200 as an answer without values.
    """
    if not is_proof:
        raise Unavailable(otherwise, reason="the answer of DynamoDB does not hold the values that were written")


def key(item_id: str) -> dict[str, Any]:
    """Return the key of an item."""
    return {"id": {"S": item_id}}


def number(value: float) -> dict[str, Any]:
    """Return a number as an item writes the number."""
    return {"N": repr(value)}
