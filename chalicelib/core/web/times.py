"""How a time is written."""

import time


def rfc3339(seconds: float) -> str:
    """Return a Unix time as `2026-01-31T12:00:00Z` (RFC 3339 §5.6), as the policy of a form has it too."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
