"""The server of the embedded AWS: DynamoDB and STS beside S3, clean starts and stops, silence."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.test import create_environ

from local import embedded_s3
from local.embedded_s3.bodies import SEND_CONTINUE
from local.embedded_s3.moto_state import MOTO_LOCK, OneAtATime
from tests.local.embedded import BUCKET, Embedded

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TWICE = """
from local import embedded_s3
from local.embedded_s3.bodies import SEND_CONTINUE
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
    raise AssertionError("it still answers")
"""


def test_of_many_racing_conditional_updates_one_wins(embedded: Embedded) -> None:
    dynamodb = embedded.client("dynamodb")
    dynamodb.create_table(
        TableName="uses",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(5):
        outcomes: list[bool] = []

        def redeem(number: int = number, outcomes: list[bool] = outcomes) -> None:
            try:
                item = {"id": {"S": str(number)}}
                dynamodb.put_item(TableName="uses", Item=item, ConditionExpression="attribute_not_exists(id)")
                outcomes.append(True)
            except dynamodb.exceptions.ConditionalCheckFailedException:
                outcomes.append(False)

        threads = [threading.Thread(target=redeem) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [False] * 19 + [True]


def test_moto_runs_under_its_lock_alone() -> None:
    # The race above is lost too seldom to show that nothing else keeps them apart.
    locked: list[bool] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        locked.append(MOTO_LOCK.locked())
        return []

    environ = {**create_environ(), SEND_CONTINUE: lambda: None}
    OneAtATime(app)(environ, lambda *_: lambda _: None)
    assert locked == [True]
    assert not MOTO_LOCK.locked()


def test_a_client_that_expects_100_is_told_to_send_its_body(embedded: Embedded) -> None:
    url = urlsplit(embedded.presign("put_object", "expected"))
    host, _, port = url.netloc.partition(":")
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 4\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_secrets_can_be_kept_there(embedded: Embedded) -> None:
    embedded.client("ssm").put_parameter(Name="/signpost/secret", Value="s", Type="SecureString")
    embedded.client("secretsmanager").create_secret(Name="signpost", SecretString="s")
    found = embedded.client("ssm").get_parameter(Name="/signpost/secret", WithDecryption=True)
    assert found["Parameter"]["Value"] == "s"


def test_an_upload_cut_short_is_not_stored(embedded: Embedded) -> None:
    url = urlsplit(embedded.presign("put_object", "cut"))
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 9\r\n\r\n"
    assert b" 400 " in embedded.send_cut(head.encode() + b"half")
    assert embedded.send("GET", embedded.presign("get_object", "cut")).error == (404, "NoSuchKey")


def requests(embedded: Embedded) -> dict[str, bytes]:
    """Requests that an S3 can fail over, by what is wrong with them."""
    where = urlsplit(embedded.endpoint).netloc

    def request(method: str, url: str, *fields: str, body: bytes = b"") -> bytes:
        target = url.removeprefix(embedded.endpoint)
        lines = [f"{method} {target} HTTP/1.1", f"Host: {where}", *fields, "", ""]
        return "\r\n".join(lines).encode() + body

    def overriding(value: str) -> str:
        return embedded.presign("get_object", ResponseContentDisposition=value)

    get, put = embedded.presign("get_object"), embedded.presign("put_object")
    signed = "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/{}/aws4_request"
    form = ("Content-Type: multipart/form-data; boundary=b", "Content-Length: 99")
    return {
        "an answer that no header can hold": request("GET", overriding("attachment; filename=отчёт.txt")),
        "the same to a HEAD": request("HEAD", overriding("отчёт")),
        "an answer with a line end": request("GET", overriding("a\r\nX: y")),
        "a body that never comes": request("PUT", put, "Content-Length: 9", body=b"half"),
        "a body to a GET that never comes": request("GET", get, "Content-Length: 9"),
        "a body that is longer than any": request("PUT", put, f"Content-Length: {10**20}", body=b"half"),
        "a form that never ends": request("POST", f"{embedded.endpoint}/b", *form, body=b"--b\r\n"),
        "two lengths": request("PUT", put, "Content-Length: 4", "Content-Length: 9", body=b"half"),
        "chunks that never come": request("PUT", put, "Transfer-Encoding: chunked", body=b"9\r\nhalf"),
        "a date in the year 10000": request("GET", get, "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 -1200"),
        "a service that fails": request("POST", "/", signed.format("dynamodb"), "X-Amz-Target: DynamoDB.PutItem"),
        "a service that is asked nothing": request("POST", "/", signed.format("ssm"), "Content-Length: 0"),
        "no version": b"GET /\r\n",
        "a version to come": b"GET / HTTP/9.9\r\n\r\n",
        "nothing": b"\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    }


def test_every_request_is_answered(running: Embedded) -> None:
    """The client keeps its connection open; the server says what is wrong and closes."""
    with embedded_s3.serve(clock=running.clock, idle_seconds=0.2) as endpoint:
        embedded = Embedded(endpoint, running.clock)
        embedded.s3.put_object(Bucket=BUCKET, Key="k", Body=b"hello")
        for name, request in requests(embedded).items():
            assert re.match(rb"HTTP/1.1 [2-5][0-9][0-9] ", embedded.send_raw(request)), name
        unsendable = embedded.send("GET", embedded.presign("get_object", ResponseContentType="текст"))
        assert (unsendable.error, unsendable.element("ArgumentName")) == (
            (400, "InvalidArgument"),
            "response-content-type",
        )
        assert embedded.send("GET", embedded.presign("get_object")).body == b"hello"


def test_it_starts_empty_each_time_and_keeps_quiet() -> None:
    # In a process of its own: the state is gone only with the last server.
    run = subprocess.run([sys.executable, "-W", "error", "-c", TWICE], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
