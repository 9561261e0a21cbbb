"""Marks: the value in each presigned URL that names the caller to the administrator, and to nobody else.

S3 ignores a query parameter that begins with `x-`, and keeps the parameter in its server access log (FACTS 4.5).
"""

import hmac
from base64 import b32encode
from functools import lru_cache
from typing import Final

from .signing import purpose_key

MARK_BYTES: Final = 10  # 16 characters; 80 bits, so no two callers share a mark

_MAX_CACHED_MARKS: Final = 1024


class Marks:
    """Makes the marks of callers. Without the key, nobody can tell whether a mark belongs to a caller.

    Args:
        key: the key of the marks.
    """

    def __init__(self, key: bytes) -> None:
        mark_key = purpose_key(key, b"signpost mark")

        def mark(caller: str) -> str:
            digest = hmac.digest(mark_key, caller.encode("utf-8", "surrogatepass"), "sha256")
            return b32encode(digest[:MARK_BYTES]).decode().lower()

        self._mark = lru_cache(maxsize=_MAX_CACHED_MARKS)(mark)

    def of(self, caller: str) -> str:
        """Return the mark of a caller: 16 lower-case letters and digits (base32, RFC 4648 §6).

        Args:
            caller: the name of the caller in the log: `key:ID`, `user:ISSUER:ID`, `link:ID` or `anyone`.
        """
        return self._mark(caller)
