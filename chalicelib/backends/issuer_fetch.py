"""Fetches the keys of an issuer: from a file, from a URL, or by discovery."""

import os
from typing import Final

from chalicelib.core.access.issuer_keys import read_jwks
from chalicelib.core.access.issuers import Issuer, IssuerKey
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .issuer_https import IssuerHttps, fetch_deadline, https_url, parse
from .issuer_snapshot import is_url, source_of

_UNAVAILABLE: Final = "The service cannot fetch the keys of the issuer that made the token."


def fetch_keys(issuer: Issuer, directory: str | os.PathLike[str], deadline: Deadline) -> tuple[IssuerKey, ...]:
    """Return the keys that the issuer has now.

    Args:
        issuer: its `jwks` or its `issuer` says where the keys are.
        directory: of the settings, for a file.
        deadline: of the request.

    Raises:
        Unavailable: the keys cannot be fetched; the reason names the URL or the file, for the log.
    """
    source = source_of(issuer)
    try:
        if is_url(source):
            return _from_issuer(issuer, IssuerHttps(issuer, source, fetch_deadline(deadline)))
        return parse(source, read_jwks, _read(directory, source))
    except ValueError as error:
        raise Unavailable(_UNAVAILABLE, reason=str(error)) from None


def _from_issuer(issuer: Issuer, https: IssuerHttps) -> tuple[IssuerKey, ...]:
    source = https.source
    url = source if issuer.jwks else https_url(https.discover().get("jwks_uri"), f"{source.text}: `jwks_uri`")
    return parse(url.text, read_jwks, https.get(url))


def _read(directory: str | os.PathLike[str], name: str) -> bytes:
    try:
        with open(os.path.join(directory, name), "rb") as stream:
            return stream.read()
    except OSError as error:
        raise ValueError(f"{name}: cannot be read: {error.strerror}") from None
