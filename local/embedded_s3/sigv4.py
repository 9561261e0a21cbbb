"""The signature that an S3 request carries (AWS Signature Version 4): how to read it, and whether its time is right.

Pure: no clock, no socket, no state. authentication.py decides whether a signature is genuine. Sources:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from .errors import S3Error, access_denied, bad_request

ALGORITHM = "AWS4-HMAC-SHA256"
AUTH_PARAMETERS = tuple(
    f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
)
MAX_EXPIRES_SECONDS = 604_800
MAX_SKEW_SECONDS = 15 * 60
_QUERY_ERROR = "AuthorizationQueryParametersError"
_HEADER_ERROR = "AuthorizationHeaderMalformed"


class Signature(NamedTuple):
    """A signature that is well-formed and in time. Whether it is genuine is not checked yet.

    Args:
        presigned: True for a presigned URL or a form, False for an `Authorization` header.
        access_key_id: of the key that signed, as the request names it.
        region: of the credential scope.
        timestamp: the time of signing, as the request writes it.
        signed_headers: the names of the signed headers, in the order of the request.
        value: the signature itself, in hexadecimal digits.
        session_token: of temporary credentials, None without one.
    """

    presigned: bool
    access_key_id: str
    region: str
    timestamp: str
    signed_headers: list[str]
    value: str
    session_token: str | None

    def malformed(self, message: str, **details: str) -> S3Error:
        """Return the 400 that S3 uses for a malformed signature of this kind."""
        return bad_request(_QUERY_ERROR if self.presigned else _HEADER_ERROR, message, **details)


def query_signature(parameters: Mapping[str, list[str]], now: float) -> Signature:
    """Read the signature of a presigned URL.

    Args:
        parameters: the decoded query.
        now: seconds since the epoch.

    Raises:
        S3Error: 400, a parameter is missing, repeated or malformed; 403, the URL has expired or is not valid yet.
    """
    if any(len(parameters.get(name, ())) != 1 for name in AUTH_PARAMETERS):
        message = f"Query-string authentication version 4 requires {', '.join(AUTH_PARAMETERS)}, each once."
        raise bad_request(_QUERY_ERROR, message)
    algorithm, credential, timestamp, expires, signed_headers, value = (parameters[name][0] for name in AUTH_PARAMETERS)
    _check_algorithm(algorithm)
    if not re.fullmatch("[0-9]{1,6}", expires) or not 1 <= int(expires) <= MAX_EXPIRES_SECONDS:
        raise bad_request(_QUERY_ERROR, f"X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES_SECONDS}")
    access_key_id, region = _read_credential(credential, timestamp, _QUERY_ERROR)
    signed_at = _read_timestamp(timestamp, _QUERY_ERROR)
    if signed_at > now + MAX_SKEW_SECONDS:
        raise access_denied("Request is not valid yet")
    if now > signed_at + int(expires):
        raise access_denied("Request has expired", Expires=_iso(signed_at + int(expires)), ServerTime=_iso(now))
    names = _read_signed_headers(signed_headers, _QUERY_ERROR)
    token = ",".join(parameters.get("X-Amz-Security-Token", ())) or None
    return Signature(True, access_key_id, region, timestamp, names, value, token)


def header_signature(headers: Mapping[str, str], now: float) -> Signature:
    """Read the signature of an `Authorization` header, as SDKs send it.

    Args:
        headers: the request's headers, with names in lower case.
        now: seconds since the epoch.

    Raises:
        S3Error: 400, the header is malformed or has another scheme; 403, the clocks differ by more than 15 minutes.
    """
    scheme, _, rest = headers["authorization"].partition(" ")
    if scheme != ALGORITHM:
        raise bad_request("InvalidArgument", "Unsupported Authorization Type")
    fields = dict(field.strip().partition("=")[::2] for field in rest.split(","))
    if fields.keys() != {"Credential", "SignedHeaders", "Signature"}:
        raise bad_request(_HEADER_ERROR, "The authorization header requires Credential, SignedHeaders and Signature.")
    timestamp = headers.get("x-amz-date", "")
    access_key_id, region = _read_credential(fields["Credential"], timestamp, _HEADER_ERROR)
    if abs(_read_timestamp(timestamp, _HEADER_ERROR) - now) > MAX_SKEW_SECONDS:
        message = "The difference between the request time and the current time is too large."
        raise S3Error("403 Forbidden", "RequestTimeTooSkewed", message, ServerTime=_iso(now))
    if "x-amz-content-sha256" not in headers:
        raise bad_request("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    names = _read_signed_headers(fields["SignedHeaders"], _HEADER_ERROR)
    token = headers.get("x-amz-security-token")
    return Signature(False, access_key_id, region, timestamp, names, fields["Signature"], token)


def form_signature(fields: Mapping[str, str]) -> Signature:
    """Read the signature of a form, which signs the form's policy only. The policy says when it expires.

    Args:
        fields: the form's fields, with names in lower case; the four fields of a signature are among them.

    Raises:
        S3Error: 400, a field is malformed.
    """
    _check_algorithm(fields["x-amz-algorithm"])
    timestamp = fields["x-amz-date"]
    access_key_id, region = _read_credential(fields["x-amz-credential"], timestamp, _QUERY_ERROR)
    _read_timestamp(timestamp, _QUERY_ERROR)
    value, token = fields["x-amz-signature"], fields.get("x-amz-security-token")
    return Signature(True, access_key_id, region, timestamp, [], value, token)


def _check_algorithm(algorithm: str) -> None:
    if algorithm != ALGORITHM:
        raise bad_request(_QUERY_ERROR, f'X-Amz-Algorithm only supports "{ALGORITHM}"')


def _read_credential(credential: str, timestamp: str, code: str) -> tuple[str, str]:
    """Return the access key's id and the region of a credential scope, which must be for S3 and for this day."""
    match credential.split("/"):
        case [access_key_id, date, region, service, "aws4_request"] if access_key_id and region:
            if service != "s3":
                raise bad_request(code, 'Error parsing the credential; incorrect service. This belongs to "s3".')
            if date != timestamp[:8]:
                raise bad_request(code, "Invalid credential date. This date is not the same as X-Amz-Date.")
            return access_key_id, region
        case _:
            message = 'The Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
            raise bad_request(code, message)


def _read_timestamp(text: str, code: str) -> float:
    """Return an `X-Amz-Date` in seconds since the epoch."""
    try:
        # strptime alone also accepts fewer digits, and digits of other scripts.
        if re.fullmatch("[0-9]{8}T[0-9]{6}Z", text):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        pass
    raise bad_request(code, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")


def _read_signed_headers(text: str, code: str) -> list[str]:
    """Return the names of the signed headers; `host` must be one of these names."""
    names = text.split(";")
    if "host" not in names:
        raise bad_request(code, "The host header must be among the signed headers.")
    return names


def _iso(seconds: float) -> str:
    """Return a time as S3 writes times in its error documents."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
