"""The id of a request: the platform's, which its own logs know too."""

import re
import secrets
from collections.abc import Mapping
from typing import Any

_ID = re.compile(r"[\w-]{1,128}", re.ASCII)


def request_id(context: Mapping[str, Any]) -> str:
    """Return an event's `requestContext.requestId`, or a new one where an emulator leaves it out."""
    found = str(context.get("requestId") or "")
    return found if _ID.fullmatch(found) else secrets.token_hex(8)
