"""A granted path leads to one bucket and key, and no path leads to the files that the service makes."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.s3.mounts import Mounts, Target
from chalicelib.core.web.paths import decode
from chalicelib.core.web.problems.base import BadPath, KeyTooLong, NotFound
from tests.support.builders import granted, mount

MOUNTS = (
    mount("", bucket="main"),
    mount("/docs", bucket="docs", prefix="v2/"),
    mount("/docs/old", bucket="old"),
    mount("/team a/ü", bucket="team"),
)


def test_the_longest_mount_by_whole_segments_wins() -> None:
    for path, bucket, key in [
        ("/a.txt", "main", "a.txt"),
        ("/a/b//c/", "main", "a/b//c/"),
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
    ]:
        target = Mounts(MOUNTS).resolve(granted(path))
        assert (target.mount.bucket, target.key) == (bucket, key), path


def test_a_path_without_a_key_or_a_mount_is_refused() -> None:
    for path in ("/", "/docs", "/docs/", "/docs/old", "/docs/old/"):
        with pytest.raises(BadPath, match="whole mount"):
            Mounts(MOUNTS).resolve(granted(path))
    for path in ("/a", "/", "/docsx/a", "/old/a"):
        with pytest.raises(NotFound):
            Mounts(MOUNTS[1:]).resolve(granted(path))
    for path in ("/old/%2Fa", "/old//a", "/old//"):
        with pytest.raises(BadPath, match="slash"):
            Mounts([mount("/old")]).resolve(granted(path))


def test_the_length_of_a_key_includes_the_prefix() -> None:
    mounts = Mounts([mount(prefix="p/")])
    assert len(mounts.resolve(granted("/" + "a" * 1022)).key) == 1024
    with pytest.raises(KeyTooLong):
        mounts.resolve(granted("/" + "a" * 1023))


def test_the_mounts_and_the_origins_inside_a_directory() -> None:
    elsewhere = mount("/docs/new", bucket="new", endpoint="http://minio:9000")
    mounts = Mounts((*MOUNTS[1:], elsewhere))
    for path, below, buckets in [
        ("/", ["/docs/", "/docs/new/", "/docs/old/", "/team a/ü/"], ["docs", "old", "team"]),
        ("/docs/", ["/docs/new/", "/docs/old/"], ["docs", "old"]),
        ("/docs/old/", [], ["old"]),
        ("/doc/", [], []),
    ]:
        origins = {f"https://{bucket}.s3.eu-west-1.amazonaws.com" for bucket in buckets}
        assert mounts.below(path) == below
        assert mounts.origins(path) == origins | ({"http://minio:9000"} if "/docs/new/" in below else set())


# The files that the service makes


def test_derived_files_are_below_the_prefix_of_their_mount() -> None:
    mounts = Mounts(
        (mount("/all"), mount("/v", prefix="v2"), mount("/in", prefix="v2-/"), mount("/own", bucket="else"))
    )
    for path, bucket, key in [
        ("/all/a", "acme-files", "-/derived/N"),
        ("/v/a/b", "acme-files", "v2-/derived/N"),
        ("/in/a", "acme-files", "v2-/-/derived/N"),
        ("/own/a", "else", "-/derived/N"),
        ("/nowhere/a", "acme-files", "-/derived/N"),
    ]:
        target = mounts.derived(granted(path), "N")
        assert (target.mount.bucket, target.key) == (bucket, key)


PREFIXES = st.text("v2-/", max_size=4) | st.sampled_from(["-/", "-/derived/", "a/", "a/-/", "a/-/derived/", "derived/"])
INSIDE = st.lists(st.sampled_from(["-", "derived", "a", "X", "v2-", ""]), min_size=1, max_size=4).map("/".join)


@given(st.lists(PREFIXES, min_size=1, max_size=3), st.integers(0, 2), INSIDE)
def test_no_path_of_any_mount_leads_to_derived_files(prefixes: list[str], number: int, inside: str) -> None:
    """The mounts of one bucket can lie inside each other. Every other key stays reachable."""
    mounts = Mounts([mount(f"/m{place}", prefix=prefix) for place, prefix in enumerate(prefixes)])
    places = [f"{prefix}-/derived/" for prefix in prefixes]
    key = prefixes[number % len(prefixes)] + inside
    path = decode(f"/m{number % len(prefixes)}/{inside}")
    grant = granted("/x")._replace(path=path)
    if inside and not key.startswith("/"):
        is_derived = key.startswith((*places,))
        assert reached(lambda: mounts.resolve(grant)) == (None if is_derived else key)
    directory = decode(f"{path}/")
    listing = grant._replace(path=directory)
    prefix = reached(lambda: mounts.directory(listing, directory))
    assert prefix == (None if f"{key}/".startswith((*places,)) else f"{key}/")
    if prefix is not None:
        target = mounts.directory(listing, directory)
        assert target is not None
        assert mounts.may_hold_derived(target) is any(place.startswith(prefix) for place in places)


def reached(resolve: Callable[[], Target | None]) -> str | None:
    """The key of a target; None where the target is not found."""
    try:
        target = resolve()
    except NotFound:
        return None
    return target.key if target else ""


def test_the_derived_files_of_one_bucket_do_not_hide_keys_of_another_bucket() -> None:
    mounts = Mounts([mount("/a"), mount("/b", bucket="else", prefix="x/")])
    assert mounts.resolve(granted("/b/derived/-/derived/X")).key == "x/derived/-/derived/X"
    assert mounts.resolve(granted("/a/x/-/derived/X")).key == "x/-/derived/X"
    grant = granted("/x")._replace(path=decode("/a/x/"))
    directory = mounts.directory(grant, grant.path)
    assert directory is not None
    assert not mounts.may_hold_derived(directory)
    assert Mounts([mount("/a"), mount("/b", prefix="x/")]).may_hold_derived(directory)
    assert mounts.directory(grant, "/b/") is None


def test_an_access_point_can_have_the_bucket_of_each_other_mount() -> None:
    for bucket in ("arn:aws:s3:eu-west-1:111122223333:accesspoint/acme-ap", "acme-ap-r4nd0m-s3alias"):
        mounts = Mounts([mount("/a", prefix="x/"), mount("/ap", bucket=bucket), mount("/b", bucket="else")])
        for path in ("/ap/x/-/derived/X", "/ap/-/derived/X", "/a/-/derived/X", "/b/-/derived/X"):
            assert reached(partial(mounts.resolve, granted(path))) is None, path
        assert (
            reached(partial(mounts.resolve, granted("/b/x/-/derived/X"))) == "x/-/derived/X"
        )  # no bucket has two names
