"""Sends requests to a store."""

from contextlib import closing
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from tests.support.builders import Fields
from tests.support.entry_points import Answer


def send(method: str, url: str, headers: Fields = (), body: bytes | None = None) -> Answer:
    """Send one request to an absolute URL, and follow no redirect. An empty body is no body."""
    parts = urlsplit(url)
    with closing((HTTPSConnection if parts.scheme == "https" else HTTPConnection)(parts.netloc, timeout=30)) as peer:
        peer.request(method, url.removeprefix(f"{parts.scheme}://{parts.netloc}"), body or None, dict(headers))
        response = peer.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
