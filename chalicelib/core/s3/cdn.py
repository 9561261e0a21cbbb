"""CDN: the signed URLs of files, and the signed cookies of mounts, at a CloudFront distribution before the bucket.

Source: CloudFront Developer Guide, "Create a signed URL using a canned policy" and "Set signed cookies using a custom
policy". The signatures have the hash SHA-256 (FACTS 8.19).
"""

import binascii
import json
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from chalicelib.core.web.times import Deadline

from .mounts import Mount, Target
from .presign import MARK_PARAMETER, SignedUrl
from .stores import Cdn

Sign = Callable[[Cdn, bytes, Deadline], bytes]
"""Returns the signature of a text with the private key of a CDN; raises Unavailable where the key cannot be fetched."""

_HASH: Final = "SHA256"
_COOKIE_NAMES: Final = ("Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")
_SAFE: Final = bytes.maketrans(b"+=/", b"-_~")  # the Developer Guide replaces these characters of base64


class CdnSigner:
    """Signs for the CDNs of mounts. A mount in an argument must have a CDN.

    Args:
        sign: signs with the private keys.
    """

    def __init__(self, sign: Sign) -> None:
        self._sign = sign

    def url(
        self, method: str, target: Target, *, query: Mapping[str, str], now: float, deadline: Deadline, mark: str | None
    ) -> SignedUrl:
        """Return the signed URL of a file, which is good for the mount's `url_seconds`.

        The policy is canned: it names the whole URL with its query, and the end. CloudFront accepts the URL for each
        method that the distribution accepts.

        Args:
            method: `GET` or `HEAD`.
            target: the file.
            query: parameters for S3.
            now: Unix time in seconds.
            deadline: of the request.
            mark: the mark of the caller, which the log of the distribution keeps; None for a URL without a mark.

        Raises:
            Unavailable: the private key cannot be fetched.
        """
        cdn = _cdn_of(target.mount)
        marked = {**query, MARK_PARAMETER: mark} if mark else query
        parameters = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in marked.items()]
        plain = url_of(target)
        whole = f"{plain}?{'&'.join(parameters)}" if parameters else plain
        expires_at = target.mount.signed_at(now) + target.mount.url_seconds
        signature = self._sign(cdn, _policy(whole, expires_at), deadline)
        parameters += [
            f"Expires={expires_at}",
            f"Signature={_encode(signature)}",
            f"Key-Pair-Id={cdn.key_pair_id}",
            f"Hash-Algorithm={_HASH}",
        ]
        return SignedUrl(method, f"{plain}?{'&'.join(parameters)}", {}, expires_at, mark)

    def cookies(self, mount: Mount, *, now: float, ends_at: int, deadline: Deadline) -> tuple[str, ...]:
        """Return the `Set-Cookie` values that open all files of a mount for the mount's `url_seconds`.

        The policy is custom: it has a wildcard after the prefix of the mount. The prefix itself has no wildcard,
        because its `*` and `?` are percent-encoded.

        Args:
            mount: its CDN has a cookie domain.
            now: Unix time in seconds.
            ends_at: the latest end, Unix time in whole seconds.
            deadline: of the request.

        Raises:
            Unavailable: the private key cannot be fetched.
        """
        cdn = _cdn_of(mount)
        end = min(int(now) + mount.url_seconds, ends_at)
        policy = _policy(f"{cdn.origin}/{quote(mount.prefix)}*", end)
        values = _encode(policy), _encode(self._sign(cdn, policy, deadline)), cdn.key_pair_id, _HASH
        return _cookies(mount, values, end - int(now))


def url_of(target: Target) -> str:
    """Return the URL of a file at the CDN of its mount, without a signature."""
    return f"{_cdn_of(target.mount).origin}/{quote(target.key)}"


def closing_cookies(mount: Mount) -> tuple[str, ...]:
    """Return the `Set-Cookie` values that delete the cookies of a mount whose CDN has a cookie domain."""
    return _cookies(mount, ("",) * len(_COOKIE_NAMES), 0)


def _cookies(mount: Mount, values: tuple[str, ...], max_age: int) -> tuple[str, ...]:
    """Return the cookies of a mount: for the path of its prefix alone, so two mounts can have cookies at one CDN."""
    attributes = f"Domain={_cdn_of(mount).cookie_domain}; Path=/{quote(mount.prefix)}; Secure; HttpOnly; SameSite=Lax"
    pairs = zip(_COOKIE_NAMES, values, strict=True)
    return tuple(f"CloudFront-{name}={value}; Max-Age={max_age}; {attributes}" for name, value in pairs)


def _cdn_of(mount: Mount) -> Cdn:
    if mount.cdn is None:
        raise ValueError("the mount has no CDN")
    return mount.cdn


def _policy(resource: str, expires_at: int) -> bytes:
    """Return the statement that is signed. CloudFront demands this order of the members, and no white space."""
    condition = {"DateLessThan": {"AWS:EpochTime": expires_at}}
    statement = {"Statement": [{"Resource": resource, "Condition": condition}]}
    return json.dumps(statement, separators=(",", ":")).encode()


def _encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_SAFE).decode()
