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

    from .cdn_cookies import CdnCookies

_MIN_URL_SECONDS: Final = 60  # the life of a presigned URL that is left when a cache gives away the redirect

_DESTINATION: Final = "Sec-Fetch-Dest"
"""Tells for what a browser asks. No script can set this header (Fetch Metadata Request Headers §2.1)."""

_PLAYERS: Final = ("audio", "video")


class Redirects:
    """Answers with presigned URLs; no network call is made.

    HEAD is answered inline where `objects` is given and the entry point passes on a `Content-Length`. (Another entry
    point would show a length of 0, and every file would look empty.) Else HEAD is redirected.

    Args:
        rules: tell whether a shared cache may keep a redirect.
        mounts: the buckets.
        presigner: signs the URLs.
        objects: factory of the store that answers HEAD inline; None where every HEAD is redirected.
        cdn_cookies: gives sessions the cookies of a CDN; None where no mount has cookies.
    """

    def __init__(
        self,
        *,
        rules: RuleSet,
        mounts: Mounts,
        presigner: Presigner,
        objects: "Callable[[], ObjectStore] | None",
        cdn_cookies: "CdnCookies | None",
    ) -> None:
        self._rules = rules
        self._mounts = mounts
        self._presigner = presigner
        self._objects = objects
        self._cdn_cookies = cdn_cookies

    def answer(self, request: Request, grant: Grant, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer with a redirect to the key of the granted path, or with its URL as JSON for `?presign`.

        Raises:
            NotFound, BadPath, KeyTooLong: no key has this path.
            BadParameter, BadHeader, NotOffered: a parameter or a header cannot be passed on to S3.
            Unavailable: the service has no valid credentials.
        """
        target = self._mounts.resolve(grant)
        if target.mount.media_seconds and _plays(request, grant):
            target = _for_player(target, target.mount.media_seconds, grant, now)
        elif self._cdn_cookies and (reply := self._cdn_cookies.answer(request, target, grant, now)):
            log_entry.bucket, log_entry.key = target.mount.bucket, target.key
            return reply
        old_version = "versionId" in request.query
        return self.to(target, request, grant, now, log_entry, old_version=old_version)

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
        if "view" in request.query:
            seconds = 0  # a cache would give the redirect to a browser, which gets a page at this URL
        cache_control = self._cache_control(seconds, signed, grant, old_version=old_version)
        reply = replies.signed_url(request, signed, cache_control)
        if target.mount.media_seconds and cache_control != replies.NO_STORE:
            reply = reply.with_headers({**reply.headers, "Vary": _DESTINATION})
        return reply

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


def _plays(request: Request, grant: Grant) -> bool:
    """Whether a browser gets a file for a player, which asks the same URL for the next part until the film ends.

    A program can send the header too. So the URL of a link with a number of uses, whose holder can share the URL, has
    the usual life.
    """
    is_counted = grant.link is not None and grant.link.uses
    return request.method == "GET" and not is_counted and request.headers.get(_DESTINATION.lower()) in _PLAYERS


def _for_player(target: Target, media_seconds: int, grant: Grant, now: float) -> Target:
    """Return the target with a URL that lasts while a film plays, but no longer than what the caller shows.

    The usual life is the least: a player gets no shorter URL than a download.
    """
    mount, seconds = target.mount, media_seconds
    if grant.ends_at is not None:
        seconds = max(mount.url_seconds, min(seconds, grant.ends_at - mount.signed_at(now)))
    return target._replace(mount=mount._replace(url_seconds=seconds))
