"""S3 gets the parameters and headers that the contract names for a call, and none that avoids the rules."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.access.link_tokens import Link
from chalicelib.core.access.principals import ANYONE
from chalicelib.core.access.rules import Rule, RuleSet
from chalicelib.core.s3 import passthrough
from chalicelib.core.web.multipart_parameters import ABORT, COMPLETE, CREATE, LIST, PARAMETERS, PART
from chalicelib.core.web.problems.base import BadHeader, BadParameter, NotOffered
from tests.support.builders import allow, path, request

_OVERRIDDEN = "cache-control content-disposition content-encoding content-language content-type expires"
OVERRIDES = {f"response-{name}": f"x/{name}" for name in _OVERRIDDEN.split()}
UNKNOWN = {"v": "42", "presign": "", "response-location": "x", "Response-Content-Type": "x", "versionid": "x"}
UNKNOWN |= {"X-Amz-Signature": "x", "X-Amz-Expires": "9", "acl": "", "tagging": "", "x-id": "GetObject", "token": "x"}

# RFC 6266 §4.1 with RFC 8187's ext-value; the plain name without what browsers read differently.
DISPOSITION = re.compile(
    r"attachment; filename=\"(?P<plain>[^\"\\%\x00-\x1f\x7f-\U0010ffff]+)\""
    r"(?:; filename\*=UTF-8''(?P<extended>(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+))?"
)


def query(query: Mapping[str, str], on: str = "/a.txt", method: str = "GET", step: str | None = None) -> dict[str, str]:
    """The parameters that are passed on."""
    return passthrough.query(request(method, query=query), path(on), step)


def saved_as(name: str, on: str = "/a.txt", method: str = "GET") -> str:
    """The name under which a browser saves a `?download`."""
    match = DISPOSITION.fullmatch(query({"download": name}, on, method)["response-content-disposition"])
    assert match
    return unquote(match["extended"], errors="strict") if match["extended"] else match["plain"]


def test_each_method_passes_on_the_parameters_that_s3_defines() -> None:
    version = {"versionId": "v1"}
    for method, passed in [
        *((method, OVERRIDES | version) for method in ("GET", "HEAD")),
        *(("DELETE", version), ("PUT", {})),
    ]:
        assert query(OVERRIDES | UNKNOWN | version, method=method) == passed
        assert query(UNKNOWN, method=method) == {}


def test_a_parameter_that_cannot_be_sent_is_refused() -> None:
    for name in ("versionId", "response-content-type", "download"):
        for odd in ("\r\n", "\0", "a\tb", "\x7f", "\x85", "\ud800"):
            with pytest.raises(BadParameter) as refused:
                query({name: f"canary{odd}"})
            assert (refused.value.status, refused.value.code, refused.value.name) == (400, "bad-parameter", name)
            assert "canary" not in refused.value.detail


def test_an_override_outside_latin_1_is_refused_in_favour_of_a_download() -> None:
    """AWS answers `Header value cannot be represented using ISO-8859-1.` with 400."""
    for name in OVERRIDES:
        with pytest.raises(BadParameter, match=r"\?download=NAME") as refused:
            query({name: 'inline; filename="\u0142"'})
        assert refused.value.name == name
        latin = {name: 'inline; filename="\xe9\xff"'}
        assert query(latin) == latin


def test_a_long_parameter_is_refused() -> None:
    for name, limit in (("download", 255), ("versionId", 1_024), *((name, 1_024) for name in OVERRIDES)):
        for char in ("a", "\xe9"):
            longest = char * (limit // len(char.encode()))
            assert query({name: longest})
            with pytest.raises(BadParameter, match="shorter") as refused:
                query({name: longest + "aa"})
            assert refused.value.name == name


def test_a_call_of_an_upload_in_parts_passes_on_its_own_parameters() -> None:
    upload = {"uploadId": "u", "partNumber": "1", "max-parts": "9", "part-number-marker": "8"}
    upload |= {"uploads": "", "download": "x", "versionId": "v", "response-expires": "x"}
    for method, step in STEPS:
        passed = query(upload, method=method, step=step)
        assert passed == {name: upload[name] for name in PARAMETERS[step]}
        for name in passed:
            for odd in ("\ud800", "\n", "\0", "u" * 1_025):
                with pytest.raises(BadParameter):
                    query(upload | {name: odd}, method=method, step=step)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\"), min_size=1, max_size=30))
def test_a_download_is_saved_under_any_name(name: str) -> None:
    assert saved_as(name) == name


def test_a_download_is_saved_under_its_name_or_under_the_name_in_the_key() -> None:
    for name in ('a"b', "100%", "%41.txt", "a;b=c", "it's", "a*b", " ", "~", "filename*=UTF-8''x", '"; filename="b'):
        assert saved_as(name) == name
    for on, name in [("/a.txt", "a.txt"), ("/a/b/ü 1.txt", "ü 1.txt"), ("/a//b", "b"), ("/a\\b", "a\\b")]:
        assert saved_as("", on) == saved_as("", on, "HEAD") == name
    assert query({"download": 'a "ü"%.txt'}) == {
        "response-content-disposition": "attachment; filename=\"a ____.txt\"; filename*=UTF-8''a%20%22%C3%BC%22%25.txt"
    }
    attachment = {"response-content-disposition": "attachment"}
    assert query({"download": ""}, "/" + "\u65e5" * 86) == attachment  # a browser shortens a name that is too long


def test_the_name_of_a_download_has_no_folders() -> None:
    for name in ("a/b", "/", "../a", "a\\b", "..\\a"):
        with pytest.raises(BadParameter, match=r"^\?download: .* slash"):
            saved_as(name)


def test_a_download_wins_over_a_disposition_and_only_reads_can_be_downloads() -> None:
    both = {"download": "b.txt", "response-content-disposition": "inline"}
    assert query(both) == {"response-content-disposition": 'attachment; filename="b.txt"'}
    for method in ("PUT", "DELETE"):
        assert query({"download": "a.txt"}, method=method) == {}


SIGNED = {
    "x-amz-meta-a": "1",
    "x-amz-meta-b_c.d": "two words",
    "x-amz-checksum-sha256": "kgEFoU==",
    "x-amz-checksum-of-tomorrow": "1",
    "x-amz-sdk-checksum-algorithm": "SHA256",
    "x-amz-mp-object-size": "5",
    "x-amz-expected-bucket-owner": "123456789012",
    "x-amz-server-side-encryption": "aws:kms",
}
OURS = {"x-amz-date": "20260101T000000Z", "x-amz-security-token": "t", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
NOT_OURS = {"x-amz-cf-id": "CloudFront's", "x-amzn-trace-id": "Root=1-x", "x-amzn-tls-version": "TLSv1.3"}
NOT_OURS |= {"x-amz-source-account": "1", "x-amz-source-arn": "arn:aws:cloudfront::1:distribution/E"}
CLIENTS = {"host": "a", "range": "bytes=0-1", "if-modified-since": "x", "content-type": "a/b", "authorization": "x"}
CONDITIONS = {"if-match": '"e"', "if-none-match": "*"}

# Headers of today, a header of the future, and names that only look like a signed or an ignored header.
REFUSED = [
    *("acl", "copy-source", "copy-source-range", "copy-source-if-match", "rename-source", "grant-read"),
    *("grant-full-control", "tagging", "bypass-governance-retention", "object-lock-mode"),
    *("object-lock-legal-hold", "object-lock-event-hold", "write-offset-bytes", "website-redirect-location"),
    *("storage-class", "request-payer", "mfa", "version-id", "of-tomorrow", "meta", "checksum", "dates"),
    *("date-x", "cf", "server-side-encryption-aws-kms-key-id", "server-side-encryption-customer-key"),
    *("expected-bucket-owner-x", "decoded-content-length", "source", "security-token-x"),
]

EVERYTHING = allow("/**", "read write delete")
NAMED = EVERYTHING._replace(
    pass_headers=("x-amz-tagging", "x-amz-server-side-encryption-customer-key"),
    require_headers=(("x-amz-storage-class", "STANDARD_IA"), ("cache-control", "private")),
)
STEPS = [("POST", CREATE), ("PUT", PART), ("POST", COMPLETE), ("GET", LIST), ("DELETE", ABORT)]
CALLS = [("GET", None), ("HEAD", None), ("PUT", None), ("DELETE", None), *STEPS]


def headers(
    method: str, fields: Mapping[str, str], rule: Rule = EVERYTHING, step: str | None = None, link: Link | None = None
) -> dict[str, str]:
    """The headers that are signed."""
    action = "write" if step or method == "PUT" else "delete" if method == "DELETE" else "read"
    grant = RuleSet([rule]).authorize(ANYONE, action, path("/a"))._replace(link=link)
    return passthrough.headers(request(method, headers=fields), grant, step)


def test_the_headers_that_s3_defines_for_the_call_are_signed() -> None:
    for method, step in CALLS:
        conditions = CONDITIONS if (method, step) in [("PUT", None), ("POST", COMPLETE)] else {}
        assert headers(method, SIGNED | OURS | NOT_OURS | CLIENTS | CONDITIONS, step=step) == SIGNED | conditions


def test_every_other_header_of_amazon_is_refused() -> None:
    for method, step in CALLS:
        for name in REFUSED:
            with pytest.raises(BadHeader, match="Leave it out") as refused:
                headers(method, {f"x-amz-{name}": "canary"}, step=step)
            assert (refused.value.status, refused.value.code) == (400, "bad-header")
            assert refused.value.name == f"x-amz-{name}"
            assert "canary" not in refused.value.detail


def test_a_rule_lets_through_the_headers_that_it_names_and_no_others() -> None:
    passed = dict.fromkeys(NAMED.pass_headers, "x")
    demanded = {"x-amz-storage-class": "STANDARD_IA"}
    for method, step in CALLS:
        assert headers(method, passed, NAMED, step) == passed
        if (method, step) in [("PUT", None), ("POST", CREATE)]:  # `upload_limits` checks the value only there
            assert headers(method, demanded, NAMED, step) == demanded
        else:
            with pytest.raises(BadHeader):
                headers(method, demanded, NAMED, step)
        for name in {*REFUSED} - {"tagging", "server-side-encryption-customer-key", "storage-class"}:
            with pytest.raises(BadHeader):
                headers(method, {f"x-amz-{name}": "x"}, NAMED, step)


def test_no_rule_lets_a_header_through_for_a_link() -> None:
    for action in ("read", "write"):
        link = Link("i", path("/a"), action, 0, 9, b"")
        for method, step in CALLS:
            for name in (*NAMED.pass_headers, "x-amz-storage-class"):
                with pytest.raises((BadHeader, NotOffered)):
                    headers(method, {name: "STANDARD_IA"}, NAMED, step, link)
            assert headers(method, SIGNED, EVERYTHING._replace(pass_headers=NAMED.pass_headers), step, link) == SIGNED
    for method, step in (("PUT", None), ("POST", CREATE)):  # a link cannot send the header that the rule demands
        with pytest.raises(NotOffered, match="API key"):
            headers(method, {}, NAMED, step, link)
    kept = EVERYTHING._replace(require_headers=(("x-amz-meta-a", "1"), ("cache-control", "private")))
    assert headers("PUT", {"x-amz-meta-a": "1"}, kept, None, link) == {"x-amz-meta-a": "1"}


def test_a_header_that_cannot_be_signed_is_refused_in_ascii() -> None:
    for name in ("x-amz-meta-a", "if-match", "if-none-match"):
        for odd in ("\r\nhost: evil", "\n", "\r", "\0", "\x7f", "ü", "\u2028", "\ud800"):
            with pytest.raises(BadHeader) as refused:
                headers("PUT", {name: f"canary{odd}"})
            assert (refused.value.status, refused.value.code) == (400, "bad-header")
            assert "canary" not in refused.value.detail
    for name in ("x-amz-meta-a b", "x-amz-meta-ü", "x-amz-meta-a:b", "x-amz-meta-a\n", "x-amz-\ud800"):
        with pytest.raises(BadHeader) as refused:
            headers("PUT", {name: "1"})
        assert refused.value.detail.isascii()
        assert refused.value.detail.isprintable()
