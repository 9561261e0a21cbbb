"""DynamoDB, where the uses of links are counted: an item for each link that was used or revoked.

id              the link's; the partition key
expires         a while after the link does, Unix time in seconds; the table's TTL attribute
attempts        those that took a use, a set
revoked         true once its issuer took it back
client CLIENT   when that client last took a use, Unix time in seconds
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.links import Link
from chalicelib.core.problems import LinkRevoked, LinkUsedUp, Unavailable

from .patience import patience

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_RESUMABLE: Final = 60  # seconds: `ports.TokenStore.redeem`
_MARGIN: Final = 3_600  # seconds that an item outlives its link, lest a clock that is slow finds the link unused

_TAKE: Final = "SET expires = :expires, #client = :now ADD attempts :attempts"
# A set, not a number: an attempt that boto3 repeats because its answer was lost is in it already.
_LEFT: Final = (
    "attribute_not_exists(revoked) AND "
    "(attribute_not_exists(attempts) OR contains(attempts, :attempt) OR size(attempts) < :uses)"
)
_NOT_RESUMABLE: Final = "(attribute_not_exists(#client) OR #client <= :then)"


class DynamoTokens:
    """`ports.TokenStore` in a table.

    Credentials and endpoint are those that boto3 finds. The one client is made when it is first needed.

    Args:
        table: its name.
        region: where it is; None for the one that boto3 finds.
    """

    def __init__(self, table: str, region: str | None = None) -> None:
        self._table = table
        self._region = region

    def redeem(self, link: Link, *, client: str, attempt: str, resumes: bool, now: float) -> None:
        """Take one use of a link, in one conditional write; see `ports.TokenStore.redeem`."""
        taken, then = f"client {client}", now - _RESUMABLE
        values: dict[str, Any] = {
            ":expires": _expires(link),
            ":now": _number(now),
            ":attempt": {"S": attempt},
            ":attempts": {"SS": [attempt]},
            ":uses": _number(link.uses),
        }
        with _reaching():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(link),
                    UpdateExpression=_TAKE,
                    ConditionExpression=f"{_LEFT} AND {_NOT_RESUMABLE}" if resumes else _LEFT,
                    ExpressionAttributeNames={"#client": taken},
                    ExpressionAttributeValues=values | ({":then": _number(then)} if resumes else {}),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
                return
            except self._client.exceptions.ConditionalCheckFailedException as error:
                refused: Any = error.response  # boto3-stubs do not know that the item is in it
        item = refused["Item"]
        if "revoked" in item:
            raise LinkRevoked()
        if not (resumes and taken in item and float(item[taken]["N"]) > then):
            raise LinkUsedUp()

    def check(self, link: Link) -> None:
        """Raise what `redeem` would of a new client; see `ports.TokenStore.check`."""
        with _reaching():
            found = self._client.get_item(TableName=self._table, Key=_key(link), ConsistentRead=True)
        item = found.get("Item", {})
        if "revoked" in item:
            raise LinkRevoked()
        if "attempts" in item and len(item["attempts"]["SS"]) >= link.uses:
            raise LinkUsedUp()

    def revoke(self, link: Link) -> None:
        """Let a link never be used again; see `ports.TokenStore.revoke`."""
        with _reaching():
            self._client.update_item(
                TableName=self._table,
                Key=_key(link),
                UpdateExpression="SET revoked = :true, expires = :expires",
                ExpressionAttributeValues={":true": {"BOOL": True}, ":expires": _expires(link)},
            )

    @cached_property
    def _client(self) -> "DynamoDBClient":
        import boto3

        return boto3.client("dynamodb", region_name=self._region, config=patience())


def _key(link: Link) -> dict[str, Any]:
    return {"id": {"S": link.id}}


def _expires(link: Link) -> dict[str, Any]:
    return _number(link.expires_at + _MARGIN)


def _number(value: float) -> dict[str, Any]:
    return {"N": repr(value)}


@contextmanager
def _reaching() -> Iterator[None]:
    """Make a failure of the table ours."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("The uses of this link cannot be counted now.") from error
