"""The id of a request: the platform's, which its own logs know too."""

import os
import string
from collections.abc import Mapping
from typing import Any, Final

_PLAIN: Final = frozenset("-_=" + string.digits + string.ascii_letters)


def request_id(context: Mapping[str, Any]) -> str:
    """Return an event's `requestContext.requestId`, or a new one where an emulator leaves it out."""
    found = str(context.get("requestId") or "")
    return found if found and _PLAIN.issuperset(found) else os.urandom(8).hex()
