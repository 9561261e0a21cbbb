"""`python -m local.function_url`: the handler `app.function_url` behind HTTP, as a Function URL on AWS.

How requests are read from the wire and answers written to it is in http_server.py.
Sources: Lambda Developer Guide, "Invoking Lambda function URLs"; FACTS 1.7, 1.8.
"""

import argparse
import base64
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from socket import socket
from typing import Any, Final
from urllib.parse import unquote

from chalice import local

from .http_server import EntryPoint, RequestHandler, Server

# FACTS 1.7: the length that a function gives its answer does arrive.
RENAMED: Final = frozenset({"www-authenticate", "date", "connection"})
_RESERVED: Final = "x-amzn-remapped-"
_SECONDS: Final = 10  # the time-out of the stack's functions

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class InternalServerError(local.LocalGatewayException):
    """The function raised, or set a header that belongs to the platform."""

    CODE = 500

    def __init__(self) -> None:
        super().__init__({}, b'{"message":"Internal Server Error"}')


class FunctionUrl(EntryPoint):
    """A Function URL, for one client's connection.

    Args:
        handler: the function.
        source_ip: the client's address.
    """

    renamed = RENAMED

    def __init__(self, handler: Handler, source_ip: str) -> None:  # not Chalice's own, which is for a Chalice app
        self._handler = handler
        self._source_ip = source_ip

    def handle_request(
        self, method: str, path: str, headers: local.HeaderType, body: bytes | None
    ) -> local.ResponseType:
        """Ask the function; `headers` holds the list of values of each name.

        Raises:
            InternalServerError: the function has no usable answer.
        """
        context = local.LambdaContext("function_url", 128, max_runtime_ms=_SECONDS * 1000)
        try:
            return response_of(self._handler(self._event(method, path, headers, body), context))
        except InternalServerError:
            raise
        except Exception:
            logging.getLogger("signpost").exception("The function raised")
            raise InternalServerError from None

    def _event(self, method: str, target: str, headers: local.HeaderType, body: bytes | None) -> dict[str, Any]:
        """The event, in payload version 2.0."""
        sent = {name.lower(): values for name, values in headers.items()} | {"x-forwarded-proto": ["http"]}
        cookies = [cookie for field in sent.pop("cookie", ()) for cookie in field.split("; ")]
        fields = {name: ",".join(values) for name, values in sent.items()}
        path, _, query = target.partition("?")
        now = time.time()
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": fields,
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "local",
                "domainName": "local.lambda-url.eu-west-1.on.aws",
                "domainPrefix": "local",
                "http": {
                    "method": method,
                    "path": unquote(path, errors="replace"),
                    "protocol": "HTTP/1.1",
                    "sourceIp": self._source_ip,
                    "userAgent": fields.get("user-agent", ""),
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": "$default",
                "stage": "$default",
                "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
                "timeEpoch": int(now * 1000),
            },
            "isBase64Encoded": body is not None,
        }
        more = ({"cookies": cookies} if cookies else {}) | (
            {} if body is None else {"body": base64.b64encode(body).decode()}
        )
        return event | more


def response_of(answer: Mapping[str, Any]) -> local.ResponseType:
    """The answer of a function with its cookies as headers.

    Raises:
        InternalServerError: the function sets a header as the platform would rename one.
    """
    if any(name.lower().startswith(_RESERVED) for name in answer["headers"]):
        raise InternalServerError
    cookies = answer.get("cookies")
    return {"multiValueHeaders": {"Set-Cookie": cookies} if cookies else {}} | dict(answer)


def serve(handler: Handler, port: int) -> Server:
    """Return a server on 127.0.0.1 that listens; `serve_forever` answers."""

    def connect(request: socket, client_address: tuple[str, int], server: Server) -> RequestHandler:
        return RequestHandler(request, client_address, server, FunctionUrl(handler, client_address[0]))

    return Server(("127.0.0.1", port), connect)


def main() -> None:
    """Serve the app until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local.function_url", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port

    import app  # with the environment of the service, which nothing above needs

    serve(app.function_url, port).serve_forever()


if __name__ == "__main__":
    main()
