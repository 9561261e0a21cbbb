"""The server of the embedded S3: one port of 127.0.0.1 for S3 and, beside it, moto's DynamoDB, STS and secret stores.

The state lives in this process. All servers of the process share the state, and the last server to stop deletes it.
"""

from __future__ import annotations

import re
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.test import run_wsgi_app

from .authentication import Authentication
from .bodies import SEND_CONTINUE
from .cors import BucketCors
from .errors import S3Error
from .moto_state import OneAtATime
from .objects import MotoObjects
from .post_object import PostObject

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION: Final = "eu-west-1"
_OTHER_SERVICES = ("dynamodb", "sts", "ssm", "secretsmanager")
_running: list[BaseWSGIServer] = []


@contextmanager
def serve(port: int = 0, clock: Callable[[], float] = time.time, idle_seconds: float = 20) -> Iterator[str]:
    """Serve until the block ends, and yield the endpoint URL.

    Args:
        port: to listen on; 0 chooses a free port.
        clock: returns seconds since the epoch, to judge signatures.
        idle_seconds: how long a client may pause in the middle of a request.
    """
    handler = type("Handler", (QuietRequestHandler,), {"timeout": idle_seconds})
    app = _AlwaysAnswered(_Services(clock))
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    _running.append(server)
    try:
        yield "http://127.0.0.1" if port == 80 else f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        _running.remove(server)
        if not _running:
            moto_api_backend.reset()


class _AlwaysAnswered:
    """Answers 500 where `app` fails or its answer cannot be sent: werkzeug would let the client wait for ever."""

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
            return S3Error("500 Internal Server Error", "InternalError", message)(environ, start_response)
        start_response(status, sent)
        return body


class _Services:
    """Chooses the service by the credential scope of the request; S3 answers everything else.

    Only S3 checks signatures. An `Authorization` for another service opens that service only.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        store = OneAtATime(MotoObjects())
        self._s3 = BucketCors(PostObject(Authentication(store, clock), store, clock))
        self._other = cache(lambda name: OneAtATime(create_backend_app(name)))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        scope = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        service = self._other(scope[1]) if scope and scope[1] in _OTHER_SERVICES else self._s3
        return service(environ, start_response)


class QuietRequestHandler(MotoRequestHandler):
    """werkzeug's request handler, without a log, and with S3's treatment of malformed requests and uploads."""

    default_request_version = "HTTP/1.0"  # with http.server's default, 0.9, a garbled request gets no status line

    def parse_request(self) -> bool:
        """Answer 400 to a malformed request, and return False.

        werkzeug can fail on a target in absolute form before it calls the application. http.server and werkzeug would
        wait for more after a first line without a version, and where several lengths differ.
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
        """Send no 100 yet: the reader of the body sends it, so a refused upload is never sent (RFC 9110, 10.1.1)."""
        return True

    def run_wsgi(self) -> None:
        """Call the application."""
        # werkzeug, too, would send the 100 before the application has decided.
        self._expects_continue = self.headers.get("Expect", "").lower() == "100-continue"
        del self.headers["Expect"]
        super().run_wsgi()

    def make_environ(self) -> dict[str, Any]:
        """Return the WSGI environ, with the function that sends a 100."""
        return {**super().make_environ(), SEND_CONTINUE: self._send_continue}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no request."""

    def log_error(self, format: str, *args: Any) -> None:
        """Log no malformed request; the server logs failures of the application."""

    def _send_continue(self) -> None:
        if self._expects_continue:
            self._expects_continue = False
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
