"""Source URLs: the URLs that images are fetched from, and the hosts that the settings allow."""

import re
from collections.abc import Collection
from typing import Final

from chalicelib.backends.https_urls import HTTPS_PORT, HttpsUrl, NotHttps, parse_https_url
from chalicelib.core.web.problems.base import BadParameter
from chalicelib.core.web.problems.images import SourceNotAllowed

# RFC 1123 §2.1, and the underscore, which some names have. A name whose last label is a number is an IPv4 address in
# some spelling (WHATWG URL §3.5, "ends in a number checker").
_HOST_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?!(?:[0-9]+|0x[0-9a-f]*)\Z)[a-z0-9_-]{1,63}")
_MAX_HOST_CHARACTERS: Final = 253  # RFC 1035 §2.3.4, without the bytes that end a name


def parse_source_url(text: str, base: str = "") -> HttpsUrl:
    """Parse a URL, which may be relative to another URL.

    Raises:
        BadParameter: the URL is malformed. The problem repeats no part of the URL.
        SourceNotAllowed: the URL is well-formed, but not HTTPS.
    """
    try:
        return parse_https_url(text, base)
    except NotHttps:
        raise SourceNotAllowed() from None
    except ValueError as error:
        raise BadParameter("u", str(error)) from None


class AllowedHosts:
    """The hosts that the settings allow.

    Args:
        hosts: names in lower case: `images.example.com`; or `*.example.com`, for all names below `example.com`. A name
            with `:PORT` at its end allows that port, a name without a port allows 443.
    """

    def __init__(self, hosts: Collection[str]) -> None:
        entries = (host.partition(":") for host in hosts)
        self._hosts = frozenset((name, int(port or HTTPS_PORT)) for name, _, port in entries)

    def check(self, url: HttpsUrl) -> None:
        """Raise SourceNotAllowed if the host is not a name, or is not allowed."""
        if len(url.host) > _MAX_HOST_CHARACTERS or not _HOST_NAME.fullmatch(url.host):
            raise SourceNotAllowed()
        labels = url.host.split(".")
        wildcards = (f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels)))
        if not any((name, url.port) in self._hosts for name in (url.host, *wildcards)):
            raise SourceNotAllowed()
