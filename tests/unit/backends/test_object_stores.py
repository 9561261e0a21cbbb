"""The contract of `ports.ObjectStore`, for the store in memory and for the real store at the embedded S3."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from uuid import uuid4

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.backends.s3 import S3Objects
from chalicelib.backends.s3_clients import S3Clients
from chalicelib.core.ports import ListedKey, ObjectStore
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.web.image_parameters import Image
from chalicelib.core.web.problems.base import NotFound, Unavailable
from local import embedded_s3
from tests.support.builders import mount, soon, target
from tests.support.store import MemoryStore, etag_of

KEYS = ["a", "a.txt", "a/", "a/1", "a/2/x", "a//y", "b", "b/ ü+%&<>\"'/z", "c0", "c/1", "z/z", "日本/x", "日本0"]
WEBP = Image("image/webp", bytes(range(256)))


class Bucket(NamedTuple):
    """An empty bucket of a store."""

    store: ObjectStore
    mount: Mount
    put: Callable[[str, bytes], object]

    def fill(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.put(key, key.encode())

    def read(self, key: str, etag: str, is_wanted: Callable[[bytes], bool] = lambda _: True) -> bytes:
        return self.store.read(target(key, self.mount), {}, etag, soon(), is_wanted)

    def head(self, key: str) -> dict[str, str]:
        return dict(self.store.head(target(key, self.mount), {}, {}, soon()).headers)

    def create(self, key: str, image: Image) -> None:
        self.store.create(target(key, self.mount), image, soon())

    def page(self, prefix: str = "", after: str = "", recursive: bool = False) -> Sequence[ListedKey]:
        found = target(prefix, self.mount)
        return self.store.list(found, soon(), recursive=recursive, after=after, limit=1000).keys

    def names(self, prefix: str, after: str, recursive: bool, limit: int) -> list[str]:
        """The keys of a listing, page after page."""
        names: list[str] = []
        while True:
            page = self.store.list(target(prefix, self.mount), soon(), recursive=recursive, after=after, limit=limit)
            assert len(page.keys) <= limit
            names += [key.key for key in page.keys]
            if page.is_last:
                return names
            after = names[-1]


class Wants:
    """Wants every object, and keeps the first bytes."""

    first = b""

    def __call__(self, first: bytes) -> bool:
        self.first = first
        return True


def memory_bucket() -> Bucket:
    store = MemoryStore()
    return Bucket(store, mount(), store.put)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with embedded_s3.serve() as endpoint:
        yield endpoint


@pytest.fixture
def s3_bucket(endpoint: str, environment: pytest.MonkeyPatch) -> Bucket:
    """A new bucket at the embedded S3."""
    environment.setenv("AWS_ACCESS_KEY_ID", embedded_s3.ACCESS_KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.SECRET_KEY)
    s3, name = boto3.client("s3", endpoint_url=endpoint, region_name="eu-west-1"), f"files-{uuid4().hex}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def put(key: str, body: bytes) -> object:
        return s3.put_object(Bucket=name, Key=key, Body=body)

    return Bucket(S3Objects(S3Clients()), mount(bucket=name, endpoint=endpoint), put)


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        return memory_bucket()
    s3: Bucket = request.getfixturevalue("s3_bucket")
    return s3


# Sizes, read and create


def test_the_sizes_of_many_objects_are_in_their_order_and_a_missing_object_has_none(bucket: Bucket) -> None:
    bucket.fill(names := ["a", "a b/ü", "日本"])
    targets = [target(name, bucket.mount) for name in [*names, "missing", *names * 10]]
    sizes = [len(name.encode()) for name in names]
    assert [*bucket.store.sizes(targets, soon())] == [*sizes, None, *sizes * 10]
    assert [*bucket.store.sizes([], soon())] == []


def test_an_object_is_read_whole_and_at_least_64_bytes_decide_whether(bucket: Bucket) -> None:
    for size in (0, 1, 63, 64, 65, 512_000):
        body = (bytes(range(256)) * 2_000)[:size]
        bucket.put("a b/ü.png", body)
        etag, wants = bucket.head("a b/ü.png")["etag"], Wants()
        assert etag == etag_of(body)
        assert bucket.read("a b/ü.png", etag, wants) == body
        assert wants.first == body[: max(64, len(wants.first))]


def test_an_object_that_was_replaced_or_is_missing_is_not_read(bucket: Bucket) -> None:
    bucket.put("a.png", b"first")
    etag = bucket.head("a.png")["etag"]
    bucket.put("a.png", b"second")
    with pytest.raises(Unavailable, match="is being replaced"):
        bucket.read("a.png", etag)
    with pytest.raises(NotFound):
        bucket.read("missing.png", etag)
    with pytest.raises(NotFound):
        bucket.head("missing.png")


def test_an_image_is_created_with_its_media_type_and_never_replaced(bucket: Bucket) -> None:
    bucket.create("-/derived/a", WEBP)
    bucket.create("-/derived/a", Image("image/png", b"poison"))
    fields = bucket.head("-/derived/a")
    assert (fields["content-type"], fields["content-length"]) == ("image/webp", "256")
    assert bucket.read("-/derived/a", fields["etag"]) == WEBP.body


def test_an_object_is_got_with_its_metadata_unless_it_is_too_large(bucket: Bucket) -> None:
    bucket.put("a.m3u8", b"#EXTM3U")
    found = target("a.m3u8", bucket.mount)
    for max_bytes in (6, 7):
        got = bucket.store.get(found, {}, {}, soon(), max_bytes=max_bytes)
        assert (got and (got[0].status, got[0].headers["etag"], got[1])) == (
            None if max_bytes == 6 else (200, etag_of(b"#EXTM3U"), b"#EXTM3U")
        )
    with pytest.raises(NotFound):
        bucket.store.get(target("missing.m3u8", bucket.mount), {}, {}, soon(), max_bytes=7)


# List


def test_a_listing_tells_directories_from_keys_that_end_with_a_slash(bucket: Bucket) -> None:
    bucket.fill(KEYS)
    assert {key.key for key in bucket.page() if key.is_prefix} == {"a/", "b/", "c/", "z/", "日本/"}
    listed = [(key.key, key.is_prefix, key.size) for key in bucket.page("a/")]
    assert listed == [("a/", False, 2), ("a//", True, 0), ("a/1", False, 3), ("a/2/", True, 0)]
    (key,) = bucket.page("日本0")
    assert (key.size, key.etag) == (7, etag_of("日本0".encode()))
    assert 1_700_000_000 <= key.modified < 5_000_000_000


def test_a_listing_is_sorted_and_continues_after_a_key_that_need_not_exist(bucket: Bucket) -> None:
    bucket.fill(KEYS)
    assert bucket.names("", "", True, 2) == sorted(KEYS)
    assert bucket.names("a", "", True, 1000) == sorted(key for key in KEYS if key.startswith("a"))
    for after in ("a", "a.", "a/1", "日本/", "zzz"):
        assert bucket.names("", after, True, 1000) == sorted(key for key in KEYS if key > after)


@settings(max_examples=10)
@given(
    st.sets(st.one_of(st.text("ab/é", min_size=1, max_size=4), st.sampled_from(KEYS)), max_size=10),
    st.one_of(st.text("ab/é", max_size=3), st.sampled_from(KEYS)),
    st.booleans(),
)
def test_s3_and_the_store_in_memory_list_alike(s3_bucket: Bucket, keys: set[str], after: str, recursive: bool) -> None:
    """Each example has a directory of its own."""
    memory, folder = memory_bucket(), f"{uuid4().hex}/"
    for bucket in (memory, s3_bucket):
        bucket.fill([folder + key for key in keys])
    for limit in (1, 3):
        names = s3_bucket.names(folder, folder + after, recursive, limit)
        assert names == memory.names(folder, folder + after, recursive, limit) == sorted(names)
