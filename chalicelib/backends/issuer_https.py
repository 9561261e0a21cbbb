"""Requests to an issuer: for its configuration (OpenID Connect Discovery 1.0), its keys, and its tokens."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from chalicelib.core.access.issuers import Issuer
from chalicelib.core.access.strict_json import read_object
from chalicelib.core.web.problems.base import Unavailable
from chalicelib.core.web.times import Deadline

from .bounded_https import AnswerTooLarge, HttpsClient, read_body
from .https_urls import HttpsUrl, NotHttps, parse_https_url
from .public_addresses import NotPublic

T = TypeVar("T")

_FETCH_SECONDS: Final = 2  # of the request's deadline, for all requests of one fetch
_MAX_BYTES: Final = 64 * 1024  # of one answer

_HEADERS: Final = {
    "User-Agent": "Signpost",
    "Accept": "application/jwk-set+json, application/json",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_STATUSES_OF_TOKENS: Final = (200, 400, 401, 403)  # RFC 6749 §5.1 and §5.2; Auth0 refuses a code with 403


def fetch_deadline(deadline: Deadline) -> Deadline:
    """Return the deadline of a fetch, which a request may wait for: two seconds, or less where less is left."""
    return Deadline(time.monotonic, min(_FETCH_SECONDS, deadline.left()))


class IssuerHttps:
    """Sends requests to one issuer, and follows no redirect.

    Each method raises ValueError where the issuer gives no answer that can be used. The message names the URL, and
    nothing of the answer.

    Args:
        issuer: its `inner` holds for the host of `source`, which the settings name, and for no host that a discovery
            names.
        source: the URL where a fetch begins.
        deadline: of all requests.
    """

    def __init__(self, issuer: Issuer, source: str, deadline: Deadline) -> None:
        self.source = https_url(source, "`jwks` or `issuer` in the settings")
        self._issuer = issuer
        self._deadline = deadline
        self._client = HttpsClient("The issuer does not answer.")

    def discover(self) -> Mapping[str, Any]:
        """Return the configuration of the issuer, which is at `source`."""
        configuration = parse(self.source.text, read_object, self.get(self.source))
        if configuration.get("issuer") != self._issuer.issuer:  # OpenID Connect Discovery 1.0 §4.3: exactly the same
            raise ValueError(f"{self.source.text}: has another `issuer` than the settings: correct the settings")
        return configuration

    def get(self, url: HttpsUrl) -> bytes:
        """Return the body at a URL."""
        status, body = self._send("GET", url, {}, (200,))
        if status != 200:
            raise ValueError(f"{url.text}: answers with status {status} in place of 200; no redirect is followed")
        return body

    def post(self, url: HttpsUrl, form: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a form, and return the status and the body of the answer; the body of an unusual status is empty.

        Args:
            url: of the request.
            form: the body of the request.
            headers: more headers than each request has.
        """
        return self._send("POST", url, {**_FORM, **headers}, _STATUSES_OF_TOKENS, form)

    def _send(
        self,
        method: str,
        url: HttpsUrl,
        headers: Mapping[str, str],
        with_body: Collection[int],
        body: bytes | None = None,
    ) -> tuple[int, bytes]:
        """Send a request; the body of the answer is read where the status is in `with_body`."""
        inner = self._issuer.inner and url.authority == self.source.authority
        try:
            with self._client.request(
                method, url, {**_HEADERS, **headers}, self._deadline, max_bytes=_MAX_BYTES, body=body, inner=inner
            ) as response:
                return response.status, read_body(response, _MAX_BYTES) if response.status in with_body else b""
        except NotPublic:
            raise ValueError(f"{url.text}: has an inner address: set `inner = true` if the issuer is inside") from None
        except AnswerTooLarge:
            raise ValueError(f"{url.text}: answers with more than {_MAX_BYTES:,} bytes") from None
        except Unavailable as problem:
            cause = type(problem.__cause__).__name__ if problem.__cause__ else problem.reason
            raise ValueError(f"{url.text}: does not answer: {cause}") from None


def https_url(text: object, place: str) -> HttpsUrl:
    """Return a URL without a fragment; raise ValueError, whose message begins with the place of the URL."""
    try:
        url = parse_https_url(text if isinstance(text, str) else "")
    except (NotHttps, ValueError):
        raise ValueError(f"{place} is not an https URL") from None
    if "#" in url.text:
        raise ValueError(f"{place} has a fragment")
    return url


def parse(place: str, parser: Callable[[bytes], T], text: bytes) -> T:
    """Return what a parser reads; raise ValueError, whose message begins with the place of the text."""
    try:
        return parser(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
