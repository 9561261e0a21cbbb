"""Puts the service together from its settings and an environment, both given."""

from collections.abc import Mapping
from datetime import datetime

from .backends.credentials import ChainCredentials, FixedCredentials
from .core.cors import Cors
from .core.credentials import Credentials
from .core.exchange import Answer, Exchange
from .core.message import Reply, Request
from .core.mounts import Mounts
from .core.ports import Clock, CredentialSource, Log, ObjectStore
from .core.principals import ApiKeys, refuse_token
from .core.problems import Misconfigured
from .core.rules import RuleSet
from .core.service import METHODS, Service
from .core.trace import Trace
from .settings import InvalidSettings, load


def assemble(file: str, environ: Mapping[str, str], clock: Clock, log: Log) -> Exchange:
    """Return the service. With invalid settings it answers 500 to everything: it fails closed.

    Args:
        file: the settings.
        environ: what `${NAME}` in them stands for, and where the credentials are.
        clock: the time.
        log: written to once a request.
    """
    try:
        settings = load(file, environ)
        credentials = _credentials(environ)
    except InvalidSettings as error:
        nobody = Cors((), METHODS)
        return Exchange(answer=_misconfigured(error), cors=nobody, realm="Signpost", clock=clock, log=log)
    cors = Cors(settings.cors_origins, METHODS)
    service = Service(
        authenticators=(refuse_token, ApiKeys(settings.keys)),
        rules=RuleSet(settings.rules),
        mounts=Mounts(settings.mounts),
        cors=cors,
        credentials=credentials,
        objects=_objects() if settings.head_inline else None,
    )
    return Exchange(answer=service.answer, cors=cors, realm=settings.realm, clock=clock, log=log)


def _objects() -> ObjectStore:
    from .backends.objects import S3Objects  # what it loads takes longer than all the rest, and few need it

    return S3Objects()


def _misconfigured(error: InvalidSettings) -> Answer:
    def answer(request: Request, now: float, trace: Trace) -> Reply:
        raise Misconfigured(error.mistakes)

    return answer


def _credentials(environ: Mapping[str, str]) -> CredentialSource:
    """Those of the environment, else boto3's usual chain."""
    if not (environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY")):
        return ChainCredentials()
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
