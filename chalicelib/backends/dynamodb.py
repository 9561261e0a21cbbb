"""DynamoDB, where the uses of links are counted: an item for each link that was used or revoked.

id              the link's; the partition key
expires         a while after the link does, Unix time in seconds; the table's TTL attribute
attempts        those that took a use, a set
revoked         true once its issuer took it back
file FILE       when a GET of `Reading.file` FILE last took a use, Unix time in seconds
parts FILE      the parts of that file that were given since then, and the attempts that they were given to, a set
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.access.link_tokens import MAX_FREE_RANGES, Link, Reading
from chalicelib.core.web.problems import LinkRevoked, LinkUsedUp, Unavailable
from chalicelib.core.web.times import Deadline

from .aws_calls import call, client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_FREE: Final = 60  # seconds: `ports.TokenStore.redeem`
_MARGIN: Final = 3_600  # seconds that an item outlives its link, lest a clock that is slow finds the link unused
_UNCOUNTED: Final = "The uses of this link cannot be counted now."

_TAKE: Final = "SET expires = :expires ADD attempts :attempts"
_TAKE_TO_READ: Final = "SET expires = :expires, #file = :now, #parts = :parts ADD attempts :attempts"
# A set, not a number: an attempt that boto3 repeats because its answer was lost is in it already.
_LEFT: Final = (
    "attribute_not_exists(revoked) AND "
    "(attribute_not_exists(attempts) OR contains(attempts, :attempt) OR size(attempts) < :uses)"
)
_GIVE: Final = "ADD #parts :given"
_FREE_PART: Final = (
    "attribute_not_exists(revoked) AND #file > :then AND "
    "(contains(#parts, :attempt) OR (NOT contains(#parts, :part) AND size(#parts) < :most))"
)


class DynamoLinkUseCounter:
    """`ports.TokenStore` in a table.

    Credentials and endpoint are those that boto3 finds. The one client is made when it is first needed.

    Args:
        table: its name.
        region: where it is; None for the one that boto3 finds.
    """

    def __init__(self, table: str, region: str | None = None) -> None:
        self._table = table
        self._region = region

    def redeem(self, link: Link, *, attempt: str, reading: Reading | None, now: float, deadline: Deadline) -> None:
        """Take one use of a link, or give a part, each in one conditional write; see `ports.TokenStore.redeem`."""

        def work() -> None:
            if reading and reading.resumes and self._gave(link, attempt, reading, now):
                return
            values = {
                ":expires": _expires(link),
                ":attempt": {"S": attempt},
                ":attempts": {"SS": [attempt]},
                ":uses": _number(link.uses),
            }
            read = {":now": _number(now), ":parts": {"SS": [reading.part]}} if reading else {}
            item = self._refused(link, _TAKE_TO_READ if reading else _TAKE, _LEFT, values | read, reading)
            if item is not None:
                raise LinkRevoked() if "revoked" in item else LinkUsedUp()

        call(deadline, work, otherwise=_UNCOUNTED)

    def _gave(self, link: Link, attempt: str, reading: Reading, now: float) -> bool:
        """Give a part of a file that is free, and return whether it is."""
        values = {
            ":then": _number(now - _FREE),
            ":attempt": {"S": attempt},
            ":part": {"S": reading.part},
            ":given": {"SS": [attempt, reading.part]},
            ":most": _number(2 * MAX_FREE_RANGES),
        }
        return self._refused(link, _GIVE, _FREE_PART, values, reading) is None

    def _refused(
        self, link: Link, update: str, condition: str, values: dict[str, Any], reading: Reading | None
    ) -> dict[str, Any] | None:
        """Write to a link's item on a condition; return None, or the item where the condition does not hold."""
        names: Any = {}
        if reading:  # DynamoDB refuses a map of names that is empty
            names["ExpressionAttributeNames"] = {"#file": f"file {reading.file}", "#parts": f"parts {reading.file}"}
        try:
            written = self._client.update_item(
                TableName=self._table,
                Key=_key(link),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **names,
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            response: Any = error.response  # boto3-stubs do not know that the item is in it
            return dict(response.get("Item", {}))
        attempt = values[":attempt"]["S"]
        _check(any(attempt in value.get("SS", ()) for value in written["Attributes"].values()))
        return None

    def check(self, link: Link, deadline: Deadline) -> None:
        """Raise what `redeem` would of a new client; see `ports.TokenStore.check`."""

        def work() -> None:
            found = self._client.get_item(
                TableName=self._table, Key=_key(link), ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
            )
            _check(found["ConsumedCapacity"]["CapacityUnits"] > 0)  # of an item that is not there, too
            item = found.get("Item", {})
            if "revoked" in item:
                raise LinkRevoked()
            if "attempts" in item and len(item["attempts"]["SS"]) >= link.uses:
                raise LinkUsedUp()

        call(deadline, work, otherwise=_UNCOUNTED)

    def revoke(self, link: Link, deadline: Deadline) -> None:
        """Let a link never be used again; see `ports.TokenStore.revoke`."""

        def work() -> None:
            written = self._client.update_item(
                TableName=self._table,
                Key=_key(link),
                UpdateExpression="SET revoked = :true, expires = :expires",
                ExpressionAttributeValues={":true": {"BOOL": True}, ":expires": _expires(link)},
                ReturnValues="ALL_NEW",
            )
            _check(written["Attributes"]["revoked"]["BOOL"])

        call(deadline, work, otherwise=_UNCOUNTED)

    @cached_property
    def _client(self) -> "DynamoDBClient":
        made: DynamoDBClient = client("dynamodb", region_name=self._region)
        return made


def _check(is_proved: bool) -> None:
    """Raise Unavailable where the values in an answer do not prove that DynamoDB did what was asked.

    boto3 takes a page of a proxy with status 200 for an answer without any values.
    """
    if not is_proved:
        raise Unavailable(_UNCOUNTED, reason="the answer of DynamoDB does not hold the values that were written")


def _key(link: Link) -> dict[str, Any]:
    return {"id": {"S": link.id}}


def _expires(link: Link) -> dict[str, Any]:
    return _number(link.expires_at + _MARGIN)


def _number(value: float) -> dict[str, Any]:
    return {"N": repr(value)}
