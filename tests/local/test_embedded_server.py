"""The server of the embedded S3: the services beside S3, an answer to every request, clean starts and stops."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from werkzeug.test import create_environ

from local import embedded_s3
from local.embedded_s3.bodies import SEND_CONTINUE
from local.embedded_s3.moto_state import MOTO_LOCK, OneAtATime

from .embedded import BUCKET, Embedded
from .wire import connected, exchange_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SERVE_TWICE = """
from local import embedded_s3
from tests.local.embedded import BUCKET, Clock, Embedded

for _ in range(2):
    with embedded_s3.serve(clock=Clock()) as endpoint:
        embedded = Embedded(endpoint, Clock())
        assert "Contents" not in embedded.s3.list_objects_v2(Bucket=BUCKET)
        embedded.s3.put_object(Bucket=BUCKET, Key="k", Body=b"")
        embedded.send("GET", f"{endpoint}/{BUCKET}/k")
        embedded.send_raw(b"GET http://[x/ HTTP/1.1\\r\\n\\r\\n")
    try:
        embedded.send("GET", endpoint)
    except ConnectionRefusedError:
        continue
    raise AssertionError("the server still answers")
"""


def test_moto_runs_only_under_its_lock() -> None:
    # Without the lock, the races of test_link_use_counters.py and of the contract fail too seldom.
    locked: list[bool] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        locked.append(MOTO_LOCK.locked())
        return []

    OneAtATime(app)({**create_environ(), SEND_CONTINUE: lambda: None}, lambda *_: lambda _: None)
    assert locked == [True]
    assert not MOTO_LOCK.locked()


def test_a_client_that_expects_100_gets_it_before_its_body(embedded: Embedded) -> None:
    url = embedded.presign("put_object", "expected")
    with connected(int(embedded.host.rpartition(":")[2])) as connection:
        connection.sendall(embedded.request_bytes("PUT", url, "Content-Length: 4", "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def hostile_requests(embedded: Embedded) -> dict[str, bytes]:
    """Return requests on which a server can fail or wait for ever, by their fault."""
    request = embedded.request_bytes

    def overriding(value: str) -> str:
        return embedded.presign("get_object", ResponseContentDisposition=value)

    get, put = embedded.presign("get_object"), embedded.presign("put_object")
    signed = "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/{}/aws4_request"
    form = ("Content-Type: multipart/form-data; boundary=b", "Content-Length: 99")
    return {
        "an answer that no header can hold": request("GET", overriding("attachment; filename=отчёт.txt")),
        "the same answer to a HEAD": request("HEAD", overriding("отчёт")),
        "an answer with a line end": request("GET", overriding("a\r\nX: y")),
        "an upload without the announced body": request("PUT", put, "Content-Length: 9", body=b"half"),
        "a GET without the announced body": request("GET", get, "Content-Length: 9"),
        "a length above every limit": request("PUT", put, f"Content-Length: {10**20}", body=b"half"),
        "a form without an end": request("POST", f"{embedded.endpoint}/b", *form, body=b"--b\r\n"),
        "two lengths": request("PUT", put, "Content-Length: 4", "Content-Length: 9", body=b"half"),
        "an incomplete chunk": request("PUT", put, "Transfer-Encoding: chunked", body=b"9\r\nhalf"),
        "a date in the year 10000": request("GET", get, "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 -1200"),
        "a call on which DynamoDB fails": request("POST", "/", signed.format("dynamodb"), "X-Amz-Target: D.PutItem"),
        "an empty call of another service": request("POST", "/", signed.format("secretsmanager"), "Content-Length: 0"),
        "no version": b"GET /\r\n",
        "an unknown version": b"GET / HTTP/9.9\r\n\r\n",
        "an empty line": b"\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    }


def test_every_request_is_answered_though_the_client_keeps_the_connection_open(embedded: Embedded) -> None:
    embedded.s3.put_object(Bucket=BUCKET, Key="k", Body=b"hello")
    with embedded_s3.serve(clock=embedded.clock, idle_seconds=0.5) as impatient:
        port = int(impatient.rpartition(":")[2])
        for fault, message in hostile_requests(embedded).items():
            status = rb"400" if fault == "two lengths" else rb"[2-5][0-9][0-9]"
            assert re.match(b"HTTP/1.1 " + status, exchange_bytes(port, message)), fault
    unsendable = embedded.get(ResponseContentType="текст")
    assert unsendable.error == (400, "InvalidArgument")
    assert unsendable.element("ArgumentName") == "response-content-type"
    assert embedded.get().body == b"hello", "an incomplete upload was stored"


def test_each_start_is_empty_and_prints_nothing() -> None:
    # In a process of its own: the state is deleted only with the last server of a process.
    run = subprocess.run([sys.executable, "-W", "error", "-c", SERVE_TWICE], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
