"""A client of the embedded S3. boto3 makes the presigned URLs; requests are sent exactly as the test writes them."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import boto3
from botocore.config import Config

from local import embedded_s3

from .wire import exchange_bytes

BUCKET = "embedded-files"
ORIGIN = "https://app.example.com"
CORS = {
    "CORSRules": [
        {
            "AllowedOrigins": [ORIGIN],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["Content-Type", "x-amz-*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 60,
        },
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
    ]
}
# Errors: the status and S3's code.
DENIED = (403, "AccessDenied")
MISMATCH = (403, "SignatureDoesNotMatch")
MALFORMED = (400, "AuthorizationQueryParametersError")
PRECONDITION = (412, "PreconditionFailed")


def with_parameter(url: str, name: str, value: str) -> str:
    """Return the URL with another value for one of its query parameters."""
    changed = re.sub(f"([?&]{re.escape(name)})=[^&]*", lambda match: f"{match[1]}={quote(value, safe='')}", url)
    assert changed != url
    return changed


class Clock:
    """The time of the machine, moved by `offset` seconds."""

    offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


class Answer(NamedTuple):
    """An answer of the embedded S3."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> tuple[int, str]:
        """The status and S3's error code."""
        return self.status, self.element("Code")

    def element(self, name: str) -> str:
        """Return the text of an element of S3's error document."""
        assert self.headers["Content-Type"] == "application/xml"
        root = ElementTree.fromstring(self.body)
        assert root.tag == "Error"
        return root.findtext(name) or ""


class Embedded:
    """A running embedded S3 with one bucket."""

    def __init__(self, endpoint: str, clock: Clock) -> None:
        self.endpoint = endpoint
        self.host = urlsplit(endpoint).netloc
        self.clock = clock
        self.s3 = self.client("s3")
        # All servers of a process share their state, so another server can have made the bucket already.
        with suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
            self.make_bucket(BUCKET)
        self.s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=CORS)

    def client(self, service: str, **changes: Any) -> Any:
        """Return a boto3 client of the server; `changes` are arguments of `boto3.client`."""
        if service == "s3":
            s3 = {"addressing_style": "path"}
            changes["config"] = Config(signature_version="s3v4", s3=s3, retries={"max_attempts": 0})  # type: ignore[arg-type]
        arguments: Any = {
            "endpoint_url": self.endpoint,
            "region_name": embedded_s3.REGION,
            "aws_access_key_id": embedded_s3.ACCESS_KEY,
            "aws_secret_access_key": embedded_s3.SECRET_KEY,
            **changes,
        }
        return boto3.client(service, **arguments)  # type: ignore[call-overload]

    def make_bucket(self, name: str) -> None:
        """Create a bucket in the server's region."""
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": embedded_s3.REGION})

    def assume_role(self, session: str = "tests") -> Any:
        """Return credentials of STS that expire after 900 seconds."""
        role = "arn:aws:iam::123456789012:role/signpost"
        sts = self.client("sts")
        return sts.assume_role(RoleArn=role, RoleSessionName=session, DurationSeconds=900)["Credentials"]

    def session_client(self, credentials: Mapping[str, str], token: str | None) -> Any:
        """Return an S3 client with the key of a session, and with any token."""
        key, secret = credentials["AccessKeyId"], credentials["SecretAccessKey"]
        return self.client("s3", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)

    def presign(self, operation: str, key: str = "k", expires: int = 300, client: Any = None, **params: Any) -> str:
        """Return a presigned URL of boto3."""
        params = {"Bucket": BUCKET, "Key": key, **params}
        url: str = (client or self.s3).generate_presigned_url(operation, Params=params, ExpiresIn=expires)
        return url

    def send(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request with its target unchanged."""
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        try:
            connection.request(method, url[len(f"http://{parts.netloc}") :], body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, key: str = "k", headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        """Get an object by a presigned URL."""
        return self.send("GET", self.presign("get_object", key, **params), headers=headers)

    def put(self, key: str, body: bytes, headers: Mapping[str, str] | None = None, **params: Any) -> Answer:
        """Put an object by a presigned URL."""
        return self.send("PUT", self.presign("put_object", key, **params), body, headers)

    def stored(self, key: str) -> Any:
        """Return boto3's answer for an object."""
        return self.s3.get_object(Bucket=BUCKET, Key=key)

    def send_raw(self, message: bytes, half_close: bool = False) -> bytes:
        """Send bytes and return all bytes that the server sends."""
        return exchange_bytes(int(self.host.rpartition(":")[2]), message, half_close)

    def request_bytes(self, method: str, url: str, *fields: str, body: bytes = b"") -> bytes:
        """Return a request as bytes, with the header fields of the test and no others."""
        lines = [f"{method} {url.removeprefix(self.endpoint)} HTTP/1.1", f"Host: {self.host}", *fields, "", ""]
        return "\r\n".join(lines).encode() + body
