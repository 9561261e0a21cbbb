"""HTTPS URLs: the parts of a URL that others chose."""

import re
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

HTTPS_PORT: Final = 443
_MAX_PORT: Final = 65_535

_AUTHORITY: Final = re.compile(r"(\[[^@\[\]]*\]|[^@:\[\]]+)(?::([0-9]{1,5}))?")

_NOT_A_URL: Final = "it must be a whole URL, https://HOST/PATH: percent-encoded, and its host in punycode (xn--…)."


class NotHttps(Exception):
    """The text is a URL, but not an HTTPS URL."""


class HttpsUrl(NamedTuple):
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
        return self.host if self.port == HTTPS_PORT else f"{self.host}:{self.port}"


def parse_https_url(text: str, base: str = "") -> HttpsUrl:
    """Parse a URL, which may be relative to another URL.

    Raises:
        ValueError: the URL is malformed. The message repeats no part of the URL.
        NotHttps: the URL is well-formed, but not HTTPS.
    """
    if not all("!" <= character <= "~" for character in text) or "\\" in text:  # urlsplit removes some of these
        raise ValueError(_NOT_A_URL)
    try:
        url = urljoin(base, text)
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(_NOT_A_URL) from None
    if parts.scheme not in ("", "https"):
        raise NotHttps()
    if "@" in parts.netloc:
        raise ValueError("it must hold no user name and no password.")
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if not parts.scheme or not authority:
        raise ValueError(_NOT_A_URL)
    port = HTTPS_PORT if authority[2] is None else int(authority[2])
    if not 1 <= port <= _MAX_PORT:
        raise ValueError("its port must be a number from 1 to 65535.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return HttpsUrl(url, authority[1].lower(), port, target)
