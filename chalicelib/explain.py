"""What a request would get, and why: the service itself answers, with nothing behind it, so nothing is fetched."""

import binascii
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from .core.access.actions import METHODS, action_of
from .core.access.link_tokens import Link, LinkTokens
from .core.access.principals import ANYONE, ApiKeys, Authenticator, Principal
from .core.access.rules import Grant, Rule, RuleSet
from .core.access.signing import Signer
from .core.features.image_endpoints import rendition_of
from .core.features.links import Sharing
from .core.features.resize_links import ResizeLink
from .core.features.sign_in import methods_of
from .core.ports import Metadata
from .core.s3.mounts import Mounts, Target
from .core.s3.stores import Credentials
from .core.service import Service
from .core.web import image_parameters, paths
from .core.web.access_log import AccessLogEntry
from .core.web.cors import Cors
from .core.web.image_parameters import Image
from .core.web.message import Reply, Request
from .core.web.problems import CredentialsInvalid, MethodNotAllowed, NotOffered, Problem
from .core.web.times import Deadline
from .settings.load import Settings

_CREDENTIALS: Final = Credentials("explained", "explained")
_A_SHA256: Final = binascii.b2a_base64(bytes(32), newline=False).decode()


def principal_of(settings: Settings, who: str | None) -> Principal | None:
    """Return the principal that a text names, as `to` in a rule does, or by the id alone; None for a key there is not.

    A group is anyone who is in it; a name that is no key's is a user's.
    """
    keys = {key.id: key.principal() for key in settings.keys}
    if who is None or who == "anyone":
        return ANYONE
    if who in keys:
        return keys[who]
    kind, colon, name = who.partition(":")
    if kind == "key" and colon:
        return keys.get(name)
    if who == "authenticated":
        return Principal("", ("anyone", "authenticated"))
    if kind == "group" and colon:
        return Principal("", ("anyone", "authenticated", who))
    user = name if kind == "user" and colon else who
    return Principal(user, ("anyone", "authenticated", f"user:{user}"))


def pasted(method: str, url: str, public_url: str | None, deadline: Deadline) -> Request:
    """Return the request of a URL as a user pastes the URL: a whole one, or the path with what follows.

    Args:
        method: upper case.
        url: with the stage, where it is that of a REST API on AWS.
        public_url: how clients call the service.
        deadline: of the request.
    """
    path, _, query = url.partition("#")[0].partition("?")
    is_rest_api = False
    if public_url and f"{path}/".lower().startswith(f"{public_url}/".lower()):
        path = path[len(public_url) :]
    elif path.lower().startswith(("https://", "http://")):
        host, _, rest = path.partition("://")[2].partition("/")
        is_rest_api = ".execute-api." in host  # whose first segment is the stage
        path = f"/{rest.partition('/')[2] if is_rest_api else rest}"
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    base_url = public_url or "https://localhost"
    return Request(method, path or "/", parameters, {}, "", base_url, "", deadline, length_arrives=not is_rest_api)


class Explanation(NamedTuple):
    """What a request would get.

    Attributes:
        lines: who asks, which rule decides, where it leads, and the answer.
        refused: whether the answer is an error.
    """

    lines: tuple[str, ...]
    refused: bool


def explain(settings: Settings, links: LinkTokens, principal: Principal, request: Request, now: float) -> Explanation:
    """Say what a request would get that has what its rule demands.

    Args:
        settings: those of the service.
        links: reads the token of a request that has one, whose link then decides in place of the principal.
        principal: who asks.
        request: as `pasted` makes it.
        now: Unix time in seconds.
    """
    method, query = request.method, request.query
    rules, mounts, trace = RuleSet(settings.rules), _Mounts(settings.mounts), AccessLogEntry(request.raw_path)
    lines: list[str] = []
    rule: Rule | None = None
    try:
        path = paths.decode(request.raw_path)
        if not path.startswith(paths.SERVICE_PATHS) or path in paths.IMAGE_ENDPOINTS:
            action = action_of(method, path, query)
            rule = rules.find(principal, action, path)
            lines.append(f"{principal.name} asks to {action} {path}")
        headers = _demanded(rule, query) if rule and method in ("PUT", "POST") else {}
        request = request._replace(headers=headers)
        try:
            reply = _service(settings, rules, mounts, links, principal).answer(request, now, trace)
        finally:
            if trace.principal and trace.principal != principal.name:
                kind = "link    the token" if "token" in query else "key     ?k"
                lines.append(f"{kind} decides, whoever asks: {trace.principal}")
                rule = next((one for one in settings.rules if one.number == trace.rule), None)
            if trace.action and (trace.rule or trace.principal == principal.name):
                lines.append(f"rule    {_describe(rule, len(settings.rules))}")
    except Problem as problem:
        return Explanation((*lines, f"answer  {problem.status} {problem.code}: {problem.detail}"), refused=True)
    if trace.key is not None and mounts.resolved:
        mount, key = mounts.resolved
        lines.append(f"bucket  {mount.bucket} in {mount.region}, at {mount.bucket_url.origin}")
        lines.append(f"key     {key}")
        lines.append(f"life    {mount.url_seconds} s, less where the service's credentials end sooner")
    demands = ", if the request has what the rule demands" if headers else ""
    lines.append(f"answer  {reply.status}: {_meaning(reply.status, request, trace.action)}{demands}")
    return Explanation(tuple(lines), refused=False)


def _meaning(status: int, request: Request, action: str | None) -> str:
    if status == 201:
        return "a link is made"
    if status == 204:
        return "an empty answer"
    if status == 307:
        resized = image_parameters.is_asked(request.query) and request.method in ("GET", "HEAD")
        return f"the client is sent to S3{', for the image in the size of the query' if resized else ''}"
    if action is None:
        return "a page of the service's own; no rule is asked about it"
    if paths.decode(request.raw_path) in paths.IMAGE_ENDPOINTS:
        return "the image, in the size of the query"
    if "presign" in request.query:
        return "the signed URL, as JSON"
    if request.method == "HEAD":
        return "the headers of what GET would get"
    return "the directory" if request.method == "GET" else "a form to upload with, as JSON"


def _demanded(rule: Rule, query: Mapping[str, str]) -> dict[str, str]:
    """The headers of an upload that has all that a rule demands, but for what the URL says itself."""
    kinds = {"content-type": rule.content_types[0].replace("*", "x")} if rule.content_types else {}
    checksum = {"x-amz-checksum-sha256": _A_SHA256, "x-amz-checksum-algorithm": "SHA256"} if rule.checksum else {}
    size = {"content-length": "0"} if rule.max_bytes is not None and "size" not in query else {}
    keeps = {} if rule.overwrite else {"if-none-match": "*"}
    return {**kinds, **checksum, **size, **keeps, **dict(rule.require_headers)}


def _describe(rule: Rule | None, count: int) -> str:
    if rule is None:
        return "none matches, so it is refused"
    demands = [
        *([f"at most {rule.max_bytes:,} bytes"] if rule.max_bytes is not None else []),
        *([f"of type {' or '.join(rule.content_types)}"] if rule.content_types else []),
        *([] if rule.overwrite else ["that overwrite nothing (If-None-Match: *)"]),
        *(["with x-amz-checksum-sha256"] if rule.checksum else []),
        *(f"with {name}: {value}" for name, value in rule.require_headers),
    ]
    passed = f", lets {', '.join(rule.pass_headers)} through to S3" if rule.pass_headers else ""
    number = f"{rule.number}:" if rule.number <= count else "built in, after those of the file:"
    verb = "allows" if rule.allows else "denies"
    uploads = f", uploads {', '.join(demands)}" if demands else ""
    sizes = f", images in {', '.join(rule.image_sizes)}" if rule.image_sizes else ""
    return f"{number} {rule.path} {verb} {', '.join(rule.actions)} to {', '.join(rule.to)}{uploads}{sizes}{passed}"


class _Mounts(Mounts):
    """Remembers what a path stands for."""

    resolved: Target | None = None

    def resolve(self, grant: Grant) -> Target:
        self.resolved = super().resolve(grant)
        return self.resolved


class _Nothing:
    """Stands for all that a service asks: every backend, of which none is asked here.

    What a feature checks before it asks its backend is checked here too.
    """

    def current(self, deadline: Deadline) -> Credentials:
        """What URLs are signed with that nobody sees."""
        return _CREDENTIALS

    def take(self, *of: object) -> None:
        """Take no use of a link."""

    check = revoke = take

    def head(self, *of: object) -> Metadata:
        """Say that there is a file."""
        return Metadata(200, {})

    def answer(self, request: Request, *of: object) -> Reply:
        """Answer for a directory, or for a page of the service's own."""
        path = paths.decode(request.raw_path)
        allowed = methods_of(path) if path.startswith(paths.SERVICE_PATHS) else METHODS
        if request.method not in allowed:
            raise MethodNotAllowed(request.method, allowed)
        return Reply(200, {})

    drop = answer

    def target(self, grant: Grant, source: Target, query: Mapping[str, str], *of: object) -> Target:
        """Return the image itself in place of what would be made of it."""
        image_parameters.check_size(image_parameters.rendition(query), grant.rule.image_sizes)
        return source

    def image(self, request: Request, rule: Rule) -> Image:
        """Return no image; without any parameter only the permission is asked about."""
        if request.query:
            image_parameters.check_size(rendition_of(request), rule.image_sizes)
        return Image("image/png", b"")

    def make(self, *of: object) -> ResizeLink:
        """Return no link to `/-/resize`, whose images only the body of a request names."""
        return ResizeLink("", 0, (), "")

    def read(self, *of: object) -> Link:
        """Read no token of a link to `/-/resize`, which is judged as its maker."""
        raise NotOffered(
            "The tool reads no token of a link to /-/resize. Ask without the token, as its maker: --as ID."
        )


def _authenticator(settings: Settings, principal: Principal) -> Authenticator:
    """Return what says that a principal asks: with a publishable key, for an image."""
    publishable = {f"key:{key.id}" for key in settings.keys if key.in_urls}

    def authenticate(request: Request, now: float) -> Principal:
        path = paths.decode(request.raw_path)
        if principal.name in publishable and (path not in paths.IMAGE_ENDPOINTS or "link" in request.query):
            raise CredentialsInvalid()
        return principal

    return authenticate


def _service(settings: Settings, rules: RuleSet, mounts: Mounts, links: LinkTokens, principal: Principal) -> Service:
    nothing: Any = _Nothing()
    return Service(
        keys=ApiKeys(settings.keys),
        authenticators=(_authenticator(settings, principal),),
        rules=rules,
        mounts=mounts,
        cors=Cors((), METHODS),
        credentials=nothing,
        objects=(lambda: nothing) if settings.head_inline else None,
        links=links,
        sharing=lambda: Sharing(rules=rules, links=_signable(), tokens=nothing),
        uses=nothing,
        browsing=lambda: nothing,
        derivatives=lambda: nothing,
        rendering=lambda: nothing,
        resize_links=lambda: nothing,
        own_pages=lambda: nothing,
    )


def _signable() -> LinkTokens:
    """Links that nobody sees."""
    return LinkTokens(Signer(lambda deadline: (bytes(32),), "explained"), bytes)
