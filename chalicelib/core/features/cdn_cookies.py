"""CDN cookies: a browser with a session reads all files of a mount at the mount's CDN, by signed cookies."""

from functools import lru_cache
from typing import Final
from urllib.parse import quote

from chalicelib.core import replies
from chalicelib.core.access.authorization import Caller
from chalicelib.core.access.principals import Principal
from chalicelib.core.access.rules import Grant, RuleSet
from chalicelib.core.access.sessions import Sessions
from chalicelib.core.s3 import cdn, passthrough
from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.web.message import Reply, Request
from chalicelib.core.web.paths import decode

# Fetch Standard §3.2: with these modes a browser sends cookies after a redirect to another host of the same site. A
# script that fetches a file would send none.
_MODES: Final = ("navigate", "no-cors")
_MAX_REMEMBERED: Final = 1_024


class CdnCookies:
    """Redirects a browser to the plain URL of a file at a CDN, with the signed cookies that open the whole mount.

    So the relative links of a page work at the CDN. The cookies open each path, so nobody gets cookies but a principal
    to whom one rule gives `read` of everything below the mount. No mount inside may hide a file.

    Args:
        rules: decide about everything below a mount.
        mounts: the mounts.
        sessions: read the session of a request.
        signer: signs the cookies.
    """

    def __init__(self, *, rules: RuleSet, mounts: Mounts, sessions: Sessions, signer: cdn.CdnSigner) -> None:
        self._rules = rules
        self._mounts = mounts
        self._sessions = sessions
        self._signer = signer
        self._opens_all = lru_cache(_MAX_REMEMBERED)(self._may_read_all)

    def answer(self, request: Request, target: Target, grant: Grant, now: float) -> Reply | None:
        """Return the redirect with new cookies; None where the caller gets a signed URL.

        Raises:
            BadParameter, BadHeader: a parameter or a header cannot be passed on to S3.
            Unavailable: the private key cannot be fetched.
        """
        mount = target.mount
        if not (mount.cdn and mount.cdn.cookie_domain and self._is_plain_read(request, grant)):
            return None
        ends_at = self._end_of_session(request, grant, now)
        if ends_at is None or not self._opens_all(mount.path, grant.principal.id, grant.principal.tags):
            return None
        cookies = self._signer.cookies(mount, now=now, ends_at=ends_at, deadline=request.deadline)
        headers = {"Location": cdn.url_of(target), "Cache-Control": replies.NO_STORE}
        return Reply(307, headers, cookies=cookies)

    def _is_plain_read(self, request: Request, grant: Grant) -> bool:
        """Whether a browser reads a file as it is: neither with parameters or headers for S3, nor for a script."""
        browser = request.method == "GET" and request.headers.get("sec-fetch-mode") in _MODES
        plain = browser and "presign" not in request.query
        return plain and not passthrough.query(request, grant.path) and not passthrough.headers(request, grant)

    def _end_of_session(self, request: Request, grant: Grant, now: float) -> int | None:
        """Return the end of the session that made the request; None where another kind of credentials made it."""
        if grant.link or "authorization" in request.headers:
            return None
        session = self._sessions.read(request, now)
        return grant.principal.ends_at if session and session.principal == grant.principal else None

    def _may_read_all(self, mount_path: str, principal_id: str, tags: tuple[str, ...]) -> bool:
        """Whether one rule gives a principal all files of a mount. The answer never changes, so it is remembered."""
        directory = decode(quote(f"{mount_path}/"))
        if self._mounts.below(directory):
            return False
        grant = self._rules.grant_for(Caller(Principal(principal_id, tags), "read"), "read", directory)
        return grant is not None and self._rules.covers(grant)
