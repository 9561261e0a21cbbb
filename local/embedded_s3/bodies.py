"""The body of a request: read completely from the client, and compared with the digests in its headers."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from .errors import bad_request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SEND_CONTINUE = "local.send_continue"
# The digests that S3 verifies, by the header that carries them (FACTS 4.6).
DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "content-md5": lambda body: hashlib.md5(body).digest(),
    "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda body: hashlib.sha1(body).digest(),
    "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
}


def receive_body(environ: WSGIEnvironment) -> bytes:
    """Read the whole body from the client. A client that waits for a 100 gets the 100 first.

    Raises:
        S3Error: 400, the client closed the connection or paused too long before the body was complete.
    """
    environ[SEND_CONTINUE]()
    try:
        return get_input_stream(environ).read()
    except (ClientDisconnected, TimeoutError):
        message = "Your socket connection to the server was not read from or written to within the timeout period."
        raise bad_request("RequestTimeout", message) from None


def received_body(environ: WSGIEnvironment) -> bytes:
    """Return the body of a request that arrived completely. The next reader can read it again."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"].seek(0)
    return body


def check_digests(environ: WSGIEnvironment) -> None:
    """Compare the body with the digests in the headers, which moto never does (FACTS 4.6).

    Raises:
        S3Error: 400, a digest belongs to another body.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    body = received_body(environ)
    sha256 = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if re.fullmatch("[0-9a-f]{64}", sha256) and sha256 != hashlib.sha256(body).hexdigest():
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise bad_request("XAmzContentSHA256Mismatch", message)
    # In other methods a checksum belongs to the whole object, and in an SDK's stream to the decoded body.
    if environ["REQUEST_METHOD"] != "PUT" or sha256.startswith("STREAMING-"):
        return
    for header, digest in DIGESTS.items():
        expected = environ.get(f"HTTP_{header.upper().replace('-', '_')}")
        if expected is not None and expected != base64.b64encode(digest(body)).decode():
            raise bad_request("BadDigest", f"The {header} you specified did not match the calculated checksum.")
