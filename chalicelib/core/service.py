"""The pipeline: request, principal, grant, target, signed URL, reply. The only caller of the ports."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from . import forwarded, paths, replies, uploads
from .cors import Cors
from .message import Reply, Request
from .mounts import Mounts, Target
from .paths import Path
from .presign import SignedUrl, presign
from .principals import Authenticator, identify
from .problems import MethodNotAllowed, NotFound, NotOffered
from .rules import Grant, RuleSet
from .trace import Trace

if TYPE_CHECKING:
    from .ports import CredentialSource, ObjectStore

METHODS: Final = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")

_CACHE_MARGIN = 60  # seconds that a cached redirect must leave for its URL to be followed

# S3's multipart calls. Ignored as unknown parameters they would make a part replace the whole object, or delete it.
_MULTIPART = frozenset({"uploads", "uploadId", "partNumber"})


class Service:
    """Answers requests. It holds no state of its own, so one serves any number of them.

    Args:
        authenticators: tried in order.
        rules: what they may do.
        mounts: where the paths lead.
        cors: which other sites' pages may call.
        credentials: what URLs are signed with, where a mount has none of its own.
        objects: asked where HEAD is answered inline; None redirects HEAD like the rest.
    """

    def __init__(
        self,
        *,
        authenticators: Sequence[Authenticator],
        rules: RuleSet,
        mounts: Mounts,
        cors: Cors,
        credentials: "CredentialSource",
        objects: "ObjectStore | None",
    ) -> None:
        self._authenticators = authenticators
        self._rules = rules
        self._mounts = mounts
        self._cors = cors
        self._credentials = credentials
        self._objects = objects

    def answer(self, request: Request, now: float, trace: Trace) -> Reply:
        """Answer one request.

        Args:
            request: what is asked.
            now: Unix time in seconds.
            trace: told what was found on the way, for the log.

        Raises:
            Problem: the request is refused.
        """
        if request.method not in METHODS:
            raise MethodNotAllowed(request.method, METHODS)
        preflight = self._cors.preflight(request)
        if preflight is not None:
            return preflight
        grant = self._authorize(request, trace)
        if request.method == "OPTIONS":
            return Reply(204, {"Allow": ", ".join(METHODS), "Cache-Control": replies.NO_STORE})
        _check_offered(request, grant)
        target = self._mounts.resolve(grant)
        trace.bucket, trace.key = target.mount.bucket, target.key
        if request.method == "HEAD" and self._objects is not None and "presign" not in request.query:
            return self._head(request, grant, target, self._objects)
        signed = self._presign(request, grant, target, now)
        if "presign" in request.query:
            return replies.description(signed)
        return replies.redirect(signed, self._cache_control(request, grant, target, signed, now))

    def _authorize(self, request: Request, trace: Trace) -> Grant:
        """Check the request; every method, HEAD and OPTIONS too, comes through here."""
        path = trace.path = paths.decode(request.raw_path)
        if path.startswith("/-/"):
            raise NotFound("Paths below /-/ belong to the service, and it has nothing at this one.")
        principal = identify(request, self._authenticators)
        trace.principal = principal.name
        trace.action = action_of(request.method, path)
        grant = self._rules.authorize(principal, trace.action, path)
        trace.rule = grant.rule.number
        return grant

    def _presign(self, request: Request, grant: Grant, target: Target, now: float) -> SignedUrl:
        promised = uploads.promises(request, grant.rule) if grant.action == "write" else {}
        return presign(
            target,
            request.method,
            query=forwarded.query(request, grant.path),
            headers={**forwarded.headers(request), **promised},
            credentials=target.mount.credentials or self._credentials.current(),
            now=now,
        )

    def _head(self, request: Request, grant: Grant, target: Target, objects: "ObjectStore") -> Reply:
        forwarded.headers(request)  # refuses what a redirect would
        found = objects.head(target, forwarded.query(request, grant.path), request.headers)
        return Reply(found.status, {**found.headers, "Cache-Control": replies.NO_STORE})

    def _cache_control(self, request: Request, grant: Grant, target: Target, signed: SignedUrl, now: float) -> str:
        """How long a client may keep a redirect: not past its URL's end, and shared only where anyone may read it.

        One that was signed with headers is not kept: `Vary` does not name them, so others would be sent there too.
        """
        left = int(signed.expires_at - now) - _CACHE_MARGIN
        seconds = min(target.mount.cache_seconds, left)
        if request.method != "GET" or signed.headers or seconds <= 0:
            return replies.NO_STORE
        scope = "public" if self._rules.open_to_anyone(grant) else "private"
        return f"{scope}, max-age={seconds}"


def action_of(method: str, path: Path) -> str:
    """Name what a method does at a path; OPTIONS asks for what GET would, so that it never says more."""
    if method == "PUT":
        return "write"
    if method == "DELETE":
        return "delete"
    return "list" if path.endswith("/") else "read"


def _check_offered(request: Request, grant: Grant) -> None:
    """Refuse what is allowed and cannot be done, rather than do something else instead."""
    if grant.action == "list":
        raise NotOffered("Directories are not listed by this version. Ask for a file in it by name.")
    if _MULTIPART & request.query.keys():
        raise NotOffered("Multipart uploads are not offered by this version. Upload the file in one PUT, up to 5 GB.")
