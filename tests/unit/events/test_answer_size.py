"""No answer is longer than Lambda sends: the whole response of a handler, whose body is base64 in JSON (FACTS 1.9)."""

import gzip
import html
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from urllib.parse import unquote, urlsplit

import pytest

from chalicelib.backends.templates import HtmlPages
from tests.support.builders import Event, basic, rest_event, url_event
from tests.support.entry_points import EntryPoints, Handler, entry_points
from tests.support.fakes import signpost
from tests.support.store import MemoryStore

pytestmark = pytest.mark.slow

MAX_BYTES = 6_291_556  # Lambda: "response payload size exceeded maximum allowed payload size (6291556 bytes)"
DIRECTORY = "/users/ann/"
STEM = '"' * 1_000  # three bytes in a URL and five in HTML, each: no name makes a longer answer


def directory() -> tuple[EntryPoints, set[str]]:
    """The entry points before a directory of 350 files with long names, and these names."""
    names = {f"{STEM}{number:04}.jpg" for number in range(350)}
    store = MemoryStore([DIRECTORY[1:] + name for name in names])
    return entry_points(signpost(objects=store, pages=HtmlPages()).application), names


def parts(make: Callable[..., Event], handler: Handler, headers: list[tuple[str, str]]) -> Iterator[bytes]:
    """The bodies of all parts of the listing; Lambda sends each part."""
    query: str | None = ""
    while query is not None:
        event = make("GET", DIRECTORY, query, [("Authorization", basic("ann")["authorization"]), *headers])
        response = handler(event, None)
        assert response["statusCode"] == 200
        assert len(json.dumps(response)) <= MAX_BYTES
        body = b64decode(response["body"])
        yield (body := gzip.decompress(body) if "Content-Encoding" in response["headers"] else body)
        query = following_of(body)


def following_of(body: bytes) -> str | None:
    """The query of the next part; None after the last."""
    if body.startswith(b"{"):
        cursor = json.loads(body)["next"]
        return f"cursor={cursor}" if cursor else None
    following = re.search(r'rel="next" href="([^"]*)"', body.decode())
    return urlsplit(html.unescape(following[1])).query if following else None


def test_a_listing_of_long_names_is_sent_in_parts_that_fit() -> None:
    of, names = directory()
    for make, handler in ((rest_event, of.rest_api), (url_event, of.function_url)):
        listed = [entry["name"] for body in parts(make, handler, []) for entry in json.loads(body)["entries"]]
        assert sorted(listed) == sorted(names)


def test_a_page_of_long_names_is_sent_in_parts_that_fit() -> None:
    """A page has the same entries with and without compression, so a client that takes no compression gets it too."""
    of, names = directory()
    counts = []
    for make, handler, encoding in ((rest_event, of.rest_api, "identity"), (url_event, of.function_url, "gzip")):
        bodies = list(parts(make, handler, [("Accept", "text/html"), ("Accept-Encoding", encoding)]))
        urls = [re.findall(r'<a href="([^"?]+)(?:\?view)?" class="file"', body.decode()) for body in bodies]
        assert sorted(unquote(url) for part in urls for url in part) == sorted(names)
        counts.append([len(part) for part in urls])
    assert counts[0] == counts[1]
