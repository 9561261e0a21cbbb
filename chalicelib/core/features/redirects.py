"""Redirects: a GET, HEAD or DELETE of a file becomes a presigned URL of its key."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chalicelib.core import replies
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.s3 import passthrough
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.s3.presign import Presigner, SignedUrl
from chalicelib.core.web.access_log import AccessLogEntry
from chalicelib.core.web.message import Reply, Request

if TYPE_CHECKING:
    from chalicelib.core.ports import ObjectStore

_MIN_URL_SECONDS: Final = 60  # the life of a presigned URL that is left when a cache gives away the redirect


class Redirects:
    """Answers with presigned URLs; no network call is made.

    HEAD is answered inline where `objects` is given and the entry point passes on a `Content-Length`. (Another entry
    point would show a length of 0, and every file would look empty.) Else HEAD is redirected.

    Args:
        rules: tell whether a shared cache may keep a redirect.
        mounts: the buckets.
        presigner: signs the URLs.
        objects: factory of the store that answers HEAD inline; None where every HEAD is redirected.
    """

    def __init__(
        self, *, rules: RuleSet, mounts: Mounts, presigner: Presigner, objects: "Callable[[], ObjectStore] | None"
    ) -> None:
        self._rules = rules
        self._mounts = mounts
        self._presigner = presigner
        self._objects = objects

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with a redirect to the key of the granted path, or with its URL as JSON for `?presign`.

        Raises:
            NotFound, BadPath, KeyTooLong: no key has this path.
            BadParameter, BadHeader, NotOffered: a parameter or a header cannot be passed on to S3.
            Unavailable: the service has no valid credentials.
        """
        old_version = "versionId" in request.query
        return self.to(self._mounts.resolve(grant), request, grant, now, log_entry, old_version=old_version)

    def to(
        self,
        target: Target,
        request: Request,
        grant: Grant,
        now: float,
        log_entry: AccessLogEntry,
        *,
        old_version: bool,
    ) -> Reply:
        """Answer a request for the key of a target.

        Args:
            target: the key.
            request: the request, whose query is for this key.
            grant: the grant of the request.
            now: Unix time in seconds.
            log_entry: receives the bucket and the key.
            old_version: whether the answer shows an old version, or an image of an old version.

        Raises:
            BadParameter, BadHeader, NotOffered: a parameter or a header cannot be passed on to S3.
            Unavailable: the service has no valid credentials.
        """
        log_entry.bucket, log_entry.key = target.mount.bucket, target.key
        headers = passthrough.headers(request, grant)
        query = passthrough.query(request, grant.path)
        if request.method == "HEAD" and self._objects and request.length_arrives and "presign" not in request.query:
            metadata = self._objects().head(target, query, request.headers, request.deadline)
            return Reply(metadata.status, {**metadata.headers, "Cache-Control": replies.NO_STORE})
        signed = self._presigner.url(
            request.method, target, grant=grant, query=query, headers=headers, now=now, deadline=request.deadline
        )
        log_entry.mark = signed.mark
        seconds = min(target.mount.cache_seconds, int(signed.expires_at - now) - _MIN_URL_SECONDS)
        return replies.signed_url(request, signed, self._cache_control(seconds, signed, grant, old_version=old_version))

    def _cache_control(self, seconds: int, signed: SignedUrl, grant: Grant, *, old_version: bool) -> str:
        """Return how long a client may keep a redirect: never longer than the URL is valid.

        A cache must not keep a redirect to a URL with signed headers, because `Vary` does not list these headers. A
        cache must not keep the redirect of a link, because a cache does not count uses. A shared cache may keep the
        redirect only where anyone may read the file. Nobody but a caller with the right `versions` may read an old
        version, so no shared cache may keep such a redirect.
        """
        if grant.action != "read" or signed.method != "GET" or signed.headers or grant.link or seconds <= 0:
            return replies.NO_STORE
        return replies.cache_control(seconds, shared=not old_version and self._rules.open_to_anyone(grant))
