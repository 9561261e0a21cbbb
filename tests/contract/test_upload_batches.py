"""`POST /-/uploads` presigns many uploads, and checks each upload as if it came alone."""

import json

import pytest

from .sites import Site, Store, client_of
from .upload_sites import options, sha256


def presigned(site: Site, uploads: object, *arguments: str, user: str | None = None) -> list[dict[str, object]]:
    """The answers to the uploads of a batch."""
    answer = site.curl("-d", json.dumps(uploads), *arguments, site.at("/-/uploads"), **({"user": user} if user else {}))
    assert answer.status == 200, answer
    assert answer.headers["cache-control"] == "no-store"
    answers: list[dict[str, object]] = json.loads(answer.body)
    return answers


def test_a_batch_uploads_many_files_each_within_its_rule(upload_site: Site, store: Store, name: str) -> None:
    """A refused upload leaves the other uploads of the batch."""
    odd, checksum = f"/free/{name}%20a+b%25%2F%C3%BC", sha256(b"hello").split(": ")
    uploads = [
        {"path": odd, "headers": {"Content-Type": "text/plain", "If-None-Match": "*"}},
        {"path": f"/sized/{name}", "size": 5},
        {"path": f"/sized/{name}", "size": 11},
        {"path": f"/typed/{name}", "headers": {"Content-Type": "image/png"}},
        {"path": f"/summed/{name}", "headers": {checksum[0]: checksum[1]}},
        {"path": f"/free/{name}", "headers": {"x-amz-acl": "public-read"}},
        {"path": "/free/../a"},
    ]
    answers = presigned(upload_site, uploads)
    assert [answer["status"] for answer in answers] == [200, 200, 413, 415, 200, 400, 400]
    for answer in answers:
        if answer["status"] == 200:
            headers = answer["headers"]
            assert isinstance(headers, dict)
            fields = [f"{header}: {value}" for header, value in headers.items()]
            sent = upload_site.curl("-T", upload_site.file(b"hello"), *options(fields), f"{answer['url']}", user=None)
            assert sent.status == 200, sent
    keys = [f"tenant/free/{name} a+b%/ü", f"tenant/sized/{name}", f"tenant/summed/{name}"]
    for key in keys:
        assert client_of(store).get_object(Bucket=store.bucket, Key=key)["Body"].read() == b"hello"


@pytest.mark.usefixtures("unchanged")
def test_a_batch_that_no_client_should_send_is_refused_as_a_whole(upload_site: Site) -> None:
    good = {"path": "/free/a"}
    for body in (
        *(b"", b"{}", b"[]", b"[1]", b"\xff", b"[" * 100_000),
        *(
            json.dumps([good, {"path": path}]).encode()
            for path in ("/-/token", "/%2D/token", "/a/", "/a%2F", "/a?link")
        ),
        *(json.dumps([good, item | good]).encode() for item in ({"method": "DELETE"}, {"size": -1}, {"size": True})),
        *(json.dumps([{**good, "headers": {name: "x"}}]).encode() for name in ("Authorization", "Cookie", "Origin")),
        json.dumps([good] * 101).encode(),
        json.dumps([{"path": "/" + "a" * 500_000}]).encode(),
    ):
        answer = upload_site.curl("--data-binary", f"@{upload_site.file(body)}", upload_site.at("/-/uploads"))
        assert (answer.status, answer.code) == (400, "bad-request"), body[:80]
    assert upload_site.curl(upload_site.at("/-/uploads")).status == 405
    assert [each["status"] for each in presigned(upload_site, [good], user="ci:wrong")] == [401]
