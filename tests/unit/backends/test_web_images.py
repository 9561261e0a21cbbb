"""Images of other sites, and all who would like to have this service fetch something else."""

import gc
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.backends.images.web_images import WebImages
from chalicelib.core.ports import ImageSource
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES
from chalicelib.core.web.problems import (
    BadParameter,
    ImageTooLarge,
    NotFound,
    Problem,
    SourceFailed,
    SourceNotAllowed,
    Unavailable,
)
from tests.support.builders import soon
from tests.support.fake_internet import ADDRESS, HOST, FakeInternet
from tests.support.fake_sockets.sitecustomize import FakeSockets

URL = f"https://{HOST}/a.png"
PNG = b"\x89PNG\r\n\x1a\n and so on"
SECRET = "a-secret-in-the-url"
SECONDS = 0.3  # for those who take too long
PATIENCE = 3.0  # seconds: many more than those, and fewer than anything here takes that is not bounded


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeInternet]:
    with FakeInternet() as internet:
        yield internet


@pytest.fixture
def internet(shared: FakeInternet) -> FakeInternet:
    shared.forget()
    shared.serve("/a.png", PNG)
    return shared


@pytest.fixture
def sockets(internet: FakeInternet, monkeypatch: pytest.MonkeyPatch) -> FakeSockets:
    return internet.patch(monkeypatch)


@pytest.fixture
def images(sockets: FakeSockets) -> ImageSource:
    return WebImages([HOST])


@contextmanager
def refused(problem: type[Problem]) -> Iterator[None]:
    """A problem of just this class, soon, that tells nothing of the URL."""
    began = time.monotonic()
    with pytest.raises(problem) as caught:
        yield
    assert time.monotonic() - began < PATIENCE
    assert type(caught.value) is problem
    assert not any(told in caught.value.detail for told in (SECRET, HOST, ADDRESS, "evil", "127", "169"))


# What is sent, and what comes back


def test_an_image_comes_as_it_is(images: ImageSource, sockets: FakeSockets) -> None:
    assert images.fetch(URL, soon()) == PNG
    assert sockets.resolved == [HOST]
    assert sockets.dialled == [(ADDRESS, 443)]


def test_the_request_says_nothing_of_us(
    images: ImageSource, internet: FakeInternet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No cookie, no credentials, also none of ~/.netrc, no referrer; and it is the same after a redirect."""
    (tmp_path / ".netrc").write_text(f"machine {HOST} login me password {SECRET}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    internet.serve("/old", status=302, headers={"Location": "/a.png", "Set-Cookie": "a=b"})
    images.fetch(f"https://{HOST}/old", soon())
    assert [seen.path for seen in internet.seen] == ["/old", "/a.png"]
    for seen in internet.seen:
        assert seen.headers == {
            "host": HOST,
            "user-agent": "Signpost",
            "accept": "image/avif, image/webp, image/jpeg, image/png, image/gif, */*;q=0.1",
            "accept-encoding": "identity",
            "connection": "close",
        }


def test_no_proxy_of_the_environment_is_used(images: ImageSource, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    assert images.fetch(URL, soon()) == PNG


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (f"https://{HOST}", "/"),
        (f"https://{HOST}?a=b", "/?a=b"),
        (f"https://{HOST}/?", "/"),
        (f"https://{HOST}/%C3%BC/%2e%2e/b;c?d=%0d%0a&e=/?", "/%C3%BC/%2e%2e/b;c?d=%0d%0a&e=/?"),
        (f"https://{HOST}//evil.net/a", "//evil.net/a"),
        (f"https://{HOST}/a@evil.net:80/", "/a@evil.net:80/"),
        (f"https://{HOST}/a.png#part", "/a.png"),
        (f"https://{HOST}/#@evil.net/", "/"),
        (f"https://{HOST}:443/a.png", "/a.png"),
        (f"HTTPS://{HOST.upper()}/A.png", "/A.png"),
    ],
)
def test_path_and_query_are_sent_as_they_are(
    images: ImageSource, internet: FakeInternet, url: str, target: str
) -> None:
    internet.serve(target, PNG)
    assert images.fetch(url, soon()) == PNG
    assert [(seen.path, seen.headers["host"]) for seen in internet.seen] == [(target, HOST)]


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        *((status, SourceFailed) for status in (201, 204, 206, 300, 304, 305, 306, 400, 401, 403, 407, 429, 451)),
        *((status, SourceFailed) for status in (301, 302, 303, 307, 308)),  # without a Location
        *((status, NotFound) for status in (404, 410)),
        *((status, Unavailable) for status in (500, 502, 503, 504, 599)),
    ],
)
def test_the_answer_of_the_site_decides(
    images: ImageSource, internet: FakeInternet, status: int, problem: type[Problem]
) -> None:
    internet.serve("/a.png", PNG, status=status)
    with refused(problem):
        images.fetch(URL, soon())


def test_the_client_learns_how_the_site_answered(images: ImageSource, internet: FakeInternet) -> None:
    internet.serve("/a.png", status=403)
    with pytest.raises(SourceFailed, match=r"^The site of the image answered 403\. "):
        images.fetch(URL, soon())


# What is no URL that images come from


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "a.png",
        f"{HOST}/a.png",
        f"//{HOST}/a.png",
        "https:",
        "https:/",
        "https://",
        "https:///a.png",
        f"https:{HOST}/a.png",
        f"https:/{HOST}/a.png",
        "https://:443/",
        "https://?a",
        f" {URL}",
        f"{URL} ",
        f"\t{URL}",
        f"https://{HOST}/a b",
        f"ht\ntps://{HOST}/a.png",
        f"https://{HOST}\r\n/a.png",
        f"https://{HOST}/a.png\r\nX-Evil: 1",
        f"https://{HOST}/\0",
        f"https://{HOST}/\x7f",
        f"https://{HOST}/a\\b.png",
        f"https://{HOST}\\.evil.net/",
        f"https://{HOST}\\@evil.net/",
        f"https://evil.net\\@{HOST}/",
        f"https:\\\\{HOST}\\a.png",
        f"https://{HOST}@evil.net/",
        f"https://{HOST}:443@evil.net/",
        f"https://{HOST}%2f@evil.net/",
        f"https://evil.net@{HOST}/",
        f"https://a:b@{HOST}/{SECRET}",
        f"https://@{HOST}/",
        f"https://:@{HOST}/",
        f"https://a@b@{HOST}/",
        "https://ïmages.example.com/",
        f"https://{HOST}/ü.png",
        "https://images。example.com/",
        "https://images.example.com\u2024evil.net/",  # ONE DOT LEADER
        "https://ⓘmages.example.com/",
        "https://images.example.com\u200b/",
        "https://images.example.com/\ud800",
        "https://①②⑦.⓪.⓪.①/",
        f"https://{HOST}:/",
        f"https://{HOST}:0/",
        f"https://{HOST}:65536/",
        f"https://{HOST}:99999999999/",
        f"https://{HOST}:-1/",
        f"https://{HOST}:+443/",
        f"https://{HOST}:4_4_3/",
        f"https://{HOST}:https/",
        f"https://{HOST}:443:443/",
        f"https://{HOST}:٤٤٣/",
        "https://[::1/",
        "https://::1]/",
        "https://[]/",
        "https://[::1]evil/",
        f"https://[{HOST}",
    ],
)
def test_malformed(images: ImageSource, sockets: FakeSockets, url: str) -> None:
    with refused(BadParameter):
        images.fetch(url, soon())
    assert not sockets.resolved
    assert not sockets.dialled


NOT_ALLOWED = [
    f"http://{HOST}/a.png",
    f"http://{HOST}:443/a.png",
    f"ftp://{HOST}/a.png",
    f"ws://{HOST}/a.png",
    f"{HOST}:443/a.png",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    f"gopher://{HOST}/_x",
    "javascript:alert(1)",
    "https://evil.net/",
    f"https://evil#@{HOST}/",
    f"https://evil.net?@{HOST}/",
    f"https://evil.net/@{HOST}/",
    f"https://evil.net:443#{HOST}",
    f"https://evil{HOST}/",
    f"https://{HOST}.evil.net/",
    f"https://a.{HOST}/",
    "https://example.com/",
    f"https://{HOST}./",
    f"https://{HOST}../",
    f"https://.{HOST}/",
    "https://images..example.com/",
    "https://images%2eexample.com/",
    f"https://{HOST}%00.evil.net/",
    f"https://{HOST}%23.evil.net/",
    f"https://{HOST};evil.net/",
    f"https://{HOST},evil.net/",
    f"https://*.{HOST}/",
    "https://*.example.com/",
    f"https://{'a.' * 5000}{HOST}/",
    f"https://{HOST}:80/",
    f"https://{HOST}:8443/",
    f"https://{HOST}:4430/",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0X7F.1/",
    "https://0x/",
    "https://0/",
    "https://0.0.0.0/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.43518/",
    "https://a.b.1/",
    "https://[::1]/",
    "https://[::]:443/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[fe80::1%25eth0]/",
    f"https://{ADDRESS}/a.png",
]


@pytest.mark.parametrize("url", NOT_ALLOWED)
def test_not_allowed(images: ImageSource, sockets: FakeSockets, url: str) -> None:
    with refused(SourceNotAllowed):
        images.fetch(url, soon())
    assert not sockets.resolved
    assert not sockets.dialled


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "127.1", "0x7f000001", "0", "127.0.0.1.", ADDRESS, ""])
def test_an_address_is_not_allowed_even_if_listed(sockets: FakeSockets, host: str) -> None:
    with pytest.raises((SourceNotAllowed, BadParameter)):
        WebImages([host, f"{host}:443"]).fetch(f"https://{host}/", soon())
    assert not sockets.resolved
    assert not sockets.dialled


# The list


@pytest.mark.parametrize("name", ["a.cdn.example.com", "xn--bcher-kva.cdn.example.com", "a-b.cdn.example.com"])
def test_a_wildcard_allows_what_is_below(internet: FakeInternet, sockets: FakeSockets, name: str) -> None:
    internet.add(name, ADDRESS)
    assert WebImages(["*.cdn.example.com"]).fetch(f"https://{name}/a.png", soon()) == PNG


def test_a_wildcard_allows_what_is_far_below(sockets: FakeSockets) -> None:
    with refused(Unavailable):
        WebImages(["*.example.com"]).fetch("https://a.b.c.example.com/", soon())
    assert sockets.resolved == ["a.b.c.example.com"]


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        ".example.com",
        "..example.com",
        "a..example.com",
        "evilexample.com",
        "evil-example.com",
        "example.com.evil.net",
        "a.example.com.evil.net",
        "a.example.com.",
        "a.example.comm",
        "a.example.co",
        "a.example.com:8443",
        "%2e.example.com",
        "evil.net%2f.example.com",
        "evil.net%00.example.com",
        "*.example.com",
        f"{'a' * 64}.example.com",
        f"{'a.' * 122}example.com",
        "com",
    ],
)
def test_a_wildcard_allows_nothing_else(sockets: FakeSockets, host: str) -> None:
    with refused(SourceNotAllowed):
        WebImages(["*.example.com"]).fetch(f"https://{host}/", soon())
    assert sockets.resolved == []


@pytest.mark.parametrize(
    ("listed", "port", "allowed"),
    [
        (HOST, 443, True),
        (HOST, 8443, False),
        (f"{HOST}:8443", 8443, True),
        (f"{HOST}:8443", 443, False),
        (f"{HOST}:8443", 844, False),
        ("*.example.com:8443", 8443, True),
        ("*.example.com:8443", 443, False),
    ],
)
def test_ports(internet: FakeInternet, sockets: FakeSockets, listed: str, port: int, allowed: bool) -> None:
    if not allowed:
        with refused(SourceNotAllowed):
            WebImages([listed]).fetch(f"https://{HOST}:{port}/a.png", soon())
        assert sockets.resolved == []
        return
    assert WebImages([listed]).fetch(f"https://{HOST}:{port}/a.png", soon()) == PNG
    assert sockets.dialled == [(ADDRESS, port)]
    assert internet.seen[0].headers["host"] == (HOST if port == 443 else f"{HOST}:{port}")


def test_nothing_is_allowed_where_nothing_is_listed(sockets: FakeSockets) -> None:
    with refused(SourceNotAllowed):
        WebImages([]).fetch(URL, soon())
    assert sockets.resolved == []


HOSTS = f"{HOST} evil.net 127.0.0.1 [::1] 0x7f.1 xn--"
AROUND = "https: http: HTTPS:// // / /a.png \\ @ : 443 80 # ? . %2e %00 *. 。"
FRAGMENTS = st.sampled_from([*HOSTS.split(), *AROUND.split(), "\t", "\n", " "])


@given(st.text() | st.lists(FRAGMENTS, max_size=8).map("".join) | st.text(max_size=8).map(f"https://{HOST}".__add__))
def test_whatever_is_asked_nothing_else_is_reached(images: ImageSource, sockets: FakeSockets, url: str) -> None:
    with suppress(BadParameter, SourceNotAllowed, NotFound):
        assert images.fetch(url, soon()) == PNG
    assert set(sockets.resolved) <= {HOST}
    assert set(sockets.dialled) <= {(ADDRESS, 443)}


# Names and addresses

NOT_PUBLIC = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "192.0.0.9",
    "224.0.0.1",
    "::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    f"::ffff:{ADDRESS}",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "ff0e::1",
]


@pytest.mark.parametrize("others", [(), (ADDRESS,)], ids=["alone", "after a public one"])
@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_with_an_address_that_is_not_public(
    images: ImageSource, internet: FakeInternet, sockets: FakeSockets, address: str, others: Sequence[str]
) -> None:
    internet.add(HOST, *others, address)
    with refused(SourceNotAllowed):
        images.fetch(URL, soon())
    assert sockets.dialled == []


def test_a_name_is_resolved_once_and_its_address_kept(
    images: ImageSource, internet: FakeInternet, sockets: FakeSockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the address is public when it is judged, and another when it is asked for again."""

    def rebinding(*args: Any, **options: Any) -> list[Any]:
        answer = sockets.getaddrinfo(*args, **options)
        internet.names[HOST] = ["127.0.0.1"]
        return answer

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert images.fetch(URL, soon()) == PNG
    assert sockets.resolved == [HOST]
    assert sockets.dialled == [(ADDRESS, 443)]
    with refused(SourceNotAllowed):
        images.fetch(URL, soon())
    assert sockets.dialled == [(ADDRESS, 443)]


def test_a_redirect_is_judged_by_an_address_of_its_own(
    images: ImageSource, internet: FakeInternet, sockets: FakeSockets
) -> None:
    def rebind(stream: BufferedIOBase) -> None:
        internet.names[HOST] = ["127.0.0.1"]
        stream.write(b"HTTP/1.1 302 Found\r\nLocation: /a.png\r\n\r\n")

    internet.script("/rebind", rebind)
    with refused(SourceNotAllowed):
        images.fetch(f"https://{HOST}/rebind", soon())
    assert sockets.resolved == [HOST, HOST]
    assert sockets.dialled == [(ADDRESS, 443)]


def test_an_ipv6_address(images: ImageSource, internet: FakeInternet, sockets: FakeSockets) -> None:
    internet.add(HOST, "2606:2800:220:1:248:1893:25c8:1946")
    assert images.fetch(URL, soon()) == PNG
    assert sockets.dialled == [("2606:2800:220:1:248:1893:25c8:1946", 443)]


def test_the_next_address_is_tried(images: ImageSource, internet: FakeInternet, sockets: FakeSockets) -> None:
    internet.names[HOST] = ["2606:2800:220:1::1", "1.1.1.1", ADDRESS]
    assert images.fetch(URL, soon()) == PNG
    assert sockets.dialled == [("2606:2800:220:1::1", 443), ("1.1.1.1", 443), (ADDRESS, 443)]


def test_an_address_that_is_silent_leaves_time_for_the_next(
    sockets: FakeSockets, internet: FakeInternet, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet.names[HOST] = ["1.1.1.1", ADDRESS]

    def connect(self: socket.socket, place: Any) -> None:
        if place[0] == "1.1.1.1":
            time.sleep(self.gettimeout() or 60)
            raise TimeoutError
        sockets.connect(self, place)

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert WebImages([HOST]).fetch(URL, soon(2)) == PNG


@pytest.mark.parametrize("addresses", [["1.1.1.1"], ["1.1.1.1", "2606:2800:220:1::1"], []])
def test_no_address_answers(images: ImageSource, internet: FakeInternet, addresses: list[str]) -> None:
    internet.names[HOST] = addresses
    with refused(Unavailable):
        images.fetch(URL, soon())


def test_a_name_that_does_not_exist(images: ImageSource, internet: FakeInternet) -> None:
    del internet.names[HOST]
    with refused(Unavailable):
        images.fetch(URL, soon())


# Certificates


def test_a_certificate_of_another_name(internet: FakeInternet, sockets: FakeSockets) -> None:
    internet.add("images.example.net", ADDRESS)
    with refused(Unavailable):
        WebImages(["images.example.net"]).fetch("https://images.example.net/a.png", soon())
    assert internet.seen == []


def test_a_certificate_that_signed_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeInternet(trusted=False) as internet:
        internet.patch(monkeypatch)
        with refused(Unavailable):
            WebImages([HOST]).fetch(URL, soon())
        assert internet.seen == []


def test_a_certificate_of_an_authority_that_nobody_trusts(
    images: ImageSource, internet: FakeInternet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with refused(Unavailable):
        images.fetch(URL, soon())
    assert internet.seen == []


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "/a.png",
        "../a.png",
        "a.png",
        "  /a.png \t",
        f"//{HOST}/a.png",
        URL,
        f"{URL}#{SECRET}",
        f"https://{HOST}:443/a.png",
    ],
)
def test_a_redirect_is_followed(images: ImageSource, internet: FakeInternet, status: int, location: str) -> None:
    internet.redirect("/old", location, status)
    assert images.fetch(f"https://{HOST}/old", soon()) == PNG


@pytest.mark.parametrize("status", [201, 300, 304, 305, 306])
def test_a_location_of_another_status_is_not_followed(images: ImageSource, internet: FakeInternet, status: int) -> None:
    internet.redirect("/old", "/a.png", status)
    with refused(SourceFailed):
        images.fetch(f"https://{HOST}/old", soon())


def test_a_redirect_to_another_listed_host(internet: FakeInternet, sockets: FakeSockets) -> None:
    internet.add("a.cdn.example.com", ADDRESS)
    internet.redirect("/old", "https://A.cdn.example.com/a.png")
    assert WebImages([HOST, "*.cdn.example.com"]).fetch(f"https://{HOST}/old", soon()) == PNG
    assert sockets.resolved == [HOST, "a.cdn.example.com"]
    assert [seen.headers["host"] for seen in internet.seen] == [HOST, "a.cdn.example.com"]


@pytest.mark.parametrize("location", NOT_ALLOWED)
def test_a_redirect_to_what_is_not_allowed(
    images: ImageSource, internet: FakeInternet, sockets: FakeSockets, location: str
) -> None:
    internet.redirect("/old", location)
    with refused(SourceNotAllowed):
        images.fetch(f"https://{HOST}/old", soon())
    assert len(sockets.dialled) == 1


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_redirect_to_an_address_that_is_not_public(
    internet: FakeInternet, sockets: FakeSockets, address: str
) -> None:
    internet.add("inside.example.com", address)
    internet.redirect("/old", "https://inside.example.com/")
    with refused(SourceNotAllowed):
        WebImages([HOST, "inside.example.com"]).fetch(f"https://{HOST}/old", soon())
    assert sockets.dialled == [(ADDRESS, 443)]


@pytest.mark.parametrize(
    "location",
    [
        f"https://a:b@{HOST}/a.png",
        f"https://{HOST}@evil.net/",
        f"//evil.net\\@{HOST}/",
        "/a b",
        "/ü",
        "/a\tb",
        f"ht\ttps://{HOST}/a.png",
        "https://[::1",
        f"https://{HOST}:x/",
    ],
)
def test_a_redirect_to_what_is_no_url(images: ImageSource, internet: FakeInternet, location: str) -> None:
    """It is the site's fault, not the client's."""
    internet.redirect("/old", location)
    with refused(SourceFailed):
        images.fetch(f"https://{HOST}/old", soon())


def test_three_redirects_and_no_more(images: ImageSource, internet: FakeInternet) -> None:
    for step in range(4):
        internet.redirect(f"/{step}", f"/{step + 1}")
    internet.serve("/4", PNG)
    assert images.fetch(f"https://{HOST}/1", soon()) == PNG
    with refused(SourceFailed):
        images.fetch(f"https://{HOST}/0", soon())


@pytest.mark.parametrize("location", ["/loop", "", "#", "?"])
def test_a_redirect_loop(images: ImageSource, internet: FakeInternet, location: str) -> None:
    internet.redirect("/loop", location)
    with refused(SourceFailed):
        images.fetch(f"https://{HOST}/loop", soon())
    assert len(internet.seen) == 4


# Bytes


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """As if an image could have fewer bytes."""
    monkeypatch.setattr("chalicelib.backends.images.web_images.MAX_IMAGE_BYTES", 100_000)
    return 100_000


def raw(internet: FakeInternet, *pieces: bytes) -> None:
    """Answer with these bytes, and end."""

    def write(stream: BufferedIOBase) -> None:
        for piece in pieces:
            stream.write(piece)

    internet.script("/a.png", write)


def forever(internet: FakeInternet, head: bytes, piece: bytes, pause: float = 0.0) -> None:
    """Answer with these bytes, and others again and again for as long as someone listens."""

    def write(stream: BufferedIOBase) -> None:
        stream.write(head)
        while True:
            stream.write(piece)
            stream.flush()
            time.sleep(pause)

    internet.script("/a.png", write)


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def test_the_largest(images: ImageSource, internet: FakeInternet) -> None:
    body = bytes(MAX_IMAGE_BYTES)
    internet.serve("/a.png", body)
    assert images.fetch(URL, soon()) == body
    internet.serve("/a.png", body + b"x")
    with pytest.raises(ImageTooLarge, match=r"^The image has more than 33,554,432 bytes\. "):
        images.fetch(URL, soon())


def test_a_body_without_a_length(images: ImageSource, internet: FakeInternet, small: int) -> None:
    raw(internet, OK, b"\r\n", bytes(small))
    assert images.fetch(URL, soon()) == bytes(small)
    raw(internet, OK, b"\r\n", bytes(small + 1))
    with refused(ImageTooLarge):
        images.fetch(URL, soon())


def test_a_chunked_body(images: ImageSource, internet: FakeInternet, small: int) -> None:
    chunks = [b"3e8\r\n" + bytes(1000) + b"\r\n"] * (small // 1000)
    raw(internet, CHUNKED, *chunks, b"0\r\n\r\n")
    assert images.fetch(URL, soon()) == bytes(small)
    raw(internet, CHUNKED, *chunks, b"1\r\nx\r\n", b"0\r\n\r\n")
    with refused(ImageTooLarge):
        images.fetch(URL, soon())


def test_a_length_that_says_too_much_is_enough(images: ImageSource, internet: FakeInternet, small: int) -> None:
    """No body is read, and there is none to read."""
    raw(internet, OK, f"Content-Length: {small + 1}\r\n\r\n".encode())
    with refused(ImageTooLarge):
        images.fetch(URL, soon())
    raw(internet, OK, b"Content-Length: " + b"9" * 4000 + b"\r\n\r\n")
    with refused(ImageTooLarge):
        images.fetch(URL, soon())


def test_no_more_is_read_than_the_length_says(images: ImageSource, internet: FakeInternet) -> None:
    raw(internet, OK, f"Content-Length: {len(PNG)}\r\n\r\n".encode(), PNG, bytes(1000))
    assert images.fetch(URL, soon()) == PNG


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 100\r\n\r\n" + PNG,
        OK + b"Content-Length: 100\r\n\r\n",
        CHUNKED,
        CHUNKED + b"64\r\n" + PNG,
        CHUNKED + b"1\r\nx\r\n",
        CHUNKED + b"x\r\n",
        CHUNKED + b"-5\r\n12345",
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000 + b"\r\n\r\n",
        b"HTTP/3 200 OK\r\n\r\n",
        b"HTTP/1.1 -20 OK\r\n\r\n",
        b"HTTP/1.1 \xff OK\r\n\r\n",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_an_answer_that_breaks_off_or_is_none(images: ImageSource, internet: FakeInternet, answer: bytes) -> None:
    raw(internet, answer)
    with refused(Unavailable):
        images.fetch(URL, soon())


@pytest.mark.parametrize("length", [b"-1", b"x", b"1e3", b"", b"5, 5"])
def test_a_length_that_is_none_is_not_believed(images: ImageSource, internet: FakeInternet, length: bytes) -> None:
    raw(internet, OK, b"Content-Length: ", length, b"\r\n\r\n", PNG)
    assert images.fetch(URL, soon()) == PNG


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (OK + b"\r\n", bytes(10_000)),
        (OK + b"Content-Length: x\r\n\r\n", bytes(10_000)),
        (CHUNKED, b"2710\r\n" + bytes(10_000) + b"\r\n"),
        (CHUNKED, b"1\r\nx\r\n" * 1000),
        (CHUNKED + b"-1\r\n", bytes(10_000)),
        (CHUNKED + b"fffffffffffffffffffffffff\r\n", bytes(10_000)),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"a: b\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
)
def test_an_endless_answer_ends(
    images: ImageSource, internet: FakeInternet, small: int, head: bytes, piece: bytes
) -> None:
    forever(internet, head, piece)
    with refused(ImageTooLarge):
        images.fetch(URL, soon())


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "deflate, gzip", "x"])
def test_what_is_compressed_stays_so(images: ImageSource, internet: FakeInternet, coding: str) -> None:
    """A few bytes that become many are never unpacked."""
    internet.serve("/a.png", PNG, headers={"Content-Encoding": coding})
    with refused(SourceFailed):
        images.fetch(URL, soon())


def test_the_identity_coding_is_none(images: ImageSource, internet: FakeInternet) -> None:
    internet.serve("/a.png", PNG, headers={"Content-Encoding": "Identity"})
    assert images.fetch(URL, soon()) == PNG


# Time


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"H"),
        (OK + b"X: ", b"x"),
        (OK, b"X: x\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (OK + b"\r\n", b"x"),
        (OK + b"Content-Length: 1000\r\n\r\n", b"x"),
        (CHUNKED, b"0"),
        (CHUNKED + b"64\r\n", b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
        (CHUNKED + b"0\r\n", b"X: x\r\n"),
    ],
)
def test_a_site_that_drips(images: ImageSource, internet: FakeInternet, head: bytes, piece: bytes) -> None:
    forever(internet, head, piece, 0.02)
    with refused(Unavailable):
        images.fetch(URL, soon(SECONDS))


@pytest.mark.parametrize("head", [b"", OK, OK + b"Content-Length: 1000\r\n\r\nx"])
def test_a_site_that_falls_silent(images: ImageSource, internet: FakeInternet, head: bytes) -> None:
    forever(internet, head, b"", 0.02)
    with refused(Unavailable):
        images.fetch(URL, soon(SECONDS))


def test_redirects_that_take_their_time(internet: FakeInternet, sockets: FakeSockets) -> None:
    """Each is quick enough; all of them together are not."""

    def later(stream: BufferedIOBase) -> None:
        time.sleep(0.2)
        stream.write(b"HTTP/1.1 302 Found\r\nLocation: /a.png\r\nContent-Length: 0\r\n\r\n")

    internet.script("/a.png", later)
    with refused(Unavailable):
        WebImages([HOST]).fetch(URL, soon(0.5))


@contextmanager
def without_tls(internet: FakeInternet, talk: Callable[[socket.socket], object]) -> Iterator[None]:
    """At the site's address something else listens."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            try:
                talk(connection)
            except OSError:
                return

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        internet.ports[ADDRESS] = listening.getsockname()[1]
        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def test_a_handshake_that_drips(images: ImageSource, internet: FakeInternet) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x3f\xff")  # RFC 8446 §5.1: a handshake record of 16,383 bytes
        for _ in range(int(PATIENCE * 2 / 0.02)):
            connection.sendall(b"\x02")
            time.sleep(0.02)

    with without_tls(internet, drip), refused(Unavailable):
        images.fetch(URL, soon(SECONDS))


def test_a_handshake_that_never_begins(images: ImageSource, internet: FakeInternet) -> None:
    def listen(connection: socket.socket) -> None:
        while connection.recv(1000):
            pass

    with without_tls(internet, listen), refused(Unavailable):
        images.fetch(URL, soon(SECONDS))


def test_a_site_without_tls(images: ImageSource, internet: FakeInternet) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(OK + b"Content-Length: 1\r\n\r\nx")

    with without_tls(internet, answer), refused(Unavailable):
        images.fetch(URL, soon())


def test_a_resolver_that_hangs(images: ImageSource, sockets: FakeSockets, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is connected to when it answers in the end."""
    answer, answered = threading.Event(), threading.Event()

    def hang(*args: Any, **options: Any) -> list[Any]:
        answer.wait(60)
        answered.set()
        return sockets.getaddrinfo(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with refused(Unavailable):
        images.fetch(URL, soon(SECONDS))
    answer.set()
    assert answered.wait(10)
    time.sleep(0.05)
    assert sockets.dialled == []


def test_a_connection_that_hangs(images: ImageSource, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(self: socket.socket, place: Any) -> None:
        time.sleep(self.gettimeout() or 60)
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with refused(Unavailable):
        images.fetch(URL, soon(SECONDS))


def test_a_handshake_that_ends_too_late(images: ImageSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also then the connection is closed: what is left open is a warning, and so an error."""
    shake = ssl.SSLSocket.do_handshake

    def late(self: ssl.SSLSocket, block: bool = False) -> None:
        shake(self, block)
        time.sleep(SECONDS)

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", late)
    with refused(Unavailable):
        images.fetch(URL, soon(SECONDS))
    gc.collect()


# Other processes


def test_another_process_lives_in_the_fake_internet(internet: FakeInternet) -> None:
    internet.add("inside.example.com", "169.254.169.254")
    code = (
        "from chalicelib.backends.images.web_images import WebImages\n"
        "from tests.support.builders import soon\n"
        "from chalicelib.core.web.problems import SourceNotAllowed\n"
        f"images = WebImages(['{HOST}', 'inside.example.com'])\n"
        f"print(len(images.fetch('{URL}', soon())))\n"
        "try: images.fetch('https://inside.example.com/', soon())\n"
        "except SourceNotAllowed: print('refused')\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=root,
        env=internet.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(len(PNG)), "refused"]
    assert [seen.path for seen in internet.seen] == ["/a.png"]
