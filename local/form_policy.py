"""The policy of a form: what S3 holds the upload of a browser to.

Pure: reads no clock, no socket and no state. The rules are AWS's:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from local.claims import Refusal, denied, malformed

RANGE = "content-length-range"
# "Conditions": each field must appear in one, except these and any that begins with `x-ignore-`.
FREE = ("policy", "x-amz-signature")


class Condition(NamedTuple):
    """What a field must be.

    Args:
        operator: `eq` or `starts-with`.
        name: of the field, in lower case.
        written: as the policy has it.
    """

    operator: str
    name: str
    value: str
    written: object

    def holds(self, fields: Mapping[str, str]) -> bool:
        """Whether the form meets it; one that lacks the field does not."""
        said = fields.get(self.name)
        return said is not None and (said == self.value if self.operator == "eq" else said.startswith(self.value))


class Policy(NamedTuple):
    """A policy that was read, its signature verified elsewhere.

    Args:
        expires: seconds since the epoch.
        ranges: the sizes that the file may have, from and to, all of which count.
    """

    expires: float
    conditions: list[Condition]
    ranges: list[tuple[int, int]]

    def check(self, fields: Mapping[str, str], size: int, now: float) -> None:
        """Decides on a form.

        Args:
            fields: without the file, names in lower case, `${filename}` filled in; `bucket` is that of the address.
            size: of the file, in bytes.
            now: seconds since the epoch.

        Raises:
            Refusal: 403, it is late, or a field is not what the policy says, or not in it; 400, the file's size is not.
        """
        if now >= self.expires:
            raise denied("Invalid according to Policy: Policy expired.")
        for condition in self.conditions:
            if not condition.holds(fields):
                raise denied(f"Invalid according to Policy: Policy Condition failed: {json.dumps(condition.written)}")
        named = {condition.name for condition in self.conditions}
        extra = [name for name in fields if name not in (*named, *FREE) and not name.startswith("x-ignore-")]
        if extra:
            raise denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
        for least, most in self.ranges:
            refuse_size(size, least, most)


def refuse_size(size: int, least: int, most: int) -> None:
    """400 for a file that is too small or too large."""
    if size < least:
        message = "Your proposed upload is smaller than the minimum allowed size"
        raise malformed("EntityTooSmall", message, ProposedSize=str(size), MinSizeAllowed=str(least))
    if size > most:
        message = "Your proposed upload exceeds the maximum allowed size"
        raise malformed("EntityTooLarge", message, ProposedSize=str(size), MaxSizeAllowed=str(most))


def read_policy(encoded: str) -> Policy:
    """Reads a policy as the form carries it, in base64.

    Raises:
        Refusal: 400, it is malformed.
    """
    try:
        policy = json.loads(base64.b64decode(encoded, validate=True))
    except ValueError:
        raise invalid("Invalid JSON.") from None
    match policy:
        case {"expiration": str(expiration), "conditions": [*conditions]}:
            read = [read_condition(condition) for condition in conditions]
            ranges = [one for one in read if not isinstance(one, Condition)]
            return Policy(read_time(expiration), [one for one in read if isinstance(one, Condition)], ranges)
    raise invalid("Policy missing expiration or conditions.")


def read_condition(written: Any) -> Condition | tuple[int, int]:
    """Reads one condition, in any of its three forms; that of the size gives its limits."""
    match written:
        case {**pair} if len(pair) == 1:
            ((name, value),) = pair.items()
            return read_condition(["eq", f"${name}", value])
        case [str(operator), int(least), int(most)] if operator.lower() == RANGE:
            return least, most
        case [str(operator), str(name), str(value)] if operator.lower() in ("eq", "starts-with") and name[:1] == "$":
            return Condition(operator.lower(), name[1:].lower(), value, written)
    raise invalid(f"Invalid Condition: {json.dumps(written)}")


def read_time(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 time in UTC, with or without a fraction."""
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            pass
    raise invalid(f"Invalid 'expiration' value: '{text}'")


def invalid(message: str) -> Refusal:
    """S3's 400 for a policy that cannot be read."""
    return malformed("InvalidPolicyDocument", f"Invalid Policy: {message}")
