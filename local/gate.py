"""The gate: a WSGI middleware that makes an S3 without authentication refuse what AWS S3 refuses.

moto accepts any signature, any age and any method. The gate stands in front of it and admits a request only when AWS
would: signed by a known key, in its query (a presigned URL) or its `Authorization` header, unaltered, and in time.
Signatures are recomputed with botocore's signers, so the gate shares no code with the signer it judges. Authentication
belongs here; what moto gets wrong about objects is repaired in `local.objects`.
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

from local.claims import AUTH_PARAMETERS, Claim, Refusal, Target, denied, header_claim, query_claim
from local.moto_state import find_bucket, find_session

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ONE_MECHANISM = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter "
    "or the Authorization header should be specified"
)
ACCESS_KEY = "AKIASIGNPOSTLOCALDEV"
SECRET_KEY = "signpost/local/secret+key"


class Gate:
    """Admits to `app` the S3 requests that AWS would not refuse for their authentication.

    Buckets and assumed roles are those of the moto in this process; the one long-lived key is ACCESS_KEY. Only
    path-style requests are understood. Preflights, which are not authenticated, are answered by `local.cors`.

    Args:
        app: moto's S3 application, on a server that leaves the target as it arrived in `REQUEST_URI`.
        clock: seconds since the epoch.
    """

    def __init__(self, app: WSGIApplication, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            target = Target.parse(environ["REQUEST_URI"])
            admit(environ["REQUEST_METHOD"], target, sent_headers(environ), self._clock())
        except Refusal as refusal:
            return refusal(environ, start_response)
        # What was verified is what moto gets to see.
        query = target.query_string()
        raw = f"{target.path}?{query}" if query else target.path
        return self._app({**environ, "REQUEST_URI": raw, "RAW_URI": raw, "QUERY_STRING": query}, start_response)


def admit(method: str, target: Target, headers: Mapping[str, str], now: float) -> None:
    """Decides on a request by its head alone.

    Args:
        headers: names in lower case.
        now: seconds since the epoch.

    Raises:
        Refusal: AWS would refuse it.
    """
    parameters = target.parameters()
    if any(name in parameters for name in AUTH_PARAMETERS):
        if "authorization" in headers:
            raise Refusal("400 Bad Request", "InvalidArgument", ONE_MECHANISM, ArgumentName="Authorization")
        claim = query_claim(parameters, now)
    elif "authorization" in headers:
        claim = header_claim(headers, now)
    else:
        raise denied("Access Denied")
    refuse_unsized(method, headers)
    refuse_unsigned_headers(claim, headers)
    refuse_wrong_region(claim, target)
    verify(claim, method, target, headers, credentials_of(claim, now))


def sent_headers(environ: WSGIEnvironment) -> dict[str, str]:
    """The request's headers, names in lower case; UTF-8 in them is read as such, which is how it is signed."""
    # moto's view of the environ knows the underscores in x-amz-meta-a_b, which WSGI loses.
    return {
        name.lower(): value.encode("latin-1").decode("utf-8", "replace")
        for name, value in EnvironHeaders(environ).items()
    }


def refuse_unsized(method: str, headers: Mapping[str, str]) -> None:
    """501 for a chunked body, unless in the signed chunks of an SDK; 411 for an upload that gives no length.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """
    streaming = headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
    if "transfer-encoding" in headers and not streaming:
        message = "A header you provided implies functionality that is not implemented"
        raise Refusal("501 Not Implemented", "NotImplemented", message, Header="Transfer-Encoding")
    length = headers.get("content-length")
    if length is None and method == "PUT" and not streaming:
        message = "You must provide the Content-Length HTTP header."
        raise Refusal("411 Length Required", "MissingContentLength", message)
    if length is not None and not re.fullmatch("[0-9]+", length):
        raise Refusal("400 Bad Request", "BadRequest", "The Content-Length is not a number.")


def refuse_unsigned_headers(claim: Claim, headers: Mapping[str, str]) -> None:
    """403 for an `x-amz-*` header that the signature does not cover (FACTS 4.10)."""
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in claim.signed_headers]
    if unsigned:
        message = "There were headers present in the request which were not signed"
        raise denied(message, HeadersNotSigned=", ".join(unsigned))


def refuse_wrong_region(claim: Claim, target: Target) -> None:
    """400 for a credential scope of another region than the bucket's."""
    bucket = find_bucket(target.bucket)
    if bucket and bucket.region_name != claim.region:
        message = f"the region '{claim.region}' is wrong; expecting '{bucket.region_name}'"
        raise claim.malformed(message, Region=bucket.region_name)


def credentials_of(claim: Claim, now: float) -> Credentials:
    """The credentials behind a claim: the root's, or those of a role assumed through STS.

    Raises:
        Refusal: 403, no such key; 400, the session token is not this key's, or it has expired.
    """
    if claim.access_key == ACCESS_KEY and claim.token is None:
        return Credentials(ACCESS_KEY, SECRET_KEY)
    session = find_session(claim.access_key)
    if session is None and claim.access_key != ACCESS_KEY:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise Refusal("403 Forbidden", "InvalidAccessKeyId", message, AWSAccessKeyId=claim.access_key)
    if session is None or claim.token is None or claim.token != session.session_token:
        message = "The provided token is malformed or otherwise invalid."
        raise Refusal("400 Bad Request", "InvalidToken", message)
    if now >= session.expiration.replace(tzinfo=UTC).timestamp():
        raise Refusal("400 Bad Request", "ExpiredToken", "The provided token has expired.")
    return Credentials(session.access_key_id, session.secret_access_key, session.session_token)


class QuerySignature(S3SigV4QueryAuth):
    """botocore's signer, signing what the request says was signed instead of what botocore would choose."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers


class HeaderSignature(S3SigV4Auth):
    """The same for a signature in the `Authorization` header."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers


def verify(claim: Claim, method: str, target: Target, headers: Mapping[str, str], credentials: Credentials) -> None:
    """403 unless the claim's signature is the one these credentials make over this request."""
    signer = QuerySignature if claim.presigned else HeaderSignature
    auth = signer(credentials, "s3", claim.region)
    signed = {name: headers[name] for name in claim.signed_headers if name in headers}
    url = f"http://s3{target.path}?{target.query_string(without='X-Amz-Signature')}"
    request = AWSRequest(method=method, url=url, headers=signed)
    request.context["timestamp"] = claim.timestamp
    canonical = auth.canonical_request(request)
    string_to_sign = auth.string_to_sign(request, canonical)
    expected = auth.signature(string_to_sign, request)
    # AWS wants the names sorted, and each there: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    complete = claim.signed_headers == sorted(signed)
    if not (complete and compare_digest(expected.encode(), claim.signature.encode())):
        raise Refusal(
            "403 Forbidden",
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            StringToSign=string_to_sign,
            SignatureProvided=claim.signature,
            CanonicalRequest=canonical,
        )
