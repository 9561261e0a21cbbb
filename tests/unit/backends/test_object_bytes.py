"""Reading an object and writing one: a contract that the fake keeps as the real store does, and S3's failures."""

import socket
import threading
from collections.abc import Iterator, Mapping
from email.message import Message
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from chalicelib.backends.s3 import S3Objects
from chalicelib.core.ports import ObjectStore
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image
from chalicelib.core.web.problems import NotFound, Problem, Unavailable
from local import embedded_s3
from tests.support.builders import mount, soon, target
from tests.support.file_store import Files, etag_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2_000
MADE = Image("image/webp", bytes(range(256)))


# The contract


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 with one bucket."""
    with embedded_s3.serve() as address:
        _client(address).create_bucket(
            Bucket="acme-files", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield address


@cache
def _client(endpoint: str):  # type: ignore[no-untyped-def]  # boto3's types are boto3-stubs' affair
    return boto3.Session(embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY, region_name=embedded_s3.REGION).client(
        "s3", endpoint_url=endpoint
    )


class Kept:
    """A store with one file in it, and where it is mounted."""

    def __init__(self, store: ObjectStore, on: Mount, client: Any = None) -> None:
        self.store, self.on, self._client = store, on, client

    def put(self, key: str, body: bytes) -> None:
        if isinstance(self.store, Files):
            self.store.put(key, body)
        else:
            self._client.put_object(Bucket="acme-files", Key=key, Body=body)

    def read(self, key: str, etag: str) -> bytes:
        return self.store.read(target(key, self.on), {}, etag, soon(), lambda _: True)

    def head(self, key: str) -> Mapping[str, str]:
        return self.store.head(target(key, self.on), {}, {}, soon()).headers


@pytest.fixture(params=["fake", "real"])
def kept(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> Kept:
    if request.param == "fake":
        return Kept(Files(), mount())
    address = request.getfixturevalue("endpoint")
    environment.setenv("AWS_ACCESS_KEY_ID", embedded_s3.ACCESS_KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.SECRET_KEY)
    return Kept(S3Objects(), mount(endpoint=address), _client(address))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, len(PNG)])
def test_an_object_is_read_whole_and_its_beginning_in_one_piece(kept: Kept, size: int) -> None:
    body = PNG[:size]
    kept.put("a b/ü.png", body)
    etag = kept.head("a b/ü.png")["etag"]
    assert etag == etag_of(body)
    shown: list[bytes] = []

    def is_wanted(data: bytes) -> bool:
        shown.append(data)
        return True

    assert kept.store.read(target("a b/ü.png", kept.on), {}, etag, soon(), is_wanted) == body
    assert len(shown[0]) >= min(size, 64)


def test_another_object_than_was_looked_at_is_not_read(kept: Kept) -> None:
    kept.put("a.png", PNG)
    etag = kept.head("a.png")["etag"]
    kept.put("a.png", b"other")
    with pytest.raises(Unavailable, match="is being replaced"):
        kept.read("a.png", etag)


def test_a_missing_object_is_not_read(kept: Kept) -> None:
    with pytest.raises(NotFound):
        kept.read("missing.png", etag_of(b""))


def test_an_object_is_written_as_what_it_is_and_once(kept: Kept) -> None:
    key = f"-/derived/{type(kept.store).__name__}"
    kept.store.create(target(key, kept.on), MADE, soon())
    said = kept.head(key)
    assert (said["content-type"], said["content-length"]) == (MADE.media_type, str(len(MADE.body)))
    kept.store.create(target(key, kept.on), Image("image/png", b"poison"), soon())
    assert kept.head(key)["content-type"] == MADE.media_type
    assert kept.read(key, said["etag"]) == MADE.body


def test_of_many_who_write_at_once_one_does_and_all_return(kept: Kept) -> None:
    key = f"-/derived/race-{type(kept.store).__name__}"
    bodies = [bytes([number]) * 9 for number in range(4)]
    threads = [
        threading.Thread(target=kept.store.create, args=(target(key, kept.on), Image("image/png", body), soon()))
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.read(key, kept.head(key)["etag"]) in bodies


# What is sent, and what becomes of S3's failures


class Store(HTTPServer):
    """An S3 that answers every request alike and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.body = b""
        self.said_size: int | None = None
        self.asked: list[tuple[str, str, Message, bytes]] = []
        self.reader_left = False
        self.wanted = True
        self.etag: str | None = '"e"'

    @property
    def mount(self) -> Mount:
        return mount(endpoint=f"http://127.0.0.1:{self.server_port}", public_endpoint="https://s3.example.com")

    def read(self, query: Mapping[str, str] | None = None) -> bytes:
        return S3Objects().read(target("a b.png", self.mount), query or {}, '"e"', soon(), lambda _: self.wanted)

    def create(self) -> None:
        S3Objects().create(target("-/derived/x", self.mount), MADE, soon())


class Handler(BaseHTTPRequestHandler):
    """Answers for the store."""

    protocol_version = "HTTP/1.1"  # else a client waits a second for a 100 that does not come
    timeout = 10  # seconds, after which a reader that takes nothing is given up
    server: Store

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, self.headers, body))
        self.send_response(self.server.status)
        said = len(self.server.body) if self.server.said_size is None else self.server.said_size
        self.send_header("Content-Length", str(said))
        if self.server.etag is not None:
            self.send_header("ETag", self.server.etag)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            self.wfile.write(self.server.body)
        except ConnectionError:
            self.server.reader_left = True

    do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def store(environment: pytest.MonkeyPatch) -> Iterator[Store]:
    environment.setenv("AWS_ACCESS_KEY_ID", "AKID")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with Store() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_very_object_is_asked_for(store: Store) -> None:
    store.body = PNG
    assert store.read({"versionId": "v 1"}) == PNG
    ((method, path, headers, _),) = store.asked
    assert (method, urlsplit(path).path) == ("GET", "/acme-files/a%20b.png")
    assert parse_qs(urlsplit(path).query)["versionId"] == ["v 1"]
    assert headers["If-Match"] == '"e"'
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")


def test_what_is_written_says_what_it_is_and_replaces_nothing(store: Store) -> None:
    store.create()
    ((method, path, headers, body),) = store.asked
    assert (method, path, body) == ("PUT", "/acme-files/-/derived/x", MADE.body)
    assert {name: headers[name] for name in ("If-None-Match", "Content-Type", "Cache-Control")} == {
        "If-None-Match": "*",
        "Content-Type": "image/webp",
        "Cache-Control": "private, max-age=31536000, immutable",
    }


def test_what_is_written_needs_no_more_of_a_store_than_s3_always_had(store: Store) -> None:
    """A checksum that comes after the body is what other stores do not know; boto3 would send one."""
    store.create()
    names = {name.lower() for name in store.asked[0][2]}
    assert not {name for name in names if name.startswith(("x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer"))}
    assert not names & {"content-encoding", "transfer-encoding"}


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (400, Unavailable),
        (403, Unavailable),
        (404, NotFound),
        (405, NotFound),
        (412, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_a_failure_to_read_is_ours(store: Store, status: int, problem: type[Problem]) -> None:
    store.status = status
    with pytest.raises(problem) as refused:
        store.read()
    assert type(refused.value) is problem


@pytest.mark.parametrize("status", [409, 412])
def test_what_is_there_already_is_no_failure_to_write(store: Store, status: int) -> None:
    store.status = status
    store.create()
    assert {method for method, *_ in store.asked} == {"PUT"}


@pytest.mark.parametrize("status", [400, 403, 404, 500, 501, 503])
def test_a_failure_to_write_is_ours(store: Store, status: int) -> None:
    store.status = status
    with pytest.raises(Unavailable) as refused:
        store.create()
    assert type(refused.value) is Unavailable


def test_an_answer_that_is_not_of_s3_is_neither_read_nor_taken_for_written(store: Store) -> None:
    store.body, store.etag = b"<html>A proxy's page</html>", None
    for ask in (store.read, store.create):
        with pytest.raises(Unavailable) as refused:
            ask()
        assert refused.value.headers == {"Retry-After": "5"}
    store.etag = '"another"'
    with pytest.raises(Unavailable):
        store.read()


def test_more_bytes_than_an_image_may_have_are_not_read(store: Store) -> None:
    store.said_size = MAX_IMAGE_BYTES + 1
    with pytest.raises(Unavailable):
        store.read()


def test_an_object_that_breaks_off_is_not_taken_for_whole(store: Store) -> None:
    store.body, store.said_size = PNG, len(PNG) + 1
    with pytest.raises(Unavailable):
        store.read()


def test_whoever_stops_reading_is_sent_no_more(store: Store) -> None:
    store.body = bytes(30_000_000)  # more than what the sockets hold
    store.wanted = False
    assert len(store.read()) == 256 * 1024
    store.shutdown()  # waits for the answer that it is at
    assert store.reader_left


def test_a_store_that_does_not_answer_is_out_of_reach(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = mount(endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")
    environment.setenv("AWS_ACCESS_KEY_ID", "AKID")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(Unavailable):
        S3Objects().read(target("a", away), {}, '"e"', soon(), lambda _: True)
    with pytest.raises(Unavailable):
        S3Objects().create(target("a", away), MADE, soon())


def test_without_credentials_the_store_is_out_of_reach(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable):
        S3Objects().read(target(), {}, '"e"', soon(), lambda _: True)
    with pytest.raises(Unavailable):
        S3Objects().create(target(), MADE, soon())
