"""Answers that are not AWS's: what a proxy or a captive portal sends in its place, with status 200."""

import io
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders


class _Body(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self) -> Iterator[bytes]:
        """Yield it whole."""
        yield self.read()


def answer_all(client: Any, body: bytes) -> None:
    """Answer every call of a client of boto3."""

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 200, HTTPHeaders(), _Body(body))

    client.meta.events.register("before-send", answer)
