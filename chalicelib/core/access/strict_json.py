"""Strict JSON: objects whose text has one meaning only, for tokens and for keys of issuers."""

import json
from typing import Any, Final, NoReturn

_INFINITY: Final = float("inf")


def read_object(text: bytes) -> dict[str, Any]:
    """Return a JSON object (RFC 8259).

    Raises:
        ValueError: the text is not UTF-8, not JSON, or not an object; it has two members with one name, NaN, Infinity,
            a number that is too large, or arrays that are nested too deep. The message repeats nothing of the text.
    """
    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
    except (ValueError, RecursionError):  # the message of json has the number or the character that json cannot read
        raise ValueError("is not an object in strict JSON") from None
    if not isinstance(value, dict):
        raise ValueError("is not an object in strict JSON")
    return value


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):  # two readers could take two different members (RFC 8259 §4, RFC 8725 §2.4)
        raise ValueError
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    number = float(text)
    if number in (_INFINITY, -_INFINITY):
        raise ValueError
    return number
