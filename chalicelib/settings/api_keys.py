"""`[[keys]]`: the API keys."""

import re
from typing import Final

from chalicelib.core.access.principals import ApiKey

from .checks import Check, pattern
from .schema import Document, Table

_MAX_SECRETS: Final = 2  # the new secret, and the old secret until all clients have the new secret
_EMPTY_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

KEY_ID: Final = Check(pattern(r"[a-z0-9-]+"), "lower-case letters, digits and '-'")
_SHA256: Final = Check(
    lambda text: re.fullmatch(r"[0-9A-Fa-f]{64}", text) and text.lower() != _EMPTY_SHA256,
    "the SHA-256 of a secret, 64 hex digits, as `python -m chalicelib key new ID` prints it",
    is_secret=True,
)
GROUP: Final = Check(pattern(r"[^\s:]+"), "a name without spaces and colons")


def read_api_keys(document: Document) -> tuple[ApiKey, ...]:
    """Return the API keys; no two keys may have the same id or the same secret."""
    keys = []
    for table in document.tables("keys"):
        key = ApiKey(
            id=table.text("id", KEY_ID),
            sha256=_read_sha256(table),
            groups=table.texts("groups", GROUP),
            in_urls=table.flag("in_urls", default=False),
        )
        table.finish()
        keys.append(key)
    document.check_unique("keys", "id", [(key.id,) for key in keys])
    document.check_unique("keys", "sha256", [key.sha256 for key in keys])
    return tuple(keys)


def _read_sha256(table: Table) -> tuple[str, ...]:
    values = table.text_or_texts("sha256", _SHA256)
    if table.values.get("sha256", []) == []:
        table.mistake("sha256", f"is missing; give {_SHA256.wanted}")
    if len(values) > _MAX_SECRETS:
        table.mistake("sha256", "has more than two values; remove the values of secrets that no client uses")
    return tuple(value.lower() for value in values)
