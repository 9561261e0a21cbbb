"""Web images: images of other sites, fetched from allowed hosts only, by HTTPS, at public addresses, and in time."""

from collections.abc import Collection
from http.client import HTTPResponse
from typing import Final, NamedTuple

from chalicelib.backends.bounded_https import AnswerTooLarge, HttpsClient, read_body
from chalicelib.backends.https_urls import HttpsUrl
from chalicelib.backends.public_addresses import NotPublic
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES
from chalicelib.core.web.problems.base import BadParameter, NotFound, Unavailable
from chalicelib.core.web.problems.images import ImageTooLarge, SourceFailed, SourceNotAllowed
from chalicelib.core.web.times import Deadline

from .source_urls import AllowedHosts, parse_source_url

_REDIRECTS: Final = (301, 302, 303, 307, 308)  # RFC 9110 §15.4
_MAX_REDIRECTS: Final = 3
_MAX_FRAMING_BYTES: Final = 1024**2  # headers, and the lines between the chunks of a body

_HEADERS: Final = {
    "User-Agent": "Signpost",
    "Accept": "image/avif, image/webp, image/jpeg, image/png, image/gif, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class _Redirect(NamedTuple):
    """A redirect of the site; the location may be relative."""

    location: str


class WebImages:
    """`ports.ImageSource` by HTTPS.

    Args:
        hosts: the hosts that the settings allow; see `AllowedHosts`.
        max_bytes: of an image.
    """

    def __init__(self, hosts: Collection[str], max_bytes: int = MAX_IMAGE_BYTES) -> None:
        self._allowed_hosts = AllowedHosts(hosts)
        self._client = HttpsClient("The site of the image does not answer.")
        self._max_bytes = max_bytes

    def host(self, url: str) -> str:
        """Return the host of a URL; see `ports.ImageSource.host`."""
        source = parse_source_url(url)
        self._allowed_hosts.check(source)
        return source.authority

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        """Return the body at a URL; see `ports.ImageSource.fetch`."""
        source = parse_source_url(url)
        for _ in range(1 + _MAX_REDIRECTS):
            self._allowed_hosts.check(source)
            answer = self._ask(source, deadline)
            if isinstance(answer, bytes):
                return answer
            try:
                source = parse_source_url(answer.location, base=source.text)
            except BadParameter:
                raise SourceFailed("The site of the image redirects to a location that is not a URL.") from None
        raise SourceFailed(f"The site of the image redirects more than {_MAX_REDIRECTS} times.")

    def _ask(self, source: HttpsUrl, deadline: Deadline) -> bytes | _Redirect:
        """Send one request."""
        max_bytes = self._max_bytes + _MAX_FRAMING_BYTES
        try:
            with self._client.request("GET", source, _HEADERS, deadline, max_bytes=max_bytes) as response:
                return _read(response, self._max_bytes)
        except NotPublic:
            raise SourceNotAllowed() from None
        except AnswerTooLarge:
            raise ImageTooLarge(f"The image has more than {self._max_bytes:,} bytes.") from None


def _read(response: HTTPResponse, max_bytes: int) -> bytes | _Redirect:
    """Return the body or the redirect. The core judges whether the body is an image."""
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location is not None:
        return _Redirect(location.strip(" \t"))  # RFC 9110 §5.5
    if response.status in (404, 410):
        raise NotFound("The site of the image says that there is no such image.")
    if response.status >= 500:
        raise Unavailable("The site of the image is out of order.")
    if response.status != 200:
        raise SourceFailed(f"The site of the image answered {response.status}.")
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise SourceFailed("The site sends the image compressed, although the service asked for no compression.")
    return read_body(response, max_bytes)
