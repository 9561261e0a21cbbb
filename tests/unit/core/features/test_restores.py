"""Restores: a version that comes back obeys the limits of the rule for uploads."""

from collections.abc import Mapping

from chalicelib.core.access.rules import Rule
from chalicelib.core.ports import Metadata
from chalicelib.core.web.problems.base import Unavailable
from tests.support.builders import allow, basic, mount, numbered
from tests.support.fakes import Signpost, ask, code, signpost
from tests.support.store import MemoryStore, MemoryVersions

RESTORE = {"restore": "", "versionId": "asked"}
AP = "arn:aws:s3:eu-west-1:111122223333:accesspoint/acme-ap"
MAX_COPY = 5 * 1024**3


def service_of(versions: MemoryVersions, write: Rule, found: Mapping[str, str], size: int = 9) -> Signpost:
    """A service where ann may read versions; HEAD finds a version with a size and header fields."""
    rules = numbered(write._replace(to=("key:ann",)), allow("/**", "read versions", "key:ann"))
    store = MemoryStore()
    store.metadata = Metadata(200, {"etag": '"e"', "content-length": str(size), **found})
    return signpost(rules=rules, objects=store, versions=versions, mounts=[mount(prefix="p/"), mount("/ap", bucket=AP)])


def test_a_copy_is_held_to_the_limits_of_an_upload() -> None:
    write = allow("/**", "write")
    version, png = {"x-amz-version-id": "v1"}, {"content-type": "image/png"}
    for rule, size, found, expected in (
        (write, MAX_COPY, version, None),
        (write, MAX_COPY + 1, version, "not-offered"),
        (write._replace(max_bytes=9), 9, version, None),
        (write._replace(max_bytes=9), 10, version, "too-large"),
        (write._replace(content_types=("image/*",)), 9, version | png, None),
        (write._replace(content_types=("text/*",)), 9, version | png, "type-not-allowed"),
        (write._replace(content_types=("text/*",)), 9, version, "type-not-allowed"),
        (write._replace(overwrite=False), 9, version, "not-offered"),
        (write._replace(require_headers=(("x-amz-server-side-encryption", "aws:kms"),)), 9, version, "not-offered"),
        (write._replace(checksum=True, pass_headers=("x-amz-tagging",)), 9, version, None),
        (write, 9, {}, "not-offered"),
        (allow("/**", "delete"), 9, version, "forbidden"),
    ):
        versions = MemoryVersions()
        service = service_of(versions, rule, found, size)
        reply = ask("POST", "/a%20b", service=service, query=RESTORE, headers=basic("ann"))
        through_access_point = ask("POST", "/ap/a", service=service, query=RESTORE, headers=basic("ann"))
        assert code(through_access_point) in ("not-offered", "forbidden")
        assert (reply.status == 200, code(reply)) == (expected is None, expected), (rule, size)
        assert versions.restored == ([] if expected else [("p/a b", "v1", '"e"')])


def test_a_copy_that_takes_too_long_may_still_end() -> None:
    versions = MemoryVersions()
    service = service_of(versions, allow("/**", "write"), {"x-amz-version-id": "v1"})
    versions.error = Unavailable("S3 may still finish the copy.")
    reply = ask("POST", "/a", service=service, query=RESTORE, headers=basic("ann"))
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert b"may still finish" in reply.body


def test_only_a_part_of_the_page_of_versions_is_a_way_back() -> None:
    base = "https://files.example.com"
    headers = basic("ann") | {"accept": "text/html", "origin": base}
    for referrer, place in (
        ("", f"{base}/d/?versions"),
        (f"{base}/d/?q=x&versions=", f"{base}/d/?q=x&versions="),
        (f"{base}/d/", f"{base}/d/?versions"),
        (f"{base}.evil.example/d/?versions", f"{base}/d/?versions"),
        (f"{base}/d/?versions=\n", f"{base}/d/?versions"),
    ):
        service = service_of(MemoryVersions(), allow("/**", "write"), {"x-amz-version-id": "v1"})
        reply = ask("POST", "/d/a", service=service, query=RESTORE, headers=headers | {"referer": referrer})
        assert (reply.status, reply.headers["Location"]) == (303, place)
