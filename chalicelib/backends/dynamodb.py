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
from chalicelib.core.web.times import Deadline

from .aws_calls import call
from .dynamodb_table import KEPT_SECONDS, DynamoTable, check_answer, key, number

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
                Key=key(link.id),
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
        is_proof = any(attempt in value.get("SS", ()) for value in answer["Attributes"].values())
        check_answer(is_proof, _NOT_COUNTED)
        return None

    def check(self, link: Link, deadline: Deadline) -> int:
        """Return how many uses are left, and take none; see `ports.LinkUseCounter.check`."""

        def work() -> int:
            item = self._read(link.id, _NOT_COUNTED)
            if "revoked" in item:
                raise LinkRevoked()
            left = link.uses - (len(item["attempts"]["SS"]) if "attempts" in item else 0)
            if left <= 0:
                raise LinkUsedUp()
            return left

        return call(deadline, work, otherwise=_NOT_COUNTED)

    def revoke(self, link: Link, deadline: Deadline) -> None:
        """Refuse every later use of a link; see `ports.LinkUseCounter.revoke`."""

        def work() -> None:
            answer = self._client.update_item(
                TableName=self._table,
                Key=key(link.id),
                UpdateExpression="SET revoked = :true, expires = :expires",
                ExpressionAttributeValues={":true": {"BOOL": True}, ":expires": _expires(link)},
                ReturnValues="ALL_NEW",
            )
            check_answer(answer["Attributes"]["revoked"]["BOOL"], _NOT_COUNTED)

        call(deadline, work, otherwise=_NOT_COUNTED)


def _expires(link: Link) -> dict[str, Any]:
    return number(link.expires_at + KEPT_SECONDS)
