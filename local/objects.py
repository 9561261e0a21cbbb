"""The objects of S3 where moto 5.2.5 keeps them otherwise: each function here names one shortcoming and repairs it.

Requests come here authenticated, their bodies complete. Uploads in parts are in `local.multipart`, CORS in
`local.cors`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_to_bytes

from moto.moto_server.werkzeug_app import BackendRequest, create_backend_app
from werkzeug.http import http_date, parse_date, parse_etags
from werkzeug.test import run_wsgi_app

from local import multipart
from local.claims import Refusal
from local.digests import DIGESTS, body_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_KEY_BYTES = 1024
SENDABLE = re.compile("[\t -~\x80-\xff]*")
CONDITIONS = (
    "HTTP_IF_MATCH",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_IF_RANGE",
)


class RawBodyRequest(BackendRequest):
    """Leaves a body with a form's content type alone: moto stores an empty object for `curl --data-binary`."""

    @property
    def want_form_data_parsed(self) -> bool:
        # Only a POST policy upload is a form: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
        return self.method == "POST" and self.mimetype == "multipart/form-data"


class Objects:
    """moto's S3, repaired. A WSGI application; not thread-safe."""

    def __init__(self) -> None:
        self._moto = create_backend_app("s3")
        self._moto.request_class = RawBodyRequest

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            refuse_long_key(environ)
            refuse_unsendable_override(environ)
            refuse_wrong_digest(environ)
            multipart.check(environ)
        except Refusal as refusal:
            return refusal(environ, start_response)
        drop_unreadable_range(environ)
        if environ["REQUEST_METHOD"] in ("GET", "HEAD") and any(name in environ for name in CONDITIONS):
            self._narrow_conditions(environ)
        if environ["REQUEST_METHOD"] == "HEAD" and "response-" in environ["QUERY_STRING"]:
            # moto gives a HEAD no response-* headers: answer as to a GET, whose body the server does not send.
            environ = {**environ, "REQUEST_METHOD": "GET"}
            _, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
            start_response(status, headers.to_wsgi_list())
            return []
        return self._moto(environ, start_response)

    def _narrow_conditions(self, environ: WSGIEnvironment) -> None:
        """Reduces the conditions to the one entity tag or date that decides.

        moto compares a whole header with the tag, so it knows no `*`, no list, no weak tag and no `If-Range`, and it
        lets a date overrule a tag. RFC 9110 section 13.2.2 says which one counts.
        """
        conditions = {name: environ.pop(name) for name in CONDITIONS if name in environ}
        probe = {**environ, "REQUEST_METHOD": "HEAD"}
        probe.pop("HTTP_RANGE", None)
        _, _, headers = run_wsgi_app(self._moto, probe, buffered=True)
        etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
        tag = etag.strip('"')
        if match := conditions.get("HTTP_IF_MATCH"):
            tags = parse_etags(match)
            environ["HTTP_IF_MATCH"] = etag if tags.star_tag or tags.is_strong(tag) else '"another"'
        elif since := readable_date(conditions.get("HTTP_IF_UNMODIFIED_SINCE")):
            environ["HTTP_IF_UNMODIFIED_SINCE"] = since
        if none_match := conditions.get("HTTP_IF_NONE_MATCH"):
            if parse_etags(none_match).contains_weak(tag):
                environ["HTTP_IF_NONE_MATCH"] = etag
        elif since := readable_date(conditions.get("HTTP_IF_MODIFIED_SINCE")):
            environ["HTTP_IF_MODIFIED_SINCE"] = since
        if conditions.get("HTTP_IF_RANGE", etag) not in (etag, modified):
            environ.pop("HTTP_RANGE", None)


def refuse_long_key(environ: WSGIEnvironment) -> None:
    """400 for a key over 1,024 bytes, which moto accepts (FACTS 4.7)."""
    _, _, key = environ["REQUEST_URI"].partition("?")[0][1:].partition("/")
    size = len(unquote_to_bytes(key))
    if size > MAX_KEY_BYTES:
        details = {"Size": str(size), "MaxSizeAllowed": str(MAX_KEY_BYTES)}
        raise Refusal("400 Bad Request", "KeyTooLongError", "Your key is too long", **details)


def refuse_unsendable_override(environ: WSGIEnvironment) -> None:
    """400 for a `response-*` parameter that no header can hold; moto gives it to the server, which fails over it."""
    for name, value in parse_qsl(environ["QUERY_STRING"]):
        if name.startswith("response-") and not SENDABLE.fullmatch(value):
            message = "Header value cannot be represented using ISO-8859-1."
            raise Refusal("400 Bad Request", "InvalidArgument", message, ArgumentName=name, ArgumentValue=value)


def readable_date(condition: str | None) -> str | None:
    """The date of a condition in UTC; None for no date, which S3 ignores (RFC 9110 section 13.1.3)."""
    parsed = parse_date(condition)
    try:
        return http_date(parsed) if parsed else None
    except OverflowError:  # in UTC it is in the year 10000
        return None


def drop_unreadable_range(environ: WSGIEnvironment) -> None:
    """Removes a Range that S3 would ignore and moto answers with 500 or with part of the object."""
    if not re.fullmatch(r"bytes=(\d+-\d*|-\d+)", environ.get("HTTP_RANGE", "")):
        environ.pop("HTTP_RANGE", None)


def refuse_wrong_digest(environ: WSGIEnvironment) -> None:
    """400 for a body that is not what its headers say, which moto never checks (FACTS 4.6).

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    body = body_of(environ)
    sha256 = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if re.fullmatch("[0-9a-f]{64}", sha256) and sha256 != hashlib.sha256(body).hexdigest():
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise Refusal("400 Bad Request", "XAmzContentSHA256Mismatch", message)
    # Elsewhere a checksum is that of the whole object, and in an SDK's stream that of the decoded body.
    if environ["REQUEST_METHOD"] != "PUT" or sha256.startswith("STREAMING-"):
        return
    for header, digest in DIGESTS.items():
        claimed = environ.get(f"HTTP_{header.upper().replace('-', '_')}")
        if claimed is not None and claimed != base64.b64encode(digest(body)).decode():
            message = f"The {header} you specified did not match the calculated checksum."
            raise Refusal("400 Bad Request", "BadDigest", message)
