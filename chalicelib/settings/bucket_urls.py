"""The kinds of URL of a bucket: which kinds S3 does not offer, or does not offer together.

Source: botocore's endpoint rules of S3, with which the tests compare the mistakes; S3 User Guide, "Requirements for
using Amazon S3 Transfer Acceleration"; AWS's list of FIPS endpoints, "Amazon S3".
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import is_host_label, partition

from .mounts import UNKNOWN_REGION
from .schema import Table

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ONE_LABEL: Final = "needs a bucket whose name has only lower-case letters, digits and hyphens"


def check_bucket_url(table: Table, mount: Mount, endpoints: Sequence[str]) -> None:
    """Report the kinds of URL of a mount that S3 does not offer.

    Args:
        table: the table of the mount.
        mount: the mount.
        endpoints: the origins of `endpoint` and `public_endpoint`, as far as the table has them.
    """
    if endpoints:
        _check_at_endpoint(table, mount, endpoints)
        return
    if "addressing" in table.values:
        table.mistake("addressing", "is for a mount with an endpoint. AWS needs no such setting: remove addressing")
    if mount.variant.accelerate:
        _check_acceleration(table, mount)
    if mount.variant.fips and not mount.region.startswith(("us-", "ca-", UNKNOWN_REGION)):
        table.mistake("fips", "is not offered in this region, only in regions of the USA and Canada: remove fips")


def _check_at_endpoint(table: Table, mount: Mount, endpoints: Sequence[str]) -> None:
    for name, wanted in mount.variant._asdict().items():
        if wanted:
            table.mistake(name, "is for the hosts of AWS, but this mount has an endpoint: remove one of the two")
    if mount.bucket.startswith("arn:"):
        table.mistake(
            "bucket",
            "is an access point, which has a host of AWS, but this mount has an endpoint: name a bucket, or remove the "
            "endpoint",
        )
    elif mount.addressing == "virtual":
        _check_virtual_hosts(table, mount, endpoints)


def _check_virtual_hosts(table: Table, mount: Mount, endpoints: Sequence[str]) -> None:
    """Report a bucket that has no host below an endpoint. A certificate covers one label below the endpoint."""
    if any(_is_address(endpoint) for endpoint in endpoints):
        table.mistake("addressing", 'is "virtual", but an IP address has no hosts below it: give the endpoint a name')
    if not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", mount.bucket):
        table.mistake("addressing", f'is "virtual", which {_ONE_LABEL}: write "path"')
    elif "." in mount.bucket and any(endpoint.startswith("https:") for endpoint in endpoints):
        table.mistake(
            "addressing",
            'is "virtual", but no certificate covers a bucket with dots below a host: write "path"',
        )


def _is_address(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return ":" in host or re.fullmatch(r"[0-9.]+", host) is not None


def _check_acceleration(table: Table, mount: Mount) -> None:
    if mount.variant.fips:
        table.mistake("accelerate", "does not go with fips: remove one of the two")
    if mount.is_access_point:
        table.mistake("accelerate", "does not go with an access point: name the bucket itself, or remove accelerate")
    elif not is_host_label(mount.bucket):
        table.mistake("accelerate", f"{_ONE_LABEL}: remove accelerate")
    if partition(mount.region)[0] != "aws":
        table.mistake("accelerate", "is not offered in this region: remove accelerate")
