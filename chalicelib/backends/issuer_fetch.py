"""Fetches the keys of an issuer: from a file, from a URL, or by discovery (OpenID Connect Discovery 1.0)."""

import os
import time
from collections.abc import Callable
from typing import Final, TypeVar

from chalicelib.core.access.issuer_keys import read_jwks
from chalicelib.core.access.issuers import Issuer, IssuerKey
from chalicelib.core.access.strict_json import read_object
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .bounded_https import AnswerTooLarge, HttpsClient, read_body
from .https_urls import HttpsUrl, NotHttps, parse_https_url
from .issuer_snapshot import is_url, source_of
from .public_addresses import NotPublic

T = TypeVar("T")

_FETCH_SECONDS: Final = 2  # of the request's deadline, for both requests of a discovery
_MAX_BYTES: Final = 64 * 1024  # of one answer

_HEADERS: Final = {
    "User-Agent": "Signpost",
    "Accept": "application/jwk-set+json, application/json",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
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
            return _Fetch(issuer, deadline).keys()
        return _parse(source, read_jwks, _read(directory, source))
    except ValueError as error:
        raise Unavailable(_UNAVAILABLE, reason=str(error)) from None


class _Fetch:
    """One fetch from the URL of an issuer.

    `inner` of the issuer holds for the host that the settings name, and for no host that a discovery names.
    """

    def __init__(self, issuer: Issuer, deadline: Deadline) -> None:
        self._issuer = issuer
        self._source = _url(source_of(issuer), "`jwks` or `issuer` in the settings")
        self._client = HttpsClient(_UNAVAILABLE)
        self._deadline = Deadline(time.monotonic, min(_FETCH_SECONDS, deadline.left()))

    def keys(self) -> tuple[IssuerKey, ...]:
        """Return the keys; raise ValueError, whose message names the URL."""
        url = self._source if self._issuer.jwks else self._discover()
        return _parse(url.text, read_jwks, self._get(url))

    def _discover(self) -> HttpsUrl:
        configuration = _parse(self._source.text, read_object, self._get(self._source))
        if configuration.get("issuer") != self._issuer.issuer:  # OpenID Connect Discovery 1.0 §4.3: exactly the same
            raise ValueError(f"{self._source.text}: has another `issuer` than the settings: correct the settings")
        return _url(configuration.get("jwks_uri"), f"{self._source.text}: `jwks_uri`")

    def _get(self, url: HttpsUrl) -> bytes:
        inner = self._issuer.inner and url.authority == self._source.authority
        try:
            with self._client.get(url, _HEADERS, self._deadline, max_bytes=_MAX_BYTES, inner=inner) as response:
                status = response.status
                body = read_body(response, _MAX_BYTES) if status == 200 else b""
        except NotPublic:
            raise ValueError(f"{url.text}: has an inner address: set `inner = true` if the issuer is inside") from None
        except AnswerTooLarge:
            raise ValueError(f"{url.text}: answers with more than {_MAX_BYTES:,} bytes") from None
        except Unavailable as problem:
            cause = type(problem.__cause__).__name__ if problem.__cause__ else problem.reason
            raise ValueError(f"{url.text}: does not answer: {cause}") from None
        if status != 200:
            raise ValueError(f"{url.text}: answers with status {status} in place of 200; no redirect is followed")
        return body


def _url(text: object, place: str) -> HttpsUrl:
    try:
        return parse_https_url(text if isinstance(text, str) else "")
    except (NotHttps, ValueError):
        raise ValueError(f"{place} is not an https URL") from None


def _read(directory: str | os.PathLike[str], name: str) -> bytes:
    try:
        with open(os.path.join(directory, name), "rb") as stream:
            return stream.read()
    except OSError as error:
        raise ValueError(f"{name}: cannot be read: {error.strerror}") from None


def _parse(place: str, parse: Callable[[bytes], T], text: bytes) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
