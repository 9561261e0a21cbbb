"""What the S3 in front of moto reads from the moto in this process: its buckets, what they hold, and its sessions."""

from __future__ import annotations

from moto.s3.models import FakeBucket, FakeKey, FakeMultipart, s3_backends
from moto.sts.models import AssumedRole, sts_backends


def find_bucket(name: str) -> FakeBucket | None:
    """The bucket of that name, in whatever account."""
    if name not in s3_backends.bucket_accounts:
        return None
    partition, account = s3_backends.bucket_accounts[name]
    return s3_backends[account][partition].buckets[name]


def find_object(bucket: str, key: str) -> FakeKey | None:
    """The object, None where there is none or it is deleted."""
    found = find_bucket(bucket)
    stored = found.keys.get(key) if found else None
    return stored if isinstance(stored, FakeKey) else None


def find_upload(bucket: str, key: str, upload_id: str) -> FakeMultipart | None:
    """The upload in parts that was begun for this key and has neither been completed nor aborted."""
    found = find_bucket(bucket)
    upload = found.multiparts.get(upload_id) if found else None
    return upload if upload and upload.key_name == key else None


def find_session(access_key: str) -> AssumedRole | None:
    """The session that STS made for `AssumeRole` and that has this access key, in whatever account."""
    for partitions in sts_backends.values():
        for backend in partitions.values():
            if session := backend.get_assumed_role_from_access_key(access_key):
                return session
    return None
