"""Web images: images of other sites, and every attempt to make the service fetch something else.

The code runs unchanged in the internet of `tests.support.fake_internet`. No test reads a clock: a fetch without a bound
would hang until the timeout of pytest.
"""

import gc
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from io import BufferedIOBase
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.backends.images.web_images import WebImages
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES
from chalicelib.core.web.problems.base import BadParameter, NotFound, Problem, Unavailable
from chalicelib.core.web.problems.images import ImageTooLarge, SourceFailed, SourceNotAllowed
from tests.support.builders import soon
from tests.support.fake_internet import ADDRESS, HOST, FakeInternet
from tests.support.fake_sockets.sitecustomize import FakeSockets

pytestmark = pytest.mark.timeout(120)

URL = f"https://{HOST}/a.png"
PNG = b"\x89PNG\r\n\x1a\n and so on"
SECRET = "a-secret-in-the-url"
SECONDS = 0.15  # of a deadline that passes
SMALL = 100_000  # bytes: a limit that an endless answer reaches soon
IPV6 = "2606:2800:220:1:248:1893:25c8:1946"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class World:
    """The fake internet as one test sees it, with the image at `URL`."""

    def __init__(self, internet: FakeInternet, sockets: FakeSockets) -> None:
        self.internet, self.sockets = internet, sockets

    def fetch(
        self, url: str = URL, hosts: Sequence[str] = (HOST,), seconds: float = 9, max_bytes: int = MAX_IMAGE_BYTES
    ) -> bytes:
        return WebImages(hosts, max_bytes).fetch(url, soon(seconds))

    def refuses(self, problem: type[Problem], url: str = URL, **options: Any) -> None:
        """Assert that a fetch raises this problem, whose text repeats nothing of the URL."""
        with pytest.raises(Problem) as refusal:
            pytest.fail(f"{url!r} was fetched: {self.fetch(url, **options)!r}")
        assert refusal.type is problem, url
        assert not any(text in refusal.value.detail for text in (SECRET, HOST, ADDRESS, "evil", "127", "169")), url

    def answer(self, *pieces: bytes, endless: bytes | None = None, pause: float = 0) -> None:
        """Let the site answer at `URL` with these bytes; then with `endless` again and again, after pauses."""

        def write(stream: BufferedIOBase) -> None:
            for piece in pieces:
                stream.write(piece)
            while endless is not None:  # until the client closes the connection
                stream.write(endless)
                stream.flush()
                time.sleep(pause)

        self.internet.script("/a.png", write)


@pytest.fixture
def world(internet: FakeInternet, monkeypatch: pytest.MonkeyPatch) -> World:
    internet.forget()
    internet.serve("/a.png", PNG)
    return World(internet, internet.patch(monkeypatch))


# -- the request and the answer --


def test_the_request_tells_the_site_nothing_about_the_client(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No cookie, no credentials, no referrer, also after a redirect; and no proxy of the environment is used."""
    (tmp_path / ".netrc").write_text(f"machine {HOST} login me password {SECRET}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    world.internet.serve("/old", status=302, headers={"Location": "/a.png", "Set-Cookie": "a=b"})
    assert world.fetch(f"https://{HOST}/old") == PNG
    assert [request.path for request in world.internet.seen] == ["/old", "/a.png"]
    for request in world.internet.seen:
        assert request.headers == {
            "host": HOST,
            "user-agent": "Signpost",
            "accept": "image/avif, image/webp, image/jpeg, image/png, image/gif, */*;q=0.1",
            "accept-encoding": "identity",
            "connection": "close",
        }


def test_path_and_query_are_sent_unchanged(world: World) -> None:
    for url, target in (
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
    ):
        world.internet.serve(target, PNG)
        assert world.fetch(url) == PNG
        request = world.internet.seen.pop()
        assert (request.path, request.headers["host"]) == (target, HOST), url


def test_the_status_of_the_site_decides(world: World) -> None:
    """A redirect without a location fails; a location counts only with the status of a redirect."""
    for problem, statuses in (
        (SourceFailed, (201, 204, 206, 300, 301, 302, 303, 304, 305, 306, 307, 308, 400, 401, 403, 407, 429, 451)),
        (NotFound, (404, 410)),
        (Unavailable, (500, 502, 503, 504, 599)),
    ):
        for status in statuses:
            world.internet.serve("/a.png", PNG, status=status)
            world.refuses(problem)
            if status in (201, 300, 304, 305, 306):
                world.internet.redirect("/old", "/a.png", status)
                world.refuses(SourceFailed, f"https://{HOST}/old")
    world.internet.serve("/a.png", status=403)
    with pytest.raises(SourceFailed, match=r"^The site of the image answered 403\. "):
        world.fetch()


def test_a_compressed_answer_is_never_unpacked(world: World) -> None:
    for coding in ("gzip", "br", "GZIP", "deflate, gzip", "x"):
        world.internet.serve("/a.png", PNG, headers={"Content-Encoding": coding})
        world.refuses(SourceFailed)
    world.internet.serve("/a.png", PNG, headers={"Content-Encoding": "Identity"})
    assert world.fetch() == PNG


# -- URLs and hosts --

PORTS = "@evil.net/ :443@evil.net/ : :/ :0/ :65536/ :99999999999/ :-1/ :+443/ :4_4_3/ :https/ :443:443/ :٤٤٣/"
MALFORMED = [
    *f"""/ a.png {HOST}/a.png //{HOST}/a.png https: https:/ https:// https:///a.png https:{HOST}/a.png
    https:/{HOST}/a.png https://:443/ https://?a https://{HOST}/\0 https://{HOST}/\x7f https://{HOST}/a\\b.png
    https://{HOST}\\.evil.net/ https://{HOST}\\@evil.net/ https://evil.net\\@{HOST}/ https:\\\\{HOST}\\a.png
    https://evil.net@{HOST}/ https://{HOST}%2f@evil.net/ https://a:b@{HOST}/{SECRET} https://@{HOST}/ https://:@{HOST}/
    https://a@b@{HOST}/ https://ïmages.example.com/ https://{HOST}/ü.png https://images。example.com/
    https://images.example.com\u2024evil.net/ https://[{HOST} https://ⓘmages.example.com/
    https://images.example.com\u200b/ https://images.example.com/\ud800 https://①②⑦.⓪.⓪.①/ https://[::1/ https://::1]/
    https://[]/ https://[::1]evil/""".split(),
    *(f"https://{HOST}{rest}" for rest in PORTS.split()),
    *("", f" {URL}", f"{URL} ", f"\t{URL}", f"https://{HOST}/a b", f"ht\ntps://{HOST}/a.png"),
    *(f"https://{HOST}\r\n/a.png", f"https://{HOST}/a.png\r\nX-Evil: 1"),
]  # fmt: skip
ADDRESSES = f"""127.0.0.1 127.1 127.0.0.1. 2130706433 017700000001 0177.0.0.1 0x7f000001 0x7f.0.0.1 0X7F.1 0x 0
    0.0.0.0 169.254.169.254 169.254.43518 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1]
    [fd00:ec2::254] [fe80::1%25eth0] {ADDRESS}""".split()
NOT_ALLOWED = [
    *f"""http://{HOST}/a.png http://{HOST}:443/a.png ftp://{HOST}/a.png ws://{HOST}/a.png {HOST}:443/a.png
    file:///etc/passwd data:image/png;base64,AAAA gopher://{HOST}/_x javascript:alert(1) https://evil.net/
    https://evil#@{HOST}/ https://evil.net?@{HOST}/ https://evil.net/@{HOST}/ https://evil.net:443#{HOST}
    https://evil{HOST}/ https://{HOST}.evil.net/ https://a.{HOST}/ https://example.com/ https://{HOST}./
    https://{HOST}../ https://.{HOST}/ https://images..example.com/ https://images%2eexample.com/
    https://{HOST}%00.evil.net/ https://{HOST}%23.evil.net/ https://{HOST};evil.net/ https://{HOST},evil.net/
    https://*.{HOST}/ https://*.example.com/ https://{HOST}:80/ https://{HOST}:8443/ https://{HOST}:4430/
    https://localhost/ https://a.b.1/ https://{"a." * 5000}{HOST}/""".split(),
    *(f"https://{address}/latest/meta-data/" for address in ADDRESSES),
]  # fmt: skip


def test_a_wrong_url_is_refused_before_any_name_is_resolved(world: World) -> None:
    for problem, urls in ((BadParameter, MALFORMED), (SourceNotAllowed, NOT_ALLOWED)):
        for url in urls:
            world.refuses(problem, url)
            assert not world.sockets.resolved, url
    world.refuses(SourceNotAllowed, hosts=())
    for address in ADDRESSES[:14]:  # an IPv4 address is refused even if it is listed
        with pytest.raises((SourceNotAllowed, BadParameter)):
            world.fetch(f"https://{address}/", hosts=(address, f"{address}:443"))
    assert not world.sockets.resolved
    assert not world.sockets.dialled


def test_the_hosts_of_the_settings_and_no_others_are_allowed() -> None:
    """Their names, the names below a wildcard, and their ports."""
    long_label, long_name = f"{'a' * 64}.example.com", f"{'a.' * 122}example.com"
    for listed, allowed, refused in (
        (HOST, (HOST,), (f"{HOST}:8443",)),
        (f"{HOST}:8443", (f"{HOST}:8443",), (HOST, f"{HOST}:844")),
        (f"{HOST}:1", (f"{HOST}:1",), (HOST,)),
        (f"{HOST}:65535", (f"{HOST}:65535",), (HOST,)),
        ("*.example.com:8443", (f"{HOST}:8443",), (HOST,)),
        ("*.cdn.example.com", ("a.cdn.example.com", "xn--bcher-kva.cdn.example.com", "a-b.cdn.example.com"), (HOST,)),
        (
            "*.example.com",
            ("a.b.c.example.com", "a_b.example.com", f"{'a' * 63}.example.com", f"{'a.' * 121}example.com"),
            f"""example.com .example.com ..example.com a..example.com evilexample.com evil-example.com com
            example.com.evil.net a.example.com.evil.net a.example.com. a.example.comm a.example.co a.example.com:8443
            %2e.example.com evil.net%2f.example.com evil.net%00.example.com *.example.com {long_label} {long_name}
            """.split(),
        ),
    ):
        images = WebImages([listed])
        for host in allowed:
            assert images.host(f"https://{host}/a.png") == host
        for host in refused:
            with pytest.raises(SourceNotAllowed):
                pytest.fail(f"{images.host(f'https://{host}/')} is allowed by {listed}")


def test_a_listed_port_is_dialled(world: World) -> None:
    assert world.fetch(f"https://{HOST}:8443/a.png", hosts=(f"{HOST}:8443",)) == PNG
    assert world.sockets.dialled == [(ADDRESS, 8443)]
    assert world.internet.seen[0].headers["host"] == f"{HOST}:8443"


URL_PARTS = (
    f"{HOST} https: http: HTTPS:// // / /a.png \\ @ : 443 80 # ? . %2e %00 *. 。 evil.net 127.0.0.1 [::1] 0x7f.1"
)
FRAGMENTS = st.sampled_from([*URL_PARTS.split(), "xn--", "\t", "\n", " "])


@given(st.text() | st.lists(FRAGMENTS, max_size=8).map("".join) | st.text(max_size=8).map(f"https://{HOST}".__add__))
def test_no_url_leads_to_another_host(world: World, url: str) -> None:
    with suppress(BadParameter, SourceNotAllowed, NotFound):
        assert world.fetch(url) == PNG
    assert set(world.sockets.resolved) <= {HOST}
    assert set(world.sockets.dialled) <= {(ADDRESS, 443)}


# -- names and addresses --

NOT_PUBLIC = f"""127.0.0.1 10.0.0.1 169.254.169.254 100.64.0.1 0.0.0.0 192.0.0.9 224.0.0.1 ::1 fd00:ec2::254 fe80::1
    fec0::1 ::ffff:127.0.0.1 ::ffff:{ADDRESS} 64:ff9b::7f00:1 2002:7f00:1::1 ff0e::1""".split()


def test_a_host_with_an_address_that_is_not_public_is_refused(world: World) -> None:
    """Also if another of its addresses is public, and also after a redirect."""
    world.internet.redirect("/old", "https://inside.example.com/")
    for address in NOT_PUBLIC:
        for addresses in ([address], [ADDRESS, address]):
            world.internet.add("inside.example.com", *addresses)
            world.refuses(SourceNotAllowed, "https://inside.example.com/", hosts=("inside.example.com",))
            assert not world.sockets.dialled, address
        world.refuses(SourceNotAllowed, f"https://{HOST}/old", hosts=(HOST, "inside.example.com"))
        assert world.sockets.dialled == [(ADDRESS, 443)], address
        world.sockets.dialled.clear()


def test_a_host_is_resolved_once_for_each_request(world: World) -> None:
    """DNS rebinding: the address is public when it is checked, and another address when someone asks again."""
    world.sockets.after_resolving = lambda: world.internet.names.update({HOST: ["127.0.0.1"]})
    assert world.fetch() == PNG
    assert world.sockets.resolved == [HOST]
    world.refuses(SourceNotAllowed)
    world.internet.add(HOST, ADDRESS)
    world.internet.redirect("/old", "/a.png")
    world.refuses(SourceNotAllowed, f"https://{HOST}/old")
    assert world.sockets.dialled == [(ADDRESS, 443)] * 2


def test_addresses_are_tried_one_after_the_other(world: World) -> None:
    world.internet.add(HOST, IPV6)
    assert world.fetch() == PNG
    world.internet.names[HOST] = ["2606:2800:220:1::1", "1.1.1.1", ADDRESS]
    world.sockets.silent.add("1.1.1.1")  # leaves time for the next address
    assert world.fetch(seconds=1) == PNG
    dialled = [address for address, _ in world.sockets.dialled]
    assert dialled == [IPV6, "2606:2800:220:1::1", "1.1.1.1", ADDRESS]


def test_a_host_that_does_not_answer_is_unavailable(world: World) -> None:
    for addresses in (["1.1.1.1"], ["1.1.1.1", "2606:2800:220:1::1"], []):
        world.internet.names[HOST] = addresses
        world.refuses(Unavailable)
    world.sockets.silent.add("1.1.1.1")
    world.internet.names[HOST] = ["1.1.1.1"]
    world.refuses(Unavailable, seconds=SECONDS)
    del world.internet.names[HOST]
    world.refuses(Unavailable)


def test_a_certificate_must_be_trusted_and_name_the_host(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.internet.add("images.example.net", ADDRESS)
    world.refuses(Unavailable, "https://images.example.net/a.png", hosts=("images.example.net",))
    monkeypatch.delenv("SSL_CERT_FILE")
    world.refuses(Unavailable)
    assert world.internet.seen == []


# -- redirects --


def test_a_redirect_is_followed(world: World) -> None:
    relative, absolute = ("/a.png", "../a.png", "a.png", "  /a.png \t"), (URL, f"{URL}#{SECRET}")
    locations = (*relative, f"//{HOST}/a.png", *absolute, f"https://{HOST}:443/a.png")
    for status, location in zip(cycle((301, 302, 303, 307, 308)), locations, strict=False):
        world.internet.redirect("/old", location, status)
        assert world.fetch(f"https://{HOST}/old") == PNG, location
    world.internet.add("a.cdn.example.com", ADDRESS)
    world.internet.redirect("/old", "https://A.cdn.example.com/a.png")
    assert world.fetch(f"https://{HOST}/old", hosts=(HOST, "*.cdn.example.com")) == PNG
    assert world.sockets.resolved[-2:] == [HOST, "a.cdn.example.com"]
    assert [request.headers["host"] for request in world.internet.seen[-2:]] == [HOST, "a.cdn.example.com"]


def test_a_redirect_is_checked_like_a_url(world: World) -> None:
    """A malformed location is the fault of the site, not of the client."""
    malformed = [
        f"https://a:b@{HOST}/a.png",
        f"https://{HOST}@evil.net/",
        f"//evil.net\\@{HOST}/",
        "/a b",
        "/ü",
        "/a\tb",
    ]
    malformed += [f"ht\ttps://{HOST}/a.png", "https://[::1", f"https://{HOST}:x/"]
    for problem, locations in ((SourceNotAllowed, NOT_ALLOWED), (SourceFailed, malformed)):
        for location in locations:
            world.internet.redirect("/old", location)
            world.sockets.dialled.clear()
            world.refuses(problem, f"https://{HOST}/old")
            assert len(world.sockets.dialled) == 1, location


def test_three_redirects_are_followed_and_no_more(world: World) -> None:
    for step in range(4):
        world.internet.redirect(f"/{step}", f"/{step + 1}")
    world.internet.serve("/4", PNG)
    assert world.fetch(f"https://{HOST}/1") == PNG
    world.refuses(SourceFailed, f"https://{HOST}/0")
    for location in ("/loop", "", "#", "?"):
        world.internet.redirect("/loop", location)
        world.internet.seen.clear()
        world.refuses(SourceFailed, f"https://{HOST}/loop")
        assert len(world.internet.seen) == 4, location


# -- bytes --


def test_an_image_may_have_32_megabytes(world: World) -> None:
    body = bytes(MAX_IMAGE_BYTES)
    world.internet.serve("/a.png", body)
    assert world.fetch() == body
    world.internet.serve("/a.png", body + b"x")
    with pytest.raises(ImageTooLarge, match=r"^The image has more than 33,554,432 bytes\. "):
        world.fetch()


def test_the_limit_holds_for_every_kind_of_body(world: World) -> None:
    chunks = [b"3e8\r\n" + bytes(1000) + b"\r\n"] * (SMALL // 1000)
    for start, body, end in (
        ([OK, b"\r\n"], [bytes(SMALL)], []),  # no length: the body ends with the connection
        ([CHUNKED], chunks, [b"0\r\n\r\n"]),
    ):
        world.answer(*start, *body, *end)
        assert world.fetch(max_bytes=SMALL) == bytes(SMALL)
        more = b"1\r\nx\r\n" if end else b"x"
        world.answer(*start, *body, more, *end)
        world.refuses(ImageTooLarge, max_bytes=SMALL)
    for length in (str(SMALL + 1), "9" * 4000):  # the length is enough to refuse: there is no body
        world.answer(OK, f"Content-Length: {length}\r\n\r\n".encode())
        world.refuses(ImageTooLarge, max_bytes=SMALL)


def test_an_endless_answer_ends_at_the_limit(world: World) -> None:
    for head, endless in (
        (OK + b"\r\n", bytes(10_000)),
        (OK + b"Content-Length: x\r\n\r\n", bytes(10_000)),
        (CHUNKED, b"2710\r\n" + bytes(10_000) + b"\r\n"),
        (CHUNKED, b"1\r\nx\r\n" * 1000),
        (CHUNKED + b"-1\r\n", bytes(10_000)),
        (CHUNKED + b"fffffffffffffffffffffffff\r\n", bytes(10_000)),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"a: b\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ):
        world.answer(head, endless=endless)
        world.refuses(ImageTooLarge, max_bytes=SMALL)


def test_a_length_is_respected_if_it_is_one(world: World) -> None:
    world.answer(OK, f"Content-Length: {len(PNG)}\r\n\r\n".encode(), PNG, bytes(1000))
    assert world.fetch() == PNG
    for length in (b"-1", b"x", b"1e3", b"", b"5, 5"):
        world.answer(OK, b"Content-Length: ", length, b"\r\n\r\n", PNG)
        assert world.fetch() == PNG, length


def test_an_incomplete_answer_is_unavailable(world: World) -> None:
    for answer in (
        OK + b"Content-Length: 100\r\n\r\n" + PNG,
        OK + b"Content-Length: 100\r\n\r\n",
        *(CHUNKED + body for body in (b"", b"64\r\n" + PNG, b"1\r\nx\r\n", b"x\r\n", b"-5\r\n12345")),
        *(b"", b"HTTP/1.1", OK + b"a: b\r\n" * 1000 + b"\r\n", OK + b"a: " + b"b" * 100_000 + b"\r\n\r\n"),
        *(b"HTTP/3 200 OK\r\n\r\n", b"HTTP/1.1 -20 OK\r\n\r\n", b"HTTP/1.1 \xff OK\r\n\r\n", PNG),
    ):
        world.answer(answer)
        world.refuses(Unavailable)


# -- time --


def test_a_slow_site_is_given_up_at_the_deadline(world: World) -> None:
    for head, endless in (
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
        *((silent, b"") for silent in (b"", OK, OK + b"Content-Length: 1000\r\n\r\nx")),
    ):
        world.answer(head, endless=endless, pause=0.01)
        world.refuses(Unavailable, seconds=SECONDS)


def test_redirects_share_one_deadline(world: World) -> None:
    def redirect_late(stream: BufferedIOBase) -> None:
        time.sleep(0.2)
        stream.write(b"HTTP/1.1 302 Found\r\nLocation: /a.png\r\nContent-Length: 0\r\n\r\n")

    world.internet.script("/a.png", redirect_late)
    world.refuses(Unavailable, seconds=0.5)


def test_a_server_without_a_tls_handshake_is_unavailable(world: World) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x03\x3f\xff")  # RFC 8446 §5.1: a handshake record of 16,383 bytes
        while True:
            connection.sendall(b"\x02")
            time.sleep(0.02)

    def stay_silent(connection: socket.socket) -> None:
        while connection.recv(1000):
            pass

    def answer_without_tls(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(OK + b"Content-Length: 1\r\n\r\nx")

    def serve(listener: socket.socket, talk: Callable[[socket.socket], None]) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            talk(connection)

    for talk in (drip, stay_silent, answer_without_tls):
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            world.internet.ports[ADDRESS] = listener.getsockname()[1]
            thread = threading.Thread(target=serve, args=(listener, talk))
            thread.start()
            world.refuses(Unavailable, seconds=SECONDS)
            thread.join()


def test_a_resolver_that_hangs_is_given_up(world: World) -> None:
    """When it answers after all, nothing is connected."""
    may_answer, has_answered = threading.Event(), threading.Event()

    def hang() -> None:
        may_answer.wait(60)
        has_answered.set()

    world.sockets.after_resolving = hang
    world.refuses(Unavailable, seconds=SECONDS)
    may_answer.set()
    assert has_answered.wait(10)
    time.sleep(0.05)
    assert world.sockets.dialled == []


def test_a_connection_is_closed_if_its_handshake_ends_too_late(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open connection would be a ResourceWarning, and so an error."""
    shake_hands = ssl.SSLSocket.do_handshake

    def shake_hands_late(self: ssl.SSLSocket, block: bool = False) -> None:
        shake_hands(self, block)
        time.sleep(SECONDS)

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", shake_hands_late)
    world.refuses(Unavailable, seconds=SECONDS)
    gc.collect()
