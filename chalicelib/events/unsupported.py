"""Events that no entry point is for: each becomes a request that is refused with an explanation.

Read as one of ours, such an event could lead to a wrong key: an HTTP API decodes its path, and has the stage in it
(FACTS 1.8); a load balancer names its fields otherwise. So the two modules beside this one say what they accept.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.web.message import Request
from chalicelib.core.web.times import Deadline

from .request_id import request_id


def refused(event: object, explanation: str, deadline: Deadline) -> Request:
    """Return a request of which only the refusal is known.

    Args:
        event: any JSON; nothing of it is trusted but the platform's id.
        explanation: what the entry point accepts, and what to change.
        deadline: the time by which the event must be answered.
    """
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    known: Mapping[str, Any] = context if isinstance(context, Mapping) else {}
    return Request("", "/", {}, {}, request_id(known), "https://localhost", "", deadline, unsupported=explanation)
