"""The CORS rules of a bucket that the pages need. S3 still demands a signed URL of every request."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from chalicelib.core.s3.stores import partition
from chalicelib.settings.load import Settings

from .bucket import Bucket
from .checks import Fault

_METHODS: Final = ("GET", "HEAD", "PUT", "POST", "DELETE")
# S3 allows a preflight only where one rule allows all headers.
_UPLOAD_HEADERS: Final = ("content-type", "if-none-match", "x-amz-checksum-sha256", "x-amz-meta-name")
_EXPOSED: Final = (  # as on the bucket of the stack; an upload in parts cannot end without ETag
    "ETag",
    "Accept-Ranges",
    "Content-Range",
    "Content-Disposition",
    "Content-Encoding",
    "x-amz-version-id",
)


def page_origins(settings: Settings | None, region: str) -> tuple[tuple[str, ...], ...]:
    """Return the origins of the pages that call the buckets. Of each inner tuple, one origin is enough.

    Without `public_url`, the pages are at a REST API or at a Function URL of the region.

    Args:
        settings: have `public_url` and `cors_origins`; None for settings that cannot be used.
        region: of the functions.
    """
    if settings and settings.public_url:
        url = urlsplit(settings.public_url)
        own: tuple[str, ...] = (f"{url.scheme}://{url.netloc}",)
    else:
        _, suffix = partition(region)
        own = (f"https://*.execute-api.{region}.{suffix}", f"https://*.lambda-url.{region}.on.aws")
    # A redirect hides the origin of another site: its pages reach S3 as `null` (Fetch Standard, "HTTP-redirect fetch").
    others = (*settings.cors_origins, "null") if settings and settings.cors_origins else ()
    return (own, *((origin,) for origin in others))


def examine_cors(bucket: Bucket, origins: Sequence[tuple[str, ...]]) -> Iterator[Fault]:
    """Yield a fault where the pages of an origin cannot use the bucket; the rules that exist are kept.

    Args:
        bucket: the bucket.
        origins: from `page_origins`.
    """
    answer = bucket.read("get_bucket_cors", "NoSuchCORSConfiguration") or {}
    rules: list[dict[str, Any]] = answer.get("CORSRules", [])
    lacks = {group: lack for group in origins if (lack := _lack_of_group(rules, group))}
    if not lacks:
        return
    text = "; ".join(f"a page at {' or '.join(group)} may not {', '.join(lack)}" for group, lack in lacks.items())
    new_rule = {
        "AllowedOrigins": [origin for group in lacks for origin in group],
        "AllowedMethods": list(_METHODS),
        "AllowedHeaders": ["*"],
        "ExposeHeaders": list(_EXPOSED),
        "MaxAgeSeconds": 3600,
    }
    if any(_lack_of_group([*rules, new_rule], group) for group in lacks):
        # S3 User Guide, "Using CORS": the first rule that matches decides.
        repair = bucket.call("put_bucket_cors", CORSConfiguration={"CORSRules": [new_rule, *rules]}).command()
        yield Fault(f"{text}, because an earlier rule decides. Look whether a new rule may come before:", repair)
    else:
        yield Fault(text, bucket.call("put_bucket_cors", CORSConfiguration={"CORSRules": [*rules, new_rule]}))


def _lack_of_group(rules: Sequence[dict[str, Any]], group: Iterable[str]) -> tuple[str, ...]:
    """Return what the pages of the best origin of a group lack."""
    return min((_lacks(rules, origin) for origin in group), key=len)


def _lacks(rules: Iterable[dict[str, Any]], origin: str) -> tuple[str, ...]:
    """Return what the pages of an origin lack: methods, and the header ETag."""
    own = [rule for rule in rules if _has_origin(rule, origin)]
    lacks = [method for method in _METHODS if not any(_allows(rule, method) for rule in own)]
    # The preflight of an upload asks for headers. The upload itself does not, so it can meet an earlier rule.
    uploads = next((rule for rule in own if "PUT" in rule["AllowedMethods"]), {})
    if "PUT" not in lacks and "etag" not in map(str.lower, uploads.get("ExposeHeaders", ())):
        lacks.append("read ETag")
    return tuple(lacks)


def _allows(rule: dict[str, Any], method: str) -> bool:
    headers = _UPLOAD_HEADERS if method in ("PUT", "POST") else ()
    patterns = [pattern.lower() for pattern in rule.get("AllowedHeaders", ())]
    return method in rule["AllowedMethods"] and all(any(_matches(p, header) for p in patterns) for header in headers)


def _has_origin(rule: dict[str, Any], origin: str) -> bool:
    """Whether a rule has an origin; of a wanted origin with `*`, one origin that matches is enough."""
    return any(_matches(own, origin) or _matches(origin, own) for own in rule["AllowedOrigins"])


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
