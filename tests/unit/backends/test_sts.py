"""STS: the keys of an answer, and each refusal, as a problem that names no secret."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chalicelib.backends.sts import Sts
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.s3.sts import StsCall, sts_call
from chalicelib.core.web.problems.aws_credentials import PolicyTooLarge
from chalicelib.core.web.problems.base import Unavailable
from tests.support.builders import NOW, mount, soon

ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
<Expiration>2026-11-30T15:30:23.428111190Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
STS = Sts()
REFUSAL = "<ErrorResponse><Error><Code>{}</Code><Message>secret</Message></Error></ErrorResponse>"


class Handler(BaseHTTPRequestHandler):
    """Answers each call with the status and the text of the server."""

    def do_POST(self) -> None:
        self.server.asked = self.rfile.read(int(self.headers["Content-Length"]))  # type: ignore[attr-defined]
        body = self.server.text.encode()  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def call_to(server: HTTPServer) -> StsCall:
    on = mount(endpoint=f"http://127.0.0.1:{server.server_port}")._replace(role="arn:aws:iam:::role/S3Access")
    own = Credentials("AKID", "secret")
    return sts_call(on, "{}", credentials=own, end=int(NOW) + 60, request_id="1", now=NOW)


def answer(server: HTTPServer, status: int, text: str) -> None:
    server.status, server.text = status, text  # type: ignore[attr-defined]


def test_the_keys_and_their_end_are_read(server: HTTPServer) -> None:
    answer(server, 200, ANSWER)
    call = call_to(server)
    assert STS.send(call, soon()) == Credentials("ASIA1", "secret", "token", 1796052623.428111)
    assert server.asked == call.body  # type: ignore[attr-defined]


def test_a_refusal_and_an_answer_of_something_else_are_problems(server: HTTPServer) -> None:
    for code in ("PackedPolicyTooLarge", "PackedPolicyTooLargeException"):
        answer(server, 400, REFUSAL.format(code))
        with pytest.raises(PolicyTooLarge):
            STS.send(call_to(server), soon())
    for status, text, reason in (
        (403, REFUSAL.format("AccessDenied"), "AssumeRole was answered with 403 AccessDenied"),
        (403, REFUSAL.format("a b"), "AssumeRole was answered with 403"),
        (502, "<html>", ""),
        (200, "", ""),
        (200, ANSWER.replace("SessionToken", "Other"), ""),
        (200, ANSWER.replace(">secret<", "><"), "the answer to AssumeRole lacks a member"),
        (200, f"{' ' * 70_000}{ANSWER}", ""),
    ):
        answer(server, status, text)
        with pytest.raises(Unavailable) as raised:
            STS.send(call_to(server), soon())
        assert (raised.value.reason, "secret" in raised.value.detail) == (reason, False), text
