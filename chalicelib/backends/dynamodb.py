"""DynamoDB, where the uses of links are counted. The table has an item for each link that was used or revoked.

id              the id of the link; the partition key
expires         Unix time in seconds, some time after the link expires; the TTL attribute of the table
attempts        a set: the attempts that took a use
revoked         true after the maker revoked the link
file FILE       Unix time in seconds: when a GET of the `Reading.file` FILE last took a use
parts FILE      a set: the ranges of that file that were sent since then, and the attempts that got the ranges
"""

from typing import Any, Final

from chalicelib.core.access.link_tokens import Link, Reading
from chalicelib.core.link_uses import FREE_SECONDS, MAX_FREE_RANGES
from chalicelib.core.web.problems.access import LinkRevoked, LinkUsedUp
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .aws_calls import call
from .dynamodb_table import DynamoTable, number

_KEPT_SECONDS: Final = 3_600  # after the link expires, so that a service with a slow clock still sees the uses
_NOT_COUNTED: Final = "The uses of this link cannot be counted now."

# `attempts` is a set, not a number: if boto3 repeats an attempt because the answer was lost, the count stays right.
_TAKE_USE: Final = "SET expires = :expires ADD attempts :attempts"
_TAKE_USE_FOR_FILE: Final = "SET expires = :expires, #file = :now, #parts = :parts ADD attempts :attempts"
_IS_USE_LEFT: Final = (
    "attribute_not_exists(revoked) AND "
    "(attribute_not_exists(attempts) OR contains(attempts, :attempt) OR size(attempts) < :uses)"
)
_SEND_FREE_RANGE: Final = "ADD #parts :sent"
_IS_RANGE_FREE: Final = (
    "attribute_not_exists(revoked) AND #file > :earliest AND "
    "(contains(#parts, :attempt) OR (NOT contains(#parts, :part) AND size(#parts) < :most))"
)


class DynamoLinkUseCounter(DynamoTable):
    """`ports.LinkUseCounter` in a table."""

    def redeem(self, link: Link, *, attempt: str, reading: Reading | None, now: float, deadline: Deadline) -> None:
        """Take one use of a link, or allow a free range, with conditional writes; see `ports.LinkUseCounter.redeem`."""

        def work() -> None:
            if reading and reading.resumes and self._is_free(link, attempt, reading, now):
                return
            values = {
                ":expires": _expires(link),
                ":attempt": {"S": attempt},
                ":attempts": {"SS": [attempt]},
                ":uses": number(link.uses),
            }
            if reading:
                values |= {":now": number(now), ":parts": {"SS": [reading.part]}}
            update = _TAKE_USE_FOR_FILE if reading else _TAKE_USE
            refused = self._write_if(_IS_USE_LEFT, link, update, values, reading)
            if refused is not None:
                raise LinkRevoked() if "revoked" in refused else LinkUsedUp()

        call(deadline, work, otherwise=_NOT_COUNTED)

    def _is_free(self, link: Link, attempt: str, reading: Reading, now: float) -> bool:
        """Return whether a range is free; if so, note that the range was sent."""
        values = {
            ":earliest": number(now - FREE_SECONDS),
            ":attempt": {"S": attempt},
            ":part": {"S": reading.part},
            ":sent": {"SS": [attempt, reading.part]},
            ":most": number(2 * MAX_FREE_RANGES),  # the set holds a range and an attempt for each
        }
        return self._write_if(_IS_RANGE_FREE, link, _SEND_FREE_RANGE, values, reading) is None

    def _write_if(
        self, condition: str, link: Link, update: str, values: dict[str, Any], reading: Reading | None
    ) -> dict[str, Any] | None:
        """Write to a link's item if the condition is true; return None, or the item if the condition is false."""
        names: Any = {}
        if reading:  # DynamoDB refuses an empty map of names
            names["ExpressionAttributeNames"] = {"#file": f"file {reading.file}", "#parts": f"parts {reading.file}"}
        try:
            answer = self._client.update_item(
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
            response: Any = error.response  # boto3-stubs do not know `Item`
            return dict(response.get("Item", {}))
        attempt = values[":attempt"]["S"]
        _check_answer(any(attempt in value.get("SS", ()) for value in answer["Attributes"].values()))
        return None

    def check(self, link: Link, deadline: Deadline) -> None:
        """Raise unless a new client could take a use, and take no use; see `ports.LinkUseCounter.check`."""

        def work() -> None:
            answer = self._client.get_item(
                TableName=self._table, Key=_key(link), ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
            )
            _check_answer(answer["ConsumedCapacity"]["CapacityUnits"] > 0)  # also for a link without an item
            item = answer.get("Item", {})
            if "revoked" in item:
                raise LinkRevoked()
            if "attempts" in item and len(item["attempts"]["SS"]) >= link.uses:
                raise LinkUsedUp()

        call(deadline, work, otherwise=_NOT_COUNTED)

    def revoke(self, link: Link, deadline: Deadline) -> None:
        """Refuse every later use of a link; see `ports.LinkUseCounter.revoke`."""

        def work() -> None:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(link),
                UpdateExpression="SET revoked = :true, expires = :expires",
                ExpressionAttributeValues={":true": {"BOOL": True}, ":expires": _expires(link)},
                ReturnValues="ALL_NEW",
            )
            _check_answer(answer["Attributes"]["revoked"]["BOOL"])

        call(deadline, work, otherwise=_NOT_COUNTED)


def _check_answer(is_proof: bool) -> None:
    """Raise Unavailable unless the answer proves that DynamoDB did the work.

    boto3 reads a proxy's page with status 200 as an answer without values.
    """
    if not is_proof:
        raise Unavailable(_NOT_COUNTED, reason="the answer of DynamoDB does not hold the values that were written")


def _key(link: Link) -> dict[str, Any]:
    return {"id": {"S": link.id}}


def _expires(link: Link) -> dict[str, Any]:
    return number(link.expires_at + _KEPT_SECONDS)
