"""`python -m local.api_gateway.function_url`: the handler `app.function_url` over HTTP, as a Function URL on AWS.

http_server.py reads requests and writes answers. Sources: Lambda Developer Guide, "Invoking Lambda function URLs";
FACTS 1.7, 1.8.
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

from .errors import InternalServerError
from .http_server import EntryPoint, RequestHandler, Server

# FACTS 1.7: a Content-Length that the function sets reaches the client.
RENAMED: Final = frozenset({"www-authenticate", "date", "connection"})
_RESERVED_PREFIX: Final = "x-amzn-remapped-"
_TIMEOUT_SECONDS: Final = 10  # of the stack's functions

LambdaFunction = Callable[[dict[str, Any], Any], dict[str, Any]]


class FunctionUrlEntryPoint(EntryPoint):
    """A Function URL, for the connection of one client.

    Args:
        function: the handler.
        source_ip: the client's address.
    """

    renamed = RENAMED

    def __init__(self, function: LambdaFunction, source_ip: str) -> None:
        # Chalice's own constructor needs a Chalice app, so it is not called.
        self._function = function
        self._source_ip = source_ip

    def handle_request(
        self, method: str, path: str, headers: local.HeaderType, body: bytes | None
    ) -> local.ResponseType:
        """Call the function and return its answer; `headers` has the list of values of each name.

        Raises:
            InternalServerError: the function raised an exception, or its answer is invalid.
        """
        context = local.LambdaContext("function_url", 128, max_runtime_ms=_TIMEOUT_SECONDS * 1000)
        try:
            return to_response(self._function(self._event(method, path, headers, body), context))
        except InternalServerError:
            raise
        except Exception:
            logging.getLogger("signpost").exception("The function raised")
            raise InternalServerError from None

    def _event(self, method: str, target: str, headers: local.HeaderType, body: bytes | None) -> dict[str, Any]:
        """Return the event of a request, in payload version 2.0."""
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
        if cookies:
            event["cookies"] = cookies
        if body is not None:
            event["body"] = base64.b64encode(body).decode()
        return event


def to_response(answer: Mapping[str, Any]) -> local.ResponseType:
    """Return a function's answer with its cookies as `Set-Cookie` headers.

    Raises:
        InternalServerError: the function set a header with the prefix of renamed headers.
    """
    if any(name.lower().startswith(_RESERVED_PREFIX) for name in answer["headers"]):
        raise InternalServerError
    cookies = answer.get("cookies")
    return {"multiValueHeaders": {"Set-Cookie": cookies} if cookies else {}} | dict(answer)


def listen(function: LambdaFunction, port: int) -> Server:
    """Return a server that listens on 127.0.0.1. It answers while its `serve_forever` runs."""

    def handle_connection(request: socket, client_address: tuple[str, int], server: Server) -> RequestHandler:
        return RequestHandler(request, client_address, server, FunctionUrlEntryPoint(function, client_address[0]))

    return Server(("127.0.0.1", port), handle_connection)


def main() -> None:
    """Serve the app until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local.api_gateway.function_url", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port

    import app  # needs the service's environment variables, and nothing else in this module does

    listen(app.function_url, port).serve_forever()


if __name__ == "__main__":
    main()
