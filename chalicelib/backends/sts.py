"""STS, called by one signed request without boto3, which takes a quarter of a second to load."""

import ssl
from datetime import datetime
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit
from xml.etree import ElementTree

from chalicelib.core.s3.stores import Credentials
from chalicelib.core.s3.sts import StsCall
from chalicelib.core.web.problems.aws_credentials import PolicyTooLarge
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .aws_calls import call, unavailable

_MAX_ANSWER_BYTES: Final = 64 * 1024  # a session token has a few kilobytes
_NO_ANSWER: Final = "STS, which makes AWS keys, does not answer."
_MEMBERS: Final = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


class _Refusal(Exception):
    """STS refuses a call. The attributes are those of botocore's ClientError."""

    def __init__(self, operation: str, status: int, code: str) -> None:
        super().__init__(operation)
        self.operation_name = operation
        self.response: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code}}


class Sts:
    """Sends calls to STS. The certificates of authorities are read once, because reading them takes long."""

    def __init__(self) -> None:
        self._context = ssl.create_default_context()

    def send(self, signed: StsCall, deadline: Deadline) -> Credentials:
        """Return the keys that STS made; see `ports.Sts.send`."""

        def work() -> Credentials:
            origin = urlsplit(signed.origin)
            connection = (
                HTTPSConnection(origin.netloc, timeout=deadline.left(), context=self._context)
                if origin.scheme == "https"
                else HTTPConnection(origin.netloc, timeout=deadline.left())
            )
            try:
                connection.request("POST", "/", signed.body, dict(signed.headers))
                with connection.getresponse() as response:
                    return _credentials(signed.operation, response)
            finally:
                connection.close()

        return call(deadline, work, otherwise=_NO_ANSWER)


def _credentials(operation: str, response: HTTPResponse) -> Credentials:
    """Read the keys in an answer; raise a Problem for a refusal, another exception for a text that is no answer."""
    # The text is from the store of the operator, and short.
    document = ElementTree.fromstring(response.read(_MAX_ANSWER_BYTES))  # noqa: S314
    texts = {element.tag.rpartition("}")[2]: element.text or "" for element in document.iter()}
    if response.status != 200:
        code = texts.get("Code", "")
        if code.startswith("PackedPolicyTooLarge"):
            raise PolicyTooLarge()
        refusal = _Refusal(operation, response.status, code)
        raise unavailable("STS refuses the service itself: its role or its clock is wrong.", refusal) from refusal
    access_key, secret_key, token, end = (texts[name] for name in _MEMBERS)
    if not (access_key and secret_key and token):
        raise Unavailable(_NO_ANSWER, reason=f"the answer to {operation} lacks a member")
    return Credentials(access_key, secret_key, token, datetime.fromisoformat(end).timestamp())
