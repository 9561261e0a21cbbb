"""Stores: how clients reach a bucket, on AWS, at another endpoint or through a CDN, and the credentials that sign."""

import re
from typing import Final, NamedTuple


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


class AccessPoint(NamedTuple):
    """An access point of a bucket on AWS, by the parts of its ARN (S3 User Guide, "Managing access points")."""

    region: str
    account: str
    name: str


ALIAS_ENDING: Final = "-s3alias"
"""The ending of the alias of an access point, in the place of a bucket's name. No bucket on AWS has this ending."""

ACCESS_POINT_ARN: Final = r"arn:aws[a-z-]*:s3:([a-z0-9-]+):([0-9]{12}):accesspoint/([a-z0-9][a-z0-9-]{1,48}[a-z0-9])"


def access_point_of(bucket: str) -> AccessPoint | None:
    """Return the access point that a mount names in place of a bucket; None for the name of a bucket."""
    found = re.fullmatch(ACCESS_POINT_ARN, bucket) if bucket.startswith("arn:") else None
    return AccessPoint(*found.groups()) if found else None


class Variant(NamedTuple):
    """The variant of the endpoints of AWS that a mount uses. botocore has the same names.

    Attributes:
        dualstack: whether the hosts also have IPv6 addresses (S3 User Guide, "Using dual-stack endpoints").
        fips: whether the hosts use cryptography that FIPS 140 validates ("FIPS endpoints").
        accelerate: whether clients reach the bucket through the nearest edge location ("Transfer Acceleration").
    """

    dualstack: bool = False
    fips: bool = False
    accelerate: bool = False


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


class Cdn(NamedTuple):
    """A CloudFront distribution whose origin is the bucket of a mount.

    Attributes:
        domain: the host of the distribution.
        key_pair_id: the id of the public key in CloudFront.
        private_key: the reference of the private key, for `backends.cdn_keys`. It can be the key itself.
        cookie_domain: the domain of the signed cookies; None where every file has a signed URL.
    """

    domain: str
    key_pair_id: str
    private_key: str
    cookie_domain: str | None = None

    @property
    def origin(self) -> str:
        """Scheme and host of the distribution."""
        return f"https://{self.domain}"

    def __repr__(self) -> str:
        """Hide the private key."""
        return f"Cdn({self.domain!r})"


def bucket_url(
    bucket: str,
    region: str,
    endpoint: str | None,
    *,
    addressing: str = "path",
    variant: Variant = Variant(),  # noqa: B008 - immutable
) -> BucketUrl:
    """Return the URL of a bucket or of an access point (S3 User Guide, "Virtual hosting"; botocore's endpoint rules).

    Args:
        bucket: the name of a bucket, or the ARN of an access point.
        region: where the bucket is.
        endpoint: the origin of another store than AWS, or of a host before AWS; None for the hosts of AWS.
        addressing: at an endpoint, `path`, or `virtual` for a host of the bucket below the host of the endpoint.
        variant: of the hosts of AWS.
    """
    if endpoint is not None:
        scheme, _, host = endpoint.partition("://")
        return (
            _at_host(f"{bucket}.{host}", scheme) if addressing == "virtual" else BucketUrl(endpoint, host, f"/{bucket}")
        )
    _, suffix = partition(region)
    fips, dualstack = "-fips" * variant.fips, ".dualstack" * variant.dualstack
    if access_point := access_point_of(bucket):
        name, account = access_point.name, access_point.account
        return _at_host(f"{name}-{account}.s3-accesspoint{fips}{dualstack}.{region}.{suffix}")
    if variant.accelerate:
        return _at_host(f"{bucket}.s3-accelerate{dualstack}.{suffix}")
    host = f"s3{fips}{dualstack}.{region}.{suffix}"
    if is_host_label(bucket):  # others use path style (FACTS 4.4)
        return _at_host(f"{bucket}.{host}")
    return BucketUrl(f"https://{host}", host, f"/{bucket}")


def is_host_label(bucket: str) -> bool:
    """Whether the name of a bucket is one label of a host, which the certificate of a store covers."""
    return re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket) is not None


def _at_host(host: str, scheme: str = "https") -> BucketUrl:
    return BucketUrl(f"{scheme}://{host}", host, "")
