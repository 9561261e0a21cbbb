"""Presigning: AWS Signature Version 4 for S3, in the query of a URL and in the policy of a form.

Source: S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)". It is ours since
it is what Signpost exists for: botocore takes a quarter of a second to load (FACTS 6), and is the oracle in the tests.
"""

import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from chalicelib.core.web.problems import Unavailable
from chalicelib.core.web.times import rfc3339

from .mounts import Mount, Target
from .stores import Credentials

if TYPE_CHECKING:
    from .post_policy import PostPolicy


class SignedUrl(NamedTuple):
    """A presigned URL: whoever has it may do the one thing that it was signed for, until it ends.

    Attributes:
        method: the only method that S3 takes it with.
        url: the URL, a secret.
        headers: header fields that must be sent with it, exactly so, besides `Host`.
        expires_at: when it ends, a Unix time in whole seconds.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    expires_at: int

    def __repr__(self) -> str:
        """Nothing that could be used."""
        return f"SignedUrl({self.method} …)"


def presign(
    target: Target,
    method: str,
    *,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    credentials: Credentials,
    now: float,
) -> SignedUrl:
    """Sign a URL for one method on one object.

    It lives for the mount's `url_seconds`, or as long as the credentials where they end sooner (FACTS 4.3). With
    `stable_seconds` the signing time is rounded down, never up, so that the URL is the same, byte for byte, throughout
    the window (FACTS 4.8).

    Args:
        target: the object.
        method: `GET`, `HEAD`, `PUT`, `DELETE`.
        query: parameters for S3, signed with the rest.
        headers: fields the client will send: names in lower case, values ASCII.
        credentials: whose permission the URL carries.
        now: Unix time in seconds.

    Raises:
        Unavailable: the credentials have ended.
    """
    mount = target.mount
    date, signed_at, seconds = _life(mount, credentials, now)
    scope = _scope(credentials, date[:8], mount.region)
    fields = {"host": mount.bucket_url.host, **{name: " ".join(value.split()) for name, value in headers.items()}}
    names = sorted(fields)
    signed_names = ";".join(names)
    pairs = [
        *(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items()),
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        scope.credential,
        f"X-Amz-Date={date}",
        f"X-Amz-Expires={seconds}",
        f"X-Amz-SignedHeaders={quote(signed_names, safe='')}",
        *scope.token,
    ]
    path = f"{mount.bucket_url.base}/{quote(target.key, safe='/')}"
    canonical_request = "\n".join(
        (
            method,
            path,
            "&".join(sorted(pairs)),
            *(f"{name}:{fields[name]}" for name in names),
            "",
            signed_names,
            "UNSIGNED-PAYLOAD",
        )
    )
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    string_to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope.name}\n{digest}"
    signature = hmac.digest(scope.key, string_to_sign.encode(), "sha256").hex()
    url = f"{mount.bucket_url.origin}{path}?{'&'.join(pairs)}&X-Amz-Signature={signature}"
    return SignedUrl(method, url, headers, signed_at + seconds)


class SignedForm(NamedTuple):
    """A form that S3 takes files from until it ends: whoever has it may upload.

    Attributes:
        url: where it is posted to.
        fields: its hidden fields, by name.
        expires_at: when it ends, a Unix time in whole seconds.
    """

    url: str
    fields: Mapping[str, str]
    expires_at: int

    def __repr__(self) -> str:
        """Nothing that could be used."""
        return "SignedForm(…)"


def sign_form(target: Target, form: "PostPolicy", *, credentials: Credentials, now: float) -> SignedForm:
    """Sign a form's policy; it lives as long as a URL would.

    Raises:
        Unavailable: the credentials have ended.
    """
    life = _life(target.mount, credentials, now)
    scope = _scope(credentials, life.date[:8], target.mount.region)
    signing = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{credentials.access_key}/{scope.name}",
        "x-amz-date": life.date,
        **({"x-amz-security-token": credentials.session_token} if credentials.session_token else {}),
    }
    conditions = [*form.conditions, *({name: value} for name, value in signing.items())]
    document = {"expiration": rfc3339(life.expires_at), "conditions": conditions}
    policy = binascii.b2a_base64(json.dumps(document).encode(), newline=False)
    signature = hmac.digest(scope.key, policy, "sha256").hex()
    fields = {**form.fields, **signing, "policy": policy.decode(), "x-amz-signature": signature}
    return SignedForm(f"{target.mount.bucket_url.origin}{target.mount.bucket_url.base}/", fields, life.expires_at)


class _Life(NamedTuple):
    """When a signature begins, as `X-Amz-Date` writes it, and how many seconds it lives from then."""

    date: str
    signed_at: int
    seconds: int

    @property
    def expires_at(self) -> int:
        return self.signed_at + self.seconds


def _life(mount: Mount, credentials: Credentials, now: float) -> _Life:
    signed_at = int(now)
    if mount.stable_seconds:
        signed_at -= signed_at % mount.stable_seconds
    seconds = mount.url_seconds
    if credentials.expires_at is not None:
        seconds = min(seconds, int(credentials.expires_at) - signed_at)
    if signed_at + seconds <= now:
        raise Unavailable("The service's own credentials for S3 have ended and are being renewed.")
    return _Life(time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(signed_at)), signed_at, seconds)


class _Scope(NamedTuple):
    """What all signatures of a day, region and set of credentials share.

    Attributes:
        name: the credential scope.
        key: the signing key, four HMACs away from the secret key.
        credential, token: the query parameters that name the credentials; without a session token there is none.
    """

    name: str
    key: bytes
    credential: str
    token: tuple[str, ...]


@lru_cache(maxsize=64)
def _scope(credentials: Credentials, day: str, region: str) -> _Scope:
    name = f"{day}/{region}/s3/aws4_request"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in name.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"X-Amz-Credential={quote(f'{credentials.access_key}/{name}', safe='')}"
    token = credentials.session_token
    return _Scope(name, key, credential, () if token is None else (f"X-Amz-Security-Token={quote(token, safe='')}",))
