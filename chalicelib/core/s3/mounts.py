"""Mounts: the bucket and the key of a granted path."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from chalicelib.core.access.rules import Grant
from chalicelib.core.web.paths import check_key_length
from chalicelib.core.web.problems.base import BadPath, NotFound

from .stores import BucketUrl, Credentials, partition


class Mount(NamedTuple):
    """One `[[mounts]]` table of the settings.

    Attributes:
        path: the URL prefix without a trailing slash; empty for all paths.
        bucket, region: where the keys are.
        prefix: the beginning of every key of the mount; the rest of the path follows.
        endpoint: where the service itself reaches the store; None for AWS.
        bucket_url: where clients reach the bucket.
        url_seconds: how many seconds a presigned URL is good for.
        stable_seconds: the window within which equal requests get equal URLs; 0 for no window.
        cache_seconds: how many seconds a client may cache a redirect; 0 for no caching.
        credentials: the credentials for this store; None for the credentials of the service.
        kms_key: the ARN of the customer's key that S3 encrypts the bucket with; None for S3's own keys.
    """

    path: str
    bucket: str
    prefix: str
    region: str
    endpoint: str | None
    bucket_url: BucketUrl
    url_seconds: int
    stable_seconds: int
    cache_seconds: int
    credentials: Credentials | None = None
    kms_key: str | None = None

    @property
    def on_aws(self) -> bool:
        """Whether the store is AWS: a bucket there has an ARN, a partition and IAM permissions."""
        return self.endpoint is None

    @property
    def store(self) -> str:
        """Name the store within which a bucket's name is unique: a partition of AWS, or another endpoint."""
        return self.endpoint or partition(self.region)[0]


class Target(NamedTuple):
    """A bucket and key that a Grant opens. Only Mounts make a Target, and only a Target can be signed."""

    mount: Mount
    key: str


DERIVED: Final = "-/derived/"
"""The place of the files that the service makes, below the prefix of each mount. `.chalice/resources.json` lets the
files expire."""


class Mounts:
    """The mounts of a service. Of the mounts that match the first segments of a path, the longest wins."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self._by_path = {mount.path: mount for mount in mounts}
        self._derived = {(mount.bucket, mount.prefix + DERIVED) for mount in self._by_path.values()}

    def resolve(self, grant: Grant) -> Target:
        """Return the object that a granted path stands for.

        Raises:
            NotFound: no mount has this path, or the key belongs to the service.
            BadPath: the path is a whole mount, which has no key, or the key would start with a slash.
            KeyTooLong: the prefix of the mount and the rest of the path are too long together.
        """
        target = self._target(grant.path)
        if target is None:
            raise NotFound("No bucket is mounted here. Check the beginning of the path.")
        if len(target.key) == len(target.mount.prefix):
            raise BadPath("This path is a whole mount, not a file. Add the file's name to it.")
        if target.key.startswith("/"):
            raise BadPath("The key starts with a slash. Leave that slash out.")
        check_key_length(target.key)
        self._check_not_derived(target)
        return target

    def derived(self, grant: Grant, name: str) -> Target:
        """Return the target of a file that the service makes for a request.

        No path leads to such a file. A client that could write there could show others any image.

        Args:
            grant: the grant of the request; its mount holds the file, and for a path without a mount the first mount.
            name: letters and digits.
        """
        granted = self._target(grant.path)
        mount = granted.mount if granted else next(iter(self._by_path.values()))
        return Target(mount, f"{mount.prefix}{DERIVED}{name}")

    def may_hold_derived(self, target: Target) -> bool:
        """Whether a key that begins with this target's key can belong to the service."""
        return any(bucket == target.mount.bucket and place.startswith(target.key) for bucket, place in self._derived)

    def directory(self, grant: Grant, path: str) -> Target | None:
        """Return the prefix of the keys below a directory, None where no mount has the directory.

        Args:
            grant: a grant to list this directory, or a directory above.
            path: the path of the directory, with a slash at its end.

        Raises:
            NotFound: the directory belongs to the service.
        """
        target = self._target(path) if path.startswith(grant.path) else None
        if target is not None:
            self._check_not_derived(target)
        return target

    def url_seconds(self, path: str) -> int:
        """Return the life of the URLs of a path, in seconds; 0 where no mount has the path."""
        target = self._target(path)
        return target.mount.url_seconds if target else 0

    def below(self, path: str) -> list[str]:
        """Return the paths of the mounts inside a directory, sorted, each with a slash at its end."""
        directories = (f"{mount_path}/" for mount_path in self._by_path)
        return sorted(directory for directory in directories if directory.startswith(path) and directory != path)

    def origins(self, path: str) -> set[str]:
        """Return the origins of the buckets that hold the files of a directory."""
        mounts = [self._by_path[directory.removesuffix("/")] for directory in self.below(path)]
        target = self._target(path)
        if target is not None:
            mounts.append(target.mount)
        return {mount.bucket_url.origin for mount in mounts}

    def _check_not_derived(self, target: Target) -> None:
        if DERIVED not in target.key:
            return
        if any(bucket == target.mount.bucket and target.key.startswith(place) for bucket, place in self._derived):
            raise NotFound("Keys below -/derived/ belong to the service. Use another path.")

    def _target(self, path: str) -> Target | None:
        end = len(path)
        while path[:end] not in self._by_path:
            end = path.rfind("/", 0, end)
            if end < 0:
                return None
        mount = self._by_path[path[:end]]
        return Target(mount, mount.prefix + path[end + 1 :])
