"""The digests that S3 verifies of a body, by the headers that carry them (FACTS 4.6)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "content-md5": lambda body: hashlib.md5(body).digest(),
    "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda body: hashlib.sha1(body).digest(),
    "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
}


def body_of(environ: WSGIEnvironment) -> bytes:
    """The body of a request that came complete; it can be read again."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"].seek(0)
    return body
