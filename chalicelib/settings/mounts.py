"""`[[mounts]]`: the path prefixes of the service, and the bucket, region and store of each prefix."""

import re
from collections.abc import Sequence
from typing import Final

from chalicelib.core.s3.mounts import DERIVED, PLAYLIST_TYPES, Mount, derived_places
from chalicelib.core.s3.stores import (
    ACCESS_POINT_ARN,
    Cdn,
    Credentials,
    Variant,
    access_point_of,
    bucket_url,
    partition,
)

from .checks import ACCESS_KEY, MAX_URL_SECONDS, PATTERN_CHARACTERS, SECRET_KEY, Check, is_path, optional, pattern
from .schema import Document, Table
from .urls import ENDPOINT, endpoint_origin

UNKNOWN_REGION: Final = "region-of-lambda-0"
"""Stands for the region of the functions where the administrator's tool does not know their region."""

# The endings of buckets that need another endpoint, or another signature (S3 User Guide, "General purpose bucket naming
# rules"): directory buckets and their access points, Outposts, Object Lambda, tables, multi-Region access points.
_UNSUPPORTED_ENDINGS: Final = ("--x-s3", "--xa-s3", "--op-s3", "--ol-s3", "--table-s3", ".mrap")

_REGION_ON_AWS: Final = re.compile(r"[a-z]+(?:-[a-z]+)+-[0-9]+")  # botocore's partitions.json has no other form

_PATH: Final = Check(
    lambda text: is_path(text) and "//" not in text and PATTERN_CHARACTERS.isdisjoint(text),
    'a path of literal segments that starts with a slash: "/" or "/archive"',
)
_PREFIX: Final = Check(
    lambda text: not text or is_path(f"/{text}"), 'the beginning of keys, without a leading slash: "tenants/acme/"'
)
_BUCKET: Final = Check(
    pattern(rf"[A-Za-z0-9][A-Za-z0-9._-]{{2,254}}|{ACCESS_POINT_ARN}"),
    "a bucket's name, three characters or more, or the ARN of an access point in one region: "
    '"arn:aws:s3:eu-west-1:111122223333:accesspoint/NAME"',
)
_REGION: Final = Check(
    pattern(r"[a-z0-9-]+"), 'a region: "eu-west-1"; or set the variable for the default region (docs/settings.md)'
)
_ROLE: Final = Check(
    optional(r"arn:aws[a-z-]*:iam::[0-9A-Za-z]*:role/[A-Za-z0-9+=,.@_/-]+"),
    'the ARN of a role: "arn:aws:iam::111122223333:role/files"',
)
_KMS_KEY: Final = Check(
    optional(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"),
    'the ARN of a KMS key, not of an alias: "arn:aws:kms:eu-west-1:111122223333:key/…"',
)
_PLAYLISTS: Final = tuple(f"*{ending}" for ending in PLAYLIST_TYPES)
_PLAYLIST: Final = Check(
    _PLAYLISTS.__contains__, " or ".join(f'"{each}"' for each in _PLAYLISTS) + ", and nothing else", _PLAYLISTS
)
_INDEX: Final = Check(
    lambda text: not text or ("/" not in text and is_path(f"/{text}")), 'the name of a file: "index.html"'
)


def read_mounts(
    document: Document, default_region: str, default_url_seconds: int, public_url: str
) -> tuple[Mount, ...]:
    """Return the mounts. A file without a mount has a mistake.

    Args:
        document: the settings file.
        default_region: the region of a mount without `region`; empty for no default.
        default_url_seconds: the life of URLs of a mount without `url_seconds`.
        public_url: the URL of the service; empty where each request tells the URL.
    """
    tables = document.tables("mounts")
    mounts = [_read_mount(table, default_region, default_url_seconds) for table in tables]
    if not document.values.get("mounts"):
        document.mistakes.add(("mounts", 0, None), 'is missing; add [[mounts]] with path = "/" and bucket = "NAME"')
    document.check_unique("mounts", "path", [(mount.path or "/",) for mount in mounts])
    _check_prefixes(tables, mounts)
    _check_one_region(tables, mounts)
    if any(mount.cdn for mount in mounts):
        from .cdn import check_cookies

        check_cookies(tables, mounts, public_url)
    return tuple(mounts)


def _read_mount(table: Table, default_region: str, default_url_seconds: int) -> Mount:
    bucket = table.text("bucket", _BUCKET)
    access_point = access_point_of(bucket)
    region = table.text("region", _REGION, default=access_point.region if access_point else default_region)
    endpoint, public_endpoint = _endpoint(table, "endpoint"), _endpoint(table, "public_endpoint")
    addressing = table.choice("addressing", ("path", "virtual"))
    variant = Variant(*(table.flag(name, default=False) for name in Variant._fields))
    access_key, secret_key = table.secret("access_key", ACCESS_KEY), table.secret("secret_key", SECRET_KEY)
    if bool(access_key) != bool(secret_key):
        table.mistake("access_key", "and secret_key belong together: give both, or neither")
    mount = Mount(
        path=table.text("path", _PATH).rstrip("/"),
        bucket=bucket,
        prefix=table.text("prefix", _PREFIX, default=""),
        region=region,
        endpoint=endpoint,
        bucket_url=bucket_url(bucket, region, public_endpoint or endpoint, addressing=addressing, variant=variant),
        url_seconds=table.whole_number("url_seconds", default_url_seconds, 1, MAX_URL_SECONDS),
        stable_seconds=table.whole_number("stable_seconds", 0, 0, MAX_URL_SECONDS // 2),
        cache_seconds=table.whole_number("cache_seconds", 0, 0, MAX_URL_SECONDS),
        credentials=Credentials(access_key, secret_key) if access_key and secret_key else None,
        kms_key=table.optional_text("kms_key", _KMS_KEY) or None,
        variant=variant,
        addressing=addressing,
        requester_pays=table.flag("requester_pays", default=False),
        media_seconds=table.whole_number("media_seconds", None, 1, MAX_URL_SECONDS),
        cdn=_read_cdn(table),
        inline=tuple(each.removeprefix("*") for each in table.texts("inline", _PLAYLIST)),
        index_file=table.optional_text("index", _INDEX) or "",
        lfs=table.flag("lfs", default=False),
        role=table.optional_text("role", _ROLE) or None,
    )
    _check_store(table, mount)
    if any(variant) or access_point or "addressing" in table.values:
        from .bucket_urls import check_bucket_url  # few mounts need these checks

        check_bucket_url(table, mount, [origin for origin in (endpoint, public_endpoint) if origin])
    if mount.url_seconds < 2 * mount.stable_seconds:
        table.mistake(
            "stable_seconds",
            f"is {mount.stable_seconds}, so url_seconds must be at least {2 * mount.stable_seconds}, but is "
            f"{mount.url_seconds}: raise url_seconds, or lower stable_seconds",
        )
    if mount.media_seconds is not None and mount.media_seconds <= mount.url_seconds:
        table.mistake(
            "media_seconds",
            f"is {mount.media_seconds}, which is no longer than url_seconds = {mount.url_seconds}: raise or remove "
            "media_seconds",
        )
    table.finish()
    return mount


def _read_cdn(table: Table) -> Cdn | None:
    """Return the CDN of a mount. Without the key, its reader is not loaded."""
    cdn = table.table("cdn")
    if cdn is None:
        return None
    from .cdn import read_cdn

    return read_cdn(cdn)


def _endpoint(table: Table, key: str) -> str | None:
    text = table.optional_text(key, ENDPOINT)
    return endpoint_origin(text) if text and ENDPOINT.passes(text) else None


def _check_store(table: Table, mount: Mount) -> None:
    """Report a bucket, a region or a KMS key with which the service cannot sign."""
    if mount.bucket.lower().endswith(_UNSUPPORTED_ENDINGS) and _BUCKET.passes(mount.bucket):
        table.mistake(
            "bucket",
            "is a directory bucket (S3 Express) or another kind that needs another endpoint or another signature: name "
            "a general purpose bucket",
        )
    access_point = access_point_of(mount.bucket)
    if access_point and _differ(access_point.region, mount.region):
        table.mistake("region", f'is not the region of the access point: write region = "{access_point.region}"')
    if access_point and mount.bucket.split(":")[1] != partition(access_point.region)[0]:
        table.mistake("bucket", "is an ARN whose partition does not have its region: copy the ARN of the access point")
    if mount.on_aws and _REGION.passes(mount.region) and not _REGION_ON_AWS.fullmatch(mount.region):
        table.mistake(
            "region",
            'is not a region of AWS: write a region such as "eu-west-1"; or, for another store, name the store: '
            'endpoint = "https://s3.example.com"',
        )
    if mount.kms_key and not mount.on_aws:
        table.mistake("kms_key", "is for a bucket on AWS, but this mount has an endpoint: remove one of the two")
    elif mount.kms_key and _KMS_KEY.passes(mount.kms_key) and _differ(mount.kms_key.split(":")[3], mount.region):
        table.mistake(
            "kms_key", "is in another region than the bucket, and S3 refuses such a key: name a key in that region"
        )


def _check_prefixes(tables: Sequence[Table], mounts: Sequence[Mount]) -> None:
    """Report a mount whose keys are the derivatives of another mount, or of itself."""
    for table, mount in zip(tables, mounts, strict=True):
        if mount.prefix.startswith(derived_places(mount, mounts)):
            table.mistake("prefix", f"is below {DERIVED}, where the service stores resized images: name another prefix")


def _check_one_region(tables: Sequence[Table], mounts: Sequence[Mount]) -> None:
    """Report a bucket that has two regions. A bucket's name is unique in a partition of AWS, and in another store."""
    first_index: dict[tuple[str, str], int] = {}
    for index, mount in enumerate(mounts):
        earlier = first_index.setdefault((mount.store, mount.bucket), index)
        if mount.bucket and _differ(mount.region, mounts[earlier].region):
            tables[index].mistake(
                "region",
                f"is not the region of mounts[{earlier + 1}], which has the same bucket. A bucket is in one region: "
                "give both mounts that region",
            )


def _differ(region: str, other: str) -> bool:
    """Whether two regions differ for certain."""
    return len({region, other} - {UNKNOWN_REGION}) > 1
