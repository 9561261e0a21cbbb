"""The error answers of S3: a status, a code and a message in an XML document.

The codes are from https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class S3Error(Exception):
    """An error answer. An instance is a WSGI application that sends this answer.

    Args:
        status: the HTTP status line.
        code: S3's error code.
        message: S3's message for this code.
        details: further elements of the error document.
    """

    def __init__(self, status: str, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.elements = {"Code": code, "Message": message, **details}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the error document. A HEAD request gets only the headers."""
        request_id = uuid.uuid4().hex[:16].upper()
        elements = {**self.elements, "RequestId": request_id}
        inner = "".join(f"<{name}>{escape(_printable(value))}</{name}>" for name, value in elements.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
        headers = [("Content-Type", "application/xml"), ("x-amz-request-id", request_id)]
        if environ["REQUEST_METHOD"] == "HEAD":
            body = b""
        else:
            headers.append(("Content-Length", str(len(body))))
        start_response(self.status, headers)
        return [body]


def access_denied(message: str, **details: str) -> S3Error:
    """Return S3's 403 with the code AccessDenied."""
    return S3Error("403 Forbidden", "AccessDenied", message, **details)


def bad_request(code: str, message: str, **details: str) -> S3Error:
    """Return a 400 with one of S3's codes."""
    return S3Error("400 Bad Request", code, message, **details)


def _printable(text: str) -> str:
    """Remove the control characters that XML 1.0 cannot contain."""
    return "".join(character for character in text if character.isprintable() or character == "\n")
