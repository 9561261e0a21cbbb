"""Answers for a boto3 client in place of AWS: the same answer to every request, without a socket."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib.core.web.problems.base import Unavailable


class SentRequest(NamedTuple):
    """A request as the client sent it; names of header fields in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Body(io.BytesIO):
    """The body of an answer, with the methods of urllib3 that botocore calls.

    Attributes:
        bytes_read: how much was read before the body was closed; None for a body that is open.
    """

    bytes_read: int | None = None

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes."""
        yield self.read()

    def close(self) -> None:
        """Close the body, as a client does that wants no more."""
        if not self.closed:
            self.bytes_read = self.tell()
        super().close()


class AwsStub:
    """Answers all requests of a client alike; a HEAD gets no body.

    Attributes:
        status, headers, body: the answer.
        requests: all requests.
        bodies: the bodies of all answers.
    """

    def __init__(self, client: Any, headers: Mapping[str, str] | None = None) -> None:
        self.status = 200
        self.headers = dict(headers or {})
        self.body = b""
        self.requests: list[SentRequest] = []
        self.bodies: list[Body] = []
        client.meta.events.register("before-send", self._answer)

    def _answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        body: Any = request.body or b""
        body = body.read() if hasattr(body, "read") else body
        self.requests.append(SentRequest(str(request.method), str(request.url), headers, body))
        self.bodies.append(Body(b"" if request.method == "HEAD" else self.body))
        return AWSResponse(request.url, self.status, HTTPHeaders.from_dict(self.headers), self.bodies[-1])


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def unavailable(act: Callable[[], object]) -> Unavailable:
    """The problem of a call that fails because of AWS, not because of the client."""
    with pytest.raises(Unavailable) as refused:
        act()
    assert type(refused.value) is Unavailable
    assert refused.value.headers == {"Retry-After": "5"}
    return refused.value
