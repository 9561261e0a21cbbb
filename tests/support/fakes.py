"""Fakes: classes for the ports of the core, and an application over these fakes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from chalicelib.backends.cursors import FernetCursors
from chalicelib.bootstrap import build
from chalicelib.core import ports
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.limits import Limit
from chalicelib.core.access.link_tokens import LinkTokens
from chalicelib.core.access.makers import Makers
from chalicelib.core.access.principals import ApiKey, ApiKeys
from chalicelib.core.access.rules import Rule
from chalicelib.core.access.sign_ins import SignIns
from chalicelib.core.access.signing import Secrets, Signer
from chalicelib.core.ports import CredentialSource, LeaseTable, LinkUseCounter, ObjectStore, Pages, RevocableLinks
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import Cdn, Credentials
from chalicelib.core.web.image_parameters import Image, Rendition
from chalicelib.core.web.message import Reply
from chalicelib.core.web.page_views import (
    Asset,
    DirectoryView,
    LinksView,
    PreviewView,
    ProblemView,
    ReceivedView,
    SignInView,
    TokenView,
    VersionsView,
)
from chalicelib.core.web.problems.base import NotFound
from chalicelib.core.web.problems.images import SourceNotAllowed
from chalicelib.core.web.times import Deadline
from chalicelib.default_backends import Backends
from chalicelib.environment import Environment
from chalicelib.settings.load import Settings

from .builders import CREDENTIALS, KEYS, NOW, RULES, basic, mount, request
from .lease_table import MemoryLeaseTable
from .store import MemoryStore, MemoryVersions


class Fixed:
    """Credentials that never change."""

    def __init__(self, credentials: Credentials = CREDENTIALS) -> None:
        self.credentials = credentials

    def current(self, deadline: Deadline) -> Credentials:
        return self.credentials


class Failing:
    """A port whose methods all raise one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def current(self, deadline: Deadline) -> Credentials:
        raise self.error

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        raise self.error


class CdnKeys:
    """Signs with no key.

    Attributes:
        signed: the texts that were signed.
    """

    def __init__(self) -> None:
        self.signed: list[str] = []

    def sign(self, cdn: Cdn, text: bytes, deadline: Deadline) -> bytes:
        self.signed.append(text.decode())
        return b"signature"


class Renderer:
    """Renders every image as a few words about its size.

    Attributes:
        asked: the bytes and the rendition of each call.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Rendition]] = []

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        self.asked.append((data, rendition))
        return Image(f"image/{rendition.format or 'jpeg'}", f"{rendition.size} {rendition.fit}".encode())


class Source:
    """Other sites with images.

    Attributes:
        images: the images by URL.
        asked: the URLs that were fetched.
    """

    def __init__(self, images: Mapping[str, bytes] | None = None) -> None:
        self.images = images or {}
        self.asked: list[str] = []

    def host(self, url: str) -> str:
        host = urlsplit(url).netloc.lower()
        if not host.endswith("example.com"):
            raise SourceNotAllowed()
        return host

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        self.asked.append(url)
        if url not in self.images:
            raise NotFound("The site has no such image.")
        return self.images[url]


class PlainPages:
    """Pages that show their views as text."""

    def directory(self, view: DirectoryView) -> bytes:
        return repr(view).encode()

    def preview(self, view: PreviewView) -> bytes:
        return repr(view).encode()

    def problem(self, view: ProblemView) -> bytes:
        return repr(view).encode()

    def sign_in(self, view: SignInView) -> bytes:
        return repr(view).encode()

    def token(self, view: TokenView) -> bytes:
        return repr(view).encode()

    def links(self, view: LinksView) -> bytes:
        return repr(view).encode()

    def received(self, view: ReceivedView) -> bytes:
        return repr(view).encode()

    def versions(self, view: VersionsView) -> bytes:
        return repr(view).encode()

    def asset(self, name: str) -> Asset | None:
        return Asset("text/css; charset=utf-8", b"a {}") if name == "page.css" else None


class Randomness:
    """Bytes that differ in each call, and are the same in each run."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(size)


SIGNING_SECRET = b"the-signing-secret-of-all-the-tests"


def signer(purpose: str) -> Signer:
    """The signer of a service for a purpose."""
    return Signer(lambda _: [SIGNING_SECRET], purpose)


def links() -> LinkTokens:
    """The maker and reader of a service's links."""
    return LinkTokens(signer("link"), Randomness())


def makers(keys: Sequence[ApiKey] = KEYS, revoked: Mapping[str, float] | None = None, **people: Any) -> Makers:
    """The makers of a service's links; `people` has the issuers, the groups and the rules of `SignIns`."""
    api_keys = ApiKeys(keys)
    sign_ins = SignIns(keys=api_keys, revoked=revoked or {}, **{"groups": {}, **people})
    return Makers(keys=api_keys, sign_ins=sign_ins, revoked=revoked or {})


CURSORS = FernetCursors(lambda _: [SIGNING_SECRET])
ROOT = mount()


class Signpost:
    """The application over fakes.

    Args:
        settings: the settings.
        backends: fakes in place of the default backends, by the names of `Backends`.

    Attributes:
        now: the time of the application; a test may set it.
        log: the records that the application logged.
    """

    def __init__(self, settings: Settings, backends: Mapping[str, object]) -> None:
        self.now = NOW
        self.log: list[Mapping[str, object]] = []
        all_backends = Backends(settings, Environment({}), lambda: NOW, str)
        for name, backend in backends.items():
            setattr(all_backends, name, backend)
        random = Randomness()
        self.application = build(settings, all_backends, clock=lambda: self.now, random=random, log=self.log.append)


def signpost(
    *,
    keys: Sequence[ApiKey] = KEYS,
    rules: Sequence[Rule] = RULES,
    mounts: Sequence[Mount] = (ROOT,),
    cors_origins: Sequence[str] = (),
    credentials: CredentialSource | None = None,
    objects: ObjectStore | None = None,
    versions: ports.VersionStore | None = None,
    head_inline: bool = False,
    counter: LinkUseCounter | None = None,
    revocable_links: RevocableLinks | None = None,
    sign_in: bool = True,
    pages: Pages | None = None,
    renderer: ports.Renderer | None = None,
    source: ports.ImageSource | None = None,
    cdn_secrets: Secrets | None = None,
    cdn_keys: ports.CdnKeys | None = None,
    authorization_header: str | None = None,
    public_url: str | None = None,
    issuers: Sequence[Issuer] = (),
    revoked: Mapping[str, float] | None = None,
    providers: ports.Providers | None = None,
    issuer_keys: ports.IssuerKeys | None = None,
    limits: Sequence[Limit] = (),
    leases: LeaseTable | None = None,
    admit_without_table: bool = True,
    aws_credentials: bool = False,
    narrow: bool = False,
    sts: ports.Sts | None = None,
) -> Signpost:
    """The application over fakes; without a counter it counts no uses."""
    settings = Settings(
        realm="Acme files",
        public_url=public_url,
        head_inline=head_inline,
        cors_origins=tuple(cors_origins),
        mounts=tuple(mounts),
        keys=tuple(keys),
        rules=tuple(rules),
        image_hosts=(),
        authorization_header=authorization_header,
        issuers=tuple(issuers),
        revoked=revoked or {},
        limits=tuple(limits),
        admit_without_table=admit_without_table,
        aws_credentials=aws_credentials,
        narrow=narrow,
    )
    secrets = (lambda _: [SIGNING_SECRET]) if sign_in else None
    return Signpost(
        settings,
        {
            "credentials": credentials or Fixed(),
            "signing_secrets": secrets,
            "cdn_secrets": cdn_secrets,
            "cdn_keys": cdn_keys or CdnKeys(),
            "objects": objects or MemoryStore(),
            "versions": versions or MemoryVersions(),
            "link_use_counter": counter,
            "revocable_links": revocable_links,
            "renderer": renderer or Renderer(),
            "image_source": source or Source(),
            "pages": pages or PlainPages(),
            "providers": providers,
            "issuer_keys": issuer_keys,
            "leases": leases or MemoryLeaseTable(),
            "sts": sts,
        },
    )


def ask(
    method: str,
    raw_path: str,
    *,
    service: Signpost | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    address: str = "192.0.2.1",
    now: float = NOW,
) -> Reply:
    """Send a request to an application and return its reply."""
    service = service or signpost()
    service.now = now
    return service.application.handle(
        request(method, raw_path, query=query, headers=headers, body=body, address=address)
    )


def token_of_link(service: Signpost, raw_path: str, key_id: str, **wanted: object) -> str:
    """Make a link with an API key, and return its token; `wanted` has the fields of the request."""
    body = json.dumps(wanted).encode()
    reply = ask("POST", raw_path, service=service, query={"link": ""}, headers=basic(key_id), body=body)
    assert reply.status == 201, reply.body
    return str(json.loads(reply.body)["token"])


def code(reply: Reply) -> str | None:
    """The code of a refusal; None for another answer."""
    if reply.headers.get("Content-Type") != "application/problem+json":
        return None
    return str(json.loads(reply.body)["code"]) if reply.body else "a HEAD has no body"
