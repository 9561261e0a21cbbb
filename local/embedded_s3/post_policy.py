"""The policy of a form: the conditions that S3 holds a browser's upload to.

Pure: no clock, no socket, no state. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .errors import S3Error, access_denied, bad_request

_SIZE_CONDITION = "content-length-range"
# "Conditions": every field needs a condition, except these two and the names that begin with `x-ignore-`.
_FIELDS_WITHOUT_CONDITION = ("policy", "x-amz-signature")


class Condition(NamedTuple):
    """A condition on one field.

    Args:
        operator: `eq` or `starts-with`.
        name: the name of the field, in lower case.
        value: the text that the field must equal, or start with.
        written: the condition as it stands in the policy.
    """

    operator: str
    name: str
    value: str
    written: object

    def holds(self, fields: Mapping[str, str]) -> bool:
        """Whether the form meets the condition. A form without the field does not."""
        field = fields.get(self.name)
        return field is not None and (field == self.value if self.operator == "eq" else field.startswith(self.value))


class SizeRange(NamedTuple):
    """The sizes that the file may have, in bytes, both limits included."""

    least: int
    most: int

    def check(self, size: int) -> None:
        """Raise a 400 for a file that is too small or too large."""
        if size < self.least:
            message = "Your proposed upload is smaller than the minimum allowed size"
            raise bad_request("EntityTooSmall", message, ProposedSize=str(size), MinSizeAllowed=str(self.least))
        if size > self.most:
            message = "Your proposed upload exceeds the maximum allowed size"
            raise bad_request("EntityTooLarge", message, ProposedSize=str(size), MaxSizeAllowed=str(self.most))


class PostPolicy(NamedTuple):
    """A policy that was read. Its signature is checked elsewhere.

    Args:
        expires: seconds since the epoch.
        conditions: on fields; all must hold.
        ranges: of the file's size; all must hold.
    """

    expires: float
    conditions: list[Condition]
    ranges: list[SizeRange]

    def check(self, fields: Mapping[str, str], size: int, now: float) -> None:
        """Check a form against the policy.

        Args:
            fields: without the file, with names in lower case and `${filename}` replaced. `bucket` is the bucket to
                which the form is sent.
            size: of the file, in bytes.
            now: seconds since the epoch.

        Raises:
            S3Error: 403, the policy has expired, a condition does not hold, or a field has no condition; 400, the file
                is too small or too large.
        """
        if now >= self.expires:
            raise access_denied("Invalid according to Policy: Policy expired.")
        for condition in self.conditions:
            if not condition.holds(fields):
                written = json.dumps(condition.written)
                raise access_denied(f"Invalid according to Policy: Policy Condition failed: {written}")
        named = {condition.name for condition in self.conditions}.union(_FIELDS_WITHOUT_CONDITION)
        extra = [name for name in fields if name not in named and not name.startswith("x-ignore-")]
        if extra:
            raise access_denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
        for size_range in self.ranges:
            size_range.check(size)


def read_policy(encoded: str) -> PostPolicy:
    """Read a policy as the form carries it, in base64.

    Raises:
        S3Error: 400, the policy is malformed.
    """
    try:
        policy = json.loads(base64.b64decode(encoded, validate=True))
    except ValueError:
        raise _invalid("Invalid JSON.") from None
    match policy:
        case {"expiration": str(expiration), "conditions": [*written]}:
            conditions = [_read_condition(condition) for condition in written]
            return PostPolicy(
                _read_time(expiration),
                [condition for condition in conditions if isinstance(condition, Condition)],
                [condition for condition in conditions if isinstance(condition, SizeRange)],
            )
    raise _invalid("Policy missing expiration or conditions.")


def _read_condition(written: Any) -> Condition | SizeRange:
    """Read one condition, in any of its three forms."""
    match written:
        case {**pair} if len(pair) == 1:
            ((name, value),) = pair.items()
            return _read_condition(["eq", f"${name}", value])
        case [str(operator), int(least), int(most)] if operator.lower() == _SIZE_CONDITION:
            return SizeRange(least, most)
        case [str(operator), str(name), str(value)] if operator.lower() in ("eq", "starts-with") and name[:1] == "$":
            return Condition(operator.lower(), name[1:].lower(), value, written)
    raise _invalid(f"Invalid Condition: {json.dumps(written)}")


def _read_time(text: str) -> float:
    """Return an ISO 8601 time in UTC, with or without a fraction, in seconds since the epoch."""
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            pass
    raise _invalid(f"Invalid 'expiration' value: '{text}'")


def _invalid(message: str) -> S3Error:
    return bad_request("InvalidPolicyDocument", f"Invalid Policy: {message}")
