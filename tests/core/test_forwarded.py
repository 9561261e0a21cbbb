"""What is passed on to S3 is what the contract names, per method, and nothing that goes past the rules."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import forwarded
from chalicelib.core.problems import BadHeader, BadParameter
from tests.builders import path, request

OVERRIDES = {
    f"response-{name}": f"x/{name}"
    for name in (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    )
}
UNKNOWN = {"v": "42", "presign": "", "response-location": "x", "Response-Content-Type": "x", "versionid": "x"}
UNKNOWN |= {"X-Amz-Signature": "x", "X-Amz-Expires": "9", "acl": "", "tagging": "", "x-id": "GetObject", "token": "x"}

# RFC 6266 §4.1 with RFC 8187's ext-value; the plain name without what browsers read differently.
DISPOSITION = re.compile(
    r"attachment; filename=\"(?P<plain>[^\"\\%\x00-\x1f\x7f-\U0010ffff]+)\""
    r"(?:; filename\*=UTF-8''(?P<extended>(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+))?"
)


@pytest.mark.parametrize(
    ("method", "passed"),
    [
        ("GET", OVERRIDES | {"versionId": "v1"}),
        ("HEAD", OVERRIDES | {"versionId": "v1"}),
        ("DELETE", {"versionId": "v1"}),
        ("PUT", {}),
    ],
)
def test_the_query_passed_on_is_the_one_the_method_understands(method: str, passed: dict[str, str]) -> None:
    asked = request(method, query=OVERRIDES | UNKNOWN | {"versionId": "v1"})
    assert forwarded.query(asked, path("/a.txt")) == passed
    assert forwarded.query(request(method, query=UNKNOWN), path("/a.txt")) == {}


@pytest.mark.parametrize("name", ["versionId", "response-content-type", "download"])
@pytest.mark.parametrize("odd", ["\r\n", "\0", "a\tb", "\x7f", "\x85", "\ud800"])
def test_a_parameter_that_cannot_be_sent_is_refused(name: str, odd: str) -> None:
    with pytest.raises(BadParameter) as refused:
        forwarded.query(request(query={name: f"canary{odd}"}), path("/a.txt"))
    assert (refused.value.status, refused.value.code, refused.value.name) == (400, "bad-parameter", name)
    assert "canary" not in refused.value.detail


def saved_as(name: str, on: str = "/a.txt", method: str = "GET") -> str:
    """The name under which a browser saves a `?download`."""
    query = forwarded.query(request(method, query={"download": name}), path(on))
    found = DISPOSITION.fullmatch(query["response-content-disposition"])
    assert found
    assert found["extended"] or found["plain"] != "*"
    return unquote(found["extended"], errors="strict") if found["extended"] else found["plain"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a.txt",
            "a b.txt",
            'a"b',
            "100%",
            "%41.txt",
            "ü.txt",
            "日本.txt",
            "📁",
            "a;b=c",
            "it's",
            "a,b",
            "(1)",
            "a*b",
        ),
        *(".hidden", "a+b", " ", "~", "filename*=UTF-8''x", '"; filename="b', "\u00a0", "\u202egpj.exe"),
    ],
)
def test_a_download_is_saved_under_the_name_it_is_given(name: str) -> None:
    assert saved_as(name) == name


def test_an_old_client_is_given_a_plain_name_beside_the_real_one() -> None:
    query = forwarded.query(request(query={"download": 'a "ü"%.txt'}), path("/a"))
    assert query == {
        "response-content-disposition": "attachment; filename=\"a ____.txt\"; filename*=UTF-8''a%20%22%C3%BC%22%25.txt"
    }


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\"), min_size=1, max_size=30))
def test_a_download_is_saved_under_any_name(name: str) -> None:
    assert saved_as(name) == name


@pytest.mark.parametrize(
    ("on", "name"),
    [("/a.txt", "a.txt"), ("/a/b/ü 1.txt", "ü 1.txt"), ("/a//b", "b"), ('/a/q"uote', 'q"uote'), ("/a\\b", "a\\b")],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_download_without_a_name_is_saved_under_that_of_the_key(on: str, name: str, method: str) -> None:
    assert saved_as("", on, method) == name


@pytest.mark.parametrize("name", ["a/b", "/", "../a", "a\\b", "..\\a"])
def test_the_name_of_a_download_has_no_folders(name: str) -> None:
    with pytest.raises(BadParameter, match=r"^\?download: .* slash"):
        saved_as(name)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_only_what_is_read_can_be_downloaded(method: str) -> None:
    assert forwarded.query(request(method, query={"download": "a.txt"}), path("/a.txt")) == {}


def test_a_download_decides_over_a_disposition() -> None:
    query = {"download": "b.txt", "response-content-disposition": "inline"}
    found = forwarded.query(request(query=query), path("/a.txt"))
    assert found == {"response-content-disposition": 'attachment; filename="b.txt"'}


SIGNED = {
    "x-amz-meta-a": "1",
    "x-amz-meta-b_c.d": "two words",
    "x-amz-checksum-sha256": "kgEFoU==",
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-tagging": "a=b&c=d",
    "x-amz-storage-class": "STANDARD_IA",
}
OURS = {"x-amz-date": "20260101T000000Z", "x-amz-security-token": "t", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
NOT_OURS = {"x-amz-cf-id": "CloudFront's", "x-amzn-trace-id": "Root=1-x", "x-amzn-tls-version": "TLSv1.3"}
CLIENTS = {"host": "a", "range": "bytes=0-1", "if-modified-since": "x", "content-type": "a/b", "authorization": "x"}
CONDITIONS = {"if-match": '"e"', "if-none-match": "*"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_the_headers_signed_are_those_that_the_client_repeats_and_s3_demands(method: str) -> None:
    asked = request(method, headers=SIGNED | OURS | NOT_OURS | CLIENTS | CONDITIONS)
    assert forwarded.headers(asked) == SIGNED | (CONDITIONS if method == "PUT" else {})


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "name",
    [
        "x-amz-copy-source",
        "x-amz-copy-source-range",
        "x-amz-copy-source-if-match",
        "x-amz-rename-source",
        "x-amz-acl",
        "x-amz-grant-read",
        "x-amz-grant-full-control",
        "x-amz-bypass-governance-retention",
    ],
)
def test_a_header_that_goes_past_the_rules_is_refused(method: str, name: str) -> None:
    with pytest.raises(BadHeader, match="access rules") as refused:
        forwarded.headers(request(method, headers={name: "canary"}))
    assert (refused.value.status, refused.value.code, refused.value.name) == (400, "bad-header", name)
    assert "canary" not in refused.value.detail


@pytest.mark.parametrize("name", ["x-amz-meta-a", "if-match", "if-none-match"])
@pytest.mark.parametrize("odd", ["\r\nhost: evil", "\n", "\r", "\0", "\x7f", "ü", "\u2028", "\ud800"])
def test_a_value_that_cannot_be_signed_is_refused(name: str, odd: str) -> None:
    with pytest.raises(BadHeader) as refused:
        forwarded.headers(request("PUT", headers={name: f"canary{odd}"}))
    assert (refused.value.status, refused.value.code) == (400, "bad-header")
    assert "canary" not in refused.value.detail


@pytest.mark.parametrize("name", ["x-amz-meta-a b", "x-amz-meta-ü", "x-amz-meta-a:b", "x-amz-meta-a\n", "x-amz-\ud800"])
def test_a_name_that_cannot_be_signed_is_refused_in_ascii(name: str) -> None:
    with pytest.raises(BadHeader) as refused:
        forwarded.headers(request("PUT", headers={name: "1"}))
    assert refused.value.detail.isascii()
    assert refused.value.detail.isprintable()
