"""A store of files in memory, with bytes and ETags, under the contract of the real one: what images are made from."""

import hashlib
import threading
from collections.abc import Callable, Mapping

from chalicelib.core.ports import Metadata
from chalicelib.core.s3.mounts import Target
from chalicelib.core.web.image_parameters import Image
from chalicelib.core.web.problems import NotFound, Unavailable
from chalicelib.core.web.times import Deadline

from .fakes import Objects

PIECE = 64  # bytes: the least that a store may give as its first piece


class Files(Objects):
    """Buckets of files.

    Attributes:
        files: the bytes by bucket and key.
        said: each call as method and key, in order.
        queries: what came with each HEAD and GET of a version.
        pieces: how many were read.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None, bucket: str = "acme-files") -> None:
        super().__init__()
        self.files: dict[tuple[str, str], bytes] = {}
        self.types: dict[tuple[str, str], str] = {}
        self.said: list[str] = []
        self.queries: list[tuple[str, Mapping[str, str]]] = []
        self.pieces = 0
        self._lock = threading.Lock()
        for key, body in (files or {}).items():
            self.put(key, body, bucket)

    def put(self, key: str, body: bytes, bucket: str = "acme-files") -> None:
        """Write a file, whether there is one or not."""
        self.files[bucket, key] = body
        self.buckets.setdefault(bucket, set()).add(key)

    def asked_for(self) -> list[str]:
        """What was asked since the last time."""
        said, self.said = self.said, []
        return said

    def derived(self) -> dict[str, bytes]:
        """The files that the service made itself."""
        return {key: body for (_, key), body in self.files.items() if "-/derived/" in key}

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        body = self._found("HEAD", target, query)
        kept = self.types.get((target.mount.bucket, target.key), "application/octet-stream")
        return Metadata(200, {"etag": etag_of(body), "content-length": str(len(body)), "content-type": kept})

    def read(
        self,
        target: Target,
        query: Mapping[str, str],
        etag: str,
        deadline: Deadline,
        is_wanted: Callable[[bytes], bool],
    ) -> bytes:
        body = self._found("GET", target, query)
        if etag_of(body) != etag:
            raise Unavailable("The file is being replaced.")
        data = body if is_wanted(body[:PIECE]) else body[:PIECE]
        self.pieces += -(-len(data) // PIECE)
        return data

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        with self._lock:
            self.said.append(f"PUT {target.key}")
            if (target.mount.bucket, target.key) not in self.files:
                self.put(target.key, image.body, target.mount.bucket)
                self.types[target.mount.bucket, target.key] = image.media_type

    def _found(self, method: str, target: Target, query: Mapping[str, str]) -> bytes:
        self.said.append(f"{method} {target.key}")
        self.queries.append((method, dict(query)))
        body = self.files.get((target.mount.bucket, target.key))
        if body is None:
            raise NotFound("There is no such object.")
        return body


def etag_of(body: bytes) -> str:
    """The ETag of a file."""
    return f'"{hashlib.md5(body).hexdigest()}"'
