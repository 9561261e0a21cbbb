"""The moto in this process: the lock around its state, and the parts of its state that this package reads."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from moto.s3.models import FakeBucket, FakeKey, FakeMultipart, s3_backends
from moto.sts.models import AssumedRole, sts_backends

from .bodies import receive_body
from .errors import S3Error

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# moto's state belongs to the process, and so does its lock.
MOTO_LOCK = threading.Lock()


class OneAtATime:
    """Receives the whole body, then runs `app` under the lock: moto lets two racing conditional writes win (FACTS 5.1).

    Args:
        app: an application of moto.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            body = receive_body(environ)
        except S3Error as error:
            return error(environ, start_response)
        with MOTO_LOCK:
            return list(self._app({**environ, "wsgi.input": BytesIO(body)}, start_response))


def find_bucket(name: str) -> FakeBucket | None:
    """Return the bucket with this name, in any account; None without one."""
    if name not in s3_backends.bucket_accounts:
        return None
    partition, account = s3_backends.bucket_accounts[name]
    return s3_backends[account][partition].buckets[name]


def find_object(bucket_name: str, key: str) -> FakeKey | None:
    """Return the object with this key; None where it does not exist or is deleted."""
    bucket = find_bucket(bucket_name)
    stored = bucket.keys.get(key) if bucket else None
    return stored if isinstance(stored, FakeKey) else None


def last_version(bucket_name: str, key: str) -> tuple[str, str] | None:
    """Return the key and the id of the oldest version of the last key up to a key; None where there is none."""
    bucket = find_bucket(bucket_name)
    histories = {name: versions for name, versions in bucket.keys.iterlists() if name <= key} if bucket else {}
    if not histories:
        return None
    last = max(histories)
    oldest = min(histories[last], key=lambda version: version.last_modified)
    return last, oldest.version_id or "null"


def find_upload(bucket_name: str, key: str, upload_id: str) -> FakeMultipart | None:
    """Return the multipart upload of this key; None where it does not exist, or is completed or aborted."""
    bucket = find_bucket(bucket_name)
    upload = bucket.multiparts.get(upload_id) if bucket else None
    return upload if upload and upload.key_name == key else None


def find_session(access_key_id: str) -> AssumedRole | None:
    """Return the session that STS made for `AssumeRole` with this access key, in any account; None without one."""
    for partitions in sts_backends.values():
        for backend in partitions.values():
            if session := backend.get_assumed_role_from_access_key(access_key_id):
                return session
    return None
