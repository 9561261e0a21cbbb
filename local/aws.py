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
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.test import run_wsgi_app

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
def serve(port: int = 0, clock: Callable[[], float] = time.time, idle_seconds: float = 20) -> Iterator[str]:
    """Serves until the block ends; yields the endpoint URL.

    Args:
        port: to listen on; 0 takes a free one.
        clock: seconds since the epoch, by which signatures are judged.
        idle_seconds: how long a client may send nothing in the middle of a request.
    """
    handler = type("Handler", (Handler,), {"timeout": idle_seconds})
    server = make_server("127.0.0.1", port, Answered(Services(clock)), threaded=True, request_handler=handler)
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


class Answered:
    """Answers every request: werkzeug leaves a client waiting for ever where an answer cannot be sent as it is."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
            sent = headers.to_wsgi_list()
            "".join(value for _, value in sent).encode("latin-1")
        except Exception:
            traceback.print_exc(file=environ["wsgi.errors"])
            message = "We encountered an internal error. Please try again."
            return Refusal("500 Internal Server Error", "InternalError", message)(environ, start_response)
        start_response(status, sent)
        return body


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

    default_request_version = "HTTP/1.0"  # with http.server's own, 0.9, a garbled request gets no status line

    def parse_request(self) -> bool:
        """Refuses what is no request.

        A target in absolute form: werkzeug can fail over it before the application is called. A first line without a
        version, and several lengths: http.server and werkzeug would wait for more.
        """
        self.requestline = self.raw_requestline.decode("latin-1").rstrip("\r\n")
        self.command, self.request_version = "", self.default_request_version
        if len(self.requestline.split()) != 3:
            self.send_error(400)
            return False
        parsed = super().parse_request()
        if parsed and (not self.path.startswith("/") or len(set(self.headers.get_all("Content-Length", ()))) > 1):
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
