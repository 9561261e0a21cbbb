"""S3Versions: the requests to S3, and the results of S3's answers. A stub answers in place of S3."""

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.backends.s3_clients import S3Clients
from chalicelib.backends.s3_versions import S3Versions
from chalicelib.core.ports import ListedKeys
from chalicelib.core.web.problems.base import BadRequest, NotFound, NotOffered, Problem, Unavailable
from tests.support.aws_stub import AwsStub
from tests.support.builders import mount, soon, target

WRITTEN = "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
ENTRY = "<{0}><Key>{1}</Key><VersionId>{2}</VersionId><IsLatest>{3}</IsLatest>" + WRITTEN + "{4}</{0}>"
CONTENT = "<ETag>&quot;e&quot;</ETag><Size>1</Size>"
ENTRIES = [
    ENTRY.format("Version", "d/a", "v4", "true", CONTENT),
    ENTRY.format("DeleteMarker", "d/a", "v3", "false", ""),
    ENTRY.format("Version", "d/a", "v2", "false", CONTENT),
    ENTRY.format("DeleteMarker", "d/a", "v1", "false", ""),
    ENTRY.format("DeleteMarker", "d/z", "v1", "true", ""),
    "<CommonPrefixes><Prefix>d/dir/</Prefix></CommonPrefixes>",
]


def answer(*entries: str) -> bytes:
    truncated = "<IsTruncated>false</IsTruncated>"
    return f"<ListVersionsResult>{truncated}{''.join(entries)}</ListVersionsResult>".encode()


class S3:
    """All calls of S3Versions, and the stub that answers."""

    def __init__(self) -> None:
        self.versions = S3Versions(S3Clients(retries={"total_max_attempts": 1}))  # a test need not wait for retries
        self.lists = AwsStub(self.versions._clients.of(mount()))
        copying = self.versions._copying.of(mount())
        self.copies = AwsStub(copying)
        self.answer_to_copy = 200, b""
        copying.meta.events.register("before-call.s3.CopyObject", self._change_answer)

    def list(self, after: str = "", version: str = "") -> ListedKeys:
        return self.versions.list(target("d/"), soon(), after=after, version=version, limit=7)

    def _change_answer(self, **_: object) -> None:
        self.copies.status, self.copies.body = self.answer_to_copy

    def restore(self, *, is_versioned: bool = True, status: int = 200, body: str = "") -> str | None:
        """Answer GetBucketVersioning, and then CopyObject with a status and a body."""
        self.copies.requests.clear()
        versioning = f"<R><Status>{'Enabled' if is_versioned else 'Suspended'}</Status></R>"
        self.copies.status, self.copies.headers = 200, {"x-amz-version-id": "new"}
        self.copies.body = versioning.encode()
        self.answer_to_copy = status, body.encode()
        return self.versions.restore(target("é +"), "v1", '"e"', soon())


@pytest.fixture(autouse=True)
def role(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ACCESS_KEY_ID", "AKID")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def test_versions_of_one_second_stay_in_the_order_of_s3() -> None:
    s3 = S3()
    s3.lists.body = answer(*ENTRIES)
    keys, is_last = s3.list()
    assert is_last
    shown = [(key.key, key.version and (key.version.id, key.version.is_latest, key.version.is_deleted)) for key in keys]
    assert shown == [
        ("d/a", ("v4", True, False)),
        ("d/a", ("v3", False, True)),
        ("d/a", ("v2", False, False)),
        ("d/a", ("v1", False, True)),
        ("d/dir/", None),
        ("d/z", ("v1", True, True)),
    ]
    assert [(key.size, key.etag) for key in keys[:2]] == [(1, '"e"'), (0, "")]


def test_a_listing_continues_after_a_version_a_key_or_a_directory() -> None:
    s3 = S3()
    s3.lists.body = answer()
    for after, version, markers in (
        ("", "", {}),
        ("d/a", "v2", {"key-marker": "d/a", "version-id-marker": "v2"}),
        ("d/a", "", {"key-marker": "d/a"}),
        ("d/dir/", "", {"key-marker": "d/dir/\U0010fffd"}),
    ):
        s3.list(after, version)
        query = dict(parse_qsl(urlsplit(s3.lists.requests[-1].url).query))
        asked = {"prefix": "d/", "delimiter": "/", "max-keys": "7", "encoding-type": "url"}
        assert query == asked | markers


def test_any_answer_is_a_listing_or_a_problem() -> None:
    """Parts of an answer that are missing, doubled or broken never become another exception."""
    s3 = S3()

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(ENTRIES), max_size=3), st.binary(max_size=60), st.data())
    def check(entries: list[str], garbage: bytes, data: st.DataObject) -> None:
        whole = answer(*entries)
        at = data.draw(st.integers(0, len(whole)))
        end = data.draw(st.integers(at, len(whole)))
        s3.lists.status = data.draw(st.sampled_from([200, 200, 403, 404, 501]))
        s3.lists.body = whole[:at] + garbage + whole[end:]
        with suppress(Unavailable):
            assert all(key.key > "d/" for key in s3.list("d/").keys)

    check()


def test_a_copy_is_sent_once_with_the_version_that_was_checked_and_without_tags() -> None:
    s3 = S3()
    result = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"
    assert s3.restore(body=result) == "new"
    versioning, copy = s3.copies.requests
    assert versioning.url.endswith("?versioning")
    sent: Mapping[str, str] = {
        name: value for name, value in copy.headers.items() if "copy" in name or "directive" in name
    }
    assert (copy.method, sent) == (
        "PUT",
        {
            "x-amz-copy-source": "acme-files/%C3%A9%20%2B?versionId=v1",
            "x-amz-copy-source-if-match": '"e"',
            "x-amz-tagging-directive": "REPLACE",
        },
    )


def test_a_copy_that_s3_does_not_confirm_is_a_problem_and_is_not_repeated() -> None:
    """S3 can answer 200 with an error (S3 API Reference, CopyObject)."""
    s3 = S3()
    error = "<Error><Code>{}</Code><Message>m</Message></Error>"
    for status, body, expected in (
        (200, error.format("InternalError"), Unavailable),
        (200, "", Unavailable),
        (200, "<CopyObjectResult/>", Unavailable),
        (200, "<html>A proxy's page", Unavailable),
        (503, error.format("SlowDown"), Unavailable),
        (403, error.format("AccessDenied"), Unavailable),
        (403, error.format("InvalidObjectState"), NotOffered),
        (404, error.format("NoSuchVersion"), NotFound),
        (404, error.format("NoSuchBucket"), Unavailable),
        (400, error.format("InvalidRequest"), BadRequest),
        (412, error.format("PreconditionFailed"), Unavailable),
    ):
        with pytest.raises(Problem) as refused:
            s3.restore(status=status, body=body)
        assert type(refused.value) is expected, (status, body)
        assert len(s3.copies.requests) == 2
    with pytest.raises(NotOffered):
        s3.restore(is_versioned=False)
