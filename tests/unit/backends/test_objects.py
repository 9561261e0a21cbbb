"""HEAD answered inline: what S3 says of an object is passed on, and its failures become ours."""

import threading
from collections.abc import Iterator, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import EndpointConnectionError

from chalicelib.backends.s3 import S3Objects
from chalicelib.core.ports import Metadata
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import Credentials
from chalicelib.core.web.problems import BadRequest, NotFound, PreconditionFailed, Problem, Unavailable
from tests.support.builders import mount, soon, target

OF_ALL = {"ETag": '"e"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "Content-Length": "0"}


class Store(HTTPServer):
    """An S3 that answers every request alike and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.fields = dict(OF_ALL)
        self.asked: list[tuple[str, str, Message]] = []

    @property
    def mount(self) -> Mount:
        return mount(endpoint=f"http://127.0.0.1:{self.server_port}", public_endpoint="https://s3.example.com")

    def head(
        self, key: str = "a", *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Metadata:
        return S3Objects().head(target(key, self.mount), query or {}, headers or {}, soon())


class Handler(BaseHTTPRequestHandler):
    """Answers for the store."""

    server: Store

    def do_HEAD(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers))
        self.send_response(self.server.status)
        for name, value in self.server.fields.items():
            self.send_header(name, value)
        self.end_headers()

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


def test_what_describes_the_object_is_passed_on_and_nothing_else(store: Store) -> None:
    describing = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": 'attachment; filename="a"',
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "Content-Length": "1234567890123",
        "Content-Type": "text/plain; charset=utf-8",
        "ETag": '"e"',
        "Expires": "Thu, 01 Jan 2026 00:00:00 GMT",
        "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
        "x-amz-checksum-sha256": "kgEFoU==",
        "x-amz-meta-a": "1",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-version-id": "v1",
    }
    store.fields = describing | {"x-amz-request-id": "1", "x-amz-id-2": "2", "Connection": "close", "Set-Cookie": "a=b"}
    store.fields |= {
        "Cache-Control": "max-age=60",
        "x-amz-meta-b": "ü",
        "x-amz-meta-c": "a\tb",
        "x-amz-replication-status": "COMPLETED",
        "Access-Control-Allow-Origin": "*",
    }
    found = store.head()
    assert found.status == 200
    assert dict(found.headers) == {name.lower(): value for name, value in describing.items()}


@pytest.mark.parametrize(
    "key", ["a", "a b", "a+b", "100%", "%2F", "a//b", "a/", "a?b#c", "ü", "日本", "📁", "~", "a" * 1024]
)
def test_the_object_asked_for_is_the_key_itself(store: Store, key: str) -> None:
    store.head(key)
    method, path, headers = store.asked[0]
    assert (method, unquote(path)) == ("HEAD", f"/acme-files/{key}")
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-west-1/s3/" in headers["Authorization"]


def test_the_parameters_are_those_of_the_redirect(store: Store) -> None:
    query = {"versionId": "v 1", "response-content-type": "a/b", "response-content-disposition": 'inline; filename="ü"'}
    query |= {"response-cache-control": "no-store", "response-content-encoding": "x", "response-content-language": "de"}
    query |= {"response-expires": "Thu, 01 Jan 2026 00:00:00 GMT"}
    store.head(query=query)
    assert {name: values[0] for name, values in parse_qs(urlsplit(store.asked[0][1]).query).items()} == query


def test_conditions_and_ranges_are_honoured_and_the_rest_kept(store: Store) -> None:
    conditions = {
        "if-match": '"e"',
        "if-none-match": 'W/"f"',
        "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT",
        "if-unmodified-since": "Thu, 01 Jan 2026 00:00:00 GMT",
        "range": "bytes=0-9",
    }
    store.head(headers=conditions | {"cookie": "canary", "authorization": "Bearer canary", "x-canary": "canary"})
    sent = store.asked[0][2]
    assert {name: sent[name] for name in conditions} == conditions
    assert "canary" not in str(sent)


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Thu, 32 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jan 99999 00:00:00 GMT",
        "Thu, 01 Jan 2026 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59 -1200",
    ],
)
def test_a_date_that_is_none_is_ignored(store: Store, date: str) -> None:
    """RFC 9110 §13.1.3."""
    assert store.head(headers={"if-modified-since": date}).status == 200


@pytest.mark.parametrize("status", [206, 304, 416])
def test_an_answer_to_a_condition_or_range_is_passed_on(store: Store, status: int) -> None:
    store.status = status
    assert store.head() == Metadata(status, {name.lower(): value for name, value in OF_ALL.items()})


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (400, Unavailable),
        (403, Unavailable),
        (404, NotFound),
        (405, NotFound),
        (412, PreconditionFailed),
        (501, Unavailable),
        (503, Unavailable),
    ],
)
def test_a_failure_of_the_store_is_ours(store: Store, status: int, problem: type[Problem]) -> None:
    store.status, store.fields = status, {"Connection": "close"}
    with pytest.raises(problem) as refused:
        store.head()
    assert type(refused.value) is problem


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ({"response-expires": "soon"}, {}),
        ({"response-expires": "Fri, 31 Dec 9999 23:59:59 -1200"}, {}),
        ({"response-expires": "1e999"}, {}),
        ({}, {"if-match": '"a"\r\nx-evil: 1'}),
        ({}, {"if-none-match": '"日本"'}),
        ({}, {"range": "bytes=0-9\n"}),
    ],
)
def test_what_cannot_be_sent_to_the_store_is_the_clients_mistake(
    store: Store, query: dict[str, str], headers: dict[str, str]
) -> None:
    with pytest.raises(BadRequest):
        store.head(query=query, headers=headers)
    assert store.asked == []


def test_a_bare_400_blames_the_client_only_for_a_version_or_a_condition(store: Store) -> None:
    """S3 answers HEAD so where the credentials have ended, the region is another, or the clock is wrong."""
    store.status = 400
    date = "Thu, 01 Jan 2026 00:00:00 GMT"
    for query, headers in (
        ({"versionId": "v"}, {}),
        *(({}, {name: date}) for name in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")),
    ):
        with pytest.raises(BadRequest):
            store.head(query=query, headers=headers)
    store.fields |= {"x-amz-bucket-region": "eu-central-1"}
    for query, headers in (({}, {}), ({"response-expires": date}, {"range": "bytes=0-", "if-modified-since": "soon"})):
        with pytest.raises(Unavailable) as refused:
            store.head(query=query, headers=headers)
        assert refused.value.reason == "HeadObject was answered with 400 400, the bucket is in eu-central-1"


def test_an_answer_that_is_not_of_s3_is_no_object(store: Store) -> None:
    """A proxy answers every request with its page, and status 200."""
    for missing in OF_ALL:
        store.fields = {name: value for name, value in OF_ALL.items() if name != missing}
        with pytest.raises(Unavailable) as refused:
            store.head()
        assert refused.value.headers == {"Retry-After": "5"}
    store.fields = OF_ALL | {"Content-Length": "many"}
    with pytest.raises(Unavailable):
        store.head()


def test_a_store_that_refuses_the_service_is_told_apart_from_one_that_fails(store: Store) -> None:
    store.status = 403
    with pytest.raises(Unavailable, match="refuses the service itself"):
        store.head()


def test_a_mount_with_credentials_of_its_own_is_asked_with_them_alone(
    store: Store, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("AWS_SESSION_TOKEN", "the environment's")
    objects, own = S3Objects(), store.mount._replace(credentials=Credentials("THEIRS", "secret"))
    for at in (own, store.mount, own):
        objects.head(target("a", at), {}, {}, soon())
    sent = [(headers["Authorization"].split("/")[0], headers["x-amz-security-token"]) for _, _, headers in store.asked]
    theirs = ("AWS4-HMAC-SHA256 Credential=THEIRS", None)
    assert sent == [theirs, ("AWS4-HMAC-SHA256 Credential=AKID", "the environment's"), theirs]


def test_a_store_that_does_not_answer_is_out_of_reach(environment: pytest.MonkeyPatch) -> None:
    with Store() as closed:
        away = closed.mount
    environment.setenv("AWS_ACCESS_KEY_ID", "AKID")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(Unavailable):
        S3Objects().head(target("a", away), {}, {}, soon())


def test_without_credentials_the_store_is_out_of_reach(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable):
        S3Objects().head(target(), {}, {}, soon())


def test_other_endpoints_of_the_environment_lead_no_one_astray(store: Store, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    environment.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    assert store.head().status == 200


@pytest.mark.parametrize(
    "at", [mount(), mount(bucket="a.b.c"), mount(endpoint="https://s3.example.com"), mount(region="cn-north-1")]
)
def test_the_service_asks_where_it_sends_its_clients(store: Store, at: Mount) -> None:
    asked: set[str] = set()

    def unreachable(request: AWSPreparedRequest, **_: object) -> None:
        asked.add(request.url)
        raise EndpointConnectionError(endpoint_url=request.url)

    objects = S3Objects()
    objects._client(at).meta.events.register("before-send.s3.HeadObject", unreachable)
    with pytest.raises(Unavailable):
        objects.head(target("a", at), {}, {}, soon())
    assert asked == {f"{at.bucket_url.origin}{at.bucket_url.base}/a"}


def test_a_client_is_made_once_for_its_endpoint_and_region(store: Store) -> None:
    objects = S3Objects()
    for region in ("eu-west-1", "us-east-1", "eu-west-1"):
        objects.head(target("a", store.mount._replace(region=region)), {}, {}, soon())
    assert len(store.asked) == 3
    assert len(objects._clients) == 2
