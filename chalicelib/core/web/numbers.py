"""Whole numbers within bounds, from the text of a query or a header, and from the values of JSON and TOML."""

from typing import TypeGuard


def whole_number(text: str, minimum: int, maximum: int) -> int | None:
    """Return the number that a text holds, None for any other text.

    A number has ASCII digits alone, without a sign, and no more digits than `maximum`. So a long text costs nothing:
    `int` needs quadratic time, and raises an exception above 4,300 digits (CPython, "Integer string conversion length
    limitation").

    Args:
        text: as a client sent the text.
        minimum: the smallest number, at least 0.
        maximum: the largest number.
    """
    if text.isascii() and text.isdigit() and len(text) <= len(str(maximum)):
        number = int(text)
        return number if minimum <= number <= maximum else None
    return None


def is_whole_number(value: object, minimum: int, maximum: int) -> TypeGuard[int]:
    """Whether a value is a whole number from `minimum` to `maximum`; true and false, which Python counts, are not."""
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum
