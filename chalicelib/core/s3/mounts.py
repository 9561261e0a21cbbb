"""Mounts: the bucket and the key of a granted path."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from chalicelib.core.access.rules import Grant, Rule
from chalicelib.core.web.paths import Path, check_key_length, file_in
from chalicelib.core.web.problems.base import BadPath, NotFound

from .stores import ALIAS_ENDING, BucketUrl, Cdn, Credentials, Variant, access_point_of, partition


class Mount(NamedTuple):
    """One `[[mounts]]` table of the settings.

    Attributes:
        path: the URL prefix without a trailing slash; empty for all paths.
        bucket, region: where the keys are; `bucket` is a name, or the ARN or the alias of an access point.
        prefix: the beginning of every key of the mount; the rest of the path follows.
        endpoint: where the service itself reaches the store; None for AWS.
        bucket_url: where clients reach the bucket.
        url_seconds: how many seconds a presigned URL is good for.
        stable_seconds: the window within which equal requests get equal URLs; 0 for no window.
        cache_seconds: how many seconds a client may cache a redirect; 0 for no caching.
        credentials: the credentials for this store; None for the credentials of the service.
        kms_key: the ARN of the customer's key that S3 encrypts the bucket with; None for S3's own keys.
        variant: the variant of the endpoints of AWS.
        addressing: how an endpoint names the bucket: in the path, or as a `virtual` host.
        role: the ARN of the role from which STS makes AWS keys for SDKs; None for the session of the service on AWS.
        requester_pays: whether the service's account pays S3 for each request and download, not the bucket's owner.
        media_seconds: how many seconds a presigned URL is good for where a browser plays the file; None for the usual
            life.
        cdn: the distribution from which clients read; None where clients read from the bucket.
        inline: the endings of the playlists that the service answers with their bytes, of `PLAYLIST_TYPES`.
        index_file: the name of the file that stands for its directory; empty where a directory is its listing.
        lfs: whether the mount answers git-lfs.
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
    variant: Variant = Variant()
    addressing: str = "path"
    requester_pays: bool = False
    media_seconds: int | None = None
    cdn: Cdn | None = None
    inline: tuple[str, ...] = ()
    index_file: str = ""
    lfs: bool = False
    role: str | None = None

    def signed_at(self, now: float) -> int:
        """Return the signing time of a URL: now, rounded down to the start of a window of `stable_seconds`.

        The time is never rounded up. So the URL is the same, byte for byte, throughout the window (FACTS 4.8).
        """
        return int(now) - int(now) % self.stable_seconds if self.stable_seconds else int(now)

    @property
    def on_aws(self) -> bool:
        """Whether the store is AWS: a bucket there has an ARN, a partition and IAM permissions."""
        return self.endpoint is None

    @property
    def store(self) -> str:
        """Name the store within which a bucket's name is unique: a partition of AWS, or another endpoint."""
        return self.endpoint or partition(self.region)[0]

    @property
    def gives_aws_keys(self) -> bool:
        """Whether STS can make AWS keys for the mount: from a role, or from the session of the service on AWS.

        No policy can name the alias of an access point (S3 User Guide, "Access point aliases").
        """
        has_source = bool(self.role) or (self.on_aws and self.credentials is None)
        return has_source and not self.bucket.endswith(ALIAS_ENDING)

    @property
    def is_access_point(self) -> bool:
        """Whether `bucket` names an access point in place of a bucket."""
        return self.on_aws and (self.bucket.endswith(ALIAS_ENDING) or access_point_of(self.bucket) is not None)

    def may_share_bucket(self, other: "Mount") -> bool:
        """Whether the keys of another mount can be in the same bucket: nothing tells the bucket of an access point."""
        return self.bucket == other.bucket or self.is_access_point or other.is_access_point

    @property
    def arn(self) -> str:
        """The ARN of the bucket or the access point, as IAM policies name it.

        Policies take no alias (S3 User Guide, "Access point aliases"). An alias starts with a part of the name.
        """
        if self.bucket.startswith("arn:"):
            return self.bucket
        aws, _ = partition(self.region)
        if self.is_access_point:
            name = self.bucket.removesuffix(ALIAS_ENDING).removesuffix("-ext").rpartition("-")[0]
            return f"arn:{aws}:s3:{self.region}:*:accesspoint/{name}*"
        return f"arn:{aws}:s3:::{self.bucket}"

    @property
    def objects_arn(self) -> str:
        """The beginning of the ARNs of the objects, before the key."""
        return f"{self.arn}/object/" if self.is_access_point else f"{self.arn}/"

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins where clients read and write the files."""
        return (self.bucket_url.origin, *((self.cdn.origin,) if self.cdn else ()))


PLAYLIST_TYPES: Final = {".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml"}
"""The media types of the files that a mount may serve inline, by their endings. No browser runs them (FACTS 3.8).

Sources: RFC 8216 §10, ISO/IEC 23009-1 Annex C.
"""

PLAYLIST_ENDINGS: Final = tuple(PLAYLIST_TYPES)


class Target(NamedTuple):
    """A bucket and key that a Grant opens. Only Mounts make a Target, and only a Target can be signed."""

    mount: Mount
    key: str

    def lasting(self, rule: Rule) -> "Target":
        """Return the target with the life that a rule gives to its URLs: of the rule, else of the mount."""
        if rule.url_seconds is None:
            return self
        return self._replace(mount=self.mount._replace(url_seconds=rule.url_seconds, media_seconds=None))


DERIVED: Final = "-/derived/"
"""The place of the files that the service makes, below the prefix of each mount. `.chalice/resources.json` lets the
files expire."""


def derived_places(mount: Mount, mounts: Iterable[Mount]) -> tuple[str, ...]:
    """Return the beginnings of the keys of the service's own files that can be in the bucket of a mount.

    Args:
        mount: one of the mounts.
        mounts: all mounts of the service.
    """
    return tuple(other.prefix + DERIVED for other in mounts if mount.may_share_bucket(other))


class Mounts:
    """The mounts of a service. Of the mounts that match the first segments of a path, the longest wins."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self._by_path = {mount.path: mount for mount in mounts}

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
        return target.lasting(grant.rule)

    def derived(self, grant: Grant, name: str) -> Target:
        """Return the target of a file that the service makes for a request.

        No path leads to such a file. A client that could write there could show others any image.

        Args:
            grant: the grant of the request; its mount holds the file, and for a path without a mount the first mount.
            name: letters and digits.
        """
        granted = self._target(grant.path)
        mount = granted.mount if granted else next(iter(self._by_path.values()))
        return Target(mount, f"{mount.prefix}{DERIVED}{name}").lasting(grant.rule)

    def may_hold_derived(self, target: Target) -> bool:
        """Whether a key that begins with this target's key can belong to the service."""
        places = derived_places(target.mount, self._by_path.values())
        return any(place.startswith(target.key) for place in places)

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
        return target.lasting(grant.rule) if target else None

    def index_of(self, directory: Path) -> Path | None:
        """Return the path of the file that stands for a directory; None where the directory is its listing."""
        target = self._target(directory)
        return file_in(directory, target.mount.index_file) if target and target.mount.index_file else None

    def url_seconds(self, grant: Grant) -> int:
        """Return the life of the URLs of a granted path, in seconds; 0 where no mount has the path."""
        target = self._target(grant.path)
        return target.lasting(grant.rule).mount.url_seconds if target else 0

    def answer_git_lfs(self, path: str) -> bool:
        """Whether the mount of a path answers git-lfs."""
        target = self._target(path)
        return target is not None and target.mount.lfs

    def below(self, path: str) -> list[str]:
        """Return the paths of the mounts inside a directory, sorted, each with a slash at its end."""
        directories = (f"{mount_path}/" for mount_path in self._by_path)
        return sorted(directory for directory in directories if directory.startswith(path) and directory != path)

    def origins(self, path: str) -> set[str]:
        """Return the origins of the buckets that hold the files of a directory, and of their CDNs."""
        mounts = [self._by_path[directory.removesuffix("/")] for directory in self.below(path)]
        target = self._target(path)
        if target is not None:
            mounts.append(target.mount)
        return {origin for mount in mounts for origin in mount.origins}

    def _check_not_derived(self, target: Target) -> None:
        if DERIVED in target.key and target.key.startswith(derived_places(target.mount, self._by_path.values())):
            raise NotFound("Keys below -/derived/ belong to the service. Use another path.")

    def _target(self, path: str) -> Target | None:
        end = len(path)
        while path[:end] not in self._by_path:
            end = path.rfind("/", 0, end)
            if end < 0:
                return None
        mount = self._by_path[path[:end]]
        return Target(mount, mount.prefix + path[end + 1 :])
