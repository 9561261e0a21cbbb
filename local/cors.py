"""The CORS of S3: preflights answered and headers added by the bucket's own rules.

moto answers every preflight of a private object with 403, and lets any origin read any answer. The rules are those of
https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from local.claims import Refusal
from local.moto_state import find_bucket

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)
VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")


class Cors:
    """Answers every OPTIONS, and gives `app`'s answers, refusals too, the CORS headers of S3 and no others.

    Args:
        app: the S3 behind it.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "OPTIONS":
            try:
                headers = preflight(environ)
            except Refusal as refusal:
                return refusal(environ, start_response)
            start_response("200 OK", [*headers, ("Content-Length", "0")])
            return []

        def with_cors(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            own = [(name, value) for name, value in headers if not foreign(name)]
            return start_response(status, own + actual(environ), *exc_info)

        return self._app(environ, with_cors)


def foreign(name: str) -> bool:
    """Whether it is a header of moto's own idea of CORS."""
    return name.lower().startswith("access-control-") or name.lower() == "vary"


def preflight(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """The headers that answer a preflight. Preflights are not authenticated (FACTS 4.9).

    Raises:
        Refusal: 400, it is no preflight; 403, no rule of the bucket allows what it asks for.
    """
    origin, method = environ.get("HTTP_ORIGIN"), environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    if not origin or not method:
        message = "Insufficient information. Origin and Access-Control-Request-Method request headers needed."
        raise Refusal("400 Bad Request", "BadRequest", message)
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    rules = cors_rules(environ)
    if not rules:
        message = "CORSResponse: CORS is not enabled for this bucket."
        raise Refusal("403 Forbidden", "AccessForbidden", message)
    for rule in rules:
        headers = [pattern.lower() for pattern in rule.allowed_headers or ()]
        if applies(rule, origin, method) and all(allows(headers, name) for name in names):
            allowed = [("Access-Control-Allow-Headers", ", ".join(names))] if names else []
            return granted(rule, origin) + allowed
    raise Refusal("403 Forbidden", "AccessForbidden", NOT_ALLOWED)


def actual(environ: WSGIEnvironment) -> list[tuple[str, str]]:
    """The headers for the answer to an actual request: those of the first rule that fits, or none."""
    origin = environ.get("HTTP_ORIGIN")
    if origin:
        for rule in cors_rules(environ):
            if applies(rule, origin, environ["REQUEST_METHOD"]):
                return granted(rule, origin)
    return []


def cors_rules(environ: WSGIEnvironment) -> Sequence[Any]:
    """The rules of the bucket asked for, moto's CorsRule each."""
    bucket = find_bucket(environ["PATH_INFO"].split("/")[1])
    return bucket.cors if bucket else []


def applies(rule: Any, origin: str, method: str) -> bool:
    """Whether the rule is for this origin and method."""
    return allows(rule.allowed_origins, origin) and method in rule.allowed_methods


def allows(patterns: Sequence[str], value: str) -> bool:
    """Whether the value matches one of the patterns, in which `*` stands for any characters."""
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), value) for pattern in patterns)


def granted(rule: Any, origin: str) -> list[tuple[str, str]]:
    """The headers by which the rule lets a page of that origin see the answer."""
    public = "*" in rule.allowed_origins
    headers = [
        ("Access-Control-Allow-Origin", "*" if public else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.allowed_methods)),
        VARY,
    ]
    if not public:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if rule.exposed_headers:
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule.exposed_headers)))
    if rule.max_age_seconds:
        headers.append(("Access-Control-Max-Age", str(rule.max_age_seconds)))
    return headers
