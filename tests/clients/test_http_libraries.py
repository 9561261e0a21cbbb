"""HTTP libraries of Python: how each keeps a key from S3, and what each can send."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import aiohttp
import httpx
import pytest
import requests

from tests.contract.sites import SECRET, Site

AUTH = ("ci", SECRET)
KEY = {"Authorization": f"Bearer {SECRET}"}


def test_requests_sends_files_and_no_generator(site: Site) -> None:
    url = site.of("tables/requests")
    assert requests.put(url, data=io.BytesIO(b"a file"), auth=AUTH, timeout=10).status_code == 200
    assert requests.get(url, headers=KEY, timeout=10).content == b"a file"
    for chunked in (iter([b"x"]), io.BytesIO()):  # requests sends an empty file in chunks too
        refused = requests.put(url, data=chunked, auth=AUTH, timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (411, "length-required")
    assert requests.put(url, data=b"", auth=AUTH, timeout=10).status_code == 200


@pytest.mark.filterwarnings("ignore:BasicAuth:DeprecationWarning", "ignore:.*auth:DeprecationWarning")
def test_aiohttp_keeps_the_key_of_a_request_and_sends_on_that_of_a_session(site: Site) -> None:
    async def status(method: str, session: Mapping[str, Any], request: Mapping[str, Any]) -> int:
        async with aiohttp.ClientSession(**session) as client, client.request(method, url, **request) as answer:
            return int(answer.status)

    async def stream() -> AsyncIterator[bytes]:
        yield b"x"

    url, auth = site.of("tables/aiohttp"), aiohttp.BasicAuth(*AUTH)
    for method, session, request, expected in (
        ("PUT", {}, {"auth": auth, "data": b"x"}, 200),
        ("GET", {}, {"auth": auth}, 200),
        ("GET", {"headers": KEY}, {}, 200),
        ("GET", {"auth": auth}, {}, 400),
        ("PUT", {}, {"auth": auth, "data": stream()}, 411),
    ):
        assert asyncio.run(status(method, session, request)) == expected, (method, session)


def test_httpx_follows_where_told_to_and_sends_bytes(site: Site) -> None:
    url = site.of("tables/httpx")
    assert httpx.get(url, auth=AUTH).status_code == 307
    with httpx.Client(auth=AUTH, follow_redirects=True) as client:
        assert client.put(url, content=b"bytes").status_code == 200
        assert client.get(url).content == b"bytes"
        assert client.put(url, content=iter([b"x"])).status_code == 411
        with pytest.raises(Exception, match="Too little data for declared Content-Length"):
            client.put(url, content=io.BytesIO(b"a file"))


def test_urllib_reads_with_a_header_that_is_not_redirected(site: Site) -> None:
    def read(method: str, add: Callable[[Request, str, str], None]) -> bytes:
        request = Request(url, method=method, data=b"x" if method == "PUT" else None)
        add(request, "Authorization", KEY["Authorization"])
        with urlopen(request) as answer:
            return bytes(answer.read())

    url = site.of("tables/q3.csv")
    assert read("GET", Request.add_unredirected_header) == requests.get(url, auth=AUTH, timeout=10).content
    refusals = [("GET", Request.add_header, 400), ("PUT", Request.add_unredirected_header, 307)]
    if sys.version_info < (3, 13):  # urllib makes HEAD a GET, and the URL is signed for HEAD
        refusals.append(("HEAD", Request.add_unredirected_header, 403))
    for method, add, expected in refusals:
        with pytest.raises(HTTPError) as refused:
            read(method, add)
        refused.value.close()
        assert refused.value.code == expected
