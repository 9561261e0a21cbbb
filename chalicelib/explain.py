"""Explains the answer to a request: the service itself answers, with stand-ins in place of its backends."""

from typing import NamedTuple
from urllib.parse import parse_qsl

from .core.access.actions import action_of
from .core.access.issuer_claims import person
from .core.access.link_tokens import LinkTokens
from .core.access.principals import ANYONE, Principal
from .core.access.rules import Rule, RuleSet
from .core.features.playlists import MAX_PLAYLIST_BYTES
from .core.s3.upload_limits import describe
from .core.web import image_parameters, paths
from .core.web.access_log import AccessLogEntry
from .core.web.message import Request, with_token_in_query
from .core.web.problems.base import Problem
from .core.web.times import Deadline
from .explained_service import ExplainedService, complete
from .settings.load import Settings


def principal_of(settings: Settings, caller: str | None) -> Principal | None:
    """Return the principal that a text names, as in a rule's `to` or by the id of a key; None for an unknown name.

    A group stands for a caller who has no other group, and a person of an issuer for a person without its groups.
    """
    keys = {key.id: key.principal() for key in settings.keys}
    if caller is None or caller == "anyone":
        return ANYONE
    if caller in keys:
        return keys[caller]
    if caller == "authenticated":
        return Principal("", ("anyone", "authenticated"))
    kind, _, name = caller.partition(":")
    if kind == "key":
        return keys.get(name)
    issuer, is_of_issuer, _ = name.partition(":")
    if is_of_issuer and all(issuer != known.name for known in settings.issuers):
        return None
    if kind == "user" and is_of_issuer:
        return person(caller, settings.groups.get(caller, ()))
    return Principal("", ("anyone", "authenticated", caller)) if kind == "group" and name else None


def rules_of(settings: Settings, principal: Principal) -> tuple[str, ...]:
    """Describe the rules of the file that name a principal, in their order."""
    rules = (rule for rule in settings.rules if not set(rule.to).isdisjoint(principal.tags))
    return tuple(f"rule    {_describe(rule, len(settings.rules))}" for rule in rules)


def pasted(method: str, url: str, public_url: str | None, deadline: Deadline) -> Request:
    """Return the request for a URL as a user pastes the URL: a whole URL, or a path with its query.

    Args:
        method: upper case.
        url: the URL of a REST API on AWS has the stage in its path.
        public_url: the URL at which clients call the service.
        deadline: the deadline of the request.
    """
    path, _, query = url.partition("#")[0].partition("?")
    is_rest_api = False
    if public_url and f"{path}/".lower().startswith(f"{public_url}/".lower()):
        path = path[len(public_url) :]
    elif path.lower().startswith(("https://", "http://")):
        host, _, rest = path.partition("://")[2].partition("/")
        is_rest_api = ".execute-api." in host  # the first segment is the stage
        path = f"/{rest.partition('/')[2] if is_rest_api else rest}"
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    base_url = public_url or "https://localhost"
    request = Request(method, path or "/", parameters, {}, "", base_url, "", deadline, length_arrives=not is_rest_api)
    return with_token_in_query(request)


class Explanation(NamedTuple):
    """The answer to a request, and the reasons.

    Attributes:
        lines: the caller, the rule that decides, the bucket and the key, and the answer.
        refused: whether the answer is an error.
    """

    lines: tuple[str, ...]
    refused: bool


def explain(settings: Settings, links: LinkTokens, principal: Principal, request: Request, now: float) -> Explanation:
    """Explain the answer to a request that has everything that its rule demands.

    Args:
        settings: the settings of the service.
        links: reads the token of a request; the link of the token then decides in place of the principal.
        principal: the caller.
        request: from `pasted`.
        now: Unix time in seconds.
    """
    method, query = request.method, request.query
    rules, log_entry = RuleSet(settings.rules), AccessLogEntry()
    service = ExplainedService(settings, links, principal)
    lines: list[str] = []
    rule: Rule | None = None
    demands = ""
    try:
        path = paths.decode(request.raw_path)
        if not path.startswith(paths.SERVICE_PATHS) or path in paths.IMAGE_ENDPOINTS:
            action = action_of(method, path, query)
            rule = rules.find(principal, action, path)
            lines.append(f"{principal.name} asks to {action} {path}")
        completed = complete(request, path, rule, rules.find(principal, "read", path))
        demands = ", if the request has what the rule demands" if completed.headers else ""
        try:
            reply = service.answer(completed, now, log_entry)
        finally:
            if log_entry.principal and log_entry.principal != principal.name:
                kind = "link    the token" if "token" in query else "key     ?k"
                lines.append(f"{kind} decides, whoever asks: {log_entry.principal}")
                rule = next((rule for rule in settings.rules if rule.number == log_entry.rule), None)
            elif log_entry.action == "read" and path.endswith("/"):
                lines.append("index   the index file of the directory answers; ?list asks for the listing")
                rule = next((rule for rule in settings.rules if rule.number == log_entry.rule), None)
            if log_entry.action and (log_entry.rule or log_entry.principal == principal.name):
                lines.append(f"rule    {_describe(rule, len(settings.rules))}")
    except Problem as problem:
        return Explanation((*lines, f"answer  {problem.status} {problem.code}: {problem.detail}"), refused=True)
    store = "S3"
    if log_entry.key is not None and service.target:
        mount, key = service.target
        if mount.cdn and reply.headers.get("Location", "").startswith(f"{mount.cdn.origin}/"):
            store = f"the CDN {mount.cdn.domain}"
        lines.append(f"bucket  {mount.bucket} in {mount.region}, at {mount.bucket_url.origin}")
        lines.append(f"key     {key}")
        player = f", {mount.media_seconds} s for a player in a browser" if mount.media_seconds else ""
        lines.append(f"life    {mount.url_seconds} s{player}, less where the service's credentials end sooner")
    lines.append(f"answer  {reply.status}: {_meaning(reply.status, request, log_entry.action, store)}{demands}")
    return Explanation(tuple(lines), refused=False)


def _meaning(status: int, request: Request, action: str | None, store: str) -> str:
    if status == 201:
        return "a link"
    if status == 204:
        return "an empty answer"
    if status == 307:
        resized = image_parameters.are_in(request.query) and request.method in ("GET", "HEAD")
        return f"the client is sent to {store}{', for the image in the size of the query' if resized else ''}"
    if action is None:
        return "a page of the service itself, which no rule decides"
    if paths.decode(request.raw_path) in paths.IMAGE_ENDPOINTS:
        return "the image, in the size of the query"
    if "presign" in request.query:
        return "the signed URL, as JSON"
    if request.method == "HEAD":
        return "the headers that GET would get"
    if action == "read":
        return f"the playlist itself; the client is sent to S3 for more than {MAX_PLAYLIST_BYTES:,} bytes"
    return "the directory" if request.method == "GET" else "a form to upload with, as JSON"


def _describe(rule: Rule | None, count: int) -> str:
    if rule is None:
        return "no rule matches, so the request is refused"
    limits = describe(rule)
    passed = f", passes {', '.join(rule.pass_headers)} to S3" if rule.pass_headers else ""
    number = f"{rule.number}:" if rule.number <= count else "built in, after the rules of the file:"
    verb = "allows" if rule.allows else "denies"
    uploads = f", uploads {', '.join(limits)}" if limits else ""
    sizes = f", images in {', '.join(rule.image_sizes)}" if rule.image_sizes else ""
    return f"{number} {rule.path} {verb} {', '.join(rule.actions)} to {', '.join(rule.to)}{uploads}{sizes}{passed}"
