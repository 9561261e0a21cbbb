"""Fakes: the ports of the core as classes, and a service that stands on them."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from chalicelib.core import ports
from chalicelib.core.access.actions import METHODS
from chalicelib.core.access.client_address import ClientAddresses
from chalicelib.core.access.link_tokens import LinkTokens
from chalicelib.core.access.principals import ApiKey, ApiKeys, AuthorizationHeader
from chalicelib.core.access.rules import Rule, RuleSet
from chalicelib.core.access.sessions import Sessions
from chalicelib.core.access.signing import Secrets, Signer
from chalicelib.core.application import Answer, Application
from chalicelib.core.features.directories import Browsing
from chalicelib.core.features.directory_listing import Directories
from chalicelib.core.features.image_endpoints import Rendering
from chalicelib.core.features.links import Sharing
from chalicelib.core.features.resize_links import ResizeLinks
from chalicelib.core.features.sign_in import OwnPages
from chalicelib.core.features.stored_images import Derivatives
from chalicelib.core.link_uses import LinkUses
from chalicelib.core.ports import CredentialSource, LinkUseCounter, ListedKey, Metadata, ObjectStore, Page, Pages
from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.service import Service
from chalicelib.core.web.cors import Cors
from chalicelib.core.web.image_parameters import Image, Rendition
from chalicelib.core.web.message import Reply
from chalicelib.core.web.page_views import Asset, DirectoryView, ProblemView, SignInView
from chalicelib.core.web.problems import NotFound, SourceNotAllowed
from chalicelib.core.web.times import Deadline

from .builders import CREDENTIALS, KEYS, NOW, RULES, mount, request


class Fixed:
    """Credentials that stay as they are."""

    def __init__(self, credentials: Credentials = CREDENTIALS) -> None:
        self.credentials = credentials

    def current(self, deadline: Deadline) -> Credentials:
        return self.credentials


class Failing:
    """A port that fails in whatever way it is told."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def current(self, deadline: Deadline) -> Credentials:
        raise self.error

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        raise self.error

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> Page:
        raise self.error

    def read(
        self,
        target: Target,
        query: Mapping[str, str],
        etag: str,
        deadline: Deadline,
        is_wanted: Callable[[bytes], bool],
    ) -> bytes:
        raise self.error

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        raise self.error

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        raise self.error

    def host(self, url: str) -> str:
        raise self.error

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        raise self.error


class Objects:
    """A store in which every object has the same metadata, and buckets hold keys; it remembers what was asked."""

    def __init__(self, metadata: Metadata | None = None, buckets: Mapping[str, Iterable[str]] | None = None) -> None:
        self.metadata = metadata or Metadata(200, {})
        self.buckets = {name: set(keys) for name, keys in (buckets or {}).items()}
        self.calls = 0
        self.asked: list[tuple[Target, Mapping[str, str], Mapping[str, str]]] = []

    def head(
        self, target: Target, query: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Metadata:
        self.asked.append((target, query, headers))
        return self.metadata

    def list(self, target: Target, deadline: Deadline, *, recursive: bool, after: str, limit: int) -> Page:
        self.calls += 1
        found: dict[str, ListedKey] = {}
        for key in self.buckets.get(target.mount.bucket, ()):
            name = key.removeprefix(target.key)
            if not key.startswith(target.key) or key <= after:
                continue
            first, slash, _ = name.partition("/")
            if slash and not recursive:
                prefix = target.key + first + "/"
                if prefix > after:
                    found[prefix] = ListedKey(prefix, True, 0, 0, "")
            else:
                found[key] = ListedKey(key, False, len(key), NOW, f'"{len(key)}"')
        return Page([found[key] for key in sorted(found)[:limit]], len(found) <= limit)

    def read(
        self,
        target: Target,
        query: Mapping[str, str],
        etag: str,
        deadline: Deadline,
        is_wanted: Callable[[bytes], bool],
    ) -> bytes:
        raise NotFound("This store holds no bytes.")

    def create(self, target: Target, image: Image, deadline: Deadline) -> None:
        self.buckets.setdefault(target.mount.bucket, set()).add(target.key)


class Renderer:
    """Makes of every image a few words that say what was asked for; it remembers what it was given."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Rendition]] = []

    def render(self, data: bytes, rendition: Rendition, deadline: Deadline) -> Image:
        self.asked.append((data, rendition))
        return Image(f"image/{rendition.format or 'jpeg'}", f"{rendition.size} {rendition.fit}".encode())


class Source:
    """Other sites with images; it remembers which were fetched."""

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
            raise NotFound("That site has nothing there.")
        return self.images[url]


class PlainPages:
    """Pages that are their views, written out."""

    def directory(self, view: DirectoryView) -> bytes:
        return repr(view).encode()

    def problem(self, view: ProblemView) -> bytes:
        return repr(view).encode()

    def sign_in(self, view: SignInView) -> bytes:
        return repr(view).encode()

    def asset(self, name: str) -> Asset | None:
        return Asset("text/css; charset=utf-8", b"a {}") if name == "page.css" else None


class Randomness:
    """Bytes that are never the same twice, and the same in every run."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(size)


SIGNING_SECRET = b"the-signing-secret-of-all-the-tests"


def signer(purpose: str) -> Signer:
    """What a service signs with for a purpose."""
    return Signer(lambda _: [SIGNING_SECRET], purpose)


def links() -> LinkTokens:
    """What makes the links of a service."""
    return LinkTokens(signer("link"), Randomness())


ROOT = mount()


def service(
    *,
    keys: Sequence[ApiKey] = KEYS,
    rules: Sequence[Rule] = RULES,
    mounts: Sequence[Mount] = (ROOT,),
    cors_origins: Sequence[str] = (),
    credentials: CredentialSource | None = None,
    objects: ObjectStore | None = None,
    head_inline: bool = False,
    tokens: LinkUseCounter | None = None,
    sign_in: bool = True,
    pages: Pages | None = None,
    renderer: ports.Renderer | None = None,
    source: ports.ImageSource | None = None,
    cdn_secrets: Secrets | None = None,
) -> Service:
    """A service over fakes; it counts no uses unless it is given where."""
    known, rule_set, mounted = ApiKeys(keys), RuleSet(list(rules)), Mounts(mounts)
    sessions = Sessions(known, signer("session")) if sign_in else None
    store, pages = objects or Objects(), pages or PlainPages()
    sharing = Sharing(rules=rule_set, links=links(), tokens=tokens)
    derivatives = Derivatives(mounts=mounted, objects=store, renderer=renderer or Renderer())
    return Service(
        keys=known,
        authenticators=(AuthorizationHeader(known), *([sessions] if sessions else [])),
        rules=rule_set,
        mounts=mounted,
        cors=Cors(cors_origins, METHODS),
        credentials=credentials or Fixed(),
        objects=(lambda: store) if head_inline else None,
        links=links(),
        sharing=lambda: sharing,
        uses=LinkUses(
            tokens=lambda: tokens, addresses=ClientAddresses(cdn_secrets), clients=signer("client"), random=Randomness()
        ),
        derivatives=lambda: derivatives,
        rendering=lambda: Rendering(renderer=renderer or Renderer(), source=source or Source()),
        resize_links=lambda: ResizeLinks(rules=rule_set, signer=signer("resize link"), source=source or Source()),
        browsing=lambda: Browsing(
            directories=Directories(rules=rule_set, mounts=mounted, objects=store, signer=signer("cursor")),
            rules=rule_set,
            mounts=mounted,
            sharing=sharing,
            pages=pages,
            realm="Acme files",
            sign_in=sign_in,
        ),
        own_pages=lambda: OwnPages(keys=known, sessions=sessions, pages=pages, realm="Acme files"),
    )


def exchange(
    answer: Answer | None = None,
    *,
    cors_origins: Sequence[str] = (),
    now: float = NOW,
    log: list[Mapping[str, object]] | None = None,
    authorization_header: str | None = None,
) -> Application:
    """The frame around a service; its time stands still, and its log is a list."""
    lines: list[Mapping[str, object]] = [] if log is None else log
    return Application(
        answer=answer or service(cors_origins=cors_origins).answer,
        cors=Cors(cors_origins, METHODS),
        pages=PlainPages,
        realm="Acme files",
        sign_in=True,
        public_url=None,
        authorization_header=authorization_header,
        clock=lambda: now,
        log=lines.append,
    )


def ask(
    method: str,
    raw_path: str,
    *,
    by: Service | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    address: str = "192.0.2.1",
    now: float = NOW,
) -> Reply:
    """Ask a service and return its reply."""
    frame = exchange((by or service()).answer, now=now)
    return frame.handle(request(method, raw_path, query=query, headers=headers, body=body, address=address))


def code(reply: Reply) -> str | None:
    """The code of a refusal, None for any other answer."""
    if reply.headers.get("Content-Type") != "application/problem+json":
        return None
    return str(json.loads(reply.body)["code"]) if reply.body else "a HEAD has no body"
