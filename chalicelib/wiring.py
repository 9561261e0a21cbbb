"""Builds the service, once; the only reader of the environment, and only when a request first needs it (FACTS 2.9)."""

import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from .core.cors import Cors
from .core.exchange import Answer, Exchange
from .core.message import Reply, Request
from .core.mounts import Mounts
from .core.presign import Credentials
from .core.principals import ApiKeys, refuse_token
from .core.problems import Misconfigured
from .core.rules import RuleSet
from .core.service import METHODS, Service
from .core.trace import Trace

if TYPE_CHECKING:
    from .core.ports import CredentialSource
    from .settings import Settings

_json = json.JSONEncoder(separators=(",", ":")).encode


def settings_file() -> str:
    """Where the settings are: `SIGNPOST_CONFIG`, else signpost.toml beside this module."""
    return os.environ.get("SIGNPOST_CONFIG") or os.path.join(os.path.dirname(__file__), "signpost.toml")


def load_settings() -> "Settings":
    """Read the settings; raises `settings.InvalidSettings`."""
    from .settings import load  # TOML is read once in the life of a container, and not to import the app

    return load(settings_file(), os.environ)


def under_chalice_cli() -> bool:
    """Whether a `chalice` command runs us; never so on Lambda (FACTS 2.3)."""
    return os.environ.get("AWS_CHALICE_CLI_MODE") == "true"


@cache
def exchange() -> Exchange:
    """The service, wired. With invalid settings it answers 500 to everything: it fails closed."""
    from .settings import InvalidSettings

    try:
        return _serve(load_settings(), _credentials(os.environ))
    except InvalidSettings as error:
        return _exchange(_misconfigured(error.mistakes), Cors((), METHODS), "Signpost")


def _serve(settings: "Settings", credentials: "CredentialSource") -> Exchange:
    from .backends.objects import S3Objects

    cors = Cors(settings.cors_origins, METHODS)
    service = Service(
        authenticators=(refuse_token, ApiKeys(settings.keys)),
        rules=RuleSet(settings.rules),
        mounts=Mounts(settings.mounts),
        cors=cors,
        credentials=credentials,
        objects=S3Objects() if settings.head_inline else None,
    )
    return _exchange(service.answer, cors, settings.realm)


def _exchange(answer: Answer, cors: Cors, realm: str) -> Exchange:
    return Exchange(answer=answer, cors=cors, realm=realm, clock=time.time, log=_log)


def _misconfigured(mistakes: tuple[str, ...]) -> Answer:
    def answer(request: Request, now: float, trace: Trace) -> Reply:
        raise Misconfigured(mistakes)

    return answer


def _credentials(environ: Mapping[str, str]) -> "CredentialSource":
    from .backends.credentials import ChainCredentials, FixedCredentials

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
    from datetime import datetime

    from .settings import InvalidSettings

    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        mistake = (
            "the environment variable AWS_CREDENTIAL_EXPIRATION is not a time: 2026-01-31T12:00:00Z; mend or unset it"
        )
        raise InvalidSettings([mistake]) from None


def _log(record: Mapping[str, object]) -> None:
    sys.stdout.write(_json(record) + "\n")
