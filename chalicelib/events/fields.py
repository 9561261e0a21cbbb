"""The header fields of an event, by their names in lower case, each name once."""

from collections.abc import Iterable, Sequence


def fields(pairs: Iterable[tuple[str, Sequence[str]]]) -> dict[str, str]:
    """Return header fields: names in lower case (FACTS 1.5), and the values of one name joined in their order.

    A comma joins values (RFC 9110 §5.3). Cookie fields are joined by `; ` (RFC 6265 §5.4): a comma is part of a value.

    Args:
        pairs: names in any case, each with its values. A name that comes twice in two cases is one name.
    """
    found: dict[str, str] = {}
    for name, values in pairs:
        name = name.lower()
        if name in found:
            values = (found[name], *values)
        found[name] = values[0] if len(values) == 1 else ("; " if name == "cookie" else ",").join(values)
    return found
