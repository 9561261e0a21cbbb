"""Mounts: which bucket and key a granted path stands for, and by what name clients reach that bucket."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from chalicelib.core.access.rules import Grant
from chalicelib.core.web.paths import check_key_length
from chalicelib.core.web.problems import BadPath, NotFound

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
    """A bucket and key that a Grant opened. Only Mounts make one, and only a Target can be signed."""

    mount: Mount
    key: str


DERIVED: Final = "-/derived/"
"""Below each mount's prefix, what the service makes itself; `.chalice/resources.json` lets it expire."""


class Mounts:
    """The mounts of a service; the longest that matches a path by whole segments wins."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self._by_path = {mount.path: mount for mount in mounts}
        self._derived = {(mount.bucket, mount.prefix + DERIVED) for mount in self._by_path.values()}

    def resolve(self, grant: Grant) -> Target:
        """Return the object that a granted path stands for.

        Raises:
            NotFound: no mount has this path, or the key is the service's own.
            BadPath: the path is the mount itself, so there is no key, or the key would start with a slash.
            KeyTooLong: too long with the mount's prefix before it.
        """
        target = self._target(grant.path)
        if target is None:
            raise NotFound("No bucket is mounted here. Check the beginning of the path.")
        if len(target.key) == len(target.mount.prefix):
            raise BadPath("This path is a whole mount, not a file. Add the file's name to it.")
        if target.key.startswith("/"):
            raise BadPath("The key starts with a slash. Leave one out.")
        check_key_length(target.key)
        self._check_not_derived(target)
        return target

    def derived(self, grant: Grant, name: str) -> Target:
        """Return where something is kept that was made of what is at a granted path, or for whoever has that grant.

        No path leads there: whoever could write there could show others what they like.

        Args:
            grant: whose mount it is; for a path that no mount has, the first one.
            name: of letters and digits.
        """
        own = self._target(grant.path)
        mount = own.mount if own else next(iter(self._by_path.values()))
        return Target(mount, f"{mount.prefix}{DERIVED}{name}")

    def may_hold_derived(self, target: Target) -> bool:
        """Whether keys that begin like this one can be the service's own."""
        return any(bucket == target.mount.bucket and start.startswith(target.key) for bucket, start in self._derived)

    def directory(self, grant: Grant, path: str) -> Target | None:
        """Return the prefix of the keys below a directory, None where no mount has it.

        Args:
            grant: to list this directory, or one that it is in.
            path: the directory's, with a slash at its end.

        Raises:
            NotFound: it is the service's own.
        """
        target = self._target(path) if path.startswith(grant.path) else None
        if target is not None:
            self._check_not_derived(target)
        return target

    def below(self, path: str) -> list[str]:
        """Return the paths of the mounts that are inside a directory, each with a slash at its end, in their order."""
        inside = (f"{mounted}/" for mounted in self._by_path)
        return sorted(one for one in inside if one.startswith(path) and one != path)

    def origins(self, path: str) -> set[str]:
        """Return where clients reach the buckets that hold what is in a directory."""
        own = self._target(path)
        inside = {self._by_path[one.removesuffix("/")].bucket_url.origin for one in self.below(path)}
        return inside | ({own.mount.bucket_url.origin} if own else set())

    def _check_not_derived(self, target: Target) -> None:
        if DERIVED not in target.key:
            return
        if any(bucket == target.mount.bucket and target.key.startswith(start) for bucket, start in self._derived):
            raise NotFound("Keys below -/derived/ belong to the service. Use another path.")

    def _target(self, path: str) -> Target | None:
        start = len(path)
        while path[:start] not in self._by_path:
            start = path.rfind("/", 0, start)
            if start < 0:
                return None
        mount = self._by_path[path[:start]]
        return Target(mount, mount.prefix + path[start + 1 :])
