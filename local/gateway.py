"""API Gateway in front of `chalice local`: which route a request takes and what event it becomes.

`install()` puts it in place. How requests are read from the wire and answers written to it is in http_server.py.
"""

import base64
import os
import re
import socket
import time
import uuid
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

from chalice import local
from chalice.app import Chalice
from chalice.config import Config

from .http_server import EntryPoint, MissingAuthenticationToken, RequestHandler, Server

# "Amazon API Gateway important notes": no Lambda behind a REST API gets to see these.
_DROPPED: Final = frozenset({"connection", "content-length", "content-md5", "expect", "te", "transfer-encoding"})

# Of answers, "Amazon API Gateway important notes" and FACTS 1.7.
RENAMED: Final = frozenset({"connection", "content-length", "date", "server", "www-authenticate"})

# What it sets itself: how the client came, for which there is plain HTTP alone here.
_SCHEME: Final = "X-Forwarded-Proto"

# What nothing here has: "Input format of a Lambda function for proxy integration" sends them all the same.
_NO_IDENTITY: Final[Mapping[str, None]] = dict.fromkeys(
    (
        *("accessKey", "accountId", "caller", "principalOrgId", "user", "userArn"),
        *("cognitoAuthenticationProvider", "cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
    )
)

Fields = Mapping[str, Sequence[str]]


class BadGateway(local.LocalGatewayException):
    """The app raised: on Lambda the invocation fails, and API Gateway says no more than this."""

    CODE = 502

    def __init__(self) -> None:
        super().__init__({"x-amzn-ErrorType": "InternalServerErrorException"}, b'{"message": "Internal server error"}')


class Routes(local.RouteMatcher):
    """The routes as API Gateway chooses among them: of those that match, the most specific.

    A segment `{name}` takes one segment of the path, `{name+}` at the end takes all the rest; both stay encoded.
    """

    def __init__(self, route_urls: list[str]) -> None:
        super().__init__(route_urls)
        self._patterns = [(route, _pattern(route)) for route in sorted(route_urls, key=_vagueness)]

    def match_route(self, url: str) -> local.MatchResult:
        """Find the route of a request target, its path parameters and its query.

        Raises:
            MissingAuthenticationToken: there is none.
        """
        path, _, query = url.partition("?")
        path = path.removesuffix("/") or "/"  # FACTS 1.2
        for route, pattern in self._patterns:
            if match := pattern.fullmatch(path):
                names = [name.rstrip("+") for name in re.findall(r"{(.+?)}", route)]
                captured = dict(zip(names, match.groups(), strict=True))
                return local.MatchResult(route, captured, parse_qs(query, keep_blank_values=True))
        raise MissingAuthenticationToken


def _vagueness(route: str) -> list[int]:
    """The sort key that puts a literal segment before a `{name}`, and that before a `{name+}`."""
    return [segment.startswith("{") + segment.endswith("+}") for segment in route.split("/")]


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile("/".join(_segment_pattern(segment) for segment in route.split("/")))


def _segment_pattern(segment: str) -> str:
    if not segment.startswith("{"):
        return re.escape(segment)
    return "(.+)" if segment.endswith("+}") else "([^/]+)"


class EventConverter(local.LambdaEventConverter):
    """Makes the event of a REST API with Lambda proxy integration ("Input format of a Lambda function …").

    Args:
        route_matcher: the routes.
        binary_types: the API's binary media types.
        source_ip: the peer's address.
    """

    def __init__(self, route_matcher: Routes, binary_types: list[str], source_ip: str) -> None:
        super().__init__(route_matcher, binary_types)
        self._source_ip = source_ip

    def create_lambda_event(
        self, method: str, path: str, headers: dict[str, Any], body: bytes | None = None
    ) -> local.EventType:
        """Convert one request; `headers` holds the list of values of each name."""
        match = self._route_matcher.match_route(path)
        path = path.partition("?")[0]
        kept = {name: values for name, values in headers.items() if name.lower() not in (*_DROPPED, _SCHEME.lower())}
        kept[_SCHEME] = ["http"]
        query = match.query_params or None
        binary = body is not None and self._is_binary(headers)
        return {
            "resource": match.route,
            "path": path,
            "httpMethod": method,
            "headers": _last(kept),
            "multiValueHeaders": kept,
            "queryStringParameters": query and _last(query),
            "multiValueQueryStringParameters": query,
            "pathParameters": match.captured or None,
            "stageVariables": None,
            "requestContext": self._context(match.route, method, path, kept),
            "body": body and (base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")),
            "isBase64Encoded": binary,
        }

    def _context(self, route: str, method: str, path: str, headers: Fields) -> dict[str, Any]:
        now = time.time()
        by_name = _by_name(headers)
        domain = re.sub(r":[0-9]*$", "", by_name.get("host", "localhost"))
        stage = local.LocalARNBuilder.LOCAL_STAGE
        return {
            "resourceId": f"{zlib.crc32(route.encode()):08x}",
            "resourcePath": route,
            "httpMethod": method,
            "path": path,  # as behind a domain of one's own: the stage is not in our URLs
            "stage": stage,
            "accountId": local.LocalARNBuilder.LOCAL_ACCOUNT_ID,
            "apiId": local.LocalARNBuilder.LOCAL_API_ID,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "extendedRequestId": base64.urlsafe_b64encode(os.urandom(11)).decode(),
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "requestTimeEpoch": int(now * 1000),
            "identity": {**_NO_IDENTITY, "sourceIp": self._source_ip, "userAgent": by_name.get("user-agent")},
        }

    def _is_binary(self, headers: dict[str, Any]) -> bool:
        """Whether the body's type is among the binary ones; API Gateway knows no wildcard but `*/*`."""
        media_type = _by_name(headers).get("content-type", "").partition(";")[0].strip()
        return "*/*" in self._binary_types or media_type in self._binary_types


class Authorizer(local.LocalGatewayAuthorizer):
    """chalice's, which looks for the header in lower case only."""

    def authorize(
        self, raw_path: str, lambda_event: local.EventType, lambda_context: local.LambdaContext
    ) -> local.LocalAuthPair:
        """Run the route's authorizer, if it has one."""
        lowered = {name.lower(): value for name, value in lambda_event["headers"].items()}
        event, context = super().authorize(raw_path, lambda_event | {"headers": lowered}, lambda_context)
        return event | {"headers": lambda_event["headers"]}, context


class Gateway(EntryPoint):
    """The API, for one client's connection."""

    renamed = RENAMED

    def __init__(self, app_object: Chalice, config: Config, source_ip: str) -> None:
        super().__init__(app_object, config)
        routes = Routes(list(app_object.routes))
        self.event_converter = EventConverter(routes, app_object.api.binary_types, source_ip)
        self._authorizer = Authorizer(app_object)

    def handle_request(
        self, method: str, path: str, headers: local.HeaderType, body: bytes | None
    ) -> local.ResponseType:
        """Ask the app.

        Raises:
            LocalGatewayException: API Gateway's own answer.
        """
        try:
            return super().handle_request(method, path, headers, body)
        except local.LocalGatewayException:
            raise
        except Exception:
            self._app_object.log.exception("The app raised")
            raise BadGateway from None


class DevServer(local.LocalDevServer):
    """chalice's server, with API Gateway in it."""

    def __init__(self, app_object: Chalice, config: Config, host: str, port: int) -> None:
        super().__init__(app_object, config, host, port, handler_cls=_connect, server_cls=Server)


def _connect(
    request: socket.socket, client_address: tuple[str, int], server: Server, app_object: Chalice, config: Config
) -> RequestHandler:
    return RequestHandler(request, client_address, server, Gateway(app_object, config, client_address[0]))


def _last(fields: Fields) -> dict[str, str]:
    return {name: values[-1] for name, values in fields.items()}


def _by_name(fields: Fields) -> dict[str, str]:
    return {name.lower(): values[-1] for name, values in fields.items()}


def install() -> None:
    """Put API Gateway into `chalice local`, which looks its server up when it starts; twice is the same as once."""
    local.LocalDevServer = DevServer  # type: ignore[misc, assignment]
