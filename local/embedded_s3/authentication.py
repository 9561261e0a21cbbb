"""Authentication: a WSGI middleware that refuses the S3 requests that AWS would refuse.

moto accepts any signature, any age and any method. `Authentication` stands in front of moto, and lets a request pass
only when a known key signed it, the request is unaltered, and the signature is in time. The signature stands in the
query (a presigned URL) or in the `Authorization` header. It is computed again with botocore's signers, so this file
shares no code with the signer that it judges. Faults of moto in the handling of objects are repaired in objects.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from hmac import compare_digest
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from moto.core.request import EnvironHeaders

from .errors import S3Error, access_denied, bad_request
from .moto_state import find_bucket, find_session
from .sigv4 import AUTH_PARAMETERS, Signature, header_signature, query_signature
from .target import S3Target

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ACCESS_KEY = "AKIASIGNPOSTLOCALDEV"
SECRET_KEY = "signpost/local/secret+key"
_ONE_MECHANISM = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter "
    "or the Authorization header should be specified"
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


class Authentication:
    """Passes to `app` only the requests that AWS would not refuse for their authentication.

    moto, in this process, has the buckets and the assumed roles. The only long-lived key is ACCESS_KEY. The region is
    checked in path style alone. Preflights carry no authentication; cors.py answers them.

    Args:
        app: moto's S3, on a server that puts the raw target into `REQUEST_URI`.
        clock: returns seconds since the epoch.
    """

    def __init__(self, app: WSGIApplication, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            target = S3Target.parse(environ["REQUEST_URI"])
            _authenticate(environ["REQUEST_METHOD"], target, sent_headers(environ), self._clock())
        except S3Error as error:
            return error(environ, start_response)
        # moto gets the same form of the target over which the signature was checked.
        query = target.query_string()
        raw = f"{target.path}?{query}" if query else target.path
        return self._app({**environ, "REQUEST_URI": raw, "RAW_URI": raw, "QUERY_STRING": query}, start_response)


def check_length(method: str, headers: Mapping[str, str]) -> None:
    """Check that the body of a request has a known length.

    Raises:
        S3Error: 501, the body is chunked, but not in the signed chunks of an SDK; 411, an upload has no length;
            400, the length is not a number.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """
    streaming = headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
    if "transfer-encoding" in headers and not streaming:
        message = "A header you provided implies functionality that is not implemented"
        raise S3Error("501 Not Implemented", "NotImplemented", message, Header="Transfer-Encoding")
    length = headers.get("content-length")
    if length is None and method == "PUT" and not streaming:
        message = "You must provide the Content-Length HTTP header."
        raise S3Error("411 Length Required", "MissingContentLength", message)
    if length is not None and not re.fullmatch("[0-9]+", length):
        raise bad_request("BadRequest", "The Content-Length is not a number.")


def check_policy_signature(policy: str, signature: Signature, bucket: str, now: float) -> None:
    """Check that a known key signed the policy of a form.

    Args:
        policy: in base64, as the form carries it.
        signature: the signature of the form.
        bucket: the bucket to which the form is sent.
        now: seconds since the epoch.

    Raises:
        S3Error: AWS would refuse the signature.
    """
    _check_region(signature, bucket)
    signer = _HeaderSigner(_credentials(signature, now), "s3", signature.region)
    request = AWSRequest()
    request.context["timestamp"] = signature.timestamp
    if not _equal(signer.signature(policy, request), signature.value):
        raise S3Error("403 Forbidden", "SignatureDoesNotMatch", _MISMATCH, StringToSign=policy)


def sent_headers(environ: WSGIEnvironment) -> dict[str, str]:
    """Return the request's headers: names in lower case, values decoded as UTF-8, because clients sign UTF-8."""
    # WSGI loses the underscores in x-amz-meta-a_b; moto's view of the environ keeps them.
    return {
        name.lower(): value.encode("latin-1").decode("utf-8", "replace")
        for name, value in EnvironHeaders(environ).items()
    }


def _authenticate(method: str, target: S3Target, headers: Mapping[str, str], now: float) -> None:
    """Raise S3Error unless AWS would accept the request. The body is not read."""
    parameters = target.parameters()
    if any(name in parameters for name in AUTH_PARAMETERS):
        if "authorization" in headers:
            raise bad_request("InvalidArgument", _ONE_MECHANISM, ArgumentName="Authorization")
        signature = query_signature(parameters, now)
    elif "authorization" in headers:
        signature = header_signature(headers, now)
    else:
        raise access_denied("Access Denied")
    check_length(method, headers)
    _check_unsigned_headers(signature, headers)
    _check_region(signature, target.bucket)
    _verify(signature, method, target, headers, _credentials(signature, now))


def _check_unsigned_headers(signature: Signature, headers: Mapping[str, str]) -> None:
    """Raise a 403 for an `x-amz-*` header that is not signed (FACTS 4.10)."""
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in signature.signed_headers]
    if unsigned:
        message = "There were headers present in the request which were not signed"
        raise access_denied(message, HeadersNotSigned=", ".join(unsigned))


def _check_region(signature: Signature, bucket_name: str) -> None:
    """Raise a 400 where the bucket is in another region than the credential scope names."""
    bucket = find_bucket(bucket_name)
    if bucket and bucket.region_name != signature.region:
        message = f"the region '{signature.region}' is wrong; expecting '{bucket.region_name}'"
        raise signature.malformed(message, Region=bucket.region_name)


def _credentials(signature: Signature, now: float) -> Credentials:
    """Return the credentials that the signature names: the fixed local key, or a role assumed through STS.

    Raises:
        S3Error: 403, the key does not exist; 400, the session token belongs to another key, or has expired.
    """
    if signature.access_key_id == ACCESS_KEY and signature.session_token is None:
        return Credentials(ACCESS_KEY, SECRET_KEY)
    session = find_session(signature.access_key_id)
    if session is None and signature.access_key_id != ACCESS_KEY:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise S3Error("403 Forbidden", "InvalidAccessKeyId", message, AWSAccessKeyId=signature.access_key_id)
    if session is None or signature.session_token is None or signature.session_token != session.session_token:
        raise bad_request("InvalidToken", "The provided token is malformed or otherwise invalid.")
    if now >= session.expiration.replace(tzinfo=UTC).timestamp():
        raise bad_request("ExpiredToken", "The provided token has expired.")
    return Credentials(session.access_key_id, session.secret_access_key, session.session_token)


class _QuerySigner(S3SigV4QueryAuth):
    """botocore's signer of presigned URLs. It signs the headers that the request lists, not botocore's own choice."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers


class _HeaderSigner(S3SigV4Auth):
    """botocore's signer of `Authorization` headers, with the same change."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers


def _verify(
    signature: Signature, method: str, target: S3Target, headers: Mapping[str, str], credentials: Credentials
) -> None:
    """Raise a 403 unless these credentials make the same signature over this request."""
    signer = _QuerySigner if signature.presigned else _HeaderSigner
    auth = signer(credentials, "s3", signature.region)
    signed = {name: headers[name] for name in signature.signed_headers if name in headers}
    url = f"http://s3{target.path}?{target.query_string(without='X-Amz-Signature')}"
    request = AWSRequest(method=method, url=url, headers=signed)
    request.context["timestamp"] = signature.timestamp
    canonical = auth.canonical_request(request)
    string_to_sign = auth.string_to_sign(request, canonical)
    # AWS wants the names sorted, and every named header in the request:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    complete = signature.signed_headers == sorted(signed)
    if not (complete and _equal(auth.signature(string_to_sign, request), signature.value)):
        raise S3Error(
            "403 Forbidden",
            "SignatureDoesNotMatch",
            _MISMATCH,
            StringToSign=string_to_sign,
            SignatureProvided=signature.value,
            CanonicalRequest=canonical,
        )


def _equal(expected: str, provided: str) -> bool:
    return compare_digest(expected.encode(), provided.encode())
