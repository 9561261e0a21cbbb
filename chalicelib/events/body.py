"""The body of an event, in either of the two ways that an event spells it, and the body of a response."""

import base64
from collections.abc import Mapping
from typing import Any


def body(event: Mapping[str, Any]) -> bytes:
    """Return an event's body, empty where there is none or it cannot be read."""
    text = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""


def encoded(data: bytes) -> str:
    """Return a body as a response with `isBase64Encoded` spells it."""
    return base64.b64encode(data).decode()
