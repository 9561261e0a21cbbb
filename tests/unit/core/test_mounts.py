"""A granted path leads to one bucket and key, and clients are sent where they can reach it."""

from collections.abc import Callable
from typing import Literal

import boto3
import pytest
from botocore.config import Config
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.s3.mounts import Mount, Mounts, Target
from chalicelib.core.s3.stores import bucket_url
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems import BadPath, KeyTooLong, NotFound
from tests.support.builders import granted, mount

MOUNTS = (
    mount("", bucket="main"),
    mount("/docs", bucket="docs", prefix="v2/"),
    mount("/docs/old", bucket="old"),
    mount("/team a/ü", bucket="team"),
)


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        ("/a.txt", "main", "a.txt"),
        ("/a/b//c/", "main", "a/b//c/"),
        ("/docs/a.txt", "docs", "v2/a.txt"),
        ("/docs/a/b", "docs", "v2/a/b"),
        ("/docs//a", "docs", "v2//a"),
        ("/docsx", "main", "docsx"),
        ("/docsx/a.txt", "main", "docsx/a.txt"),
        ("/doc", "main", "doc"),
        ("/docs%2Fa", "docs", "v2/a"),
        ("/docs/old/a.txt", "old", "a.txt"),
        ("/docs/older/a.txt", "docs", "v2/older/a.txt"),
        ("/docs/old.txt", "docs", "v2/old.txt"),
        ("/a/docs/old/b", "main", "a/docs/old/b"),
        ("/Docs/a", "main", "Docs/a"),
        ("/team%20a/%C3%BC/x", "team", "x"),
    ],
)
def test_the_longest_mount_by_whole_segments_wins(path: str, bucket: str, key: str) -> None:
    found = Mounts(MOUNTS).resolve(granted(path))
    assert (found.mount.bucket, found.key) == (bucket, key)


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/", "/docs/old", "/docs/old/"])
def test_a_whole_mount_is_no_file(path: str) -> None:
    with pytest.raises(BadPath, match="whole mount"):
        Mounts(MOUNTS).resolve(granted(path))


@pytest.mark.parametrize("path", ["/a", "/", "/docsx/a", "/old/a"])
def test_a_path_without_a_mount_leads_nowhere(path: str) -> None:
    with pytest.raises(NotFound):
        Mounts(MOUNTS[1:]).resolve(granted(path))


@pytest.mark.parametrize("path", ["/old/%2Fa", "/old//a", "/old//"])
def test_a_key_with_a_leading_slash_is_refused_below_a_mount_too(path: str) -> None:
    with pytest.raises(BadPath):
        Mounts([mount("/old")]).resolve(granted(path))


def test_a_key_is_measured_with_its_prefix() -> None:
    prefixed = Mounts([mount(prefix="p/")])
    assert len(prefixed.resolve(granted("/" + "a" * 1022)).key) == 1024
    with pytest.raises(KeyTooLong):
        prefixed.resolve(granted("/" + "a" * 1023))


# What the service makes

ONE_BUCKET = (mount("/all"), mount("/v", prefix="v2"), mount("/in", prefix="v2-/"), mount("/own", bucket="else"))


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        ("/all/a", "acme-files", "-/derived/N"),
        ("/v/a/b", "acme-files", "v2-/derived/N"),
        ("/in/a", "acme-files", "v2-/-/derived/N"),
        ("/own/a", "else", "-/derived/N"),
        ("/nowhere/a", "acme-files", "-/derived/N"),
    ],
)
def test_what_is_made_lies_below_the_prefix_of_its_mount(path: str, bucket: str, key: str) -> None:
    found = Mounts(ONE_BUCKET).derived(granted(path), "N")
    assert (found.mount.bucket, found.key) == (bucket, key)


PREFIXES = st.text("v2-/", max_size=4) | st.sampled_from(["-/", "-/derived/", "a/", "a/-/", "a/-/derived/", "derived/"])
INSIDE = st.lists(st.sampled_from(["-", "derived", "a", "X", "v2-", ""]), min_size=1, max_size=4).map("/".join)


@given(st.lists(PREFIXES, min_size=1, max_size=3), st.integers(0, 2), INSIDE)
def test_no_path_of_any_mount_leads_there(prefixes: list[str], number: int, inside: str) -> None:
    """However the mounts of one bucket lie within each other; and every other key is left alone."""
    mounts = [mount(f"/m{each}", prefix=prefix) for each, prefix in enumerate(prefixes)]
    key = prefixes[number % len(prefixes)] + inside
    path = decode(f"/m{number % len(prefixes)}/{inside}")
    made = any(key.startswith(f"{prefix}-/derived/") for prefix in prefixes)
    grant = granted("/x")._replace(path=path)
    if inside and not key.startswith("/"):
        assert reached(lambda: Mounts(mounts).resolve(grant)) == (None if made else key)
    directory = decode(f"{path}/")
    made = any(f"{key}/".startswith(f"{prefix}-/derived/") for prefix in prefixes)
    found = reached(lambda: Mounts(mounts).directory(grant._replace(path=directory), directory))
    assert found == (None if made else f"{key}/")
    if found is not None:
        holds = any(f"{prefix}-/derived/".startswith(found) for prefix in prefixes)
        target = Mounts(mounts).directory(grant._replace(path=directory), directory)
        assert target is not None
        assert Mounts(mounts).may_hold_derived(target) is holds


def reached(ask: Callable[[], Target | None]) -> str | None:
    """The key that something leads to; None where that is not found."""
    try:
        found = ask()
    except NotFound:
        return None
    return found.key if found else ""


def test_another_bucket_has_keys_of_its_own() -> None:
    other = Mounts([mount("/a"), mount("/b", bucket="else", prefix="x/")])
    assert other.resolve(granted("/b/derived/-/derived/X")).key == "x/derived/-/derived/X"
    assert other.resolve(granted("/a/x/-/derived/X")).key == "x/-/derived/X"
    grant = granted("/x")._replace(path=decode("/a/x/"))
    directory = other.directory(grant, grant.path)
    assert directory is not None
    assert not other.may_hold_derived(directory)
    assert Mounts([mount("/a"), mount("/b", prefix="x/")]).may_hold_derived(directory)


@pytest.mark.parametrize(
    ("at", "origin", "host", "base"),
    [
        (mount(), "https://acme-files.s3.eu-west-1.amazonaws.com", "acme-files.s3.eu-west-1.amazonaws.com", ""),
        (mount(bucket="a.b.c"), "https://s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", "/a.b.c"),
        (mount(bucket="Old_Name"), "https://s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com", "/Old_Name"),
        (mount(endpoint="http://10.0.0.1:9000"), "http://10.0.0.1:9000", "10.0.0.1:9000", "/acme-files"),
        (mount(endpoint="https://[::1]:9000"), "https://[::1]:9000", "[::1]:9000", "/acme-files"),
        (
            mount(endpoint="http://minio:9000", public_endpoint="https://s3.example.com"),
            "https://s3.example.com",
            "s3.example.com",
            "/acme-files",
        ),
    ],
)
def test_clients_are_sent_to_the_public_name_of_a_bucket(at: Mount, origin: str, host: str, base: str) -> None:
    assert at.bucket_url == (origin, host, base)


def test_every_region_of_every_partition_has_the_host_that_botocore_gives_it() -> None:
    for partition in Session().get_data("partitions")["partitions"]:
        for region in partition["regions"].keys() - {f"{partition['id']}-global"}:
            suffix = partition["outputs"]["dnsSuffix"]
            assert bucket_url("acme-files", region, None).host == f"acme-files.s3.{region}.{suffix}"


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "us-gov-west-1", "cn-north-1"])
@pytest.mark.parametrize(("bucket", "style"), [("acme-files", "virtual"), ("files.acme.example", "path")])
def test_an_address_is_the_one_that_boto3_presigns(bucket: str, style: Literal["virtual", "path"], region: str) -> None:
    client = boto3.client(
        "s3",
        region_name=region,
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        config=Config(
            signature_version="s3v4", s3={"addressing_style": style, "us_east_1_regional_endpoint": "regional"}
        ),
    )
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü"})
    origin, _, base = bucket_url(bucket, region, None)
    assert url.startswith(f"{origin}{base}/a%20b/%C3%BC?")
