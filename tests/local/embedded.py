"""A client of the embedded AWS for its tests: URLs presigned by boto3, requests sent as they are written."""

from __future__ import annotations

import http.client
import re
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import boto3
from botocore.config import Config

from local import embedded_s3

BUCKET = "embedded-files"
CORS = {
    "CORSRules": [
        {
            "AllowedOrigins": ["https://app.example.com"],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["Content-Type", "x-amz-*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 60,
        },
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
    ]
}


def replaced(url: str, name: str, value: str) -> str:
    """The URL with another value for a query parameter."""
    changed = re.sub(f"([?&]{re.escape(name)})=[^&]*", lambda match: f"{match[1]}={quote(value, safe='')}", url)
    assert changed != url
    return changed


class Clock:
    """Now, moved by `offset` seconds."""

    offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> tuple[int, str]:
        """The status and S3's error code."""
        return self.status, self.element("Code")

    def element(self, name: str) -> str:
        """The text of an element of S3's error document."""
        assert self.headers["Content-Type"] == "application/xml"
        root = ElementTree.fromstring(self.body)
        assert root.tag == "Error"
        return root.findtext(name) or ""


class Embedded:
    """A running embedded AWS with one bucket."""

    def __init__(self, endpoint: str, clock: Clock) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.s3 = self.client("s3")
        # Another server of this process may have made it: they share their state.
        with suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
            self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": embedded_s3.REGION})
        self.s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=CORS)

    def client(
        self,
        service: str,
        key: str = embedded_s3.ACCESS_KEY,
        secret: str = embedded_s3.SECRET_KEY,
        token: str | None = None,
        region: str = embedded_s3.REGION,
    ) -> Any:
        """A boto3 client of the server."""
        config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0})
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=config if service == "s3" else None,
        )

    def presign(self, operation: str, key: str = "k", expires: int = 300, client: Any = None, **params: Any) -> str:
        """A presigned URL, as boto3 makes it."""
        params = {"Bucket": BUCKET, "Key": key, **params}
        url: str = (client or self.s3).generate_presigned_url(operation, Params=params, ExpiresIn=expires)
        return url

    def send(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Sends the request with its target untouched."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=10)
        try:
            connection.request(method, url[len(f"http://{parts.netloc}") :], body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send_raw(self, message: bytes) -> bytes:
        """Sends bytes and reads until the server closes."""
        host, _, port = urlsplit(self.endpoint).netloc.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(message)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def send_cut(self, message: bytes) -> bytes:
        """Sends bytes, says that no more will come, and reads until the server closes."""
        host, _, port = urlsplit(self.endpoint).netloc.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(message)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
