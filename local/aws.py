"""The embedded AWS for development and tests: S3, DynamoDB and STS on one port of 127.0.0.1.

    with aws.serve() as endpoint:
        boto3.client("s3", endpoint_url=endpoint, region_name=aws.REGION, ...)

All are moto's; S3 stands behind the gate. The state lives in this process, is shared by the servers that run in it at
the same time, and is gone when the last one stops.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from local.bodies import SEND_CONTINUE, take_body
from local.claims import Refusal
from local.cors import Cors
from local.forms import Forms
from local.gate import ACCESS_KEY as ACCESS_KEY
from local.gate import SECRET_KEY as SECRET_KEY
from local.gate import Gate
from local.objects import Objects

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION: Final = "eu-west-1"
OTHER_SERVICES = ("dynamodb", "sts", "ssm", "secretsmanager")
# moto's state belongs to the process, and so does what guards it.
MOTO = threading.Lock()
RUNNING: list[BaseWSGIServer] = []


@contextmanager
def serve(port: int = 0, clock: Callable[[], float] = time.time) -> Iterator[str]:
    """Serves until the block ends; yields the endpoint URL.

    Args:
        port: to listen on; 0 takes a free one.
        clock: seconds since the epoch, by which signatures are judged.
    """
    server = make_server("127.0.0.1", port, Services(clock), threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    RUNNING.append(server)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        RUNNING.remove(server)
        if not RUNNING:
            moto_api_backend.reset()


class Services:
    """The services by the credential scope of the request: DynamoDB and the like, else S3, which is verified.

    Nothing but S3 is: an `Authorization` for another service opens that service only.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        store = Serialised(Objects())
        self._s3 = Cors(Forms(Gate(store, clock), store, clock))
        self._other = cache(lambda name: Serialised(create_backend_app(name)))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        scope = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        service = self._other(scope[1]) if scope and scope[1] in OTHER_SERVICES else self._s3
        return service(environ, start_response)


class Serialised:
    """Takes the whole body, then runs `app` under the lock: moto lets two racing conditional writes win (FACTS 5.1)."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            body = take_body(environ)
        except Refusal as refusal:
            return refusal(environ, start_response)
        with MOTO:
            return list(self._app({**environ, "wsgi.input": BytesIO(body)}, start_response))


class Handler(MotoRequestHandler):
    """werkzeug's handler, made to keep quiet and to treat uploads as S3 does."""

    def parse_request(self) -> bool:
        """Refuses a target in absolute form, over which werkzeug can fail before the application is called."""
        parsed = super().parse_request()
        if parsed and not self.path.startswith("/"):
            self.send_error(400)
            return False
        return parsed

    def handle_expect_100(self) -> bool:
        """Leaves the answer to the reader of the body, so that a refused upload is never sent (RFC 9110, 10.1.1)."""
        return True

    def run_wsgi(self) -> None:
        # werkzeug, too, would answer an Expect that it sees before the application has decided.
        self._expects_continue = self.headers.get("Expect", "").lower() == "100-continue"
        del self.headers["Expect"]
        super().run_wsgi()

    def make_environ(self) -> dict[str, Any]:
        return {**super().make_environ(), SEND_CONTINUE: self._send_continue}

    def _send_continue(self) -> None:
        if self._expects_continue:
            self._expects_continue = False
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Logs no request."""

    def log_error(self, format: str, *args: Any) -> None:
        """Logs no malformed request either; what fails in the application is logged by the server."""
