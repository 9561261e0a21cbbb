"""The issuers: whether their keys, and the endpoints of those with which people sign in, can be fetched."""

import shlex
from collections.abc import Iterator

from chalicelib.backends.issuer_fetch import fetch_keys
from chalicelib.backends.issuer_https import IssuerHttps
from chalicelib.backends.issuer_snapshot import discovery_url, is_url, source_of
from chalicelib.core.access.issuers import Issuer
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .checks import Fault


def examine_issuer(issuer: Issuer, directory: str, deadline: Deadline) -> Iterator[Fault]:
    """Yield a fault where the issuer gives no keys, or, where people sign in with the issuer, no configuration.

    Args:
        issuer: of the settings.
        directory: of the settings, for a file of keys.
        deadline: of the requests.
    """
    try:
        fetch_keys(issuer, directory, deadline)
        if issuer.client_id and issuer.jwks:  # without `jwks`, the keys were found by discovery
            IssuerHttps(issuer, discovery_url(issuer), deadline).discover()
    except Unavailable as problem:
        yield Fault(problem.reason, _look(issuer))
    except ValueError as error:
        yield Fault(str(error), _look(issuer))


def _look(issuer: Issuer) -> str:
    """The command that shows the answer of the issuer; a fault of the issuer is repaired there."""
    source = source_of(issuer)
    return f"curl -sS -i {shlex.quote(source)}" if is_url(source) else f"python -m json.tool {shlex.quote(source)}"
