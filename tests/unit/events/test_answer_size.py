"""No answer is longer than Lambda sends, as the event response that leaves: base64 in JSON (FACTS 1.9)."""

import gzip
import html
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import app
from tests.support.builders import Event, basic, rest_event, url_event
from tests.support.fakes import Objects

pytestmark = pytest.mark.slow

MAX_BYTES = 6_291_556  # what Lambda says: "response payload size exceeded maximum allowed payload size (6291556 bytes)"
DIRECTORY = "/users/ann/"
NAMES = {
    "cyrillic": "Отчёт прибылей, убытков, расходов; окончательная редакция, согласована бухгалтерией " * 3,
    "worst": '"' * 1_000,  # three bytes in a URL and five in HTML, each
}
HANDLERS: list[tuple[Callable[..., Event], Callable[[Event, Any], Event], str]] = [
    (rest_event, app.app, "identity"),
    (url_event, app.function_url, "gzip"),
]


@pytest.fixture(params=NAMES)
def names(request: pytest.FixtureRequest, doors: None, environment: pytest.MonkeyPatch) -> set[str]:
    """A directory of 500 files with long names of one kind."""
    found = {f"{NAMES[request.param]}{number:04}.jpg" for number in range(500)}
    keys = [DIRECTORY[1:] + name for name in found]
    environment.setattr("chalicelib.backends.s3.S3Objects", lambda: Objects(buckets={"acme-files": keys}))
    return found


def parts(
    make: Callable[..., Event], handler: Callable[[Event, Any], Event], headers: list[tuple[str, str]]
) -> Iterator[bytes]:
    """The bodies of all parts of the listing, each of which Lambda sends."""
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
    found = re.search(r'rel="next" href="([^"]*)"', body.decode())
    return urlsplit(html.unescape(found[1])).query if found else None


def test_a_listing_of_long_names_is_sent_in_parts_that_fit(names: set[str]) -> None:
    for make, handler, _ in HANDLERS:
        found = [entry["name"] for body in parts(make, handler, []) for entry in json.loads(body)["entries"]]
        assert sorted(found) == sorted(names)


def test_a_page_of_long_names_is_sent_in_parts_that_fit(names: set[str]) -> None:
    """Compressed or not, a page has the same entries: a client that takes no compression gets an answer too."""
    counts = []
    for make, handler, encoding in HANDLERS:
        bodies = list(parts(make, handler, [("Accept", "text/html"), ("Accept-Encoding", encoding)]))
        urls = [re.findall(r'<a href="[^"]*/users/ann/([^"?]+)" class="file"', body.decode()) for body in bodies]
        assert sorted(unquote(url) for part in urls for url in part) == sorted(names)
        counts.append([len(part) for part in urls])
    assert counts[0] == counts[1]
