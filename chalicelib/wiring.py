"""Where the service meets the world: the only reader of the environment, and only once a request needs it (FACTS 2.9).

Nothing of the service is loaded to import the app: the first request loads it together with its settings.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from .core.web.times import Deadline

if TYPE_CHECKING:
    from .core.access.link_tokens import LinkTokens
    from .core.application import Application
    from .settings.load import Settings

_TIMEOUT: Final = 10.0  # seconds: lambda_timeout in .chalice/config.json
_GATEWAY_TIMEOUT: Final = 29.0  # seconds: API Gateway Developer Guide, "Quotas", integration timeout
_MARGIN: Final = 1.0  # seconds: loading what makes a page, making it, answering and logging take less, even at 128 MB

_json = json.JSONEncoder(separators=(",", ":")).encode


def environment(stage: str | None) -> Mapping[str, str]:
    """Our own environment; with a stage, that of the stage's functions. Raises `settings.InvalidSettings`."""
    if stage is None:
        return os.environ
    from .stages import environment_of

    return environment_of(stage, {**os.environ, **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), _region())})


def _region() -> str:
    """The region that a deployment from here goes to; empty where nothing names one."""
    own = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if own:
        return own
    from botocore.session import Session  # the profile may name one; only the tool comes here

    return Session().get_config_variable("region") or ""


def settings_file(environ: Mapping[str, str]) -> str:
    """Where the settings are: `SIGNPOST_CONFIG`, else signpost.toml beside this module."""
    return environ.get("SIGNPOST_CONFIG") or os.path.join(os.path.dirname(__file__), "signpost.toml")


def inspect_settings(environ: Mapping[str, str]) -> "tuple[Settings, tuple[str, ...]]":
    """Read the settings and the warnings about them.

    Raises:
        settings.InvalidSettings: a mistake in the file or the environment, with which the service serves nothing.
    """
    from .assembly import environment_mistakes
    from .settings.load import InvalidSettings, inspect

    wrong = environment_mistakes(environ)
    try:
        settings, warnings = inspect(settings_file(environ), environ)
    except InvalidSettings as error:
        raise InvalidSettings([*error.mistakes, *wrong], error.warnings) from None
    if wrong:
        raise InvalidSettings(wrong, warnings)
    return settings, warnings


def now() -> int:
    """The time: Unix time in whole seconds."""
    return int(time.time())


def links(environ: Mapping[str, str]) -> "LinkTokens":
    """What makes links; raises `settings.InvalidSettings`."""
    from .assembly import links

    return links(environ, os.urandom)


def under_chalice_cli() -> bool:
    """Whether a `chalice` command runs us; never so on Lambda (FACTS 2.3)."""
    return os.environ.get("AWS_CHALICE_CLI_MODE") == "true"


def deadline(context: Any) -> Deadline:
    """The time by which an invocation must be answered.

    Args:
        context: what Lambda hands to the handler (Lambda Developer Guide, "Python context object"); None elsewhere.
    """
    seconds = _TIMEOUT if context is None else context.get_remaining_time_in_millis() / 1000
    return Deadline(time.monotonic, min(seconds, _GATEWAY_TIMEOUT) - _MARGIN)


@cache
def exchange() -> "Application":
    """The service, built by the first request and kept for all others."""
    from .assembly import assemble

    return assemble(settings_file(os.environ), os.environ, time.time, os.urandom, _log)


def _log(record: Mapping[str, object]) -> None:
    sys.stdout.write(_json(record) + "\n")
