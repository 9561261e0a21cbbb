"""The `Range` field of a request (RFC 9110 §14)."""

import re


def byte_ranges(field: str) -> str | None:
    """Return the ranges of a `Range` field in one spelling; None where the field is not well-formed.

    Source: RFC 9110 §14.1.1 and §14.1.2. The empty elements that §5.6.1.2 allows in a list are refused, and so is
    `-0`, which asks for no bytes.
    """
    unit, _, ranges = field.partition("=")
    ranges_read = []
    for text in re.split(r"[ \t]*,[ \t]*", ranges):
        match = re.fullmatch(r"([0-9]{0,19})-([0-9]{0,19})", text)
        first, last = match.groups() if match else ("", "")
        is_empty = int(first) > int(last) if first and last else not first and not int(last or 0)
        if unit.lower() != "bytes" or not match or is_empty:
            return None
        ranges_read.append(f"{first and int(first)}-{last and int(last)}")
    return ",".join(ranges_read)
