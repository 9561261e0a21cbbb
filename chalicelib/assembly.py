"""Puts the service together from its settings and an environment, both given."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

from .backends.credentials import ChainCredentials, FixedCredentials
from .backends.secrets import secret_source
from .beyond import Beyond, Common, pages
from .core.access.actions import METHODS
from .core.access.client_address import ClientAddresses
from .core.access.link_tokens import LinkTokens, Random
from .core.access.principals import ApiKeys, AuthorizationHeader
from .core.access.rules import RuleSet
from .core.access.sessions import Sessions
from .core.access.signing import Secrets, Signer
from .core.application import Application
from .core.link_uses import LinkUses
from .core.s3.mounts import Mounts
from .core.s3.stores import Credentials
from .core.service import Service
from .core.web.access_log import AccessLogEntry
from .core.web.cors import Cors
from .core.web.message import Reply, Request
from .core.web.problems import Misconfigured, NotOffered
from .core.web.times import Deadline
from .settings.checks import ACCESS_KEY, SECRET_KEY
from .settings.load import InvalidSettings, load

if TYPE_CHECKING:
    from .core.ports import Clock, CredentialSource, Log


def assemble(file: str, environ: Mapping[str, str], clock: "Clock", random: Random, log: "Log") -> Application:
    """Return the service. With invalid settings it answers 500 to everything: it fails closed.

    Args:
        file: the settings.
        environ: what `${NAME}` in them stands for, where the credentials are, the signing secrets and the table.
        clock: the time.
        random: bytes that nobody can guess.
        log: written to once a request.
    """
    try:
        settings = load(file, environ)
        credentials = _credentials(environ)
        cdn_secrets = secret_source(settings.cdn_secret) if settings.cdn_secret else None
        secrets = _secrets(environ)
    except InvalidSettings as error:
        return _closed(error, clock, log)
    signing = secrets or _no_secrets
    keys = ApiKeys(settings.keys)
    sessions = Sessions(keys, Signer(signing, "session")) if secrets else None
    common = Common(
        realm=settings.realm,
        secrets=signing,
        keys=keys,
        sessions=sessions,
        rules=RuleSet(settings.rules),
        mounts=Mounts(settings.mounts),
        links=LinkTokens(_link_signer(signing), random),
        table=environ.get("SIGNPOST_TABLE") or None,
        region=environ.get("AWS_REGION"),
        image_hosts=settings.image_hosts,
    )
    beyond = Beyond(common)
    cors = Cors(settings.cors_origins, METHODS)
    service = Service(
        keys=keys,
        authenticators=(AuthorizationHeader(keys), *([sessions] if sessions else [])),
        rules=common.rules,
        mounts=common.mounts,
        cors=cors,
        credentials=credentials,
        objects=(lambda: beyond.objects) if settings.head_inline else None,
        links=common.links,
        sharing=lambda: beyond.sharing,
        uses=LinkUses(
            tokens=lambda: beyond.tokens,
            addresses=ClientAddresses(cdn_secrets),
            clients=Signer(signing, "client"),
            random=random,
        ),
        browsing=lambda: beyond.browsing,
        derivatives=lambda: beyond.derivatives,
        rendering=lambda: beyond.rendering,
        resize_links=lambda: beyond.resize_links,
        own_pages=lambda: beyond.own_pages,
    )
    return Application(
        answer=service.answer,
        cors=cors,
        pages=pages,
        realm=settings.realm,
        sign_in=sessions is not None,
        public_url=settings.public_url,
        authorization_header=settings.authorization_header,
        clock=clock,
        log=log,
    )


def _closed(error: InvalidSettings, clock: "Clock", log: "Log") -> Application:
    def answer(request: Request, now: float, trace: AccessLogEntry) -> Reply:
        raise Misconfigured(error.mistakes)

    return Application(
        answer=answer,
        cors=Cors((), METHODS),
        pages=pages,
        realm="Signpost",
        sign_in=False,
        public_url=None,
        authorization_header=None,
        clock=clock,
        log=log,
    )


def environment_mistakes(environ: Mapping[str, str]) -> list[str]:
    """Return the mistakes in the environment, at which `assemble` gives a service that serves nothing."""
    found: list[str] = []
    for read in (_credentials, _secrets):
        try:
            read(environ)
        except InvalidSettings as error:
            found += error.mistakes
    return found


def links(environ: Mapping[str, str], random: Random) -> LinkTokens:
    """Return what makes links; raises `settings.InvalidSettings` for secrets that cannot be used."""
    return LinkTokens(_link_signer(_secrets(environ) or _no_secrets), random)


def _link_signer(secrets: Secrets) -> Signer:
    return Signer(secrets, "link")


def _secrets(environ: Mapping[str, str]) -> Secrets | None:
    """The signing secrets, or where they are; None where nothing can be signed."""
    reference = environ.get("SIGNPOST_SECRET")
    if not reference:
        return None
    try:
        return secret_source(reference)
    except ValueError as error:
        raise InvalidSettings([f"the environment variable SIGNPOST_SECRET: {error}"]) from None


def _no_secrets(deadline: Deadline) -> NoReturn:
    raise NotOffered(
        "Nothing can be signed here, so there are neither links nor long listings: SIGNPOST_SECRET is not set."
    )


def _credentials(environ: Mapping[str, str]) -> "CredentialSource":
    """Those of the environment, else boto3's usual chain."""
    if not (environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY")):
        return ChainCredentials()
    for name, check in (("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)):
        if not check.passes(environ[name]):
            raise InvalidSettings([f"the environment variable {name} is not {check.wanted}"])
    return FixedCredentials(
        Credentials(
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
            environ.get("AWS_SESSION_TOKEN") or None,
            _expiration(environ.get("AWS_CREDENTIAL_EXPIRATION")),
        )
    )


def _expiration(text: str | None) -> float | None:
    """When credentials end: what `aws configure export-credentials` writes beside them, and boto3 reads too."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        mistake = (
            "the environment variable AWS_CREDENTIAL_EXPIRATION is not a time: 2026-01-31T12:00:00Z; mend or unset it"
        )
        raise InvalidSettings([mistake]) from None
