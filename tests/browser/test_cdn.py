"""A private site at a CDN, in Chromium: the cookies of the service open all its pages, until the visitor signs out."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.exceptions import InvalidSignature
from playwright.sync_api import Browser, BrowserContext, expect

from chalicelib.backends.cdn_keys import PrivateKeys
from tests.support.builders import BASE_URL, allow, mount, numbered, request, secret_of
from tests.support.cdn_key import cdn, decoded, pem, verify
from tests.support.certificates import certificate
from tests.support.fakes import signpost

from .sites import chromium_path

PROJECT = Path(__file__).parents[2]
CDN = cdn(cookie_domain="example.com")
SITE = "https://cdn.example.com/site/"
RENEW = (PROJECT / "docs/cdn/renew.html").read_bytes()
FILES = {
    "/site/index.html": b"<a href='more/two.html#part'>two</a><img src='a.svg' onload='document.title = `image`'>",
    "/site/more/two.html": b"<title>two</title>",
    "/site/a.svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>",
    "/other/index.html": b"<title>other</title>",
}


def is_open(url: str, cookies: str) -> bool:
    """Whether the cookies of a request open a URL, as CloudFront decides."""
    named = {name.removeprefix("CloudFront-"): morsel.value for name, morsel in SimpleCookie(cookies).items()}
    try:
        policy = decoded(named["Policy"])
        verify(pem("P-256"), decoded(named["Signature"]), policy)
    except (KeyError, InvalidSignature):
        return False
    (statement,) = json.loads(policy)["Statement"]
    lives = time.time() < statement["Condition"]["DateLessThan"]["AWS:EpochTime"]
    assert (named["Key-Pair-Id"], named["Hash-Algorithm"]) == (CDN.key_pair_id, "SHA256")
    return lives and fnmatchcase(url, statement["Resource"])


class Hosts(BaseHTTPRequestHandler):
    """Answers for the service and for the CDN, by the host of the request."""

    service = signpost(
        rules=numbered(allow("/docs/**", "read", "authenticated")),
        mounts=[mount("/docs", prefix="site/")._replace(cdn=CDN, index_file="index.html")],
        cdn_keys=PrivateKeys([CDN], ""),
        public_url=BASE_URL,
    )

    def do_GET(self) -> None:
        """Answer a GET or a POST."""
        self.service.now = time.time()
        if self.headers["Host"] == CDN.domain:
            opened = is_open(f"{CDN.origin}{self.path}", self.headers.get("Cookie", ""))
            kind = "image/svg+xml" if self.path.endswith(".svg") else "text/html"
            self._answer(200 if opened else 403, [("Content-Type", kind)], FILES[self.path] if opened else RENEW)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.service.application.handle(request(self.command, self.path, headers=headers))
        cookies = [("Set-Cookie", cookie) for cookie in reply.cookies]
        self._answer(reply.status, [*reply.headers.items(), *cookies], reply.body)

    do_POST = do_GET

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def both_hosts(folder: Path) -> Iterator[int]:
    """Serve both hosts over TLS, and yield the port."""
    server = certificate("hosts", ("files.example.com", CDN.domain), None)
    (folder / "server.pem").write_bytes(server.pem() + server.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Hosts) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening.server_port
        listening.shutdown()


@pytest.fixture
def visitor(chromium: Browser, tmp_path: Path) -> Iterator[BrowserContext]:
    """A browser for which both hosts are on this machine, with the session of a key."""
    body = urlencode({"id": "ann", "secret": secret_of("ann")}).encode()
    Hosts.service.now = time.time()
    signed_in = Hosts.service.application.handle(
        request("POST", "/-/login", headers={"origin": BASE_URL}, body=body)
    ).cookies[0]
    name, _, value = signed_in.partition(";")[0].partition("=")
    with both_hosts(tmp_path) as port:
        rules = f"MAP *.example.com:443 127.0.0.1:{port}"
        with chromium.browser_type.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium_path(),
            args=["--disable-gpu", f"--host-resolver-rules={rules}"],
            ignore_https_errors=True,
        ) as context:
            context.add_cookies([{"name": name, "value": value, "url": BASE_URL, "secure": True}])
            yield context


def test_a_visitor_reads_a_private_site_at_the_cdn_until_signing_out(visitor: BrowserContext) -> None:
    """The page for CloudFront's 403 leads to the service and back, where the cookies have ended or are missing."""
    page = visitor.new_page()
    page.goto(f"{BASE_URL}/docs/")
    page.wait_for_function("document.title === 'image'")
    assert page.url == f"{SITE}index.html"
    visitor.clear_cookies(domain=".example.com")
    assert visitor.cookies(SITE) == []
    page.click("a")
    page.wait_for_function("document.title === 'two'")
    assert page.url == f"{SITE}more/two.html#part"
    assert page.evaluate("fetch('../a.svg').then(answer => answer.status)") == 200
    assert page.goto("https://cdn.example.com/other/index.html").status == 403  # type: ignore[union-attr]
    page.goto(f"{BASE_URL}/-/nothing")
    page.evaluate("fetch('/-/logout', {method: 'POST', redirect: 'manual'}).then(answer => answer.type)")
    assert visitor.cookies([SITE, BASE_URL]) == []
    page.goto(f"{SITE}index.html?page=2#part")
    page.wait_for_url(f"{BASE_URL}/docs/index.html#part")
    page.goto(f"{SITE}index.html")  # a second time, the browser stays
    expect(page.get_by_text("you are signed out")).to_be_visible()
