"""Bootstrap: builds the application of this process, which Lambda calls."""

import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol

from .access_factory import AccessFactory
from .core.access.actions import METHODS
from .core.application import Application
from .core.web.access_log import AccessLogEntry
from .core.web.cors import Cors
from .core.web.message import Reply, Request
from .core.web.problems.base import Misconfigured
from .core.web.times import Deadline
from .default_backends import Backends, html_pages
from .environment import Environment, of_process
from .service_factory import ServiceFactory
from .settings.load import InvalidSettings, Settings, inspect, load

if TYPE_CHECKING:
    from .core.access.link_tokens import Random
    from .core.ports import Clock, Log

_TIMEOUT_SECONDS: Final = 10.0  # lambda_timeout in .chalice/config.json
_GATEWAY_TIMEOUT_SECONDS: Final = 29.0  # API Gateway Developer Guide, "Quotas", integration timeout
_MARGIN_SECONDS: Final = 1.0  # importing, rendering, answering and logging a page take less, even at 128 MB

_to_json = json.JSONEncoder(separators=(",", ":")).encode


class LambdaContext(Protocol):
    """The context of an invocation (Lambda Developer Guide, "Python context object")."""

    def get_remaining_time_in_millis(self) -> float:
        """Return the milliseconds until Lambda ends the invocation."""
        ...


@cache
def application() -> Application:
    """Return the application of this process, built once. Where it cannot be built, it answers 500 to every request."""
    environment = of_process()
    try:
        settings = load(environment.settings_file, environment.variables, environment.region)
        backends = Backends(settings, environment, time.time, _warn)
        log = _log_with_metrics(environment.function_name) if settings.metrics else _log
        return build(settings, backends, clock=time.time, random=os.urandom, log=log)
    except InvalidSettings as error:
        return _closed_application(Misconfigured(error.mistakes))
    except Exception as error:  # Lambda would answer a failed start with 502, and with no word about the cause
        return _closed_application(error)


def start() -> None:
    """Build the application now where Lambda runs this process, because INIT has more CPU than requests (FACTS 6).

    Elsewhere the first request builds the application: `chalice deploy` imports the app on machines without settings.
    """
    if of_process().is_lambda:
        application()


def deadline(context: LambdaContext | None) -> Deadline:
    """Return the time by which an invocation must be answered; without a context, the time that Lambda would give."""
    seconds = _TIMEOUT_SECONDS if context is None else context.get_remaining_time_in_millis() / 1000
    return Deadline(time.monotonic, min(seconds, _GATEWAY_TIMEOUT_SECONDS) - _MARGIN_SECONDS)


def is_chalice_cli() -> bool:
    """Whether a `chalice` command runs this process."""
    return of_process().is_chalice_cli


def inspect_settings(environment: Environment) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings and the warnings about them; raise InvalidSettings with all mistakes."""
    mistakes = environment.mistakes()
    try:
        settings, warnings = inspect(environment.settings_file, environment.variables, environment.region)
    except InvalidSettings as error:
        raise InvalidSettings([*error.mistakes, *mistakes], error.warnings) from None
    if settings.limits:
        try:
            environment.table_of_limits()
        except InvalidSettings as error:
            mistakes += error.mistakes
    if any(mount.cdn for mount in settings.mounts):
        try:
            _ = Backends(settings, environment, time.time, _warn).cdn_keys
        except InvalidSettings as error:
            mistakes += [mistake for mistake in error.mistakes if mistake not in mistakes]
    if mistakes:
        raise InvalidSettings(mistakes, warnings)
    return settings, warnings


def access_factory(settings: Settings, environment: Environment) -> AccessFactory:
    """Return the factory of tokens and links, for the administrator's tool; raise InvalidSettings."""
    backends = Backends(settings, environment, time.time, lambda text: sys.stderr.write(f"{text}\n"))
    return AccessFactory(settings, backends, os.urandom)


def build(settings: Settings, backends: Backends, *, clock: "Clock", random: "Random", log: "Log") -> Application:
    """Return an application.

    Args:
        settings: the settings.
        backends: the backends.
        clock: returns the Unix time in seconds.
        random: returns bytes that nobody can guess.
        log: writes one record for each request.
    """
    factory = ServiceFactory(settings, backends, random)
    application = Application(
        answer=factory.service().answer,
        cors=factory.cors,
        pages=lambda: backends.pages,
        realm=settings.realm,
        sign_in=factory.access.sessions is not None,
        issuers=[issuer.name for issuer in factory.access.sign_in_issuers],
        public_url=settings.public_url,
        authorization_header=settings.authorization_header,
        address_of=factory.client_addresses.address_for_log if settings.log_address else None,
        clock=clock,
        log=log,
    )
    factory.answer = application.answer
    return application


def _closed_application(error: Exception) -> Application:
    """Return an application that answers 500 to every request, and logs the error."""
    traceback = error.__traceback__

    def answer(request: Request, now: float, log_entry: AccessLogEntry) -> Reply:
        raise error.with_traceback(traceback)  # else the traceback would grow with each request

    return Application(
        answer=answer,
        cors=Cors((), METHODS),
        pages=html_pages,
        realm="Signpost",
        sign_in=False,
        issuers=(),
        public_url=None,
        authorization_header=None,
        address_of=None,
        clock=time.time,
        log=_log,
    )


def _log(record: Mapping[str, object]) -> None:
    sys.stdout.write(_to_json(record) + "\n")


def _log_with_metrics(function_name: str) -> "Log":
    from .core.web.metrics import with_metrics  # off by default

    return lambda record: _log(with_metrics(record, function_name, time.time()))


def _warn(text: str) -> None:
    _log({"warning": text})
