"""Mounts: which bucket and key a granted path stands for, and by what name clients reach that bucket."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from chalicelib.core.access.rules import Grant
from chalicelib.core.web.paths import check_key_length
from chalicelib.core.web.problems import BadPath, NotFound

from .credentials import Credentials

# How the regions of a partition begin, its name in ARNs, and what its endpoints end in: botocore's partitions.json.
_PARTITIONS = (
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov"),
)


def partition(region: str) -> tuple[str, str]:
    """Return the name of a region's AWS partition, as in ARNs, and what its endpoints end in."""
    found = (rest for start, *rest in _PARTITIONS if region.startswith(start))
    name, suffix = next(found, ("aws", "amazonaws.com"))
    return name, suffix


class BucketUrl(NamedTuple):
    """Where clients reach a bucket: scheme and host, the host alone, and the path before each key's slash."""

    origin: str
    host: str
    base: str


def bucket_url(bucket: str, region: str, endpoint: str | None) -> BucketUrl:
    """Name a bucket as AWS does, or below `endpoint` in path style (S3 User Guide, "Virtual hosting of buckets")."""
    if endpoint is not None:
        return BucketUrl(endpoint, urlsplit(endpoint).netloc, f"/{bucket}")
    _, suffix = partition(region)
    host = f"s3.{region}.{suffix}"
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket):  # one DNS label; others go by path (FACTS 4.4)
        return BucketUrl(f"https://{bucket}.{host}", f"{bucket}.{host}", "")
    return BucketUrl(f"https://{host}", host, f"/{bucket}")


class Mount(NamedTuple):
    """One `[[mounts]]` table of the settings.

    Attributes:
        path: the URL prefix without a trailing slash; empty for all paths.
        bucket, prefix, region: where its keys are; the prefix goes before the key.
        endpoint: where the service itself reaches S3; None for AWS.
        address: where clients do.
        url_seconds: the life of a presigned URL.
        stable_seconds: the window within which the same request gives the same URL; 0 for none.
        cache_seconds: how long a client may keep a redirect; 0 for not at all.
        credentials: the store's own; None for those of the service.
        kms_key: the ARN of the customer's key that S3 encrypts the bucket with; None for S3's own keys.
    """

    path: str
    bucket: str
    prefix: str
    region: str
    endpoint: str | None
    address: BucketUrl
    url_seconds: int
    stable_seconds: int
    cache_seconds: int
    credentials: Credentials | None = None
    kms_key: str | None = None


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
        inside = {self._by_path[one.removesuffix("/")].address.origin for one in self.below(path)}
        return inside | ({own.mount.address.origin} if own else set())

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
