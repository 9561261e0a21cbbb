"""Reads and writes of objects: moto's S3, with the faults of moto 5.2.5 repaired. Each function repairs one fault.

Requests arrive here authenticated and with complete bodies. Digests are checked in bodies.py, multipart uploads in
multipart.py, and CORS in cors.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from moto.moto_server.werkzeug_app import BackendRequest, create_backend_app
from werkzeug.http import http_date, parse_date, parse_etags
from werkzeug.test import run_wsgi_app

from .bodies import check_digests
from .errors import S3Error, bad_request
from .moto_state import last_version
from .multipart import check_multipart
from .target import S3Target

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_KEY_BYTES = 1024
_HEADER_VALUE = re.compile("[\t -~\x80-\xff]*")
_CONDITIONS = (
    "HTTP_IF_MATCH",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_IF_RANGE",
)


class MotoObjects:
    """moto's S3 with its faults repaired. A WSGI application; not thread-safe."""

    def __init__(self) -> None:
        self._moto = create_backend_app("s3")
        self._moto.request_class = _RawBodyRequest

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            target = S3Target.parse(environ["REQUEST_URI"])
            _check_key_length(target.key)
            _check_overrides(environ)
            check_digests(environ)
            check_multipart(environ, target)
        except S3Error as error:
            return error(environ, start_response)
        _drop_unreadable_range(environ)
        _name_the_version_marker(environ, target)
        if environ["REQUEST_METHOD"] in ("GET", "HEAD") and any(name in environ for name in _CONDITIONS):
            self._simplify_conditions(environ)
        if environ["REQUEST_METHOD"] == "HEAD" and "response-" in environ["QUERY_STRING"]:
            # moto ignores response-* in a HEAD. The answer to a GET has these headers; its body is not sent.
            environ = {**environ, "REQUEST_METHOD": "GET"}
            _, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
            start_response(status, headers.to_wsgi_list())
            return []
        return self._moto(environ, start_response)

    def _simplify_conditions(self, environ: WSGIEnvironment) -> None:
        """Reduce the conditions of a request to the entity tag or the date that decides.

        moto compares the whole header with the entity tag. So moto knows no `*`, no list, no weak tag and no
        `If-Range`, and a date overrules a tag. RFC 9110 section 13.2.2 says which condition counts.
        """
        conditions = {name: environ.pop(name) for name in _CONDITIONS if name in environ}
        probe = {**environ, "REQUEST_METHOD": "HEAD"}
        probe.pop("HTTP_RANGE", None)
        _, _, headers = run_wsgi_app(self._moto, probe, buffered=True)
        etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
        tag = etag.strip('"')
        if match := conditions.get("HTTP_IF_MATCH"):
            tags = parse_etags(match)
            environ["HTTP_IF_MATCH"] = etag if tags.star_tag or tags.is_strong(tag) else '"another"'
        elif since := _utc_date(conditions.get("HTTP_IF_UNMODIFIED_SINCE")):
            environ["HTTP_IF_UNMODIFIED_SINCE"] = since
        if none_match := conditions.get("HTTP_IF_NONE_MATCH"):
            if parse_etags(none_match).contains_weak(tag):
                environ["HTTP_IF_NONE_MATCH"] = etag
        elif since := _utc_date(conditions.get("HTTP_IF_MODIFIED_SINCE")):
            environ["HTTP_IF_MODIFIED_SINCE"] = since
        if conditions.get("HTTP_IF_RANGE", etag) not in (etag, modified):
            environ.pop("HTTP_RANGE", None)


class _RawBodyRequest(BackendRequest):
    """Does not parse a body with a form's content type: moto would store an empty object for `curl --data-binary`."""

    @property
    def want_form_data_parsed(self) -> bool:
        # Only an upload by a form is a form: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
        return self.method == "POST" and self.mimetype == "multipart/form-data"


def _check_key_length(key: str) -> None:
    """Raise a 400 for a key over 1,024 bytes, which moto accepts (FACTS 4.7)."""
    size = len(key.encode())
    if size > MAX_KEY_BYTES:
        details = {"Size": str(size), "MaxSizeAllowed": str(MAX_KEY_BYTES)}
        raise bad_request("KeyTooLongError", "Your key is too long", **details)


def _check_overrides(environ: WSGIEnvironment) -> None:
    """Raise a 400 for a `response-*` parameter that no header can hold. moto would let the server fail on it."""
    for name, value in parse_qsl(environ["QUERY_STRING"]):
        if name.startswith("response-") and not _HEADER_VALUE.fullmatch(value):
            message = "Header value cannot be represented using ISO-8859-1."
            raise bad_request("InvalidArgument", message, ArgumentName=name, ArgumentValue=value)


def _utc_date(condition: str | None) -> str | None:
    """Return the date of a condition in UTC; None for another text, which S3 ignores (RFC 9110, 13.1.3)."""
    parsed = parse_date(condition)
    try:
        return http_date(parsed) if parsed else None
    except OverflowError:  # in UTC, the date is in the year 10000
        return None


def _name_the_version_marker(environ: WSGIEnvironment, target: S3Target) -> None:
    """Add a version to a `key-marker` that has none: moto would leave out one version too many, or too few.

    A listing continues after all versions of a key (S3 API Reference, ListObjectVersions, KeyMarker).
    """
    parameters = target.parameters()
    if "versions" not in parameters or "key-marker" not in parameters or "version-id-marker" in parameters:
        return
    last = last_version(target.bucket, parameters["key-marker"][0])
    kept = [pair for pair in target.query if pair[0] != "key-marker"]
    added = urlencode({"key-marker": last[0], "version-id-marker": last[1]}) if last else ""
    environ["QUERY_STRING"] = "&".join(filter(None, ("&".join(map("=".join, kept)), added)))


def _drop_unreadable_range(environ: WSGIEnvironment) -> None:
    """Remove a Range that S3 would ignore. moto would answer 500 or a part of the object."""
    if not re.fullmatch(r"bytes=(\d+-\d*|-\d+)", environ.get("HTTP_RANGE", "")):
        environ.pop("HTTP_RANGE", None)
