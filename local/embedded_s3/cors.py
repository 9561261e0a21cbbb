"""The CORS of S3: answers to preflights, and headers of other answers, by the bucket's own rules.

moto answers every preflight of a private object with 403, and lets any origin read any answer. Sources of the rules:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .errors import S3Error, bad_request
from .moto_state import find_bucket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)
_VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")

Headers = list[tuple[str, str]]


class BucketCors:
    """Answers every OPTIONS, and gives all answers of `app`, errors too, the CORS headers of S3 and no others.

    Args:
        app: the S3 that answers the other methods.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "OPTIONS":
            try:
                headers = _preflight_headers(environ)
            except S3Error as error:
                return error(environ, start_response)
            start_response("200 OK", [*headers, ("Content-Length", "0")])
            return []

        def with_cors(status: str, headers: Headers, *exc_info: Any) -> Any:
            kept = [(name, value) for name, value in headers if not _is_cors_of_moto(name)]
            return start_response(status, kept + _answer_headers(environ), *exc_info)

        return self._app(environ, with_cors)


def _is_cors_of_moto(name: str) -> bool:
    return name.lower().startswith("access-control-") or name.lower() == "vary"


def _preflight_headers(environ: WSGIEnvironment) -> Headers:
    """Return the headers that answer a preflight. Preflights are not authenticated (FACTS 4.9).

    Raises:
        S3Error: 400, the request is not a preflight; 403, no rule of the bucket allows the announced request.
    """
    origin, method = environ.get("HTTP_ORIGIN"), environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    if not origin or not method:
        message = "Insufficient information. Origin and Access-Control-Request-Method request headers needed."
        raise bad_request("BadRequest", message)
    requested = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    names = [name.strip().lower() for name in requested.split(",") if name.strip()]
    rules = _rules_of_bucket(environ)
    if not rules:
        raise S3Error("403 Forbidden", "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
    for rule in rules:
        patterns = [pattern.lower() for pattern in rule.allowed_headers or ()]
        if _applies(rule, origin, method) and all(_matches(patterns, name) for name in names):
            allowed = [("Access-Control-Allow-Headers", ", ".join(names))] if names else []
            return _headers_of_rule(rule, origin) + allowed
    raise S3Error("403 Forbidden", "AccessForbidden", _NOT_ALLOWED)


def _answer_headers(environ: WSGIEnvironment) -> Headers:
    """Return the headers of the first rule that applies to a request other than a preflight; none without a rule."""
    origin = environ.get("HTTP_ORIGIN")
    if origin:
        for rule in _rules_of_bucket(environ):
            if _applies(rule, origin, environ["REQUEST_METHOD"]):
                return _headers_of_rule(rule, origin)
    return []


def _rules_of_bucket(environ: WSGIEnvironment) -> Sequence[Any]:
    """Return the rules of the request's bucket, each a CorsRule of moto."""
    bucket = find_bucket(environ["PATH_INFO"].split("/")[1])
    return bucket.cors if bucket else []


def _applies(rule: Any, origin: str, method: str) -> bool:
    return _matches(rule.allowed_origins, origin) and method in rule.allowed_methods


def _matches(patterns: Sequence[str], value: str) -> bool:
    """Whether the value matches one of the patterns, in which `*` stands for any characters."""
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), value) for pattern in patterns)


def _headers_of_rule(rule: Any, origin: str) -> Headers:
    """Return the headers that let a page of this origin read the answer."""
    public = "*" in rule.allowed_origins
    headers = [
        ("Access-Control-Allow-Origin", "*" if public else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.allowed_methods)),
        _VARY,
    ]
    if not public:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if rule.exposed_headers:
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule.exposed_headers)))
    if rule.max_age_seconds:
        headers.append(("Access-Control-Max-Age", str(rule.max_age_seconds)))
    return headers
