"""The service behind `explain`: the real service, with stand-ins for all backends, so that nothing is called."""

import binascii
import json
from typing import Any, Final
from urllib.parse import parse_qsl

from .core.access.link_tokens import Link, LinkTokens
from .core.access.principals import Authenticator, Principal
from .core.access.rules import Grant, Rule
from .core.access.signing import Signer
from .core.features.links import Links
from .core.ports import ListedKeys, Metadata
from .core.s3.mounts import Mounts, Target
from .core.s3.stores import Credentials
from .core.web import image_parameters, paths
from .core.web.access_log import AccessLogEntry
from .core.web.image_parameters import Image
from .core.web.message import Reply, Request
from .core.web.problems.access import CredentialsInvalid
from .core.web.problems.base import NotOffered
from .default_backends import Backends
from .environment import Environment
from .service_factory import ServiceFactory
from .settings.load import Settings

_CREDENTIALS: Final = Credentials("explained", "explained")
_A_SHA256: Final = binascii.b2a_base64(bytes(32), newline=False).decode()
_A_PNG: Final = b"\x89PNG\r\n\x1a\n"
_A_SIZE: Final = "320x"
_A_URL: Final = "https://example.com/"


class ExplainedService:
    """Answers as the service would answer a principal.

    After an answer, `target` is the bucket and the key of the path; None where no key was needed.

    Args:
        settings: the settings of the service.
        links: reads the token of a request that has a token.
        principal: the caller of every request without a token.
    """

    def __init__(self, settings: Settings, links: LinkTokens, principal: Principal) -> None:
        stand_in: Any = _StandIn()
        backends = Backends(settings._replace(cdn_secret=None), Environment({}), float, str)
        backends.credentials = backends.objects = backends.versions = backends.link_use_counter = backends.renderer = (
            stand_in
        )
        backends.revocable_links = backends.image_source = backends.cursor_cipher = backends.pages = stand_in
        backends.cdn_keys = stand_in
        backends.signing_secrets = lambda deadline: (bytes(32),)
        factory = ServiceFactory(settings._replace(limits=()), backends, bytes)
        factory.mounts = self._mounts = _RememberingMounts(settings.mounts)
        factory.access.authenticators = (_authenticator(settings, principal),)
        factory.access.link_tokens = links
        unused_links = LinkTokens(Signer(backends.signing_secrets, "explained"), bytes)
        factory.links = Links(
            rules=factory.access.rules,
            makers=factory.access.makers,
            link_tokens=unused_links,
            counter=stand_in,
            revocable_links=stand_in,
        )
        factory.access.resize_tokens = factory.sign_in = factory.token_page = stand_in
        factory.links_page = factory.upload_batches = factory.assets = stand_in
        self._service = factory.service()

    def answer(self, request: Request, now: float, log_entry: AccessLogEntry) -> Reply:
        """Answer one request; see `Service.answer`."""
        return self._service.answer(request, now, log_entry)

    @property
    def target(self) -> Target | None:
        """The bucket and the key of the last path that was resolved."""
        return self._mounts.target


def complete(request: Request, path: str, rule: Rule | None, read_rule: Rule | None) -> Request:
    """Return a request with everything that its URL does not tell: the headers, the body and the sizes of a rule.

    Args:
        request: the request of a pasted URL.
        path: the path, decoded.
        rule: the rule that decides about the request.
        read_rule: the rule that decides whether the caller may read the path.
    """
    query = {name: value for name, value in request.query.items() if name != "cursor"}
    headers = _headers(rule, query) if rule and request.method in ("PUT", "POST") else {}
    body = b""
    if path in paths.IMAGE_ENDPOINTS:
        size = (read_rule.image_sizes if read_rule and read_rule.image_sizes else (_A_SIZE,))[0]
        if "link" in query:
            body = json.dumps({"u": _A_URL, "sizes": [size]}).encode()
        else:
            body = _A_PNG if request.method == "POST" else b""
            query = query or {"u": _A_URL, **dict(parse_qsl(image_parameters.query_of(size)))}
    return request._replace(query=query, headers=headers, body=body)


def _headers(rule: Rule, query: dict[str, str]) -> dict[str, str]:
    """Return the headers of an upload that has everything that a rule demands."""
    media_type = {"content-type": rule.content_types[0].replace("*", "x")} if rule.content_types else {}
    checksum = {"x-amz-checksum-sha256": _A_SHA256, "x-amz-checksum-algorithm": "SHA256"} if rule.checksum else {}
    size = {"content-length": "0"} if rule.max_bytes is not None and "size" not in query else {}
    condition = {} if rule.overwrite else {"if-none-match": "*"}
    return {**media_type, **checksum, **size, **condition, **dict(rule.require_headers)}


def _authenticator(settings: Settings, principal: Principal) -> Authenticator:
    """Return an authenticator that names one principal. A publishable key is accepted only for an image."""
    publishable = {f"key:{key.id}" for key in settings.keys if key.in_urls}

    def authenticate(request: Request, now: float) -> Principal:
        path = paths.decode(request.raw_path)
        if principal.name in publishable and (path not in paths.IMAGE_ENDPOINTS or "link" in request.query):
            raise CredentialsInvalid()
        return principal

    return authenticate


class _RememberingMounts(Mounts):
    """Remembers the target of the path."""

    target: Target | None = None

    def resolve(self, grant: Grant) -> Target:
        self.target = super().resolve(grant)
        return self.target


class _StandIn:
    """Stands for every backend: each object exists and is empty, each use of a link is left, and nothing is called."""

    def current(self, *_: object) -> Credentials:
        return _CREDENTIALS

    def redeem(self, *_: object, **__: object) -> None:
        """Redeem nothing."""

    check = revoke = create = redeem

    def head(self, *_: object) -> Metadata:
        return Metadata(200, {"etag": '"explained"', "content-length": "0", "x-amz-version-id": "explained"})

    def get(self, *_: object, **__: object) -> tuple[Metadata, bytes]:
        return self.head(), b""

    def list(self, *_: object, **__: object) -> ListedKeys:
        return ListedKeys((), is_last=True)

    def restore(self, *_: object) -> str:
        return ""

    def fetch(self, *_: object) -> bytes:
        return _A_PNG

    def render(self, *_: object) -> Image:
        return Image("image/png", b"")

    def sign(self, *_: object) -> bytes:
        return b""

    def host(self, url: str) -> str:
        return url

    def directory(self, *_: object) -> bytes:
        return b""

    def make(self, *_: object) -> str:
        return ""

    def read(self, *_: object) -> Link:
        raise NotOffered(
            "The tool reads no token of a link to /-/resize. Ask without the token, as its maker: --as ID."
        )

    def answer(self, *_: object) -> Reply:
        """Answer for a page below `/-/`."""
        return Reply(200, {})
