"""HTTP in front of a running function: a browser's requests become events, and what it returns becomes answers.

`local.api_gateway.http_server` reads requests and writes answers; `tests.support.builders` makes events.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from chalice import local

from local.api_gateway import function_url, rest_api
from local.api_gateway.errors import BadGateway, MissingAuthenticationToken
from local.api_gateway.http_server import EntryPoint, RequestHandler, Server
from tests.support.builders import Event

from .conftest import Running
from .runtime_api import Failed


class Front(EntryPoint):
    """Who answers the requests of all connections: one function, which has one container and handles them in turn.

    Args:
        running: the function, behind one of both doors.
    """

    def __init__(self, running: Running) -> None:  # not chalice's own, which is for an app in this process
        self.renamed = rest_api.RENAMED if running.prefix else function_url.RENAMED
        self._running = running
        self._turn = threading.Lock()

    def handle_request(
        self, method: str, path: str, headers: local.HeaderType, body: bytes | None
    ) -> local.ResponseType:
        """Ask the function.

        Args:
            method: the request's.
            path: its target, with the query.
            headers: the list of values of each name.
            body: None where there is none.

        Raises:
            MissingAuthenticationToken: the path is outside of the stage.
            BadGateway: the function failed.
        """
        if not path.startswith(f"{self._running.prefix}/"):
            raise MissingAuthenticationToken
        raw_path, _, query = path.removeprefix(self._running.prefix).partition("?")
        fields = [(name, value) for name, values in headers.items() for value in values]
        event = self._running.event(method, raw_path, query, [*fields, ("X-Forwarded-Proto", "http")], body or b"")
        try:
            with self._turn:
                response: Event = self._running.function.invoke(event)
        except Failed:
            raise BadGateway from None
        return function_url.to_response(response)  # a REST API's has no field for cookies


@contextmanager
def serve(running: Running) -> Iterator[str]:
    """Serve a function for as long as the block runs; yields the URL that its paths follow."""
    front = Front(running)
    server = Server(("127.0.0.1", 0), partial(_connect, front))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}{running.prefix}"
    finally:
        server.shutdown()
        server.server_close()


def _connect(front: Front, request: Any, client_address: tuple[str, int], server: Server) -> RequestHandler:
    return RequestHandler(request, client_address, server, front)
