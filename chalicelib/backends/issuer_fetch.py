"""Fetches the keys of an issuer: from a file, from a URL, or by discovery (OpenID Connect Discovery 1.0)."""

import os
from typing import Final

from chalicelib.core.access.issuer_keys import read_jwks
from chalicelib.core.access.issuers import Issuer, IssuerKey
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .issuer_snapshot import is_url, source_of

_UNAVAILABLE: Final = "The keys of the issuer cannot be fetched."


def fetch_keys(issuer: Issuer, directory: str | os.PathLike[str], deadline: Deadline) -> tuple[IssuerKey, ...]:
    """Return the keys that the issuer has now.

    Args:
        issuer: its `jwks` and `issuer` say where.
        directory: of the settings, for a file.
        deadline: of the request.

    Raises:
        Unavailable: the keys cannot be fetched. The reason says why, for the log.
    """
    source = source_of(issuer)
    try:
        return read_jwks(_fetch(issuer, deadline) if is_url(source) else _read(os.path.join(directory, source)))
    except OSError as error:
        raise Unavailable(_UNAVAILABLE, reason=f"{source}: {error.strerror}") from None
    except ValueError as error:
        raise Unavailable(_UNAVAILABLE, reason=f"{source}: {error}") from None


def _read(file: str) -> bytes:
    with open(file, "rb") as stream:
        return stream.read()


def _fetch(issuer: Issuer, deadline: Deadline) -> bytes:
    raise ValueError("no URL is fetched yet; run `python -m chalicelib issuers --fetch`")
