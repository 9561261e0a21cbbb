"""The JSON body of a request: an object with a few known fields, or an array of such objects."""

import json
from collections.abc import Mapping
from typing import Any, Final

from .numbers import is_whole_number
from .problems.base import BadRequest

_MAX_BODY_BYTES: Final = 4_096  # a body has a few short fields


def json_array(body: bytes, max_items: int, max_bytes: int, example: str) -> list[Any]:
    """Return the array in a body.

    Args:
        body: JSON.
        max_items: the largest number of items; the array has at least one item.
        max_bytes: the largest body, in bytes.
        example: a body that the service accepts, for the text of the refusal.

    Raises:
        BadRequest: the body is too large, is not JSON, or is not an array with so many items.
    """
    value = _parsed(body, max_bytes)
    if not isinstance(value, list) or not 1 <= len(value) <= max_items:
        raise BadRequest(f"The body must be a JSON array of 1 to {max_items} items in {max_bytes:,} bytes: {example}.")
    return value


def json_object(body: bytes, fields: tuple[str, ...], example: str) -> dict[str, Any]:
    """Return the object in a body; an empty body is an empty object.

    Args:
        body: JSON.
        fields: the names of all fields that the object may have.
        example: a body that the service accepts, for the text of the refusal.

    Raises:
        BadRequest: the body is not JSON, is not an object, or has an unknown field.
    """
    value = _parsed(body or b"{}", _MAX_BODY_BYTES)
    if not isinstance(value, dict):
        raise BadRequest(f"The body must be JSON: {example}.")
    unknown = value.keys() - set(fields)
    if unknown:
        raise BadRequest(f"The body has the unknown field {min(unknown)!a}. It takes {', '.join(fields)}.")
    return value


def _parsed(body: bytes, max_bytes: int) -> Any:
    """Return the value of a body; None for a body that is too large or is not JSON."""
    try:
        return json.loads(body) if len(body) <= max_bytes else None
    except (ValueError, RecursionError):
        return None


def number_field(fields: Mapping[str, Any], name: str, default: int, minimum: int, maximum: int) -> int:
    """Return a field that is a whole number within bounds; raise BadRequest for another value."""
    value = fields.get(name, default)
    if not is_whole_number(value, minimum, maximum):
        raise BadRequest(f"{name} must be a whole number from {minimum:,} to {maximum:,}.")
    return value


def flag_field(fields: Mapping[str, Any], name: str) -> bool:
    """Return a field that is true or false, false by default; raise BadRequest for another value."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.")
    return value


def choice_field(fields: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """Return a field that is one of some texts, the first text by default; raise BadRequest for another value."""
    value = fields.get(name, choices[0])
    if value not in choices:
        raise BadRequest(f"{name} must be one of {', '.join(choices)}.")
    return str(value)
