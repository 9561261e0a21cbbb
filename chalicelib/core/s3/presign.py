"""Presigning: the signatures of URLs and forms (AWS Signature Version 4), their life, and the credentials that sign.

Source: S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)". Signing is the
purpose of Signpost, so the signer is its own code: botocore takes a quarter of a second to load (FACTS 6). The
tests compare the signatures with botocore's signatures.
"""

import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from chalicelib.core.access.marks import Marks
from chalicelib.core.access.rules import Grant
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline, rfc3339

from . import sigv4
from .mounts import Mount, Target
from .stores import Credentials

if TYPE_CHECKING:
    from .cdn import CdnSigner
    from .post_policy import PostPolicy


MARK_PARAMETER: Final = "x-signpost"

# S3 User Guide, "Downloading objects from Requester Pays buckets": "for signed URLs".
_REQUESTER_PAYS: Final = "x-amz-request-payer=requester"


class SignedUrl(NamedTuple):
    """A presigned URL. Anyone with the URL may make the one request that was signed, until the URL ends.

    Attributes:
        method: the only method that S3 accepts with the URL.
        url: the URL, a secret.
        headers: header fields that the client must send with the URL, unchanged, in addition to `Host`.
        expires_at: when the URL ends, a Unix time in whole seconds.
        mark: the mark of the caller in the URL; None for a URL without a mark.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    expires_at: int
    mark: str | None = None

    def __repr__(self) -> str:
        """Hide the URL."""
        return f"SignedUrl({self.method} …)"


def presign(
    target: Target,
    method: str,
    *,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    credentials: Credentials,
    now: float,
    mark: str | None = None,
) -> SignedUrl:
    """Sign a URL for one method on one object.

    The URL is good for the mount's `url_seconds`, but never longer than the credentials (FACTS 4.3).

    Args:
        target: the object.
        method: `GET`, `HEAD`, `PUT`, `DELETE`.
        query: parameters for S3.
        headers: header fields that the client will send: names in lower case, values ASCII.
        credentials: the credentials whose permissions the URL has.
        now: Unix time in seconds.
        mark: the mark of the caller, which S3 ignores and logs; None for a URL without a mark.

    Raises:
        Unavailable: the credentials have ended.
    """
    mount = target.mount
    date, seconds, expires_at = _life(mount, credentials, now)
    scope = sigv4.scope(credentials, date[:8], mount.region, "s3")
    fields = {"host": mount.bucket_url.host, **{name: " ".join(value.split()) for name, value in headers.items()}}
    names = sorted(fields)
    signed_names = ";".join(names)
    parameters = [
        *[f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items()],
        *((_REQUESTER_PAYS,) if mount.requester_pays else ()),
        *((f"{MARK_PARAMETER}={mark}",) if mark else ()),  # signed as all parameters, so nobody can remove the mark
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        scope.credential,
        f"X-Amz-Date={date}",
        f"X-Amz-Expires={seconds}",
        _signed_headers(signed_names),
        *scope.token,
    ]
    canonical_query = "&".join(sorted(parameters))
    path = f"{mount.bucket_url.base}/{quote(target.key, safe='/')}"
    canonical_headers = [f"{name}:{fields[name]}" for name in names]
    canonical_request = "\n".join(
        (method, path, canonical_query, *canonical_headers, "", signed_names, "UNSIGNED-PAYLOAD")
    )
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    signature = scope.sign(f"AWS4-HMAC-SHA256\n{date}\n{scope.name}\n{digest}".encode())
    url = f"{mount.bucket_url.origin}{path}?{'&'.join(parameters)}&X-Amz-Signature={signature}"
    return SignedUrl(method, url, headers, expires_at, mark)


class SignedForm(NamedTuple):
    """A signed form. Anyone with the form may upload, until the form ends.

    Attributes:
        url: the URL that the form is posted to.
        fields: the hidden fields, by name.
        expires_at: when the form ends, a Unix time in whole seconds.
    """

    url: str
    fields: Mapping[str, str]
    expires_at: int

    def __repr__(self) -> str:
        """Hide the fields."""
        return "SignedForm(…)"


def sign_form(
    target: Target, form: "PostPolicy", *, credentials: Credentials, now: float, latest_end: int | None = None
) -> SignedForm:
    """Sign the policy of a form; the form is good for as long as a URL would be.

    Args:
        target: the directory.
        form: the policy.
        credentials: the credentials whose permissions the form has.
        now: Unix time in seconds.
        latest_end: a Unix time in seconds, after which the form is not good in any case; None for no such time.

    Raises:
        Unavailable: the credentials have ended.
    """
    date, _, expires_at = _life(target.mount, credentials, now)
    if latest_end is not None:
        expires_at = min(expires_at, latest_end)
    scope = sigv4.scope(credentials, date[:8], target.mount.region, "s3")
    signing = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{credentials.access_key}/{scope.name}",
        "x-amz-date": date,
        **({"x-amz-security-token": credentials.session_token} if credentials.session_token else {}),
    }
    conditions = [*form.conditions, *({name: value} for name, value in signing.items())]
    document = {"expiration": rfc3339(expires_at), "conditions": conditions}
    policy = binascii.b2a_base64(json.dumps(document).encode(), newline=False)
    signature = scope.sign(policy)
    fields = {**form.fields, **signing, "policy": policy.decode(), "x-amz-signature": signature}
    return SignedForm(f"{target.mount.bucket_url.origin}{target.mount.bucket_url.base}/", fields, expires_at)


class Presigner:
    """Signs URLs and forms with the credentials of the mount, else with the credentials of the service.

    The URL to read a file is a URL of the mount's CDN, where the mount has a CDN. S3 itself answers a read with a
    signed header, which a CDN can drop, and a read of an old version. (A CDN that drops `versionId` would answer with
    the newest version. A CDN that passes `versionId` on would open all versions to a caller with cookies.)

    No network call is made where the credentials of the service are fixed.

    Args:
        credentials: returns the current credentials of the service; raises Unavailable where there are none.
        marks: makes the mark in each URL; None for URLs without marks.
        cdn: signs the URLs of CDNs; None for a service without a CDN.
    """

    def __init__(
        self,
        credentials: Callable[[Deadline], Credentials],
        marks: Marks | None = None,
        cdn: "CdnSigner | None" = None,
    ) -> None:
        self._credentials = credentials
        self._marks = marks
        self._cdn = cdn

    def url(
        self,
        method: str,
        target: Target,
        *,
        grant: Grant,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        now: float,
        deadline: Deadline,
    ) -> SignedUrl:
        """Return a presigned URL with the mark of the caller of a grant; see `presign` and `CdnSigner.url`."""
        mark = self._marks.of(grant.caller_name) if self._marks else None
        if self._cdn and target.mount.cdn and grant.action == "read" and not headers and "versionId" not in query:
            return self._cdn.url(method, target, query=query, now=now, deadline=deadline, mark=mark)
        credentials = self._credentials_for(target.mount, deadline)
        return presign(target, method, query=query, headers=headers, credentials=credentials, now=now, mark=mark)

    def form(
        self,
        target: Target,
        policy: "PostPolicy",
        *,
        now: float,
        deadline: Deadline,
        latest_end: int | None = None,
    ) -> SignedForm:
        """Return a signed form; see `sign_form`."""
        credentials = self._credentials_for(target.mount, deadline)
        return sign_form(target, policy, credentials=credentials, now=now, latest_end=latest_end)

    def _credentials_for(self, mount: Mount, deadline: Deadline) -> Credentials:
        return mount.credentials or self._credentials(deadline)


def _life(mount: Mount, credentials: Credentials, now: float) -> tuple[str, int, int]:
    """Return the time of a signature as `X-Amz-Date` writes it, its life in seconds, and its end as a Unix time."""
    signed_at = mount.signed_at(now)
    seconds = mount.url_seconds
    if credentials.expires_at is not None:
        seconds = min(seconds, int(credentials.expires_at) - signed_at)
    if signed_at + seconds <= now:
        raise Unavailable("The service's own credentials for S3 have ended and are being renewed.")
    return sigv4.date_of(signed_at), seconds, signed_at + seconds


@lru_cache(maxsize=64)
def _signed_headers(names: str) -> str:
    return f"X-Amz-SignedHeaders={quote(names, safe='')}"
