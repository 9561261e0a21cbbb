"""What a signed S3 request says of itself: its target, its claim, and the refusal of one that cannot be read.

Pure: reads no clock, no socket and no state. `local.gate` decides whether a claim is true.

The rules are AWS's: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html; the codes are those of
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_to_bytes
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ALGORITHM = "AWS4-HMAC-SHA256"
QUERY_ERROR = "AuthorizationQueryParametersError"
HEADER_ERROR = "AuthorizationHeaderMalformed"
AUTH_PARAMETERS = tuple(
    f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)
MAX_EXPIRES = 604_800
MAX_SKEW = 15 * 60


class Refusal(Exception):
    """An S3 error answer.

    Args:
        status: the HTTP status line.
        code: S3's error code.
        message: S3's words for it.
        details: further elements of the error document.
    """

    def __init__(self, status: str, code: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.elements = {"Code": code, "Message": message, **details}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers with the error document, or with its headers alone to a HEAD."""
        request_id = uuid.uuid4().hex[:16].upper()
        elements = {**self.elements, "RequestId": request_id}
        inner = "".join(f"<{name}>{escape(printable(value))}</{name}>" for name, value in elements.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()
        headers = [("Content-Type", "application/xml"), ("x-amz-request-id", request_id)]
        if environ["REQUEST_METHOD"] == "HEAD":
            body = b""
        else:
            headers.append(("Content-Length", str(len(body))))
        start_response(self.status, headers)
        return [body]


def printable(text: str) -> str:
    """The text less the control characters that XML 1.0 cannot hold."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def denied(message: str, **details: str) -> Refusal:
    """S3's 403 AccessDenied."""
    return Refusal("403 Forbidden", "AccessDenied", message, **details)


def malformed(code: str, message: str, **details: str) -> Refusal:
    """A 400 for a claim that cannot be read."""
    return Refusal("400 Bad Request", code, message, **details)


@dataclass(frozen=True, slots=True)
class Target:
    """The request target in the canonical encoding, which is what is verified and what moto is given.

    S3 decodes a target once and encodes it again to verify it, so `%7E` is as good as `~`, and a `+` is a space:
    https://yetanothermichael.com/coding/2022/10/11/the-problem-with-plus-signs-and-s3.html
    """

    path: str
    query: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, raw: str) -> Target:
        """Reads the target as it arrived, before any server decoded it.

        Raises:
            Refusal: 400, it is no path of printable ASCII with whole escapes of UTF-8.
        """
        invalid = Refusal("400 Bad Request", "InvalidURI", "Couldn't parse the specified URI.")
        if not re.fullmatch(r'/([!"$&-~]|%[0-9A-Fa-f]{2})*', raw):
            raise invalid

        def canonical(text: str, safe: str) -> str:
            try:
                return quote(unquote_to_bytes(text.replace("+", " ")).decode(), safe)
            except UnicodeDecodeError:
                raise invalid from None

        path, _, query = raw.partition("?")
        pairs = (pair.partition("=") for pair in query.split("&") if query)
        return cls(canonical(path, "/"), tuple((canonical(n, ""), canonical(v, "")) for n, _, v in pairs))

    def parameters(self) -> dict[str, list[str]]:
        """The query decoded: every value of every name."""
        decoded: dict[str, list[str]] = {}
        for name, value in self.query:
            decoded.setdefault(unquote(name), []).append(unquote(value))
        return decoded

    def query_string(self, without: str | None = None) -> str:
        """The query string, less one parameter."""
        return "&".join(f"{name}={value}" for name, value in self.query if name != without)

    @property
    def bucket(self) -> str:
        """The bucket, of a path-style target."""
        return unquote(self.path.split("/", 2)[1])


@dataclass(frozen=True, slots=True)
class Claim:
    """What a signed request says of itself: well-formed and in time, but not yet believed.

    Args:
        presigned: it came in the query, not in the `Authorization` header.
        timestamp: the time of signing, as it was written.
        signed_headers: the names of the headers under the signature, as they were listed.
    """

    presigned: bool
    access_key: str
    region: str
    timestamp: str
    signed_headers: list[str]
    signature: str
    token: str | None

    def malformed(self, message: str, **details: str) -> Refusal:
        """S3's refusal of this kind of claim for what it says."""
        return malformed(QUERY_ERROR if self.presigned else HEADER_ERROR, message, **details)


def query_claim(parameters: Mapping[str, list[str]], now: float) -> Claim:
    """Reads the claim of a presigned URL.

    Args:
        parameters: the decoded query.
        now: seconds since the epoch.

    Raises:
        Refusal: 400, a parameter is missing, repeated or malformed; 403, too late or too early.
    """
    if any(len(parameters.get(name, ())) != 1 for name in AUTH_PARAMETERS):
        message = f"Query-string authentication version 4 requires {', '.join(AUTH_PARAMETERS)}, each once."
        raise malformed(QUERY_ERROR, message)
    algorithm, credential, timestamp, expires, signed_headers, signature = (
        parameters[name][0] for name in AUTH_PARAMETERS
    )
    if algorithm != ALGORITHM:
        raise malformed(QUERY_ERROR, f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    if not re.fullmatch("[0-9]{1,6}", expires) or not 1 <= int(expires) <= MAX_EXPIRES:
        raise malformed(QUERY_ERROR, f"X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES}")
    access_key, region = read_credential(credential, timestamp, QUERY_ERROR)
    signed_at = read_timestamp(timestamp, QUERY_ERROR)
    if signed_at > now + MAX_SKEW:
        raise denied("Request is not valid yet")
    if now > signed_at + int(expires):
        raise denied("Request has expired", Expires=iso(signed_at + int(expires)), ServerTime=iso(now))
    names = read_signed_headers(signed_headers, QUERY_ERROR)
    token = ",".join(parameters.get("X-Amz-Security-Token", ())) or None
    return Claim(True, access_key, region, timestamp, names, signature, token)


def header_claim(headers: Mapping[str, str], now: float) -> Claim:
    """Reads the claim of an `Authorization` header, as SDKs send it.

    Args:
        headers: the request's headers, names in lower case.
        now: seconds since the epoch.

    Raises:
        Refusal: 400, it is malformed or of another scheme; 403, the clocks disagree by more than 15 minutes.
    """
    scheme, _, rest = headers["authorization"].partition(" ")
    if scheme != ALGORITHM:
        raise Refusal("400 Bad Request", "InvalidArgument", "Unsupported Authorization Type")
    fields = dict(field.strip().partition("=")[::2] for field in rest.split(","))
    if fields.keys() != {"Credential", "SignedHeaders", "Signature"}:
        raise malformed(HEADER_ERROR, "The authorization header requires Credential, SignedHeaders and Signature.")
    timestamp = headers.get("x-amz-date", "")
    access_key, region = read_credential(fields["Credential"], timestamp, HEADER_ERROR)
    if abs(read_timestamp(timestamp, HEADER_ERROR) - now) > MAX_SKEW:
        message = "The difference between the request time and the current time is too large."
        raise Refusal("403 Forbidden", "RequestTimeTooSkewed", message, ServerTime=iso(now))
    if "x-amz-content-sha256" not in headers:
        message = "Missing required header for this request: x-amz-content-sha256"
        raise Refusal("400 Bad Request", "InvalidRequest", message)
    names = read_signed_headers(fields["SignedHeaders"], HEADER_ERROR)
    token = headers.get("x-amz-security-token")
    return Claim(False, access_key, region, timestamp, names, fields["Signature"], token)


def read_credential(credential: str, timestamp: str, code: str) -> tuple[str, str]:
    """The access key and the region of a credential scope of that day, for S3."""
    match credential.split("/"):
        case [access_key, date, region, service, "aws4_request"] if access_key and region:
            if service != "s3":
                raise malformed(code, 'Error parsing the credential; incorrect service. This belongs to "s3".')
            if date != timestamp[:8]:
                raise malformed(code, "Invalid credential date. This date is not the same as X-Amz-Date.")
            return access_key, region
        case _:
            message = 'The Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
            raise malformed(code, message)


def read_timestamp(text: str, code: str) -> float:
    """Seconds since the epoch of an `X-Amz-Date`."""
    try:
        # strptime alone also takes fewer digits, and digits of other scripts.
        if re.fullmatch("[0-9]{8}T[0-9]{6}Z", text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        pass
    raise malformed(code, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")


def read_signed_headers(text: str, code: str) -> list[str]:
    """The names of the signed headers, `host` among them."""
    names = text.split(";")
    if "host" not in names:
        raise malformed(code, "The host header must be among the signed headers.")
    return names


def iso(seconds: float) -> str:
    """A time as S3 writes it in its error documents."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
