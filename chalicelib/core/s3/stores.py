"""Stores: how clients reach a bucket, on AWS or at another endpoint, and the credentials that sign for the bucket."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit


class Credentials(NamedTuple):
    """AWS credentials.

    Attributes:
        access_key, secret_key: the pair that signs.
        session_token: the token of temporary credentials; None for other credentials.
        expires_at: when the credentials end, a Unix time in seconds; None where no end is known.
    """

    access_key: str
    secret_key: str
    session_token: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        """Hide every part."""
        return "Credentials(…)"


# The first letters of the regions of a partition, its name in ARNs, and the last labels of its endpoints:
# botocore's partitions.json.
_PARTITIONS: Final = (
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
)


def partition(region: str) -> tuple[str, str]:
    """Return the name of a region's AWS partition, as ARNs hold the name, and the last labels of its endpoints."""
    partitions = ((name, suffix) for prefix, name, suffix in _PARTITIONS if region.startswith(prefix))
    return next(partitions, ("aws", "amazonaws.com"))


class BucketUrl(NamedTuple):
    """The URL of a bucket, as clients reach the bucket.

    Attributes:
        origin: scheme, host and port.
        host: host and port, as the header `Host` holds them.
        base: the path before the slash of each key.
    """

    origin: str
    host: str
    base: str


def bucket_url(bucket: str, region: str, endpoint: str | None) -> BucketUrl:
    """Return the URL of a bucket on AWS, or at `endpoint` in path style (S3 User Guide, "Virtual hosting")."""
    if endpoint is not None:
        return BucketUrl(endpoint, urlsplit(endpoint).netloc, f"/{bucket}")
    _, suffix = partition(region)
    host = f"s3.{region}.{suffix}"
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket):  # one DNS label; others use path style (FACTS 4.4)
        return BucketUrl(f"https://{bucket}.{host}", f"{bucket}.{host}", "")
    return BucketUrl(f"https://{host}", host, f"/{bucket}")
