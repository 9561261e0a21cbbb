"""Source URLs: the URLs that images are fetched from, and the hosts that the settings allow."""

import re
from collections.abc import Collection
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from chalicelib.core.web.problems.base import BadParameter
from chalicelib.core.web.problems.images import SourceNotAllowed

_HTTPS_PORT: Final = 443
_MAX_PORT: Final = 65_535

_AUTHORITY: Final = re.compile(r"(\[[^@\[\]]*\]|[^@:\[\]]+)(?::([0-9]{1,5}))?")
# RFC 1123 §2.1, and the underscore, which some names have. A name whose last label is a number is an IPv4 address in
# some spelling (WHATWG URL §3.5, "ends in a number checker").
_HOST_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?!(?:[0-9]+|0x[0-9a-f]*)\Z)[a-z0-9_-]{1,63}")
_MAX_HOST_CHARACTERS: Final = 253  # RFC 1035 §2.3.4, without the bytes that end a name

_NOT_A_URL: Final = "it must be a whole URL, https://HOST/PATH: percent-encoded, and its host in punycode (xn--…)."


class SourceUrl(NamedTuple):
    """An HTTPS URL.

    Attributes:
        text: the whole URL.
        host: lower case.
        port: 443 if the URL has none.
        target: path and query.
    """

    text: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host, with `:PORT` if the port is not 443."""
        return self.host if self.port == _HTTPS_PORT else f"{self.host}:{self.port}"


def parse_source_url(text: str, base: str = "") -> SourceUrl:
    """Parse a URL, which may be relative to another URL.

    Raises:
        BadParameter: the URL is malformed. The problem repeats no part of the URL.
        SourceNotAllowed: the URL is well-formed, but not HTTPS.
    """
    if not all("!" <= character <= "~" for character in text) or "\\" in text:  # urlsplit removes some of these
        raise BadParameter("u", _NOT_A_URL)
    try:
        url = urljoin(base, text)
        parts = urlsplit(url)
    except ValueError:
        raise BadParameter("u", _NOT_A_URL) from None
    if parts.scheme not in ("", "https"):
        raise SourceNotAllowed()
    if "@" in parts.netloc:
        raise BadParameter("u", "it must hold no user name and no password.")
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if not parts.scheme or not authority:
        raise BadParameter("u", _NOT_A_URL)
    port = _HTTPS_PORT if authority[2] is None else int(authority[2])
    if not 1 <= port <= _MAX_PORT:
        raise BadParameter("u", "its port must be a number from 1 to 65535.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return SourceUrl(url, authority[1].lower(), port, target)


class AllowedHosts:
    """The hosts that the settings allow.

    Args:
        hosts: names in lower case: `images.example.com`; or `*.example.com`, for all names below `example.com`. A name
            with `:PORT` at its end allows that port, a name without a port allows 443.
    """

    def __init__(self, hosts: Collection[str]) -> None:
        entries = (host.partition(":") for host in hosts)
        self._hosts = frozenset((name, int(port or _HTTPS_PORT)) for name, _, port in entries)

    def check(self, url: SourceUrl) -> None:
        """Raise SourceNotAllowed if the host is not a name, or is not allowed."""
        if len(url.host) > _MAX_HOST_CHARACTERS or not _HOST_NAME.fullmatch(url.host):
            raise SourceNotAllowed()
        labels = url.host.split(".")
        wildcards = (f"*.{'.'.join(labels[start:])}" for start in range(1, len(labels)))
        if not any((name, url.port) in self._hosts for name in (url.host, *wildcards)):
            raise SourceNotAllowed()
