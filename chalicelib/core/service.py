"""The pipeline: request, principal, grant, target, signed URL, reply. The only caller of the ports."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from . import replies
from .access.actions import METHODS, action_of, revokes
from .access.link_tokens import LinkTokens, check_not_expired
from .access.principals import ApiKeys, Authenticator, UrlKeys, identify
from .access.rules import Grant, RuleSet
from .link_uses import LinkUses
from .s3 import passthrough, upload_limits
from .s3.mounts import Mounts, Target
from .s3.presign import SignedUrl, presign, sign_form
from .web import image_parameters, paths
from .web.access_log import AccessLogEntry
from .web.cors import Cors
from .web.message import Reply, Request
from .web.multipart_parameters import step_of
from .web.paths import IMAGE_ENDPOINTS, RESIZE, SERVICE_PATHS, Path
from .web.problems import LinkInvalid, MethodNotAllowed, NotFound, NotOffered, PreconditionFailed
from .web.times import rfc3339

if TYPE_CHECKING:
    from .features.directories import Browsing
    from .features.image_endpoints import Rendering
    from .features.links import Sharing
    from .features.resize_links import ResizeLinks
    from .features.sign_in import OwnPages
    from .features.stored_images import Derivatives
    from .ports import CredentialSource, ObjectStore

_FETCHED_SECONDS = 3_600  # how long a browser keeps an image of another site, where it may change
_CACHE_MARGIN = 60  # seconds that a cached redirect must leave for its URL to be followed


class Service:
    """Answers requests. It holds no state of its own, so one serves any number of them.

    What a redirect does without is made by the first request that needs it: most containers only redirect.

    Args:
        keys: whose links they are.
        authenticators: tried in order where no link came.
        rules: what they may do.
        mounts: where the paths lead.
        cors: which other sites' pages may call.
        credentials: what URLs are signed with, where a mount has none of its own.
        objects: returns what is asked where HEAD is answered inline; None redirects HEAD like the rest. An entry point
            that hides the length redirects HEAD in any case: with length 0 every file would look empty.
        links: reads tokens.
        sharing: returns what makes links and revokes them.
        uses: takes those of links that have a number of them.
        browsing: returns what answers for directories.
        derivatives: returns what makes smaller images of stored ones.
        rendering: returns what answers with images.
        resize_links: factory of the links to `/-/resize`.
        own_pages: returns what answers below `/-/`.
    """

    def __init__(
        self,
        *,
        keys: ApiKeys,
        authenticators: Sequence[Authenticator],
        rules: RuleSet,
        mounts: Mounts,
        cors: Cors,
        credentials: "CredentialSource",
        objects: "Callable[[], ObjectStore] | None",
        links: LinkTokens,
        sharing: "Callable[[], Sharing]",
        uses: LinkUses,
        browsing: "Callable[[], Browsing]",
        derivatives: "Callable[[], Derivatives]",
        rendering: "Callable[[], Rendering]",
        resize_links: "Callable[[], ResizeLinks]",
        own_pages: "Callable[[], OwnPages]",
    ) -> None:
        self._keys = keys
        self._authenticators = authenticators
        self._image_authenticators: Sequence[Authenticator] = (UrlKeys(keys), *authenticators)
        self._rules = rules
        self._mounts = mounts
        self._cors = cors
        self._credentials = credentials
        self._objects = objects
        self._links = links
        self._sharing = sharing
        self._uses = uses
        self._browsing = browsing
        self._derivatives = derivatives
        self._rendering = rendering
        self._resize_links = resize_links
        self._own_pages = own_pages

    def answer(self, request: Request, now: float, trace: AccessLogEntry) -> Reply:
        """Answer one request.

        Args:
            request: what is asked.
            now: Unix time in seconds.
            trace: told what was found on the way, for the log.

        Raises:
            Problem: the request is refused.
        """
        if request.unsupported:
            raise NotOffered(request.unsupported)
        if request.method not in METHODS:
            raise MethodNotAllowed(request.method, METHODS)
        preflight = self._cors.preflight(request)
        if preflight is not None:
            return preflight
        path = trace.path = paths.decode(request.raw_path)
        if path.startswith(SERVICE_PATHS) and path not in IMAGE_ENDPOINTS:
            return self._own_pages().answer(request, path, now, trace)
        grant = self._authorize(request, path, now, trace)
        step = step_of(request.method, request.query)
        if step and grant.link and grant.link.uses:
            raise NotOffered("A link with a number of uses uploads a file in one PUT, of up to 5 GB.")
        try:
            reply = self._reply(request, grant, step, now, trace)
        except (NotFound, PreconditionFailed):
            if grant.link and grant.link.uses:
                self._uses.check(grant.link, request.deadline)  # whose link is used up is told that, not what there is
            raise
        # Last, so that nothing that fails takes a use: the URL that was signed is not given away before it is paid for.
        if grant.link and grant.link.uses:
            self._uses.take(request, grant, grant.link, now)
        return reply

    def _authorize(self, request: Request, path: Path, now: float, trace: AccessLogEntry) -> Grant:
        """Check the request; every method, HEAD and OPTIONS too, comes through here."""
        token = request.query.get("token")
        trace.action = action_of(request.method, path, request.query)
        if token is None or revokes(request.method, request.query):
            shows_image = trace.action == "read" and path in IMAGE_ENDPOINTS
            principal = identify(request, self._image_authenticators if shows_image else self._authenticators, now)
            trace.principal = principal.name
            grant = self._rules.authorize(principal, trace.action, path)
        else:
            if path == RESIZE:
                link = self._resize_links().read(request, path)
            else:
                link = self._links.read(token, path, request.deadline)
            trace.principal = f"link:{link.id}"
            check_not_expired(link, now)
            issuer = self._keys.issuer(link.issuer)
            if issuer is None:
                raise LinkInvalid()
            if link.action == "write" and trace.action == "list" and replies.wants_page(request):
                trace.action = "write"  # a person who may upload and not look gets a page for that
            grant = self._rules.authorize_link(link, issuer, trace.action, path)
        trace.rule = grant.rule.number
        if "versionId" in request.query and path not in IMAGE_ENDPOINTS:
            self._check_version(grant)
        return grant

    def _check_version(self, grant: Grant) -> None:
        """Raise where a caller may not reach the versions of a file, which no link opens."""
        if grant.link:
            raise LinkInvalid("A link opens the newest version of a file alone. Leave out ?versionId.")
        for action in ("purge",) if grant.action == "delete" else ("read", "versions"):
            self._rules.require(grant, action, grant.path)

    def _reply(self, request: Request, grant: Grant, step: str | None, now: float, trace: AccessLogEntry) -> Reply:
        if request.method == "OPTIONS":
            allowed = IMAGE_ENDPOINTS.get(grant.path, METHODS)
            return Reply(204, {"Allow": ", ".join(allowed), "Cache-Control": replies.NO_STORE})
        if grant.action == "share":
            return self._share(request, grant, now)
        if grant.path in IMAGE_ENDPOINTS:
            return self._render(request, grant, now, trace)
        if request.method == "POST" and step is None:
            return self._form(request, grant, now)
        if grant.action == "list":
            return self._browsing().answer(request, grant, now)
        if grant.action == "write" and step is None and request.method in ("GET", "HEAD"):
            return self._browsing().drop(request, grant)
        return self._redirect(request, grant, step, now, trace)

    def _redirect(self, request: Request, grant: Grant, step: str | None, now: float, trace: AccessLogEntry) -> Reply:
        asked, target = request, self._mounts.resolve(grant)
        if grant.action == "read" and image_parameters.is_asked(request.query):
            request, target = self._derive(request, grant, target, now)
        trace.bucket, trace.key = target.mount.bucket, target.key
        if request.method == "HEAD" and self._objects and request.length_arrives and "presign" not in request.query:
            return self._head(request, grant, target, self._objects())
        signed = self._presign(request, grant, target, step, now)
        if "presign" in request.query:
            return replies.description(signed)
        return replies.redirect(signed, self._cache_control(asked, grant, target, signed, now))

    def _derive(self, request: Request, grant: Grant, source: Target, now: float) -> tuple[Request, Target]:
        from .features.stored_images import request_of

        def permit() -> None:
            if grant.link and grant.link.uses:
                self._uses.check(grant.link, request.deadline)

        passthrough.query(request, grant.path)  # refuses what a redirect would, before anything is made
        passthrough.headers(request, grant)
        target = self._derivatives().target(grant, source, request.query, permit, now, request.deadline)
        return request_of(request, grant.path), target

    def _render(self, request: Request, grant: Grant, now: float, trace: AccessLogEntry) -> Reply:
        image = self._rendering().image(request, grant.rule)
        if len(image.body) <= replies.MAX_BODY_BYTES:
            return replies.image(image, self._image_cache_control(request, grant, now))
        target = self._derivatives().keep(grant, image, request.deadline)
        trace.bucket, trace.key = target.mount.bucket, target.key
        method = "HEAD" if request.method == "HEAD" else "GET"
        credentials = target.mount.credentials or self._credentials.current(request.deadline)
        signed = presign(target, method, query={}, headers={}, credentials=credentials, now=now)
        return replies.redirect(signed, replies.NO_STORE, 303 if request.method == "POST" else 307)

    def _image_cache_control(self, request: Request, grant: Grant, now: float) -> str:
        """How long a client may keep an image; a shared cache, too, where the URL itself is all that opens it."""
        if request.method == "POST":
            return replies.NO_STORE
        seconds = min(_FETCHED_SECONDS, int(grant.link.expires_at - now)) if grant.link else _FETCHED_SECONDS
        in_url = grant.link or "k" in request.query
        return f"{'public' if in_url or self._rules.open_to_anyone(grant) else 'private'}, max-age={seconds}"

    def _form(self, request: Request, grant: Grant, now: float) -> Reply:
        from .s3 import post_policy

        if grant.link:
            raise NotOffered("A form takes any number of files, so a link gives none. Upload with PUT.")
        # A policy knows where keys begin, and no exceptions: neither what is our own, nor what another mount has.
        if grant.path == "/" or self._mounts.below(grant.path) or not self._rules.covers(grant):
            raise NotOffered("Not all below this directory is alike, and a form has one rule for it. Upload with PUT.")
        target = self._mounts.directory(grant, grant.path)
        if target is None:
            raise NotFound("No bucket is mounted here. Check the beginning of the path.")
        if self._mounts.may_hold_derived(target):
            raise NotOffered(
                "Below this directory are keys of the service's own, and a form cannot leave them out. Upload with PUT."
            )
        made = post_policy.post_policy(request, grant.rule, target)
        credentials = target.mount.credentials or self._credentials.current(request.deadline)
        signed = sign_form(target, made, credentials=credentials, now=now)
        ends = rfc3339(signed.expires_at)
        return replies.document(200, {"url": signed.url, "fields": dict(signed.fields), "expires_at": ends})

    def _share(self, request: Request, grant: Grant, now: float) -> Reply:
        if revokes(request.method, request.query):
            self._sharing().revoke(request.query["token"], grant, request.deadline)
            return Reply(204, {"Cache-Control": replies.NO_STORE})
        if grant.path == RESIZE:
            return self._share_images(request, grant, now)
        link, token = self._sharing().make(request, grant, now)
        made = {
            "url": f"{request.base_url}{request.raw_path}?token={token}",
            "token": token,
            "expires_at": rfc3339(link.expires_at),
            "uses": link.uses or None,
        }
        return replies.document(201, made)

    def _share_images(self, request: Request, grant: Grant, now: float) -> Reply:
        link = self._resize_links().make(request, grant, now)
        made = {
            "url": f"{request.base_url}{request.raw_path}?{link.query}",
            "token": link.token,
            "sizes": link.sizes,
            "expires_at": rfc3339(link.expires_at),
        }
        return replies.document(201, made)

    def _presign(self, request: Request, grant: Grant, target: Target, step: str | None, now: float) -> SignedUrl:
        passed = passthrough.headers(request, grant, step)
        promised = upload_limits.required_headers(request, grant, step) if grant.action == "write" else {}
        return presign(
            target,
            request.method,
            query=passthrough.query(request, grant.path, step),
            headers={**passed, **promised},
            credentials=target.mount.credentials or self._credentials.current(request.deadline),
            now=now,
        )

    def _head(self, request: Request, grant: Grant, target: Target, objects: "ObjectStore") -> Reply:
        passthrough.headers(request, grant)  # refuses what a redirect would
        found = objects.head(target, passthrough.query(request, grant.path), request.headers, request.deadline)
        return Reply(found.status, {**found.headers, "Cache-Control": replies.NO_STORE})

    def _cache_control(self, request: Request, grant: Grant, target: Target, signed: SignedUrl, now: float) -> str:
        """How long a client may keep a redirect: not past its URL's end, and shared only where anyone may read it.

        An old version is never shared: more is asked of its reader than to read.

        One that was signed with headers is not kept: `Vary` does not name them, so others would be sent there too. Nor
        is that of a link, which a cache would give away without asking whether it is used up.
        """
        left = int(signed.expires_at - now) - _CACHE_MARGIN
        seconds = min(target.mount.cache_seconds, left)
        if grant.action != "read" or request.method != "GET" or signed.headers or grant.link or seconds <= 0:
            return replies.NO_STORE
        shared = "versionId" not in request.query and self._rules.open_to_anyone(grant)
        return f"{'public' if shared else 'private'}, max-age={seconds}"
