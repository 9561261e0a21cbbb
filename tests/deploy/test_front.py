"""What passes through HTTP, an event, awslambdaric and back is what was sent, at both doors."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.sites import SECRET
from tests.support.builders import Fields, basic
from tests.support.entry_points import Answer

from .conftest import REST_API, Door, Lambda, Running
from .front import serve

AS_CI: Fields = tuple(basic("ci", SECRET).items())
EVERY_BYTE = bytes(range(256))

# Sends a request back to whoever sent it: its body as the body, the rest of its event as a header.
ECHO = """
import json

def handler(event, context):
    if event.get("path") == "/fail" or event.get("rawPath") == "/fail":
        raise ValueError("failed")
    answer = {"statusCode": 200, "body": event.get("body") or "", "isBase64Encoded": event["isBase64Encoded"]}
    headers = {"Content-Type": "image/x-echo", "X-Event": json.dumps(event | {"body": None})}
    return answer | {"headers": headers} | ({"cookies": ["a=1", "b=2"]} if "rawPath" in event else {})
"""


@pytest.fixture
def echo(machine: Lambda, door: Door, tmp_path: Path) -> Iterator[str]:
    """The URL of a function that answers with the request."""
    (tmp_path / "echo.py").write_text(ECHO)
    with machine._replace(code=tmp_path).run(door._replace(handler="echo.handler")) as running, serve(running) as url:
        yield url


@pytest.fixture
def site(running: Running) -> Iterator[str]:
    """The URL of the service."""
    with serve(running) as url:
        yield url


def send(method: str, url: str, headers: Fields = (), body: bytes = b"") -> Answer:
    """Send one request, and follow nothing."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=30)) as connection:
        connection.request(method, url.removeprefix(f"http://{parts.netloc}"), body or None, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


def test_every_byte_survives_in_both_directions(echo: str) -> None:
    answer = send("PUT", f"{echo}/a.bin", body=EVERY_BYTE)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "image/x-echo", EVERY_BYTE)


def test_each_cookie_of_a_function_url_is_a_header(echo: str, door: Door) -> None:
    with closing(HTTPConnection(urlsplit(echo).netloc, timeout=30)) as connection:
        connection.request("GET", urlsplit(f"{echo}/").path)
        cookies = connection.getresponse().headers.get_all("Set-Cookie", [])
    assert cookies == ([] if door == REST_API else ["a=1", "b=2"])


def test_the_path_and_the_query_stay_encoded(echo: str, door: Door) -> None:
    """As far as the door lets them: the query of a REST API arrives decoded (FACTS 1.4)."""
    event = json.loads(send("GET", f"{echo}/a%2Fb%20c//d+?x=%2F&y").headers["x-event"])
    if door == REST_API:
        assert event["pathParameters"] == {"proxy": "a%2Fb%20c//d+"}
        assert event["requestContext"]["path"] == "/api/a%2Fb%20c//d+"
        assert event["queryStringParameters"] == {"x": "/", "y": ""}
    else:
        assert (event["rawPath"], event["rawQueryString"]) == ("/a%2Fb%20c//d+", "x=%2F&y")


def test_many_may_ask_at_once_and_each_gets_its_own_answer(echo: str) -> None:
    bodies = [f"{number}".encode() * 1000 for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: send("POST", f"{echo}/", body=body).body, bodies))
    assert answers == bodies


def test_a_function_that_fails_is_a_bad_gateway(echo: str) -> None:
    assert send("GET", f"{echo}/fail").status == 502
    assert send("GET", f"{echo}/").status == 200


def test_a_redirect_and_a_stylesheet_reach_the_client(site: str, code: Path) -> None:
    redirect = send("GET", f"{site}/public/a.txt")
    assert redirect.status == 307
    assert "X-Amz-Signature=" in redirect.headers["location"]
    refusal = send("GET", f"{site}/secret/a.txt", [*AS_CI, ("Accept", "text/html")])
    assert (refusal.status, refusal.headers["content-type"]) == (403, "text/html; charset=utf-8")
    (url,) = re.findall(r'"([^"]+[.]css)"', refusal.body.decode())
    assert url.startswith(f"{site}/")
    style = send("GET", url)
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert style.body == (code / "chalicelib/pages/page.css").read_bytes()


def test_the_challenge_is_renamed_on_its_way(site: str) -> None:
    """Both entry points do so (FACTS 1.7)."""
    headers = send("GET", f"{site}/team/a.txt").headers
    assert "www-authenticate" not in headers
    assert headers["x-amzn-remapped-www-authenticate"].startswith("Basic ")


def test_outside_of_the_stage_there_is_nothing(site: str, door: Door) -> None:
    outside = site.removesuffix("/api") + "/other/a.txt"
    assert (send("GET", outside).status == 403) == bool(door.prefix)
