"""The body of a request, taken whole from the client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from local.claims import malformed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SEND_CONTINUE = "local.send_continue"


def take_body(environ: WSGIEnvironment) -> bytes:
    """Lets the client send its body, where it waits for that, and reads all of it.

    Raises:
        Refusal: 400, the client ended, or sent nothing for too long, before it had sent what it promised.
    """
    environ[SEND_CONTINUE]()
    try:
        return get_input_stream(environ).read()
    except (ClientDisconnected, TimeoutError):
        message = "Your socket connection to the server was not read from or written to within the timeout period."
        raise malformed("RequestTimeout", message) from None
