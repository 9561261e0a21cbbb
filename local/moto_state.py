"""What the S3 in front of moto reads from the moto in this process: its buckets and its sessions."""

from __future__ import annotations

from moto.s3.models import FakeBucket, s3_backends
from moto.sts.models import AssumedRole, sts_backends


def find_bucket(name: str) -> FakeBucket | None:
    """The bucket of that name, in whatever account."""
    if name not in s3_backends.bucket_accounts:
        return None
    partition, account = s3_backends.bucket_accounts[name]
    return s3_backends[account][partition].buckets[name]


def find_session(access_key: str) -> AssumedRole | None:
    """The session that STS made for `AssumeRole` and that has this access key, in whatever account."""
    for partitions in sts_backends.values():
        for backend in partitions.values():
            if session := backend.get_assumed_role_from_access_key(access_key):
                return session
    return None
