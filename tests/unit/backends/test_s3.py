"""S3Objects: the requests to S3, and the results of S3's answers. A stub answers in place of S3."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from chalicelib.backends.s3 import S3Objects
from chalicelib.backends.s3_clients import S3Clients
from chalicelib.core.ports import ListedKeys, Metadata
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.s3.stores import Credentials, Variant
from chalicelib.core.web.image_parameters import MAX_IMAGE_BYTES, Image
from chalicelib.core.web.problems.base import BadRequest, NotFound, PreconditionFailed, Problem, Unavailable
from tests.support.aws_stub import AwsStub, SentRequest, unavailable
from tests.support.builders import mount, soon, target

DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
FIELDS = {"ETag": '"e"', "Last-Modified": DATE, "Content-Length": "0"}
WEBP = Image("image/webp", b"RIFF")
NO_ENTRIES = "<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>"
ENTRY = "<Key>a</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>e</ETag>"
MAX_BYTES = 9  # of the objects of `S3.get`
PROXY_PAGE = b"<html><body>A proxy's page</body></html>"

Strings = Mapping[str, str]


class S3:
    """All calls of S3Objects, and the stub that answers."""

    def __init__(self, at: Mount | None = None, objects: S3Objects | None = None, stub: bool = True) -> None:
        self.objects, self.mount = objects or S3Objects(S3Clients()), at or mount()
        if stub:
            self.stub = AwsStub(self.objects._clients.of(self.mount), headers=FIELDS)

    @property
    def all(self) -> list[Callable[[], object]]:
        return [self.head, self.get, self.list, self.read, self.create]

    def head(self, query: Strings | None = None, headers: Strings | None = None, key: str = "a") -> Metadata:
        return self.objects.head(target(key, self.mount), query or {}, headers or {}, soon())

    def get(self, query: Strings | None = None, headers: Strings | None = None) -> tuple[Metadata, bytes] | None:
        found = target("a.mpd", self.mount)
        return self.objects.get(found, query or {}, headers or {}, soon(), max_bytes=MAX_BYTES)

    def list(self, after: str = "") -> ListedKeys:
        return self.objects.list(target("", self.mount), soon(), recursive=not after, after=after, limit=1)

    def read(self, query: Strings | None = None, is_wanted: bool = True) -> bytes:
        return self.objects.read(target("a b.png", self.mount), query or {}, '"e"', soon(), lambda _: is_wanted)

    def create(self) -> None:
        self.objects.create(target("-/derived/x", self.mount), WEBP, soon())

    @property
    def sent(self) -> SentRequest:
        """The last request."""
        return self.stub.requests[-1]

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.sent.url).path)

    @property
    def query(self) -> Strings:
        return dict(parse_qsl(urlsplit(self.sent.url).query))


@pytest.fixture(autouse=True)
def role(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("AWS_ACCESS_KEY_ID", "AKID")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return environment


# Requests


def test_a_key_is_sent_as_it_is() -> None:
    s3 = S3()
    for key in ("a", "a b", "a+b", "100%", "%2F", "a//b", "a/", "a?b#c", "日本", "📁", "~", "a" * 1024):
        s3.head(key=key)
        assert (s3.sent.method, s3.path) == ("HEAD", f"/{key}")


def test_requests_go_to_the_endpoint_of_presigned_urls_in_every_environment(role: pytest.MonkeyPatch) -> None:
    role.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    role.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    role.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    role.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    for at in (
        *(mount(), mount(bucket="a.b.c"), mount(endpoint="https://s3.example.com"), mount(region="cn-north-1")),
        mount(endpoint="https://s3.example.com", addressing="virtual"),
        mount(region="us-east-1", variant=Variant(dualstack=True, fips=True)),
        mount(bucket="arn:aws:s3:eu-west-1:111122223333:accesspoint/acme-ap", variant=Variant(dualstack=True)),
    ):
        s3 = S3(at)
        s3.head()
        assert s3.sent.url == f"{at.bucket_url.origin}{at.bucket_url.base}/a"
    s3 = S3(mount(variant=Variant(accelerate=True)))
    s3.head()
    assert s3.sent.url == f"{mount().bucket_url.origin}/a"


def test_the_service_pays_where_the_mount_says_so() -> None:
    for pays, header in ((False, None), (True, "requester")):
        s3 = S3(mount()._replace(requester_pays=pays))
        for call in s3.all:
            with suppress(Unavailable):  # the stub has no answer that fits each call
                call()
            assert s3.sent.headers.get("x-amz-request-payer") == header
            assert ("x-amz-request-payer" in s3.sent.headers["authorization"]) is pays


def test_each_mount_has_a_client_for_its_region_and_its_own_credentials(role: pytest.MonkeyPatch) -> None:
    role.setenv("AWS_SESSION_TOKEN", "token")
    objects, signers = S3Objects(S3Clients()), []
    own = mount()._replace(credentials=Credentials("OWN", "secret"))
    for at in (mount(), own, mount(region="us-east-1")):
        s3 = S3(at, objects)
        s3.head()
        key, _, region, *_ = s3.sent.headers["authorization"].split("/")
        signers.append((key, region, s3.sent.headers.get("x-amz-security-token")))
        assert objects._clients.of(at) is objects._clients.of(at)
    kinds = (own._replace(requester_pays=True), own._replace(addressing="virtual"), own._replace(variant=Variant(True)))
    assert len({id(objects._clients.of(at)) for at in (own, *kinds)}) == 4
    assert signers == [
        ("AWS4-HMAC-SHA256 Credential=AKID", "eu-west-1", "token"),
        ("AWS4-HMAC-SHA256 Credential=OWN", "eu-west-1", None),
        ("AWS4-HMAC-SHA256 Credential=AKID", "us-east-1", "token"),
    ]


def test_head_and_get_send_the_query_and_the_conditions_of_the_client_and_nothing_else() -> None:
    s3 = S3()
    query = {"versionId": "v 1", "response-content-type": "a/b", "response-content-disposition": 'inline; filename="ü"'}
    query |= {"response-cache-control": "no-store", "response-content-encoding": "x", "response-content-language": "de"}
    query |= {"response-expires": DATE}
    conditions = {"if-match": '"e"', "if-none-match": 'W/"f"', "range": "bytes=0-9"}
    conditions |= {"if-modified-since": DATE, "if-unmodified-since": DATE}
    for act in (s3.head, s3.get):
        act(query, conditions | {"cookie": "canary", "authorization": "Bearer canary", "x-canary": "canary"})
        assert s3.query == query
        assert conditions.items() <= s3.sent.headers.items()
        assert "canary" not in str(s3.sent.headers)


def test_an_invalid_date_in_a_condition_is_ignored() -> None:
    """RFC 9110 §13.1.3."""
    s3, dates = S3(), ["", "yesterday", "Thu, 32 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT"]
    dates += ["Thu, 01 Jan 2026 00:00:00 +99999999999999999999"]
    dates += ["Fri, 31 Dec 9999 23:59:59 -1200"]
    for date in dates:
        assert s3.head(headers={"if-modified-since": date}).status == 200
        assert "if-modified-since" not in s3.sent.headers


def test_parameters_that_cannot_be_sent_are_a_mistake_of_the_client() -> None:
    s3 = S3()
    for date in ("soon", "Fri, 31 Dec 9999 23:59:59 -1200", "1e999"):
        with pytest.raises(BadRequest, match="response-expires"):
            s3.head({"response-expires": date})
    for name, value in (("if-match", '"a"\r\nx-evil: 1'), ("if-none-match", '"日本"'), ("range", "bytes=0-9\n")):
        with pytest.raises(BadRequest, match=name):
            s3.head(headers={name: value})
    assert s3.stub.requests == []


def test_create_sends_an_immutable_image_that_replaces_no_object_in_a_way_that_every_store_reads() -> None:
    """boto3 sends a checksum after the body by default, which some stores cannot read."""
    s3 = S3()
    s3.create()
    assert (s3.sent.method, s3.path, s3.sent.body) == ("PUT", "/-/derived/x", WEBP.body)
    assert {
        "if-none-match": "*",
        "content-type": "image/webp",
        "cache-control": "private, max-age=31536000, immutable",
    }.items() <= s3.sent.headers.items()
    unknown = ("x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer", "content-encoding", "transfer-encoding")
    assert [name for name in s3.sent.headers if name.startswith(unknown)] == []


# Answers


def test_only_header_fields_that_describe_the_object_are_returned() -> None:
    describing = FIELDS | {
        "Accept-Ranges": "bytes",
        "Content-Disposition": 'attachment; filename="a"',
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "Content-Length": "1234567890123",
        "Content-Range": "bytes 0-9/10",
        "Content-Type": "text/plain; charset=utf-8",
        "Expires": DATE,
        "x-amz-checksum-sha256": "kgEFoU==",
        "x-amz-meta-a": "1",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-version-id": "v1",
    }
    others = {"x-amz-request-id": "1", "x-amz-id-2": "2", "Connection": "close", "Set-Cookie": "a=b"}
    others |= {"Cache-Control": "max-age=60", "x-amz-replication-status": "COMPLETED", "x-amz-meta-c": "a\tb"}
    others |= {"Access-Control-Allow-Origin": "*", "x-amz-meta-b": "ü"}
    s3 = S3()
    s3.stub.headers = describing | others
    assert s3.head() == Metadata(200, {name.lower(): value for name, value in describing.items()})


def test_answers_to_conditions_and_ranges_are_returned() -> None:
    s3 = S3()
    for s3.stub.status in (206, 304, 416):
        assert s3.head() == Metadata(s3.stub.status, {name.lower(): value for name, value in FIELDS.items()})


def test_refusals_of_head_and_read_become_problems() -> None:
    s3 = S3()
    refusals: list[tuple[int, type[Problem], type[Problem]]] = [
        (400, Unavailable, Unavailable),
        (403, Unavailable, Unavailable),
        (404, NotFound, NotFound),
        (405, NotFound, NotFound),
        (412, PreconditionFailed, Unavailable),
        (501, Unavailable, Unavailable),
        (503, Unavailable, Unavailable),
    ]
    for s3.stub.status, head_problem, read_problem in refusals:
        for act, problem in ((s3.head, head_problem), (s3.get, head_problem), (s3.read, read_problem)):
            with pytest.raises(problem) as refused:
                act()
            assert type(refused.value) is problem
    s3.stub.requests.clear()
    unavailable(s3.head)
    assert len(s3.stub.requests) == 3  # a 503 is tried again
    s3.stub.status = 412
    assert "is being replaced" in unavailable(s3.read).detail


def test_refusals_of_create_and_list_become_problems_unless_the_image_exists() -> None:
    s3 = S3()
    for s3.stub.status in (409, 412):
        s3.create()
    for s3.stub.status in (400, 403, 404, 501, 503):
        assert "does not let the service write" in unavailable(s3.create).detail
    for s3.stub.status in (403, 404):
        assert "may not list" in unavailable(s3.list).detail
    s3.stub.status = 400
    assert unavailable(s3.list).detail.startswith("S3 does not answer.")


def test_a_refusal_of_the_service_names_the_cause() -> None:
    s3 = S3()
    s3.stub.status = 403
    assert "may not read" in unavailable(s3.head).detail
    s3.stub.status = 404
    s3.stub.body = b"<Error><Code>NoSuchBucket</Code></Error>"
    assert unavailable(s3.read).reason == "GetObject was answered with 404 NoSuchBucket"


def test_a_400_blames_the_client_only_for_a_version_or_a_condition() -> None:
    """S3 also answers HEAD with 400 if the credentials have expired, or the region or the clock is wrong."""
    s3 = S3()
    s3.stub.status = 400
    for name in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"):
        with pytest.raises(BadRequest):
            s3.head(headers={name: DATE})
    for act in (s3.head, s3.read):
        with pytest.raises(BadRequest):
            act({"versionId": "v"})
    s3.stub.headers |= {"x-amz-bucket-region": "eu-central-1"}
    reason = "HeadObject was answered with 400 400, the bucket is in eu-central-1"
    assert unavailable(s3.head).reason == reason
    assert unavailable(lambda: s3.head({"response-expires": DATE}, {"range": "bytes=0-"})).reason == reason
    for code in ("AKID secret", "A" * 65):  # no name of an error: it could hold anything
        s3.stub.body = f"<Error><Code>{code}</Code></Error>".encode()
        assert unavailable(s3.read).reason == "GetObject was answered with 400, the bucket is in eu-central-1"
    s3.stub.headers |= {"x-amz-bucket-region": ""}
    assert unavailable(s3.read).reason == "GetObject was answered with 400"


def test_an_answer_that_is_not_from_s3_is_an_error() -> None:
    """A proxy or a captive portal answers every request with its page and status 200."""
    s3 = S3()
    for missing in FIELDS:
        s3.stub.headers = {name: value for name, value in FIELDS.items() if name != missing}
        unavailable(s3.head)
    s3.stub.headers = FIELDS | {"Content-Length": "many"}
    unavailable(s3.head)
    s3.stub.headers, s3.stub.body = {}, PROXY_PAGE
    for act in s3.all:
        unavailable(act)
    s3.stub.headers = FIELDS | {"ETag": '"another"'}
    unavailable(s3.read)
    bodies = ["<html>A proxy's page", "", "{}", "<ListBucketResult/>", f"<ListBucketResult>{ENTRY}</ListBucketResult>"]
    for part in ("Key", "Size", "LastModified", "ETag", "2026-01-01T00:00:00.000Z"):
        bodies.append(NO_ENTRIES.format(f"<Contents>{ENTRY.replace(part, 'x')}</Contents>"))
    for body in bodies:
        s3.stub.body = body.encode()
        unavailable(s3.list)
    s3.stub.body = NO_ENTRIES.format(f"<Contents>{ENTRY}</Contents>").encode()
    assert [key.key for key in s3.list().keys] == ["a"]


def test_a_listing_leaves_out_what_a_store_repeats() -> None:
    """Some stores repeat the directory after which the listing continues."""
    s3 = S3()
    prefixes = "".join(f"<CommonPrefixes><Prefix>{name}/</Prefix></CommonPrefixes>" for name in "cba")
    s3.stub.body = NO_ENTRIES.format(prefixes).encode()
    assert [key.key for key in s3.list("b/").keys] == ["c/"]
    assert s3.query["start-after"] > "b/"
    assert [key.key for key in s3.list("aa").keys] == ["b/", "c/"]
    assert s3.query["start-after"] == "aa"


def test_an_object_that_is_too_large_or_breaks_off_is_not_read() -> None:
    s3 = S3()
    for s3.stub.body, length in ((b"", MAX_IMAGE_BYTES + 1), (b"12", 3)):
        s3.stub.headers = FIELDS | {"Content-Length": str(length)}
        unavailable(s3.read)
    s3.stub.headers, s3.stub.body = FIELDS | {"Content-Length": "3"}, b"123"
    assert s3.read() == b"123"


def test_of_an_object_that_is_too_large_get_reads_nothing_also_where_a_range_is_small() -> None:
    s3 = S3()
    for s3.stub.status, length, size, is_read in ((200, 9, "", True), (200, 10, "", False), (206, 2, "9", True)):
        s3.stub.body = bytes(length)
        s3.stub.headers = (
            FIELDS | {"Content-Length": str(length)} | ({"Content-Range": f"bytes 0-1/{size}"} if size else {})
        )
        assert (s3.get() is not None) == is_read
    s3.stub.headers |= {"Content-Range": "bytes 0-1/10"}
    assert s3.get() is None
    assert [body.bytes_read for body in s3.stub.bodies] == [9, 0, 2, 0]
    s3.stub.headers, s3.stub.body = FIELDS | {"Content-Length": "3"}, b"12"  # the answer breaks off
    unavailable(s3.get)


def test_an_object_of_the_greatest_size_is_read_and_closed_after_its_first_bytes_unless_it_is_wanted() -> None:
    s3 = S3()
    s3.stub.body = bytes(MAX_IMAGE_BYTES)
    s3.stub.headers = FIELDS | {"Content-Length": str(MAX_IMAGE_BYTES)}
    assert len(s3.read()) == MAX_IMAGE_BYTES
    assert len(s3.read(is_wanted=False)) == 256 * 1024
    assert [body.bytes_read for body in s3.stub.bodies] == [MAX_IMAGE_BYTES, 256 * 1024]


def test_a_store_out_of_reach_and_missing_credentials_are_unavailable(role: pytest.MonkeyPatch) -> None:
    """Without a stub: S3Objects makes the client itself."""
    for act in S3(mount(endpoint="http://127.0.0.1:1"), stub=False).all:
        unavailable(act)
    role.delenv("AWS_ACCESS_KEY_ID")
    role.delenv("AWS_SECRET_ACCESS_KEY")
    for act in S3(stub=False).all:
        unavailable(act)
