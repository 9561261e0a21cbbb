"""API Gateway's REST API in front of `chalice local`: the event that a request becomes, and the call of the app.

`install` puts this REST API into `chalice local`. routes.py chooses the route. http_server.py reads requests and writes
answers.
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

from chalice import local
from chalice.app import Chalice
from chalice.config import Config

from .errors import BadGateway
from .http_server import EntryPoint, RequestHandler, Server
from .routes import Routes

# "Amazon API Gateway important notes": no Lambda function behind a REST API gets these headers.
_DROPPED: Final = frozenset({"connection", "content-length", "content-md5", "expect", "te", "transfer-encoding"})

# "Amazon API Gateway important notes" and FACTS 1.7, on headers of answers.
RENAMED: Final = frozenset({"connection", "content-length", "date", "server", "www-authenticate"})

# API Gateway sets this header itself. It is always http here.
_SCHEME: Final = "X-Forwarded-Proto"

# "Input format of a Lambda function for proxy integration": without IAM and Cognito, these fields are null.
_NO_IDENTITY: Final[Mapping[str, None]] = dict.fromkeys(
    (
        *("accessKey", "accountId", "caller", "principalOrgId", "user", "userArn"),
        *("cognitoAuthenticationProvider", "cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
    )
)

Fields = Mapping[str, Sequence[str]]


class EventConverter(local.LambdaEventConverter):
    """Makes the event of a REST API with Lambda proxy integration ("Input format of a Lambda function …").

    Args:
        route_matcher: the routes.
        binary_types: the API's binary media types.
        source_ip: the client's address.
    """

    def __init__(self, route_matcher: Routes, binary_types: list[str], source_ip: str) -> None:
        super().__init__(route_matcher, binary_types)
        self._source_ip = source_ip

    def create_lambda_event(
        self, method: str, path: str, headers: dict[str, Any], body: bytes | None = None
    ) -> local.EventType:
        """Return the event of one request; `headers` has the list of values of each name."""
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
            "headers": _last_values(kept),
            "multiValueHeaders": kept,
            "queryStringParameters": query and _last_values(query),
            "multiValueQueryStringParameters": query,
            "pathParameters": match.captured or None,
            "stageVariables": None,
            "requestContext": self._context(match.route, method, path, kept),
            "body": body and (base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")),
            "isBase64Encoded": binary,
        }

    def _context(self, route: str, method: str, path: str, headers: Fields) -> dict[str, Any]:
        now = time.time()
        by_name = _by_lower_name(headers)
        domain = re.sub(r":[0-9]*$", "", by_name.get("host", "localhost"))
        stage = local.LocalARNBuilder.LOCAL_STAGE
        return {
            "resourceId": f"{zlib.crc32(route.encode()):08x}",
            "resourcePath": route,
            "httpMethod": method,
            "path": path,  # without the stage, as behind a custom domain
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
        """Whether the body has a binary type. The only wildcard that API Gateway knows is `*/*`."""
        media_type = _by_lower_name(headers).get("content-type", "").partition(";")[0].strip()
        return "*/*" in self._binary_types or media_type in self._binary_types


class RestApiEntryPoint(EntryPoint):
    """The REST API, for the connection of one client.

    Args:
        app_object: the app.
        config: the configuration of Chalice.
        source_ip: the client's address.
    """

    renamed = RENAMED

    def __init__(self, app_object: Chalice, config: Config, source_ip: str) -> None:
        super().__init__(app_object, config)
        routes = Routes(list(app_object.routes))
        self.event_converter = EventConverter(routes, app_object.api.binary_types, source_ip)

    def handle_request(
        self, method: str, path: str, headers: local.HeaderType, body: bytes | None
    ) -> local.ResponseType:
        """Call the app and return its answer.

        Raises:
            LocalGatewayException: API Gateway answers itself.
        """
        try:
            return super().handle_request(method, path, headers, body)
        except local.LocalGatewayException:
            raise
        except Exception:
            self._app_object.log.exception("The app raised")
            raise BadGateway from None


class RestApiServer(local.LocalDevServer):
    """Chalice's development server, with API Gateway in front of the app."""

    def __init__(self, app_object: Chalice, config: Config, host: str, port: int) -> None:
        super().__init__(app_object, config, host, port, handler_cls=_handle_connection, server_cls=Server)


def install() -> None:
    """Let `chalice local` start `RestApiServer`. Chalice reads the class when it starts. Repeated calls do no harm."""
    local.LocalDevServer = RestApiServer  # type: ignore[misc, assignment]


def _handle_connection(
    request: socket.socket, client_address: tuple[str, int], server: Server, app_object: Chalice, config: Config
) -> RequestHandler:
    entry_point = RestApiEntryPoint(app_object, config, client_address[0])
    return RequestHandler(request, client_address, server, entry_point)


def _last_values(fields: Fields) -> dict[str, str]:
    return {name: values[-1] for name, values in fields.items()}


def _by_lower_name(fields: Fields) -> dict[str, str]:
    return {name.lower(): values[-1] for name, values in fields.items()}
