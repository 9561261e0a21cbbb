"""git-lfs: the rules decide about each object, and a signed upload takes one object alone."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.limits import Limit
from chalicelib.core.access.rules import Rule
from chalicelib.core.features.git_lfs import MAX_OBJECTS, Pointer, read_batch
from chalicelib.core.s3.upload_limits import MAX_PUT_BYTES
from chalicelib.core.web.message import GIT_LFS, Reply
from chalicelib.core.web.problems.base import Problem, Unavailable
from tests.support.builders import allow, basic, deny, mount, numbered
from tests.support.fakes import Signpost, ask, signpost, token_of_link
from tests.support.store import MemoryStore

OIDS = [f"{number:02x}" * 32 for number in range(4)]
KEYS = [f"{oid[:2]}/{oid[2:4]}/{oid}" for oid in OIDS]
READ, WRITE = allow("/a b/**", "read", "key:ann"), allow("/a b/**", "write", "key:ann")


def service_of(*rules: Rule, store: MemoryStore | None = None, limits: Sequence[Limit] = ()) -> Signpost:
    mounts = [mount(prefix="p/", lfs=True), mount("/other")]
    return signpost(rules=numbered(*rules), mounts=mounts, objects=store or MemoryStore(), limits=limits)


def send(service: Signpost, place: str, body: object, user: str | None = "ann", method: str = "POST") -> Reply:
    headers = {"accept": f"{GIT_LFS}; charset=utf-8", **(basic(user) if user else {})}
    return ask(method, place, service=service, headers=headers, body=json.dumps(body).encode())


def batch(service: Signpost, operation: str, *pointers: Pointer, user: str | None = "ann") -> list[dict[str, Any]]:
    """The objects in the answer to a batch."""
    objects = [pointer._asdict() for pointer in pointers]
    reply = send(service, "/a%20b/objects/batch", {"operation": operation, "objects": objects}, user)
    assert (reply.status, reply.headers["Content-Type"]) == (200, GIT_LFS), reply.body
    found: list[dict[str, Any]] = json.loads(reply.body)["objects"]
    assert [(item["oid"], item["size"]) for item in found] == [*pointers]
    return found


def signed_headers(action: Mapping[str, Any]) -> list[str]:
    (names,) = parse_qs(urlsplit(str(action["href"])).query)["X-Amz-SignedHeaders"]
    return names.split(";")


def test_a_download_gives_the_urls_of_the_objects_that_are_there_and_errors_for_the_others() -> None:
    store = MemoryStore({f"p/a b/{KEYS[0]}": b"12345", f"p/a b/{KEYS[1]}": b"123"})
    service = service_of(deny(f"/a b/{KEYS[3]}", "read", "key:ann"), READ, store=store)
    pointers = [Pointer(oid, 5) for oid in OIDS]
    there, *others = batch(service, "download", *pointers)
    assert there["authenticated"]
    download = there["actions"]["download"]
    assert (urlsplit(download["href"]).path, download["expires_in"]) == (f"/p/a%20b/{KEYS[0]}", 300)
    assert [item["error"]["code"] for item in others] == [422, 404, 403]
    assert len(store.calls) == 3  # nobody asks S3 about an object that the caller may not read
    assert service.log[-1].items() >= {"action": "read", "path": "/a b/objects/batch", "rule": 2}.items()


def test_an_upload_signs_the_size_and_the_sha256_and_skips_the_objects_that_are_there() -> None:
    store = MemoryStore({f"p/a b/{KEYS[0]}": b"12345", f"p/a b/{KEYS[1]}": b"123"})
    there, *others = batch(service_of(READ, WRITE, store=store), "upload", *(Pointer(oid, 5) for oid in OIDS[:3]))
    assert there.keys() == {"oid", "size"}
    for item, oid in zip(others, OIDS[1:], strict=False):
        upload, verify = item["actions"]["upload"], item["actions"]["verify"]
        assert verify == {"href": "https://files.example.com/a%20b/objects/verify"}
        assert signed_headers(upload) == ["content-length", "content-type", "host", "x-amz-checksum-sha256"]
        assert upload["header"].keys() == {"content-type", "x-amz-checksum-sha256"}
        assert oid in upload["href"]


def test_a_caller_who_may_not_read_never_learns_which_objects_are_there() -> None:
    store = MemoryStore({f"p/a b/{KEYS[0]}": b"12345"})
    service = service_of(WRITE, store=store)
    for item in batch(service, "upload", Pointer(OIDS[0], 5), Pointer(OIDS[1], 5)):
        assert item["actions"].keys() == {"upload"}
    assert send(service, "/a%20b/objects/verify", Pointer(OIDS[0], 5)._asdict()).status == 403
    assert store.calls == []


def test_the_limits_of_a_rule_hold_for_each_object() -> None:
    encryption = (("x-amz-server-side-encryption", "aws:kms"),)
    for rule, size, expected in (
        (WRITE._replace(max_bytes=9, checksum=True), 9, []),
        (WRITE._replace(max_bytes=9), 10, 413),
        (WRITE, MAX_PUT_BYTES, []),
        (WRITE, MAX_PUT_BYTES + 1, 413),
        (WRITE._replace(content_types=("image/*",)), 9, 415),
        (WRITE._replace(overwrite=False), 9, ["if-none-match"]),
        (WRITE._replace(require_headers=encryption), 9, ["x-amz-server-side-encryption"]),
    ):
        (item,) = batch(service_of(rule), "upload", Pointer(OIDS[0], size))
        if isinstance(expected, int):
            assert item["error"]["code"] == expected, rule
        else:
            upload = item["actions"]["upload"]
            assert {"content-length", *expected} <= {*signed_headers(upload)}
            assert upload["header"].keys() == {"content-type", "x-amz-checksum-sha256", *expected}


def test_each_object_of_a_batch_counts_against_the_limits_of_requests() -> None:
    service = service_of(WRITE, limits=[Limit(("key:ann",), 3, 60)])
    assert len(batch(service, "upload", Pointer(OIDS[0], 5), Pointer(OIDS[1], 5))) == 2
    body = {"operation": "upload", "objects": [Pointer(oid, 5)._asdict() for oid in OIDS[:2]]}
    reply = send(service, "/a%20b/objects/batch", body)
    assert (reply.status, b"X-Amz" in reply.body, "Retry-After" in reply.headers) == (429, False, True)


def test_a_batch_that_the_rules_refuse_as_a_whole_asks_for_credentials_or_is_refused() -> None:
    service = service_of(allow(f"/a b/{KEYS[0]}", "read"), READ)
    assert batch(service, "download", Pointer(OIDS[0], 5), user=None)[0]["error"]["code"] == 404
    body = {"operation": "download", "objects": [Pointer(oid, 5)._asdict() for oid in OIDS]}
    for operation, user, status in (("download", None, 401), ("download", "ci", 200), ("upload", "ann", 403)):
        reply = send(service, "/a%20b/objects/batch", body | {"operation": operation}, user)
        assert (reply.status, "message" in json.loads(reply.body)) == (status, status != 200)


def test_the_check_after_an_upload_compares_the_size() -> None:
    service = service_of(READ, store=MemoryStore({f"p/a b/{KEYS[0]}": b"12345"}))
    for pointer, status in ((Pointer(OIDS[0], 5), 200), (Pointer(OIDS[0], 4), 422), (Pointer(OIDS[1], 5), 404)):
        assert send(service, "/a%20b/objects/verify", pointer._asdict()).status == status
    assert service.log[0]["key"] == f"p/a b/{KEYS[0]}"


def test_locks_links_and_other_mounts_are_not_for_git_lfs() -> None:
    service = service_of(allow("/**", "read write share", "key:ann"))
    for method, place in (
        ("POST", "/a/locks/verify"),
        ("POST", "/a/locks"),
        ("GET", "/a/locks"),
        ("GET", "/a/objects/batch"),
    ):
        reply = send(service, place, {}, method=method)
        assert (reply.status, reply.headers["Content-Type"]) == (501, GIT_LFS)
        assert "no locks" in json.loads(reply.body)["message"]
    assert send(service, "/other/objects/batch", {}).status == 405
    assert ask("GET", "/a/locks", service=service, headers=basic("ann")).status == 307
    token = token_of_link(service, "/a/", "ann", uses=None)
    reply = ask("POST", "/a/objects/batch", service=service, query={"token": token}, headers={"accept": GIT_LFS})
    assert (reply.status, b"A link opens no repository" in reply.body) == (501, True)


def test_no_url_leaves_while_s3_does_not_answer() -> None:
    store = MemoryStore()
    store.error = Unavailable("S3 does not answer.")
    body = {"operation": "download", "objects": [Pointer(OIDS[0], 5)._asdict()]}
    reply = send(service_of(READ, store=store), "/a%20b/objects/batch", body)
    assert (reply.status, reply.headers["Retry-After"], b"X-Amz" in reply.body) == (503, "5", False)


# The reader of batches

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from([*OIDS, "download", "basic", "sha256"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["oid", "size", "operation", "objects", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "operation": st.sampled_from(["download", "upload"]) | VALUES,
            "objects": st.lists(st.fixed_dictionaries({"oid": st.sampled_from(OIDS), "size": st.integers(-1)}) | VALUES)
            | VALUES,
            "transfers": st.just(["lfs-standalone-file", "basic"]) | VALUES,
            "hash_algo": st.just("sha256") | VALUES,
            "ref": VALUES,
        },
    )
)
def test_a_batch_is_read_as_it_is_written_or_refused(fields: dict[str, Any]) -> None:
    with suppress(Problem):
        action, pointers = read_batch(json.dumps(fields).encode())
        assert action == {"download": "read", "upload": "write"}[fields["operation"]]
        assert [*pointers] == [(item["oid"], item["size"]) for item in fields["objects"]]
        assert all(pointer.oid in OIDS and pointer.size >= 0 for pointer in pointers)


def test_a_batch_that_git_lfs_does_not_send_is_refused() -> None:
    fine: dict[str, Any] = {"oid": OIDS[0], "size": 5}
    cases: tuple[tuple[dict[str, Any], int], ...] = (
        ({"objects": [fine] * MAX_OBJECTS}, 200),
        ({"objects": [fine] * (MAX_OBJECTS + 1)}, 413),
        ({"ref": {"name": "x" * 70_000}}, 413),
        ({"hash_algo": "sha512"}, 409),
        ({"transfers": ["ssh"]}, 400),
        ({"transfers": "basic"}, 400),
        ({"operation": "delete"}, 400),
        ({"operation": ["upload"]}, 400),
        ({"objects": {}}, 400),
        *(({"objects": [fine | {"oid": oid}]}, 422) for oid in ("AB" * 32, "../" + OIDS[0][3:], OIDS[0] + "\n", 1)),
        *(({"objects": [fine | {"size": size}]}, 422) for size in (-1, 1.5, True, None, "5", 2**63)),
    )
    for fields, status in cases:
        body = json.dumps({"operation": "download", "objects": [fine], **fields}).encode()
        if status == 200:
            assert len(read_batch(body)[1]) == MAX_OBJECTS
        else:
            with pytest.raises(Problem) as refused:
                read_batch(body)
            assert refused.value.status == status, fields
    for raw in (b"", b"[]", b"\xff", b'{"operation": "upload", "operation": "download", "objects": []}', b"[" * 9_999):
        with pytest.raises(Problem, match="one JSON object"):
            read_batch(raw)
