"""The pipeline: request, principal, grant, target, signed URL, reply. The only caller of the ports."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from . import forwarded, multipart, paths, replies, uploads
from .cors import Cors
from .links import Link, Links, Random, check_not_expired
from .message import Reply, Request
from .mounts import Mounts, Target
from .multipart import step_of
from .paths import Path
from .presign import SignedUrl, presign, sign_form
from .principals import Authenticator, Keys, identify
from .problems import LinkInvalid, MethodNotAllowed, NotFound, NotOffered, Prefetched, Unavailable
from .rules import Grant, RuleSet
from .signatures import Signer, encode
from .times import rfc3339
from .trace import Trace

if TYPE_CHECKING:
    from .browsing import Browsing
    from .own_pages import OwnPages
    from .ports import CredentialSource, ObjectStore, TokenStore
    from .sharing import Sharing

METHODS: Final = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")

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
        objects: returns what is asked where HEAD is answered inline; None redirects HEAD like the rest.
        links: reads tokens.
        sharing: returns what makes links and revokes them.
        tokens: returns what counts their uses, None where there is no table.
        clients: whose purpose is to tell the clients of a link apart.
        random: tells requests apart.
        browsing: returns what answers for directories.
        own_pages: returns what answers below `/-/`.
    """

    def __init__(
        self,
        *,
        keys: Keys,
        authenticators: Sequence[Authenticator],
        rules: RuleSet,
        mounts: Mounts,
        cors: Cors,
        credentials: "CredentialSource",
        objects: "Callable[[], ObjectStore] | None",
        links: Links,
        sharing: "Callable[[], Sharing]",
        tokens: "Callable[[], TokenStore | None]",
        clients: Signer,
        random: Random,
        browsing: "Callable[[], Browsing]",
        own_pages: "Callable[[], OwnPages]",
    ) -> None:
        self._keys = keys
        self._authenticators = authenticators
        self._rules = rules
        self._mounts = mounts
        self._cors = cors
        self._credentials = credentials
        self._objects = objects
        self._links = links
        self._sharing = sharing
        self._tokens = tokens
        self._clients = clients
        self._random = random
        self._browsing = browsing
        self._own_pages = own_pages

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
        path = trace.path = paths.decode(request.raw_path)
        if path.startswith("/-/"):
            return self._own_pages().answer(request, path, now, trace)
        grant = self._authorize(request, path, now, trace)
        step = step_of(request.method, request.query)
        if step and grant.link and grant.link.uses:
            raise NotOffered("A link with a number of uses uploads a file in one PUT, of up to 5 GB.")
        reply = self._reply(request, grant, step, now, trace)
        # Last, so that nothing that fails takes a use: the URL that was signed is not given away before it is paid for.
        if grant.link and grant.link.uses:
            self._redeem(request, grant.link, now)
        return reply

    def _authorize(self, request: Request, path: Path, now: float, trace: Trace) -> Grant:
        """Check the request; every method, HEAD and OPTIONS too, comes through here."""
        token = request.query.get("token")
        trace.action = action_of(request.method, path, request.query)
        if token is None or revokes(request.method, request.query):
            principal = identify(request, self._authenticators, now)
            trace.principal = principal.name
            grant = self._rules.authorize(principal, trace.action, path)
        else:
            link = self._links.read(token, path)
            trace.principal = f"link:{link.id}"
            check_not_expired(link, now)
            issuer = self._keys.issuer(link.issuer)
            if issuer is None:
                raise LinkInvalid()
            if link.action == "write" and trace.action == "list" and replies.wants_page(request):
                trace.action = "write"  # a person who may upload and not look gets a page for that
            grant = self._rules.authorize_link(link, issuer, trace.action, path)
        trace.rule = grant.rule.number
        return grant

    def _reply(self, request: Request, grant: Grant, step: str | None, now: float, trace: Trace) -> Reply:
        if request.method == "OPTIONS":
            return Reply(204, {"Allow": ", ".join(METHODS), "Cache-Control": replies.NO_STORE})
        if grant.action == "share":
            return self._share(request, grant, now)
        if request.method == "POST" and step is None:
            return self._form(request, grant, now)
        if grant.action == "list":
            return self._browsing().answer(request, grant, now)
        if grant.action == "write" and step is None and request.method in ("GET", "HEAD"):
            return self._browsing().drop(request, grant)
        return self._redirect(request, grant, step, now, trace)

    def _redirect(self, request: Request, grant: Grant, step: str | None, now: float, trace: Trace) -> Reply:
        target = self._mounts.resolve(grant)
        trace.bucket, trace.key = target.mount.bucket, target.key
        if request.method == "HEAD" and self._objects is not None and "presign" not in request.query:
            return self._head(request, grant, target, self._objects())
        signed = self._presign(request, grant, target, step, now)
        if "presign" in request.query:
            return replies.description(signed)
        return replies.redirect(signed, self._cache_control(request, grant, target, signed, now))

    def _form(self, request: Request, grant: Grant, now: float) -> Reply:
        from . import forms  # few ask for one

        if grant.link:
            raise NotOffered("A form takes any number of files, so a link gives none. Upload with PUT.")
        # A policy knows where keys begin, and no exceptions: neither what is our own, nor what another mount has.
        if grant.path == "/" or self._mounts.below(grant.path) or not self._rules.covers(grant):
            raise NotOffered("Not all below this directory is alike, and a form has one rule for it. Upload with PUT.")
        target = self._mounts.directory(grant, grant.path)
        if target is None:
            raise NotFound("No bucket is mounted here. Check the beginning of the path.")
        made = forms.form(request, grant.rule, target)
        credentials = target.mount.credentials or self._credentials.current()
        signed = sign_form(target, made, credentials=credentials, now=now)
        ends = rfc3339(signed.expires_at)
        return replies.document(200, {"url": signed.url, "fields": dict(signed.fields), "expires_at": ends})

    def _share(self, request: Request, grant: Grant, now: float) -> Reply:
        if revokes(request.method, request.query):
            self._sharing().revoke(request.query["token"], grant)
            return Reply(204, {"Cache-Control": replies.NO_STORE})
        link, token = self._sharing().make(request, grant, now)
        made = {
            "url": f"{request.base_url}{request.raw_path}?token={token}",
            "token": token,
            "expires_at": rfc3339(link.expires_at),
            "uses": link.uses or None,
        }
        return replies.document(201, made)

    def _redeem(self, request: Request, link: Link, now: float) -> None:
        """Take a use of a link for a GET or a PUT; only look whether there is one for what must not take it.

        To see the page that it uploads from takes none of a link to write: what is uploaded does.
        """
        tokens = self._tokens()
        if tokens is None:
            raise Unavailable("The uses of links cannot be counted.")
        if request.method in ("HEAD", "OPTIONS") or (request.method == "GET" and link.action == "write"):
            return tokens.check(link)
        if _is_prefetch(request):
            raise Prefetched()
        agent = request.headers.get("user-agent", "")
        client = self._clients.sign(link.id.encode(), request.address.encode(), agent.encode("utf-8", "surrogatepass"))
        return tokens.redeem(
            link,
            client=encode(client),
            attempt=encode(self._random(9)),
            resumes="range" in request.headers,
            now=now,
        )

    def _presign(self, request: Request, grant: Grant, target: Target, step: str | None, now: float) -> SignedUrl:
        promised = uploads.promises(request, grant.rule, step) if grant.action == "write" else {}
        return presign(
            target,
            request.method,
            query=multipart.parameters(step, request.query) if step else forwarded.query(request, grant.path),
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

        One that was signed with headers is not kept: `Vary` does not name them, so others would be sent there too. Nor
        is that of a link, which a cache would give away without asking whether it is used up.
        """
        left = int(signed.expires_at - now) - _CACHE_MARGIN
        seconds = min(target.mount.cache_seconds, left)
        if grant.action != "read" or request.method != "GET" or signed.headers or grant.link or seconds <= 0:
            return replies.NO_STORE
        scope = "public" if self._rules.open_to_anyone(grant) else "private"
        return f"{scope}, max-age={seconds}"


def action_of(method: str, path: Path, query: Mapping[str, str]) -> str:
    """Name what a request does at a path; OPTIONS asks for what GET would, so that it never says more.

    Whoever uploads in parts may also look at them and take them back: all of it is `write`.

    Raises:
        MethodNotAllowed: a POST that asks for nothing that there is.
        BadParameter: a call of an upload in parts that there is not.
    """
    if revokes(method, query):
        return "share"
    if method == "PUT" or step_of(method, query):
        return "write"
    if method == "POST":
        if "link" in query:
            return "share"
        if "form" in query and path.endswith("/"):
            return "write"
        raise MethodNotAllowed("POST", tuple(method for method in METHODS if method != "POST"))
    if method == "DELETE":
        return "delete"
    return "list" if path.endswith("/") else "read"


def revokes(method: str, query: Mapping[str, str]) -> bool:
    """Whether a request that has a token revokes its link, rather than comes by it."""
    return method == "DELETE" and "token" in query and "uploadId" not in query


def _is_prefetch(request: Request) -> bool:
    """Whether a browser fetches ahead of its user (Fetch Standard; the others are what came before it)."""
    said = (request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    return any("prefetch" in value or "preview" in value for value in said)
