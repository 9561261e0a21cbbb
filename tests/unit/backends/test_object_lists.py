"""Listing a bucket: one contract, which the fake keeps as the real store does, and what becomes of S3's failures."""

from collections.abc import Iterator
from functools import cache

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.backends.s3 import S3Objects
from chalicelib.core.ports import ObjectStore
from chalicelib.core.s3.mounts import Mount
from chalicelib.core.web.problems import Unavailable
from local import embedded_s3
from tests.support.builders import mount, soon, target
from tests.support.fakes import Objects

from .foreign import answer_all

KEYS = [
    *("a", "a.txt", "a/", "a/1", "a/2/x", "a//y", "b", "b/ ü+%&<>\"'/z", "c0", "c/1", "z/z", "日本/x", "日本0"),
]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 with a bucket for these tests, and one that Hypothesis fills."""
    with embedded_s3.serve() as address:
        s3 = _client(address)
        for bucket in ("acme-files", "any-files"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for key in KEYS:
            s3.put_object(Bucket="acme-files", Key=key, Body=key.encode())
        yield address


@cache
def _client(endpoint: str):  # type: ignore[no-untyped-def]  # boto3's types are boto3-stubs' affair
    return boto3.Session(embedded_s3.ACCESS_KEY, embedded_s3.SECRET_KEY, region_name=embedded_s3.REGION).client(
        "s3", endpoint_url=endpoint
    )


@pytest.fixture
def real(endpoint: str, environment: pytest.MonkeyPatch) -> Mount:
    """A mount at the embedded S3."""
    environment.setenv("AWS_ACCESS_KEY_ID", embedded_s3.ACCESS_KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", embedded_s3.SECRET_KEY)
    return mount(endpoint=endpoint)


def names(
    store: ObjectStore, on: Mount, prefix: str, *, recursive: bool, after: str = "", limit: int = 1000
) -> list[str]:
    """All that a listing returns, page after page."""
    found: list[str] = []
    while True:
        page = store.list(target(prefix, on), soon(), recursive=recursive, after=after, limit=limit)
        assert len(page.found) <= limit
        found += [one.key for one in page.found]
        if page.is_last:
            return found
        assert page.found
        after = found[-1]


@pytest.mark.parametrize("prefix", ["", "a/", "a//", "b/", "nothing/", "日本/", "a"])
@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_the_store_and_the_fake_list_alike(real: Mount, prefix: str, recursive: bool, limit: int) -> None:
    fake = Objects(buckets={"acme-files": KEYS})
    found = names(S3Objects(), real, prefix, recursive=recursive, limit=limit)
    assert found == names(fake, real, prefix, recursive=recursive, limit=limit)
    assert found == sorted(set(found))


@pytest.mark.parametrize("after", ["a", "a/", "a/1", "a.", "b", "日本/", "z/z", "zzz", "", "a/2/"])
@pytest.mark.parametrize("recursive", [True, False])
def test_a_listing_goes_on_after_a_key_that_need_not_exist(real: Mount, after: str, recursive: bool) -> None:
    fake = Objects(buckets={"acme-files": KEYS})
    found = names(S3Objects(), real, "", recursive=recursive, after=after)
    assert found == names(fake, real, "", recursive=recursive, after=after)
    assert all(name > after for name in found)


def test_a_prefix_is_told_from_a_key_that_ends_with_a_slash(real: Mount) -> None:
    level = S3Objects().list(target("", real), soon(), recursive=False, after="", limit=1000)
    assert {one.key for one in level.found if one.is_prefix} == {"a/", "b/", "c/", "z/", "日本/"}
    inside = S3Objects().list(target("a/", real), soon(), recursive=False, after="", limit=1000)
    assert [(one.key, one.is_prefix, one.size) for one in inside.found] == [
        ("a/", False, 2),
        ("a//", True, 0),
        ("a/1", False, 3),
        ("a/2/", True, 0),
    ]


def test_a_file_has_its_size_time_and_etag(real: Mount) -> None:
    (one, *_) = S3Objects().list(target("日本0", real), soon(), recursive=True, after="", limit=1).found
    assert (one.size, one.etag[0], one.etag[-1]) == (7, '"', '"')
    assert 1_700_000_000 < one.modified < 5_000_000_000


@settings(max_examples=20)
@given(st.sets(st.text("ab/é", min_size=1, max_size=4), max_size=6), st.text("ab/é", max_size=3), st.booleans())
def test_any_keys_are_listed_alike(endpoint: str, real: Mount, keys: set[str], after: str, recursive: bool) -> None:
    s3 = _client(endpoint)
    for item in s3.list_objects_v2(Bucket="any-files").get("Contents", []):
        s3.delete_object(Bucket="any-files", Key=item["Key"])
    for key in keys:
        s3.put_object(Bucket="any-files", Key=key)
    on = real._replace(bucket="any-files")
    store, fake = S3Objects(), Objects(buckets={"any-files": keys})
    for limit in (1, 3):
        assert names(store, on, "", recursive=recursive, after=after, limit=limit) == names(
            fake, on, "", recursive=recursive, after=after, limit=limit
        )


def test_a_bucket_that_is_not_there_is_no_empty_directory(real: Mount) -> None:
    with pytest.raises(Unavailable):
        S3Objects().list(target("", real._replace(bucket="nowhere")), soon(), recursive=True, after="", limit=1)


def test_a_store_that_refuses_us_is_no_empty_directory(real: Mount, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(Unavailable) as refused:
        S3Objects().list(target("", real), soon(), recursive=True, after="", limit=1)
    assert "may not list" in refused.value.detail


def test_a_store_that_is_down_is_no_empty_directory(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ACCESS_KEY_ID", "AKID")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(Unavailable):
        S3Objects().list(target("", mount(endpoint="http://127.0.0.1:1")), soon(), recursive=True, after="", limit=1)


ENTRY = "<Key>a</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>e</ETag>"
FOREIGN = (
    *("<html>A proxy's page", "<html><body>A proxy's page</body></html>", "", "{}", "<ListBucketResult/>"),
    f"<ListBucketResult><Contents>{ENTRY}</Contents></ListBucketResult>",
    *(
        f"<ListBucketResult><IsTruncated>false</IsTruncated><Contents>{ENTRY.replace(part, 'x')}</Contents>"
        "</ListBucketResult>"
        for part in ("Key", "Size", "LastModified", "ETag", "2026-01-01T00:00:00.000Z")
    ),
)


@pytest.mark.parametrize("body", FOREIGN)
def test_an_answer_that_is_not_of_s3_is_no_empty_directory(real: Mount, body: str) -> None:
    objects = S3Objects()
    answer_all(objects._client(real), body.encode())
    with pytest.raises(Unavailable) as refused:
        objects.list(target("", real), soon(), recursive=True, after="", limit=1)
    assert refused.value.headers == {"Retry-After": "5"}
