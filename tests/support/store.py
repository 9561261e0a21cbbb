"""An S3 in memory, which keeps the contract of `ports.ObjectStore`: the store of all tests that need no real S3."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from chalicelib.core.ports import ListedKey, ListedKeys, Metadata, Version
from chalicelib.core.s3.mounts import Target
from chalicelib.core.web.image_parameters import Image
from chalicelib.core.web.problems.base import NotFound, Unavailable
from chalicelib.core.web.times import Deadline

from .builders import NOW

BUCKET = "acme-files"
FIRST_BYTES = 64  # the first bytes that `is_wanted` gets, the fewest that the contract allows


class StoredObject(NamedTuple):
    """An object's bytes and media type."""

    body: bytes
    content_type: str


class MemoryStore:
    """Buckets with objects.

    Args:
        objects: the bytes of the first objects by key, or their keys alone.
        bucket: the bucket of the first objects.

    Attributes:
        objects: all objects by bucket and key.
        metadata: the answer to every HEAD; None for the metadata of the object.
        error: raised by every call; None for no error.
        calls: the method and the key of each call.
        heads: the target, the query and the headers of each HEAD.
        versions: the method and the `versionId` of each HEAD and GET, None without one.
        bytes_read: the number of bytes that GETs returned.
    """

    def __init__(self, objects: Mapping[str, bytes] | Iterable[str] = (), bucket: str = BUCKET) -> None:
        self.objects: dict[tuple[str, str], StoredObject] = {}
        self.metadata: Metadata | None = None
        self.error: Exception | None = None
        self.calls: list[str] = []
        self.heads: list[tuple[Target, Mapping[str, str], Mapping[str, str]]] = []
        self.versions: list[tuple[str, str | None]] = []
        self.bytes_read = 0
        for key in objects:
            self.put(key, objects[key] if isinstance(objects, Mapping) else b"", bucket=bucket)

    def put(
        self, key: str, body: bytes, content_type: str = "application/octet-stream", *, bucket: str = BUCKET
    ) -> None:
        """Write an object, whether the key has an object or not."""
        self.objects[bucket, key] = StoredObject(body, content_type)

    def derived(self) -> dict[str, bytes]:
        """The images that the service stored, by their keys."""
        return {key: body for (_, key), (body, _) in self.objects.items() if "-/derived/" in key}

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        """See `ports.ObjectStore.head`; versions and conditions are ignored."""
        self._enter("HEAD", target)
        self.heads.append((target, query, headers))
        self.versions.append(("HEAD", query.get("versionId")))
        if self.metadata is not None:
            return self.metadata
        body, content_type = self._object(target)
        fields = {"etag": etag_of(body), "content-length": str(len(body)), "content-type": content_type}
        return Metadata(200, fields | {"last-modified": "Tue, 14 Nov 2023 22:13:20 GMT"})

    def get(
        self,
        target: Target,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        max_bytes: int,
    ) -> tuple[Metadata, bytes] | None:
        """See `ports.ObjectStore.get`; versions, conditions and ranges are ignored."""
        metadata = self.head(target, query, headers, deadline)
        body, _ = self._object(target)
        return None if len(body) > max_bytes else (metadata, body)

    def sizes(self, targets: Sequence[Target], deadline: Deadline) -> Sequence[int | None]:
        """See `ports.ObjectStore.sizes`."""
        for target in targets:
            self._enter("HEAD", target)
        stored = [self.objects.get((target.mount.bucket, target.key)) for target in targets]
        return [None if found is None else len(found.body) for found in stored]

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> ListedKeys:
        """See `ports.ObjectStore.list`."""
        self._enter("LIST", target)
        listed: dict[str, ListedKey] = {}
        for (bucket, key), (body, _) in self.objects.items():
            if bucket != target.mount.bucket or not key.startswith(target.key) or key <= after:
                continue
            first, slash, _ = key.removeprefix(target.key).partition("/")
            prefix = target.key + first + "/"
            if recursive or not slash:
                listed[key] = ListedKey(key, False, len(body), NOW, etag_of(body))
            elif prefix > after:
                listed[prefix] = ListedKey(prefix, True, 0, 0, "")
        return ListedKeys([listed[key] for key in sorted(listed)[:limit]], len(listed) <= limit)

    def read(
        self,
        target: Target,
        query: Mapping[str, str],
        etag: str,
        deadline: Deadline,
        is_wanted: Callable[[bytes], bool],
    ) -> bytes:
        """See `ports.ObjectStore.read`; versions are ignored."""
        self._enter("GET", target)
        self.versions.append(("GET", query.get("versionId")))
        body, _ = self._object(target)
        if etag_of(body) != etag:
            raise Unavailable("The file is being replaced.")
        data = body if is_wanted(body[:FIRST_BYTES]) else body[:FIRST_BYTES]
        self.bytes_read += len(data)
        return data

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        """See `ports.ObjectStore.create`."""
        self._enter("PUT", target)
        if (target.mount.bucket, target.key) not in self.objects:
            self.put(target.key, image.body, image.media_type, bucket=target.mount.bucket)

    def _enter(self, method: str, target: Target) -> None:
        self.calls.append(f"{method} {target.key}")
        if self.error is not None:
            raise self.error

    def _object(self, target: Target) -> StoredObject:
        stored = self.objects.get((target.mount.bucket, target.key))
        if stored is None:
            raise NotFound("There is no such object.")
        return stored


def etag_of(body: bytes) -> str:
    """Return the ETag that S3 gives to an object that one PUT wrote."""
    return f'"{hashlib.md5(body).hexdigest()}"'


class MemoryVersions:
    """The versions of objects in memory, which keep the contract of `ports.VersionStore`.

    Args:
        histories: for each key, whether each version is a delete marker, the newest version first.

    Attributes:
        restored: the key, the version and the ETag of each restore.
        error: raised by every call; None for no error.
    """

    def __init__(self, histories: Mapping[str, Iterable[bool]] | None = None) -> None:
        self._listed = [
            ListedKey(key, False, 0, NOW - number, "", Version(f"v{number}", number == 0, is_deleted))
            for key, versions in sorted((histories or {}).items())
            for number, is_deleted in enumerate(versions)
        ]
        self.restored: list[tuple[str, str, str]] = []
        self.error: Exception | None = None

    def list(self, target: Target, deadline: Deadline, *, after: str, version: str, limit: int) -> ListedKeys:
        """See `ports.VersionStore.list`."""
        if self.error is not None:
            raise self.error
        listed: dict[object, ListedKey] = {}
        for key in self._listed:
            older = key.key == after and version and _number(key.version) > int(version[1:])
            first, slash, _ = key.key.removeprefix(target.key).partition("/")
            prefix = target.key + first + "/"
            if not key.key.startswith(target.key) or not (key.key > after or older) or (slash and prefix == after):
                continue
            listed |= {prefix: ListedKey(prefix, True, 0, 0, "")} if slash else {(key.key, key.version): key}
        return ListedKeys([*listed.values()][:limit], len(listed) <= limit)

    def restore(self, target: Target, version: str, etag: str, deadline: Deadline) -> str:
        """See `ports.VersionStore.restore`."""
        if self.error is not None:
            raise self.error
        self.restored.append((target.key, version, etag))
        return "v-new"


def _number(version: Version | None) -> int:
    return int(version.id[1:]) if version else 0
